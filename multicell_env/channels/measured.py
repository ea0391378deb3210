"""What a pool of recorded channels says of its network: who reaches whom, and how strongly."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

READ_BYTES = 2**26
"""Bytes of a pool that are read at once."""


class Measured(NamedTuple):
    """Statistics of a pool."""

    mean_gains: Float[np.ndarray, "tx_cell rx_cell user"]
    """Mean of |h|^2 over the antennas, the bands and some of the blocks, from every cell to every user."""
    reaches: Bool[np.ndarray, "tx_cell rx_cell user"]
    """Whether there is a channel at all in any block."""
    largest_gains: Float[np.ndarray, "cell user"]
    """Largest sum of |h|^2 over the antennas of the own cell, in any block and band."""
    not_finite: Int[np.ndarray, "tx_cell rx_cell user"]
    """The first block in which a channel is NaN or infinite; -1 where there is none."""


def measured(blocks: Shaped[np.ndarray, "block tx_cell rx_cell band antenna user"], counted: Bool[np.ndarray, " block"]) -> Measured:
    """Read a pool once, some blocks at a time.

    Args:
        blocks: The pool.
        counted: The blocks over which the mean gains are means.
    """
    num_blocks, num_cells, _, *_, num_users = blocks.shape
    cells, at_once = np.arange(num_cells), max(1, READ_BYTES // max(1, blocks[0].nbytes))
    sums, reaches = np.zeros((num_cells, num_cells, num_users)), np.zeros((num_cells, num_cells, num_users), bool)
    largest, not_finite = np.zeros((num_cells, num_users)), np.full(sums.shape, -1)
    for first in range(0, num_blocks, at_once):
        some = slice(first, first + at_once)
        powers = np.square(np.abs(blocks[some]), dtype=np.float64)
        means = powers.mean(axis=(3, 4))
        is_finite = np.isfinite(means)
        if not is_finite.all():
            is_bad = ~is_finite
            is_new = is_bad.any(axis=0) & (not_finite < 0)
            not_finite[is_new] = first + is_bad.argmax(axis=0)[is_new]
            means, powers = np.where(is_finite, means, 0.0), np.nan_to_num(powers, nan=0.0, posinf=0.0)
        sums += means[counted[some]].sum(axis=0)
        reaches |= (means > 0.0).any(axis=0)
        largest = np.maximum(largest, powers[:, cells, cells].sum(axis=3).max(axis=(0, 2)))
    return Measured(sums / max(1, np.count_nonzero(counted)), reaches, largest, not_finite)
