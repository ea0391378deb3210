"""The plan from statistics: what it promises, and that no colouring with silent cells promises more."""

import dataclasses
import itertools
import math

import numpy as np
import oracles
import pytest
from scenarios import CONFIGS, EVERY_CONFIG, draw_block, draw_gains, ragged

from multicell_env.allocations.colouring import MAX_CELLS, best_colouring
from multicell_env.allocations.planning import best_plan, blind_starts, mean_gains, planned_allocation, planned_sharing, promises
from multicell_env.allocations.sharing import best_sharing
from multicell_env.allocations.simple import reuse_allocation
from multicell_env.config import PAPER_8X4, PAPER_32X16, NetworkConfig
from multicell_env.model.waterfilling import selfish_water_fill
from multicell_env.scenarios import SCENARIOS, IrregularDeployment, draw_networks


def promised(config, fractions):
    """What mean gains promise where each cell spends these fractions of its budget, cell by cell and band by band."""
    a, users = config.mean_gain_matrix, config.users_per_cell
    power = [[config.nominal_budgets[b] * share for share in fractions[b]] for b in range(config.num_cells)]
    total = 0.0
    for b, f in itertools.product(range(config.num_cells), range(config.num_bands)):
        heard = sum(a[tx, b] * power[tx][f] for tx in range(config.num_cells) if tx != b)
        signal = (config.num_antennas - users[b] + 1) * a[b, b] * power[b][f] / users[b]
        total += users[b] * math.log2(1.0 + signal / (1.0 + heard))
    return total


def evenly(owned):
    return [[own / max(1, sum(of_cell)) for own in of_cell] for of_cell in owned]


def every_plan(config):
    """Every colouring of some of the cells, the others being silent, and every share of the bands with one for each colour."""
    for colours in itertools.product(range(-1, config.num_bands), repeat=config.num_cells):
        if set(colours) - {-1} == set(range(max(colours) + 1)):
            for bands in itertools.product(range(max(colours) + 1), repeat=config.num_bands):
                if list(bands) == sorted(bands) and set(bands) == set(colours) - {-1}:
                    yield [[band == colour for band in bands] for colour in colours]


def best_promise(config):
    return max(promised(config, evenly(owned)) for owned in every_plan(config))


@EVERY_CONFIG
def test_no_colouring_promises_more(config):
    colouring = best_colouring(config)
    assert colouring.sum_rate == pytest.approx(promised(config, evenly(colouring.owned.tolist())), rel=1e-10)
    assert colouring.sum_rate == pytest.approx(best_promise(config), rel=1e-10)


@EVERY_CONFIG
def test_the_plan_keeps_promise_and_budgets_and_is_no_worse_than_any_colouring(config):
    plan, sharing = best_plan(config), planned_sharing(config)
    assert plan.predicted_rate == pytest.approx(promised(config, plan.fractions.tolist()), rel=1e-5)
    assert sharing.sum_rate == pytest.approx(promised(config, evenly(sharing.owned.tolist())), rel=1e-10)
    assert plan.predicted_rate >= sharing.sum_rate * (1 - 1e-12)
    assert sharing.sum_rate >= best_colouring(config).sum_rate * (1 - 1e-12)
    assert np.all(plan.fractions >= 0)
    assert np.all(plan.fractions.sum(axis=1) <= 1 + 1e-12)


def random_network(seed, num_cells=4):
    generator = np.random.default_rng(seed)
    gains = 10.0 ** generator.uniform(-3, 0.5, (num_cells, num_cells))
    np.fill_diagonal(gains, 1.0)
    users = tuple(generator.integers(1, 5, num_cells).tolist())
    return NetworkConfig(num_cells=num_cells, num_users=users, num_bands=5, mean_gains=tuple(map(tuple, gains.tolist())))


@pytest.mark.parametrize("seed", range(6))
def test_the_plan_of_a_random_network_is_the_best_in_whatever_order_its_cells_are(seed):
    config = random_network(seed)
    colouring = best_colouring(config)
    assert colouring.sum_rate == pytest.approx(best_promise(config), rel=1e-10)
    order = np.random.default_rng(seed).permutation(4)
    gains = config.mean_gain_matrix[np.ix_(order, order)]
    moved = dataclasses.replace(
        config, num_users=tuple(config.users_per_cell[order].tolist()), mean_gains=tuple(map(tuple, gains.tolist()))
    )
    other = best_colouring(moved)
    assert other.sum_rate == pytest.approx(colouring.sum_rate, rel=1e-12)
    np.testing.assert_array_equal(other.owned.sum(axis=1), colouring.owned.sum(axis=1)[order])
    np.testing.assert_array_equal(other.owned @ other.owned.T, (colouring.owned @ colouring.owned.T)[np.ix_(order, order)])


@EVERY_CONFIG
def test_every_band_is_used_and_cells_of_a_colouring_share_all_or_none(config):
    owned = best_colouring(config).owned
    assert np.all(owned.any(axis=0))
    for one, other in itertools.combinations(owned, 2):
        assert np.array_equal(one, other) or not np.any(one & other)


def test_a_cell_that_costs_the_others_more_than_it_earns_is_silent():
    # Everybody hears cell 0 better than its own station, and cell 0 has one user of three.
    gains = ((1.0, 30.0, 30.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    config = NetworkConfig(num_users=(1, 4, 4), num_antennas=8, num_bands=2, mean_gains=gains)
    assert not best_colouring(config).owned[0].any()
    assert best_plan(config).fractions[0].sum() == 0.0
    assert best_colouring(config).owned[1:].all()
    block = draw_block(config)
    assert np.all(planned_allocation(block.gains, block.user_budgets, config)[0] == 0.0)


@EVERY_CONFIG
def test_mean_gains_are_those_of_many_blocks(config):
    gains, mean = draw_gains(config, 400, seed=8), mean_gains(config)
    for drawn, expected in ((gains.signal_gains, mean.signal_gains), (gains.cross_gains, mean.cross_gains)):
        # Shares of exponential and gamma variables: 5 standard errors of a mean over blocks of what varies most.
        np.testing.assert_allclose(drawn.mean(axis=0), expected, rtol=5 / math.sqrt(400) + 0.05)
    np.testing.assert_array_equal(mean.interferers, config.interferers)


@EVERY_CONFIG
def test_one_user_of_a_cell_stands_for_all_of_them(config):
    received = promises(config)
    owned = np.random.default_rng(0).random((config.num_cells, config.num_bands)) < 0.6
    found = best_sharing(received, owned[None], 0)
    assert found.sum_rate == pytest.approx(promised(config, evenly(found.owned.tolist())), rel=1e-10)


@pytest.mark.parametrize("config", [PAPER_8X4, PAPER_32X16])
def test_in_three_symmetric_cells_at_0_db_the_plan_is_fixed_reuse(config):
    gains, budgets = draw_gains(config, 2), config.split_among_users(config.nominal_budgets)
    np.testing.assert_allclose(planned_allocation(gains, budgets, config), reuse_allocation(gains, budgets), rtol=1e-12)


@pytest.mark.parametrize("sir_db", [30.0, math.inf])
def test_where_interference_is_weak_all_cells_share_all_bands(sir_db):
    config = dataclasses.replace(PAPER_8X4, sir_db=sir_db)
    gains, budgets = draw_gains(config, 2), config.split_among_users(config.nominal_budgets)
    np.testing.assert_allclose(planned_allocation(gains, budgets, config), selfish_water_fill(gains, budgets), rtol=1e-12)


def test_a_crowded_cell_gets_more_bands():
    config = dataclasses.replace(PAPER_8X4, num_users=(1, 2, 6), num_bands=9)
    counts = best_colouring(config).owned.sum(axis=1)
    assert counts[0] <= counts[1] < counts[2]


@EVERY_CONFIG
def test_planned_users_spend_what_the_plan_says_in_its_bands_around_its_powers(config):
    block = draw_block(config)
    fractions = best_plan(config).fractions
    powers = ragged(config, planned_allocation(block.gains, block.user_budgets, config))
    for b, users in enumerate(config.users_per_cell):
        used = [f for f in range(config.num_bands) if fractions[b, f] > 0]
        for u in range(users):
            planned = [fractions[b, f] * block.budgets[b][u] for f in used]
            levels = [1.0 / block.signal[b][f][u] + max(planned) - p for f, p in zip(used, planned, strict=True)]
            poured = oracles.water_fill(levels, sum(planned)) if used else []
            expected = [poured[used.index(f)] if f in used else 0.0 for f in range(config.num_bands)]
            actual = [powers[b][f][u] for f in range(config.num_bands)]
            np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-10 * block.budgets[b][u])


def test_where_gains_are_the_mean_ones_users_spend_the_plan_itself():
    config = draw_networks(SCENARIOS["irregular-12"], 1, 3)[0]
    budgets = config.split_among_users(config.nominal_budgets)
    plan = best_plan(config)
    uneven = [np.ptp(of_cell[of_cell > 0.0]) > 0.1 for of_cell in plan.fractions if of_cell.any()]
    assert any(uneven)
    powers = planned_allocation(mean_gains(config), budgets, config)
    np.testing.assert_allclose(powers, plan.fractions[..., None] * budgets[:, None, :], atol=1e-9 * budgets.max())


@pytest.mark.parametrize("seed", range(8))
def test_a_blind_search_of_12_cells_promises_99_percent_of_the_exact_colouring(seed):
    networks = [random_network(seed, num_cells=12), draw_networks(SCENARIOS["irregular-12"], seed + 1, 1_000_000)[seed]]
    for config in networks:
        blind = best_sharing(promises(config), blind_starts(config))
        assert blind.sum_rate >= 0.99 * best_colouring(config).sum_rate


def test_12_cells_are_coloured_at_least_as_well_as_by_a_thousand_random_colourings():
    config = random_network(1, num_cells=12)
    generator, best = np.random.default_rng(2), 0.0
    for _ in range(1000):
        colours = generator.integers(-1, generator.integers(1, 6), 12)
        names = np.unique(colours[colours >= 0])
        if 0 < len(names) <= config.num_bands:
            bands = np.concatenate([names, generator.choice(names, config.num_bands - len(names))])
            best = max(best, promised(config, evenly(np.equal(colours[:, None], bands).tolist())))
    assert best_colouring(config).sum_rate >= best > 0.0


def test_more_than_14_cells_are_too_many_to_colour_and_still_planned():
    config = NetworkConfig(num_cells=MAX_CELLS + 1, num_users=1)
    with pytest.raises(ValueError, match=r"for at most 14 cells; got B=15\. Lower num_cells, or take best_plan"):
        best_colouring(config)
    plan = best_plan(config)
    # All cells are alike: no more than the bands can be told apart.
    fixed = [[band == cell % config.num_bands for band in range(config.num_bands)] for cell in range(config.num_cells)]
    assert plan.predicted_rate > promised(config, evenly(fixed))
    assert plan.predicted_rate == pytest.approx(promised(config, plan.fractions.tolist()), rel=1e-5)


def test_133_cells_are_planned_better_than_by_full_sharing_and_by_random_plans():
    config = IrregularDeployment(num_cells=133).sample(np.random.default_rng(0))
    plan = best_plan(config)
    assert plan.predicted_rate == pytest.approx(promised(config, plan.fractions.tolist()), rel=1e-5)
    assert plan.predicted_rate > 1.1 * max(promised(config, evenly(owned)) for owned in blind_starts(config).tolist())


def test_the_plan_serves_a_batch_block_by_block():
    config = CONFIGS["asymmetric, unequal users"]
    gains = draw_gains(config, 3)
    budgets = config.split_among_users(config.nominal_budgets)
    together = planned_allocation(gains, budgets, config)
    for i in range(3):
        one = type(gains)(gains.signal_gains[i], gains.cross_gains[i], gains.interferers)
        np.testing.assert_array_equal(together[i], planned_allocation(one, budgets, config))
