"""Bits of many generators in one call are those that NumPy's own call gives, and leave the generators where it leaves them."""

import numpy as np
import pytest
from numpy.random import MT19937, PCG64, PCG64DXSM, SFC64, Generator, Philox

from multicell_env.kernels import random_bits as module


def random_bits(generators: list[Generator], count: int) -> np.ndarray:
    bits = np.zeros((len(generators), count), np.uint64)
    module.random_bits(generators, bits)
    return bits


def expected(generators: list[Generator], count: int) -> np.ndarray:
    return np.array([own.integers(0, 2**64 - 1, count, dtype=np.uint64, endpoint=True) for own in generators]).reshape(
        len(generators), count
    )


@pytest.mark.parametrize("kind", [PCG64, PCG64DXSM, MT19937, Philox, SFC64])
def test_bits_are_those_of_numpy_for_every_kind_of_generator(kind) -> None:
    ours, numpys = ([Generator(kind(seed)) for seed in range(5)] for _ in range(2))
    for count in (7, 0, 1, 64):
        assert np.array_equal(random_bits(ours, count), expected(numpys, count))
    for own, others in zip(ours, numpys, strict=True):
        assert own.normal() == others.normal()


def test_generators_of_several_kinds_and_one_twice() -> None:
    first, second = ([Generator(PCG64(1)), Generator(MT19937(2))] for _ in range(2))
    assert np.array_equal(random_bits([*first, first[0]], 9), expected([*second, second[0]], 9))
    assert random_bits([], 9).shape == (0, 9)


def test_arrays_are_filled_one_after_another() -> None:
    ours, numpys = ([Generator(PCG64(seed)) for seed in range(3)] for _ in range(2))
    first, second = np.zeros((3, 5), np.uint64), np.zeros((3, 9), np.uint64)
    module.random_bits(ours, first, second)
    assert np.array_equal(np.hstack([first, second]), expected(numpys, 14))


def test_half_a_number_that_a_generator_has_kept_stays() -> None:
    ours, numpys = np.random.default_rng(3), np.random.default_rng(3)
    for own in (ours, numpys):
        own.integers(0, 9, dtype=np.uint32)  # half of 64 bits; the rest waits
    assert np.array_equal(random_bits([ours], 4), expected([numpys], 4))
    assert ours.integers(0, 2**32 - 1, 5, dtype=np.uint32).tolist() == numpys.integers(0, 2**32 - 1, 5, dtype=np.uint32).tolist()
