"""The best plan from statistics: what it promises, and that no other colouring promises more."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from scenarios import CONFIGS, EVERY_CONFIG, draw_block, draw_gains

from multicell_env.allocations.planning import MAX_CELLS, best_plan, planned_allocation
from multicell_env.allocations.simple import reuse_allocation
from multicell_env.config import PAPER_8X4, PAPER_32X16, NetworkConfig
from multicell_env.model.waterfilling import selfish_water_fill


def promised(config, owned):
    """What mean gains promise a plan, cell by cell and band by band."""
    a, users = config.mean_gain_matrix, config.users_per_cell
    per_band = [config.nominal_budgets[b] / sum(owned[b]) for b in range(config.num_cells)]
    total = 0.0
    for b, f in itertools.product(range(config.num_cells), range(config.num_bands)):
        if owned[b][f]:
            heard = sum(a[tx, b] * per_band[tx] for tx in range(config.num_cells) if tx != b and owned[tx][f])
            signal = (config.num_antennas - users[b] + 1) * a[b, b] * per_band[b] / users[b]
            total += users[b] * math.log2(1.0 + signal / (1.0 + heard))
    return total


def every_plan(config):
    """Every colouring of the cells and every share of the bands with one for each colour."""
    for colours in itertools.product(range(config.num_bands), repeat=config.num_cells):
        if set(colours) == set(range(max(colours) + 1)):
            for bands in itertools.product(range(max(colours) + 1), repeat=config.num_bands):
                if list(bands) == sorted(bands) and set(bands) == set(colours):
                    yield [[band == colour for band in bands] for colour in colours]


@EVERY_CONFIG
def test_no_colouring_promises_more(config):
    plan = best_plan(config)
    assert plan.predicted_rate == pytest.approx(promised(config, plan.owned.tolist()), rel=1e-10)
    assert plan.predicted_rate == pytest.approx(max(promised(config, owned) for owned in every_plan(config)), rel=1e-10)


def random_network(seed, num_cells=4):
    generator = np.random.default_rng(seed)
    gains = 10.0 ** generator.uniform(-3, 0.5, (num_cells, num_cells))
    np.fill_diagonal(gains, 1.0)
    users = tuple(generator.integers(1, 5, num_cells).tolist())
    return NetworkConfig(num_cells=num_cells, num_users=users, num_bands=5, mean_gains=tuple(map(tuple, gains.tolist())))


@pytest.mark.parametrize("seed", range(6))
def test_the_plan_of_a_random_network_is_the_best_and_follows_its_cells_when_they_change_places(seed):
    config = random_network(seed)
    plan = best_plan(config)
    assert plan.predicted_rate == pytest.approx(max(promised(config, owned) for owned in every_plan(config)), rel=1e-10)
    order = np.random.default_rng(seed).permutation(4)
    gains = config.mean_gain_matrix[np.ix_(order, order)]
    moved = dataclasses.replace(
        config, num_users=tuple(config.users_per_cell[order].tolist()), mean_gains=tuple(map(tuple, gains.tolist()))
    )
    other = best_plan(moved)
    assert other.predicted_rate == pytest.approx(plan.predicted_rate, rel=1e-12)
    np.testing.assert_array_equal(other.owned.sum(axis=1), plan.owned.sum(axis=1)[order])
    np.testing.assert_array_equal(other.owned @ other.owned.T, (plan.owned @ plan.owned.T)[np.ix_(order, order)])


@EVERY_CONFIG
def test_every_band_is_used_and_every_cell_has_one_and_cells_share_all_or_none(config):
    owned = best_plan(config).owned
    assert np.all(owned.any(axis=0))
    assert np.all(owned.any(axis=1))
    for one, other in itertools.combinations(owned, 2):
        assert np.array_equal(one, other) or not np.any(one & other)


@pytest.mark.parametrize("config", [PAPER_8X4, PAPER_32X16])
def test_in_three_symmetric_cells_at_0_db_the_plan_is_fixed_reuse(config):
    gains, budgets = draw_gains(config, 2), config.split_among_users(config.nominal_budgets)
    np.testing.assert_array_equal(planned_allocation(gains, budgets, config), reuse_allocation(gains, budgets))


@pytest.mark.parametrize("sir_db", [30.0, math.inf])
def test_where_interference_is_weak_all_cells_share_all_bands(sir_db):
    config = dataclasses.replace(PAPER_8X4, sir_db=sir_db)
    gains, budgets = draw_gains(config, 2), config.split_among_users(config.nominal_budgets)
    np.testing.assert_array_equal(planned_allocation(gains, budgets, config), selfish_water_fill(gains, budgets))


def test_a_crowded_cell_gets_more_bands():
    config = dataclasses.replace(PAPER_8X4, num_users=(1, 2, 6), num_bands=9)
    counts = best_plan(config).owned.sum(axis=1)
    assert counts[0] <= counts[1] < counts[2]


@EVERY_CONFIG
def test_planned_users_spend_their_budgets_in_their_cells_bands(config):
    block = draw_block(config)
    powers = planned_allocation(block.gains, block.user_budgets, config)
    np.testing.assert_allclose(powers.sum(axis=-2), block.user_budgets, rtol=1e-12)
    assert np.all(powers[~best_plan(config).owned] == 0)


def test_12_cells_are_coloured_at_least_as_well_as_by_a_thousand_random_colourings():
    config = random_network(1, num_cells=12)
    generator, best = np.random.default_rng(2), 0.0
    for _ in range(1000):
        colours = generator.integers(0, generator.integers(1, 6), 12)
        names = np.unique(colours)
        bands = np.concatenate([names, generator.choice(names, config.num_bands - len(names))])
        best = max(best, promised(config, np.equal(colours[:, None], bands).tolist()))
    assert best_plan(config).predicted_rate >= best


def test_more_than_14_cells_are_refused():
    config = NetworkConfig(num_cells=MAX_CELLS + 1, num_users=1)
    with pytest.raises(ValueError, match=r"for at most 14 cells; got B=15\. Lower num_cells, or leave this plan out"):
        best_plan(config)


def test_the_plan_serves_a_batch_block_by_block():
    config = CONFIGS["asymmetric, unequal users"]
    gains = draw_gains(config, 3)
    budgets = config.split_among_users(config.nominal_budgets)
    together = planned_allocation(gains, budgets, config)
    for i in range(3):
        one = type(gains)(gains.signal_gains[i], gains.cross_gains[i], gains.interferers)
        np.testing.assert_array_equal(together[i], planned_allocation(one, budgets, config))
