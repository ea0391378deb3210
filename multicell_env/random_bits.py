"""Random bits of many generators in one call.

`Generator.integers` spends more time on its arguments than on a block's bits, and takes and gives back Python's lock for each generator,
in which threads wait for one another. Here a compiled loop calls what NumPy itself calls.
"""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt64
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from multicell_env.simd import compiled_entry


def random_bits(generators: Sequence[np.random.Generator], count: int) -> UInt64[np.ndarray, "generator count"]:
    """Uniform 64-bit integers: `generator.integers(0, 2**64 - 1, count, dtype=np.uint64, endpoint=True)` of each generator, bit for bit.

    Unlike it, this does not lock a generator: no other thread may use one meanwhile.
    """
    interfaces = [generator.bit_generator.ctypes for generator in generators]
    functions = np.array([ctypes.cast(interface.next_uint64, ctypes.c_void_p).value for interface in interfaces], np.intp)
    bits = np.empty((len(generators), count), np.uint64)
    _fill(functions, np.array([interface.state_address for interface in interfaces], np.intp), bits)
    return bits


@intrinsic
def _next_bits(typing_context: Any, function: Any, state: Any) -> Any:
    """Call the function at an address with the state at another: the next 64 bits of a generator."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number, pointer = ir.IntType(64), ir.IntType(8).as_pointer()
        called = builder.inttoptr(arguments[0], ir.FunctionType(number, [pointer]).as_pointer())
        return builder.call(called, [builder.inttoptr(arguments[1], pointer)])

    return types.uint64(function, state), generate


@compiled_entry
def _fill(functions, states, bits):
    for row in range(len(bits)):
        for index in range(bits.shape[1]):
            bits[row, index] = _next_bits(functions[row], states[row])
