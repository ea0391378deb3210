"""Every base station of many environments as one row of a Gymnasium vector environment: parameter sharing for single-agent learners."""

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
    """A `MulticellVectorEnv` with one row for every base station of every environment; row `env * num_cells + cell`.

    Whatever learns on it learns one policy that all base stations share, without knowing that there are several.

    * Observation: `[row, plane * band * user]`, float32.
    * Action: `[row, band * user]` in [-1, 1], which is twice the fraction of the user's budget, less 1; finite values outside are clipped.
    * Reward: `[row]`, float32, the environment's divided by `reward_scale`; termination (never) and truncation: `[row]`.
    * Infos: as `MulticellVectorEnv`'s, by row: `power` `[row, band, user]`, `sum_rate` `[row]`, `final_obs` and `_final_obs`.

    Where cells differ in their number of users, rows are padded to the largest: observations with zeros, and actions there are ignored.
    `flat_policy(act, padded=True)` plays what was learned so.

    Args:
        env: The environments.
        reward_scale: What rewards are divided by; a cell's sum rate is some tens of bit/s/Hz, and many learners want rewards about 1.
        seed: Of the first reset, where that is given none: environment i takes seed + i.

    Raises:
        ValueError: a scale that is not positive.
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
        """Shape of one row's observation before it was made flat: `(plane, band, user)`."""
        self.single_observation_space: Any = flat_box(Box(-high, high, dtype=np.float32))
        self.single_action_space: Any = Box(-1.0, 1.0, (actions.low[0].size,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._seed = seed
        users = env.config.slot_network.user_mask
        self._real = None if users.all() else users.astype(np.float32)[:, None, None, :]

    def reset(self, *, seed: int | None = None, options: Mapping[str, Any] | None = None) -> tuple[Rows, dict[str, Any]]:
        """Begin new blocks, in all environments or in those of a mask.

        Args:
            seed: Environment i takes seed + i. None goes on with the generators that are there.
            options: `{"reset_mask": bool array [row]}` resets those rows alone; the rows of one environment go together.

        Raises:
            ValueError: a mask of another shape or type, or one that tells the rows of an environment apart.
        """
        seed, self._seed = self._seed if seed is None else seed, None
        mask = (options or {}).get("reset_mask")
        if mask is not None:
            options = {**(options or {}), "reset_mask": self._by_env(as_array(mask, "reset_mask", (self.num_envs,)))}
        observations, infos = self.env.reset(seed=seed, options=options)
        return self.as_rows(observations), self._infos(infos)

    def step(self, actions: Float[np.ndarray, "row action"]) -> RowStep:
        """Play one slot in every environment.

        Raises:
            RuntimeError: an environment has no block, or its block has ended.
            ValueError: a wrong shape, NaN or infinity. Nothing has changed then.
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
        """Planes of all cells as rows, with zeros for padded users."""
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
                "Give True for every row that begins anew."
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
    """A `RowEnv` of new environments, observation "gain" unless said otherwise.

    Args:
        num_envs: Environments; each has as many rows as the network has cells.
        seed: Of the first reset: environment i takes seed + i.
        reward_scale: What rewards are divided by.
        autoreset_mode: As for `MulticellVectorEnv`.
        **arguments: As for `MulticellVectorEnv`.
    """
    env = MulticellVectorEnv(num_envs, autoreset_mode=autoreset_mode, **{"observation": "gain", **arguments})
    return RowEnv(env, reward_scale=reward_scale, seed=seed)
