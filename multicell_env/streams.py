"""Which random numbers of a seed are whose: every use has a stream of its own, so that none moves another's.

The blocks themselves are drawn as `env.reset(seed=seed)` draws them, from the seed alone.
"""

from typing import Any, Final

import numpy as np

FIRST_SEED: Final = 1_000_000
"""Seed of the first unseen block: block i of an evaluation is what `env.reset(seed=seed + i)` draws."""
ALLOCATIONS: Final = 1
"""Random allocations that an evaluation plays."""
STARTS: Final = 2
"""Random starts from which an evaluation's negotiations begin; FLWF and IWF begin at the same."""
FIGURE_STARTS: Final = 3
"""Random starts of a figure's negotiations."""
FIGURE_DRAWS: Final = 4
"""Random allocations of a figure."""
NETWORKS: Final = 3
"""Networks of a scenario, each of which has its index too: no stream of two numbers is one of three."""
MEASUREMENT_ERRORS: Final = int.from_bytes(b"errors", "big")
"""Errors of what is measured: the key of a stream below that of an environment's channels."""


def generator(seed: int, stream: int, *, index: int | None = None) -> np.random.Generator:
    """The random numbers of a stream, or of one of its parts."""
    return np.random.default_rng([seed, stream] if index is None else [seed, index, stream])


def error_stream(channels: np.random.Generator) -> np.random.Generator:
    """The measurement errors that belong to a generator of channels, which stays as it is."""
    seeds: Any = channels.bit_generator.seed_seq
    return np.random.default_rng(np.random.SeedSequence(seeds.entropy, spawn_key=(*seeds.spawn_key, MEASUREMENT_ERRORS)))
