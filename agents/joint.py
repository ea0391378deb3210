"""A PettingZoo ParallelEnv as one Gymnasium environment, with stacked arrays and agents in a fixed order."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict
from pettingzoo import ParallelEnv
from tianshou.data import Batch

from agents.streams import seed_of_actions, set_states, states_of

JointObservation = dict[str, np.ndarray]
ActionMeaning = Callable[[Any, Any], Any]
"""Maps tensors of observations `[..., plane, band, user]` and actions in [-1, 1] to planes that describe the effect of the actions, with
gradients."""


class JointEnv(gymnasium.Env[JointObservation, np.ndarray]):
    """All agents of an environment as one agent with stacked arrays.

    * Observation: `{"observation": [agent, ...]}`, and `"state"` if the environment has `state()`.
    * Action: `[agent, ...]`.
    * Reward: the sum over the agents; each agent's own is in `info["rewards"]`.

    Agents with different shapes are padded with zeros at the end of each axis; `action_mask` marks the real entries. An agent that has
    left gets zeros. The episode ends when no agent is left. It counts as truncated if one of the last agents was truncated.

    Args:
        env: Any PettingZoo environment with bounded Box actions and Box observations.
        with_state: Whether observations include the global state.

    Raises:
        ValueError: a space is not a Box, an action space is unbounded, the agents' arrays differ in their number of axes, or all
            actions are empty.
    """

    def __init__(self, env: ParallelEnv[Any, Any, Any], *, with_state: bool = True) -> None:
        self.env = env
        self.agents: list[str] = list(env.possible_agents)
        self.metadata = {**env.metadata, "render_modes": env.metadata.get("render_modes", [])}
        self.render_mode = getattr(env, "render_mode", None)
        observation_spaces = _boxes("observation", {agent: env.observation_space(agent) for agent in self.agents})
        action_spaces = _boxes("action", {agent: env.action_space(agent) for agent in self.agents})
        for agent, space in action_spaces.items():
            if not space.is_bounded():
                raise ValueError(
                    f"action spaces must be bounded; got {space} for {agent}. Bound it, for example by SuperSuit's clip_actions_v0."
                )
        self._observation_corners = [_corner(box) for box in observation_spaces.values()]
        self._action_corners = [_corner(box) for box in action_spaces.values()]
        self.action_shapes = [box.shape for box in action_spaces.values()]
        """Each agent's own action shape, without padding."""
        self._action_dtypes = [box.dtype for box in action_spaces.values()]
        self.observation_box = _stacked(list(observation_spaces.values()))
        """Bounds of the stacked observations, `[agent, ...]`."""
        self.action_box = _stacked(list(action_spaces.values()))
        """Bounds of the stacked actions, `[agent, ...]`."""
        self.action_meaning: ActionMeaning | None = getattr(env, "action_meaning", None)
        """The environment's `action_meaning`, if it has one."""
        state_space = getattr(env, "state_space", None) if with_state else None
        self.state_box = _as_float32(state_space) if isinstance(state_space, Box) else None
        """Bounds of the global state, None if the environment has none, or without `with_state`."""
        spaces: dict[str, gymnasium.Space[Any]] = {"observation": self.observation_box}
        if self.state_box is not None:
            spaces["state"] = self.state_box
        self.observation_space: gymnasium.Space[Any] = Dict(spaces)
        self.action_space: gymnasium.Space[Any] = self.action_box
        self.action_mask = np.zeros(self.action_box.shape, dtype=bool)
        """True for real entries of an action, False for padding."""
        for index, corner in enumerate(self._action_corners):
            self.action_mask[(index, *corner)] = True
        if not self.action_mask.any():
            raise ValueError(
                f"at least one agent must have something to choose; got action spaces {action_spaces}. Give one an action of a shape "
                "without 0."
            )

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[JointObservation, dict[str, Any]]:
        """Start an episode, and return observations and infos."""
        super().reset(seed=seed)
        observations, _ = self.env.reset(seed=seed, options=options)
        return self._joined(observations), {"rewards": np.zeros(len(self.agents))}

    def step(self, action: np.ndarray) -> tuple[JointObservation, float, bool, bool, dict[str, Any]]:
        """Let all remaining agents act. Returns observations, the sum of rewards, termination, truncation and infos.

        Raises:
            ValueError: the environment returned a reward or observation that is not finite.
        """
        actions = {
            agent: np.asarray(action[(index, *corner)], dtype=dtype)
            for index, (agent, corner, dtype) in enumerate(zip(self.agents, self._action_corners, self._action_dtypes, strict=True))
            if agent in self.env.agents
        }
        observations, rewards, _, truncations, _ = self.env.step(actions)
        own = np.array([float(rewards.get(agent, 0.0)) for agent in self.agents])
        joined = self._joined(observations)
        if not (np.all(np.isfinite(own)) and all(np.all(np.isfinite(array)) for array in joined.values())):
            raise ValueError(f"the environment must return finite observations and rewards; got rewards {rewards}. Correct it.")
        over = not self.env.agents
        truncated = over and any(truncations.values())
        return joined, float(own.sum()), over and not truncated, truncated, {"rewards": own}

    def render(self) -> Any:
        """Render the environment."""
        return self.env.render()

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def _joined(self, observations: Mapping[str, np.ndarray]) -> JointObservation:
        stacked = np.zeros(self.observation_box.shape, dtype=np.float32)
        for index, (agent, corner) in enumerate(zip(self.agents, self._observation_corners, strict=True)):
            if agent in observations:
                stacked[(index, *corner)] = observations[agent]
        if self.state_box is None:
            return {"observation": stacked}
        return {"observation": stacked, "state": np.asarray(self.env.state(), dtype=np.float32)}


def _boxes(kind: str, spaces: Mapping[str, gymnasium.Space[Any]]) -> dict[str, Box]:
    boxes = {agent: space for agent, space in spaces.items() if isinstance(space, Box)}
    for agent, space in spaces.items():
        if agent not in boxes:
            raise ValueError(f"{kind} spaces must be Box; got {space} for {agent}. Wrap the environment so that agents have arrays.")
    shapes = {agent: box.shape for agent, box in boxes.items()}
    if len(set(map(len, shapes.values()))) > 1:
        wrapper = "pad_observations_v0" if kind == "observation" else "pad_action_space_v0"
        raise ValueError(
            f"agents' {kind} arrays must have the same number of axes; got {shapes}. Wrap the environment in SuperSuit's {wrapper}."
        )
    return boxes


def _corner(box: Box) -> tuple[slice, ...]:
    """Position of an agent's array in the padded array."""
    return tuple(slice(length) for length in box.shape)


def _as_float32(box: Box) -> Box:
    return Box(box.low.astype(np.float32), box.high.astype(np.float32), dtype=np.float32)


def _stacked(boxes: Sequence[Box]) -> Box:
    """Bounds of the padded arrays of all agents; padding is bounded like its agent's array, and 0 lies inside."""
    shape = tuple(max(lengths) for lengths in zip(*(box.shape for box in boxes), strict=True))
    lows, highs = [], []
    for box in boxes:
        low = np.full(shape, np.min(box.low, initial=0), dtype=np.float32)
        high = np.full(shape, np.max(box.high, initial=0), dtype=np.float32)
        low[_corner(box)], high[_corner(box)] = box.low, box.high
        lows.append(low)
        highs.append(high)
    return Box(np.stack(lows), np.stack(highs), dtype=np.float32)


class JointVectorEnv:
    """Several joint environments stepped together, with the interface that Tianshou's Collector needs.

    Args:
        envs: Environments of equal spaces.
        seeds: Seed of each environment's first reset. Later resets continue the random streams.
    """

    is_async = False

    def __init__(self, envs: Sequence[JointEnv], seeds: Sequence[int]) -> None:
        self.envs = list(envs)
        self._seeds: list[int | None] = list(seeds)
        for env, seed in zip(self.envs, seeds, strict=True):
            # Tianshou draws random actions from the spaces; a seed of their own keeps them independent of the environment's random numbers.
            env.action_space.seed(seed_of_actions(seed))

    def __len__(self) -> int:
        return len(self.envs)

    @property
    def action_space(self) -> list[gymnasium.Space]:
        """Action space of each environment."""
        return [env.action_space for env in self.envs]

    def reset(self, env_id: Sequence[int] | np.ndarray | None = None) -> tuple[Batch, np.ndarray]:
        """Start episodes in some environments, by default in all."""
        chosen = range(len(self)) if env_id is None else env_id
        observations = []
        for index in chosen:
            observations.append(self.envs[index].reset(seed=self._seeds[index])[0])
            self._seeds[index] = None
        return _batched(observations), _no_infos(len(observations))

    def step(
        self, action: np.ndarray, id: Sequence[int] | np.ndarray | None = None
    ) -> tuple[Batch, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Step some environments, by default all. Environments whose episode has ended wait for `reset`."""
        chosen = range(len(self)) if id is None else id
        steps = [self.envs[index].step(own) for index, own in zip(chosen, action, strict=True)]
        observations, rewards, terminated, truncated, _ = zip(*steps, strict=True)
        return _batched(observations), np.array(rewards), np.array(terminated), np.array(truncated), _no_infos(len(steps))

    def state_dict(self) -> dict[str, Any]:
        """The state of the environments; for environments without a `state_dict`, a copy of the whole environment.

        Such copies cannot be written to a checkpoint, which holds numbers and text only.
        """
        whole: list[Any] = [env.env for env in self.envs]
        states = [env.state_dict() if hasattr(env, "state_dict") else copy.deepcopy(env) for env in whole]
        return {"envs": states, "seeds": list(self._seeds), "spaces": states_of(self.action_space)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a saved state.

        Raises:
            KeyError, TypeError, ValueError: the state is of other environments.
        """
        for env, own in zip(self.envs, state["envs"], strict=True):
            whole: Any = env.env
            if hasattr(whole, "load_state_dict"):
                whole.load_state_dict(own)
            else:
                env.env = copy.deepcopy(own)
        self._seeds = list(state["seeds"])
        set_states(self.action_space, state["spaces"])

    def close(self) -> None:
        """Close every environment."""
        for env in self.envs:
            env.close()


def _batched(observations: Sequence[JointObservation]) -> Batch:
    return Batch({key: np.stack([observation[key] for observation in observations]) for key in observations[0]})


def _no_infos(count: int) -> np.ndarray:
    return np.array([{} for _ in range(count)], dtype=object)
