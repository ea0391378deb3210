"""A new Rayleigh draw in every slot: blocks of one slot each, as the paper's section V has them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from multicell_env.channels.rayleigh import Rayleigh, draw_many
from multicell_env.config import NetworkConfig
from multicell_env.model.types import CrossChannels, OwnChannels


@dataclass(frozen=True)
class Redraw(Rayleigh):
    """Channels of every slot are independent of those before; budgets roll over within the block all the same."""

    @property
    def moves(self) -> bool:
        """True."""
        return True

    def advance(
        self, config: NetworkConfig, generators: Sequence[np.random.Generator], own: OwnChannels, cross: CrossChannels
    ) -> tuple[OwnChannels, CrossChannels]:
        """The next draw of each generator."""
        return draw_many(config, generators, in_passing=True)
