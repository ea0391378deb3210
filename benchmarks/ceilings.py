"""What one thread of this machine can do at most: float32 operations in a matrix product, and bytes copied or read.

    python benchmarks/ceilings.py

Import this module before numpy, or set OMP_NUM_THREADS=1, so that BLAS starts with one thread. All ceilings are the best of several
repeats in processor time, because other load on the machine can only lower them.
"""

import os
import time
from collections.abc import Callable

# BLAS reads them once, when numpy is first imported; the second overrules the first where a user has set it.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numba
import numpy as np
from jaxtyping import Float


def best_seconds(run: Callable[[], object], *, repeats: int = 15) -> float:
    """Shortest processor time of `run` after one call that is not counted; a second thread would be counted too."""
    run()
    shortest = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        run()
        shortest = min(shortest, time.process_time() - start)
    return shortest


def matmul_flops(size: int = 512, *, repeats: int = 15) -> float:
    """Float32 operations per second of a `size` x `size` matrix product: 2 size^3 of them, a multiply and an add being two."""
    generator = np.random.default_rng(0)
    a, b = generator.random((2, size, size), dtype=np.float32)
    out = np.empty_like(a)
    products = max(1, int(1e9 / size**3))  # about 20 ms, far above the cost of a call

    def run() -> None:
        for _ in range(products):
            np.matmul(a, b, out=out)

    return products * 2 * size**3 / best_seconds(run, repeats=repeats)


@numba.njit
def _copy_to_and_fro(a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], round_trips: int) -> None:
    for _ in range(round_trips):
        for i in range(a.size):
            b[i] = a[i]
        for i in range(a.size):
            a[i] = b[i]


def copy_bandwidth(working_set: int, *, repeats: int = 15) -> float:
    """Bytes per second of copying between two float32 arrays of `working_set` bytes together.

    A copy reads one array and writes the other: `working_set` bytes. What the memory moves beyond them (a line that is
    read before it is written) is not counted. Sizes that a cache holds show the bandwidth of that cache; np.copyto would show
    what a call costs instead, below about 1 MB, so compiled loops copy.

    Raises:
        ValueError: there is not one number in each array.
    """
    if working_set < 8:
        raise ValueError(f"working_set must hold two float32 numbers, 8 bytes; got {working_set}. Give more bytes.")
    a = np.ones(working_set // 8, np.float32)
    b = np.zeros_like(a)
    round_trips = max(1, int(1e9 / (2 * working_set)))  # 5 to 50 ms
    seconds = best_seconds(lambda: _copy_to_and_fro(a, b, round_trips), repeats=repeats)
    return round_trips * 2 * (a.nbytes + b.nbytes) / seconds


def read_bandwidth(working_set: int, *, repeats: int = 15) -> float:
    """Bytes per second of reading a float32 array of `working_set` bytes again and again, for its largest number.

    Raises:
        ValueError: there is no number in it.
    """
    if working_set < 4:
        raise ValueError(f"working_set must hold a float32 number, 4 bytes; got {working_set}. Give more bytes.")
    numbers = np.ones(working_set // 4, np.float32)
    reads = max(1, int(3e8 / working_set))  # 5 to 30 ms

    def run() -> None:
        for _ in range(reads):
            np.maximum.reduce(numbers)

    return reads * numbers.nbytes / best_seconds(run, repeats=repeats)


if __name__ == "__main__":
    print(f"matrix product, float32   {matmul_flops() / 1e9:8.1f} GFLOP/s")
    for kib in (16, 256, 4096, 262144):
        print(f"copy, {kib:7,} KiB         {copy_bandwidth(kib * 1024) / 1e9:8.1f} GB/s")
    for kib in (256, 4096, 262144):
        print(f"read, {kib:7,} KiB         {read_bandwidth(kib * 1024) / 1e9:8.1f} GB/s")
