"""Environments of tasks by their ids: single ones, many in one, and PettingZoo's other API."""

from typing import Any

from pettingzoo.utils.conversions import parallel_to_aec
from pettingzoo.utils.env import AECEnv

from multicell_env.env import MulticellEnv
from multicell_env.observation import Observation
from multicell_env.tasks.registry import task_named
from multicell_env.tasks.single import TaskEnv
from multicell_env.tasks.vector import TaskVectorEnv


def make(name: str, *, observation: Observation = "gain", render_mode: str | None = None, **rules: Any) -> MulticellEnv:
    """The environment of a task in PettingZoo's parallel API.

    Args:
        name: One of `multicell_env.tasks.TASKS`, such as "irregular-7-v0".
        observation: "gain", "csi" or "price".
        render_mode: None, "rgb_array", "ansi" or "human".
        **rules: How base stations negotiate and what they are rewarded with, of `multicell_env.tasks.task.RULES`.

    Raises:
        ValueError: there is no such task, or something is given that the task fixes.
        TypeError: an argument that does not exist.
    """
    return TaskEnv(task_named(name), observation=observation, render_mode=render_mode, **rules)


def make_vec(name: str, num_envs: int, *, observation: Observation = "gain", num_threads: int = 1, **rules: Any) -> TaskVectorEnv:
    """Many environments of a task in one, with Gymnasium's vector interface; environment i is `make(name)` of the same seed.

    Args:
        name: One of `multicell_env.tasks.TASKS`.
        num_envs: How many.
        observation: "gain", "csi" or "price".
        num_threads: Threads that share the environments of a network.
        **rules: `autoreset_mode` as for `MulticellVectorEnv`, and as for `make`.

    Raises:
        ValueError, TypeError: as for `make`.
    """
    return TaskVectorEnv(num_envs, task_named(name), observation=observation, num_threads=num_threads, **rules)


def make_aec(name: str, *, observation: Observation = "gain", render_mode: str | None = None, **rules: Any) -> AECEnv:
    """The environment of a task in PettingZoo's agent-environment-cycle API. Arguments and errors as for `make`."""
    parallel: Any = make(name, observation=observation, render_mode=render_mode, **rules)
    return parallel_to_aec(parallel)
