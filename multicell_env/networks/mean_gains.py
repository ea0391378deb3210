"""Mean channel gains between cells, per cell or per user: dense for few cells, as links for many."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from multicell_env.config_checks import as_array

MOST_DENSE = 64
"""Largest number of cells whose gains are stored as a matrix; larger networks store links."""
MOST_SHOWN = 8
"""Largest number of cells whose gains an error message shows in full."""


@dataclass(frozen=True)
class SparseGains:
    """Mean gains as a list of links between cells, linear. Pairs of cells without a link have gain 0.

    Arrays and sequences are accepted, and stored as tuples sorted by `rx` and then `tx`, without links of gain 0. The link of a cell to
    itself is its own gain.

    Raises:
        ValueError: the lengths differ, cells are not whole numbers, or a link is given twice.
    """

    tx: tuple[int, ...]
    """Transmitting cell of each link."""
    rx: tuple[int, ...]
    """Receiving cell of each link."""
    gains: tuple[float, ...] | tuple[tuple[float, ...], ...]
    """Mean gain of each link, `[link]`, or of each user on it, `[link, user]`; linear."""

    def __post_init__(self) -> None:
        tx, rx, gains = as_array(self.tx, "tx", "[link]"), as_array(self.rx, "rx", "[link]"), _numbers(self.gains)
        if tx.ndim != 1 or rx.shape != tx.shape or gains.shape[:1] != tx.shape or gains.ndim not in (1, 2):
            raise ValueError(
                f"tx and rx must have one number for each link, and gains one, or one for each user; got shapes {tx.shape}, {rx.shape} and "
                f"{gains.shape}. Give as many of each."
            )
        if tx.size and not (tx.dtype.kind in "iu" and rx.dtype.kind in "iu" and min(tx.min(), rx.min()) >= 0):
            raise ValueError(f"tx and rx must be numbers of cells from 0 on; got {tx.dtype} and {rx.dtype}. Give whole numbers.")
        order = np.lexsort((tx, rx))
        order = order[np.any(np.atleast_2d(gains.T)[:, order] != 0, axis=0)]
        tx, rx, gains = tx[order], rx[order], gains[order]
        twice = np.flatnonzero((np.diff(tx) == 0) & (np.diff(rx) == 0))
        if twice.size:
            raise ValueError(f"a link must be given once; got two from cell {tx[twice[0]]} to cell {rx[twice[0]]}. Give their sum.")
        kept: Any = gains.tolist()
        for name, values in (("tx", tx.tolist()), ("rx", rx.tolist()), ("gains", map(tuple, kept) if gains.ndim == 2 else kept)):
            object.__setattr__(self, name, tuple(values))


Matrix = tuple[tuple[float, ...], ...]
"""Mean gains `[tx_cell][rx_cell]`, linear."""
UserMatrix = tuple[tuple[tuple[float, ...], ...], ...]
"""Mean gains `[tx_cell][rx_cell][user]`, linear."""
MeanGains = Matrix | UserMatrix | Any
"""Stored mean gains: `Matrix` or `UserMatrix` up to `MOST_DENSE` cells, `SparseGains` beyond. Any of these or an array is accepted."""


class GainTable(NamedTuple):
    """Mean gains by receiving cell, linear. The user axis has length 1 if all users of a cell have the same gain."""

    own: Float[np.ndarray, "cell user"]
    """Gains from each cell to its own users."""
    interferers: Int[np.ndarray, "cell interferer"]
    """The other cells that reach each cell, ascending; shorter rows are padded with -1."""
    crossing: Float[np.ndarray, "cell interferer user"]
    """Gains from the interferers; 0 for padding."""

    def matrix(
        self, own: Float[np.ndarray, " cell"], crossing: Float[np.ndarray, "cell interferer"]
    ) -> Float[np.ndarray, "tx_cell rx_cell"]:
        """Gains in the order of this table, averaged over users, as a matrix."""
        gains, (rows, places) = np.diag(own), np.nonzero(self.interferers >= 0)
        gains[self.interferers[rows, places], rows] = crossing[rows, places]
        return gains


def checked_mean_gains(value: Any, user_mask: Bool[np.ndarray, "cell user"]) -> MeanGains:
    """Check mean gains, and convert them to the form in which a network stores them.

    Args:
        value: A matrix `[tx_cell][rx_cell]` or `[tx_cell][rx_cell][user]` (array or lists), `SparseGains`, or a SciPy sparse matrix.
        user_mask: True for users; gains of padding are ignored.

    Raises:
        ValueError: a wrong shape, a cell that does not exist, a gain that is negative, not finite or beyond 300 dB, or a cell that does not
            reach its own users.
    """
    num_cells, max_users = user_mask.shape
    if hasattr(value, "tocoo"):
        entries = value.tocoo()
        value = SparseGains(entries.row, entries.col, entries.data)
    links = isinstance(value, SparseGains)
    gains = _numbers(value.gains if links else value)
    expected = (len(value.tx),) if links else (num_cells, num_cells)
    if gains.shape not in (expected, (*expected, max_users)):
        if links:
            raise ValueError(f"mean_gains must have one gain for each link, or {max_users}, one for each user; got shape {gains.shape}.")
        raise ValueError(
            f"mean_gains must be a square matrix [tx_cell][rx_cell] of numbers; got shape {gains.shape} for {num_cells} cells. Give "
            f"{num_cells} rows of {num_cells} linear gains, or of lists of {max_users}, one for each user."
        )
    if links and value.tx and max(*value.tx, *value.rx) >= num_cells:
        raise ValueError(f"mean_gains must be of {num_cells} cells; got cell {max(*value.tx, *value.rx)}. Raise num_cells.")
    if gains.ndim > len(expected):
        gains = np.where(user_mask[list(value.rx)] if links else user_mask, gains, 0.0)
        value = SparseGains(value.tx, value.rx, gains) if links else value  # pyright: ignore[reportArgumentType]
    _check_range(gains, value if links else None)
    if links and num_cells <= MOST_DENSE:
        gains = _as_matrix(value, gains, num_cells)
    elif not links and num_cells > MOST_DENSE:
        tx, rx = np.nonzero(np.any(gains.reshape(num_cells, num_cells, -1) != 0, axis=-1))
        value = SparseGains(tx, rx, gains[tx, rx])  # pyright: ignore[reportArgumentType]
    own = table_of(value if num_cells > MOST_DENSE else gains, num_cells).own
    if np.any(silent := (own <= 0) & user_mask):
        few = own.tolist() if own.shape[1] > 1 else own[:, 0].tolist()
        shown = few if num_cells <= MOST_SHOWN else f"0 for cell {int(np.argwhere(silent)[0, 0])}"
        raise ValueError(
            f"mean_gains must be positive on its diagonal (a cell must reach its own users); got {shown}. Give each cell a gain to itself."
        )
    if num_cells > MOST_DENSE:
        return value
    rows: Any = gains.tolist()
    return tuple(tuple(map(tuple, row)) for row in rows) if gains.ndim == 3 else tuple(map(tuple, rows))


def user_means(gains: MeanGains | None, user_mask: Bool[np.ndarray, "cell user"]) -> MeanGains | None:
    """Mean gains averaged over the users of a cell. Gains per cell are returned unchanged.

    Args:
        gains: As a network stores them.
        user_mask: True for users, False for padding.
    """
    links = isinstance(gains, SparseGains)
    values = np.zeros(0) if gains is None else np.array(gains.gains if links else gains)
    if values.ndim < (2 if links else 3):
        return gains
    means = np.mean(values, axis=-1, where=user_mask[list(gains.rx)] if links else user_mask)
    return SparseGains(gains.tx, gains.rx, means) if links else tuple(map(tuple, means.tolist()))  # pyright: ignore[reportArgumentType]


def gains_from_json(value: Any) -> MeanGains | None:
    """Mean gains from lists, or from a dict with the lists of `SparseGains`; None is returned unchanged.

    Raises:
        TypeError, ValueError: the value does not describe gains.
    """
    if isinstance(value, Mapping):
        return SparseGains(**value)
    if value is None or isinstance(value, SparseGains):
        return value
    return tuple(tuple(tuple(map(float, gain)) if isinstance(gain, list | tuple) else float(gain) for gain in row) for row in value)  # pyright: ignore[reportReturnType]


def table_of(gains: Float[np.ndarray, "tx_cell rx_cell *user"] | SparseGains, num_cells: int) -> GainTable:
    """Gains by receiving cell."""
    if isinstance(gains, SparseGains):
        senders, receivers, of_link = np.array(gains.tx, np.intp), np.array(gains.rx, np.intp), np.array(gains.gains, np.float64)
    else:
        receivers, senders = np.nonzero(np.any(gains.reshape(num_cells, num_cells, -1) != 0, axis=-1).T)
        of_link = gains[senders, receivers]
    of_link = of_link.reshape(len(senders), -1 if of_link.size else 1)
    own, is_own = np.zeros((num_cells, of_link.shape[1])), senders == receivers
    own[senders[is_own]] = of_link[is_own]
    senders, receivers, of_link = senders[~is_own], receivers[~is_own], of_link[~is_own]
    counts = np.bincount(receivers, minlength=num_cells)
    places = np.arange(len(receivers)) - np.repeat(np.cumsum(counts) - counts, counts)
    interferers = np.full((num_cells, counts.max()), -1)
    crossing = np.zeros((*interferers.shape, own.shape[1]))
    interferers[receivers, places], crossing[receivers, places] = senders, of_link
    return GainTable(own, interferers, crossing)


def _numbers(value: Any) -> Float[np.ndarray, "..."]:
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ValueError("mean_gains must have all of its entries; got a masked array. Fill what is masked: array.filled(0).")
    try:
        return np.array(value, dtype=np.float64)
    except (OverflowError, RuntimeError, TypeError, ValueError):
        return np.empty(0)


def _as_matrix(links: SparseGains, gains: Float[np.ndarray, "link *user"], num_cells: int) -> Float[np.ndarray, "tx_cell rx_cell *user"]:
    matrix = np.zeros((num_cells, num_cells, *gains.shape[1:]))
    matrix[np.array(links.tx, np.int64), np.array(links.rx, np.int64)] = gains
    return matrix


def _check_range(gains: Float[np.ndarray, "..."], links: SparseGains | None) -> None:
    def shown(wrong: np.ndarray) -> Any:
        if links is None and len(gains) <= MOST_SHOWN:
            return gains.tolist()
        place = np.argwhere(wrong)[0]
        pair = (links.tx[place[0]], links.rx[place[0]]) if links is not None else tuple(place[:2].tolist())
        return f"{gains[tuple(place)]} at [tx_cell, rx_cell] = {list(pair)}"

    if np.any(wrong := ~(np.isfinite(gains) & (gains >= 0))):
        raise ValueError(
            f"mean_gains must be finite and non-negative (they are linear, not dB); got {shown(wrong)}. Convert decibels by 10**(dB/10)."
        )
    if np.any(wrong := (gains > 0) & ((gains < 1e-30) | (gains > 1e30))):
        raise ValueError(
            f"mean_gains must be 0 or within [1e-30, 1e30], which is 300 dB either way; got {shown(wrong)}. Scale them to noise power 1."
        )
