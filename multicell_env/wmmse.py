"""WMMSE with global knowledge: powers that climb to a stationary point of the network's sum rate. A reference, not a distributed method."""

from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from multicell_env.allocation import uniform_allocation
from multicell_env.assignment import MAX_BANDS, best_assignment
from multicell_env.beamforming import Gains
from multicell_env.greedy_assignment import greedy_assignment
from multicell_env.interference import Powers, check_powers
from multicell_env.sharing import best_sharing, full_power, spread
from multicell_env.simd import compiled_entry

TOLERANCE = 1e-6
"""A climb ends when one iteration raises the network's sum rate by less than this share of it ..."""
MAX_ITERATIONS = 2000
"""... or after this many iterations."""
NUM_RANDOM_STARTS = 5
"""Random starts of `wmmse`."""
RANDOM_DECADES = 3.0
"""How far below the loudest cell of a band the quietest one may begin in a random start, in powers of ten."""
LEAK, SHARING_LEAK = 0.1, 0.01
"""Shares of uniform power in the starts beside the best assignment and beside the best sharing: a power of zero would stay zero."""
SHARING_KICKS, SHARING_KICKS_PER_CELL = 30, 3
"""How often the search for the best sharing is disturbed, at least and for each cell."""
START_NAMES = (
    "uniform",
    *(f"random {index}" for index in range(NUM_RANDOM_STARTS)),
    "assignment",
    "beside the assignment",
    "beside the sharing",
)
"""What `wmmse` climbs from, by the names in `starts`."""


class Climb(NamedTuple):
    """Where a climb ended, and how it came there."""

    powers: Powers
    """Transmit powers, in sigma^2; float64."""
    sum_rates: Float[np.ndarray, "*batch iteration"]
    """The network's sum rate (19) at the start and after every iteration, bit/s/Hz; the last one repeats after the end."""


def climb(
    gains: Gains,
    user_budgets: Float[np.ndarray, "*#batch cell user"],
    start: Powers,
    *,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
) -> Climb:
    """WMMSE iterations from one start, for fixed beamformers and each user's budget over its bands.

    With T the power that a user receives in a band, N what of it is interference and noise, g its signal gain and G the cross gains
    of its own beam, an iteration sets, for all users and bands at once,

        receiver   r = sqrt(g p) / T,                      weight  w = 1 / (1 - r sqrt(g p)) = T / N,
        powers     p = (w r sqrt(g) / (w r^2 g + sum over the others of G w r^2 + mu))^2,

    where r and w of the others stand in the sum, and mu >= 0 is each user's multiplier: 0 if its budget suffices, and otherwise such that
    the budget is spent, to the last digit. The sum rate never falls, and the climb ends at a stationary point of it (KKT). A power of
    zero stays zero.

    The closed form of fractional programming (K. Shen and W. Yu, "Fractional Programming for Communication Systems", IEEE Trans. Signal
    Process. 2018: Lagrangian dual transform, then quadratic transform) takes the same steps here: its gamma is w - 1 and its y^2 is w r^2.

    Args:
        gains: Gains of the blocks.
        user_budgets: The most that each user may spend over its bands in the slot, in sigma^2.
        start: Powers to begin with; users above their budget are scaled down to it.
        tolerance: `TOLERANCE` of this climb; 0 makes all iterations.
        max_iterations: `MAX_ITERATIONS` of this climb.

    Raises:
        ValueError: a power or budget is negative or not finite.

    Source: Q. Shi, M. Razaviyayn, Z.-Q. Luo and C. He, "An Iteratively Weighted MMSE Approach to Distributed Sum-Utility Maximization for
    a MIMO Interfering Broadcast Channel", IEEE Trans. Signal Process. 2011.
    """
    check_powers(start)
    check_powers(user_budgets, "budgets")
    *batch, num_cells, num_bands, num_users = gains.signal_gains.shape
    blocks, tokens = prod(batch), (num_cells, num_bands, num_users)
    signal = np.ascontiguousarray(gains.signal_gains, np.float64).reshape(blocks, *tokens)
    cross = np.ascontiguousarray(gains.cross_gains, np.float64).reshape(blocks, *gains.cross_gains.shape[len(batch) :])
    budgets = np.ascontiguousarray(np.broadcast_to(user_budgets, (*batch, num_cells, num_users)), np.float64)
    powers = np.array(np.broadcast_to(start, (*batch, *tokens)), np.float64, order="C")
    spent = powers.sum(axis=-2, keepdims=True)
    powers *= np.divide(budgets[..., None, :], spent, out=np.ones_like(spent), where=spent > budgets[..., None, :])
    history = np.empty((blocks, max_iterations + 1))
    interferers = np.ascontiguousarray(gains.interferers, np.int64)
    _climb(
        signal,
        cross,
        interferers,
        budgets.reshape(blocks, num_cells, num_users),
        float(tolerance),
        powers.reshape(blocks, *tokens),
        history,
    )
    return Climb(powers, history.reshape(*batch, max_iterations + 1))


def wmmse(gains: Gains, user_budgets: Float[np.ndarray, "*#batch cell user"]) -> Climb:
    """The best of the climbs from all `starts`, for every block: never below the assignment that it starts at.

    A centralised reference that needs every cell's channels. The best known, not the optimum: it bounds nothing from above.

    Args:
        gains: Gains of the blocks.
        user_budgets: The most that each user may spend over its bands in the slot, in sigma^2.
    """
    best, *others = (climb(gains, user_budgets, start) for start in starts(gains, user_budgets).values())
    for end in others:
        higher = end.sum_rates[..., -1] > best.sum_rates[..., -1]
        best = Climb(
            np.where(higher[..., None, None, None], end.powers, best.powers), np.where(higher[..., None], end.sum_rates, best.sum_rates)
        )
    return best


def fractional_programming(gains: Gains, user_budgets: Float[np.ndarray, "*#batch cell user"]) -> Climb:
    """Fractional programming in closed form, from uniform powers. Its steps are WMMSE's (see `climb`): this is one start instead of many.

    Args:
        gains: Gains of the blocks.
        user_budgets: The most that each user may spend over its bands in the slot, in sigma^2.
    """
    return climb(gains, user_budgets, uniform_allocation(gains, user_budgets))


def starts(gains: Gains, user_budgets: Float[np.ndarray, "*#batch cell user"]) -> dict[str, Powers]:
    """Where `wmmse` starts, by `START_NAMES`. Deterministic, and for every block what it would be alone.

    * uniform: every user spreads its budget evenly;
    * random: in every band one cell at random is loud and the others are quieter by random factors, down to next to silent;
    * assignment: the best exclusive one, `best_assignment`, or beyond its `MAX_BANDS` bands `greedy_assignment`;
    * beside the assignment: it, with some uniform power;
    * beside the sharing: what `best_sharing` finds with these channels, with little uniform power.
    """
    uniform = uniform_allocation(gains, user_budgets)
    num_cells, num_bands = gains.signal_gains.shape[-3:-1]
    generator = np.random.default_rng(0)
    levels = 10.0 ** -generator.uniform(0.0, RANDOM_DECADES, (NUM_RANDOM_STARTS, num_cells, num_bands))
    loudest = generator.integers(num_cells, size=(NUM_RANDOM_STARTS, 1, num_bands)) == np.arange(num_cells)[:, None]
    # A cell that is quiet in all bands spends less than its budget.
    levels = np.where(loudest, 1.0, levels)
    levels /= np.maximum(levels.sum(axis=-1, keepdims=True), 1.0)
    assign = best_assignment if num_bands <= MAX_BANDS else greedy_assignment
    assigned = assign(gains, user_budgets).powers
    return {
        "uniform": uniform,
        **{f"random {index}": uniform * num_bands * level[..., None] for index, level in enumerate(levels)},
        "assignment": assigned,
        "beside the assignment": _leaking(assigned, uniform, LEAK),
        "beside the sharing": _leaking(_sharing(gains, user_budgets), uniform, SHARING_LEAK),
    }


def _sharing(gains: Gains, user_budgets: Float[np.ndarray, "*#batch cell user"]) -> Powers:
    """Every user's budget, spread evenly over the bands that the best sharing of each block gives its cell."""
    *batch, num_cells, num_bands, num_users = gains.signal_gains.shape
    budgets = np.broadcast_to(user_budgets, (*batch, num_cells, num_users))
    powers = np.zeros(gains.signal_gains.shape)
    everything = np.ones((1, num_cells, num_bands), bool)
    num_kicks = max(SHARING_KICKS, SHARING_KICKS_PER_CELL * num_cells)
    for block in np.ndindex(*batch):
        one = Gains(gains.signal_gains[block], gains.cross_gains[block], gains.interferers)
        owned = best_sharing(full_power(one, budgets[block]), everything, num_kicks).owned
        powers[block] = spread(owned)[..., None] * budgets[block][:, None, :]
    return powers


def _leaking(powers: Powers, uniform: Powers, share: float) -> Powers:
    return (1.0 - share) * powers + share * uniform


@compiled_entry
def _climb(signal, cross, interferers, budgets, tolerance, powers, history):
    """`climb` for all blocks; overwrites the powers and fills in the sum rates."""
    num_blocks, num_cells, num_bands, num_users = signal.shape
    noise = np.empty((num_cells, num_bands, num_users))
    weights = np.empty((num_cells, num_bands, num_users))
    prices = np.empty((num_cells, num_bands, num_users))
    for block in range(num_blocks):
        for iteration in range(history.shape[1]):
            # Interference and noise at every user, and the sum rate of the powers so far.
            for cell in range(num_cells):
                for band in range(num_bands):
                    for user in range(num_users):
                        noise[cell, band, user] = 1.0
                for i in range(interferers.shape[1]):
                    other = interferers[cell, i]
                    if other >= 0:
                        for band in range(num_bands):
                            for beam in range(num_users):
                                power = powers[block, other, band, beam]
                                if power > 0.0:
                                    for user in range(num_users):
                                        noise[cell, band, user] += cross[block, cell, i, band, beam, user] * power
            total = 0.0
            for cell in range(num_cells):
                for band in range(num_bands):
                    for user in range(num_users):
                        received = signal[block, cell, band, user] * powers[block, cell, band, user]
                        total += np.log1p(received / noise[cell, band, user])
                        # w r^2, and its part of the own price
                        weights[cell, band, user] = received / (noise[cell, band, user] * (received + noise[cell, band, user]))
                        prices[cell, band, user] = signal[block, cell, band, user] * weights[cell, band, user]
            total /= np.log(2.0)
            history[block, iteration] = total
            if iteration == history.shape[1] - 1 or (iteration > 0 and total - history[block, iteration - 1] < tolerance * total):
                for later in range(iteration, history.shape[1]):
                    history[block, later] = total
                break

            # What a unit of power costs the others, weighted.
            for cell in range(num_cells):
                for i in range(interferers.shape[1]):
                    other = interferers[cell, i]
                    if other >= 0:
                        for band in range(num_bands):
                            for beam in range(num_users):
                                if powers[block, other, band, beam] > 0.0:
                                    price = 0.0
                                    for user in range(num_users):
                                        price += cross[block, cell, i, band, beam, user] * weights[cell, band, user]
                                    prices[other, band, beam] += price

            for cell in range(num_cells):
                for user in range(num_users):
                    budget = budgets[block, cell, user]
                    if budget <= 0.0:
                        continue
                    # p = (a / (price + mu))^2 with a = w r sqrt(g), which takes the place of `weights`. One band alone bounds mu below.
                    multiplier = 0.0
                    for band in range(num_bands):
                        a = np.sqrt(powers[block, cell, band, user]) * signal[block, cell, band, user] / noise[cell, band, user]
                        weights[cell, band, user] = a
                        multiplier = max(multiplier, a / np.sqrt(budget) - prices[cell, band, user])
                    # 1 / sqrt(spent) is concave and grows in mu, so that Newton's steps from below never overshoot.
                    spent = 0.0
                    for _ in range(100):
                        spent, slope = 0.0, 0.0
                        for band in range(num_bands):
                            if powers[block, cell, band, user] > 0.0:
                                cost = prices[cell, band, user] + multiplier
                                part = (weights[cell, band, user] / cost) ** 2
                                spent += part
                                slope += part / cost
                        if spent <= budget * (1.0 + 1e-15):
                            break
                        step = spent / slope * (np.sqrt(spent / budget) - 1.0)
                        if multiplier + step == multiplier:
                            break
                        multiplier += step
                    scale = min(1.0, budget / spent) if spent > 0.0 else 1.0
                    for band in range(num_bands):
                        if powers[block, cell, band, user] > 0.0:
                            power = scale * (weights[cell, band, user] / (prices[cell, band, user] + multiplier)) ** 2
                            # Far below what any rate notices, and before the processor's slow smallest numbers.
                            powers[block, cell, band, user] = power if power > 1e-100 * budget else 0.0
