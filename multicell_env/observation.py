"""What a base station sees of a block: image-like planes over bands and users."""

from typing import Literal

import numpy as np
from jaxtyping import Float

from multicell_env.blocks import Blocks
from multicell_env.config import NetworkConfig

Observation = Literal["csi", "gain"]
Planes = Float[np.ndarray, "*batch plane band user"]

LOG_LIMIT = 20.0
"""Planes in log10 saturate here (+-200 dB), so that their space is bounded."""
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


def observe(kind: Observation, blocks: Blocks) -> Float[np.ndarray, "block cell plane band user"]:
    """Observation of every cell of every block, float32. Padded users are included; see `NetworkConfig.user_mask`.

    Raises:
        ValueError: no such observation.
    """
    num_planes(kind, blocks.config)  # refuses an unknown kind
    return csi_planes(blocks) if kind == "csi" else gain_planes(blocks)


def gain_planes(blocks: Blocks) -> Float[np.ndarray, "block cell 3 band user"]:
    """log10 signal gain, log10 c/p0, log10 of the slot budget relative to nominal."""
    log_gain = np.log10(blocks.gains.signal_gains).clip(-LOG_LIMIT, LOG_LIMIT)
    return _float32(np.stack([log_gain, *_log_state(blocks)], axis=-3))


def csi_planes(blocks: Blocks) -> Float[np.ndarray, "block cell plane band user"]:
    """The local state of (17): Re H, Im H, Re w, Im w (M planes each), log10 c/p0, log10 of the slot budget relative to nominal."""
    limits = CHANNEL_LIMIT * np.sqrt(np.diagonal(blocks.config.mean_gain_matrix))[:, None, None, None]
    h, w = (np.swapaxes(array, -3, -2) for array in (blocks.channels, blocks.beamformers))
    h = np.concatenate([np.real(h), np.imag(h)], axis=-3).clip(-limits, limits)
    return _float32(np.concatenate([h, np.real(w), np.imag(w), np.stack(_log_state(blocks), axis=-3)], axis=-3))


def observation_limits(kind: Observation, config: NetworkConfig, cell: int) -> Planes:
    """Largest magnitude of every entry of a cell's observation, without padding, float32."""
    num_users = config.users_per_cell[cell]
    limits = np.full((num_planes(kind, config), config.num_bands, num_users), LOG_LIMIT)
    if kind == "csi":
        limits[: 2 * config.num_antennas] = CHANNEL_LIMIT * np.sqrt(config.mean_gain_matrix[cell, cell])
        limits[2 * config.num_antennas : -2] = 1.0
    return _float32(limits)


def _log_state(blocks: Blocks) -> list[Planes]:
    nominal_powers = blocks.config.nominal_powers[:, None, None]
    budget = np.log10(blocks.power_budget / blocks.config.nominal_budgets)[..., None, None]
    log_ingr = np.log10(blocks.ingr / nominal_powers)
    return [log_ingr.clip(-LOG_LIMIT, LOG_LIMIT), np.broadcast_to(budget, log_ingr.shape)]


def _float32(planes: Planes) -> Planes:
    return np.ascontiguousarray(planes, dtype=np.float32)
