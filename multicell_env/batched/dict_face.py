"""A vectorised environment with its arrays by agent."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from jaxtyping import Float

from multicell_env.config_checks import as_array


class DictFace:
    """A view of a `MulticellVectorEnv` with dicts of arrays `{agent: array[env, ...]}`, without padded users.

    Args:
        env: The environments. A step of the view is a step of `env`.
    """

    def __init__(self, env: Any) -> None:
        self.env = env
        self.num_envs = env.num_envs
        self.metadata = env.metadata
        self.possible_agents = list(env.possible_agents)
        self.agents = list(env.possible_agents)
        self.action_spaces, self.observation_spaces = dict(env.action_spaces), dict(env.observation_spaces)
        self.state_space = env.single_state_space
        self._users = dict(zip(self.agents, env.config.slot_network.users_per_cell.tolist(), strict=True))
        self._all_users = dict(zip(self.agents, env.config.users_per_cell.tolist(), strict=True))

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        """As `MulticellVectorEnv.reset`; observations and infos are by agent."""
        observations, infos = self.env.reset(seed=seed, options=options)
        return self._by_agent(observations), self._infos(infos)

    def step(
        self, actions: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        """As `MulticellVectorEnv.step`, with all arguments and results by agent.

        Args:
            actions: One array `[env, ..., band, user]` for each agent.

        Returns:
            Observations `[env, plane, band, user]`, rewards `[env]` in bit/s/Hz, terminations `[env]`, truncations `[env]` and infos.

        Raises:
            RuntimeError: an environment has no block, or its block has ended.
            ValueError: a missing or unknown agent, a wrong shape, NaN or infinity. The environments are then unchanged.
        """
        if not isinstance(actions, Mapping) or set(actions) != set(self.agents):
            raise ValueError(f"actions must have one entry for each of {self.agents}; got {actions!r:.200}. Give one for each agent.")
        config = self.env.config.slot_network
        stacked = np.zeros((self.num_envs, config.num_cells, *config.action_shape(config.max_users)))
        for cell, (agent, users) in enumerate(self._users.items()):
            shape = (self.num_envs, *config.action_shape(users))
            own = as_array(actions[agent], f"the actions of {agent}", shape)
            if own.shape != shape or own.dtype.kind not in "fiub":
                raise ValueError(
                    f"the actions of {agent} must be real numbers [env, ..., band, user] of shape {shape}; got {own.dtype}, {own.shape}. "
                    f"Give {config.action_entries}."
                )
            stacked[:, cell, ..., :users] = own
        observations, rewards, terminations, truncations, infos = self.env.step(stacked)
        paid = {agent: rewards[:, cell] for cell, agent in enumerate(self.agents)}
        ended, over = ({agent: flags.copy() for agent in self.agents} for flags in (terminations, truncations))
        return self._by_agent(observations), paid, ended, over, self._infos(infos)

    def observation_space(self, agent: str) -> Box:
        """Space of one agent's observations in one environment."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Box:
        """Space of one agent's actions in one environment."""
        return self.action_spaces[agent]

    def state(self) -> Float[np.ndarray, "env cell plane band user"]:
        """As `MulticellVectorEnv.state`."""
        return self.env.state()

    def close(self) -> None:
        """Close the environments."""
        self.env.close()

    def _by_agent(self, stacked: np.ndarray) -> dict[str, np.ndarray]:
        return {agent: stacked[:, cell, ..., :users] for cell, (agent, users) in enumerate(self._users.items())}

    def _infos(self, infos: dict[str, Any]) -> dict[str, dict[str, Any]]:
        by_agent = {key: self._by_agent(infos[key]) for key in ("final_obs",) if key in infos}
        of_users = ("power", "blocked", "scheduled", "user_rates", "average_rates")
        return {
            agent: {
                **{key: arrays[agent] for key, arrays in by_agent.items()},
                **{key: infos[key][:, cell, ..., : self._all_users[agent]] for key in of_users if key in infos},
                "sum_rate": infos["sum_rate"][:, cell],
                **{key: infos[key].copy() for key in ("transmitted", "_final_obs") if key in infos},
            }
            for cell, agent in enumerate(self.agents)
        }
