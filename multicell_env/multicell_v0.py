"""Constructors by PettingZoo's convention: `multicell_v0.parallel_env()`, `multicell_v0.env()`, `multicell_v0.raw_env()`."""

from typing import Any

import pettingzoo
from pettingzoo.utils.conversions import parallel_to_aec, parallel_to_aec_wrapper
from pettingzoo.utils.env import AECEnv

from multicell_env.config import NetworkConfig
from multicell_env.env import MulticellEnv
from multicell_env.observation import Observation

__all__ = ["env", "parallel_env", "raw_env"]


def parallel_env(
    config: NetworkConfig | None = None,
    *,
    observation: Observation = "csi",
    render_mode: str | None = None,
    **overrides: Any,
) -> MulticellEnv:
    """Make the environment, with PettingZoo's parallel API; see `MulticellEnv`.

    Args:
        config: The network; the paper's (8, 4) network by default.
        observation: "csi", "gain" or "price".
        render_mode: None, "rgb_array", "ansi" or "human".
        **overrides: Fields of `NetworkConfig` to change; `channels`, a channel model or a pool of recorded channels; or `max_cycles`,
            PettingZoo's name for the number of steps.

    Raises:
        ValueError: a field breaks its rule, or as for `MulticellEnv`.
        TypeError: an argument that does not exist.
    """
    return MulticellEnv(config, observation=observation, render_mode=render_mode, **overrides)


def raw_env(
    config: NetworkConfig | None = None,
    *,
    observation: Observation = "csi",
    render_mode: str | None = None,
    **overrides: Any,
) -> AECEnv:
    """Make the environment with PettingZoo's agent-environment-cycle API, without wrappers. Arguments as for `parallel_env`."""
    parallel: Any = parallel_env(config, observation=observation, render_mode=render_mode, **overrides)
    return parallel_to_aec_wrapper(parallel)


def env(
    config: NetworkConfig | None = None,
    *,
    observation: Observation = "csi",
    render_mode: str | None = None,
    **overrides: Any,
) -> AECEnv:
    """Make the environment with PettingZoo's agent-environment-cycle API, which checks the order of calls. Arguments: `parallel_env`."""
    parallel: Any = parallel_env(config, observation=observation, render_mode=render_mode, **overrides)
    return parallel_to_aec(parallel)


# PettingZoo has a registry since version 1.26.
if hasattr(pettingzoo, "register"):
    pettingzoo.register("parallel", "multicell-v0", "multicell_env.multicell_v0:parallel_env")
    pettingzoo.register("aec", "multicell-v0", "multicell_env.multicell_v0:env")
