"""Logarithms and powers of two in vectors: a number is a mantissa and an exponent, and a short series has the rest."""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false, reportOptionalCall=false

from math import factorial
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from multicell_env.kernels.simd import multiply_add, nearest_whole, polynomial, splat


@intrinsic
def split_exponent(typing_context: Any, vector: Any) -> Any:
    """Mantissa in [sqrt(1/2), sqrt(2)) and exponent of positive numbers: x = mantissa 2^exponent."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        of = context.get_value_type(vector)
        single = isinstance(of.element, ir.FloatType)
        width, digits = (32, 23) if single else (64, 52)
        integers = ir.VectorType(ir.IntType(width), of.count)
        root_half = int(np.sqrt(np.float32(0.5)).view(np.int32)) if single else int(np.sqrt(np.float64(0.5)).view(np.int64))

        def constant(value: int) -> Any:
            return ir.Constant(integers, [value] * of.count)

        bits = builder.bitcast(arguments[0], integers)
        exponent = builder.ashr(builder.sub(bits, constant(root_half)), constant(digits))
        mantissa = builder.bitcast(builder.sub(bits, builder.shl(exponent, constant(digits))), of)
        return context.make_tuple(builder, signature.return_type, (mantissa, builder.sitofp(exponent, of)))

    return types.UniTuple(vector, 2)(vector), generate


@intrinsic
def add_exponent(typing_context: Any, mantissas: Any, exponents: Any) -> Any:
    """`add_exponent(m, n)`: m 2^n for whole n, where neither m nor that is too small for a number with all its digits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        of = context.get_value_type(mantissas)
        width, digits = (32, 23) if isinstance(of.element, ir.FloatType) else (64, 52)
        integers = ir.VectorType(ir.IntType(width), of.count)
        shifted = builder.shl(builder.fptosi(arguments[1], integers), ir.Constant(integers, [digits] * of.count))
        return builder.bitcast(builder.add(builder.bitcast(arguments[0], integers), shifted), of)

    return mantissas(mantissas, exponents), generate


_artanh_series = polynomial(*(2.0 / n for n in range(1, 23, 2)))  # one more term would be below the last digit of float64


@njit(error_model="numpy", forceinline=True)
def natural_log(above, exponent):
    """Natural logarithm of (1 + above) 2^exponent, for a mantissa in [sqrt(1/2), sqrt(2)): 2 artanh(above / (2 + above)) and n log 2."""
    s = above / (splat(2.0, above) + above)
    return multiply_add(exponent, splat(np.log(2.0), above), s * _artanh_series(s * s))


_exponential_series = polynomial(*(1.0 / factorial(n) for n in range(14)), single=8)  # one more term would be below the last digit
_short_artanh_series = polynomial(*(2.0 / n for n in range(1, 23, 2)), single=6)


@njit(error_model="numpy", forceinline=True)
def two_to_the(x):
    """2^x, for results that are normal numbers."""
    whole = nearest_whole(x)
    return add_exponent(_exponential_series((x - whole) * splat(np.log(2.0), x)), whole)


@njit(error_model="numpy", forceinline=True)
def log10(x):
    """Logarithm to the base of 10 of positive numbers."""
    mantissa, exponent = split_exponent(x)
    above = mantissa - splat(1.0, x)
    s = above / (splat(2.0, above) + above)
    tail = s * _short_artanh_series(s * s)
    return multiply_add(exponent, splat(np.log10(2.0), x), tail * splat(1.0 / np.log(10.0), x))
