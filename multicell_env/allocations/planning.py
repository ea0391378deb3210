"""A frequency plan from statistics alone: no channels, only mean gains, loads and budgets. Cells may share bands, and may be silent."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from multicell_env.allocations.climbing import climb
from multicell_env.allocations.colouring import MAX_CELLS, best_colouring
from multicell_env.allocations.fair_sharing import fair_sharing
from multicell_env.allocations.sharing import FullPower, Sharing, best_sharing, full_power, spread
from multicell_env.config import NetworkConfig
from multicell_env.model.types import Gains, Powers
from multicell_env.model.waterfilling import water_fill

NUM_RANDOM_STARTS = 8
"""Random starts of a search for more cells than can be coloured."""
LEAK = 0.01
"""Share of uniform power where the powers of a plan begin to climb: a power of zero would stay zero."""
TOLERANCE = 1e-5
"""The climb ends when an iteration raises the promised sum rate by less than this share of it."""


class Plan(NamedTuple):
    """Powers for all cells, the same for every user of a cell."""

    fractions: Float[np.ndarray, "cell band"]
    """Which share of its budget each user spends in each band. The sum over the bands may be below 1, and 0 in a silent cell."""
    predicted_rate: float
    """The network's sum rate that mean gains promise, bit/s/Hz; with fairness its users' utility."""


def planned_allocation(gains: Gains, user_budgets: Float[np.ndarray, "*#batch cell user"], config: NetworkConfig) -> Powers:
    """Every user water-fills around the powers that `best_plan` gives its cell. The plan is made once for a network.

    A user spends what the plan lets it spend, in the plan's bands. With p the plan's power, it fills on

        1 / signal gain + max_f p[f] - p[f]:

    on equal gains it spends p, and where the plan spreads the power evenly it water-fills on its own gains.

    Args:
        gains: Gains of the blocks.
        user_budgets: What each user spends over its bands in the slot, in sigma^2.
        config: The network.
    """
    fractions = best_plan(config).fractions
    planned = fractions[..., None] * user_budgets[..., None, :]
    levels = 1.0 / gains.signal_gains + planned.max(axis=-2, keepdims=True) - planned
    spent = planned.sum(axis=-2)
    # A band outside the plan costs more than any water can cover.
    too_high = levels.max(axis=-2, keepdims=True) + spent[..., None, :] + 1.0
    return water_fill(np.where(fractions[..., None] > 0.0, levels, too_high), spent)


@lru_cache(maxsize=64)
def best_plan(config: NetworkConfig) -> Plan:
    """The plan with the largest sum rate that a search finds on mean gains: never below `best_colouring`, where that is known.

    With fairness it is the plan with the largest utility of the users' rates on mean gains.

    First `planned_sharing` gives bands to the cells; then WMMSE climbs from their powers, and from just beside them, on `mean_gains`.
    """
    gains, budgets = mean_gains(config), config.split_among_users(config.nominal_budgets)
    sharing = spread(planned_sharing(config).owned)
    ends = [
        climb(gains, budgets, fractions[..., None] * budgets[:, None, :], fairness=config.fairness, tolerance=TOLERANCE)
        for fractions in (sharing, (1.0 - LEAK) * sharing + LEAK / config.num_bands)
    ]
    # A hair above, so that bands are left empty where power in them gains nothing.
    inside, beside = (end.worth[-1] for end in ends)
    best = ends[int(beside > inside + TOLERANCE * abs(inside))]
    # Users of a cell are alike, and the first one is never padding. What no rate notices is no part of the plan.
    fractions = best.powers[..., 0] / budgets[:, :1]
    return Plan(np.where(fractions > 1e-6, fractions, 0.0), float(best.worth[-1]))


@lru_cache(maxsize=64)
def planned_sharing(config: NetworkConfig) -> Sharing:
    """The bands of every cell with the largest promised sum rate that `best_sharing` finds on `mean_gains` (with fairness `fair_sharing`).

    Up to `MAX_CELLS` cells the search begins at the best colouring, and so never ends below it; beyond, at full sharing and at
    `NUM_RANDOM_STARTS` random plans.
    """
    starts = best_colouring(config).owned[None] if config.num_cells <= MAX_CELLS else blind_starts(config)
    if config.fairness > 0.0:
        return fair_sharing(promises(config), starts, config.fairness)
    return best_sharing(promises(config), starts)


def blind_starts(config: NetworkConfig) -> np.ndarray:
    """Where a search begins that knows no colouring: at full sharing, and at random plans with many or few bands for each cell."""
    generator, shape = np.random.default_rng(0), (config.num_cells, config.num_bands)
    random = generator.random((NUM_RANDOM_STARTS, *shape)) < generator.random((NUM_RANDOM_STARTS, config.num_cells, 1))
    return np.concatenate([np.ones((1, *shape), bool), random])


def mean_gains(config: NetworkConfig) -> Gains:
    """The gains of a network without fading, [cell, band, user] and [cell, interferer, band, tx_user, user].

    Zero-forcing leaves a user the mean gain (M - U_b + 1) a_{b,b} of its own beam, and a_{b',b} of each beam of another cell.
    """
    mask, others = config.user_mask, config.interferers
    shape = config.num_cells, config.num_bands, config.max_users
    own = (config.num_antennas - config.users_per_cell + 1) * config.own_gains
    signal = np.where(mask, own[:, None], 1.0)[:, None, :]
    between = config.interferer_gains[..., None, None] * mask[others][..., None] * mask[:, None, None, :]
    cross = np.broadcast_to(between[:, :, None], (*others.shape, *shape[1:], shape[2]))
    return Gains(np.broadcast_to(signal, shape), cross, others)


def promises(config: NetworkConfig) -> FullPower:
    """What mean gains promise a cell that spends its whole budget in one band; one user stands for all of its cell."""
    every = full_power(mean_gains(config), config.split_among_users(config.nominal_budgets))
    return FullPower(every.signals[..., :1], every.leaks[..., :1], config.users_per_cell.astype(np.float64))
