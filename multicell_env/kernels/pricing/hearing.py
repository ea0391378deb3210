"""What base stations hear where prices are measured, in vectors: what interference costs each user, and who causes it.

In the units and the layout of `kernels/steps.py`.
"""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false

from multicell_env.kernels.compiling import inner
from multicell_env.kernels.fairness import count_users
from multicell_env.kernels.loops import in_vectors
from multicell_env.kernels.pricing.fours import FOUR, load_repeated, load_two_bands, load_two_repeated, sum_fours
from multicell_env.kernels.simd import (
    LANES,
    load,
    load_double,
    load_half,
    multiply_add,
    splat,
    store,
    sum_each,
)


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


def _prices_among_four(load_gains, load_weights):
    """All beams of a cell where cells have four users, in a band or in two: the gains of a link are one vector, beam by beam."""

    @inner
    def beams(weights, cross_gains, first_gain, band, victims, links, cell, num_bands):
        total = splat(0.0, load_weights(weights, 0))
        for j in range(victims.shape[1]):
            victim = victims[cell, j]
            if victim < 0:
                break
            gains = load_gains(cross_gains, first_gain + links[cell, j] + FOUR * FOUR * band)
            total = multiply_add(gains, load_weights(weights, FOUR * (victim * num_bands + band)), total)
        return sum_fours(total)

    return beams


_prices_in_band = _prices_among_four(load_double, load_repeated)
_prices_in_two_bands = _prices_among_four(load_two_bands, load_two_repeated)


@inner
def _hear_among_four(prices, first, weights, cross_gains, first_gain, victims, links, cell, num_bands, unit):
    """Prices of a cell where cells have four users: two bands at once, because half of the instructions find where gains are."""
    for band in range(0, num_bands - 1, 2):
        sums = _prices_in_two_bands(weights, cross_gains, first_gain, band, victims, links, cell, num_bands)
        store(prices, first + FOUR * band, sums * splat(unit, sums))
    if num_bands % 2 > 0:
        band = num_bands - 1
        sums = _prices_in_band(weights, cross_gains, first_gain, band, victims, links, cell, num_bands)
        store(prices, first + FOUR * band, sums * splat(unit, sums))


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
        first_of_cell = (block * num_cells + cell) * size
        if num_users == FOUR:
            _hear_among_four(prices, first_of_cell, weights, cross_gains, first_gain, victims, links, cell, num_bands, unit)
            continue
        for band in range(num_bands):
            first = first_of_cell + band * num_users
            for user in range(0, num_users - 3, 4):
                if num_users % LANES == 0:
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
