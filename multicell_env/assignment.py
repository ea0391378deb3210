"""The best exclusive assignment of bands to cells: a bound on every plan in which no two cells share a band."""

from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from multicell_env.beamforming import Gains
from multicell_env.interference import Powers, log2_of_1_plus
from multicell_env.simd import compiled_entry
from multicell_env.waterfilling import water_fill_within

MAX_BANDS = 16
"""The most bands that `best_assignment` searches."""


class Assignment(NamedTuple):
    """A way to give every band to exactly one cell."""

    owners: Int[np.ndarray, "*batch band"]
    """Which cell owns each band."""
    powers: Powers
    """Transmit powers: each user water-fills over its cell's bands."""
    sum_rates: Float[np.ndarray, "*batch cell"]
    """Rate of each cell, bit/s/Hz; nobody interferes with anybody."""


def best_assignment(gains: Gains, user_budgets: Float[np.ndarray, "*#batch cell user"]) -> Assignment:
    """The exclusive band-to-cell assignment with the largest network sum rate: the assignment bound.

    A centralised reference that needs every cell's channels. Exact: a cell's rate depends only on which bands it owns, so
    all B^F assignments are searched by dynamic programming over subsets of bands (each cell takes a subset of what the cells
    before it left), in O(B 3^F) instead of O(B^F).

    Args:
        gains: Gains of the blocks.
        user_budgets: What each user spends over its bands in the slot, in sigma^2.

    Raises:
        ValueError: more than `MAX_BANDS` bands; each one more takes three times as long.
    """
    *batch, num_cells, num_bands, num_users = gains.signal_gains.shape
    if num_bands > MAX_BANDS:
        raise ValueError(
            f"best_assignment searches all assignments, for at most {MAX_BANDS} bands; got F={num_bands}. "
            "Lower num_bands, or take greedy_assignment, which is no bound."
        )
    blocks = prod(batch)
    levels = np.ascontiguousarray(1.0 / gains.signal_gains.astype(np.float64)).reshape(blocks, num_cells, num_bands, num_users)
    budgets = np.ascontiguousarray(np.broadcast_to(user_budgets, (*batch, num_cells, num_users)), np.float64)
    owners = np.zeros((*batch, num_bands), np.int64)
    order = np.ascontiguousarray(np.argsort(levels, axis=-2))  # here, because numba takes seconds to compile its own
    _search(levels, order, budgets.reshape(blocks, num_cells, num_users), owners.reshape(blocks, num_bands))
    return assigned(owners, gains, user_budgets)


def assigned(owners: Int[np.ndarray, "*batch band"], gains: Gains, user_budgets: Float[np.ndarray, "*#batch cell user"]) -> Assignment:
    """The assignment with these owners: each user water-fills over its cell's bands, and nobody interferes.

    Args:
        owners: Which cell owns each band.
        gains: Gains of the blocks.
        user_budgets: What each user spends over its bands in the slot, in sigma^2.
    """
    owned = np.equal(owners[..., None, :], np.arange(gains.signal_gains.shape[-3])[:, None])
    powers = water_fill_within(owned, gains, user_budgets)
    return Assignment(owners, powers, log2_of_1_plus(powers * gains.signal_gains).sum(axis=(-2, -1)))


@compiled_entry
def _search(levels, order, budgets, owners):
    """Owners of every block's bands, where all were the first cell's. A set of bands is a number whose bits are its bands."""
    num_blocks, num_cells, num_bands, num_users = levels.shape
    num_sets = 1 << num_bands
    rates = np.empty((num_cells, num_sets))
    bands, num_open = np.zeros(num_sets, np.int64), np.zeros(num_sets, np.int64)
    depths, logs = np.zeros(num_sets), np.zeros(num_sets)
    ascending, above = np.empty(num_bands), np.empty((num_bands, num_bands))
    # best: largest sum rate of the cells so far if they own exactly these bands; taken: which of them are the last cell's.
    best, candidates = np.empty(num_sets), np.empty(num_sets)
    taken = np.zeros((num_cells, num_sets), np.int64)
    for block in range(num_blocks):
        # Rates of every cell on every set. For each user, sets are built from its lowest level up, so that one more band either opens
        # or lies above the water and changes nothing.
        for cell in range(num_cells):
            for chosen in range(num_sets):
                rates[cell, chosen] = 0.0
            for user in range(num_users):
                budget = budgets[block, cell, user]
                if budget <= 0.0:
                    continue
                for i in range(num_bands):
                    ascending[i] = levels[block, cell, order[block, cell, i, user], user]
                for i in range(num_bands):
                    for j in range(i, num_bands):
                        above[i, j] = np.log1p((ascending[j] - ascending[i]) / ascending[i])
                for highest in range(num_bands):
                    for chosen in range(1 << highest, 2 << highest):
                        without = chosen - (1 << highest)
                        bands[chosen] = bands[without] | (1 << order[block, cell, highest, user])
                        if without == 0:
                            lowest = highest
                            num_open[chosen], depths[chosen], logs[chosen] = 1, 0.0, 0.0
                        else:
                            lowest = 0
                            while not (without >> lowest) & 1:
                                lowest += 1
                            depth = ascending[highest] - ascending[lowest]
                            opens = budget + depths[without] > num_open[without] * depth
                            num_open[chosen] = num_open[without] + opens
                            depths[chosen] = depths[without] + (depth if opens else 0.0)
                            logs[chosen] = logs[without] + (above[lowest, highest] if opens else 0.0)
                        # Relative to the lowest level, so that a common offset costs no digits.
                        water = (budget + depths[chosen]) / num_open[chosen]
                        rates[cell, bands[chosen]] += num_open[chosen] * np.log1p(water / ascending[lowest]) - logs[chosen]

        for chosen in range(num_sets):
            best[chosen] = rates[0, chosen]
        for cell in range(1, num_cells):
            # The last cell shares with the others whatever there is.
            for owned in range(num_sets - 1 if cell == num_cells - 1 else 0, num_sets):
                part, most, choice = owned, -1.0, 0
                while True:
                    total = best[owned ^ part] + rates[cell, part]
                    if total >= most:
                        most, choice = total, part
                    if part == 0:
                        break
                    part = (part - 1) & owned
                candidates[owned], taken[cell, owned] = most, choice
            for chosen in range(num_sets):
                best[chosen] = candidates[chosen]

        left = num_sets - 1
        for cell in range(num_cells - 1, 0, -1):
            part = taken[cell, left]
            for band in range(num_bands):
                if (part >> band) & 1:
                    owners[block, band] = cell
            left ^= part
