"""What a model of channels does: it begins blocks, and says how their channels move from slot to slot."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from multicell_env.config import NetworkConfig
from multicell_env.model.types import CrossChannels, OwnChannels


class ChannelModel(Protocol):
    """Channels of blocks, one generator each; every block is what its own generator gives, whatever the others are.

    Channels are C-contiguous and of the complex type of `config.dtype`: own channels `[block, cell, band, antenna, user]`, and cross
    channels `[block, cell, interferer, band, antenna, user]`, of which entry `[b, i]` comes from cell `config.interferers[b, i]`. Padded
    users and padded interferers have zero channels. The next call in the same thread may overwrite what was returned.

    Several threads call a model at once, each with blocks and generators of its own.
    """

    @property
    def moves(self) -> bool:
        """Whether channels change between the slots of a block. False promises that `advance` is never needed."""
        ...

    def begin(self, config: NetworkConfig, generators: Sequence[np.random.Generator]) -> tuple[OwnChannels, CrossChannels]:
        """Channels of the first slot of new blocks.

        Args:
            config: The network.
            generators: Sources of all randomness, one for each block.
        """
        ...

    def advance(
        self, config: NetworkConfig, generators: Sequence[np.random.Generator], own: OwnChannels, cross: CrossChannels
    ) -> tuple[OwnChannels, CrossChannels]:
        """Channels of the next slot of the same blocks.

        Args:
            config: The network.
            generators: Those that began the blocks, where they stand now.
            own: Own channels of the slot that has ended.
            cross: Cross channels of that slot.
        """
        ...
