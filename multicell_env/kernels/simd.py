"""Vectors of numbers for the kernels. Numba's own loops over a few users stay scalar, which costs a factor of three.

A vector is a value, held in registers. `load` and `store` move it from and to a flat array; `+ - * /` and the functions below work element
by element. The processor's own width does not matter: LLVM splits or joins.
"""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false, reportOptionalCall=false

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic, lower_builtin, models, register_model

LANES = 8
"""Numbers in a vector, unless it is said otherwise."""


class VectorType(types.Type):
    """`lanes` numbers of one type, side by side."""

    def __init__(self, scalar: Any, lanes: int) -> None:
        super().__init__(name=f"vector({scalar}, {lanes})")
        self.scalar = scalar
        self.lanes = lanes


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, data_model_manager: Any, vector: VectorType) -> None:
        scalar = data_model_manager.lookup(vector.scalar).get_value_type()
        super().__init__(data_model_manager, vector, ir.VectorType(scalar, vector.lanes))


def address(context: Any, builder: Any, array_type: Any, array: Any, index: Any, of: Any) -> Any:
    """Where an entry of a flat array is, as the address of a vector."""
    data = context.make_array(array_type)(context, builder, value=array).data
    return builder.bitcast(builder.gep(data, [index]), of.as_pointer())


def loading(lanes: int, times: int = 1) -> Any:
    """An intrinsic that reads so many numbers of a flat array from an index on, and has them so many times side by side."""

    @intrinsic
    def load_some(typing_context: Any, array: Any, index: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            of = context.get_value_type(VectorType(array.dtype, lanes))
            value = builder.load(address(context, builder, array, *arguments, of), typ=of)
            value.align = context.get_abi_sizeof(of.element)
            if times == 1:
                return value
            repeated = ir.Constant(ir.VectorType(ir.IntType(32), times * lanes), [*range(lanes)] * times)
            return builder.shuffle_vector(value, value, repeated)

        return VectorType(array.dtype, times * lanes)(array, types.intp), generate

    return load_some


load = loading(LANES)
"""`load(array, index)`: the numbers of a flat array from an index on."""
load_double = loading(2 * LANES)
"""`load_double(array, index)`: twice as many, where one factor serves them all."""
load_half = loading(LANES // 2)
"""`load_half(array, index)`: half as many, for cells with few users."""
load_one = loading(1)
"""`load_one(array, index)`: one, for what is left over."""


@intrinsic
def store(typing_context: Any, array: Any, index: Any, vector: Any) -> Any:
    """`store(array, index, vector)`: write into a flat array from an index on, rounded where its numbers are shorter."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data, position, value = arguments
        if array.dtype != vector.scalar:
            value = builder.fptrunc(value, context.get_value_type(VectorType(array.dtype, vector.lanes)))
        written = builder.store(value, address(context, builder, array, data, position, value.type))
        written.align = context.get_abi_sizeof(value.type.element)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


@intrinsic
def prefetch_line(typing_context: Any, address: Any) -> Any:
    """`prefetch_line(address)`: have what is there on its way to the second-level cache. It may be nowhere: nothing is read."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, *[number] * 3]))
        to_read, level_two, data = (ir.Constant(number, meaning) for meaning in (0, 2, 1))
        builder.call(prefetch, [builder.inttoptr(arguments[0], byte), to_read, level_two, data])
        return context.get_dummy_value()

    return types.void(address), generate


@intrinsic
def fetch_add(typing_context: Any, array: Any, index: Any, number: Any) -> Any:
    """`fetch_add(array, index, number)`: add to an entry of a flat array, and get what was there; no other thread comes between."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data, position, value = arguments
        entry = builder.gep(context.make_array(array)(context, builder, value=data).data, [position])
        return builder.atomic_rmw("add", entry, context.cast(builder, value, number, array.dtype), "monotonic")

    return array.dtype(array, types.intp, number), generate


@intrinsic
def splat(typing_context: Any, number: Any, like: Any) -> Any:
    """`splat(number, like)`: a vector like another with the number in every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        scalar = context.cast(builder, arguments[0], number, like.scalar)
        of = context.get_value_type(like)
        first = builder.insert_element(ir.Constant(of, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), like.lanes), [0] * like.lanes))

    return like(number, like), generate


@intrinsic
def load_splat(typing_context: Any, array: Any, index: Any, like: Any) -> Any:
    """`load_splat(array, index, like)`: a vector like another with one number of a flat array in every lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data, position, _ = arguments
        of = context.get_value_type(like)
        number = builder.load(builder.gep(context.make_array(array)(context, builder, value=data).data, [position]), typ=of.element)
        first = builder.insert_element(ir.Constant(of, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
        return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), like.lanes), [0] * like.lanes))

    return like(array, types.intp, like), generate


def _elementwise(arity: int, emit: Any) -> Any:
    """An intrinsic on vectors of one type, by the instruction that it emits."""

    def typed(vectors: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return emit(builder, *arguments)

        return vectors[0](*vectors), generate

    if arity == 1:
        return intrinsic(lambda typing_context, a: typed((a,)))
    if arity == 2:
        return intrinsic(lambda typing_context, a, b: typed((a, b)))
    return intrinsic(lambda typing_context, a, b, c: typed((a, b, c)))


def _llvm(name: str) -> Any:
    """What calls LLVM's own function on vectors."""

    def emit(builder: Any, *values: Any) -> Any:
        of = values[0].type
        scalar = "f32" if isinstance(of.element, ir.FloatType) else "f64"
        function_type = ir.FunctionType(of, [of] * len(values))
        return builder.call(builder.module.declare_intrinsic(f"llvm.{name}.v{of.count}{scalar}", fnty=function_type), values)

    return emit


multiply_add = _elementwise(3, _llvm("fmuladd"))
"""a b + c, in one rounding where the processor can."""
nearest_whole = _elementwise(1, _llvm("rint"))
square_root = _elementwise(1, _llvm("sqrt"))
smaller = _elementwise(2, lambda builder, a, b: builder.select(builder.fcmp_ordered("<", a, b), a, b))
larger = _elementwise(2, lambda builder, a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b))


@intrinsic
def where_less(typing_context: Any, a: Any, b: Any, then: Any, otherwise: Any) -> Any:
    """`then` where a < b, `otherwise` elsewhere."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        first, second, yes, no = arguments
        return builder.select(builder.fcmp_ordered("<", first, second), yes, no)

    return a(a, b, then, otherwise), generate


@intrinsic
def any_less(typing_context: Any, a: Any, b: Any) -> Any:
    """Whether a < b in any lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.bitcast(builder.fcmp_ordered("<", *arguments), ir.IntType(a.lanes))
        return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))

    return types.boolean(a, b), generate


@intrinsic
def sum_lanes(typing_context: Any, vector: Any) -> Any:
    """Sum over the lanes, pairwise."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (value,) = arguments
        count = vector.lanes
        while count > 1:
            count //= 2
            halves = [ir.Constant(ir.VectorType(ir.IntType(32), count), [half + lane for lane in range(count)]) for half in (0, count)]
            value = builder.fadd(*(builder.shuffle_vector(value, value, half) for half in halves))
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return vector.scalar(vector), generate


@intrinsic
def sum_each(typing_context: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """The sums over the lanes of four vectors of at least four lanes, side by side in a vector of four."""
    sums = VectorType(a.scalar, 4)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def added(first: Any, second: Any, *lanes: list[int]) -> Any:
            places = (ir.Constant(ir.VectorType(ir.IntType(32), len(chosen)), chosen) for chosen in lanes)
            return builder.fadd(*(builder.shuffle_vector(first, second, chosen) for chosen in places))

        vectors, count = arguments, a.lanes
        while count > 4:
            count //= 2
            halves = [[half + lane for lane in range(count)] for half in (0, count)]
            vectors = [added(vector, vector, *halves) for vector in vectors]
        evens, odds = [0, 2, 4, 6], [1, 3, 5, 7]  # which a processor takes from two vectors at once
        pairs = [added(vectors[i], vectors[i + 1], evens, odds) for i in (0, 2)]
        return added(*pairs, evens, odds)

    return sums(a, b, c, d), generate


@intrinsic
def split_uniform(typing_context: Any, bits: Any, index: Any) -> Any:
    """Two vectors of float32 in (0, 1] from the upper and the lower 31 bits of as many 64-bit integers of a flat array."""
    vector = VectorType(types.float32, LANES)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words, halves = (ir.VectorType(ir.IntType(width), LANES) for width in (64, 32))
        raw = builder.load(address(context, builder, bits, *arguments, words), typ=words)
        raw.align = 8
        of = context.get_value_type(vector)

        def uniform(shift: int) -> Any:
            shifted = builder.lshr(raw, ir.Constant(words, [shift] * LANES))
            number = builder.sitofp(builder.and_(builder.trunc(shifted, halves), ir.Constant(halves, [2**31 - 1] * LANES)), of)
            return builder.fmul(builder.fadd(number, ir.Constant(of, [0.5] * LANES)), ir.Constant(of, [2.0**-31] * LANES))

        return context.make_tuple(builder, signature.return_type, (uniform(33), uniform(0)))

    return types.UniTuple(vector, 2)(bits, types.intp), generate


@intrinsic
def store_interleaved(typing_context: Any, array: Any, index: Any, first: Any, second: Any) -> Any:
    """Write two vectors into a flat array from an index on, a number of each by turns: real and imaginary parts."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data, position, a, b = arguments
        turns = ir.Constant(
            ir.VectorType(ir.IntType(32), 2 * first.lanes), [lane // 2 + lane % 2 * first.lanes for lane in range(2 * first.lanes)]
        )
        both = builder.shuffle_vector(a, b, turns)
        written = builder.store(both, address(context, builder, array, data, position, both.type))
        written.align = context.get_abi_sizeof(both.type.element)
        return context.get_dummy_value()

    return types.void(array, types.intp, first, second), generate


def _define_operator(symbol: Any, emit: Any) -> None:
    """An operator between two vectors of one type."""

    @infer_global(symbol)
    class _Typed(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            is_ours = len(args) == 2 and isinstance(args[0], VectorType) and args[0] == args[1]
            return signature(args[0], *args) if is_ours else None

    @lower_builtin(symbol, VectorType, VectorType)
    def lowered(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return emit(builder, *arguments)


_define_operator(operator.add, lambda builder, a, b: builder.fadd(a, b))
_define_operator(operator.sub, lambda builder, a, b: builder.fsub(a, b))
_define_operator(operator.mul, lambda builder, a, b: builder.fmul(a, b))
_define_operator(operator.truediv, lambda builder, a, b: builder.fdiv(a, b))


def polynomial(*coefficients: float, single: int | None = None) -> Any:
    """`polynomial(c_0, c_1, ...)(x)`: c_0 + c_1 x + c_2 x^2 + ..., unrolled; with `single`, only so many terms in float32."""
    multiply_then_add = _llvm("fmuladd")

    def emit(builder: Any, x: Any) -> Any:
        chosen = coefficients[:single] if isinstance(x.type.element, ir.FloatType) else coefficients
        value, *others = (ir.Constant(x.type, [coefficient] * x.type.count) for coefficient in reversed(chosen))
        for constant in others:
            value = multiply_then_add(builder, value, x, constant)
        return value

    return _elementwise(1, emit)
