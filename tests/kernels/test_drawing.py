"""Channels drawn by the kernels: complex normal numbers of each generator's own bits."""

from dataclasses import replace

import numpy as np

from multicell_env import PAPER_8X4, NetworkConfig
from multicell_env.channels.rayleigh import draw_channels, draw_many
from multicell_env.kernels.drawing import complex_normal


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


def test_no_draw_is_exactly_zero():
    bits = np.full((1, 8), 2**64 - 1, np.uint64)
    numbers = np.zeros((1, 16), np.float32)
    complex_normal(bits, np.ones(8, np.float32), numbers)
    assert np.all(np.abs(numbers.view(np.complex64)) > 0)
