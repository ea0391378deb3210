"""What users answer to prices, in vectors: tilt, respond.

In the units and the layout of `kernels/steps.py`. Where cells have four users, those of four cells share a vector.
"""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false

import numpy as np

from multicell_env.kernels.compiling import inner
from multicell_env.kernels.exponents import two_to_the
from multicell_env.kernels.fairness import over_own_count
from multicell_env.kernels.loops import in_vectors
from multicell_env.kernels.pricing.fours import FOUR, load_cells, store_cells
from multicell_env.kernels.simd import any_less, larger, load_double, multiply_add, smaller, splat, store, where_less

MOST_STEPS = 24
"""Steps on the multiplier of a budget; three or four are enough unless the arithmetic itself has no more digits."""


@inner
def _tilted(price, action, offset, octaves, noise):
    """What an action makes of a price that was measured, in units of 1 / `noise`, a power of two."""
    one = splat(1.0, action)
    exponent = smaller(larger(action, splat(-1.0, action)), one) * splat(octaves, action)
    return multiply_add(price, splat(1.0 / noise, action), offset) * two_to_the(exponent)


@in_vectors
def _tilt(load, lanes):
    """Tilted prices of a cell, and the INGR that was measured."""

    @inner
    def tokens(index, costs, levels, to, actions, prices, ingr, first, offset, octaves, noise):
        action = load(actions, first + index)
        store(costs, to + index, _tilted(load(prices, first + index), action, splat(offset, action), octaves, noise))
        store(levels, to + index, load(ingr, first + index) * splat(noise, action))

    return tokens


def _response(load, load_users, store_users, lanes):
    """What users answer to prices, (1 / (pi + lambda) - c)^+, and where they move: all the way, or a part of it.

    `load` reads what stands band by band, `apart` from each other. `load_users` and `store_users` take one cell, or four at their `places`.
    """

    @inner
    def users(
        user,
        powers,
        first,
        places,
        num_users,
        costs,
        ingr,
        at_first,
        apart,
        inverses,
        wanted,
        budgets,
        damping,
        own,
        own_places,
        num_bands,
        stays,
        precision,
    ):
        budget = load_users(budgets, own + user, own_places)
        zero, one = splat(0.0, budget), splat(1.0, budget)
        # No band alone takes more than the budget, so lambda is at least 1 / (budget + c) - pi in each: begin with the largest of these.
        multiplier, reach, level, cost = zero, zero, zero, zero
        for band in range(num_bands):
            at = at_first + band * apart + user
            c, price = load(ingr, at), load(costs, at)
            most = budget + c
            least = one / most - price
            reach, level = where_less(multiplier, least, most, reach), where_less(multiplier, least, c, level)
            cost = where_less(multiplier, least, price, cost)
            multiplier = larger(least, multiplier)
        over_reach = one / where_less(zero, reach, reach, one)
        total, covered, slope, smallest = zero, zero, zero, splat(np.inf, budget)
        for band in range(num_bands):
            at = at_first + band * apart + user
            c, price = load(ingr, at), load(costs, at)
            inverse = one / (price + multiplier)
            # 1 / (pi + lambda) - c, by differences from the band that set lambda, which keep the digits of small powers. Where c is far
            # above the budget, or nothing set lambda, the plain difference has more.
            near = (budget + (level - c) - c * (price - cost) * reach) * inverse * over_reach
            power = where_less(c, reach + reach, near, inverse - c)
            store(inverses, band * apart + user, inverse)
            store(wanted, band * apart + user, power)
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
                c, inverse = load(ingr, at_first + band * apart + user), load(inverses, band * apart + user)
                risen = moved * inverse
                shrunk = one / (one + risen)
                power, inverse = (load(wanted, band * apart + user) - c * risen) * shrunk, inverse * shrunk
                total = total + larger(power, zero)
                covered = covered + where_less(zero, power, c, zero)
                slope = slope + where_less(zero, power, inverse * inverse, zero)
                smallest = smaller(where_less(zero, power, power, smallest), smallest)
        kept = (one + load_users(damping, own + user, own_places)) * splat(stays, budget)
        for band in range(num_bands):
            at = at_first + band * apart + user
            risen = moved * load(inverses, band * apart + user)
            power = larger((load(wanted, band * apart + user) - load(ingr, at) * risen) / (one + risen), zero)
            answer = where_less(zero, budget, power, zero)
            mine = first + band * num_users + user
            store_users(powers, mine, places, multiply_add(kept, load_users(powers, mine, places), (one - kept) * answer))

    return users


@in_vectors
def _respond_in_cell(load, lanes):
    @inner
    def load_users(array, index, places):
        return load(array, index)

    @inner
    def store_users(array, index, places, vector):
        store(array, index, vector)

    return _response(load, load_users, store_users, lanes)


_respond_in_cells = _response(load_double, load_cells, store_cells, FOUR * FOUR)


@inner
def _four_places(cell, num_cells, apart):
    """Where this cell and the next three stand, from this one on; after the last one, this is again its place."""
    left = num_cells - cell - 1
    return 0, min(1, left) * apart, min(2, left) * apart, min(3, left) * apart


@inner
def respond_to_prices(block, fairness, powers, prices, ingr, scratch, budgets, damping, num_cells, num_bands, num_users, precision):
    """An iteration of all users of a block: half of the way to the best response."""
    size, first = num_bands * num_users, block * num_cells * num_bands * num_users
    _, costs, levels, inverses, wanted = scratch
    for cell in range(num_cells):
        over_own_count(fairness, prices, first + cell * size, block * num_cells + cell, num_bands, num_users)
    if num_users == FOUR:
        for cell in range(0, num_cells, FOUR):
            mine, own = first + cell * size, cell * FOUR
            places, own_places = _four_places(cell, num_cells, size), _four_places(cell, num_cells, FOUR)
            for band in range(num_bands):
                store(costs, band * FOUR * FOUR, load_cells(prices, mine + band * FOUR, places))
                store(levels, band * FOUR * FOUR, load_cells(ingr, mine + band * FOUR, places))
            here = costs, levels, 0, FOUR * FOUR, inverses, wanted, budgets, damping, own, own_places, num_bands, 0.5, precision
            _respond_in_cells(0, powers, mine, places, FOUR, *here)
        return
    for cell in range(num_cells):
        mine, own = first + cell * size, cell * num_users
        here = prices, ingr, mine, num_users, inverses, wanted, budgets, damping, own, 0, num_bands, 0.5, precision
        _respond_in_cell(num_users, powers, mine, 0, num_users, *here)


@inner
def open_by_prices(
    block,
    fairness,
    actions,
    powers,
    prices,
    ingr,
    scratch,
    offsets,
    octaves,
    budgets,
    damping,
    num_cells,
    num_bands,
    num_users,
    precision,
    noise,
):
    """Openings of a block: the answers to the prices that were measured last, tilted by actions."""
    size, first = num_bands * num_users, block * num_cells * num_bands * num_users
    _, costs, levels, inverses, wanted = scratch
    if num_users == FOUR and fairness is None:
        for cell in range(0, num_cells, FOUR):
            mine, own = first + cell * size, cell * FOUR
            places, own_places = _four_places(cell, num_cells, size), _four_places(cell, num_cells, FOUR)
            offset = load_cells(offsets, own, own_places)
            for band in range(num_bands):
                action, price = load_cells(actions, mine + band * FOUR, places), load_cells(prices, mine + band * FOUR, places)
                store(costs, band * FOUR * FOUR, _tilted(price, action, offset, octaves, noise))
                store(levels, band * FOUR * FOUR, load_cells(ingr, mine + band * FOUR, places) * splat(noise, action))
            here = costs, levels, 0, FOUR * FOUR, inverses, wanted, budgets, damping, own, own_places, num_bands, 0.0, precision
            _respond_in_cells(0, powers, mine, places, FOUR, *here)
        return
    for cell in range(num_cells):
        mine, own = first + cell * size, cell * num_users
        _tilt(size, costs, levels, 0, actions, prices, ingr, mine, offsets[own], octaves, noise)
        over_own_count(fairness, costs, 0, block * num_cells + cell, num_bands, num_users)
        here = costs, levels, 0, num_users, inverses, wanted, budgets, damping, own, 0, num_bands, 0.0, precision
        _respond_in_cell(num_users, powers, mine, 0, num_users, *here)
