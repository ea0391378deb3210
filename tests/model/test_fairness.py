"""Weights, utilities, weighted prices and the answers to them are the scalar ones, and each is the slope of what it stands for."""

import fairness_oracles
import numpy as np
import oracles
import pytest
import torch
from scenarios import CONFIGS, EVERY_CONFIG, assert_equal, draw_block, draw_powers, ragged

from multicell_env.model.fairness import RunningRates, alpha_fair_utility, fair_weights
from multicell_env.model.interference import ingr, log2_of_1_plus, spectral_efficiency
from multicell_env.model.negotiation import negotiate
from multicell_env.model.pricing import best_response_to_prices, prices, tilted_response

EVERY_FAIRNESS = pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0])


def draw_past(config, num_slots=2, seed=0):
    """Rates of past slots, `[slot, cell, user]`, some of them 0."""
    generator = np.random.default_rng(seed)
    shape = num_slots, config.num_cells, config.max_users
    return generator.uniform(0.0, 30.0, shape) * (generator.random(shape) < 0.7) * config.user_mask


def running(past, alpha):
    return RunningRates(alpha, past.sum(axis=0), np.full((1, 1), float(len(past))))


def lists_of(config, past):
    return [ragged(config, slot) for slot in past]


@EVERY_FAIRNESS
def test_weights_and_utilities_are_the_scalar_ones(alpha):
    averages = np.array([0.0, 0.1, 9.9, 10.0, 300.0])
    np.testing.assert_allclose(fair_weights(averages, alpha), [fairness_oracles.weight(r, alpha) for r in averages], rtol=1e-14)
    expected = [fairness_oracles.utility(r, alpha) for r in averages]
    np.testing.assert_allclose(alpha_fair_utility(averages, alpha), expected, rtol=1e-14)


def test_without_fairness_everybody_counts_one():
    assert fair_weights(np.array([0.0, 5.0, 1e3], np.float32), 0.0).tolist() == [1.0, 1.0, 1.0]


@EVERY_FAIRNESS
def test_weights_are_the_slope_of_the_utility_times_a_constant(alpha):
    averages = torch.tensor([0.0, 0.5, 4.0, 90.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(alpha_fair_utility(averages, alpha).sum(), averages)
    np.testing.assert_allclose(fair_weights(averages.detach(), alpha), slope * 10.0**alpha, rtol=1e-13)


@EVERY_FAIRNESS
@pytest.mark.parametrize("num_slots", [0, 3])
def test_averages_count_the_past_slots_and_the_running_round(alpha, num_slots):
    config = CONFIGS["unequal users"]
    past, now = draw_past(config, num_slots), draw_past(config, 1, seed=1)[0]
    expected = fairness_oracles.weights(lists_of(config, past), ragged(config, now), alpha)
    assert_equal(config, running(past, alpha).weights(now), expected)


@EVERY_FAIRNESS
@pytest.mark.parametrize("num_slots", [0, 1, 3])
def test_the_utility_of_a_block_is_its_slots_times_that_of_the_averages(alpha, num_slots):
    config = CONFIGS["unequal users"]
    past, now = draw_past(config, num_slots), draw_past(config, 1, seed=1)[0]
    lists = [*lists_of(config, past), ragged(config, now)]
    for utility, slots in ((running(past, alpha).utility(now), lists), (running(past, alpha).utility_before(), lists[:-1])):
        of_cells = (utility * config.user_mask).sum(axis=-1)
        np.testing.assert_allclose(of_cells, [fairness_oracles.earned(slots, b, alpha) for b in range(3)], rtol=1e-12)


def test_without_fairness_a_slot_adds_its_rate_to_the_utility():
    past, now = draw_past(CONFIGS["small"]), draw_past(CONFIGS["small"], 1, seed=1)[0]
    added = running(past, 0.0).utility(now) - running(past, 0.0).utility_before()
    np.testing.assert_allclose(added, now + 0.1, rtol=1e-12)


@EVERY_CONFIG
def test_weighted_prices_and_responses_are_the_scalar_ones(config):
    block, powers, past = draw_block(config), draw_powers(config), draw_past(config)
    c = ingr(powers, block.gains)
    weights = running(past, 1.0).weights(spectral_efficiency(powers, c))
    costs, counts = prices(powers, block.gains, weights), ragged(config, weights)
    assert_equal(config, costs, fairness_oracles.prices(ragged(config, powers), block.signal, block.heard, counts))
    actions = np.random.default_rng(0).uniform(-1.3, 1.3, powers.shape)
    p0 = [oracles.nominal_power(config.snr_db, config.mean_gain_matrix[b, b]) for b in range(config.num_cells)]
    lists = ragged(config, actions), ragged(config, costs), ragged(config, c)
    expected = fairness_oracles.tilted(*lists, block.budgets, p0, counts)
    assert_equal(config, tilted_response(actions, costs, c, block.user_budgets, config.nominal_powers, weights), expected)


def test_a_weighted_price_is_what_a_little_power_takes_from_the_weighted_rates():
    config = CONFIGS["asymmetric, unequal users"]
    block, powers = draw_block(config), np.maximum(draw_powers(config), 1.0) * config.user_mask[:, None, :]
    weights = np.random.default_rng(0).uniform(0.1, 10.0, (config.num_cells, config.max_users)) * config.user_mask
    others = np.arange(config.num_cells) != 0

    def rates_of_others(change):
        moved = powers.copy()
        moved[0, 1, 1] += change
        return np.log(2.0) * (weights[:, None] * log2_of_1_plus(moved / ingr(moved, block.gains)))[others].sum()

    slope = (rates_of_others(1e-3) - rates_of_others(-1e-3)) / 2e-3
    assert prices(powers, block.gains, weights)[0, 1, 1] == pytest.approx(-slope, rel=1e-5)


def test_all_weights_alike_change_no_response():
    config = CONFIGS["asymmetric, unequal users"]
    block, powers = draw_block(config), draw_powers(config)
    c, sevens = ingr(powers, block.gains), np.full((config.num_cells, config.max_users), 7.0)
    plain = best_response_to_prices(prices(powers, block.gains), c, block.user_budgets)
    weighted = best_response_to_prices(prices(powers, block.gains, sevens), c, block.user_budgets, sevens)
    np.testing.assert_allclose(weighted, plain, rtol=1e-9, atol=1e-9)


@EVERY_CONFIG
@pytest.mark.parametrize("alpha", [1.0, 2.0])
def test_negotiation_weighs_users_anew_in_every_iteration(config, alpha):
    block, opening, past = draw_block(config), draw_powers(config), draw_past(config)
    powers = negotiate(opening, block.gains, block.user_budgets, 3, negotiation="pricing", running=running(past, alpha))
    lists = ragged(config, opening), block.signal, block.heard, block.budgets
    assert_equal(config, powers, fairness_oracles.negotiate(*lists, 3, lists_of(config, past), alpha))


@pytest.mark.parametrize("negotiation", ["flwf", "iwf"])
def test_no_weight_changes_how_water_is_poured(negotiation):
    config = CONFIGS["asymmetric, unequal users"]
    block, opening = draw_block(config), draw_powers(config)
    play = [
        negotiate(opening, block.gains, block.user_budgets, 2, negotiation=negotiation, running=rates)
        for rates in (None, running(draw_past(config), 1.0))
    ]
    assert np.array_equal(*play)


def test_gradients_go_through_weights_and_are_those_of_small_differences():
    config = CONFIGS["asymmetric, unequal users"]
    block = draw_block(config)
    gains = block.gains._replace(
        **{name: torch.from_numpy(np.array(getattr(block.gains, name))) for name in ("signal_gains", "cross_gains", "interferers")}
    )
    mask = torch.from_numpy(config.user_mask.astype(float))
    budgets, past = torch.from_numpy(block.user_budgets), torch.from_numpy(draw_past(config).sum(axis=0))
    opening = torch.from_numpy(np.maximum(draw_powers(config), 1.0)).requires_grad_()

    def utility(powers, rates_before):
        rates = RunningRates(1.0, rates_before, torch.full((1, 1), 2.0, dtype=torch.float64))
        powers = negotiate(powers * mask[:, None, :], gains, budgets, 2, negotiation="pricing", running=rates)
        return (rates.utility(spectral_efficiency(powers, ingr(powers, gains))) * mask).sum()

    assert torch.autograd.gradcheck(utility, (opening, past.requires_grad_()), eps=1e-5, atol=1e-5, rtol=1e-3)
