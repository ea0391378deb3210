"""A new Rayleigh draw in every slot, as in the paper's section V."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from multicell_env.channels.rayleigh import Rayleigh, draw_many
from multicell_env.config import NetworkConfig
from multicell_env.model.types import CrossChannels, OwnChannels


@dataclass(frozen=True)
class Redraw(Rayleigh):
    """Rayleigh channels that are independent in every slot. Unspent budgets are still carried over within a block."""

    @property
    def moves(self) -> bool:
        """True: channels change in every slot."""
        return True

    def advance(
        self, config: NetworkConfig, generators: Sequence[np.random.Generator], own: OwnChannels, cross: CrossChannels
    ) -> tuple[OwnChannels, CrossChannels]:
        """Channels of the next slot: a new draw of each generator."""
        return draw_many(config, generators, in_passing=True)
