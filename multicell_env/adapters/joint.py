"""A centralised controller of all base stations as a single-agent Gymnasium environment."""

from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from multicell_env.adapters.flat import FlatEnv, flat_env, from_vectors
from multicell_env.config import Action


class CentralControllerEnv(gymnasium.Env[np.ndarray, np.ndarray]):
    """A single agent that observes and controls all base stations.

    * Observation: the concatenated vectors of all agents.
    * Action: the concatenated actions of all agents, in [-1, 1].
    * Reward: the mean of the agents' rewards, with `reward="cell"` the average cell capacity (19)/B over `reward_scale`.

    Args:
        env: The flat environment.
    """

    def __init__(self, env: FlatEnv) -> None:
        self.env = env
        self.metadata = dict(env.metadata)
        self.render_mode = env.render_mode
        observations = [env.observation_space(agent) for agent in env.possible_agents]
        self.observation_space = Box(
            np.concatenate([box.low for box in observations]), np.concatenate([box.high for box in observations]), dtype=np.float32
        )
        self._sizes = [env.action_space(agent).shape[0] for agent in env.possible_agents]
        self.action_space = Box(-1.0, 1.0, (sum(self._sizes),), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Start a block, and return the observation and infos."""
        super().reset(seed=seed)
        observations, infos = self.env.reset(seed=seed, options=options)
        return _joined(observations), infos

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Play one slot, or one round. Returns observation, reward, terminated, truncated and infos."""
        actions = dict(zip(self.env.possible_agents, np.split(action, np.cumsum(self._sizes)[:-1]), strict=True))
        observations, rewards, _, truncations, infos = self.env.step(actions)
        return _joined(observations), float(np.mean(list(rewards.values()))), False, all(truncations.values()), infos

    def render(self) -> Any:
        """As `MulticellEnv.render`."""
        return self.env.render()

    def close(self) -> None:
        """As `MulticellEnv.close`."""
        self.env.close()


def joint_env(*, reward_scale: float = 1.0, **arguments: Any) -> CentralControllerEnv:
    """A `CentralControllerEnv` of a new environment, by default with the observation "gain".

    Args:
        reward_scale: Divisor of rewards.
        **arguments: As for `multicell_v0.parallel_env`.
    """
    return CentralControllerEnv(flat_env(reward_scale=reward_scale, **arguments))


def joint_policy(
    act: Callable[[np.ndarray], np.ndarray], *, action: Action = "powers"
) -> Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]:
    """A policy for `multicell_env.evaluation.compare` from a controller of all base stations.

    Base stations are concatenated in the order of their numbers (bs_2 before bs_10), independently of the order of the observations.

    Args:
        act: Maps the concatenated vectors `[block, feature]` to actions `[block, action]` in [-1, 1].
        action: `NetworkConfig.action` of the network.
    """

    def policy(observations: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        observations = dict(sorted(observations.items(), key=lambda of: _number(of[0])))
        num_blocks = len(next(iter(observations.values())))
        flat = np.asarray(act(np.concatenate([planes.reshape(num_blocks, -1) for planes in observations.values()], axis=1)))
        size = sum(int(np.prod(planes.shape[-2:])) for planes in observations.values())
        if flat.shape not in ((num_blocks, size), (num_blocks, 2 * size)):
            raise ValueError(
                f"a controller must return [block, action], here ({num_blocks}, {size}), or twice as many actions with damping_in_action; "
                f"got {flat.shape}. Return one row for each row of observations."
            )
        actions, begin = {}, 0
        dampings = () if flat.shape[1] == size else (2,)
        for agent, planes in observations.items():
            shape = (*dampings, *planes.shape[-2:])
            own = flat[:, begin : begin + int(np.prod(shape))]
            actions[agent] = from_vectors(own, (num_blocks, *shape), action)
            begin += int(np.prod(shape))
        return actions

    policy.batched = True  # type: ignore[attr-defined]
    return policy


def _number(agent: str) -> int:
    """The number at the end of an agent's name. Agents without a number keep their order."""
    digits = agent.rsplit("_", 1)[-1]
    return int(digits) if digits.isdecimal() else 0


def _joined(observations: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.concatenate(list(observations.values()))
