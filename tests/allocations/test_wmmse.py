"""WMMSE climbs, keeps its budgets, and ends where no small change helps."""

import dataclasses
import itertools

import allocation_oracles
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenarios import CONFIGS, assert_equal, block_of, draw_block, draw_gains, draw_powers, ragged

from multicell_env.allocations.assignment import best_assignment
from multicell_env.allocations.climbing import TOLERANCE, climb
from multicell_env.allocations.greedy_assignment import greedy_assignment
from multicell_env.allocations.simple import random_allocation, uniform_allocation
from multicell_env.allocations.wmmse import START_NAMES, fractional_programming, starts, wmmse
from multicell_env.config import PAPER_8X4, NetworkConfig
from multicell_env.model.interference import ingr, sum_rates
from multicell_env.model.types import Gains
from multicell_env.model.waterfilling import selfish_water_fill

EXAMPLES = settings(max_examples=60, derandomize=True, database=None, deadline=None)


@st.composite
def problems(draw):
    """Random networks with 1 to 4 cells and bands, 1 to 3 users in each cell, gains over six decades, and some cells out of reach."""
    sizes = st.integers(1, 4)
    num_cells, num_bands = draw(sizes), draw(sizes)
    users = np.array(draw(st.lists(st.integers(1, 3), min_size=num_cells, max_size=num_cells)))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    mask = np.arange(users.max()) < users[:, None]
    signal = np.where(mask[:, None], 10.0 ** generator.uniform(-2, 4, (num_cells, num_bands, users.max())), 1.0)
    others = np.array([[b for b in range(num_cells) if b != cell] for cell in range(num_cells)], np.int64).reshape(num_cells, -1)
    interferers = np.where(generator.random(others.shape) < 0.2, -1, others)
    cross = 10.0 ** generator.uniform(-4, 4, (*others.shape, num_bands, users.max(), users.max()))
    cross *= mask[:, None, None, None, :] * mask[others][:, :, None, :, None] * (interferers >= 0)[..., None, None, None]
    budgets = 10.0 ** generator.uniform(-2, 3, mask.shape) * mask
    gains = Gains(signal, cross, interferers)
    start = random_allocation(gains, budgets, generator) * generator.random(signal.shape)
    return gains, budgets, start, mask


def network_rate(powers, gains):
    return sum_rates(powers, ingr(powers, gains)).sum(axis=-1)


@EXAMPLES
@given(problems())
def test_the_sum_rate_never_falls_and_is_that_of_the_powers(problem):
    gains, budgets, start, mask = problem
    end = climb(gains, budgets, start, tolerance=0.0, max_iterations=200)
    assert np.all(np.diff(end.worth) >= -1e-13 * end.worth[1:])
    np.testing.assert_allclose(end.worth[0], network_rate(start, gains), rtol=1e-12)
    np.testing.assert_allclose(end.worth[-1], network_rate(end.powers, gains), rtol=1e-12)
    assert np.all(end.powers >= 0)
    assert np.all(end.powers.sum(axis=-2) <= budgets * (1 + 1e-14))
    assert np.all(end.powers.swapaxes(-1, -2)[~mask] == 0)


STEPPED = ["small", "one cell", "more cells than bands", "strong interference and signal", "weak interference and signal", "unequal users"]


@pytest.mark.parametrize("name", [*STEPPED, "asymmetric, unequal users"])
def test_a_step_is_fractional_programmings(name):
    config = CONFIGS[name]
    block = draw_block(config)
    powers = draw_powers(config)
    expected = ragged(config, powers)
    for num_steps in range(1, 4):
        expected = allocation_oracles.fractional_programming_step(expected, block.signal, block.heard, block.budgets)
        actual = climb(block.gains, block.user_budgets, powers, tolerance=0.0, max_iterations=num_steps).powers
        assert_equal(config, actual, expected)


# Not at an SNR of 60 dB: a user alone in its bands shifts a share of about 1/SINR of its power in an iteration, and would take millions.
@pytest.mark.parametrize(
    "name", ["small", "one cell", "more cells than bands", "weak interference and signal", "asymmetric, unequal users"]
)
def test_the_end_is_a_stationary_point_of_the_sum_rate(name):
    # The most that any change within the budgets promises by the slopes (the Frank-Wolfe gap) is 0 where the KKT conditions hold. What
    # is left, in bit/s/Hz, are bands that empty ever more slowly.
    config = CONFIGS[name]
    block = draw_block(config, seed=3)
    end = climb(block.gains, block.user_budgets, uniform_allocation(block.gains, block.user_budgets), tolerance=0.0, max_iterations=30_000)
    slopes = allocation_oracles.network_rate_slopes(ragged(config, end.powers), block.signal, block.heard)
    gap = 0.0
    for slope, power, budget in zip(slopes, ragged(config, end.powers), block.budgets, strict=True):
        best = np.array(budget) * np.maximum(np.max(slope, axis=0), 0.0)
        gap += float(np.sum(best) - np.sum(np.array(slope) * np.array(power)))
    assert gap + 1e-9 * end.worth[-1] >= 0
    assert gap <= 1e-3 * end.worth[-1]


def test_the_slopes_of_the_oracle_are_finite_differences():
    config = CONFIGS["asymmetric, unequal users"]
    block = draw_block(config)
    powers = draw_powers(config)
    slopes = allocation_oracles.network_rate_slopes(ragged(config, powers), block.signal, block.heard)
    for b, f in np.ndindex(config.num_cells, config.num_bands):
        for u in range(config.users_per_cell[b]):
            above, below = powers.copy(), powers.copy()
            step = 1e-4 * max(powers[b, f, u], 1e-3)
            above[b, f, u] += step
            below[b, f, u] = max(0.0, powers[b, f, u] - step)
            measured = (network_rate(above, block.gains) - network_rate(below, block.gains)) / (above - below)[b, f, u]
            # A one-sided difference of a band without power errs by the curvature.
            assert slopes[b][f][u] == pytest.approx(measured, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("sir_db", [-3.0, 3.0, 10.0, 20.0])
def test_tiny_networks_are_within_a_percent_of_a_fine_grid_search(sir_db):
    config = NetworkConfig(num_cells=2, num_antennas=2, num_users=1, num_bands=2, sir_db=sir_db, dtype="float64")
    gains, budgets = draw_gains(config, 10, seed=4), config.split_among_users(config.nominal_budgets)
    shares = np.concatenate([[0.0], np.geomspace(0.02, 1.0, 15)])
    pairs = np.array([(x, y) for x in shares for y in [*shares, 1.0 - x] if x + y <= 1.0 + 1e-12])
    first, second = (index.ravel() for index in np.indices((len(pairs), len(pairs))))
    grid = np.stack([pairs[first], pairs[second]], axis=1)[..., None] * budgets[:, None, :]
    reached = network_rate(wmmse(gains, budgets).powers, gains)
    for i in range(10):
        assert reached[i] >= 0.99 * network_rate(grid, block_of(gains, i)).max()


def test_a_climb_ends_when_an_iteration_gains_less_than_the_tolerance():
    gains, budgets = draw_gains(CONFIGS["small"], 3), CONFIGS["small"].split_among_users(np.full(3, 100.0))
    start = uniform_allocation(gains, budgets)
    every = climb(gains, budgets, start, tolerance=0.0, max_iterations=3000).worth
    growth = np.diff(every) / every[:, 1:]
    rates = climb(gains, budgets, start, max_iterations=3000).worth
    for i in range(3):
        last = int(np.argmax(growth[i] < TOLERANCE)) + 1
        assert 1 < last < 3000
        np.testing.assert_array_equal(rates[i, : last + 1], every[i, : last + 1])
        assert np.all(rates[i, last:] == every[i, last])
    short = climb(gains, budgets, start, max_iterations=4).worth
    np.testing.assert_array_equal(short, every[:, :5])


def test_without_interference_the_climb_ends_at_water_filling():
    block = draw_block(CONFIGS["no interference"])
    best = network_rate(selfish_water_fill(block.gains, block.user_budgets), block.gains)
    end = climb(block.gains, block.user_budgets, uniform_allocation(block.gains, block.user_budgets))
    assert end.worth[-1] == pytest.approx(best, rel=1e-4)
    assert end.worth[-1] <= best * (1 + 1e-12)


def test_no_start_ends_higher_and_neither_does_the_assignment():
    config = dataclasses.replace(PAPER_8X4, dtype="float64", sir_db=12.0)
    gains, budgets = draw_gains(config, 4), config.split_among_users(config.nominal_budgets)
    best = wmmse(gains, budgets)
    ends = {name: climb(gains, budgets, start).worth[:, -1] for name, start in starts(gains, budgets).items()}
    np.testing.assert_array_equal(best.worth[:, -1], np.max(list(ends.values()), axis=0))
    np.testing.assert_allclose(best.worth[:, -1], network_rate(best.powers, gains), rtol=1e-12)
    bound = best_assignment(gains, budgets).sum_rates.sum(axis=-1)
    np.testing.assert_allclose(ends["assignment"], bound, rtol=1e-12)
    assert np.all(best.worth[:, -1] > bound)
    np.testing.assert_array_equal(fractional_programming(gains, budgets).worth[:, -1], ends["uniform"])


@pytest.mark.parametrize("name", ["small", "one cell", "one band", "asymmetric, unequal users"])
def test_blocks_of_a_batch_are_independent(name):
    config = CONFIGS[name]
    gains = draw_gains(config, 3)
    budgets = config.split_among_users(config.nominal_budgets) * np.array([1.0, 2.0, 0.5])[:, None, None]
    together = wmmse(gains, budgets)
    for i in range(3):
        alone = wmmse(block_of(gains, i), budgets[i])
        np.testing.assert_array_equal(together.powers[i], alone.powers)
        np.testing.assert_array_equal(together.worth[i], alone.worth)


def test_a_start_above_the_budget_is_scaled_down_to_it():
    block = draw_block(CONFIGS["unequal users"])
    start = uniform_allocation(block.gains, block.user_budgets)
    over, kept = (climb(block.gains, block.user_budgets, scale * start, max_iterations=0).powers for scale in (3.0, 0.5))
    np.testing.assert_allclose(over, start, rtol=1e-14)
    np.testing.assert_allclose(kept, 0.5 * start, rtol=1e-14)


@pytest.mark.parametrize("num_bands", [17, 24])
def test_beyond_the_bands_of_the_best_assignment_wmmse_climbs_from_the_greedy_one(num_bands):
    config = NetworkConfig(num_bands=num_bands, num_users=1, num_antennas=2)
    block = draw_block(config)
    greedy = greedy_assignment(block.gains, block.user_budgets)
    np.testing.assert_array_equal(starts(block.gains, block.user_budgets)["assignment"], greedy.powers)
    assert wmmse(block.gains, block.user_budgets).worth[-1] >= greedy.sum_rates.sum() * (1 - 1e-12)


@pytest.mark.parametrize("num_bands", [1, 2, 3, 6, 17, 64])
@pytest.mark.parametrize("num_cells", [2, 3, 10])
def test_no_start_is_another_and_all_keep_the_budgets(num_cells, num_bands):
    config = NetworkConfig(num_cells=num_cells, num_bands=num_bands, num_users=2, num_antennas=4, dtype="float64")
    block = draw_block(config)
    named = starts(block.gains, block.user_budgets)
    assert tuple(named) == START_NAMES
    for one, other in itertools.combinations(named.values(), 2):
        higher, lower = np.maximum(one, other), np.minimum(one, other)
        assert np.max((higher - lower) / np.maximum(higher, 1e-9)) > 0.05  # a twentieth apart in some band
    for start in named.values():
        assert np.all(start >= 0)
        assert np.all(start.sum(axis=-2) <= block.user_budgets * (1 + 1e-12))


def test_ten_links_with_one_band_reach_what_a_hundred_random_starts_reach():
    config = NetworkConfig(num_cells=10, num_antennas=1, num_users=1, num_bands=1, dtype="float64")
    gains, budgets = draw_gains(config, 12, seed=7), config.split_among_users(config.nominal_budgets)
    reached, generator = wmmse(gains, budgets).worth[:, -1], np.random.default_rng(1)
    random = [climb(gains, budgets, budgets[:, None, :] * generator.random((10, 1, 1))).worth[:, -1] for _ in range(100)]
    assert np.all(reached >= 0.98 * np.max(random, axis=0))
    uniform = fractional_programming(gains, budgets).worth[:, -1]
    assert np.max(reached / uniform) > 1.1


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_powers_and_budgets_that_are_none_are_refused(bad):
    block = draw_block(CONFIGS["small"])
    start = uniform_allocation(block.gains, block.user_budgets)
    with pytest.raises(ValueError, match="budgets must be finite and non-negative"):
        climb(block.gains, block.user_budgets * bad, start)
    with pytest.raises(ValueError, match="powers must be finite and non-negative"):
        climb(block.gains, block.user_budgets, start * bad)
