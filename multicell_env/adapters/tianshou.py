"""Tianshou: every base station of many environments is one environment of what its Collector drives."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from multicell_env.adapters.rows import RowEnv, row_env


class TianshouVectorEnv:
    """A `RowEnv` in the form that Tianshou's Collector drives, without one Python object for each base station.

    Collect steps, not episodes: all rows step together, and the rows of an environment begin anew together.

    Args:
        rows: The base stations, which leave resets to the collector.

    Raises:
        ValueError: the environments reset themselves, so that an episode's last observation would be the next one's first.
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
        """Seed random actions and the next reset: environment i takes seed + i, all of its base stations together.

        Args:
            seed: None goes on with the blocks' generators that are there.

        Returns:
            The seed of each base station's environment.
        """
        self.env.single_action_space.seed(seed)
        self._seed = seed
        return [None if seed is None else seed + row // self.env.num_cells for row in range(len(self))]

    def reset(self, env_id: Sequence[int] | np.ndarray | None = None, **_: Any) -> tuple[np.ndarray, np.ndarray]:
        """Begin new blocks in the environments of some rows, all by default."""
        chosen = np.arange(len(self)) if env_id is None else np.asarray(env_id)
        mask = np.zeros(len(self), dtype=bool)
        mask[chosen] = True
        seed, self._seed = self._seed, None
        observations, _infos = self.env.reset(seed=seed, options={"reset_mask": mask})
        return observations[chosen], _no_infos(len(chosen))

    def step(
        self, action: np.ndarray, id: Sequence[int] | np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Play one slot in every environment.

        Raises:
            ValueError: only some rows are to be stepped.
        """
        if id is not None and len(id) != len(self):
            raise ValueError(f"all {len(self)} rows step together; got {len(id)} of them. Collect steps, not episodes.")
        observations, rewards, terminated, truncated, _ = self.env.step(action)
        return observations, rewards, terminated, truncated, _no_infos(len(self))

    def close(self) -> None:
        """Close the environments."""
        self.env.close()


def tianshou_env(num_envs: int, *, seed: int | None = None, reward_scale: float = 1.0, **arguments: Any) -> TianshouVectorEnv:
    """A vector environment for Tianshou's Collector, `num_envs` times `num_cells` rows, observation "gain" unless said otherwise.

    Args:
        num_envs: Environments; each has as many rows as the network has cells.
        seed: Of the first reset: environment i takes seed + i.
        reward_scale: What rewards are divided by.
        **arguments: As for `MulticellVectorEnv`.
    """
    rows = row_env(num_envs, seed=seed, reward_scale=reward_scale, autoreset_mode=AutoresetMode.DISABLED, **arguments)
    return TianshouVectorEnv(rows)


def _no_infos(count: int) -> np.ndarray:
    return np.array([{} for _ in range(count)], dtype=object)
