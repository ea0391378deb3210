"""Climbing from one start, by WMMSE iterations: the network's sum rate, a weighted one, or the users' utility."""

from math import prod
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from multicell_env.kernels.compiling import compiled_entry
from multicell_env.model.fairness import RATE_FLOOR, UNIT_RATE
from multicell_env.model.interference import check_powers
from multicell_env.model.types import Gains, Powers

UserBudgets = Float[np.ndarray, "*#batch cell user"]

TOLERANCE = 1e-6
"""A climb ends when one iteration raises the network's sum rate by less than this share of it, or a utility by less than this share of all
rates is worth ..."""
MAX_ITERATIONS = 2000
"""... or after this many iterations."""
MOST_HALVINGS = 30
"""How often an iteration that goes too far is halved before the climb ends where it began."""


class Climb(NamedTuple):
    """Where a climb ended, and how it came there."""

    powers: Powers
    """Transmit powers, in sigma^2; float64."""
    worth: Float[np.ndarray, "*batch iteration"]
    """What climbs, at the start and after every iteration: the network's sum rate (19), bit/s/Hz, weighted where there are weights; or with
    fairness the sum of the users' utilities. The last one repeats after the end."""


def climb(
    gains: Gains,
    user_budgets: UserBudgets,
    start: Powers,
    *,
    weights: Float[np.ndarray, "*#batch cell user"] | None = None,
    fairness: float = 0.0,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
) -> Climb:
    """WMMSE iterations from one start, for fixed beamformers and each user's budget over its bands.

    With T the power that a user receives in a band, N what of it is interference and noise, g its signal gain and G the cross gains
    of its own beam, an iteration sets, for all users and bands at once,

        receiver   r = sqrt(g p) / T,                      weight  w = v / (1 - r sqrt(g p)) = v T / N,
        powers     p = (w r sqrt(g) / (w r^2 g + sum over the others of G w r^2 + mu))^2,

    where r and w of the others stand in the sum, v is what a user's rate counts, 1 by default, and mu >= 0 is each user's multiplier: 0 if
    its budget suffices, and otherwise such that the budget is spent, to the last digit. The weighted sum rate never falls, and the climb
    ends at a stationary point of it (KKT). A power of zero stays zero.

    With fairness every iteration takes v anew, from the rates at its beginning: `fair_weights`. The slopes of the weighted sum rate are
    then those of the utility, so that the climb ends at a stationary point of it. Where an iteration goes too far, so that the utility is
    lower, which happens with alpha above 1, half of it is taken, in the roots of the powers.

    The closed form of fractional programming (K. Shen and W. Yu, "Fractional Programming for Communication Systems", IEEE Trans. Signal
    Process. 2018: Lagrangian dual transform, then quadratic transform) takes the same steps here: its gamma is w - 1 and its y^2 is w r^2.

    Args:
        gains: Gains of the blocks.
        user_budgets: The most that each user may spend over its bands in the slot, in sigma^2.
        start: Powers to begin with; users above their budget are scaled down to it.
        weights: v of every user, positive.
        fairness: alpha of the utility that climbs instead of a sum rate, `alpha_fair_utility` of the rates. Users without a budget do not
            count.
        tolerance: `TOLERANCE` of this climb; 0 makes all iterations.
        max_iterations: `MAX_ITERATIONS` of this climb.

    Raises:
        ValueError: a power or budget is negative or not finite, or there are weights beside fairness.

    Source: Q. Shi, M. Razaviyayn, Z.-Q. Luo and C. He, "An Iteratively Weighted MMSE Approach to Distributed Sum-Utility Maximization for
    a MIMO Interfering Broadcast Channel", IEEE Trans. Signal Process. 2011.
    """
    check_powers(start)
    check_powers(user_budgets, "budgets")
    if weights is not None and fairness > 0.0:
        raise ValueError(f"weights go with fairness 0, which has none of its own; got fairness {fairness:g}. Give one of the two.")
    *batch, num_cells, num_bands, num_users = gains.signal_gains.shape
    blocks, tokens = prod(batch), (num_cells, num_bands, num_users)
    signal = np.ascontiguousarray(gains.signal_gains, np.float64).reshape(blocks, *tokens)
    cross = np.ascontiguousarray(gains.cross_gains, np.float64).reshape(blocks, *gains.cross_gains.shape[len(batch) :])
    budgets = np.ascontiguousarray(np.broadcast_to(user_budgets, (*batch, num_cells, num_users)), np.float64)
    counts = np.array(np.broadcast_to(1.0 if weights is None else weights, (*batch, num_cells, num_users)), np.float64, order="C")
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
        counts.reshape(blocks, num_cells, num_users),
        (float(fairness), RATE_FLOOR, UNIT_RATE),
        float(tolerance),
        powers.reshape(blocks, *tokens),
        history,
    )
    return Climb(powers, history.reshape(*batch, max_iterations + 1))


@compiled_entry
def _climb(signal, cross, interferers, budgets, counts, utility, tolerance, powers, history):
    """`climb` for all blocks; overwrites the powers, and what users count where the utility's alpha is not 0; fills in what climbs.

    The utility is its alpha, the floor of its rates and the rate that counts 1.
    """
    num_blocks, num_cells, num_bands, num_users = signal.shape
    fairness, floor, unit = utility
    before, user_rates = np.empty((num_cells, num_bands, num_users)), np.empty((num_cells, num_users))
    noise = np.empty((num_cells, num_bands, num_users))
    weights = np.empty((num_cells, num_bands, num_users))
    prices = np.empty((num_cells, num_bands, num_users))
    for block in range(num_blocks):
        halvings, is_last = 0, False
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
            user_rates[:] = 0.0
            for cell in range(num_cells):
                for band in range(num_bands):
                    for user in range(num_users):
                        received = signal[block, cell, band, user] * powers[block, cell, band, user]
                        rate = np.log1p(received / noise[cell, band, user])
                        total += counts[block, cell, user] * rate
                        user_rates[cell, user] += rate
                        # w r^2 but for what the user counts
                        weights[cell, band, user] = received / (noise[cell, band, user] * (received + noise[cell, band, user]))
            total /= np.log(2.0)
            size = total  # what all rates are worth by the slopes
            if fairness > 0.0:
                total, size = 0.0, 0.0
                for cell in range(num_cells):
                    for user in range(num_users):
                        if budgets[block, cell, user] > 0.0:
                            average = user_rates[cell, user] / np.log(2.0) + floor
                            total += np.log(average) if fairness == 1.0 else average ** (1.0 - fairness) / (1.0 - fairness)
                            size += average**-fairness * (average - floor)
                            counts[block, cell, user] = (unit / average) ** fairness
                if iteration > 0 and total < history[block, iteration - 1]:
                    total = history[block, iteration - 1]
                    halvings += 1
                    if halvings <= MOST_HALVINGS and iteration < history.shape[1] - 1:
                        history[block, iteration] = total
                        powers[block] = (np.sqrt(before) + np.sqrt(powers[block])) ** 2 / 4.0
                        continue
                    powers[block] = before
                    is_last = True
                else:
                    before[:] = powers[block]
                    halvings = 0
            history[block, iteration] = total
            is_last = is_last or iteration == history.shape[1] - 1
            if is_last or (iteration > 0 and total - history[block, iteration - 1] < tolerance * size):
                for later in range(iteration, history.shape[1]):
                    history[block, later] = total
                break
            for cell in range(num_cells):
                for band in range(num_bands):
                    for user in range(num_users):
                        weights[cell, band, user] *= counts[block, cell, user]
                        prices[cell, band, user] = signal[block, cell, band, user] * weights[cell, band, user]

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
                        a *= counts[block, cell, user]
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
