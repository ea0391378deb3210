"""The game as functions of arrays, and the environment on a torch device. Torch is imported only when the latter is used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multicell_env.tensors.vector_env import TorchVectorEnv

__all__ = ["TorchVectorEnv"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return import_module("multicell_env.tensors.vector_env").TorchVectorEnv
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{name} needs torch; got none ({error}). Install it: pip install torch.", name=error.name) from error


def __dir__() -> list[str]:
    return __all__
