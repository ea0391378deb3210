"""Loops of the kernels over many numbers: vector by vector, and what is left in smaller ones."""

# An intrinsic is called without the typing context that it is defined with, which pyright cannot know.
# pyright: reportCallIssue=false

from collections.abc import Callable
from typing import Any

from multicell_env.kernels.compiling import inner
from multicell_env.kernels.simd import LANES, load, load_double, load_half, load_one, splat, store


def in_vectors(make: Callable[[Any, int], Any], widest: Any = load) -> Any:
    """A function of `(count, *arguments)` that works through `count` numbers vector by vector, and through the rest in smaller ones.

    `make(load, lanes)` gives the function of `(index, *arguments)` that does one vector, as wide as `load` reads.
    """
    width = 2 * LANES if widest is load_double else LANES
    wide, half, one = make(widest, width), make(load_half, LANES // 2), make(load_one, 1)

    @inner
    def in_vectors(count, *arguments):
        index = 0
        while index + width <= count:
            wide(index, *arguments)
            index += width
        while index + LANES // 2 <= count:
            half(index, *arguments)
            index += LANES // 2
        while index < count:
            one(index, *arguments)
            index += 1

    return in_vectors


@in_vectors
def copy(load, lanes):
    """Numbers to another place, rounded where it has shorter ones."""

    @inner
    def numbers(index, target, to, source, first):
        store(target, to + index, load(source, first + index))

    return numbers


@in_vectors
def fill(load, lanes):
    """The same number in all places from `to` on."""

    @inner
    def numbers(index, target, to, number):
        store(target, to + index, splat(number, load(target, to + index)))

    return numbers
