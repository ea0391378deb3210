"""The search for shared bands: what it promises, and that it finds the best of all plans where they can be listed."""

import itertools
import math

import numpy as np
import oracles
import pytest
from scenarios import CONFIGS, draw_block, ragged

from multicell_env.allocations.sharing import FullPower, best_sharing, full_power, spread
from multicell_env.config import NetworkConfig

TINY = {
    "three cells": NetworkConfig(num_antennas=4, num_users=2, num_bands=3, dtype="float64"),
    "weak interference": NetworkConfig(num_antennas=4, num_users=2, num_bands=3, sir_db=12.0, dtype="float64"),
    "one band": NetworkConfig(num_cells=8, num_antennas=1, num_users=1, num_bands=1, sir_db=5.0, dtype="float64"),
    "unequal users": NetworkConfig(num_antennas=6, num_users=(1, 2, 5), num_bands=3, sir_db=6.0, dtype="float64"),
    "two cells": NetworkConfig(num_cells=2, num_antennas=2, num_users=1, num_bands=4, sir_db=8.0, dtype="float64"),
}


def network_rate(owned, block):
    """Sum rate (19) where every user spreads its budget evenly over the bands that its cell owns."""
    powers = []
    for owns, budgets in zip(owned, block.budgets, strict=True):
        count = sum(map(bool, owns))
        powers.append([[budget / count if own else 0.0 for budget in budgets] for own in owns])
    return sum(oracles.sum_rates(powers, oracles.ingr(powers, block.signal, block.heard)))


def every_plan(config):
    """Each of the 2^(B F) ways to give every cell a set of bands."""
    sets = list(itertools.product([False, True], repeat=config.num_bands))
    return itertools.product(sets, repeat=config.num_cells)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("seed", range(3))
def test_the_best_of_all_plans_of_a_tiny_network_is_found(name, seed):
    config = TINY[name]
    block = draw_block(config, seed)
    everything = np.ones((1, config.num_cells, config.num_bands), bool)
    found = best_sharing(full_power(block.gains, block.user_budgets), everything)
    assert found.sum_rate == pytest.approx(network_rate(found.owned.tolist(), block), rel=1e-10)
    assert found.sum_rate == pytest.approx(max(network_rate(plan, block) for plan in every_plan(config)), rel=1e-10)


@pytest.mark.parametrize("name", ["small", "one cell", "more cells than bands", "asymmetric, unequal users"])
def test_without_kicks_the_search_ends_where_no_cell_can_better_the_network(name):
    config = CONFIGS[name]
    block = draw_block(config, seed=2)
    nothing = np.zeros((1, config.num_cells, config.num_bands), bool)
    found = best_sharing(full_power(block.gains, block.user_budgets), nothing, num_kicks=0)
    rate = network_rate(found.owned.tolist(), block)
    assert found.sum_rate == pytest.approx(rate, rel=1e-10)
    for cell, owns in itertools.product(range(config.num_cells), itertools.product([False, True], repeat=config.num_bands)):
        other = found.owned.tolist()
        other[cell] = list(owns)
        assert network_rate(other, block) <= rate * (1 + 1e-8)


def test_more_starts_and_more_kicks_are_never_worse():
    config = NetworkConfig(num_cells=8, num_antennas=2, num_users=1, num_bands=5, sir_db=6.0)
    block = draw_block(config)
    received = full_power(block.gains, block.user_budgets)
    starts = np.random.default_rng(0).random((4, 8, 5)) < 0.5
    rates = [best_sharing(received, starts[:1], kicks).sum_rate for kicks in (0, 10, 100)]
    assert rates[0] < rates[2]
    assert rates == sorted(rates)
    assert best_sharing(received, starts, 0).sum_rate >= best_sharing(received, starts[:1], 0).sum_rate


def test_an_entry_that_stands_for_several_users_counts_as_often():
    block = draw_block(CONFIGS["one user"])
    one = full_power(block.gains, block.user_budgets)
    signals, leaks = np.repeat(one.signals, 3, axis=-1), np.repeat(one.leaks, 3, axis=-1)
    weighted = best_sharing(FullPower(one.signals, one.leaks, 3.0 * one.weights), np.ones((1, 3, 4), bool))
    repeated = best_sharing(FullPower(signals, leaks, one.weights), np.ones((1, 3, 4), bool))
    np.testing.assert_array_equal(weighted.owned, repeated.owned)
    assert weighted.sum_rate == pytest.approx(repeated.sum_rate, rel=1e-12)


def test_full_power_is_what_every_user_receives():
    config = CONFIGS["asymmetric, unequal users"]
    block = draw_block(config)
    received = full_power(block.gains, block.user_budgets)
    signals = ragged(config, received.signals)
    for b, f in np.ndindex(config.num_cells, config.num_bands):
        for u in range(config.users_per_cell[b]):
            assert signals[b][f][u] == pytest.approx(block.signal[b][f][u] * block.budgets[b][u], rel=1e-12)
            for other in range(config.num_cells):
                gains = block.heard[other][b]
                heard = 0.0 if gains is None else math.fsum(g[u] * p for g, p in zip(gains[f], block.budgets[other], strict=True))
                assert received.leaks[other, b, f, u] == pytest.approx(heard, rel=1e-12)


def test_a_cell_spreads_its_budget_over_its_bands_and_a_silent_one_spends_nothing():
    owned = np.array([[True, False, True], [False, False, False], [True, True, True]])
    np.testing.assert_allclose(spread(owned), [[0.5, 0.0, 0.5], [0.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])
