"""What a base station sees of a block: image-like planes over bands and users."""

from typing import Literal

import numpy as np
from jaxtyping import Float

from multicell_env.blocks import Blocks
from multicell_env.config import NetworkConfig
from multicell_env.kernels.slot import SlotOutputs
from multicell_env.kernels.steps import LOG_LIMIT

Observation = Literal["csi", "gain"]
Planes = Float[np.ndarray, "*batch plane band user"]

CHANNEL_LIMIT = 100.0
"""Planes of H saturate at this many times sqrt(a_bb), which a Rayleigh draw never reaches."""


def num_planes(kind: Observation, config: NetworkConfig) -> int:
    """4M + 2 planes for "csi", 3 for "gain".

    Raises:
        ValueError: no such observation.
    """
    if kind not in ("csi", "gain"):
        raise ValueError(
            f"observation must be 'csi' (17) or 'gain' (its sufficient statistic for the own rate); got {kind!r}. Choose one of the two."
        )
    return 4 * config.num_antennas + 2 if kind == "csi" else 3


class Observer:
    """Observations of blocks as they are played. What the channels say is prepared once a block, not once a slot.

    Args:
        kind: "csi" or "gain".
        blocks: What is observed; "csi" needs blocks that keep their channels.

    Raises:
        ValueError: no such observation.
    """

    def __init__(self, kind: Observation, blocks: Blocks) -> None:
        config = blocks.config
        self.kind, self.blocks = kind, blocks
        self._shape = (len(blocks), config.num_cells, num_planes(kind, config), config.num_bands, config.max_users)
        self._static: Planes = np.zeros((*self._shape[:2], self._shape[2] - 2, *self._shape[3:]), np.float32)
        self.begin()

    def begin(self, rows: np.ndarray | slice = slice(None)) -> None:
        """Prepare the planes of blocks that have begun."""
        if self.kind == "csi":
            self._static[rows] = _csi_planes(self.blocks, rows)
        else:
            self._static[rows] = np.log10(self.blocks.gains.signal_gains[rows]).clip(-LOG_LIMIT, LOG_LIMIT)[:, :, None]

    def observe(self) -> Float[np.ndarray, "block cell plane band user"]:
        """Observation of every cell of every block, float32, a fresh array. Padded users are included; see `NetworkConfig.user_mask`."""
        planes = np.empty(self._shape, np.float32)
        planes[:, :, :-2] = self._static
        planes[:, :, -2] = self.blocks.log_ingr
        planes[:, :, -1] = self.blocks.log_budget[..., None, None]
        return planes

    def outputs(self) -> SlotOutputs:
        """Fresh arrays for what the next slot shows: `observations` will be what `observe` would return after it."""
        return SlotOutputs(self._static, np.empty(self._shape, np.float32), np.empty_like(self.blocks.powers))


def observe(kind: Observation, blocks: Blocks) -> Float[np.ndarray, "block cell plane band user"]:
    """Observation of every cell of every block at once, as `Observer.observe`.

    "gain": log10 signal gain, log10 c/p0, log10 of the slot budget relative to nominal. "csi" is the local state of (17): Re H, Im H,
    Re w, Im w (M planes each), log10 c/p0, log10 of the slot budget relative to nominal.

    Raises:
        ValueError: no such observation.
    """
    return Observer(kind, blocks).observe()


def _csi_planes(blocks: Blocks, rows: np.ndarray | slice) -> Float[np.ndarray, "block cell plane band user"]:
    limits = CHANNEL_LIMIT * np.sqrt(np.diagonal(blocks.config.mean_gain_matrix))[:, None, None, None]
    h, w = (np.swapaxes(array[rows], -3, -2) for array in (blocks.channels, blocks.beamformers))
    h_parts = [np.real(h).clip(-limits, limits), np.imag(h).clip(-limits, limits)]
    return np.concatenate([*h_parts, np.real(w), np.imag(w)], axis=-3)


def observation_limits(kind: Observation, config: NetworkConfig, cell: int, *, padded: bool = False) -> Planes:
    """Largest magnitude of every entry of a cell's observation, with or without the padded users, float32."""
    num_users = config.max_users if padded else config.users_per_cell[cell]
    limits = np.full((num_planes(kind, config), config.num_bands, num_users), LOG_LIMIT)
    if kind == "csi":
        limits[: 2 * config.num_antennas] = CHANNEL_LIMIT * np.sqrt(config.mean_gain_matrix[cell, cell])
        limits[2 * config.num_antennas : -2] = 1.0
    return limits.astype(np.float32)
