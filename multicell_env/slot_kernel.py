"""One slot of a block, compiled: what `waterfilling.py` and `interference.py` say in NumPy, in vectors and without temporaries.

Arrays are flat inside, in their usual order `[cell, band, user]`; the users of a cell and band lie side by side and share a vector.
Powers are in units of `scale`, a power of two near the largest nominal power: float32 then has room on both sides and loses nothing.
"""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false

import math
from functools import partial

import numpy as np

from multicell_env.simd import (
    LANES,
    any_less,
    ask_for,
    compiled_entry,
    fetch_add,
    larger,
    load,
    load_double,
    load_one,
    load_splat,
    multiply_add,
    natural_log,
    smaller,
    splat,
    split_exponent,
    square_root,
    store,
    where_less,
)
from multicell_env.vector_loops import copy, fill, in_vectors, inner

LOG_LIMIT = 20.0
"""Logarithms saturate here (+-200 dB), so that observations are bounded."""
CACHE_LINE = 64
"""Bytes that a processor fetches together."""


@inner
def _ask(coming, token, lanes):
    """Have some tokens' share of the next block's gains on its way from memory; a token is a user in a band."""
    first, share = coming  # an address: a counted reference to the array would cost more than the loop
    for at in range(first + token * share, first + (token + lanes) * share, CACHE_LINE):
        ask_for(at)


@in_vectors
def _open(load, lanes):
    """Fractions of the users' budgets to powers: clipped to [0, 1], scaled down where they sum to more than 1 over the bands."""

    @inner
    def users(user, fractions, powers, cell, budgets, first, num_bands, num_users, coming):
        budget = load(budgets, first + user)
        zero, one = splat(0.0, budget), splat(1.0, budget)
        total = zero
        for band in range(num_bands):
            _ask(coming, band * num_users + user, lanes)
            total = total + smaller(larger(load(fractions, cell + band * num_users + user), zero), one)
        share = budget / larger(total, one)
        for band in range(num_bands):
            at = cell + band * num_users + user
            store(powers, at, smaller(larger(load(fractions, at), zero), one) * share)

    return users


@partial(in_vectors, widest=load_double)
def _hear(load, lanes):
    """What users of a cell measure (7): noise, and the powers of all cells that reach them, over their own gain."""

    @inner
    def users(user, ingr, powers, inverse_gains, cross_gains, interferers, loud, block, cell, num_bands, num_users, noise):
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
                if sender < 0 or not loud[sender, band]:
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
def _respond(load, lanes):
    """What users of a cell answer to the INGR that they measured: levels (15)-(16), then water-filling on them."""

    @inner
    def users(user, powers, ingr, first, levels, cell, water_levels, budgets, own, num_bands, num_users, forward_looking, damping, coming):
        budget = load(budgets, own + user)
        zero, one, lowest = splat(0.0, budget), splat(1.0, budget), splat(np.inf, budget)
        looking = splat(forward_looking, budget)
        for band in range(num_bands):
            _ask(coming, band * num_users + user, lanes)
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
def _finish(load, lanes):
    """What users of a cell get (6a) and spend; then powers and INGR in units of sigma^2, and log10 of the INGR less `log_nominal`."""

    @inner
    def users(user, rates, spent, powers, ingr, log_ingr, cell, num_bands, num_users, scale, log_nominal, coming):
        zero = splat(0.0, load(rates, user))
        rate, sum_of_powers, one, unit = zero, zero, splat(1.0, zero), splat(scale, zero)
        for band in range(num_bands):
            _ask(coming, band * num_users + user, lanes)
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
def _find_loud(loud, powers, first, num_bands, num_users):
    """Which cells transmit in which bands: once cells have separated, most are silent in most."""
    for cell in range(len(loud)):
        for band in range(num_bands):
            user, at = 0, first + (cell * num_bands + band) * num_users
            while user + LANES <= num_users and not _some_positive(powers, at + user):
                user += LANES
            if user + LANES > num_users:  # all whole vectors were silent: the rest one by one
                while user < num_users and not _one_positive(powers, at + user):
                    user += 1
            loud[cell, band] = user < num_users


@compiled_entry
def play_slots(
    next_blocks,
    at_once,
    thread,
    fractions,
    damping,
    inverse_gains,
    cross_gains,
    interferers,
    users_per_cell,
    nominal_budgets,
    log_nominal,
    scale,
    num_iterations,
    forward_looking,
    transmits,
    ask_ahead,
    static_planes,
    slots_left,
    power_budget,
    powers,
    ingr,
    log_ingr,
    log_budget,
    rates,
    observations,
    reported_powers,
):
    """One slot of every block: open, negotiate, measure, roll over (if it `transmits`), report.

    Every `thread` has a part of the blocks, an equal one, and may call this at the same time: it plays its own part and then what is left
    of the others', `at_once` blocks at a time, from where `next_blocks` says. So a block's numbers stay in the cache of one core.

    All arrays are C-contiguous and, but for the integer ones and `static_planes` and `observations` in float32, of one floating type, as
    are the numbers but `num_iterations`; `forward_looking` is 1 for FLWF and 0 for IWF. `ask_ahead` is None where gains are in the cache,
    and True where a block's must be asked for while the one before is played: two types, so that each has a kernel of its own and one
    costs the other nothing.
    Reads `damping` (what each user keeps of its powers in an iteration, within [0, 1], `[block, cell, user]`), `inverse_gains`
    (1 / signal gain) and `log_nominal` (log10 of p0, `[cell]`). Writes `slots_left` `[block]`, `power_budget` (5), `log_budget` (log10 of
    it over nominal) and `rates` (18) `[block, cell]`, and `powers`, `ingr`, `log_ingr` (log10 of INGR over p0, within `LOG_LIMIT`)
    `[block, cell, band, user]`; and, unless they have no blocks, `reported_powers` and `observations` `[block, cell, plane, band, user]`:
    the `static_planes`, `log_ingr`, `log_budget`.
    """
    num_blocks, num_cells, num_bands, num_users = powers.shape
    num_interferers = interferers.shape[1]
    size = num_bands * num_users
    levels = np.empty(num_cells * size, powers.dtype)
    budgets, water_levels = np.empty(num_cells * num_users, powers.dtype), np.empty(num_cells * num_users, powers.dtype)
    user_rates, user_spent = np.empty(num_users, powers.dtype), np.empty(num_users, powers.dtype)
    loud = np.ones((num_cells, num_bands), np.bool_)
    opening, power, heard, logs = fractions.reshape(-1), powers.reshape(-1), ingr.reshape(-1), log_ingr.reshape(-1)
    own, gains = inverse_gains.reshape(-1), cross_gains.reshape(-1)
    static, seen, told = static_planes.reshape(-1), observations.reshape(-1), reported_powers.reshape(-1)
    known = static_planes.shape[2] * size
    noise = 1.0 / scale
    gains_of_token = num_interferers * num_users * gains.itemsize
    # Every token asks for as many bytes when its cell opens, at each answer, and when rates are counted.
    share = -(-gains_of_token // (num_iterations + 2)) if ask_ahead is not None else 0
    num_threads = len(next_blocks)
    for turn in range(num_threads):
        whose = (thread + turn) % num_threads
        end = num_blocks * (whose + 1) // num_threads
        begin = fetch_add(next_blocks, whose, at_once)
        while begin < end:
            for block in range(begin, min(begin + at_once, end)):
                first = block * num_cells * size
                ahead = gains.ctypes.data + (block + 1) * num_cells * size * gains_of_token
                kept = damping[block].reshape(-1)
                for cell in range(num_cells):
                    budget = power_budget[block, cell] / users_per_cell[cell] * noise
                    for user in range(num_users):
                        budgets[cell * num_users + user] = budget if user < users_per_cell[cell] else 0.0
                        water_levels[cell * num_users + user] = np.inf
                    _open(num_users, opening, power, first + cell * size, budgets, cell * num_users, num_bands, num_users, (ahead, share))
                    ahead += size * share
                for iteration in range(num_iterations + 1):
                    if num_users >= LANES:  # for few users the sum is cheaper
                        _find_loud(loud, power, first, num_bands, num_users)
                    for cell in range(num_cells):
                        _hear(num_users, heard, power, own, gains, interferers, loud, block, cell, num_bands, num_users, noise)
                    if iteration == num_iterations:
                        break
                    for cell in range(num_cells):
                        _respond(
                            num_users,
                            power,
                            heard,
                            first,
                            levels,
                            cell * size,
                            water_levels,
                            budgets,
                            cell * num_users,
                            num_bands,
                            num_users,
                            forward_looking,
                            kept,
                            (ahead, share),
                        )
                        ahead += size * share
                for cell in range(num_cells):
                    _finish(
                        num_users,
                        user_rates,
                        user_spent,
                        power,
                        heard,
                        logs,
                        first + cell * size,
                        num_bands,
                        num_users,
                        scale,
                        log_nominal[cell],
                        (ahead, share),
                    )
                    ahead += size * share
                    rate, unspent = 0.0, float(power_budget[block, cell])
                    for user in range(num_users):
                        rate += user_rates[user]
                        unspent -= user_spent[user]
                    rates[block, cell] = rate
                    if transmits:
                        # (5): the T - t slots after this one share what it leaves, never less than nothing. After the last there is none.
                        power_budget[block, cell] += max(unspent, 0.0) / max(slots_left[block] - 1, 1)
                        log_budget[block, cell] = math.log10(power_budget[block, cell] / nominal_budgets[cell])
                if transmits:
                    slots_left[block] = max(slots_left[block] - 1, 0)
                if len(observations) > 0:
                    for cell in range(num_cells):
                        of = block * num_cells + cell
                        to = of * observations.shape[2] * size
                        copy(known, seen, to, static, of * known)
                        copy(size, seen, to + known, logs, of * size)
                        fill(size, seen, to + known + size, log_budget[block, cell])
                    copy(num_cells * size, told, first, power, first)
            begin = fetch_add(next_blocks, whose, at_once)
