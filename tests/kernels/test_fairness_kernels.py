"""Rounds with fairness by the compiled kernels are those of the readable equations: rates, weights, prices, powers and planes."""

from dataclasses import replace

import numpy as np
import pytest
from test_kernels import EVERY_DTYPE, EVERY_NETWORK, NETWORKS, TOLERANCE, both, fractions_of

from multicell_env.model.fairness import RunningRates
from multicell_env.model.interference import ingr, spectral_efficiency, sum_rates
from multicell_env.model.negotiation import negotiate
from multicell_env.model.pricing import prices, tilted_response
from multicell_env.observation import Observer, observation_limits

EVERY_FAIRNESS = pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])


def actions_of(config, seed=0):
    """Multipliers from -1.2 to 1.2: some are clipped."""
    return np.random.default_rng(seed).uniform(-1.2, 1.2, (1, config.num_cells, config.num_bands, config.max_users))


class Reference:
    """One block by the readable equations in float64."""

    def __init__(self, config, block):
        self.config, self.gains, self.budgets, self.alpha = config, block.gains, block.user_budgets, config.fairness
        self.powers, self.past, self.num_past = np.zeros(block.gains.signal_gains.shape), np.zeros(config.user_mask.shape), 0

    @property
    def running(self):
        return RunningRates(self.alpha, self.past, np.full((1, 1), float(self.num_past)))

    def measure(self):
        """INGR, rates, weights and prices."""
        c = ingr(self.powers, self.gains)
        rates = spectral_efficiency(self.powers, c)
        weights = self.running.weights(rates)
        return c, rates, weights, prices(self.powers, self.gains, weights)

    def end_slot(self):
        self.past, self.num_past = self.past + self.measure()[1], self.num_past + 1


def assert_played(blocks, reference, rates, tolerance):
    """What blocks are after a round that ended with the reference's powers."""
    c, of_users, weights, costs = reference.measure()
    np.testing.assert_allclose(blocks.powers[0], reference.powers, rtol=tolerance, atol=tolerance * reference.budgets.max())
    np.testing.assert_allclose(rates, sum_rates(reference.powers, c), rtol=10 * tolerance, atol=tolerance)
    kept = blocks.user_rates
    np.testing.assert_allclose(kept.rates[0], of_users, rtol=10 * tolerance, atol=10 * tolerance)
    np.testing.assert_allclose(kept.past_rates[0], reference.past, rtol=10 * tolerance, atol=10 * tolerance)
    np.testing.assert_allclose(kept.weights[0], weights, rtol=100 * tolerance)
    assert kept.num_past.tolist() == [reference.num_past]
    np.testing.assert_allclose(blocks.prices[0], costs, rtol=50 * tolerance, atol=50 * tolerance * costs.max(initial=0.0))


@EVERY_DTYPE
@EVERY_NETWORK
@EVERY_FAIRNESS
def test_rounds_of_tilted_prices_are_those_of_the_readable_equations(config, dtype, alpha):
    config = replace(config, action="price", num_iterations=0, rounds_per_slot=2, num_slots=10, fairness=alpha)
    blocks, block = both(config, dtype)
    reference = Reference(config, block)
    for turn in range(4):
        actions = actions_of(config, turn)
        reference.budgets = config.split_among_users(blocks.power_budget[0].astype(float))
        c, _, weights, costs = reference.measure()
        rates = blocks.play_slot(actions)[0]
        reference.powers = tilted_response(actions[0], costs, c, reference.budgets, config.nominal_powers, weights)
        if turn % 2 == 1:
            reference.end_slot()
        assert_played(blocks, reference, rates, TOLERANCE[dtype] * 4**turn)  # what was rounded off grows from round to round
        reference.powers, reference.past = blocks.powers[0].astype(float), blocks.user_rates.past_rates[0].astype(float)


@EVERY_DTYPE
@EVERY_NETWORK
@pytest.mark.parametrize("num_iterations", [1, 4])
def test_every_iteration_of_pricing_weighs_users_anew(config, dtype, num_iterations):
    config = replace(config, negotiation="pricing", fairness=1.0, num_slots=10)
    blocks, block = both(config, dtype)
    reference = Reference(config, block)
    for turn in range(2):
        fractions = fractions_of(config, turn)
        reference.budgets = config.split_among_users(blocks.power_budget[0].astype(float))
        rates = blocks.play_slot(fractions, num_iterations=num_iterations)[0]
        opening, settings = fractions[0] * reference.budgets[:, None, :], {"negotiation": "pricing", "damping": config.damping}
        gains, running = block.gains, reference.running
        reference.powers = negotiate(opening, gains, reference.budgets, num_iterations, running=running, **settings)
        reference.end_slot()
        assert_played(blocks, reference, rates, 4 * TOLERANCE[dtype])
        reference.past = blocks.user_rates.past_rates[0].astype(float)


@EVERY_DTYPE
@pytest.mark.parametrize("rule", ["flwf", "iwf"])
def test_water_is_poured_as_without_fairness_bit_for_bit(rule, dtype):
    config = NETWORKS["asymmetric, unequal users"]
    (plain, _), (fair, _) = both(config, dtype), both(replace(config, fairness=1.0), dtype)
    for turn in range(3):
        fractions = fractions_of(config, turn)
        rates, others = (blocks.play_slot(fractions, num_iterations=3, negotiation=rule) for blocks in (plain, fair))
        assert np.array_equal(rates, others)
        assert np.array_equal(plain.powers, fair.powers)
        np.testing.assert_allclose(fair.user_rates.rates.sum(axis=-1), rates, rtol=1e-5)


def test_rounds_that_measure_leave_the_past_as_it_is():
    config = replace(NETWORKS["small"], fairness=1.0, rounds_per_slot=3, action="price", num_iterations=0)
    blocks = both(config, "float64")[0]
    for turn in range(6):
        before = blocks.user_rates.past_rates.copy()
        blocks.play_slot(actions_of(config, turn))
        gained = blocks.user_rates.past_rates - before
        np.testing.assert_allclose(gained, blocks.user_rates.rates if turn % 3 == 2 else 0.0, rtol=1e-12)
    blocks.restart()
    assert not blocks.user_rates.past_rates.any()
    assert blocks.user_rates.num_past.tolist() == [0]
    np.testing.assert_allclose(blocks.user_rates.weights, 100.0, rtol=1e-12)


def test_slots_beyond_the_last_one_go_on_counting():
    config = replace(NETWORKS["small"], fairness=1.0, num_slots=1, action="price", num_iterations=0)
    blocks = both(config, "float64")[0]
    slots = []
    for turn in range(3):
        blocks.play_slot(actions_of(config, turn), transmit=True)
        slots.append(blocks.user_rates.rates.copy())
    expected = 10.0 / (0.1 + (sum(slots) + slots[-1]) / 4.0)
    np.testing.assert_allclose(blocks.user_rates.weights, expected, rtol=1e-10)


@EVERY_DTYPE
@EVERY_NETWORK
def test_the_last_plane_is_what_users_count_and_stays_in_bounds(config, dtype):
    config = replace(config, fairness=5.0, action="price", num_iterations=0, rounds_per_slot=2)
    blocks = both(config, dtype)[0]
    observer = Observer("price", blocks)
    for turn in range(3):
        shown = observer.observe()
        expected = np.log10(blocks.user_rates.weights.astype(float)).clip(-3.0, 3.0)[:, :, None, :]
        np.testing.assert_allclose(shown[:, :, 9], np.broadcast_to(expected, blocks.powers.shape), rtol=1e-4, atol=1e-5)
        for cell in range(config.num_cells):
            assert np.all(np.abs(shown[:, cell]) <= observation_limits("price", config, cell, padded=True))
        outputs = observer.outputs()
        blocks.play_slot(actions_of(config, turn), outputs=outputs)
        assert np.array_equal(outputs.observations, observer.observe())


@EVERY_DTYPE
@pytest.mark.parametrize("snr_db", [-90.0, 20.0, 150.0])
def test_the_largest_fairness_keeps_its_numbers_in_range(snr_db, dtype):
    config = replace(NETWORKS["paper (8, 4)"], snr_db=snr_db, fairness=5.0, negotiation="pricing", action="price", num_iterations=2)
    blocks = both(config, dtype)[0]
    observer = Observer("price", blocks)
    for turn in range(3):
        outputs = observer.outputs()
        rates = blocks.play_slot(actions_of(config, turn), outputs=outputs)
        for array in (rates, blocks.powers, blocks.prices, blocks.user_rates.weights, outputs.observations):
            assert np.isfinite(array).all()
        assert np.all(blocks.powers.sum(axis=-2) <= blocks.user_budgets * 1.00001)
