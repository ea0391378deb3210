"""Random bits to Rayleigh channels, compiled."""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false

from math import factorial

import numpy as np

from multicell_env.kernels.compiling import compiled_entry
from multicell_env.kernels.exponents import natural_log, split_exponent
from multicell_env.kernels.simd import (
    LANES,
    load,
    polynomial,
    smaller,
    splat,
    split_uniform,
    square_root,
    store_interleaved,
)

NUMBERS_AT_ONCE = LANES
"""Amplitudes that `complex_normal` works on together: it takes whole multiples."""
_sine_series = polynomial(*((-1.0) ** n / factorial(2 * n + 1) for n in range(8)))
_cosine_series = polynomial(*((-1.0) ** n / factorial(2 * n) for n in range(9)))


@compiled_entry
def complex_normal(bits, amplitudes, numbers):
    """CN(0, amplitude^2) from uniform bits by Box and Muller: sqrt(-log u) exp(2 pi i v), with |h|^2 exponential and the phase uniform.

    Args:
        bits: 64-bit integers `[row, number]`.
        amplitudes: For every number of a row, float32, in whole vectors: `[number]`.
        numbers: What is written: real and imaginary parts by turns, float32, `[row, 2 * number]`.
    """
    random, drawn, width = bits.reshape(-1), numbers.reshape(-1), len(amplitudes)
    for row in range(len(bits)):
        for index in range(0, width, LANES):
            u, v = split_uniform(random, row * width + index)
            one = splat(1.0, u)
            u = smaller(u, splat(1.0 - 2.0**-24, u))  # rounded to 1 it would give a channel of exactly zero
            mantissa, exponent = split_exponent(u)
            radius = square_root(splat(0.0, u) - natural_log(mantissa - one, exponent))
            # Half the angle, in [-pi/2, pi/2], where few terms of the Taylor series suffice; the doubled one follows.
            half = (v - splat(0.5, v)) * splat(np.pi, v)
            sine, cosine = half * _sine_series(half * half), _cosine_series(half * half)
            # The angle is v less a half turn, so both change their sign.
            re, im = (sine * sine - cosine * cosine) * radius, splat(-2.0, v) * sine * cosine * radius
            amplitude = load(amplitudes, index)
            store_interleaved(drawn, 2 * (row * width + index), re * amplitude, im * amplitude)
