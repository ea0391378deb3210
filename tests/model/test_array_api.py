"""The readable equations are one code for NumPy and torch: the same numbers, and gradients that are right and never NaN."""

import numpy as np
import pytest
import torch
from scenarios import CONFIGS, EVERY_CONFIG, draw_block, draw_powers

from multicell_env.blocks import Blocks
from multicell_env.differentiable import DifferentiableGame
from multicell_env.model.interference import ingr, sum_rates
from multicell_env.model.negotiation import negotiate
from multicell_env.model.types import Gains
from multicell_env.model.waterfilling import forward_looking_levels, opening_powers, selfish_water_fill, water_fill


def tensors(block):
    """Gains and budgets of a block as float64 tensors."""
    arrays = [block.gains.signal_gains, block.gains.cross_gains, np.array(block.gains.interferers)]
    return Gains(*map(torch.from_numpy, arrays)), torch.from_numpy(np.array(block.user_budgets))


def fractions_of(config, seed=0):
    """Openings with and without unspent budget, strictly inside (0, 1) and off every kink."""
    generator = np.random.default_rng(seed)
    return generator.uniform(0.05, 0.95, (config.num_cells, config.num_bands, config.max_users))


def network_rate(fractions, gains, budgets, k, damping=0.0):
    powers = negotiate(opening_powers(fractions, budgets), gains, budgets, k, damping=damping)
    return sum_rates(powers, ingr(powers, gains))


@EVERY_CONFIG
@pytest.mark.parametrize("rule", ["flwf", "iwf"])
def test_torch_and_numpy_give_the_same_numbers(config, rule):
    block, powers = draw_block(config), draw_powers(config)
    gains, budgets = tensors(block)
    for k in (0, 1, 5):
        expected = negotiate(powers, block.gains, block.user_budgets, k, negotiation=rule, damping=config.damping)
        actual = negotiate(torch.from_numpy(powers), gains, budgets, k, negotiation=rule, damping=config.damping)
        assert isinstance(actual, torch.Tensor)
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12 * block.user_budgets.max())
        c = ingr(expected, block.gains)
        np.testing.assert_allclose(ingr(actual, gains), c, rtol=1e-9)
        np.testing.assert_allclose(sum_rates(actual, ingr(actual, gains)), sum_rates(expected, c), rtol=1e-9)
    np.testing.assert_allclose(selfish_water_fill(gains, budgets), selfish_water_fill(block.gains, block.user_budgets), rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_type_of_the_numbers_is_kept(dtype):
    levels, budget = np.ones((3, 2), dtype), np.ones(2, dtype)
    assert water_fill(levels, budget).dtype == dtype
    assert water_fill(torch.from_numpy(levels), torch.from_numpy(budget)).numpy().dtype == dtype


@pytest.mark.parametrize("name", ["one band", "more cells than bands", "strong interference, weak signal", "unequal users", "damped"])
@pytest.mark.parametrize("k", [0, 3])
def test_gradients_of_the_rates_are_the_differences_of_the_rates(name, k):
    config = CONFIGS[name]
    gains, budgets = tensors(draw_block(config))
    fractions = torch.from_numpy(fractions_of(config)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: network_rate(x, gains, budgets, k, config.damping).sum(), fractions, eps=1e-7, rtol=1e-4)


def test_gradients_of_water_filling_are_the_differences_where_some_bands_are_dry():
    generator = np.random.default_rng(0)
    levels = torch.from_numpy(generator.normal(size=(2, 6, 3))).requires_grad_()
    budget = torch.from_numpy(generator.uniform(0.1, 1.0, (2, 3))).requires_grad_()
    dry = (water_fill(levels, budget) == 0).sum().item()
    assert 0 < dry < levels.numel()
    assert torch.autograd.gradcheck(water_fill, (levels, budget))


def test_where_all_levels_tie_the_gradient_is_the_mean_of_what_the_neighbours_have():
    levels = torch.zeros(4, 1, dtype=torch.float64, requires_grad=True)
    (jacobian,) = torch.autograd.functional.jacobian(lambda x: water_fill(x, torch.ones(1, dtype=torch.float64)), (levels,))
    np.testing.assert_allclose(jacobian[:, 0, :, 0], 0.25 - np.eye(4), atol=1e-12)


@EVERY_CONFIG
@pytest.mark.parametrize("k", [0, 5])
@pytest.mark.parametrize("opening", ["silence", "some bands", "all on one band", "all alike", "beyond the budget"])
def test_gradients_are_finite_at_every_kink(config, k, opening):
    gains, budgets = tensors(draw_block(config))
    fractions = torch.from_numpy(fractions_of(config))
    fractions *= {"some bands": fractions > 0.5, "all on one band": torch.eye(config.num_bands)[0][:, None]}.get(opening, True)
    fractions = {
        "silence": torch.zeros_like(fractions),
        "all alike": torch.full_like(fractions, 1 / config.num_bands),
        "beyond the budget": torch.ones_like(fractions),
    }.get(opening, fractions)
    fractions.requires_grad_()
    network_rate(fractions, gains, budgets, k, config.damping).sum().backward()
    assert fractions.grad is not None
    assert torch.isfinite(fractions.grad).all()


def test_levels_of_silent_users_have_the_gradient_of_the_equation():
    # (15) at p = 0: L = c, and dL/dp = phi = -sqrt(1/2), dL/dc = 1.
    powers, c = torch.zeros(1, 1, dtype=torch.float64, requires_grad=True), torch.full((1, 1), 3.0, dtype=torch.float64, requires_grad=True)
    forward_looking_levels(powers, c).sum().backward()
    assert powers.grad is not None
    assert c.grad is not None
    assert powers.grad.item() == pytest.approx(-np.sqrt(0.5))
    assert c.grad.item() == pytest.approx(1.0)


def test_padded_users_have_no_gradient():
    config = CONFIGS["asymmetric, unequal users"]
    gains, budgets = tensors(draw_block(config))
    fractions = torch.from_numpy(fractions_of(config)).requires_grad_()
    network_rate(fractions, gains, budgets, 0).sum().backward()
    assert fractions.grad is not None
    at = np.broadcast_to(config.user_mask[:, None, :], fractions.shape)
    assert (fractions.grad.numpy()[~at] == 0).all()
    assert (fractions.grad.numpy()[at] != 0).all()


@EVERY_CONFIG
def test_what_is_foreseen_is_what_is_played(config):
    block = draw_block(config)
    blocks = Blocks.of(config, block.own[None], block.cross[None])
    for slot in range(2):
        fractions = 1.5 * fractions_of(config, slot)[None] - 0.2  # also outside of [0, 1]
        before = blocks.powers.copy(), blocks.power_budget.copy()
        foreseen = [DifferentiableGame(blocks, "gain", like).step(like) for like in (fractions, torch.from_numpy(fractions))]
        assert all(np.array_equal(now, then) for now, then in zip((blocks.powers, blocks.power_budget), before, strict=True))
        played = blocks.play_slot(fractions)
        np.testing.assert_allclose(foreseen[0], played, rtol=1e-8)
        np.testing.assert_allclose(foreseen[1], played, rtol=1e-8)


@pytest.mark.parametrize(("value", "shown"), [(-1.0, r"\[-1, "), (np.nan, "nan")])
def test_tensors_are_refused_in_the_same_words(value, shown):
    with pytest.raises(ValueError, match=rf"non-negative budgets; got levels in .* and budgets in .*{shown}"):
        water_fill(torch.ones(3, 2, requires_grad=True), torch.tensor([2.0, value], requires_grad=True))
    gains, _ = tensors(draw_block(CONFIGS["small"]))
    powers = torch.full(gains.signal_gains.shape, value, dtype=torch.float64, requires_grad=True)
    with pytest.raises(ValueError, match=rf"powers must be finite and non-negative .*{shown}"):
        ingr(powers, gains)
