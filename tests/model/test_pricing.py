"""Prices, best responses to them and negotiation by them are the scalar ones, and gradients are those of small differences."""

import numpy as np
import oracles
import price_oracles
import pytest
import torch
from scenarios import CONFIGS, EVERY_CONFIG, assert_equal, block_of, draw_block, draw_gains, draw_powers, ragged

from multicell_env.model.interference import ingr, log2_of_1_plus
from multicell_env.model.negotiation import negotiate
from multicell_env.model.pricing import best_response_to_prices, prices, tilted_response
from multicell_env.model.types import Gains


def draw_actions(config, seed=0):
    """Multipliers from -1.3 to 1.3: some are clipped."""
    return np.random.default_rng(seed).uniform(-1.3, 1.3, (config.num_cells, config.num_bands, config.max_users))


@EVERY_CONFIG
def test_prices_are_the_scalar_ones(config):
    block, powers = draw_block(config), draw_powers(config)
    assert_equal(config, prices(powers, block.gains), price_oracles.prices(ragged(config, powers), block.signal, block.heard))
    assert np.all(np.swapaxes(prices(powers, block.gains), 1, 2)[~config.user_mask] == 0.0)


def test_a_price_is_what_a_little_power_takes_from_the_rates_of_others():
    config = CONFIGS["asymmetric, unequal users"]
    block, powers = draw_block(config), draw_powers(config)
    others = np.arange(config.num_cells) != 0

    def rates_of_others(change):
        moved = powers.copy()
        moved[0, 1, 1] += change
        return np.log(2.0) * log2_of_1_plus(moved / ingr(moved, block.gains))[others].sum()

    step = 1e-6 * config.nominal_powers[0]
    slope = (rates_of_others(step) - rates_of_others(-step)) / (2.0 * step) if powers[0, 1, 1] > step else rates_of_others(step) / step
    assert prices(powers, block.gains)[0, 1, 1] == pytest.approx(-slope, rel=1e-5)


@EVERY_CONFIG
def test_the_best_response_is_the_one_that_bisection_finds(config):
    block, powers = draw_block(config), draw_powers(config)
    c, costs = ingr(powers, block.gains), prices(powers, block.gains)
    lists = ragged(config, c), block.budgets
    for scale in (0.0, 1.0, 30.0):
        expected = price_oracles.responses(ragged(config, scale * costs), *lists)
        assert_equal(config, best_response_to_prices(scale * costs, c, block.user_budgets), expected)


def test_without_prices_the_best_response_is_water_filling():
    block = draw_block(CONFIGS["small"])
    c = ingr(draw_powers(CONFIGS["small"]), block.gains)
    expected = negotiate(draw_powers(CONFIGS["small"]), block.gains, block.user_budgets, 1, negotiation="iwf")
    np.testing.assert_allclose(best_response_to_prices(0.0 * c, c, block.user_budgets), expected, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("budget", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("level", [1e-9, 1.0, 1e9])
@pytest.mark.parametrize("cost", [0.0, 1e-9, 1.0, 1e9])
def test_budgets_levels_and_prices_of_any_size_are_answered(budget, level, cost):
    generator = np.random.default_rng(0)
    costs, c = cost * generator.random((6, 50)), level * generator.random((6, 50))
    costs[:, 0], c[2, 1] = 0.0, 1e-12
    powers = best_response_to_prices(costs, c, np.full(50, budget))
    for user in range(50):
        expected = price_oracles.best_response(costs[:, user].tolist(), c[:, user].tolist(), budget)
        # A power is a difference of numbers of the size of c, and keeps its digits relative to them.
        np.testing.assert_allclose(powers[:, user], expected, rtol=1e-10, atol=1e-12 * (budget + level))


def test_who_wants_less_than_its_budget_leaves_the_rest():
    powers = best_response_to_prices(np.array([[0.5], [10.0]]), np.array([[1.0], [1.0]]), np.array([5.0]))
    assert powers.tolist() == [[1.0], [0.0]]


@EVERY_CONFIG
def test_padded_users_answer_with_nothing(config):
    block = draw_block(config)
    c = ingr(draw_powers(config), block.gains)
    powers = tilted_response(draw_actions(config), 0.0 * c, c, block.user_budgets, config.nominal_powers)
    assert np.all(np.swapaxes(powers, 1, 2)[~config.user_mask] == 0.0)


@EVERY_CONFIG
@pytest.mark.parametrize("num_iterations", [0, 1, 5])
def test_negotiation_by_prices_is_k_iterations_of_the_scalar_game(config, num_iterations):
    block, opening = draw_block(config), draw_powers(config)
    for damping in (config.damping, 0.25):
        powers = negotiate(opening, block.gains, block.user_budgets, num_iterations, negotiation="pricing", damping=damping)
        lists = ragged(config, opening), block.signal, block.heard, block.budgets
        assert_equal(config, powers, price_oracles.negotiate(*lists, num_iterations, damping))


@EVERY_CONFIG
def test_tilted_responses_are_the_scalar_ones(config):
    block, powers = draw_block(config), draw_powers(config)
    c, costs, actions = ingr(powers, block.gains), prices(powers, block.gains), draw_actions(config)
    p0 = [oracles.nominal_power(config.snr_db, config.mean_gain_matrix[b, b]) for b in range(config.num_cells)]
    lists = ragged(config, actions), ragged(config, costs), ragged(config, c)
    expected = price_oracles.tilted(*lists, block.budgets, p0)
    assert_equal(config, tilted_response(actions, costs, c, block.user_budgets, config.nominal_powers), expected)


def test_blocks_side_by_side_are_answered_as_alone():
    config = CONFIGS["asymmetric, unequal users"]
    gains, budgets = draw_gains(config, 3), config.split_among_users(config.nominal_budgets)
    opening = np.stack([draw_powers(config, seed) for seed in range(3)])
    together = negotiate(opening, gains, budgets, 2, negotiation="pricing")
    for i in range(3):
        alone = negotiate(opening[i], block_of(gains, i), budgets, 2, negotiation="pricing")
        np.testing.assert_allclose(together[i], alone, rtol=1e-10, atol=1e-10)


def test_gradients_through_the_multiplier_are_those_of_small_differences():
    generator = torch.Generator().manual_seed(0)
    costs, c = ((0.3 + torch.rand(4, 5, 3, dtype=torch.float64, generator=generator)).requires_grad_() for _ in range(2))
    budgets = (8.0 * torch.rand(4, 3, dtype=torch.float64, generator=generator)).requires_grad_()  # some bind and some do not
    bound = (best_response_to_prices(costs, c, budgets).sum(dim=-2) > budgets - 1e-9).sum()
    assert 0 < bound < 12
    assert torch.autograd.gradcheck(best_response_to_prices, (costs, c, budgets), eps=1e-7, atol=1e-5)


@EVERY_CONFIG
def test_gradients_of_rates_after_rounds_of_tilted_pricing_are_finite(config):
    block = draw_block(config)
    gains = Gains(*map(torch.from_numpy, (block.gains.signal_gains, block.gains.cross_gains, np.array(block.gains.interferers))))
    budgets, p0 = torch.from_numpy(block.user_budgets), torch.from_numpy(config.nominal_powers.copy())
    actions = torch.from_numpy(draw_actions(config)).clip(-0.9, 0.9).requires_grad_()
    powers = torch.zeros_like(actions)
    for _ in range(3):
        powers = tilted_response(actions, prices(powers, gains), ingr(powers, gains), budgets, p0)
    powers = negotiate(powers, gains, budgets, 1, negotiation="pricing")
    log2_of_1_plus(powers / ingr(powers, gains)).sum().backward()
    assert actions.grad is not None
    assert torch.isfinite(actions.grad).all()
    assert actions.grad.abs().max() > 0 or config.num_bands == 1  # where every user spends its budget in the only band


@pytest.mark.parametrize(("value", "shown"), [(-1.0, r"\[-1, "), (np.nan, "nan")])
def test_prices_that_are_none_are_refused(value, shown):
    with pytest.raises(ValueError, match=rf"prices must be finite and non-negative .*{shown}"):
        best_response_to_prices(np.array([[value], [0.0]]), np.ones((2, 1)), np.ones(1))
