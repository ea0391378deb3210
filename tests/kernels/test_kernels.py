"""The compiled kernels are the readable equations: to ten digits in float64, to five in float32."""

import inspect
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numba import types
from scenarios import CONFIGS, draw_block

import multicell_env
from multicell_env import PAPER_8X4, PAPER_32X16, NetworkConfig
from multicell_env.blocks import Blocks
from multicell_env.channels.rayleigh import draw_channels, draw_many
from multicell_env.kernels.arrays import BlockArrays, SlotOutputs
from multicell_env.kernels.block import beamform
from multicell_env.kernels.drawing import complex_normal
from multicell_env.kernels.running import BlockRunner
from multicell_env.kernels.slot import play_slots
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


def test_both_precisions_play_on_the_same_channels():
    for config in (PAPER_8X4, NetworkConfig(num_users=(2, 3, 1), mean_gains=((1, 0.1, 0), (0.3, 2, 0), (0.7, 0, 0.5)))):
        single, double = (draw_channels(replace(config, dtype=dtype), np.random.default_rng(3)) for dtype in ("float32", "float64"))
        for array, other in zip(single, double, strict=True):
            assert (array.dtype, other.dtype) == (np.complex64, np.complex128)
            np.testing.assert_allclose(array, other, rtol=1e-6)


def test_a_block_does_not_depend_on_what_is_drawn_beside_it():
    together = draw_many(PAPER_8X4, [np.random.default_rng(seed) for seed in range(21)])
    for seed in (0, 7, 20):
        alone = draw_channels(PAPER_8X4, np.random.default_rng(seed))
        for array, batch in zip(alone, together, strict=True):
            assert np.array_equal(array, batch[seed])


def test_channels_are_box_and_mullers_of_the_generators_bits():
    bits = np.random.default_rng(0).integers(0, 2**64 - 1, 4096, dtype=np.uint64, endpoint=True)
    bits[:4] = 0, 2**64 - 1, 2**33 - 1, 2**33
    amplitudes = np.random.default_rng(1).uniform(0, 2, len(bits)).astype(np.float32)
    numbers = np.empty((3, 2 * len(bits)), np.float32)
    complex_normal(np.stack([bits[::-1], bits, bits]), amplitudes, numbers)
    numbers = numbers[1]
    u, v = ((half.astype(float) + 0.5) / 2**31 for half in (bits >> np.uint64(33), bits & np.uint64(2**31 - 1)))
    expected = amplitudes * np.sqrt(-np.log(np.minimum(u, 1 - 2.0**-24))) * np.exp(2j * np.pi * v)
    # Near u = 1 the root turns the last digit of float32 into half as many.
    np.testing.assert_allclose(numbers.view(np.complex64), expected, rtol=1e-5, atol=2e-5)


def test_channels_are_complex_normal_with_independent_parts():
    generator = np.random.default_rng(1)
    config = NetworkConfig(num_bands=12, num_antennas=16, num_users=16)
    h = np.concatenate([draw_channels(config, generator)[0].ravel() for _ in range(20)]).astype(complex)
    count, error = len(h), 5 / np.sqrt(len(h))  # five standard errors of a mean of numbers with variance 1
    power, squares = np.abs(h) ** 2, h**2
    assert abs(h.mean()) < error
    assert abs(power.mean() - 1) < error
    assert abs((power**2).mean() - 2) < error * np.sqrt(20)
    assert abs(squares.mean()) < error * np.sqrt(2)
    # |h|^2 is exponential and the phase uniform: Kolmogorov and Smirnov's distance, 1.95 / sqrt(n) at a level of 0.1 %.
    for sample in (1 - np.exp(-power), (np.angle(h) / (2 * np.pi)) % 1):
        distance = np.abs(np.sort(sample) - (np.arange(count) + 0.5) / count).max()
        assert distance < 1.95 / np.sqrt(count)


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


def test_no_way_of_use_compiles_a_kernel_anew():
    for config in (PAPER_8X4, NetworkConfig(num_users=(2, 3, 1)), NetworkConfig(num_cells=1), NetworkConfig(dtype="float64")):
        for known in (config, pickle.loads(pickle.dumps(config))):  # pickling loses that arrays are read-only
            blocks = Blocks(known, np.int32(3), keep_channels=True, num_threads=2)
            blocks.draw([2, 0], [np.random.default_rng(0), np.random.default_rng(1)])
            own, cross = draw_channels(known, np.random.default_rng(2))
            own.flags.writeable = False
            blocks.begin(range(1), np.asfortranarray(own[None]), cross[None].astype(np.complex128))
            fractions = np.full(blocks.powers.shape, 0.1)
            fractions.flags.writeable = False
            for opening in (fractions, fractions.astype(np.float32), np.asfortranarray(fractions), fractions.astype(int)):
                for kind in ("gain", "csi"):
                    blocks.play_slot(opening, outputs=Observer(kind, blocks).outputs())
                blocks.play_slot(opening)
            heard = Blocks(replace(known, action="price", rounds_per_slot=2), 3)
            heard.draw(range(3), [np.random.default_rng(0)] * 3)
            heard.play_slot(fractions, outputs=Observer("price", heard).outputs())
            heard.play_slot(fractions, negotiation="pricing", transmit=False)
    assert len(beamform.signatures) == 2  # one for each precision
    # Gains are not asked for ahead and nobody hears prices, or somebody does: one for each precision.
    assert [sum(signature.count(types.none) == count for signature in play_slots.signatures) for count in (2, 1)] == [2, 2]


@EVERY_DTYPE
@pytest.mark.parametrize("config", [PAPER_8X4, replace(PAPER_32X16, num_bands=3), NETWORKS["vectors of every width"]])
def test_prefetching_gains_changes_no_bit(config, dtype, monkeypatch):
    def play(prefetches):
        monkeypatch.setattr(BlockRunner, "prefetches", lambda *_: prefetches)
        blocks = Blocks(replace(config, dtype=dtype), 3)
        blocks.draw(range(3), [np.random.default_rng(seed) for seed in range(3)])
        generator = np.random.default_rng(3)
        rates = [blocks.play_slot(generator.random(blocks.powers.shape)) for _ in range(3)]
        return rates, blocks.powers, blocks.ingr, blocks.log_ingr, blocks.log_budget, blocks.power_budget

    for one, other in zip(play(None), play(True), strict=True):
        np.testing.assert_array_equal(one, other)


def test_gains_are_prefetched_where_no_cache_keeps_them_and_a_slot_waits_for_them():
    def prefetches(config, num_blocks, k):
        blocks = Blocks(config, num_blocks)
        return blocks.runner.prefetches(blocks._arrays, k) is not None

    assert [prefetches(PAPER_32X16, 512, k) for k in (0, 1, 5, 20)] == [False, True, True, False]
    assert not prefetches(PAPER_32X16, 32, 5)
    assert not prefetches(PAPER_8X4, 4096, 5)
    assert not prefetches(NetworkConfig(num_cells=1), 4096, 5)  # nobody interferes


@EVERY_DTYPE
@pytest.mark.parametrize("num_antennas", [4, 8, 13, 16])
@pytest.mark.parametrize("user", [0, 1, 3])
def test_a_zero_channel_is_refused_wherever_it_is(user, num_antennas, dtype):
    config = NetworkConfig(num_antennas=num_antennas, dtype=dtype)
    own, cross = draw_channels(config, np.random.default_rng(0))
    own[1, 2, :, user] = 0
    with pytest.raises(ValueError, match=r"sine.*zero channel"):
        Blocks.of(config, own[None], cross[None])


def test_no_draw_is_exactly_zero():
    bits = np.full((1, 8), 2**64 - 1, np.uint64)
    numbers = np.zeros((1, 16), np.float32)
    complex_normal(bits, np.ones(8, np.float32), numbers)
    assert np.all(np.abs(numbers.view(np.complex64)) > 0)


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


def test_the_slots_kernel_takes_outputs_and_arrays_in_the_order_of_their_declarations():
    order = list(inspect.signature(play_slots.py_func).parameters)
    assert order[-len(BlockArrays._fields) - len(SlotOutputs._fields) :] == [*SlotOutputs._fields, *BlockArrays._fields]


def test_a_kept_kernel_is_not_used_again_once_a_file_that_it_was_compiled_from_has_changed(tmp_path):
    folder = tmp_path / "multicell_env"
    shutil.copytree(Path(multicell_env.__file__).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
    simd = folder / "kernels" / "simd.py"
    code = """
import numpy as np
from multicell_env.kernels.drawing import complex_normal
complex_normal(np.zeros((1, 8), np.uint64), np.ones(8, np.float32), np.zeros((1, 16), np.float32))
print(sum(complex_normal.stats.cache_hits.values()), sum(complex_normal.stats.cache_misses.values()))
"""

    def hits_and_misses() -> str:
        return subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()

    assert [hits_and_misses(), hits_and_misses()] == ["0 1", "1 0"]
    before = simd.stat()
    simd.write_text(simd.read_text().replace("Vectors of numbers", "Vectors of members"))
    os.utime(simd, ns=(before.st_atime_ns, before.st_mtime_ns))  # neither its size nor its time tell
    assert hits_and_misses() == "0 1"
