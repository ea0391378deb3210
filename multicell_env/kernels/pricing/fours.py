"""Vectors of users where cells have four: whole cells side by side, and two bands of a cell."""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false, reportOptionalCall=false

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from multicell_env.kernels.simd import LANES, VectorType, address, loading

FOUR = LANES // 2
"""Users of a cell, and cells that are taken at once."""
load_repeated = loading(FOUR, FOUR)
"""`load_repeated(array, index)`: four numbers, four times side by side."""
load_two_bands = loading(2 * FOUR * FOUR)
"""`load_two_bands(array, index)`: gains of four beams to four users in a band, and in the next."""


def _joined(builder: Any, parts: Any) -> Any:
    """Vectors of one type side by side; their number is a power of two."""
    while len(parts) > 1:
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), 2 * parts[0].type.count), [*range(2 * parts[0].type.count)])
        parts = [builder.shuffle_vector(a, b, lanes) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def _places(context: Any, builder: Any, array_type: Any, array: Any, index: Any, places: Any, of: Any) -> Any:
    """Addresses of vectors of four numbers."""
    indices = (builder.add(index, builder.extract_value(places, cell)) for cell in range(FOUR))
    return [address(context, builder, array_type, array, at, of) for at in indices]


@intrinsic
def load_cells(typing_context: Any, array: Any, index: Any, places: Any) -> Any:
    """`load_cells(array, index, places)`: four numbers of a flat array from `index` plus each of four places on, side by side."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        of = context.get_value_type(VectorType(array.dtype, FOUR))
        parts = [builder.load(at, typ=of) for at in _places(context, builder, array, *arguments, of)]
        for part in parts:
            part.align = context.get_abi_sizeof(of.element)
        return _joined(builder, parts)

    return VectorType(array.dtype, FOUR * FOUR)(array, types.intp, places), generate


@intrinsic
def store_cells(typing_context: Any, array: Any, index: Any, places: Any, vector: Any) -> Any:
    """`store_cells(array, index, places, vector)`: write what `load_cells` reads; where places are the same, the last stays."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *where, value = arguments
        of = context.get_value_type(VectorType(array.dtype, FOUR))
        for cell, at in enumerate(_places(context, builder, array, *where, of)):
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), FOUR), [FOUR * cell + user for user in range(FOUR)])
            builder.store(builder.shuffle_vector(value, value, lanes), at).align = context.get_abi_sizeof(of.element)
        return context.get_dummy_value()

    return types.void(array, types.intp, places, vector), generate


@intrinsic
def load_two_repeated(typing_context: Any, array: Any, index: Any) -> Any:
    """`load_two_repeated(array, index)`: the first four numbers from an index on four times, then the next four."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        of = context.get_value_type(VectorType(array.dtype, LANES))
        value = builder.load(address(context, builder, array, *arguments, of), typ=of)
        value.align = context.get_abi_sizeof(of.element)
        lanes = [FOUR * band + user for band in (0, 1) for _ in range(FOUR) for user in range(FOUR)]
        return builder.shuffle_vector(value, value, ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes))

    return VectorType(array.dtype, 2 * FOUR * FOUR)(array, types.intp), generate


@intrinsic
def sum_fours(typing_context: Any, vector: Any) -> Any:
    """The sums of every four lanes that stand side by side."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (value,) = arguments
        for count in (vector.lanes // 2, vector.lanes // 4):
            places = [ir.Constant(ir.VectorType(ir.IntType(32), count), [2 * lane + first for lane in range(count)]) for first in (0, 1)]
            value = builder.fadd(*(builder.shuffle_vector(value, value, place) for place in places))
        return value

    return VectorType(vector.scalar, vector.lanes // 4)(vector), generate
