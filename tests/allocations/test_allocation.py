"""Allocations that neither learn nor negotiate, the best exclusive assignment, and numbers to check against."""

import math

import allocation_oracles
import numpy as np
import oracles
import pytest
from scenarios import CONFIGS, EVERY_CONFIG, assert_equal, block_of, draw_block, draw_gains, ragged

from multicell_env.allocations.assignment import best_assignment
from multicell_env.allocations.simple import random_allocation, reuse_allocation, uniform_allocation
from multicell_env.config import PAPER_8X4, PAPER_32X16, NetworkConfig
from multicell_env.model.interference import ingr, sum_rates
from multicell_env.model.negotiation import negotiate
from multicell_env.model.waterfilling import selfish_water_fill


@EVERY_CONFIG
def test_every_allocation_spends_exactly_the_budget_and_padded_users_have_power_0(config):
    block = draw_block(config)
    for powers in (
        random_allocation(block.gains, block.user_budgets, np.random.default_rng(0)),
        uniform_allocation(block.gains, block.user_budgets),
        selfish_water_fill(block.gains, block.user_budgets),
        reuse_allocation(block.gains, block.user_budgets),
    ):
        assert np.all(powers >= 0)
        np.testing.assert_allclose(powers.sum(axis=-2), block.user_budgets, rtol=1e-12)
        assert np.all(np.swapaxes(powers, 1, 2)[~config.user_mask] == 0)


def test_uniform_allocation_spreads_evenly():
    block = draw_block(CONFIGS["unequal users"])
    powers = uniform_allocation(block.gains, block.user_budgets)
    for b, f, u in np.ndindex(powers.shape):
        assert powers[b, f, u] == pytest.approx(block.user_budgets[b, u] / 4, rel=1e-15)


def test_random_allocation_favours_no_band_and_reads_only_its_generator():
    gains, budgets = draw_gains(CONFIGS["small"], 50), CONFIGS["small"].split_among_users(np.full(3, 3.0))
    powers = random_allocation(gains, budgets, np.random.default_rng(0))
    assert np.array_equal(powers, random_allocation(gains, budgets, np.random.default_rng(0)))
    assert not np.any(powers == random_allocation(gains, budgets, np.random.default_rng(1)))
    assert len(np.unique(powers)) == powers.size
    # A quarter each on average; a share lies in [0, 1], so 450 users' mean has a deviation below 0.5/sqrt(450): five of them.
    np.testing.assert_allclose(powers.mean(axis=(0, 1, 3)), 0.25, atol=5 * 0.5 / math.sqrt(450))


@EVERY_CONFIG
def test_reuse_gives_cell_b_the_bands_b_and_b_plus_b_and_so_on_to_water_fill(config):
    block = draw_block(config)
    powers = ragged(config, reuse_allocation(block.gains, block.user_budgets))
    num_cells, num_bands = config.num_cells, config.num_bands
    for b in range(num_cells):
        owned = list(range(b, num_bands, num_cells)) if num_bands >= num_cells else [b % num_bands]
        for u, budget in enumerate(block.budgets[b]):
            poured = oracles.water_fill([1.0 / block.signal[b][f][u] for f in owned], budget)
            expected = [poured[owned.index(f)] if f in owned else 0.0 for f in range(num_bands)]
            np.testing.assert_allclose([powers[b][f][u] for f in range(num_bands)], expected, rtol=1e-10, atol=1e-12 * budget)


@EVERY_CONFIG
def test_best_assignment_is_the_best_of_all_enumerated_ones(config):
    block = draw_block(config, seed=5)
    best = best_assignment(block.gains, block.user_budgets)
    owners, rates = allocation_oracles.best_assignment(block.signal, block.budgets)
    assert best.owners.tolist() == owners
    np.testing.assert_allclose(best.sum_rates, rates, rtol=1e-10)
    for other in allocation_oracles.all_assignments(config.num_cells, config.num_bands):
        assert best.sum_rates.sum() >= sum(allocation_oracles.assignment_rates(other, block.signal, block.budgets)) * (1 - 1e-12)


def test_best_assignment_of_the_papers_network_is_the_best_of_its_729():
    block = draw_block(PAPER_8X4)
    best = best_assignment(block.gains, block.user_budgets)
    owners, rates = allocation_oracles.best_assignment(block.signal, block.budgets)
    assert best.owners.tolist() == owners
    np.testing.assert_allclose(best.sum_rates, rates, rtol=1e-10)


@EVERY_CONFIG
def test_owners_powers_and_rates_of_the_best_assignment_agree(config):
    block = draw_block(config, seed=6)
    owners, powers, rates = best_assignment(block.gains, block.user_budgets)
    assert owners.shape == (config.num_bands,)
    assert set(owners.tolist()) <= set(range(config.num_cells))
    for b in range(config.num_cells):
        assert np.all(powers[b, owners != b] == 0)
        spent = block.user_budgets[b] * (b in owners)
        np.testing.assert_allclose(powers[b].sum(axis=0), spent, rtol=1e-12)
    np.testing.assert_allclose(sum_rates(powers, ingr(powers, block.gains)), rates, rtol=1e-10)
    np.testing.assert_allclose(rates, allocation_oracles.assignment_rates(owners.tolist(), block.signal, block.budgets), rtol=1e-10)


def test_a_cell_may_be_left_without_bands():
    # Cell 0 has no budget, so that every band is worth more to the others.
    config = CONFIGS["small"]
    block = draw_block(config)
    budgets = block.user_budgets * np.array([[0.0], [1.0], [1.0]])
    best = best_assignment(block.gains, budgets)
    assert 0 not in best.owners
    assert best.sum_rates[0] == 0
    lists = block.signal, ragged(config, budgets)
    np.testing.assert_allclose(best.sum_rates, allocation_oracles.best_assignment(*lists)[1], rtol=1e-10)


@pytest.mark.parametrize("name", ["small", "one cell", "more cells than bands", "asymmetric, unequal users"])
def test_blocks_of_a_batch_are_independent(name):
    config = CONFIGS[name]
    gains, shared = draw_gains(config, 4), config.split_among_users(config.nominal_budgets)
    budgets = shared * np.array([1.0, 2.0, 0.5, 3.0])[:, None, None]
    best = best_assignment(gains, budgets)
    same_budget = best_assignment(gains, shared)
    reuse, uniform = reuse_allocation(gains, budgets), uniform_allocation(gains, shared)
    for i in range(4):
        one = block_of(gains, i)
        alone = best_assignment(one, budgets[i])
        assert np.array_equal(best.owners[i], alone.owners)
        np.testing.assert_allclose(best.sum_rates[i], alone.sum_rates, rtol=1e-12)
        assert_equal(config, best.powers[i], ragged(config, alone.powers))
        np.testing.assert_allclose(same_budget.sum_rates[i], best_assignment(one, shared).sum_rates, rtol=1e-12)
        assert_equal(config, reuse[i], ragged(config, reuse_allocation(one, budgets[i])))
        assert np.array_equal(uniform[i], uniform_allocation(one, shared))


def test_more_than_16_bands_are_too_many_to_search():
    config = NetworkConfig(num_bands=17, num_users=1, num_antennas=1)
    gains = draw_block(config).gains
    with pytest.raises(ValueError, match=r"for at most 16 bands; got F=17\. Lower num_bands, or take greedy_assignment"):
        best_assignment(gains, config.split_among_users(config.nominal_budgets))


def capacities(config, num_blocks):
    """Average cell capacity of each block under each method; the key k is FLWF of k iterations from a random start."""
    gains, budgets = draw_gains(config, num_blocks, seed=2021), config.split_among_users(config.nominal_budgets)
    start = random_allocation(gains, budgets, np.random.default_rng([2021, 1]))
    powers = {"SSWF": selfish_water_fill(gains, budgets), "uniform": uniform_allocation(gains, budgets)}
    powers |= {k: negotiate(start, gains, budgets, k) for k in (5, 20, 100)}
    values = {name: sum_rates(p, ingr(p, gains)).mean(axis=-1) for name, p in powers.items()}
    return values | {"assignment": best_assignment(gains, budgets).sum_rates.mean(axis=-1)}


# Averages over tens of other channels, from independent implementations of (15) and (16).
KNOWN = {
    "8x4": (
        PAPER_8X4,
        {"SSWF": (18.2, 18.2), "uniform": (18.2, 18.2), 5: (34, 36), 20: (73, 74), 100: (82, 83), "assignment": (85.7, 85.9)},
    ),
    "32x16": (PAPER_32X16, {"SSWF": (60.7, 60.7), 5: (77, 77), 20: (337, 355), 100: (388.6, 388.6), "assignment": (395.3, 395.3)}),
}


@pytest.mark.parametrize("size", KNOWN)
def test_average_cell_capacities_are_the_known_ones(size):
    config, numbers = KNOWN[size]
    values = capacities(config, 60)
    for name, (lowest, highest) in numbers.items():
        three_errors = 3.0 * values[name].std(ddof=1) * math.sqrt(2.0 / len(values[name]))  # both averages have one
        assert lowest - three_errors < values[name].mean() < highest + three_errors, name


def test_iterations_raise_the_capacity_from_a_quarter_of_the_bound_towards_it():
    values = capacities(PAPER_8X4, 60)
    assert values["uniform"].mean() < values[5].mean() < values[20].mean() < values[100].mean() < values["assignment"].mean()
    assert values["uniform"].mean() < 0.25 * values["assignment"].mean()
