"""WMMSE with global channel knowledge: a centralised reference that converges to a stationary point of the weighted sum rate."""

import numpy as np

from multicell_env.allocations.assignment import MAX_BANDS, best_assignment
from multicell_env.allocations.climbing import Climb, UserBudgets, climb
from multicell_env.allocations.fair_sharing import fair_sharing
from multicell_env.allocations.greedy_assignment import greedy_assignment
from multicell_env.allocations.sharing import best_sharing, full_power, spread
from multicell_env.allocations.simple import uniform_allocation
from multicell_env.model.types import Gains, Powers

NUM_RANDOM_STARTS = 5
"""Number of random starts of `wmmse`."""
RANDOM_DECADES = 3.0
"""Range of the cells' powers in a band in a random start, in decades."""
LEAK, SHARING_LEAK = 0.1, 0.01
"""Shares of uniform power in the starts near the best assignment and near the best sharing; powers of zero would stay zero."""
SHARING_KICKS, SHARING_KICKS_PER_CELL = 30, 3
"""Number of perturbations in the search for the best sharing: the minimum, and per cell."""
START_NAMES = (
    "uniform",
    *(f"random {index}" for index in range(NUM_RANDOM_STARTS)),
    "assignment",
    "beside the assignment",
    "beside the sharing",
)
"""Names of the starts of `wmmse`, as in `starts`."""


def wmmse(gains: Gains, user_budgets: UserBudgets, fairness: float = 0.0) -> Climb:
    """The best result of WMMSE from all `starts`, for every block; never worse than the exclusive assignment.

    It is a centralised reference that needs the channels of all cells. It is a local optimum and no upper bound.

    Args:
        gains: Gains of the blocks.
        user_budgets: Budget of each user over its bands in the slot, in sigma^2.
        fairness: alpha of the utility to maximise; 0 is the sum rate.
    """
    best, *others = (climb(gains, user_budgets, start, fairness=fairness) for start in starts(gains, user_budgets, fairness).values())
    for end in others:
        higher = end.worth[..., -1] > best.worth[..., -1]
        best = Climb(np.where(higher[..., None, None, None], end.powers, best.powers), np.where(higher[..., None], end.worth, best.worth))
    return best


def fractional_programming(gains: Gains, user_budgets: UserBudgets, fairness: float = 0.0) -> Climb:
    """Fractional programming in closed form, from uniform powers. Its iterations equal WMMSE's (see `climb`), with a single start.

    Args:
        gains: Gains of the blocks.
        user_budgets: Budget of each user over its bands in the slot, in sigma^2.
        fairness: alpha of the utility to maximise; 0 is the sum rate.
    """
    return climb(gains, user_budgets, uniform_allocation(gains, user_budgets), fairness=fairness)


def starts(gains: Gains, user_budgets: UserBudgets, fairness: float = 0.0) -> dict[str, Powers]:
    """The initial powers of `wmmse`, in sigma^2, by `START_NAMES`. They are deterministic, and do not depend on other blocks.

    * uniform: every user spreads its budget evenly;
    * random: in every band one random cell has full power, and the powers of the others are reduced by random factors;
    * assignment: the exclusive assignment of `best_assignment`, or of `greedy_assignment` for more than `MAX_BANDS` bands;
    * beside the assignment: the same, with some uniform power;
    * beside the sharing: the result of `best_sharing` on these channels, with a little uniform power.
    """
    uniform = uniform_allocation(gains, user_budgets)
    num_cells, num_bands = gains.signal_gains.shape[-3:-1]
    generator = np.random.default_rng(0)
    levels = 10.0 ** -generator.uniform(0.0, RANDOM_DECADES, (NUM_RANDOM_STARTS, num_cells, num_bands))
    loudest = generator.integers(num_cells, size=(NUM_RANDOM_STARTS, 1, num_bands)) == np.arange(num_cells)[:, None]
    # A cell with reduced power in all bands spends less than its budget.
    levels = np.where(loudest, 1.0, levels)
    levels /= np.maximum(levels.sum(axis=-1, keepdims=True), 1.0)
    assign = best_assignment if num_bands <= MAX_BANDS else greedy_assignment
    assigned = assign(gains, user_budgets).powers
    return {
        "uniform": uniform,
        **{f"random {index}": uniform * num_bands * level[..., None] for index, level in enumerate(levels)},
        "assignment": assigned,
        "beside the assignment": _leaking(assigned, uniform, LEAK),
        "beside the sharing": _leaking(_sharing(gains, user_budgets, fairness), uniform, SHARING_LEAK),
    }


def _sharing(gains: Gains, user_budgets: UserBudgets, fairness: float) -> Powers:
    """Every user's budget, spread evenly over the bands that the best sharing of each block gives its cell."""
    *batch, num_cells, num_bands, num_users = gains.signal_gains.shape
    budgets = np.broadcast_to(user_budgets, (*batch, num_cells, num_users))
    powers = np.zeros(gains.signal_gains.shape)
    everything = np.ones((1, num_cells, num_bands), bool)
    num_kicks = max(SHARING_KICKS, SHARING_KICKS_PER_CELL * num_cells)
    for block in np.ndindex(*batch):
        one = full_power(Gains(gains.signal_gains[block], gains.cross_gains[block], gains.interferers), budgets[block])
        owned = (fair_sharing(one, everything, fairness, num_kicks) if fairness > 0.0 else best_sharing(one, everything, num_kicks)).owned
        powers[block] = spread(owned)[..., None] * budgets[block][:, None, :]
    return powers


def _leaking(powers: Powers, uniform: Powers, share: float) -> Powers:
    return (1.0 - share) * powers + share * uniform
