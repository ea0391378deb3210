"""One round of many blocks, compiled: open, negotiate, measure, book, show."""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false

import math

import numpy as np

from multicell_env.kernels.compiling import compiled_entry, inner
from multicell_env.kernels.fairness import renew_counts
from multicell_env.kernels.loops import copy
from multicell_env.kernels.pricing.fours import FOUR
from multicell_env.kernels.pricing.hearing import hear
from multicell_env.kernels.pricing.responding import open_by_prices, respond_to_prices
from multicell_env.kernels.showing import show, show_counts, show_slot
from multicell_env.kernels.simd import LANES, fetch_add
from multicell_env.kernels.steps import find_transmitting, finish, measure, open_powers, respond


@inner
def _negotiate(
    block,
    fractions,
    powers,
    ingr,
    inverse_gains,
    cross_gains,
    damping,
    power_budget,
    levels,
    budgets,
    water_levels,
    transmitting,
    interferers,
    users_per_cell,
    num_bands,
    num_users,
    num_iterations,
    forward_looking,
    noise,
    next_gains,
    pricing,
    heard,
    measured_prices,
    measured_ingr,
    fairness,
    ends_slot,
    scratch,
    offsets,
    precision,
):
    """Open, iterate, measure. Returns from where on the next block's gains are still to be fetched."""
    num_cells, size = len(users_per_cell), num_bands * num_users
    first = block * num_cells * size
    ahead, share = next_gains
    for cell in range(num_cells):
        budget = power_budget[block, cell] / users_per_cell[cell] * noise
        for user in range(num_users):
            budgets[cell * num_users + user] = budget if user < users_per_cell[cell] else 0.0
            water_levels[cell * num_users + user] = np.inf
        if pricing is None or not pricing.acts:
            open_powers(num_users, fractions, powers, first + cell * size, budgets, cell * num_users, num_bands, num_users, (ahead, share))
        ahead += size * share
    if pricing is not None and pricing.acts:
        open_by_prices(
            block,
            fairness,
            fractions,
            powers,
            measured_prices,
            measured_ingr,
            scratch,
            offsets,
            pricing.octaves,
            budgets,
            damping,
            num_cells,
            num_bands,
            num_users,
            precision,
            noise,
        )
    for iteration in range(num_iterations + 1):
        if num_users >= LANES:  # for few users the sum is cheaper
            find_transmitting(transmitting, powers, first, num_bands, num_users)
        for cell in range(num_cells):
            measure(
                num_users, ingr, powers, inverse_gains, cross_gains, interferers, transmitting, block, cell, num_bands, num_users, noise
            )
        is_last = iteration == num_iterations
        if fairness is not None and (is_last or (pricing is not None and pricing.negotiates)):
            renew_counts(block, fairness, powers, ingr, num_cells, num_bands, num_users, is_last and ends_slot)
        if pricing is not None and (pricing.negotiates or iteration == num_iterations):
            unit = noise if iteration == num_iterations else 1.0  # those that stay are per sigma^2
            hear(
                block,
                pricing,
                fairness,
                heard,
                scratch[0],
                powers,
                ingr,
                inverse_gains,
                cross_gains,
                transmitting,
                interferers.shape[1],
                num_bands,
                num_users,
                unit,
            )
        if iteration == num_iterations:
            break
        if pricing is not None and pricing.negotiates:
            respond_to_prices(block, fairness, powers, heard, ingr, scratch, budgets, damping, num_cells, num_bands, num_users, precision)
            continue
        for cell in range(num_cells):
            respond(
                num_users,
                powers,
                ingr,
                first,
                levels,
                cell * size,
                water_levels,
                budgets,
                cell * num_users,
                num_bands,
                num_users,
                forward_looking,
                damping,
                (ahead, share),
            )
            ahead += size * share
    return ahead


@compiled_entry
def play_slots(
    next_blocks,
    at_once,
    thread,
    fractions,
    damping,
    num_iterations,
    forward_looking,
    rounds_per_slot,
    prefetches,
    pricing,
    fairness,
    rates,
    static_planes,
    observations,
    transmitted_powers,
    inverse_gains,
    cross_gains,
    interferers,
    users_per_cell,
    nominal_budgets,
    log_nominal,
    scale,
    slots_left,
    rounds,
    power_budget,
    powers,
    ingr,
    log_ingr,
    log_budget,
):
    """One round of every block, which is a whole slot where `rounds_per_slot` is 1.

    Every `thread` has a part of the blocks, an equal one, and may call this at the same time: it plays its own part and then what is left
    of the others', `at_once` blocks at a time, from where `next_blocks` says. So a block's numbers stay in the cache of one core.

    All arrays are C-contiguous and, but for the integer ones and `static_planes` and `observations` in float32, of one floating type, as
    are the numbers but `num_iterations`; `forward_looking` is 1 for FLWF and 0 for IWF. `prefetches` is None where gains are in the
    cache, and True where a block's must be fetched while the one before is played: two types, so that each has a kernel of its own and
    one costs the other nothing. `damping` is what each user keeps of its powers in an iteration, within [0, 1], `[block, cell, user]`.
    A round that is not the last of its slot books nothing. `pricing` is None where nobody hears prices, and `PriceArrays` otherwise: again
    two types; and so is `fairness`, None where all rates count alike, and `FairnessArrays` otherwise. Writes `rates` (18) `[block, cell]`,
    what `SlotOutputs` has, unless it has no blocks, and what `BlockArrays` has.
    """
    num_blocks, num_cells, num_bands, num_users = powers.shape
    size = num_bands * num_users
    levels = np.empty(num_cells * size, powers.dtype)
    budgets, water_levels = np.empty(num_cells * num_users, powers.dtype), np.empty(num_cells * num_users, powers.dtype)
    user_rates, user_spent = np.empty(num_users, powers.dtype), np.empty(num_users, powers.dtype)
    transmitting = np.ones((num_cells, num_bands), np.bool_)
    room = np.empty((5, max(num_cells, FOUR) * size if pricing is not None else 0), powers.dtype)  # four cells share a vector
    offsets = np.empty(num_cells * num_users, powers.dtype)
    scratch, precision = (room[0], room[1], room[2], room[3], room[4]), 1e-12 if powers.itemsize == 8 else 1e-6
    flat_fractions, flat_powers, flat_ingr, flat_log_ingr = (
        fractions.reshape(-1),
        powers.reshape(-1),
        ingr.reshape(-1),
        log_ingr.reshape(-1),
    )
    # Once here: every look into the tuple counts who holds its arrays.
    heard = pricing.prices.reshape(-1) if pricing is not None else flat_powers
    measured_prices = pricing.measured_prices.reshape(-1) if pricing is not None else flat_powers
    measured_ingr = pricing.measured_ingr.reshape(-1) if pricing is not None else flat_powers
    nominal_powers = pricing.nominal_powers if pricing is not None else nominal_budgets
    if pricing is not None:
        for user in range(len(offsets)):
            offsets[user] = pricing.offset / nominal_powers[user // num_users] * scale
    flat_inverse_gains, flat_gains = inverse_gains.reshape(-1), cross_gains.reshape(-1)
    flat_static, flat_observations, flat_outputs = static_planes.reshape(-1), observations.reshape(-1), transmitted_powers.reshape(-1)
    gains_of_token = interferers.shape[1] * num_users * flat_gains.itemsize
    # Every token asks for as many bytes when its cell opens, at each answer, and when rates are counted.
    share = -(-gains_of_token // (num_iterations + 2)) if prefetches is not None else 0
    num_threads = len(next_blocks)
    for turn in range(num_threads):
        whose = (thread + turn) % num_threads
        end = num_blocks * (whose + 1) // num_threads
        begin = fetch_add(next_blocks, whose, at_once)
        while begin < end:
            for block in range(begin, min(begin + at_once, end)):
                transmits = rounds[block] + 1 >= rounds_per_slot
                ahead = flat_gains.ctypes.data + (block + 1) * num_cells * size * gains_of_token
                ahead = _negotiate(
                    block,
                    flat_fractions,
                    flat_powers,
                    flat_ingr,
                    flat_inverse_gains,
                    flat_gains,
                    damping[block].reshape(-1),
                    power_budget,
                    levels,
                    budgets,
                    water_levels,
                    transmitting,
                    interferers,
                    users_per_cell,
                    num_bands,
                    num_users,
                    num_iterations,
                    forward_looking,
                    1.0 / scale,
                    (ahead, share),
                    pricing,
                    heard,
                    measured_prices,
                    measured_ingr,
                    fairness,
                    transmits,
                    scratch,
                    offsets,
                    precision,
                )
                for cell in range(num_cells):
                    first = (block * num_cells + cell) * size
                    finish(
                        num_users,
                        user_rates,
                        user_spent,
                        flat_powers,
                        flat_ingr,
                        flat_log_ingr,
                        first,
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
                rounds[block] = 0 if transmits else rounds[block] + 1
                if len(observations) > 0 and pricing is not None and pricing.shows:
                    show(
                        block,
                        flat_static,
                        flat_observations,
                        flat_log_ingr,
                        heard,
                        flat_powers,
                        nominal_powers,
                        power_budget,
                        users_per_cell,
                        False,
                        rounds[block] / rounds_per_slot,
                        size,
                        observations.shape[2],
                    )
                    show_counts(block, fairness, flat_observations, num_cells, num_bands, num_users, observations.shape[2])
                    copy(num_cells * size, flat_outputs, block * num_cells * size, flat_powers, block * num_cells * size)
                elif len(observations) > 0:
                    show_slot(
                        block,
                        flat_static,
                        flat_observations,
                        flat_outputs,
                        static_planes.shape[2],
                        flat_powers,
                        flat_log_ingr,
                        log_budget,
                        num_cells,
                        size,
                    )
            begin = fetch_add(next_blocks, whose, at_once)
