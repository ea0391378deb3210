"""The greedy exclusive assignment: what it promises, that no move betters it, and how near it comes to the best one."""

import itertools

import allocation_oracles
import numpy as np
import pytest
from scenarios import CONFIGS, EVERY_CONFIG, block_of, draw_block, draw_gains

from multicell_env.allocations.assignment import best_assignment
from multicell_env.allocations.greedy_assignment import greedy_assignment
from multicell_env.config import NetworkConfig
from multicell_env.model.interference import ingr, sum_rates


def moved(owners, num_cells):
    """Every assignment with another owner of one band, or with the owners of two bands swapped."""
    for band, cell in itertools.product(range(len(owners)), range(num_cells)):
        yield [*owners[:band], cell, *owners[band + 1 :]]
    for one, two in itertools.combinations(range(len(owners)), 2):
        swapped = list(owners)
        swapped[one], swapped[two] = owners[two], owners[one]
        yield swapped


@EVERY_CONFIG
def test_no_other_owner_of_a_band_and_no_swap_of_two_bands_is_better(config):
    block = draw_block(config, seed=5)
    greedy = greedy_assignment(block.gains, block.user_budgets)
    owners = greedy.owners.tolist()
    total = sum(allocation_oracles.assignment_rates(owners, block.signal, block.budgets))
    for other in moved(owners, config.num_cells):
        assert sum(allocation_oracles.assignment_rates(other, block.signal, block.budgets)) <= total * (1 + 1e-10)


@EVERY_CONFIG
def test_owners_powers_and_rates_agree_and_are_never_above_the_best(config):
    block = draw_block(config, seed=6)
    owners, powers, rates = greedy_assignment(block.gains, block.user_budgets)
    np.testing.assert_allclose(rates, allocation_oracles.assignment_rates(owners.tolist(), block.signal, block.budgets), rtol=1e-10)
    np.testing.assert_allclose(sum_rates(powers, ingr(powers, block.gains)), rates, rtol=1e-10)
    best = sum(allocation_oracles.best_assignment(block.signal, block.budgets)[1])
    assert 0.9 * best <= rates.sum() <= best * (1 + 1e-12)


@pytest.mark.parametrize(("num_bands", "num_blocks"), [(2, 40), (6, 40), (10, 10), (12, 3)])
@pytest.mark.parametrize("num_users", [4, (1, 2, 6)])
def test_on_average_it_is_within_a_thousandth_of_the_best(num_bands, num_blocks, num_users):
    config = NetworkConfig(num_bands=num_bands, num_users=num_users, dtype="float64")
    gains, budgets = draw_gains(config, num_blocks, seed=3), config.split_among_users(config.nominal_budgets)
    greedy, best = (assign(gains, budgets).sum_rates.sum(axis=-1) for assign in (greedy_assignment, best_assignment))
    assert np.all(greedy <= best * (1 + 1e-12))
    assert greedy.sum() >= 0.999 * best.sum()


@pytest.mark.parametrize("name", ["small", "one cell", "more cells than bands", "asymmetric, unequal users"])
def test_blocks_of_a_batch_are_independent(name):
    config = CONFIGS[name]
    gains = draw_gains(config, 3)
    budgets = config.split_among_users(config.nominal_budgets) * np.array([1.0, 2.0, 0.5])[:, None, None]
    together = greedy_assignment(gains, budgets)
    for i in range(3):
        alone = greedy_assignment(block_of(gains, i), budgets[i])
        np.testing.assert_array_equal(together.owners[i], alone.owners)
        np.testing.assert_array_equal(together.powers[i], alone.powers)


def test_a_cell_without_a_budget_gets_no_band_that_another_can_use():
    block = draw_block(CONFIGS["small"])
    greedy = greedy_assignment(block.gains, block.user_budgets * np.array([[0.0], [1.0], [1.0]]))
    assert 0 not in greedy.owners
    assert greedy.sum_rates[0] == 0


def test_bands_that_cannot_be_searched_exactly_are_shared_out_too():
    config = NetworkConfig(num_bands=48, num_users=1, num_antennas=2)
    block = draw_block(config)
    greedy = greedy_assignment(block.gains, block.user_budgets)
    counts = np.bincount(greedy.owners, minlength=3)
    assert counts.sum() == 48
    assert counts.min() > 8
    reused = np.equal(np.arange(48) % 3, np.arange(3)[:, None])
    even = reused[..., None] * block.user_budgets[:, None, :] / 16.0
    assert greedy.sum_rates.sum() > sum_rates(even, ingr(even, block.gains)).sum()
