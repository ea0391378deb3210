"""How long a decision takes."""

import time
from collections.abc import Callable

import numpy as np

from multicell_env.blocks import Blocks

TIMING = 1.0
"""Seconds after which a decision is not timed once more."""


def median_ms(decide: Callable[[Blocks], object], blocks: Blocks, repeats: int = 15) -> float:
    """Median time of a decision on blocks, in ms, after one call that warms caches; fewer times where that takes longer than `TIMING`."""
    times: list[float] = []
    while len(times) < 2 or (len(times) <= repeats and sum(times) < TIMING):
        begin = time.perf_counter()
        decide(blocks)
        times.append(time.perf_counter() - begin)
    return 1000.0 * float(np.median(times[1:]))
