"""Constructors of tasks' environments by id: `make`, `make_vec` and `make_aec`."""

from typing import Any

from pettingzoo.utils.conversions import parallel_to_aec
from pettingzoo.utils.env import AECEnv

from multicell_env.env import MulticellEnv
from multicell_env.observation import Observation
from multicell_env.tasks.registry import task_named
from multicell_env.tasks.single import TaskEnv
from multicell_env.tasks.vector import TaskVectorEnv


def make(name: str, *, observation: Observation = "gain", render_mode: str | None = None, **rules: Any) -> MulticellEnv:
    """Make the environment of a task, with PettingZoo's parallel API.

    Args:
        name: One of `multicell_env.tasks.TASKS`, such as "irregular-7-v0".
        observation: "gain", "csi" or "price".
        render_mode: None, "rgb_array", "ansi" or "human".
        **rules: Fields of `NetworkConfig` for negotiation and rewards, from `multicell_env.tasks.task.RULES`.

    Raises:
        ValueError: there is no such task, or a given field is fixed by the task.
        TypeError: an argument that does not exist.
    """
    return TaskEnv(task_named(name), observation=observation, render_mode=render_mode, **rules)


def make_vec(name: str, num_envs: int, *, observation: Observation = "gain", num_threads: int = 1, **rules: Any) -> TaskVectorEnv:
    """Make a vectorised environment of a task, with Gymnasium's vector interface. Environment i equals `make(name)` with its seed.

    Args:
        name: One of `multicell_env.tasks.TASKS`.
        num_envs: Number of environments, E.
        observation: "gain", "csi" or "price".
        num_threads: Threads that share the environments of a network. Results do not depend on it.
        **rules: `autoreset_mode` as for `MulticellVectorEnv`, and as for `make`.

    Raises:
        ValueError, TypeError: as for `make`.
    """
    return TaskVectorEnv(num_envs, task_named(name), observation=observation, num_threads=num_threads, **rules)


def make_aec(name: str, *, observation: Observation = "gain", render_mode: str | None = None, **rules: Any) -> AECEnv:
    """Make the environment of a task, with PettingZoo's agent-environment-cycle API. Arguments and errors as for `make`."""
    parallel: Any = make(name, observation=observation, render_mode=render_mode, **rules)
    return parallel_to_aec(parallel)
