"""A batched multi-agent environment, already in stacked arrays, in the form that Tianshou's Collector drives."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import gymnasium
import numpy as np
from tianshou.data import Batch

from agents.streams import seed_of_actions, set_states, states_of


class StackedEnv(Protocol):
    """What is needed of a batched environment: Gymnasium's vector interface on arrays `[env, agent, ...]`, without automatic resets.

    Where environments differ in which entries of an action are real, `action_mask` `[env, agent, ...]` tells it, as `MixedEnv` has it.
    """

    num_envs: int
    metadata: dict[str, Any]
    single_action_space: Any
    state_is_observation: bool
    """Whether the joined observations are the global state, which then need not be stored twice."""

    def reset(self, *, seed: Sequence[int | None] | None = None, options: Mapping[str, Any] | None = None) -> tuple[np.ndarray, Any]:
        """Begin episodes where `options["reset_mask"]` is True."""
        ...

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, Any]:
        """Observations, rewards `[env, agent]`, terminations `[env]`, truncations `[env]` and infos."""
        ...

    def state(self) -> np.ndarray:
        """Global states `[env, ...]`."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Where the environments stand, as numbers; asked for where a run is saved."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        ...

    def close(self) -> None:
        """Close the environments."""
        ...


class StackedVectorEnv:
    """A `StackedEnv` as `JointVectorEnv` shows several `JointEnv`: joint observations, summed rewards.

    Args:
        env: The environments.
        seeds: Seed of each environment's first reset; later resets go on from there.
        with_state: Whether observations have the global state, where it is not the observations themselves.

    Raises:
        ValueError: the environments reset themselves, so that an episode's last observation would be the next one's first.
    """

    is_async = False

    def __init__(self, env: StackedEnv, seeds: Sequence[int], *, with_state: bool = True) -> None:
        mode = env.metadata.get("autoreset_mode")
        if getattr(mode, "name", mode) != "DISABLED":
            raise ValueError(
                f"the environments must leave resets to the collector; got {mode}. Give autoreset_mode=AutoresetMode.DISABLED."
            )
        self.env = env
        self._with_state = with_state
        self._seeds: list[int | None] = list(seeds)
        self.action_space: list[gymnasium.Space] = []
        for seed in seeds:
            space = gymnasium.spaces.Box(env.single_action_space.low, env.single_action_space.high, dtype=np.float32)
            space.seed(seed_of_actions(seed))
            self.action_space.append(space)

    def __len__(self) -> int:
        return self.env.num_envs

    def reset(self, env_id: Sequence[int] | np.ndarray | None = None) -> tuple[Batch, np.ndarray]:
        """Begin episodes in some environments, all by default."""
        mask = np.zeros(len(self), dtype=bool)
        chosen = np.arange(len(self)) if env_id is None else np.asarray(env_id)
        mask[chosen] = True
        seeds = [seed if mask[i] else None for i, seed in enumerate(self._seeds)]
        observations, _ = self.env.reset(seed=seeds, options={"reset_mask": mask})
        for i in chosen:
            self._seeds[i] = None
        return self._batched(observations)[chosen], _no_infos(len(chosen))

    def step(
        self, action: np.ndarray, id: Sequence[int] | np.ndarray | None = None
    ) -> tuple[Batch, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Step all environments. Finished ones are left as they are, for `reset`.

        Raises:
            ValueError: only some are to be stepped, or the environments returned a reward or observation that is not finite.
        """
        if id is not None and len(id) != len(self):
            raise ValueError(f"all {len(self)} environments step together; got {len(id)} of them. Collect steps, not episodes.")
        observations, rewards, terminated, truncated, _ = self.env.step(action)
        if not (np.isfinite(rewards).all() and np.isfinite(observations).all()):
            raise ValueError("the environments must return finite observations and rewards; got NaN or infinity. Correct the environment.")
        return self._batched(observations), rewards.sum(axis=-1, dtype=np.float64), terminated, truncated, _no_infos(len(self))

    def state_dict(self) -> dict[str, Any]:
        """Everything that the environments go on from."""
        return {"env": self.env.state_dict(), "seeds": list(self._seeds), "spaces": states_of(self.action_space)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state.

        Raises:
            KeyError, TypeError, ValueError: it is of other environments.
        """
        self.env.load_state_dict(state["env"])
        self._seeds = list(state["seeds"])
        set_states(self.action_space, state["spaces"])

    def close(self) -> None:
        """Close the environments."""
        self.env.close()

    def _batched(self, observations: np.ndarray) -> Batch:
        adds_state = self._with_state and not self.env.state_is_observation
        parts = {"observation": observations, "state": self.env.state()} if adds_state else {"observation": observations}
        mask = getattr(self.env, "action_mask", None)
        return Batch(parts if mask is None else {**parts, "mask": mask})


def _no_infos(count: int) -> np.ndarray:
    return np.array([{} for _ in range(count)], dtype=object)
