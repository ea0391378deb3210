"""The best frequency plan in which cells share all their bands or none: a colouring of the cells, in which some may be silent."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int

from multicell_env.allocations.sharing import Sharing
from multicell_env.config import NetworkConfig
from multicell_env.kernels.compiling import compiled_entry
from multicell_env.model.fairness import alpha_fair_utility
from multicell_env.model.interference import log2_of_1_plus

MAX_CELLS = 14
"""The most cells that `best_colouring` colours."""


@lru_cache(maxsize=64)
def best_colouring(config: NetworkConfig) -> Sharing:
    """The colouring of the cells, and the division of the bands among the colours, with the largest promised sum rate.

    Cells of one colour share its bands, cells of two colours share none, and a cell without a colour is silent. Every choice of silent
    cells, every number of colours from 1 (full sharing) to F and every division with a band for each colour is weighed by what mean
    gains promise. With n bands for its colour, a cell is promised

        n U_b log2(1 + (M - U_b + 1) a_{b,b} P_b / (n U_b) / (1 + sum over the others of its colour of a_{b',b} P_{b'} / n)),

    because zero-forcing leaves a user the mean gain (M - U_b + 1) a_{b,b} of its own beam, and a_{b',b} of each other beam. Exact:
    dynamic programming over sets of cells, in O(3^B F^2). The colours take their bands by turns. With fairness it is the colouring with the
    largest utility of the users' promised rates, and as exact: a cell's utility depends on nothing but its colour.

    Raises:
        ValueError: more than `MAX_CELLS` cells; each one more takes three times as long.
    """
    if config.num_cells > MAX_CELLS:
        raise ValueError(
            f"best_colouring weighs all colourings, for at most {MAX_CELLS} cells; got B={config.num_cells}. "
            "Lower num_cells, or take best_plan, which searches without colours."
        )
    rates = predicted_rates(config)
    groups, counts = np.zeros(config.num_cells, np.int64), np.zeros(config.num_cells, np.int64)
    best = _colour(rates, groups, counts)
    owned = np.zeros((config.num_cells, config.num_bands), bool)
    for band, colour in enumerate(_by_turns(counts)):
        owned[:, band] = (groups[colour] >> np.arange(config.num_cells)) & 1 == 1
    silence = 0.0 if config.fairness == 0.0 else config.users_per_cell.sum() * alpha_fair_utility(np.zeros(()), config.fairness)
    return Sharing(owned, float(best + silence))


def predicted_rates(config: NetworkConfig) -> Float[np.ndarray, "group band"]:
    """What each set of cells is promised in sum if its cells alone share 1, 2, ... F bands, bit/s/Hz; bit b of a set is cell b.

    With fairness, how much more utility that is for their users than silence.
    """
    members = (np.arange(2**config.num_cells)[:, None] >> np.arange(config.num_cells)) & 1
    between = config.mean_gain_matrix * (1.0 - np.eye(config.num_cells))
    num_bands = np.arange(1, config.num_bands + 1)[:, None]
    users, powers = config.users_per_cell, config.nominal_budgets / num_bands
    signals = (config.num_antennas - users + 1) * config.own_gains * powers / users
    interference = (members[:, None] * powers) @ between
    if config.fairness == 0.0:
        return (members[:, None] * num_bands * users * log2_of_1_plus(signals / (1.0 + interference))).sum(axis=-1)
    rates = num_bands * log2_of_1_plus(signals / (1.0 + interference))
    gained = alpha_fair_utility(rates, config.fairness) - alpha_fair_utility(np.zeros(()), config.fairness)
    return (members[:, None] * users * gained).sum(axis=-1)


def _by_turns(counts: Int[np.ndarray, " colour"]) -> list[int]:
    """The colour of every band: in each round all colours that still need one take a band."""
    return [colour for turn in range(counts.max()) for colour in np.flatnonzero(counts > turn).tolist()]


@compiled_entry
def _colour(rates, groups, counts):
    """Fills in the cells and the number of bands of every colour, by their first cells; returns the sum rate."""
    num_sets, num_bands = rates.shape
    # best[cells, n]: largest rate of these cells on n bands. Their first cell is silent where nothing is `taken`; otherwise its colour has
    # the cells that are taken, and `shares` bands.
    best = np.full((num_sets, num_bands + 1), -np.inf)
    taken, shares = np.zeros((num_sets, num_bands + 1), np.int64), np.zeros((num_sets, num_bands + 1), np.int64)
    best[0, 0] = 0.0
    for cells in range(1, num_sets):
        first = cells & -cells
        others = cells ^ first
        for total in range(num_bands + 1):
            best[cells, total] = best[others, total]
        part = others
        while True:
            group = part | first
            for share in range(1, num_bands + 1):
                for rest in range(num_bands + 1 - share):
                    rate = best[cells ^ group, rest] + rates[group, share - 1]
                    # A hair above, so that rounding does not choose between equals.
                    if rate > best[cells, share + rest] * (1.0 + 1e-12):
                        best[cells, share + rest] = rate
                        taken[cells, share + rest], shares[cells, share + rest] = group, share
            if part == 0:
                break
            part = (part - 1) & others
    cells, left, colour = num_sets - 1, num_bands, 0
    while cells:
        if taken[cells, left] == 0:
            cells &= cells - 1  # the first cell is silent
        else:
            groups[colour], counts[colour] = taken[cells, left], shares[cells, left]
            cells, left, colour = cells ^ groups[colour], left - counts[colour], colour + 1
    return best[num_sets - 1, num_bands]
