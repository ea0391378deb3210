"""What base stations and users do where prices are heard, in vectors: weigh, hear, respond, tilt.

What `model/pricing.py` says in NumPy, in the units and the layout of `kernels/steps.py`.
"""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false

import numpy as np

from multicell_env.kernels.compiling import inner
from multicell_env.kernels.exponents import two_to_the
from multicell_env.kernels.fairness import count_users, over_own_count
from multicell_env.kernels.loops import in_vectors
from multicell_env.kernels.simd import (
    LANES,
    any_less,
    larger,
    load,
    load_double,
    load_half,
    load_repeated,
    multiply_add,
    smaller,
    splat,
    store,
    sum_each,
    sum_fours,
    where_less,
)

MOST_STEPS = 24
"""Steps on the multiplier of a budget; three or four are enough unless the arithmetic itself has no more digits."""


@in_vectors
def _weigh(load, lanes):
    """What interference costs each user: S / (N (S + N)), over its own gain's inverse; powers and INGR in one unit, and so the weights."""

    @inner
    def tokens(index, weights, powers, ingr, inverse_gains, first):
        power, c = load(powers, first + index), load(ingr, first + index)
        # S / (S + N) = p / (p + c), and N is c over the inverse gain.
        store(weights, index, power * load(inverse_gains, first + index) / ((power + c) * c))

    return tokens


def _four_prices(load, lanes, looks):
    """Four beams of a cell in a band: what each costs the users of the cells that it reaches, whole vectors of them.

    With `looks`, cells that are silent in the band are passed over, which pays where there are many users.
    """

    @inner
    def beams(weights, cross_gains, first_gain, band, user, victims, links, cell, transmitting, num_bands, num_users):
        zero = splat(0.0, load(weights, 0))
        a, b, c, d = zero, zero, zero, zero
        row, size, first_gain = band * num_users, num_bands * num_users, first_gain + (band * num_users + user) * num_users
        for j in range(victims.shape[1]):
            victim = victims[cell, j]
            if victim < 0:
                break
            if looks and not transmitting[victim, band]:  # no signal, nothing to lose
                continue
            weight = victim * size + row
            gain = first_gain + links[cell, j]
            for other in range(0, num_users - lanes + 1, lanes):
                w, at = load(weights, weight + other), gain + other
                a = multiply_add(load(cross_gains, at), w, a)
                b = multiply_add(load(cross_gains, at + num_users), w, b)
                c = multiply_add(load(cross_gains, at + 2 * num_users), w, c)
                d = multiply_add(load(cross_gains, at + 3 * num_users), w, d)
        return sum_each(a, b, c, d)

    return beams


_four_prices_wide, _four_prices_half = _four_prices(load, LANES, True), _four_prices(load_half, LANES // 2, False)


@inner
def _prices_among_four(weights, cross_gains, first_gain, band, victims, links, cell, num_bands):
    """All beams of a cell in a band where cells have four users: the gains of a link are one vector, beam by beam."""
    total = splat(0.0, load_repeated(weights, 0))
    for j in range(victims.shape[1]):
        victim = victims[cell, j]
        if victim < 0:
            break
        gains = load_double(cross_gains, first_gain + links[cell, j] + 16 * band)
        total = multiply_add(gains, load_repeated(weights, 4 * (victim * num_bands + band)), total)
    return sum_fours(total)


@inner
def _add_rest(prices, first, weights, cross_gains, first_gain, band, victims, links, cell, num_bands, num_users, unit):
    """What vectors of four leave: the last beams to all users, and all beams to the last users."""
    summed = num_users - num_users % 4
    for user in range(num_users):
        begin = summed if user < summed else 0
        total = float(prices[first + user]) if begin > 0 else 0.0
        for j in range(victims.shape[1]):
            victim = victims[cell, j]
            if victim < 0:
                break
            weight = (victim * num_bands + band) * num_users
            gain = first_gain + links[cell, j] + (band * num_users + user) * num_users
            for other in range(begin, num_users):
                total += cross_gains[gain + other] * weights[weight + other] * unit
        prices[first + user] = total


@inner
def hear(
    block,
    pricing,
    fairness,
    prices,
    weights,
    powers,
    ingr,
    inverse_gains,
    cross_gains,
    transmitting,
    num_interferers,
    num_bands,
    num_users,
    unit,
):
    """Prices of all beams of a block, times `unit`: weigh every user, then add those that each beam reaches, by its gains."""
    num_cells, size = len(transmitting), num_bands * num_users
    victims, links = pricing.victims, pricing.links
    _weigh(num_cells * size, weights, powers, ingr, inverse_gains, block * num_cells * size)
    count_users(fairness, weights, block, num_cells, num_bands, num_users)
    first_gain = block * num_cells * num_interferers * size * num_users
    for cell in range(num_cells):
        for band in range(num_bands):
            first = (block * num_cells + cell) * size + band * num_users
            for user in range(0, num_users - 3, 4):
                if num_users == 4:
                    sums = _prices_among_four(weights, cross_gains, first_gain, band, victims, links, cell, num_bands)
                elif num_users % LANES == 0:
                    sums = _four_prices_wide(
                        weights, cross_gains, first_gain, band, user, victims, links, cell, transmitting, num_bands, num_users
                    )
                else:
                    sums = _four_prices_half(
                        weights, cross_gains, first_gain, band, user, victims, links, cell, transmitting, num_bands, num_users
                    )
                store(prices, first + user, sums * splat(unit, sums))
            if num_users % 4 > 0:
                _add_rest(prices, first, weights, cross_gains, first_gain, band, victims, links, cell, num_bands, num_users, unit)


@in_vectors
def _tilt(load, lanes):
    """What an action makes of the prices and the INGR that were measured: tilted prices, both in units of 1 / `noise`, a power of two."""

    @inner
    def tokens(index, costs, levels, actions, prices, ingr, first, offset, octaves, noise):
        action = load(actions, first + index)
        one = splat(1.0, action)
        exponent = smaller(larger(action, splat(-1.0, action)), one) * splat(octaves, action)
        price = multiply_add(load(prices, first + index), splat(1.0 / noise, action), splat(offset, action))
        store(costs, index, price * two_to_the(exponent))
        store(levels, index, load(ingr, first + index) * splat(noise, action))

    return tokens


@in_vectors
def respond_to_prices(load, lanes):
    """What users of a cell answer to prices, (1 / (pi + lambda) - c)^+, and where they move: all the way, or a part of it."""

    @inner
    def users(
        user,
        powers,
        first,
        costs,
        ingr,
        inner_first,
        inverses,
        wanted,
        budgets,
        own,
        num_bands,
        num_users,
        damping,
        stays,
        precision,
    ):
        budget = load(budgets, own + user)
        zero, one = splat(0.0, budget), splat(1.0, budget)
        # No band alone takes more than the budget, so lambda is at least 1 / (budget + c) - pi in each: begin with the largest of these.
        multiplier, reach, level, cost = zero, zero, zero, zero
        for band in range(num_bands):
            at = band * num_users + user
            c, price = load(ingr, inner_first + at), load(costs, inner_first + at)
            most = budget + c
            least = one / most - price
            reach, level = where_less(multiplier, least, most, reach), where_less(multiplier, least, c, level)
            cost = where_less(multiplier, least, price, cost)
            multiplier = larger(least, multiplier)
        over_reach = one / where_less(zero, reach, reach, one)
        total, covered, slope, smallest = zero, zero, zero, splat(np.inf, budget)
        for band in range(num_bands):
            at = band * num_users + user
            c, price = load(ingr, inner_first + at), load(costs, inner_first + at)
            inverse = one / (price + multiplier)
            # 1 / (pi + lambda) - c, by differences from the band that set lambda, which keep the digits of small powers. Where c is far
            # above the budget, or nothing set lambda, the plain difference has more.
            near = (budget + (level - c) - c * (price - cost) * reach) * inverse * over_reach
            power = where_less(c, reach + reach, near, inverse - c)
            store(inverses, at, inverse)
            store(wanted, at, power)
            total = total + larger(power, zero)
            covered = covered + where_less(zero, power, c, zero)
            slope = slope + where_less(zero, power, inverse * inverse, zero)
            smallest = smaller(where_less(zero, power, power, smallest), smallest)
        # From below, Newton's method on 1 / sum_f 1/(pi_f + lambda) over the open bands, which is concave and increasing: no step goes too
        # far, and bands only close. `moved` is what lambda has risen by.
        moved, near_enough = zero, 0.3 * np.sqrt(precision)
        for _ in range(MOST_STEPS):
            excess = total - budget
            step = (total + covered) * excess / (slope * (budget + covered))
            moved = moved + where_less(zero, excess, step, zero)
            # A step squares the relative excess, unless a band closes on the way. No band falls by much more than the excess.
            largest = (budget + covered) * splat(precision, budget)
            near = larger(smaller(budget * splat(near_enough, budget), smallest * splat(0.25, budget)), largest)
            if not any_less(near, excess):
                break
            total, covered, slope, smallest = zero, zero, zero, splat(np.inf, budget)
            for band in range(num_bands):
                at = band * num_users + user
                c, inverse = load(ingr, inner_first + at), load(inverses, at)
                risen = moved * inverse
                shrunk = one / (one + risen)
                power, inverse = (load(wanted, at) - c * risen) * shrunk, inverse * shrunk
                total = total + larger(power, zero)
                covered = covered + where_less(zero, power, c, zero)
                slope = slope + where_less(zero, power, inverse * inverse, zero)
                smallest = smaller(where_less(zero, power, power, smallest), smallest)
        kept = (one + load(damping, own + user)) * splat(stays, budget)
        for band in range(num_bands):
            at = band * num_users + user
            risen = moved * load(inverses, at)
            power = larger((load(wanted, at) - load(ingr, inner_first + at) * risen) / (one + risen), zero)
            answer = where_less(zero, budget, power, zero)
            store(powers, first + at, multiply_add(kept, load(powers, first + at), (one - kept) * answer))

    return users


@inner
def open_by_prices(
    block,
    cell,
    pricing,
    fairness,
    actions,
    powers,
    measured_prices,
    measured_ingr,
    scratch,
    budgets,
    damping,
    num_bands,
    num_users,
    precision,
    noise,
):
    """An opening that answers to the prices that were measured last, tilted by an action."""
    size = num_bands * num_users
    first, offset = (block * len(pricing.victims) + cell) * size, pricing.offset / pricing.nominal_powers[cell] / noise
    _, costs, levels, inverses, wanted = scratch
    _tilt(size, costs, levels, actions, measured_prices, measured_ingr, first, offset, pricing.octaves, noise)
    own, here = cell * num_users, 0
    over_own_count(fairness, costs, here, block * len(pricing.victims) + cell, num_bands, num_users)
    respond_to_prices(
        num_users,
        powers,
        first,
        costs,
        levels,
        here,
        inverses,
        wanted,
        budgets,
        own,
        num_bands,
        num_users,
        damping,
        0.0,
        precision,
    )
