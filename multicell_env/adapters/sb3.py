"""Stable-Baselines3: a native `VecEnv` in which every base station of many environments is one environment."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from multicell_env.adapters.rows import RowEnv, row_env


class SB3VecEnv(VecEnv):
    """A `RowEnv` as a `VecEnv` of Stable-Baselines3, for one policy that all base stations share.

    If a block ends, the next one starts in the same step. The infos of this step contain `terminal_observation` and `TimeLimit.truncated`
    True, so that learners bootstrap; other infos are empty.

    Args:
        rows: The base stations, with automatic resets (SAME_STEP).
        seed: Seed of the first reset. `seed()` changes it, as a learner with `seed=...` does.

    Raises:
        ValueError: the environments do not reset automatically, which Stable-Baselines3 requires.
    """

    def __init__(self, rows: RowEnv, *, seed: int | None = None) -> None:
        if rows.metadata["autoreset_mode"] != AutoresetMode.SAME_STEP:
            raise ValueError(
                f"the environments must reset automatically; got {rows.metadata['autoreset_mode']}. "
                "Give autoreset_mode=AutoresetMode.SAME_STEP."
            )
        self.env = rows
        self._actions = np.zeros(0)
        super().__init__(rows.num_envs, rows.single_observation_space, rows.single_action_space)
        if seed is not None:
            self.seed(seed)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Set the seed of the next reset: environment i, with all of its base stations, gets seed + i.

        Args:
            seed: None draws one from NumPy's global generator, as Stable-Baselines3 does.

        Returns:
            The seed of each base station's environment.
        """
        first = super().seed(seed)[0]
        assert first is not None
        self._seeds = [first + row // self.env.num_cells for row in range(self.num_envs)]
        return self._seeds

    def reset(self) -> VecEnvObs:
        """Start a new block in every environment."""
        observations, _ = self.env.reset(seed=self._seeds[0])
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: np.ndarray) -> None:
        """Store the actions for the next `step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Play one slot, or one round, in every environment."""
        observations, rewards, _, dones, infos = self.env.step(self._actions)
        by_row: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for row in np.flatnonzero(dones):
            by_row[row] = {"terminal_observation": infos["final_obs"][row], "TimeLimit.truncated": True}
        return observations, rewards, dones, by_row

    def close(self) -> None:
        """Stop the threads. A second call has no effect."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of the shared `RowEnv`, repeated for each base station."""
        value = getattr(self.env, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of the shared `RowEnv`."""
        setattr(self.env, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any) -> list[Any]:
        """Call a method of the shared `RowEnv` once, and repeat its result for each base station."""
        answer = getattr(self.env, method_name)(*method_args, **method_kwargs)
        return [answer for _ in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type, indices: VecEnvIndices = None) -> list[bool]:
        """False for each base station, because rows of arrays are never wrapped."""
        return [False for _ in self._get_indices(indices)]


def sb3_vec_env(num_envs: int, *, seed: int | None = None, reward_scale: float = 1.0, **arguments: Any) -> SB3VecEnv:
    """A `VecEnv` of new environments, `num_envs` times `num_cells` rows, observation "gain" unless said otherwise.

    Args:
        num_envs: Number of environments. Each has one row per cell.
        seed: Seed of the first reset: environment i gets seed + i.
        reward_scale: Divisor of rewards.
        **arguments: As for `MulticellVectorEnv`: `num_threads`, `observation`, fields of `NetworkConfig`.
    """
    return SB3VecEnv(row_env(num_envs, reward_scale=reward_scale, **arguments), seed=seed)
