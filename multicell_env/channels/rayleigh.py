"""Channels of one block: seeded Rayleigh draws, or recorded ones."""

import math
from collections.abc import Sequence
from functools import lru_cache
from threading import local

import numpy as np
from jaxtyping import Complex, Float, UInt64

from multicell_env.config import NetworkConfig
from multicell_env.kernels.block import complex_normal
from multicell_env.kernels.random_bits import random_bits
from multicell_env.kernels.simd import LANES

OwnChannels = Complex[np.ndarray, "*batch cell band antenna user"]
CrossChannels = Complex[np.ndarray, "*batch cell interferer band antenna user"]

Part = tuple[Float[np.ndarray, " number"], tuple[int, ...]]
"""Amplitudes of what is drawn, and the shape of the channels in it."""

MOST_KEPT = 2**18
"""Numbers of a draw, of 8 bytes each, for which a thread keeps memory; larger draws find new memory."""
_of_thread = local()

REACH_DB = {"float32": (-220.0, 180.0), "float64": (-1500.0, 1500.0)}
"""Least and largest INGR over the unit of powers, in dB, of which squares stay in range, or may vanish beside a power."""


def draw_channels(config: NetworkConfig, generator: np.random.Generator) -> tuple[OwnChannels, CrossChannels]:
    """Draw the Rayleigh channels of one block.

        h_{b',(b,u)}[f] ~ CN(0, a_{b',b} I_M), so that E||h||^2 / M = a_{b',b}          (2), (23)

    Drawn in single precision and then brought to `config.dtype`, so that both precisions play on the same channels.

    Args:
        config: The network.
        generator: Source of all randomness; the same state gives the same channels.

    Returns:
        Own channels and cross channels; entry `[b, i]` of the latter comes from cell `config.interferers[b, i]`.
        Padded users and padded interferers have zero channels.
    """
    own, cross = draw_many(config, [generator])
    return own[0], cross[0]


def draw_many(
    config: NetworkConfig, generators: Sequence[np.random.Generator], *, in_passing: bool = False
) -> tuple[OwnChannels, CrossChannels]:
    """`draw_channels` for several blocks, one generator each; every block is what its generator alone would give.

    Args:
        config: The network.
        generators: Sources of randomness.
        in_passing: Whether this thread's next draw in passing may overwrite the channels. New memory takes longer.

    Returns:
        As from `draw_channels`, stacked; C-contiguous and writable.
    """
    parts = _numbers_to_draw(config)
    (num_own, num_cross), rows = (len(amplitudes) for amplitudes, _ in parts), len(generators)
    size = rows * (num_own + num_cross)
    memory = _own_memory(size) if in_passing and size <= MOST_KEPT else np.empty(size, np.uint64)
    bits = [memory[: rows * num_own].reshape(rows, num_own), memory[rows * num_own :].reshape(rows, num_cross)]
    random_bits(generators, *bits)
    dtype = np.result_type(config.dtype, np.complex64)
    own, cross = (_channels(*part).astype(dtype, copy=False) for part in zip(bits, parts, strict=True))
    return own, cross


def _own_memory(size: int) -> UInt64[np.ndarray, " size"]:
    """Memory of the calling thread, the same at every call that asks for no more than one before."""
    if size > len(getattr(_of_thread, "memory", ())):
        _of_thread.memory = np.empty(size, np.uint64)
    return _of_thread.memory[:size]


def _channels(bits: UInt64[np.ndarray, "block number"], part: Part) -> Complex[np.ndarray, "block ..."]:
    """Random bits to channels."""
    amplitudes, shape = part
    complex_normal(bits, amplitudes, bits.view(np.float32))  # in place: a number takes the room of its bits
    numbers, size = bits.view(np.complex64), math.prod(shape)
    whole = numbers if len(amplitudes) == size else np.ascontiguousarray(numbers[:, :size])
    return whole.reshape(len(bits), *shape)


@lru_cache(maxsize=32)
def _numbers_to_draw(config: NetworkConfig) -> list[Part]:
    """Amplitudes of own and of cross channels, in whole vectors, of which the last is filled up with zeros; and the channels' shape."""
    row = (config.num_bands, config.num_antennas, config.max_users)
    parts = []
    for amplitudes, links in zip(config.amplitudes, [(config.num_cells,), config.interferers.shape], strict=True):
        flat = np.broadcast_to(amplitudes, (*links, *row)).ravel()
        parts.append((np.pad(flat, (0, -flat.size % LANES)), (*links, *row)))
    return parts


def split_channels(
    config: NetworkConfig, dense: Complex[np.ndarray, "tx_cell rx_cell band antenna user"]
) -> tuple[OwnChannels, CrossChannels]:
    """Bring given channels (recorded, ray-traced, another simulator's) into the form that `draw_channels` returns.

    Args:
        config: The network that the channels belong to.
        dense: Channel from every cell to every user, scaled so that the noise power is 1. Entries of padded users are ignored.

    Raises:
        ValueError: wrong shape, not numeric, not finite, a pair of cells has a channel although its mean gain is 0, or the channels are
            so far from noise power 1 that the numbers of the network's `dtype` do not reach.
    """
    num_cells = config.num_cells
    shape = (num_cells, num_cells, config.num_bands, config.num_antennas, config.max_users)
    dense = np.asarray(dense)
    if dense.shape != shape or dense.dtype.kind not in "fciu":
        raise ValueError(
            f"channels must be a complex array [tx_cell, rx_cell, band, antenna, user] of shape {shape}; got shape "
            f"{dense.shape} of {dense.dtype}. Reorder the axes or change the configuration."
        )
    users = config.user_mask[:, None, None, :]
    dense = np.where(users, dense, 0.0).astype(np.complex128)
    if not np.all(np.isfinite(dense)):
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(dense))[0])
        raise ValueError(
            f"channels must be finite; got {dense[where]} at [tx_cell, rx_cell, band, antenna, user] = {where}. Repair the recording."
        )
    silent = (config.mean_gain_matrix == 0) & np.any(dense != 0, axis=(2, 3, 4))
    if np.any(silent):
        tx, rx = (int(i) for i in np.argwhere(silent)[0])
        raise ValueError(
            f"channels must be zero between cells that do not interfere; got a channel from cell {tx} to cell {rx}, whose "
            f"mean gain is 0. Give mean_gains[{tx}][{rx}] > 0, or zero the channel."
        )
    cells = np.arange(num_cells)
    pads = (config.interferers < 0)[..., None, None, None]
    own, cross = dense[cells, cells], np.where(pads, 0.0, dense[config.interferers, cells[:, None]])
    _check_reach(config, own, cross)
    return own, cross


def _check_reach(config: NetworkConfig, own: OwnChannels, cross: CrossChannels) -> None:
    """Refuse channels on which squares of the INGR (7), in the unit in which the kernel holds powers, would leave the range of numbers."""
    lowest, highest = REACH_DB[config.dtype]
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        gains = np.sum(np.abs(own) ** 2, axis=-2)
        heard = np.einsum("ci,cifu->cfu", config.nominal_budgets[config.interferers], np.sum(np.abs(cross) ** 2, axis=-2))
        least, most = (10.0 * np.log10(total / (gains * config.power_unit)) for total in (1.0, 1.0 + heard))
    far = np.any(own != 0, axis=-2) & ~((least >= lowest) & (most <= highest))  # a zero channel is zero-forcing's to refuse
    if np.any(far):
        cell, band, user = (int(i) for i in np.argwhere(far)[0])
        raise ValueError(
            f"channels must be scaled so that the noise power is 1: in {config.dtype} noise and interference over a user's own gain must "
            f"be within [{lowest:g}, {highest:g}] dB of the nominal power; user {user} of cell {cell} has {least[cell, band, user]:.0f} to "
            f"{most[cell, band, user]:.0f} dB in band {band}. Divide the channels by the noise's amplitude."
        )
