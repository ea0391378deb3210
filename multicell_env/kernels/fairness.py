"""What users' rates count where they do not count alike, in vectors; every function does nothing where `fairness` is None.

What `model/fairness.py` says in NumPy, in the layout of `kernels/steps.py`. `fairness` is `FairnessArrays`.
"""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false

import numpy as np

from multicell_env.kernels.compiling import inner
from multicell_env.kernels.exponents import natural_log, split_exponent, two_to_the
from multicell_env.kernels.loops import in_vectors
from multicell_env.kernels.simd import splat, store, where_less


@in_vectors
def _rate(load, lanes):
    """Rates of the users of a cell (6a), by their powers and INGR in one unit."""

    @inner
    def users(user, rates, own, powers, ingr, cell, num_bands, num_users):
        zero = splat(0.0, load(rates, own + user))
        rate, one = zero, splat(1.0, zero)
        for band in range(num_bands):
            at = cell + band * num_users + user
            sinr = load(powers, at) / load(ingr, at)
            mantissa, exponent = split_exponent(sinr + one)
            # While the exponent is 0 the SINR itself is the mantissa less 1, with all its digits.
            rate = rate + natural_log(where_less(exponent, one, sinr, mantissa - one), exponent)
        store(rates, own + user, rate * splat(1.0 / np.log(2.0), rate))

    return users


@in_vectors
def _add(load, lanes):
    @inner
    def numbers(index, target, source, first):
        store(target, first + index, load(target, first + index) + load(source, first + index))

    return numbers


@in_vectors
def _count(load, lanes):
    """(unit / (floor + average rate))^alpha."""

    @inner
    def users(user, weights, past_rates, rates, first, num_slots, floor, unit, alpha):
        total = load(past_rates, first + user) + load(rates, first + user)
        one, ratio = splat(1.0, total), splat(unit, total) / (splat(floor, total) + total / splat(num_slots, total))
        if alpha != 1.0:
            mantissa, exponent = split_exponent(ratio)
            ratio = two_to_the(natural_log(mantissa - one, exponent) * splat(alpha / np.log(2.0), ratio))
        store(weights, first + user, ratio)

    return users


@inner
def renew_counts(block, fairness, powers, ingr, num_cells, num_bands, num_users, ends_slot):
    """Measure the rates of all users of a block, and weigh them by their averages over the past slots and this round.

    Where the round ends its slot, it is one of the past slots, and the weights are those that the next one begins with.
    """
    if fairness is not None:
        size, first, count = num_bands * num_users, block * num_cells * num_users, num_cells * num_users
        for cell in range(num_cells):
            token = block * num_cells + cell
            _rate(num_users, fairness.rates, token * num_users, powers, ingr, token * size, num_bands, num_users)
        if ends_slot:
            _add(count, fairness.past_rates, fairness.rates, first)
            fairness.num_past[block] += 1
        num_slots = fairness.num_past[block] + 1.0
        weights, past_rates, rates = fairness.weights, fairness.past_rates, fairness.rates
        _count(count, weights, past_rates, rates, first, num_slots, fairness.floor, fairness.unit, fairness.alpha)


@in_vectors
def _times(load, lanes):
    @inner
    def users(user, numbers, first, weights, own):
        store(numbers, first + user, load(numbers, first + user) * load(weights, own + user))

    return users


@in_vectors
def _over(load, lanes):
    @inner
    def users(user, numbers, first, weights, own):
        store(numbers, first + user, load(numbers, first + user) / load(weights, own + user))

    return users


@inner
def count_users(fairness, numbers, block, num_cells, num_bands, num_users):
    """Multiply a number of every user in every band of a block by what the user counts."""
    if fairness is not None:
        for cell in range(num_cells):
            for band in range(num_bands):
                first = (cell * num_bands + band) * num_users
                _times(num_users, numbers, first, fairness.weights, (block * num_cells + cell) * num_users)


@inner
def over_own_count(fairness, prices, first, token, num_bands, num_users):
    """Prices of a cell's beams, from `first` on, over what their own users count: those that a user that counts 1 would answer alike."""
    if fairness is not None:
        for band in range(num_bands):
            _over(num_users, prices, first + band * num_users, fairness.weights, token * num_users)
