"""Recorded channels that are shipped with tasks, as channel models by name."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from multicell_env.channels.pool import RecordedChannels
from multicell_env.config import NetworkConfig
from multicell_env.model.types import CrossChannels, OwnChannels
from multicell_env.streams import FIRST_SEED

FOLDER = Path(__file__).parent


class TaskPool:
    """A pool in a file of this folder. The seed of a block determines its part.

    Seeds below 1,000,000 (`FIRST_SEED`) play the training part, seeds of the million from there on the test part, those of the next million
    the validation part, and larger ones the training part again. The block of seed s is block s modulo the size of its part. Without a seed
    a block is a random one of the environment's present part, which is the training part before its first seed.

    Args:
        name: Name of the file, without `.npz`.

    Raises:
        ValueError: the network is not that of the task.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def moves(self) -> bool:
        """False: channels are constant in a block."""
        return False

    def begin(self, config: NetworkConfig, generators: Sequence[np.random.Generator]) -> tuple[OwnChannels, CrossChannels]:
        """One block of the pool for each generator; `config` has the pool's sizes, powers and mean gains."""
        pool, gains = _read(self.name)
        sizes = {name: getattr(config, name) for name in pool.sizes}
        if sizes != pool.sizes or not np.allclose(config.mean_gain_matrix, gains, rtol=1e-6, atol=0.0):
            raise ValueError(
                f"channel_model {self.name!r} must be played on its task's network; got {config.describe()}. Make {self.name}-v0, or "
                "give the pool as channels= to a network of your own."
            )
        drawn = [_part(pool, generator).begin(config, [generator]) for generator in generators]
        own, cross = zip(*drawn, strict=True)
        return np.concatenate(own), np.concatenate(cross)

    def advance(
        self, config: NetworkConfig, generators: Sequence[np.random.Generator], own: OwnChannels, cross: CrossChannels
    ) -> tuple[OwnChannels, CrossChannels]:
        """The same channels, which are constant."""
        return own, cross


@lru_cache
def _read(name: str) -> tuple[RecordedChannels, Float[np.ndarray, "tx_cell rx_cell"]]:
    """The pool and the mean gains of its network."""
    pool = RecordedChannels(FOLDER / f"{name}.npz")
    return pool, pool.fitted().mean_gain_matrix


def _part(pool: RecordedChannels, generator: np.random.Generator) -> RecordedChannels:
    """The part of a generator's seed. A generator without a given seed has a random one of 128 bits."""
    seed = getattr(generator.bit_generator.seed_seq, "entropy", None)
    million = seed // FIRST_SEED if isinstance(seed, int | np.integer) else 0
    return {1: pool.test, 2: pool.validation}.get(int(million), pool.train)
