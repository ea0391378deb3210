"""Adapters of the environment to other frameworks. Each one imports its framework only when it is used.

For networks that map vectors to vectors, `flat_env` defines a common convention: an observation is a vector, and an action is a vector in
[-1, 1], where -1 is no power and 1 is a user's whole budget. `flat_policy` converts a trained actor back to a policy for
`multicell_env.evaluation.compare`. `row_env` has one row for every base station of many environments, for learners of a single shared
policy; the adapters of most frameworks are based on it.

No other folder of the package imports this one.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multicell_env.adapters.flat import FlatEnv, flat_env, flat_policy
    from multicell_env.adapters.joint import CentralControllerEnv, joint_env, joint_policy
    from multicell_env.adapters.rows import RowEnv, row_env
    from multicell_env.adapters.sb3 import SB3VecEnv, sb3_vec_env
    from multicell_env.adapters.tianshou import TianshouVectorEnv, tianshou_env
    from multicell_env.adapters.torchrl import TorchRLEnv, TorchRLTensorEnv, torchrl_env, torchrl_policy, torchrl_tensor_env

_HOMES = {
    "FlatEnv": "flat",
    "flat_env": "flat",
    "flat_policy": "flat",
    "CentralControllerEnv": "joint",
    "joint_env": "joint",
    "joint_policy": "joint",
    "RowEnv": "rows",
    "row_env": "rows",
    "SB3VecEnv": "sb3",
    "sb3_vec_env": "sb3",
    "TianshouVectorEnv": "tianshou",
    "tianshou_env": "tianshou",
    "TorchRLEnv": "torchrl",
    "TorchRLTensorEnv": "torchrl",
    "torchrl_env": "torchrl",
    "torchrl_policy": "torchrl",
    "torchrl_tensor_env": "torchrl",
}

__all__ = [
    "CentralControllerEnv",
    "FlatEnv",
    "RowEnv",
    "SB3VecEnv",
    "TianshouVectorEnv",
    "TorchRLEnv",
    "TorchRLTensorEnv",
    "flat_env",
    "flat_policy",
    "joint_env",
    "joint_policy",
    "row_env",
    "sb3_vec_env",
    "tianshou_env",
    "torchrl_env",
    "torchrl_policy",
    "torchrl_tensor_env",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"multicell_env.adapters.{_HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{name} needs its framework; got none ({error}). Install what examples/requirements pins for it.", name=error.name
        ) from error


def __dir__() -> list[str]:
    return __all__
