"""Frequency plans from mean gains, loads and budgets, without channels. Cells may share bands, and may be silent."""

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
"""Number of random starts of the search on networks that are too large for the best colouring."""
LEAK = 0.01
"""Share of uniform power in the initial powers of the ascent, in which a power of zero would stay zero."""
TOLERANCE = 1e-5
"""The ascent ends when an iteration raises the predicted sum rate by less than this fraction."""


class Plan(NamedTuple):
    """A frequency plan: powers for all cells, the same for every user of a cell."""

    fractions: Float[np.ndarray, "cell band"]
    """Share of its budget that each user spends in each band. The sum over the bands may be below 1; it is 0 in a silent cell."""
    predicted_rate: float
    """The network's sum rate on mean gains, bit/s/Hz; with fairness its users' utility."""


def planned_allocation(gains: Gains, user_budgets: Float[np.ndarray, "*#batch cell user"], config: NetworkConfig) -> Powers:
    """Powers by the plan of `best_plan`, which every user adapts to its gains by water-filling. The plan is computed once per network.

    A user spends the plan's total power in the plan's bands. With p the plan's powers, it water-fills on the levels

        1 / signal gain + max_f p[f] - p[f]:

    With equal gains in all bands its powers are p. If p is uniform, this is water-filling on its own gains.

    Args:
        gains: Gains of the blocks.
        user_budgets: Power that each user spends over its bands in the slot, in sigma^2.
        config: The network.
    """
    fractions = best_plan(config).fractions
    planned = fractions[..., None] * user_budgets[..., None, :]
    levels = 1.0 / gains.signal_gains + planned.max(axis=-2, keepdims=True) - planned
    spent = planned.sum(axis=-2)
    # The level of a band outside the plan is above any water level.
    too_high = levels.max(axis=-2, keepdims=True) + spent[..., None, :] + 1.0
    return water_fill(np.where(fractions[..., None] > 0.0, levels, too_high), spent)


@lru_cache(maxsize=64)
def best_plan(config: NetworkConfig) -> Plan:
    """The plan with the largest sum rate on mean gains that a search finds; never below `best_colouring`, if this is computed.

    With fairness it is the plan with the largest utility of the users' rates on mean gains.

    First `planned_sharing` assigns bands to cells. Then WMMSE improves the powers on `mean_gains`, from this plan and from points near it.
    """
    gains, budgets = mean_gains(config), config.split_among_users(config.nominal_budgets)
    sharing = spread(planned_sharing(config).owned)
    ends = [
        climb(gains, budgets, fractions[..., None] * budgets[:, None, :], fairness=config.fairness, tolerance=TOLERANCE)
        for fractions in (sharing, (1.0 - LEAK) * sharing + LEAK / config.num_bands)
    ]
    # Slightly more, so that bands stay empty in which power has no gain.
    inside, beside = (end.worth[-1] for end in ends)
    best = ends[int(beside > inside + TOLERANCE * abs(inside))]
    # Users of a cell are identical, and the first one is never padding. Powers that change no rate are removed from the plan.
    fractions = best.powers[..., 0] / budgets[:, :1]
    return Plan(np.where(fractions > 1e-6, fractions, 0.0), float(best.worth[-1]))


@lru_cache(maxsize=64)
def planned_sharing(config: NetworkConfig) -> Sharing:
    """The bands of every cell with the largest sum rate on `mean_gains` that `best_sharing` finds (with fairness `fair_sharing`).

    Up to `MAX_CELLS` cells the search starts at the best colouring, so its result is never worse. Beyond, it starts at full sharing and at
    `NUM_RANDOM_STARTS` random plans.
    """
    starts = best_colouring(config).owned[None] if config.num_cells <= MAX_CELLS else blind_starts(config)
    if config.fairness > 0.0:
        return fair_sharing(promises(config), starts, config.fairness)
    return best_sharing(promises(config), starts)


def blind_starts(config: NetworkConfig) -> np.ndarray:
    """Starts of the search without a colouring: full sharing, and random plans with many or few bands for each cell."""
    generator, shape = np.random.default_rng(0), (config.num_cells, config.num_bands)
    random = generator.random((NUM_RANDOM_STARTS, *shape)) < generator.random((NUM_RANDOM_STARTS, config.num_cells, 1))
    return np.concatenate([np.ones((1, *shape), bool), random])


def mean_gains(config: NetworkConfig) -> Gains:
    """The gains of a network without fading, [cell, band, user] and [cell, interferer, band, tx_user, user].

    With zero-forcing the mean gain of a user's own beam is (M - U_b + 1) a_{b,b}, and that of each beam of another cell a_{b',b}.
    """
    mask, others = config.user_mask, config.interferers
    shape = config.num_cells, config.num_bands, config.max_users
    own = (config.num_antennas - config.users_per_cell + 1) * config.own_gains
    signal = np.where(mask, own[:, None], 1.0)[:, None, :]
    between = config.interferer_gains[..., None, None] * mask[others][..., None] * mask[:, None, None, :]
    cross = np.broadcast_to(between[:, :, None], (*others.shape, *shape[1:], shape[2]))
    return Gains(np.broadcast_to(signal, shape), cross, others)


def promises(config: NetworkConfig) -> FullPower:
    """Rates on mean gains of a cell that spends its whole budget in one band. One user represents all users of a cell."""
    every = full_power(mean_gains(config), config.split_among_users(config.nominal_budgets))
    return FullPower(every.signals[..., :1], every.leaks[..., :1], config.users_per_cell.astype(np.float64))
