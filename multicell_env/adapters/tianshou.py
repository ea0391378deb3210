"""Tianshou: a vector environment for its Collector, in which every base station of many environments is one environment."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from multicell_env.adapters.rows import RowEnv, row_env


class TianshouVectorEnv:
    """A `RowEnv` with the interface that Tianshou's Collector needs, without one Python object for each base station.

    Collect steps, not episodes: all rows are stepped together, and all rows of an environment are reset together.

    Args:
        rows: The base stations, which must not reset automatically (DISABLED).

    Raises:
        ValueError: the environments reset automatically, so that the last observation of an episode would be lost.
    """

    is_async = False

    def __init__(self, rows: RowEnv) -> None:
        if rows.metadata["autoreset_mode"] != AutoresetMode.DISABLED:
            raise ValueError(
                f"the environments must leave resets to the collector; got {rows.metadata['autoreset_mode']}. "
                "Give autoreset_mode=AutoresetMode.DISABLED."
            )
        self.env = rows
        self._seed: int | None = None
        self.observation_space: list[Any] = [rows.single_observation_space] * rows.num_envs
        self.action_space: list[Any] = [rows.single_action_space] * rows.num_envs

    def __len__(self) -> int:
        return self.env.num_envs

    def seed(self, seed: int | None = None) -> list[int | None]:
        """Seed random actions and the next reset: environment i, with all of its base stations, gets seed + i.

        Args:
            seed: With None the blocks' generators continue.

        Returns:
            The seed of each base station's environment.
        """
        self.env.single_action_space.seed(seed)
        self._seed = seed
        return [None if seed is None else seed + row // self.env.num_cells for row in range(len(self))]

    def reset(self, env_id: Sequence[int] | np.ndarray | None = None, **_: Any) -> tuple[np.ndarray, np.ndarray]:
        """Start new blocks in the environments of some rows, by default of all."""
        chosen = np.arange(len(self)) if env_id is None else np.asarray(env_id)
        mask = np.zeros(len(self), dtype=bool)
        mask[chosen] = True
        seed, self._seed = self._seed, None
        observations, _infos = self.env.reset(seed=seed, options={"reset_mask": mask})
        return observations[chosen], _no_infos(len(chosen))

    def step(
        self, action: np.ndarray, id: Sequence[int] | np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Play one slot, or one round, in every environment.

        Raises:
            ValueError: `id` does not include all rows.
        """
        if id is not None and len(id) != len(self):
            raise ValueError(f"all {len(self)} rows step together; got {len(id)} of them. Collect steps, not episodes.")
        observations, rewards, terminated, truncated, _ = self.env.step(action)
        return observations, rewards, terminated, truncated, _no_infos(len(self))

    def close(self) -> None:
        """Close the environments."""
        self.env.close()


def tianshou_env(num_envs: int, *, seed: int | None = None, reward_scale: float = 1.0, **arguments: Any) -> TianshouVectorEnv:
    """A vector environment for Tianshou's Collector, `num_envs` times `num_cells` rows, by default with the observation "gain".

    Args:
        num_envs: Number of environments. Each has one row per cell.
        seed: Seed of the first reset: environment i gets seed + i.
        reward_scale: Divisor of rewards.
        **arguments: As for `MulticellVectorEnv`.
    """
    rows = row_env(num_envs, seed=seed, reward_scale=reward_scale, autoreset_mode=AutoresetMode.DISABLED, **arguments)
    return TianshouVectorEnv(rows)


def _no_infos(count: int) -> np.ndarray:
    return np.array([{} for _ in range(count)], dtype=object)
