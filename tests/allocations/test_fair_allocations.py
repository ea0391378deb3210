"""Allocations that seek a utility: weighted and fair climbs, shared bands and plans, held against scalar loops and full lists."""

from dataclasses import replace

import allocation_oracles
import fairness_oracles
import numpy as np
import oracles
import pytest
from scenarios import CONFIGS, EVERY_CONFIG, assert_equal, draw_block, draw_gains, draw_powers, ragged
from test_planning import evenly, every_plan
from test_sharing import TINY
from test_sharing import every_plan as every_sharing
from test_wmmse import EXAMPLES, given, problems

from multicell_env.allocations.climbing import climb
from multicell_env.allocations.colouring import best_colouring
from multicell_env.allocations.fair_sharing import fair_sharing
from multicell_env.allocations.planning import best_plan, planned_allocation, planned_sharing
from multicell_env.allocations.registry import ALLOCATIONS
from multicell_env.allocations.sharing import FullPower, best_sharing, full_power
from multicell_env.allocations.simple import uniform_allocation
from multicell_env.allocations.wmmse import fractional_programming, starts, wmmse
from multicell_env.config import NetworkConfig
from multicell_env.model.fairness import alpha_fair_utility
from multicell_env.model.interference import ingr, spectral_efficiency

EVERY_FAIRNESS = pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
STEPPED = ["small", "one cell", "more cells than bands", "strong interference and signal", "weak interference and signal", "unequal users"]


def utility(powers, gains, mask, alpha):
    return alpha_fair_utility(spectral_efficiency(powers, ingr(powers, gains))[..., mask], alpha).sum(axis=-1)


def draw_counts(mask, seed=0):
    """What users count, over four decades."""
    return 10.0 ** np.random.default_rng(seed).uniform(-2.0, 2.0, mask.shape)


def ragged_counts(config, counts):
    return [counts[cell, :users].tolist() for cell, users in enumerate(config.users_per_cell)]


def rates_of(config, powers, block):
    return oracles.rates(powers, oracles.ingr(powers, block.signal, block.heard))


@pytest.mark.parametrize("name", [*STEPPED, "asymmetric, unequal users"])
def test_a_weighted_step_is_weighted_fractional_programmings(name):
    config = CONFIGS[name]
    block, powers, counts = draw_block(config), draw_powers(config), draw_counts(config.user_mask)
    expected = ragged(config, powers)
    for num_steps in range(1, 4):
        expected = allocation_oracles.fractional_programming_step(
            expected, block.signal, block.heard, block.budgets, ragged_counts(config, counts)
        )
        actual = climb(block.gains, block.user_budgets, powers, weights=counts, tolerance=0.0, max_iterations=num_steps).powers
        assert_equal(config, actual, expected)


@EVERY_FAIRNESS
def test_a_fair_step_is_weighted_by_the_rates_at_its_beginning(alpha):
    config = CONFIGS["asymmetric, unequal users"]
    block, powers = draw_block(config), draw_powers(config)
    expected = ragged(config, powers)
    for num_steps in range(1, 4):
        counts = fairness_oracles.weights([], rates_of(config, expected, block), alpha)
        expected = allocation_oracles.fractional_programming_step(expected, block.signal, block.heard, block.budgets, counts)
        climbed = climb(block.gains, block.user_budgets, powers, fairness=alpha, tolerance=0.0, max_iterations=num_steps)
        assert_equal(config, climbed.powers, expected)
        worth = sum(fairness_oracles.utility(rate, alpha) for cell in rates_of(config, expected, block) for rate in cell)
        assert climbed.worth[-1] == pytest.approx(worth, rel=1e-10)


@EVERY_CONFIG
def test_weights_of_one_and_no_fairness_are_the_plain_climb_bit_for_bit(config):
    gains, budgets = draw_gains(config, 2), config.split_among_users(np.stack([config.nominal_budgets] * 2))
    start = uniform_allocation(gains, budgets)
    plain = climb(gains, budgets, start, max_iterations=50)
    for other in ({"weights": np.ones(config.user_mask.shape)}, {"fairness": 0.0}):
        same = climb(gains, budgets, start, max_iterations=50, **other)
        np.testing.assert_array_equal(same.powers, plain.powers)
        np.testing.assert_array_equal(same.worth, plain.worth)
    for method in (wmmse, fractional_programming):
        np.testing.assert_array_equal(method(gains, budgets, 0.0).powers, method(gains, budgets).powers)


@EXAMPLES
@given(problems())
def test_the_weighted_sum_rate_never_falls_and_is_that_of_the_powers(problem):
    gains, budgets, start, mask = problem
    counts = draw_counts(mask)
    end = climb(gains, budgets, start, weights=counts, tolerance=0.0, max_iterations=100)
    assert np.all(np.diff(end.worth) >= -1e-13 * end.worth[1:])
    weighted = (counts * spectral_efficiency(end.powers, ingr(end.powers, gains)))[mask].sum()
    np.testing.assert_allclose(end.worth[-1], weighted, rtol=1e-12)
    assert np.all(end.powers.sum(axis=-2) <= budgets * (1 + 1e-14))


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 5.0])
def test_the_utility_never_falls_and_is_that_of_the_powers(alpha):
    @EXAMPLES
    @given(problems())
    def check(problem):
        gains, budgets, start, mask = problem
        end = climb(gains, budgets, start, fairness=alpha, tolerance=0.0, max_iterations=100)
        assert np.all(np.diff(end.worth) >= 0.0)
        np.testing.assert_allclose(end.worth[-1], utility(end.powers, gains, mask, alpha), rtol=1e-9, atol=1e-9)
        assert np.all(end.powers.sum(axis=-2) <= budgets * (1 + 1e-14))

    check()


@EVERY_FAIRNESS
@pytest.mark.parametrize("name", ["small", "one cell", "weak interference and signal", "asymmetric, unequal users"])
def test_the_end_is_a_stationary_point_of_the_utility(name, alpha):
    # As for the sum rate: the most that any change within the budgets promises, by the slopes of the utility.
    config = CONFIGS[name]
    block = draw_block(config, seed=3)
    start = uniform_allocation(block.gains, block.user_budgets)
    end = climb(block.gains, block.user_budgets, start, fairness=alpha, tolerance=0.0, max_iterations=30_000)
    powers = ragged(config, end.powers)
    rates = rates_of(config, powers, block)
    counts = [[(rate + 0.1) ** -alpha for rate in cell] for cell in rates]
    slopes = allocation_oracles.network_rate_slopes(powers, block.signal, block.heard, counts)
    gap = 0.0
    for slope, power, budget in zip(slopes, powers, block.budgets, strict=True):
        gap += float(np.sum(np.array(budget) * np.maximum(np.max(slope, axis=0), 0.0)) - np.sum(np.array(slope) * np.array(power)))
    size = sum(count * rate for cells in zip(counts, rates, strict=True) for count, rate in zip(*cells, strict=True))
    assert gap + 1e-9 * size >= 0
    assert gap <= 1e-3 * size


def test_weights_beside_fairness_are_refused():
    block = draw_block(CONFIGS["small"])
    with pytest.raises(ValueError, match="weights go with fairness 0, which has none of its own; got fairness 1"):
        climb(block.gains, block.user_budgets, 0.0 * block.gains.signal_gains, weights=np.ones((1, 1)), fairness=1.0)


def sharing_utility(owned, block, alpha):
    """Where every user spreads its budget evenly over the bands that its cell owns."""
    powers = []
    for owns, budgets in zip(owned, block.budgets, strict=True):
        count = sum(map(bool, owns))
        powers.append([[budget / count if own else 0.0 for budget in budgets] for own in owns])
    rates = oracles.rates(powers, oracles.ingr(powers, block.signal, block.heard))
    return sum(fairness_oracles.utility(rate, alpha) for cell in rates for rate in cell)


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_the_fairest_of_all_sharings_of_a_tiny_network_is_found(name, alpha):
    config = TINY[name]
    block = draw_block(config, seed=1)
    everything = np.ones((1, config.num_cells, config.num_bands), bool)
    found = fair_sharing(full_power(block.gains, block.user_budgets), everything, alpha)
    assert found.sum_rate == pytest.approx(sharing_utility(found.owned.tolist(), block, alpha), rel=1e-10)
    assert found.sum_rate == pytest.approx(max(sharing_utility(plan, block, alpha) for plan in every_sharing(config)), rel=1e-10)


def test_fairness_next_to_none_shares_bands_as_the_sum_rate_does():
    config = TINY["unequal users"]
    block = draw_block(config)
    received, everything = full_power(block.gains, block.user_budgets), np.ones((1, 3, 3), bool)
    np.testing.assert_array_equal(fair_sharing(received, everything, 1e-6).owned, best_sharing(received, everything).owned)


def test_more_kicks_are_never_less_fair():
    config = NetworkConfig(num_cells=8, num_antennas=2, num_users=1, num_bands=5, sir_db=6.0)
    block = draw_block(config)
    received, everything = full_power(block.gains, block.user_budgets), np.ones((1, 8, 5), bool)
    found = [fair_sharing(received, everything, 1.0, kicks).sum_rate for kicks in (0, 10, 100)]
    assert found[0] < found[2]
    assert found == sorted(found)


def test_an_entry_that_stands_for_several_users_is_fair_to_all_of_them():
    block = draw_block(CONFIGS["one user"])
    one = full_power(block.gains, block.user_budgets)
    signals, leaks = np.repeat(one.signals, 3, axis=-1), np.repeat(one.leaks, 3, axis=-1)
    weighted = fair_sharing(FullPower(one.signals, one.leaks, 3.0 * one.weights), np.ones((1, 3, 4), bool), 1.0)
    repeated = fair_sharing(FullPower(signals, leaks, one.weights), np.ones((1, 3, 4), bool), 1.0)
    np.testing.assert_array_equal(weighted.owned, repeated.owned)
    assert weighted.sum_rate == pytest.approx(repeated.sum_rate, rel=1e-12)


def promised_utility(config, fractions, alpha):
    """Of the rates that mean gains promise the users where each cell spends these fractions of its budget."""
    a, users = config.mean_gain_matrix, config.users_per_cell
    power = [[config.nominal_budgets[b] * share for share in fractions[b]] for b in range(config.num_cells)]
    total = 0.0
    for b in range(config.num_cells):
        rate = 0.0
        for f in range(config.num_bands):
            heard = sum(a[tx, b] * power[tx][f] for tx in range(config.num_cells) if tx != b)
            rate += float(np.log2(1.0 + (config.num_antennas - users[b] + 1) * a[b, b] * power[b][f] / users[b] / (1.0 + heard)))
        total += users[b] * fairness_oracles.utility(rate, alpha)
    return total


@EVERY_CONFIG
def test_no_colouring_promises_more_utility_and_the_plan_goes_on_from_there(config):
    for alpha in (0.5, 1.0, 2.0):
        fair = replace(config, fairness=alpha)
        colouring, sharing, plan = best_colouring(fair), planned_sharing(fair), best_plan(fair)
        best = max(promised_utility(fair, evenly(owned), alpha) for owned in every_plan(fair))
        assert colouring.sum_rate == pytest.approx(best, rel=1e-9, abs=1e-9)
        assert colouring.sum_rate == pytest.approx(promised_utility(fair, evenly(colouring.owned.tolist()), alpha), rel=1e-9, abs=1e-9)
        assert sharing.sum_rate == pytest.approx(promised_utility(fair, evenly(sharing.owned.tolist()), alpha), rel=1e-9, abs=1e-9)
        assert plan.predicted_rate == pytest.approx(promised_utility(fair, plan.fractions.tolist(), alpha), rel=1e-5, abs=1e-5)
        assert plan.predicted_rate >= sharing.sum_rate - 1e-9 * abs(sharing.sum_rate)
        assert sharing.sum_rate >= colouring.sum_rate - 1e-9 * abs(colouring.sum_rate)


def test_a_fair_plan_lets_every_cell_speak_where_the_sum_rate_silences_some():
    config = NetworkConfig(num_users=(2, 4, 8), num_antennas=16)
    silent = best_plan(config).fractions.sum(axis=1) == 0.0
    assert silent.any()
    assert np.all(best_plan(replace(config, fairness=1.0)).fractions.sum(axis=1) > 0.9)


def test_no_start_ends_fairer_and_no_method_is_fairer_than_wmmse():
    config = NetworkConfig(num_users=(2, 4, 8), num_antennas=16, dtype="float64", fairness=1.0)
    gains, budgets = draw_gains(config, 3), config.split_among_users(config.nominal_budgets)
    best = wmmse(gains, budgets, 1.0)
    ends = [climb(gains, budgets, start, fairness=1.0).worth[:, -1] for start in starts(gains, budgets, 1.0).values()]
    np.testing.assert_array_equal(best.worth[:, -1], np.max(ends, axis=0))
    np.testing.assert_allclose(best.worth[:, -1], utility(best.powers, gains, config.user_mask, 1.0), rtol=1e-12)
    for allocation in (planned_allocation(gains, budgets, config), wmmse(gains, budgets).powers):
        assert np.all(best.worth[:, -1] > utility(allocation, gains, config.user_mask, 1.0))


@pytest.mark.parametrize("name", ALLOCATIONS)
def test_a_method_changes_with_fairness_where_it_says_so(name):
    allocation, config = ALLOCATIONS[name], NetworkConfig(num_users=(2, 4, 8), num_antennas=16, num_bands=4)
    block = draw_block(config)
    plain, fair = (
        allocation.allocate(block.gains, block.user_budgets, replace(config, fairness=alpha), np.random.default_rng(0))
        for alpha in (0.0, 1.0)
    )
    changes = allocation.heeds_fairness and name != "pricing"  # which opens alike, and then answers to weighted prices
    assert np.array_equal(plain, fair) != changes
    assert allocation.heeds_fairness == (name in ("pricing", "pricing_from_plan", "planned", "fp", "wmmse"))
