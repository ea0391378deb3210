"""Rayleigh channels, drawn from seeds."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import local

import numpy as np
from jaxtyping import Complex, Float, UInt64

from multicell_env.config import NetworkConfig
from multicell_env.kernels.drawing import NUMBERS_AT_ONCE, complex_normal
from multicell_env.kernels.random_bits import random_bits
from multicell_env.model.types import CrossChannels, OwnChannels

Part = tuple[Float[np.ndarray, " number"], tuple[int, ...]]
"""Amplitudes of the drawn numbers, and the shape of the channels."""

MOST_KEPT = 2**18
"""Largest draw, in numbers of 8 bytes, for which a thread reuses its memory. Larger draws allocate memory."""
_of_thread = local()


@dataclass(frozen=True)
class Rayleigh:
    """Rayleigh channels that are constant in a block, as in the paper."""

    @property
    def moves(self) -> bool:
        """False: channels are constant in a block."""
        return False

    def begin(self, config: NetworkConfig, generators: Sequence[np.random.Generator]) -> tuple[OwnChannels, CrossChannels]:
        """As `draw_many` with `in_passing`."""
        return draw_many(config, generators, in_passing=True)

    def begin_by_cell(self, config: NetworkConfig, generator: np.random.Generator) -> tuple[OwnChannels, Iterator[CrossChannels]]:
        """As `draw_by_cell`."""
        return draw_by_cell(config, generator)

    def advance(
        self, config: NetworkConfig, generators: Sequence[np.random.Generator], own: OwnChannels, cross: CrossChannels
    ) -> tuple[OwnChannels, CrossChannels]:
        """The same channels, which are constant."""
        return own, cross


def draw_channels(config: NetworkConfig, generator: np.random.Generator) -> tuple[OwnChannels, CrossChannels]:
    """Draw the Rayleigh channels of one block.

        h_{b',(b,u)}[f] ~ CN(0, a_{b',b} I_M), so that E||h||^2 / M = a_{b',b}          (2), (23)

    They are drawn in single precision and then converted to `config.dtype`, so that both precisions have the same channels.

    Args:
        config: The network.
        generator: Random generator. The same state gives the same channels.

    Returns:
        Own channels and cross channels; entry `[b, i]` of the latter comes from cell `config.interferers[b, i]`.
        Padded users and padded interferers have zero channels.
    """
    own, cross = draw_many(config, [generator])
    return own[0], cross[0]


def draw_many(
    config: NetworkConfig, generators: Sequence[np.random.Generator], *, in_passing: bool = False
) -> tuple[OwnChannels, CrossChannels]:
    """`draw_channels` for several blocks with one generator each. Each block depends on its own generator only.

    Args:
        config: The network.
        generators: Random generators, one for each block.
        in_passing: Whether this thread's next draw with `in_passing` may overwrite the channels, which is faster than new memory.

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


def draw_by_cell(config: NetworkConfig, generator: np.random.Generator) -> tuple[OwnChannels, Iterator[CrossChannels]]:
    """`draw_channels`, bit for bit, with the cross channels of one cell at a time in memory.

    Args:
        config: The network.
        generator: Random generator. After the last cell it has the same state as after `draw_channels`.

    Returns:
        Own channels, and an iterator over the cells' cross channels `[interferer, band, antenna, user]`.
    """
    row = (config.num_bands, config.num_antennas, config.max_users)
    own_amplitudes, crossing_amplitudes = config.amplitudes
    dtype = np.result_type(config.dtype, np.complex64)

    own = draw_numbers([generator], own_amplitudes, (config.num_cells, *row), in_vectors=True)[0].astype(dtype, copy=False)
    of_cell = (config.interferers.shape[1], *row)
    behind = -config.num_cells * math.prod(of_cell) % NUMBERS_AT_ONCE

    def crossings() -> Iterator[CrossChannels]:
        for amplitudes in crossing_amplitudes:
            yield draw_numbers([generator], amplitudes, of_cell)[0].astype(dtype, copy=False)
        random_bits([generator], np.empty((1, behind), np.uint64))

    return own, crossings()


def draw_numbers(
    generators: Sequence[np.random.Generator],
    amplitudes: Float[np.ndarray, "..."],
    shape: tuple[int, ...],
    *,
    in_vectors: bool = False,
) -> Complex[np.ndarray, "generator ..."]:
    """Independent complex normal numbers of each generator, in single precision.

    Args:
        generators: Random generators.
        amplitudes: Square roots of the mean squares, which broadcast to `shape`.
        shape: Shape of the numbers of one generator.
        in_vectors: Whether each generator draws whole vectors of `NUMBERS_AT_ONCE`, and the excess is discarded.
    """
    size = math.prod(shape)
    padded = np.pad(np.broadcast_to(amplitudes, shape).ravel(), (0, -size % NUMBERS_AT_ONCE))
    bits = np.zeros((len(generators), len(padded)), np.uint64)
    asked = bits if in_vectors else np.empty((len(generators), size), np.uint64)
    random_bits(generators, asked)
    bits[:, : asked.shape[1]] = asked
    return _channels(bits, (padded, shape))


def _own_memory(size: int) -> UInt64[np.ndarray, " size"]:
    """Memory of the calling thread, reused in every call that needs no more than an earlier one."""
    if size > len(getattr(_of_thread, "memory", ())):
        _of_thread.memory = np.empty(size, np.uint64)
    return _of_thread.memory[:size]


def _channels(bits: UInt64[np.ndarray, "block number"], part: Part) -> Complex[np.ndarray, "block ..."]:
    """Random bits to channels."""
    amplitudes, shape = part
    complex_normal(bits, amplitudes, bits.view(np.float32))  # in place: a number is as large as its bits
    numbers, size = bits.view(np.complex64), math.prod(shape)
    whole = numbers if len(amplitudes) == size else np.ascontiguousarray(numbers[:, :size])
    return whole.reshape(len(bits), *shape)


@lru_cache(maxsize=32)
def _numbers_to_draw(config: NetworkConfig) -> list[Part]:
    """Amplitudes of own and of cross channels, in whole vectors, the last one padded with zeros; and the shape of the channels."""
    row = (config.num_bands, config.num_antennas, config.max_users)
    parts = []
    for amplitudes, links in zip(config.amplitudes, [(config.num_cells,), config.interferers.shape], strict=True):
        flat = np.broadcast_to(amplitudes, (*links, *row)).ravel()
        parts.append((np.pad(flat, (0, -flat.size % NUMBERS_AT_ONCE)), (*links, *row)))
    return parts
