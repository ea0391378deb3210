"""Random bits of many generators in one call.

`Generator.integers` spends more time on its arguments than on a block's bits, and takes and gives back Python's lock for each generator,
in which threads wait for one another. Here a compiled loop calls what NumPy itself calls.
"""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt64
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from multicell_env.kernels.compiling import compiled_entry


def random_bits(generators: Sequence[np.random.Generator], *bits: UInt64[np.ndarray, "generator number"]) -> None:
    """Fill rows with `generator.integers(0, 2**64 - 1, row.size, dtype=np.uint64, endpoint=True)` of each generator, bit for bit.

    Arrays are C-contiguous, with one row for each generator; several are filled one after another. Unlike NumPy's method, this does not
    lock a generator: no other thread may use one meanwhile.
    """
    addresses = np.array([generator.bit_generator.ctypes.bit_generator.value for generator in generators], np.intp)
    for rows in bits:
        _fill(addresses, rows)


@intrinsic
def _next_bits(typing_context: Any, address: Any) -> Any:
    """The next 64 bits of a generator, whose C structure begins with its state and the function that gives bits from it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number, pointer = ir.IntType(64), ir.IntType(8).as_pointer()
        function = ir.FunctionType(number, [pointer]).as_pointer()
        interface = builder.inttoptr(arguments[0], ir.LiteralStructType([pointer, function]).as_pointer())
        state, called = (builder.load(builder.gep(interface, [ir.IntType(32)(0), ir.IntType(32)(member)])) for member in (0, 1))
        return builder.call(called, [state])

    return types.uint64(address), generate


@compiled_entry
def _fill(addresses, bits):
    for row in range(len(bits)):
        for index in range(bits.shape[1]):
            bits[row, index] = _next_bits(addresses[row])
