"""Flat observations, and flat actions in [-1, 1], for frameworks whose networks map vectors to vectors."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from pettingzoo import ParallelEnv

from multicell_env.config import Action
from multicell_env.env import MulticellEnv

FlatActor = Callable[[str, np.ndarray], np.ndarray]
"""A function from an agent's name and its observations `[block, feature]` to its actions `[block, action]` in [-1, 1]."""


class FlatEnv(ParallelEnv[str, np.ndarray, np.ndarray]):
    """A `MulticellEnv` whose observations and actions are vectors.

    * Observation: the flattened planes, `[plane * band * user]`.
    * Action: `[band * user]` in [-1, 1]: twice the fraction of the user's budget minus 1, or its price multiplier. Finite values outside
      are clipped.
    * Reward: that of the environment over `reward_scale`.

    Args:
        env: The environment.
        reward_scale: Divisor of rewards. A cell's sum rate is some tens of bit/s/Hz, and many learners work best with rewards near 1.

    Raises:
        ValueError: `reward_scale` is not positive.
    """

    def __init__(self, env: MulticellEnv, *, reward_scale: float = 1.0) -> None:
        self.env = env
        self.reward_scale = checked_scale(reward_scale)
        self.metadata = env.metadata
        self.render_mode = env.render_mode
        self.config = env.config
        self.max_cycles = env.config.num_steps
        self.possible_agents = env.possible_agents
        self.agents: list[str] = []
        self.observation_spaces: dict[str, Any] = {agent: flat_box(env.observation_space(agent)) for agent in env.possible_agents}
        self.action_spaces: dict[str, Any] = {
            agent: Box(-1.0, 1.0, (int(np.prod(env.action_space(agent).shape or ())),), np.float32) for agent in env.possible_agents
        }
        self.state_space = flat_box(env.state_space)

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """As `MulticellEnv.reset`."""
        observations, infos = self.env.reset(seed=seed, options=options)
        self.agents = list(self.env.agents)
        return _rows(observations), infos

    def step(
        self, actions: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], dict[str, float], dict[str, bool], dict[str, bool], dict[str, Any]]:
        """As `MulticellEnv.step`."""
        shaped: Any = actions  # unchanged if invalid: the environment raises the error
        if isinstance(actions, Mapping):
            shaped = {agent: self._shaped(agent, action) for agent, action in actions.items()}
        observations, rewards, terminations, truncations, infos = self.env.step(shaped)
        self.agents = list(self.env.agents)
        scaled = {agent: reward / self.reward_scale for agent, reward in rewards.items()}
        return _rows(observations), scaled, terminations, truncations, infos

    def _shaped(self, agent: str, action: Any) -> Any:
        if agent not in self.action_spaces:
            return action  # the environment refuses it
        space, row = self.action_spaces[agent], np.asarray(action)
        if row.shape != space.shape or row.dtype.kind not in "fiub" or not np.isfinite(row).all():
            raise ValueError(
                f"the action of {agent} must be finite real numbers of shape {space.shape}; got {row.dtype} of shape {row.shape}"
                f"{' with NaN or infinity' if row.shape == space.shape and row.dtype.kind == 'f' else ''}. Give numbers in [-1, 1]."
            )
        return from_vectors(row, self.env.action_spaces[agent].shape or (), self.env.config.action)

    def observation_space(self, agent: str) -> Box:
        """Space of one agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Box:
        """Space of one agent's actions."""
        return self.action_spaces[agent]

    def state(self) -> np.ndarray:
        """Global state for centralised training, as a float32 vector."""
        return self.env.state().reshape(-1)

    def render(self) -> Any:
        """As `MulticellEnv.render`."""
        return self.env.render()

    def close(self) -> None:
        """As `MulticellEnv.close`."""
        self.env.close()


def flat_env(*, reward_scale: float = 1.0, **arguments: Any) -> FlatEnv:
    """A `FlatEnv` of a new environment, by default with the observation "gain".

    Args:
        reward_scale: Divisor of rewards.
        **arguments: As for `multicell_v0.parallel_env`.
    """
    return FlatEnv(MulticellEnv(**{"observation": "gain", **arguments}), reward_scale=reward_scale)


def flat_policy(
    act: FlatActor, *, padded: bool = False, action: Action = "powers"
) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """A policy for `multicell_env.evaluation.compare` from an actor of flat vectors.

    Args:
        act: Called once for each agent and slot with the agent's name and its observations on all blocks, `[block, feature]`. It returns
            actions `[block, action]` in [-1, 1]. A shared policy ignores the name.
        padded: Whether the actor was trained on padded vectors, as those of `row_env` if cells have different numbers of users.
        action: `NetworkConfig.action` of the network.
    """

    def policy(observations: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        most = max(planes.shape[-1] for planes in observations.values())
        actions = {}
        for agent, planes in observations.items():
            num_blocks, *_, num_bands, own_users = planes.shape
            num_users = most if padded else own_users
            flat = np.asarray(act(agent, pad_users(planes, num_users).reshape(num_blocks, -1)))
            if flat.ndim != 2 or len(flat) != num_blocks or flat.shape[1] not in (num_bands * num_users, 2 * num_bands * num_users):
                raise ValueError(
                    f"an actor must return [block, action], here ({num_blocks}, {num_bands * num_users}), or twice as many actions with "
                    f"damping_in_action; got {flat.shape} for {agent}. Return one row for each row of observations."
                )
            dampings = () if flat.shape[1] == num_bands * num_users else (2,)
            actions[agent] = from_vectors(flat, (num_blocks, *dampings, num_bands, num_users), action)[..., :own_users]
        return actions

    policy.batched = True  # type: ignore[attr-defined]
    return policy


def checked_scale(reward_scale: float) -> float:
    """The divisor of rewards as a float.

    Raises:
        ValueError: it is not a positive finite number.
    """
    if isinstance(reward_scale, bool) or not isinstance(reward_scale, int | float | np.number) or not 0 < reward_scale < np.inf:
        raise ValueError(f"reward_scale must be positive and finite; got {reward_scale!r}. Give for example 10.")
    return reward_scale


def flat_box(space: Box) -> Box:
    """A space with its bounds flattened to vectors."""
    return Box(space.low.reshape(-1), space.high.reshape(-1), dtype=np.float32)


def from_vectors(flat: np.ndarray, shape: tuple[int, ...], action: Action) -> np.ndarray:
    """Actions of the environment from vectors in [-1, 1]: fractions in [0, 1], or unchanged price multipliers."""
    return (flat if action == "price" else (flat + 1.0) / 2.0).reshape(shape)


def pad_users(planes: np.ndarray, num_users: int) -> np.ndarray:
    """Planes `[..., user]`, padded with zeros to `num_users` users."""
    missing = num_users - planes.shape[-1]
    return np.pad(planes, [(0, 0)] * (planes.ndim - 1) + [(0, missing)]) if missing else planes


def _rows(observations: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {agent: planes.reshape(-1) for agent, planes in observations.items()}
