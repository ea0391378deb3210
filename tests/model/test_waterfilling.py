"""Water-filling is exact, and FLWF, IWF and SSWF are the scalar game that is made of it."""

import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scenarios import CONFIGS, EVERY_CONFIG, assert_equal, block_of, draw_block, draw_gains, draw_powers, ragged, ragged_cross_gains

from multicell_env.model.interference import ingr
from multicell_env.model.negotiation import negotiate
from multicell_env.model.waterfilling import forward_looking_levels, interference_derivative, selfish_water_fill, water_fill

# The same examples at every run, no example files in the tree, and no deadline: a slow machine is no bug.
EXAMPLES = settings(max_examples=150, derandomize=True, database=None, deadline=None)


@st.composite
def problems(draw):
    """Levels `[band, user]` of either sign with ties, and budgets `[user]` from 0 on; absolute errors scale with `size`."""
    bands, users = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    numbers = st.one_of(st.integers(-3, 3).map(float), st.floats(-1e4, 1e4))
    levels = draw(arrays(np.float64, (bands, users), elements=numbers))
    # A share of a subnormal budget rounds to nothing.
    budgets = st.one_of(st.just(0.0), st.floats(0, 1e-6, allow_subnormal=False), st.floats(0, 1e5, allow_subnormal=False))
    budget = draw(arrays(np.float64, users, elements=budgets))
    return levels, budget, np.ptp(levels) + budget.max() + np.finfo(float).tiny


@EXAMPLES
@given(problems())
def test_water_fill_equals_the_search_over_all_sets_of_bands(problem):
    levels, budget, size = problem
    powers = water_fill(levels, budget)
    for u in range(len(budget)):
        expected = oracles.water_fill(levels[:, u].tolist(), budget[u])
        np.testing.assert_allclose(powers[:, u], expected, rtol=1e-10, atol=1e-14 * (size + np.abs(levels).max()))


@EXAMPLES
@given(problems())
def test_water_fill_meets_the_optimality_conditions_and_spends_the_budget(problem):
    levels, budget, size = problem
    powers = water_fill(levels, budget)
    assert np.all(powers >= 0)
    np.testing.assert_allclose(powers.sum(axis=0), budget, rtol=1e-12, atol=1e-14 * size)
    # KKT: bands that carry power stand at one water level, and no dry band lies below it.
    surface = levels + powers
    for u in np.flatnonzero(budget > 0):
        wet = powers[:, u] > 0
        water = surface[wet, u].min()
        error = 1e-14 * (size + np.abs(levels).max())
        assert surface[wet, u].max() - water <= error
        assert np.all(levels[~wet, u] >= water - error)


@EXAMPLES
@given(problems(), st.randoms(use_true_random=False))
def test_water_fill_follows_a_permutation_of_the_bands(problem, random):
    levels, budget, size = problem
    order = random.sample(range(len(levels)), len(levels))
    np.testing.assert_allclose(water_fill(levels[order], budget), water_fill(levels, budget)[order], rtol=1e-12, atol=1e-15 * size)


@EXAMPLES
@given(problems(), st.floats(-1e4, 1e4))
def test_water_fill_does_not_see_a_shift_of_all_levels(problem, shift):
    levels, budget, size = problem
    rounding = 1e-15 * (size + np.abs(levels).max() + abs(shift))
    np.testing.assert_allclose(water_fill(levels + shift, budget), water_fill(levels, budget), rtol=0, atol=10 * rounding)


@EXAMPLES
@given(problems(), st.floats(1e-6, 1e6))
def test_scaling_levels_and_budget_scales_the_powers(problem, factor):
    levels, budget, size = problem
    scaled = water_fill(factor * levels, factor * budget)
    np.testing.assert_allclose(scaled, factor * water_fill(levels, budget), rtol=1e-10, atol=1e-14 * factor * (size + np.abs(levels).max()))


@EXAMPLES
@given(problems(), st.floats(0, 1e5))
def test_more_budget_lowers_no_power(problem, more):
    levels, budget, size = problem
    assert np.all(water_fill(levels, budget + more) >= water_fill(levels, budget) - 1e-14 * (size + more))


def test_water_fill_treats_batch_axes_and_users_alone():
    generator = np.random.default_rng(0)
    levels, budget = generator.normal(size=(2, 3, 5, 4)), generator.random((2, 3, 4))
    powers = water_fill(levels, budget)
    for i, j, u in np.ndindex(2, 3, 4):
        assert np.array_equal(powers[i, j, :, u : u + 1], water_fill(levels[i, j, :, u : u + 1], budget[i, j, u : u + 1]))
    shared = water_fill(levels, budget[0, 0, :1])
    assert np.array_equal(shared, water_fill(levels, np.broadcast_to(budget[0, 0, :1], (2, 3, 4))))


@pytest.mark.parametrize(("value", "shown"), [(-1.0, r"\[-1, "), (np.nan, "nan"), (np.inf, r", inf\]")])
def test_budgets_that_are_negative_or_not_finite_are_refused(value, shown):
    with pytest.raises(ValueError, match=rf"non-negative budgets; got levels in .* and budgets in .*{shown}.*\. Check the powers"):
        water_fill(np.ones((3, 2)), np.array([2.0, value]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_levels_that_are_not_finite_are_refused(value):
    with pytest.raises(
        ValueError, match=rf"needs finite levels .*; got levels in \[.*{value}.*\] and budgets.* Check the powers and channels"
    ):
        water_fill(np.array([[1.0], [value]]), np.array([2.0]))


@EVERY_CONFIG
def test_derivative_and_levels_are_those_of_the_equations(config):
    block, powers = draw_block(config, seed=2), draw_powers(config, seed=2)
    c = ingr(powers, block.gains)
    for function, oracle in ((interference_derivative, oracles.phi), (forward_looking_levels, oracles.forward_looking_level)):
        actual = function(powers, c)
        for at in np.ndindex(powers.shape):
            # The numerator of (15) may cancel: ten digits of the larger of its terms are all there is.
            assert actual[at] == pytest.approx(oracle(powers[at], c[at]), rel=1e-10, abs=1e-14 * (powers[at] + c[at])), at


def test_a_silent_user_expects_phi_of_minus_root_half_and_pours_on_its_ingr():
    c = np.array([[[0.01], [1.0], [300.0]]])
    np.testing.assert_allclose(interference_derivative(np.zeros_like(c), c), -np.sqrt(0.5), rtol=1e-15)
    np.testing.assert_allclose(forward_looking_levels(np.zeros_like(c), c), c, rtol=1e-15)


@EVERY_CONFIG
@pytest.mark.parametrize("rule", ["flwf", "iwf"])
def test_negotiation_is_k_simultaneous_iterations_of_the_scalar_game(config, rule):
    block, opening = draw_block(config, seed=3), draw_powers(config, seed=3)
    for k in (1, 2, 5):
        for damping in (0.0, 0.25, 0.5):
            powers = negotiate(opening, block.gains, block.user_budgets, k, negotiation=rule, damping=damping)
            expected = oracles.negotiate(ragged(config, opening), block.signal, block.heard, block.budgets, k, rule == "flwf", damping)
            assert_equal(config, powers, expected)


@EVERY_CONFIG
def test_every_user_spends_its_budget_in_one_iteration_and_padded_users_have_none(config):
    block = draw_block(config)
    powers = negotiate(draw_powers(config), block.gains, block.user_budgets, 1)
    np.testing.assert_allclose(powers.sum(axis=-2), block.user_budgets, rtol=1e-12)
    assert np.all(np.swapaxes(powers, 1, 2)[~config.user_mask] == 0)


@EVERY_CONFIG
def test_k_of_0_returns_the_opening(config):
    opening = draw_powers(config)
    block = draw_block(config)
    assert np.array_equal(negotiate(opening, block.gains, block.user_budgets, 0, damping=config.damping), opening)


def test_negotiation_leaves_its_arguments_as_they_are():
    config = CONFIGS["damped"]
    block, opening = draw_block(config), draw_powers(config)
    copies = opening.copy(), block.user_budgets.copy(), block.gains.signal_gains.copy(), block.gains.cross_gains.copy()
    negotiate(opening, block.gains, block.user_budgets, 3, damping=0.5)
    for array, copy in zip((opening, block.user_budgets, block.gains.signal_gains, block.gains.cross_gains), copies, strict=True):
        assert np.array_equal(array, copy)


def test_renaming_the_bands_renames_the_outcome():
    config = CONFIGS["unequal users"]
    gains, opening, budgets = draw_block(config).gains, draw_powers(config), draw_block(config).user_budgets
    order = [2, 0, 3, 1]
    renamed = gains._replace(signal_gains=gains.signal_gains[:, order], cross_gains=gains.cross_gains[:, :, order])
    expected = negotiate(opening, gains, budgets, 4)[:, order]
    np.testing.assert_allclose(negotiate(opening[:, order], renamed, budgets, 4), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["small", "one cell", "asymmetric, unequal users", "damped"])
def test_blocks_of_a_batch_are_independent(name):
    config = CONFIGS[name]
    gains, budgets = draw_gains(config, 4), config.split_among_users(config.nominal_budgets)
    opening = np.stack([draw_powers(config, seed) for seed in range(4)])
    together = negotiate(opening, gains, budgets, 4, damping=config.damping)
    selfish = selfish_water_fill(gains, budgets)
    for i in range(4):
        alone = negotiate(opening[i], block_of(gains, i), budgets, 4, damping=config.damping)
        assert_equal(config, together[i], ragged(config, alone))
        assert_equal(config, selfish[i], ragged(config, selfish_water_fill(block_of(gains, i), budgets)))


@EVERY_CONFIG
def test_selfish_water_filling_pours_on_the_noise_alone(config):
    block = draw_block(config, seed=4)
    assert_equal(config, selfish_water_fill(block.gains, block.user_budgets), oracles.selfish_water_fill(block.signal, block.budgets))


@EVERY_CONFIG
@pytest.mark.parametrize("rule", ["flwf", "iwf"])
def test_one_iteration_out_of_silence_is_selfish_water_filling(config, rule):
    block = draw_block(config)
    silence = np.zeros(block.gains.signal_gains.shape)
    powers = negotiate(silence, block.gains, block.user_budgets, 1, negotiation=rule)
    assert_equal(config, powers, ragged(config, selfish_water_fill(block.gains, block.user_budgets)))


def test_where_nobody_interferes_iterative_water_filling_stays_at_the_selfish_one():
    block = draw_block(CONFIGS["no interference"])
    powers = negotiate(draw_powers(CONFIGS["no interference"]), block.gains, block.user_budgets, 7, negotiation="iwf")
    np.testing.assert_allclose(powers, selfish_water_fill(block.gains, block.user_budgets), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("damping", [0.0, 0.5])
def test_the_limit_of_many_iterations_is_a_fixed_point(damping):
    # Undamped, all 60 of 60 such blocks moved by less than 1e-10 of a budget after 2000 iterations, and damping halves the
    # pace. So ten blocks must have arrived after 4000: not one more iteration of (15), undamped, by package or oracle, moves them.
    config = CONFIGS["asymmetric, unequal users"]
    gains, budgets = draw_gains(config, 10), config.split_among_users(config.nominal_budgets)
    opening = np.stack([draw_powers(config, seed) for seed in range(10)])
    powers = negotiate(opening, gains, budgets, 4000, damping=damping)
    tolerance = {"rtol": 0, "atol": 1e-9 * budgets.max()}
    np.testing.assert_allclose(negotiate(powers, gains, budgets, 1), powers, **tolerance)
    for i in range(10):
        signal, heard = ragged(config, gains.signal_gains[i]), ragged_cross_gains(config, gains.cross_gains[i])
        once_more = oracles.iterate(ragged(config, powers[i]), signal, heard, ragged(config, budgets))
        for cell, moved in enumerate(once_more):
            np.testing.assert_allclose(moved, ragged(config, powers[i])[cell], **tolerance)


@pytest.mark.parametrize("num_iterations", [0, 1])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_negotiation_refuses_powers_that_are_negative_or_not_finite(value, num_iterations):
    block, powers = draw_block(CONFIGS["small"]), draw_powers(CONFIGS["small"])
    powers[0, 1, 2] = value
    with pytest.raises(ValueError, match=rf"powers must be finite and non-negative .*got \[.*{value:g}.*\. Convert decibels"):
        negotiate(powers, block.gains, block.user_budgets, num_iterations)


@pytest.mark.parametrize("num_iterations", [0, 1])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_negotiation_refuses_budgets_that_are_negative_or_not_finite(value, num_iterations):
    block, powers = draw_block(CONFIGS["small"]), draw_powers(CONFIGS["small"])
    block.user_budgets[0, 1] = value
    with pytest.raises(ValueError, match=rf"budgets must be finite and non-negative .*got \[.*{value:g}.*\. Convert decibels"):
        negotiate(powers, block.gains, block.user_budgets, num_iterations)
