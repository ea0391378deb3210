"""XuanCe's form of the environment: what its `make_envs` builds from a configuration."""

from argparse import Namespace
from typing import Any

import numpy as np
from xuance.environment import RawMultiAgentEnv  # pyright: ignore[reportMissingImports] - wants NumPy 1, so only its example installs it

from multicell_env.adapters.flat import flat_env


class XuanceEnv(RawMultiAgentEnv):
    """A `FlatEnv` for XuanCe. Put it in `xuance.environment.REGISTRY_MULTI_AGENT_ENV` under a name and give that as `env_name`.

    Args:
        config: XuanCe's configuration. Its `env_seed` is the seed of the first block, and its `env_arguments`, a dict, where there is one,
            are what `flat_env` takes.
    """

    def __init__(self, config: Namespace) -> None:
        super().__init__()
        self.env = flat_env(**getattr(config, "env_arguments", {}))
        self.render_mode = self.env.render_mode
        self.agents = list(self.env.possible_agents)  # the environment's own list empties at a block's end
        self.num_agents = len(self.agents)
        self.agent_groups = [self.agents]
        self.observation_space, self.action_space = self.env.observation_spaces, self.env.action_spaces
        self.state_space = self.env.state_space
        self.max_episode_steps = self.env.env.config.num_steps
        self._seed: int | None = config.env_seed

    def reset(self, **kwargs: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Begin a block."""
        seed, self._seed = self._seed, None
        return self.env.reset(**{"seed": seed, **kwargs})

    def step(
        self, action_dict: dict[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], dict[str, float], dict[str, bool], bool, dict[str, Any]]:
        """Play one slot. All base stations are truncated together, so XuanCe's one flag says it for all."""
        observations, rewards, terminations, truncations, infos = self.env.step(action_dict)
        return observations, rewards, terminations, all(truncations.values()), infos

    def state(self) -> np.ndarray:
        """Global state, a vector."""
        return self.env.state()

    def avail_actions(self) -> None:
        """Every action is always there; XuanCe asks all the same."""

    def render(self, *args: Any, **kwargs: Any) -> Any:
        """As `MulticellEnv.render`."""
        return self.env.render()

    def close(self) -> None:
        """As `MulticellEnv.close`."""
        self.env.close()
