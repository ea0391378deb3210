"""What an observation shows of a round, written in vectors: the planes that change, beside those that stay."""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false

from multicell_env.kernels.compiling import compiled_entry, inner
from multicell_env.kernels.exponents import log10
from multicell_env.kernels.loops import copy, fill, in_vectors
from multicell_env.kernels.simd import larger, smaller, splat, store
from multicell_env.kernels.steps import LOG_LIMIT

FLOOR = 1e-3
"""What is added before a logarithm that an observation shows, so that nothing is not minus infinity."""
NUM_PLANES = 9
"""Planes of the observation "price"; `show` writes them in their order. Where rates do not count alike there is one more."""
NUM_STATIC_PLANES = 3
"""Those of them that stay through a block: gain, users and leakage."""
COUNT_LIMIT = 3.0
"""Logarithms of what rates count saturate here."""


@inner
def show_slot(block, static_planes, observations, transmitted_powers, num_static_planes, powers, log_ingr, log_budget, num_cells, size):
    """Write a block's observations "gain" or "csi", and its powers, while what they show is still in the cache."""
    static_size = num_static_planes * size
    for cell in range(num_cells):
        token = block * num_cells + cell
        to = token * (static_size + 2 * size)
        copy(static_size, observations, to, static_planes, token * static_size)
        copy(size, observations, to + static_size, log_ingr, token * size)
        fill(size, observations, to + static_size + size, log_budget[block, cell])
    first = block * num_cells * size
    copy(num_cells * size, transmitted_powers, first, powers, first)


@in_vectors
def _show_measured(load, lanes):
    """The planes that change from round to round: INGR, prices and powers."""

    @inner
    def tokens(index, observations, to, size, log_ingr, prices, powers, first, nominal_power, share):
        c, price, power = load(log_ingr, first + index), load(prices, first + index), load(powers, first + index)
        floor, part = splat(FLOOR, c), smaller(power * splat(share, c), splat(1.0, c))
        store(observations, to + size + index, c + splat(2.0, c))
        limit = splat(LOG_LIMIT, c)
        store(observations, to + 3 * size + index, smaller(log10(floor + price * splat(nominal_power, c)), limit))
        store(observations, to + 5 * size + index, log10(floor + part) + splat(1.0, c))
        store(observations, to + 6 * size + index, part)

    return tokens


@inner
def show(
    block,
    static_planes,
    observations,
    log_ingr,
    prices,
    powers,
    nominal_powers,
    power_budget,
    users_per_cell,
    is_first,
    phase,
    size,
    num_planes,
):
    """Write the first nine planes of "price" of a block; `power_budget` is of the coming slot."""
    num_cells = len(users_per_cell)
    for cell in range(num_cells):
        token = block * num_cells + cell
        to, share = token * num_planes * size, users_per_cell[cell] / power_budget[block, cell]
        for plane in range(NUM_STATIC_PLANES):  # gain, users and leakage stand between what changes
            copy(size, observations, to + 2 * plane * size, static_planes, (NUM_STATIC_PLANES * token + plane) * size)
        _show_measured(size, observations, to, size, log_ingr, prices, powers, token * size, nominal_powers[cell], share)
        fill(size, observations, to + 7 * size, 1.0 if is_first else 0.0)
        fill(size, observations, to + 8 * size, phase)


@in_vectors
def _show_count(load, lanes):
    @inner
    def users(user, observations, to, counts, first):
        count = load(counts, first + user)
        limit = splat(COUNT_LIMIT, count)
        store(observations, to + user, smaller(larger(log10(count), splat(-COUNT_LIMIT, count)), limit))

    return users


@inner
def show_counts(block, fairness, observations, num_cells, num_bands, num_users, num_planes):
    """Write the last plane of "price" of a block, what each user's rate counts, where they do not count alike."""
    if fairness is not None:
        size, last = num_bands * num_users, (num_planes - 1) * num_bands * num_users
        for cell in range(num_cells):
            token = block * num_cells + cell
            for band in range(num_bands):
                to = token * num_planes * size + last + band * num_users
                _show_count(num_users, observations, to, fairness.weights, token * num_users)


@compiled_entry
def show_prices(
    static_planes, observations, log_ingr, prices, powers, nominal_powers, power_budget, users_per_cell, is_first, phases, fairness
):
    """Observations "price" of every block as it is now."""
    num_blocks, num_cells, num_bands, num_users = powers.shape
    flat_static, flat_observations, flat_log_ingr = static_planes.reshape(-1), observations.reshape(-1), log_ingr.reshape(-1)
    flat_prices, flat_powers = prices.reshape(-1), powers.reshape(-1)
    for block in range(num_blocks):
        show(
            block,
            flat_static,
            flat_observations,
            flat_log_ingr,
            flat_prices,
            flat_powers,
            nominal_powers,
            power_budget,
            users_per_cell,
            is_first[block],
            phases[block],
            num_bands * num_users,
            observations.shape[2],
        )
        show_counts(block, fairness, flat_observations, num_cells, num_bands, num_users, observations.shape[2])
