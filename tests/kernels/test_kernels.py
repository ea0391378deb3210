"""The compiled kernels are the readable equations: to ten digits in float64, to five in float32."""

from dataclasses import replace

import numpy as np
import pytest
from scenarios import CONFIGS, draw_block

from multicell_env import PAPER_8X4, PAPER_32X16, NetworkConfig
from multicell_env.blocks import Blocks
from multicell_env.channels.rayleigh import draw_channels, draw_many
from multicell_env.model.beamforming import beamforming_gains, zero_forcing
from multicell_env.model.interference import ingr, spectral_efficiency, sum_rates
from multicell_env.model.negotiation import negotiate
from multicell_env.observation import Observer, observation_limits

# What a sequence of additions of some hundred numbers keeps.
TOLERANCE = {"float64": 1e-10, "float32": 1e-5}
NETWORKS = CONFIGS | {
    "paper (8, 4)": PAPER_8X4,
    "paper (32, 16), 12 bands": replace(PAPER_32X16, num_bands=12),
    "vectors of every width": NetworkConfig(num_antennas=30, num_users=29, num_bands=3),
}
EVERY_NETWORK = pytest.mark.parametrize("config", [pytest.param(config, id=name) for name, config in NETWORKS.items()])
EVERY_DTYPE = pytest.mark.parametrize("dtype", ["float32", "float64"])


def both(config, dtype, seed=0):
    """The blocks that the kernels play, and the block's gains as the readable equations give them in float64."""
    block = draw_block(replace(config, dtype="float64"), seed)
    return Blocks.of(replace(config, dtype=dtype), block.own[None], block.cross[None]), block


def fractions_of(config, seed=0):
    """Openings of which some users are silent, some ask for less than their budget and some for all of it."""
    generator = np.random.default_rng(seed)
    shape = (1, config.num_cells, config.num_bands, config.max_users)
    wanted = generator.random(shape) * (generator.random(shape) < 0.7)
    return np.clip(wanted / np.maximum(wanted.sum(axis=-2, keepdims=True), 0.5), 0, 1) * config.user_mask[:, None, :]


@EVERY_DTYPE
@EVERY_NETWORK
@pytest.mark.parametrize("rule", ["flwf", "iwf"])
@pytest.mark.parametrize("num_iterations", [0, 1, 5])
def test_a_slot_is_k_iterations_of_the_readable_equations(config, dtype, num_iterations, rule):
    blocks, block = both(config, dtype)
    fractions = fractions_of(config)
    rates = blocks.play_slot(fractions, num_iterations=num_iterations, negotiation=rule)[0]
    opening = fractions[0] * block.user_budgets[:, None, :]
    expected = negotiate(opening, block.gains, block.user_budgets, num_iterations, negotiation=rule, damping=config.damping)
    c = ingr(expected, block.gains)
    # Without looking forward the game does not settle, and what was rounded off grows from iteration to iteration.
    tolerance = TOLERANCE[dtype] * (1 if rule == "flwf" else 10)
    # A power is a small difference of a water level and a level, so it keeps its digits relative to the budget.
    np.testing.assert_allclose(blocks.powers[0], expected, rtol=tolerance, atol=tolerance * block.user_budgets.max())
    np.testing.assert_allclose(blocks.ingr[0], c, rtol=10 * tolerance)  # a sum over many such powers
    logarithms = np.log10(blocks.ingr[0].astype(float) / config.nominal_powers[:, None, None])
    np.testing.assert_allclose(blocks.log_ingr[0], logarithms.clip(-20, 20), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(blocks.log_budget, np.log10(blocks.power_budget / config.nominal_budgets), atol=tolerance)
    np.testing.assert_allclose(rates, sum_rates(expected, c), rtol=10 * tolerance)


@EVERY_DTYPE
@EVERY_NETWORK
def test_water_filling_spends_the_budget_and_nothing_else(config, dtype):
    blocks, block = both(config, dtype, seed=1)
    blocks.play_slot(fractions_of(config, seed=1), num_iterations=1)
    if config.damping == 0.0:
        spent = blocks.powers[0].sum(axis=-2)
        np.testing.assert_allclose(spent, block.user_budgets, rtol=TOLERANCE[dtype])
    assert np.all(blocks.powers >= 0)
    assert np.all(blocks.powers[0][~np.broadcast_to(config.user_mask[:, None, :], blocks.powers[0].shape)] == 0)


@EVERY_DTYPE
def test_cells_that_are_silent_in_a_band_are_passed_over_without_a_trace(dtype):
    config = replace(PAPER_8X4, num_iterations=0)
    blocks, block = both(config, dtype)
    fractions = np.zeros((1, 3, 6, 4))
    for cell in range(3):
        fractions[0, cell, [cell, cell + 3]] = 0.5  # fixed reuse
    fractions[0, 1, 0, 3] = 0.25  # one user of cell 1 alone breaks into the band of cell 0
    fractions[0, 1, 1, 3] = 0.25
    rates = blocks.play_slot(fractions)[0]
    powers = fractions[0] * block.user_budgets[:, None, :]
    c = ingr(powers, block.gains)
    np.testing.assert_allclose(blocks.ingr[0], c, rtol=TOLERANCE[dtype])
    np.testing.assert_allclose(rates, sum_rates(powers, c), rtol=TOLERANCE[dtype])
    assert np.all(c[0, 0] > 2 * c[0, 3].min())  # the intruder is heard


@EVERY_DTYPE
def test_rates_keep_their_digits_however_small_they_are(dtype):
    config = NetworkConfig(num_antennas=3, num_users=2, num_bands=4, num_iterations=0, snr_db=-90, sir_db=10)
    blocks, block = both(config, dtype)
    fractions = fractions_of(config)
    rates = blocks.play_slot(fractions)[0]
    powers = fractions[0] * block.user_budgets[:, None, :]
    expected = spectral_efficiency(powers, ingr(powers, block.gains)).sum(axis=-1)
    assert expected.max() < 1e-6
    np.testing.assert_allclose(rates, expected, rtol=TOLERANCE[dtype])


@EVERY_DTYPE
@EVERY_NETWORK
def test_gains_and_beams_are_those_of_the_readable_equations(config, dtype):
    blocks, block = both(config, dtype, seed=2)
    gains, tolerance = blocks.gains, TOLERANCE[dtype]
    np.testing.assert_allclose(gains.signal_gains[0], block.gains.signal_gains, rtol=tolerance)
    np.testing.assert_allclose(blocks.inverse_gains[0], 1 / block.gains.signal_gains, rtol=tolerance)
    # Gains near a zero of the inner product are small differences.
    largest = block.gains.cross_gains.max(initial=1.0)
    np.testing.assert_allclose(gains.cross_gains[0], block.gains.cross_gains, rtol=tolerance, atol=tolerance * largest)
    np.testing.assert_allclose(blocks.beamformers[0], block.beamformers, atol=tolerance)


@EVERY_DTYPE
def test_close_users_cost_no_digits_of_the_beams_in_either_precision(dtype):
    config = NetworkConfig(num_cells=1, num_antennas=4, num_users=2, num_bands=1, dtype=dtype)
    generator = np.random.default_rng(0)
    h = np.asarray(generator.standard_normal((4, 2)) + 1j * generator.standard_normal((4, 2)), np.complex64)
    h[:, 1] = h[:, 0] * (1 + 1e-3j) + np.float32(1e-3) * h[:, 1]  # a sine of about 1e-3
    own = h[None, None].astype(np.result_type(dtype, np.complex64))
    blocks = Blocks.of(config, own[None], np.zeros((1, 1, 0, 1, 4, 2), own.dtype))
    reference = zero_forcing(own.astype(np.complex128))
    gains = beamforming_gains(own.astype(np.complex128), np.zeros((1, 0, 1, 4, 2)), reference, config.interferers)
    assert gains.signal_gains.min() < 1e-4
    np.testing.assert_allclose(blocks.gains.signal_gains[0], gains.signal_gains, rtol=1e-6)
    np.testing.assert_allclose(blocks.beamformers[0], reference, atol=1e-6)


def test_float32_refuses_networks_whose_interference_it_cannot_square():
    with pytest.raises(ValueError, match=r"float32.*140 dB.*float64"):
        NetworkConfig(sir_db=-140)
    NetworkConfig(sir_db=-140, dtype="float64")


def test_a_wrong_precision_is_refused():
    with pytest.raises(ValueError, match="dtype must be 'float32' or 'float64'; got 'float16'"):
        NetworkConfig(dtype="float16")


@EVERY_DTYPE
@pytest.mark.parametrize("num_antennas", [4, 8, 13, 16])
@pytest.mark.parametrize("user", [0, 1, 3])
def test_a_zero_channel_is_found_wherever_it_is(user, num_antennas, dtype):
    config = NetworkConfig(num_antennas=num_antennas, dtype=dtype)
    own, cross = draw_channels(config, np.random.default_rng(0))
    own[1, 2, :, user] = 0
    assert np.argwhere(Blocks.of(config, own[None], cross[None]).blocked).tolist() == [[0, 1, 2, user]]


def test_rounding_never_takes_from_a_budget():
    blocks = Blocks(NetworkConfig(), 64)
    blocks.draw(range(64), [np.random.default_rng(i) for i in range(64)])
    for _ in range(3):
        blocks.play_slot(np.full(blocks.powers.shape, 0.1))
        assert np.all(blocks.power_budget >= blocks.config.nominal_budgets.astype(np.float32))


@pytest.mark.parametrize("snr_db", [-200.0, 150.0, 180.0])
def test_float32_is_float64_at_any_snr_that_it_takes(snr_db):
    rates = []
    for dtype in ("float32", "float64"):
        blocks = Blocks(NetworkConfig(snr_db=snr_db, dtype=dtype), 2)
        blocks.draw([0, 1], [np.random.default_rng(i) for i in range(2)])
        opening = np.random.default_rng(2).random(blocks.powers.shape) * (np.arange(4) > 0)  # one idle user a cell
        rates.append(blocks.play_slot(opening).astype(float))
    np.testing.assert_allclose(rates[0], rates[1], rtol=1e-4)


@pytest.mark.parametrize(
    "network", [{"snr_db": 181}, {"snr_db": -300, "mean_gains": ((1e30,),)}, {"snr_db": 120, "mean_gains": ((1e-28,),)}]
)
def test_float32_refuses_powers_that_it_cannot_hold(network):
    cells = {"num_cells": 1} if "mean_gains" in network else {}
    with pytest.raises(ValueError, match="SNR of at most 180 dB"):
        NetworkConfig(**network, **cells)
    NetworkConfig(**network, **cells, dtype="float64")


def test_planes_saturate_at_their_limits():
    config = NetworkConfig(num_cells=2, mean_gains=((1.0, 0.1), (0.1, 1e-4)), dtype="float64")
    blocks = Blocks(config, 1, keep_channels=True)
    blocks.draw([0], [np.random.default_rng(0)])
    blocks.gains.signal_gains[:] = 1e-25
    blocks.inverse_gains[:] = 1e25
    blocks.restart()
    blocks.channels *= 1e6
    for kind in ("gain", "csi"):
        for cell in range(2):
            assert np.all(np.abs(Observer(kind, blocks).observe()[0, cell]) <= observation_limits(kind, config, cell))
    blocks.play_slot(np.full(blocks.powers.shape, 0.1), num_iterations=0)
    gain, log_ingr, _ = Observer("gain", blocks).observe()[0, 0]
    assert gain.max() == -20
    assert log_ingr.min() == 20


def test_restarting_goes_back_to_before_the_first_slot():
    blocks = Blocks(PAPER_8X4, 2)
    blocks.draw([0, 1], [np.random.default_rng(i) for i in range(2)])
    names = ("powers", "ingr", "log_ingr", "power_budget", "log_budget")
    before = {name: getattr(blocks, name).copy() for name in names}
    first = blocks.play_slot(np.full(blocks.powers.shape, 0.1), num_iterations=0)
    blocks.restart()
    for name in names:
        assert np.array_equal(getattr(blocks, name), before[name])
    assert np.array_equal(blocks.play_slot(np.full(blocks.powers.shape, 0.1), num_iterations=0), first)


def test_arrays_of_another_shape_never_reach_a_kernel():
    blocks = Blocks(PAPER_8X4, 4)
    own, cross = draw_many(PAPER_8X4, [np.random.default_rng(0)])
    with pytest.raises(ValueError, match=r"shape \(4, 3, 6, 4\)"):
        blocks.play_slot(np.full((1, 3, 6, 4), 0.1))
    with pytest.raises(ValueError, match=r"shape \(4, 3, 6, 4\)"):
        blocks.play_slot(np.full((4, 3, 4, 6), 0.1))
    with pytest.raises(ValueError, match="3 blocks"):
        blocks.begin([0, 1, 2], own, cross)
    with pytest.raises(ValueError, match="rows"):
        blocks.begin([9], own, cross)
