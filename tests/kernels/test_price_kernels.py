"""The compiled prices, responses to them and tilted openings are the readable equations: to ten digits in float64, to five in float32."""

from dataclasses import replace

import numpy as np
import pytest
from numba import njit
from test_kernels import EVERY_DTYPE, EVERY_NETWORK, NETWORKS, TOLERANCE, both, fractions_of

from multicell_env.kernels.exponents import log10, two_to_the
from multicell_env.kernels.pricing.fours import load_cells, load_repeated, load_two_bands, load_two_repeated, store_cells, sum_fours
from multicell_env.kernels.simd import load, load_double, load_half, store, sum_each
from multicell_env.model.interference import ingr, sum_rates
from multicell_env.model.negotiation import negotiate
from multicell_env.model.pricing import prices, tilted_response


def actions_of(config, seed=0):
    """Multipliers from -1.2 to 1.2: some are clipped."""
    return np.random.default_rng(seed).uniform(-1.2, 1.2, (1, config.num_cells, config.num_bands, config.max_users))


def assert_played(blocks, block, rates, powers, tolerance):
    """What blocks are after a round that ended with these powers."""
    c = ingr(powers, block.gains)
    np.testing.assert_allclose(blocks.powers[0], powers, rtol=tolerance, atol=tolerance * block.user_budgets.max())
    np.testing.assert_allclose(blocks.ingr[0], c, rtol=10 * tolerance)
    np.testing.assert_allclose(rates, sum_rates(powers, c), rtol=10 * tolerance, atol=tolerance)
    costs = prices(powers, block.gains)
    np.testing.assert_allclose(blocks.prices[0], costs, rtol=20 * tolerance, atol=20 * tolerance * costs.max(initial=0.0))


@EVERY_DTYPE
@EVERY_NETWORK
@pytest.mark.parametrize("num_iterations", [0, 1, 5])
def test_a_slot_of_pricing_is_k_iterations_of_the_readable_equations(config, dtype, num_iterations):
    blocks, block = both(replace(config, negotiation="pricing"), dtype)
    fractions = fractions_of(config)
    rates = blocks.play_slot(fractions, num_iterations=num_iterations)[0]
    opening, budgets = fractions[0] * block.user_budgets[:, None, :], block.user_budgets
    powers = negotiate(opening, block.gains, budgets, num_iterations, negotiation="pricing", damping=config.damping)
    assert_played(blocks, block, rates, powers, TOLERANCE[dtype])


@EVERY_DTYPE
@EVERY_NETWORK
def test_rounds_of_tilted_prices_are_those_of_the_readable_equations(config, dtype):
    config = replace(config, action="price", num_iterations=0, rounds_per_slot=10)
    blocks, block = both(config, dtype)
    powers = np.zeros(blocks.powers.shape[1:])
    for turn in range(3):
        actions = actions_of(config, turn)
        rates = blocks.play_slot(actions)[0]
        measured = prices(powers, block.gains), ingr(powers, block.gains)
        powers = tilted_response(actions[0], *measured, block.user_budgets, config.nominal_powers)
        assert_played(blocks, block, rates, powers, TOLERANCE[dtype] * 4**turn)  # what was rounded off grows from round to round
        powers = blocks.powers[0].astype(float)


@EVERY_DTYPE
@pytest.mark.parametrize("negotiation", ["flwf", "iwf", "pricing"])
def test_a_tilted_opening_is_negotiated_on_by_every_rule(negotiation, dtype):
    config = replace(NETWORKS["asymmetric, unequal users"], action="price", negotiation=negotiation, num_iterations=2)
    blocks, block = both(config, dtype)
    actions = actions_of(config)
    rates = blocks.play_slot(actions)[0]
    silence = np.zeros(blocks.powers.shape[1:])
    measured = prices(silence, block.gains), ingr(silence, block.gains)
    opening = tilted_response(actions[0], *measured, block.user_budgets, config.nominal_powers)
    powers = negotiate(opening, block.gains, block.user_budgets, 2, negotiation=negotiation)
    assert_played(blocks, block, rates, powers, TOLERANCE[dtype])


@EVERY_DTYPE
@EVERY_NETWORK
def test_no_user_takes_more_than_its_budget_and_padding_takes_nothing(config, dtype):
    config = replace(config, action="price", num_iterations=0, rounds_per_slot=3)
    blocks = both(config, dtype, seed=1)[0]
    for turn in range(3):
        budgets = blocks.user_budgets
        blocks.play_slot(actions_of(config, turn))
        assert np.all(blocks.powers >= 0.0)
        assert np.all(blocks.powers.sum(axis=-2) <= budgets * (1.0 + 10.0 * TOLERANCE[dtype]))
        assert np.all(np.swapaxes(blocks.powers[0], 1, 2)[~config.user_mask] == 0.0)


@EVERY_DTYPE
@pytest.mark.parametrize("snr_db", [-90.0, -30.0, 60.0, 150.0])
def test_pricing_keeps_its_digits_at_any_snr(snr_db, dtype):
    config = replace(NETWORKS["paper (8, 4)"], snr_db=snr_db, negotiation="pricing", num_iterations=1)
    blocks, block = both(config, dtype)
    rates = blocks.play_slot(fractions_of(config))[0]
    opening = fractions_of(config)[0] * block.user_budgets[:, None, :]
    powers = negotiate(opening, block.gains, block.user_budgets, 1, negotiation="pricing")
    np.testing.assert_allclose(rates, sum_rates(powers, ingr(powers, block.gains)), rtol=1e-3 if dtype == "float32" else 1e-6)


@EVERY_DTYPE
def test_who_hears_prices_plays_the_same_game_bit_for_bit(dtype):
    config = NETWORKS["asymmetric, unequal users"]
    (blocks, _), (deaf, _) = both(config, dtype), both(config, dtype)
    blocks.hear_prices()
    for seed in range(3):
        rates, others = (some.play_slot(fractions_of(config, seed)) for some in (blocks, deaf))
        assert np.array_equal(rates, others)
        for name in ("powers", "ingr", "log_ingr", "power_budget", "log_budget"):
            assert np.array_equal(getattr(blocks, name), getattr(deaf, name)), name
    assert blocks.prices.any()
    assert not deaf.prices.any()


def test_hearing_begins_with_the_powers_that_are_on():
    config = NETWORKS["asymmetric, unequal users"]
    blocks, block = both(config, "float64")
    blocks.play_slot(fractions_of(config))
    blocks.hear_prices()
    np.testing.assert_allclose(blocks.prices[0], prices(blocks.powers[0], block.gains), rtol=1e-10)


@njit
def _exponents(numbers, powers, logarithms):
    for i in range(0, len(numbers), 8):
        store(powers, i, two_to_the(load(numbers, i)))
        store(logarithms, i, log10(load(powers, i)))


@njit
def _sums(numbers, wide, half):
    store(wide, 0, sum_each(load(numbers, 0), load(numbers, 8), load(numbers, 16), load(numbers, 24)))
    store(half, 0, sum_each(load_half(numbers, 0), load_half(numbers, 8), load_half(numbers, 16), load_half(numbers, 24)))


@EVERY_DTYPE
def test_powers_of_two_and_logarithms_keep_all_digits(dtype):
    numbers = np.linspace(-40.0, 40.0, 8000).astype(dtype)
    powers, logarithms = np.empty_like(numbers), np.empty_like(numbers)
    _exponents(numbers, powers, logarithms)
    precision = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(powers, 2.0 ** numbers.astype(float), rtol=40 * precision)
    np.testing.assert_allclose(logarithms, np.log10(powers.astype(float)), rtol=precision, atol=precision)


@EVERY_DTYPE
def test_sums_of_each_of_four_vectors_stand_side_by_side(dtype):
    numbers = np.arange(32, dtype=dtype) ** 2
    wide, half = np.empty(4, dtype), np.empty(4, dtype)
    _sums(numbers, wide, half)
    assert wide.tolist() == numbers.reshape(4, 8).sum(axis=1).tolist()
    assert half.tolist() == numbers.reshape(4, 8)[:, :4].sum(axis=1).tolist()


@njit
def _cells(numbers, copied, sums, repeated):
    places = (0, 8, 16, 16)
    vector = load_cells(numbers, 1, places)
    store(copied, 0, vector)
    store_cells(copied, 17, places, vector)
    store(sums, 0, sum_fours(load_two_bands(numbers, 0)))
    store(repeated, 0, load_two_repeated(numbers, 3))


@EVERY_DTYPE
def test_users_of_four_cells_and_of_two_bands_stand_where_numpy_has_them(dtype):
    numbers = np.arange(32, dtype=dtype) ** 2
    copied, sums, repeated = np.zeros(48, dtype), np.empty(8, dtype), np.empty(32, dtype)
    _cells(numbers, copied, sums, repeated)
    rows = [numbers[1 + place : 5 + place] for place in (0, 8, 16)]
    assert copied[:16].tolist() == np.concatenate([*rows, rows[-1]]).tolist()
    assert copied[17:37].tolist() == np.concatenate([rows[0], np.zeros(4), rows[1], np.zeros(4), rows[2]]).tolist()
    assert sums.tolist() == numbers.reshape(8, 4).sum(axis=1).tolist()
    assert repeated.tolist() == [*np.tile(numbers[3:7], 4), *np.tile(numbers[7:11], 4)]


@njit
def _fours(numbers, sums, repeated):
    store(sums, 0, sum_fours(load_double(numbers, 0)))
    store(repeated, 0, load_repeated(numbers, 3))


@EVERY_DTYPE
def test_sums_of_fours_and_repeated_vectors_are_those_of_numpy(dtype):
    numbers = np.arange(16, dtype=dtype) ** 2
    sums, repeated = np.empty(4, dtype), np.empty(16, dtype)
    _fours(numbers, sums, repeated)
    assert sums.tolist() == numbers.reshape(4, 4).sum(axis=1).tolist()
    assert repeated.tolist() == np.tile(numbers[3:7], 4).tolist()
