"""The interface of channel models, which draw the channels of blocks and move them from slot to slot."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from multicell_env.config import NetworkConfig
from multicell_env.model.types import CrossChannels, OwnChannels


class ChannelModel(Protocol):
    """A channel model. Each block has a random generator, and its channels depend on this generator only.

    Channels are C-contiguous and of the complex type of `config.dtype`: own channels `[block, cell, band, antenna, user]`, and cross
    channels `[block, cell, interferer, band, antenna, user]`, of which entry `[b, i]` comes from cell `config.interferers[b, i]`. Padded
    users and padded interferers have zero channels. The next call in the same thread may overwrite the returned arrays.

    Several threads may call a model at the same time, each with its own blocks and generators.
    """

    @property
    def moves(self) -> bool:
        """Whether channels change between the slots of a block. If False, `advance` is never called."""
        ...

    def begin(self, config: NetworkConfig, generators: Sequence[np.random.Generator]) -> tuple[OwnChannels, CrossChannels]:
        """Draw the channels of the first slot of new blocks.

        Args:
            config: The network.
            generators: Random generators, one for each block.
        """
        ...

    def advance(
        self, config: NetworkConfig, generators: Sequence[np.random.Generator], own: OwnChannels, cross: CrossChannels
    ) -> tuple[OwnChannels, CrossChannels]:
        """The channels of the next slot of the same blocks.

        Args:
            config: The network.
            generators: The generators of the blocks, in their present state.
            own: Own channels of the last slot.
            cross: Cross channels of the last slot.
        """
        ...
