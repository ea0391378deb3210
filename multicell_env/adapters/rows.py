"""A Gymnasium vector environment with a row for every base station: parameter sharing for single-agent learners."""

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from jaxtyping import Bool, Float

from multicell_env.adapters.flat import checked_scale, flat_box, from_vectors
from multicell_env.config_checks import as_array
from multicell_env.vector_env import MulticellVectorEnv

Rows = Float[np.ndarray, "row feature"]
RowStep = tuple[Rows, Float[np.ndarray, " row"], Bool[np.ndarray, " row"], Bool[np.ndarray, " row"], dict[str, Any]]


class RowEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """A `MulticellVectorEnv` with one row for every base station of every environment: row `env * num_cells + cell`.

    A single-agent learner thus trains one policy that all base stations share.

    * Observation: `[row, plane * band * user]`, float32.
    * Action: `[row, band * user]` in [-1, 1]: twice the fraction of the user's budget minus 1. Finite values outside are clipped.
    * Reward: `[row]`, float32, that of the environment over `reward_scale`. Termination (always False) and truncation: `[row]`.
    * Infos: those of `MulticellVectorEnv` by row: `power` `[row, band, user]`, `sum_rate` `[row]`, `final_obs` and `_final_obs`.

    If cells have different numbers of users, rows are padded to the largest: observations with zeros, and actions there are ignored.
    `flat_policy(act, padded=True)` makes a policy of an actor that was trained on padded rows.

    Args:
        env: The environments.
        reward_scale: Divisor of rewards. A cell's sum rate is some tens of bit/s/Hz, and many learners work best with rewards near 1.
        seed: Seed of the first reset, unless `reset` is given one: environment i gets seed + i.

    Raises:
        ValueError: `reward_scale` is not positive.
    """

    def __init__(self, env: MulticellVectorEnv, *, reward_scale: float = 1.0, seed: int | None = None) -> None:
        self.env = env
        self.reward_scale = checked_scale(reward_scale)
        self.metadata = env.metadata
        self.num_cells = env.config.num_cells
        self.num_envs = env.num_envs * self.num_cells
        space, actions = cast(Box, env.single_observation_space), cast(Box, env.single_action_space)
        high = space.high.max(axis=0)
        self.planes: tuple[int, ...] = high.shape
        """Shape of a row's observation before it is flattened: `(plane, band, user)`."""
        self.single_observation_space: Any = flat_box(Box(-high, high, dtype=np.float32))
        self.single_action_space: Any = Box(-1.0, 1.0, (actions.low[0].size,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._seed = seed
        users = env.config.slot_network.user_mask
        self._real = None if users.all() else users.astype(np.float32)[:, None, None, :]

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Rows, dict[str, Any]]:
        """Start new blocks in all environments, or in those that a mask selects.

        Args:
            seed: Environment i gets seed + i. With None the generators continue.
            options: `{"reset_mask": bool array [row]}` resets the rows where it is True. All rows of an environment must be
                equal.

        Raises:
            ValueError: a mask of another shape or type, or with different values for rows of one environment.
        """
        seed, self._seed = self._seed if seed is None else seed, None
        mask = (options or {}).get("reset_mask")
        if mask is not None:
            options = {**(options or {}), "reset_mask": self._by_env(as_array(mask, "reset_mask", (self.num_envs,)))}
        observations, infos = self.env.reset(seed=seed, options=options)
        return self.as_rows(observations), self._infos(infos)

    def step(self, actions: Float[np.ndarray, "row action"]) -> RowStep:
        """Play one slot, or one round, in every environment. Returns observations, rewards, flags and infos by row.

        Raises:
            RuntimeError: an environment has no block, or its block has ended.
            ValueError: a wrong shape, NaN or infinity. The environments are then unchanged.
        """
        if np.shape(actions) != self.action_space.shape:
            raise ValueError(
                f"actions must be [row, action] of shape {self.action_space.shape}; got {np.shape(actions)}. "
                "Give one row for every base station of every environment."
            )
        fractions = from_vectors(np.asarray(actions), self.env.action_space.shape or (), self.env.config.action)
        observations, rewards, terminations, truncations, infos = self.env.step(fractions)
        return (
            self.as_rows(observations),
            (rewards / self.reward_scale).astype(np.float32).reshape(-1),
            np.repeat(terminations, self.num_cells),
            np.repeat(truncations, self.num_cells),
            self._infos(infos),
        )

    def close_extras(self, **kwargs: Any) -> None:
        """Close the environments."""
        self.env.close()

    def as_rows(self, planes: Float[np.ndarray, "env cell plane band user"]) -> Rows:
        """Planes of all cells as flattened rows, with zeros for padded users."""
        real = planes if self._real is None else planes * self._real
        return real.reshape(self.num_envs, -1)

    def _infos(self, infos: Mapping[str, Any]) -> dict[str, Any]:
        by_row = {key: infos[key].reshape(self.num_envs, *infos[key].shape[2:]) for key in ("power", "sum_rate")}
        if "final_obs" in infos:
            by_row["final_obs"] = self.as_rows(infos["final_obs"])
            by_row["_final_obs"] = np.repeat(infos["_final_obs"], self.num_cells)
        return by_row

    def _by_env(self, mask: np.ndarray) -> np.ndarray:
        if mask.shape != (self.num_envs,) or mask.dtype != bool:
            raise ValueError(
                f"reset_mask must be a bool array of shape ({self.num_envs},); got {mask.dtype} of shape {mask.shape}. "
                "Give True for every row to reset."
            )
        cells = mask.reshape(-1, self.num_cells)
        if (cells.any(axis=1) != cells.all(axis=1)).any():
            env = int(np.flatnonzero(cells.any(axis=1) != cells.all(axis=1))[0])
            raise ValueError(
                f"the {self.num_cells} rows of an environment must be reset together; got {cells[env].tolist()} for environment {env}. "
                "Reset all of its rows, or none."
            )
        return cells[:, 0]


def row_env(
    num_envs: int,
    *,
    seed: int | None = None,
    reward_scale: float = 1.0,
    autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP,
    **arguments: Any,
) -> RowEnv:
    """A `RowEnv` of new environments, by default with the observation "gain".

    Args:
        num_envs: Number of environments. Each has one row per cell.
        seed: Seed of the first reset: environment i gets seed + i.
        reward_scale: Divisor of rewards.
        autoreset_mode: As for `MulticellVectorEnv`.
        **arguments: As for `MulticellVectorEnv`.
    """
    env = MulticellVectorEnv(num_envs, autoreset_mode=autoreset_mode, **{"observation": "gain", **arguments})
    return RowEnv(env, reward_scale=reward_scale, seed=seed)
