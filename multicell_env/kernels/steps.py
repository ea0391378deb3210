"""What the users of a cell do in a slot, in vectors: open, measure, respond, and get their rates.

What `model/waterfilling.py` and `model/interference.py` say in NumPy, without temporaries. Arrays are flat, in their usual order
`[cell, band, user]`; the users of a cell and band lie side by side and share a vector. Powers are in units of `scale`, a power of two
near the largest nominal power: float32 then has room on both sides and loses nothing.
"""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false

from functools import partial

import numpy as np

from multicell_env.kernels.compiling import inner
from multicell_env.kernels.exponents import natural_log, split_exponent
from multicell_env.kernels.loops import in_vectors
from multicell_env.kernels.simd import (
    LANES,
    any_less,
    larger,
    load,
    load_double,
    load_one,
    load_splat,
    multiply_add,
    prefetch_line,
    smaller,
    splat,
    square_root,
    store,
    where_less,
)

LOG_LIMIT = 20.0
"""Logarithms saturate here (+-200 dB), so that observations are bounded."""
CACHE_LINE = 64
"""Bytes that a processor fetches together."""


@inner
def prefetch(next_gains, token, lanes):
    """Have some tokens' share of the next block's gains on its way from memory; a token is a user in a band."""
    first, share = next_gains  # an address: a counted reference to the array would cost more than the loop
    for at in range(first + token * share, first + (token + lanes) * share, CACHE_LINE):
        prefetch_line(at)


@in_vectors
def open_powers(load, lanes):
    """Fractions of the users' budgets to powers: clipped to [0, 1], scaled down where they sum to more than 1 over the bands."""

    @inner
    def users(user, fractions, powers, cell, budgets, first, num_bands, num_users, next_gains):
        budget = load(budgets, first + user)
        zero, one = splat(0.0, budget), splat(1.0, budget)
        total = zero
        for band in range(num_bands):
            prefetch(next_gains, band * num_users + user, lanes)
            total = total + smaller(larger(load(fractions, cell + band * num_users + user), zero), one)
        share = budget / larger(total, one)
        for band in range(num_bands):
            at = cell + band * num_users + user
            store(powers, at, smaller(larger(load(fractions, at), zero), one) * share)

    return users


@partial(in_vectors, widest=load_double)
def measure(load, lanes):
    """What users of a cell measure (7): noise, and the powers of all cells that reach them, over their own gain."""

    @inner
    def users(user, ingr, powers, inverse_gains, cross_gains, interferers, transmitting, block, cell, num_bands, num_users, noise):
        num_cells, num_interferers = interferers.shape
        size = num_bands * num_users
        first = block * num_cells * size
        for band in range(num_bands):
            row = band * num_users
            mine = first + cell * size + row + user
            inverse_gain = load(inverse_gains, mine)
            # Two sums side by side, because each addition waits for the last one.
            total, other = splat(noise, inverse_gain), splat(0.0, inverse_gain)
            for i in range(num_interferers):
                sender = interferers[cell, i]
                if sender < 0 or not transmitting[sender, band]:
                    continue
                power = first + sender * size + row
                gain = (((block * num_cells + cell) * num_interferers + i) * size + row) * num_users + user
                for _ in range(num_users // 4):
                    total = multiply_add(load(cross_gains, gain), load_splat(powers, power, total), total)
                    other = multiply_add(load(cross_gains, gain + num_users), load_splat(powers, power + 1, total), other)
                    gain += 2 * num_users
                    total = multiply_add(load(cross_gains, gain), load_splat(powers, power + 2, total), total)
                    other = multiply_add(load(cross_gains, gain + num_users), load_splat(powers, power + 3, total), other)
                    gain += 2 * num_users
                    power += 4
                for _ in range(num_users % 4):
                    total = multiply_add(load(cross_gains, gain), load_splat(powers, power, total), total)
                    gain += num_users
                    power += 1
            store(ingr, mine, (total + other) * inverse_gain)

    return users


@partial(in_vectors, widest=load_double)
def respond(load, lanes):
    """What users of a cell answer to the INGR that they measured: levels (15)-(16), then water-filling on them."""

    @inner
    def users(
        user, powers, ingr, first, levels, cell, water_levels, budgets, own, num_bands, num_users, forward_looking, damping, next_gains
    ):
        budget = load(budgets, own + user)
        zero, one, lowest = splat(0.0, budget), splat(1.0, budget), splat(np.inf, budget)
        looking = splat(forward_looking, budget)
        for band in range(num_bands):
            prefetch(next_gains, band * num_users + user, lanes)
            at = cell + band * num_users + user
            power, c = load(powers, first + at), load(ingr, first + at)
            # (15) with phi from (16), both sides of the fraction times m / c: one root and one division instead of two.
            m = square_root(c * (c + c + power))
            level = where_less(zero, looking, (c * m - power * power) / (m + power), c)
            store(levels, at, level)
            lowest = smaller(level, lowest)
        # Newton's method on the water level. The first pass, from the last iteration's level, ends at the true one or above; each
        # further pass drops the bands that stand out of the water. It ends at the exact level, without a sort and without a tolerance.
        # Levels are taken from the lowest, so that a common offset costs no digits.
        water = load(water_levels, own + user) - lowest
        for iteration in range(num_bands + 2):
            total, num_open = budget, zero
            for band in range(num_bands):
                depth = load(levels, cell + band * num_users + user) - lowest
                total = total + where_less(depth, water, depth, zero)
                num_open = num_open + where_less(depth, water, one, zero)
            new = total / larger(num_open, one)
            if iteration > 0 and not any_less(new, water):
                break
            water = new if iteration == 0 else smaller(new, water)
        store(water_levels, own + user, water + lowest)
        kept = load(damping, own + user)
        moved = one - kept
        for band in range(num_bands):
            at = cell + band * num_users + user
            answer = larger(water - (load(levels, at) - lowest), zero)
            # Exact at both ends: a user that keeps all stays where it is, and one that keeps nothing is where it answered.
            store(powers, first + at, multiply_add(kept, load(powers, first + at), moved * answer))

    return users


@in_vectors
def finish(load, lanes):
    """What users of a cell get (6a) and spend; then powers and INGR in units of sigma^2, and log10 of the INGR less `log_nominal`."""

    @inner
    def users(user, rates, spent, powers, ingr, log_ingr, cell, num_bands, num_users, scale, log_nominal, next_gains):
        zero = splat(0.0, load(rates, user))
        rate, sum_of_powers, one, unit = zero, zero, splat(1.0, zero), splat(scale, zero)
        for band in range(num_bands):
            prefetch(next_gains, band * num_users + user, lanes)
            at = cell + band * num_users + user
            power, c = load(powers, at), load(ingr, at)
            sinr = power / c
            mantissa, exponent = split_exponent(sinr + one)
            # While the exponent is 0 the SINR itself is the mantissa less 1, with all its digits.
            rate = rate + natural_log(where_less(exponent, one, sinr, mantissa - one), exponent)
            power, c = power * unit, c * unit
            sum_of_powers = sum_of_powers + power
            store(powers, at, power)
            store(ingr, at, c)
            mantissa, exponent = split_exponent(c)
            log10_of_c = natural_log(mantissa - one, exponent) * splat(1.0 / np.log(10.0), c)
            limit = splat(LOG_LIMIT, c)
            store(log_ingr, at, smaller(larger(log10_of_c - splat(log_nominal, c), zero - limit), limit))
        store(rates, user, rate * splat(1.0 / np.log(2.0), rate))
        store(spent, user, sum_of_powers)

    return users


def _positive(load):
    @inner
    def any_positive(numbers, index):
        vector = load(numbers, index)
        return any_less(splat(0.0, vector), vector)

    return any_positive


_some_positive, _one_positive = _positive(load), _positive(load_one)


@inner
def find_transmitting(transmitting, powers, first, num_bands, num_users):
    """Which cells transmit in which bands: once cells have separated, most are silent in most."""
    for cell in range(len(transmitting)):
        for band in range(num_bands):
            user, at = 0, first + (cell * num_bands + band) * num_users
            while user + LANES <= num_users and not _some_positive(powers, at + user):
                user += LANES
            if user + LANES > num_users:  # all whole vectors were silent: the rest one by one
                while user < num_users and not _one_positive(powers, at + user):
                    user += 1
            transmitting[cell, band] = user < num_users
