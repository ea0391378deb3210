"""A model of channels, and what is laid over the channels that it gives."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float

from multicell_env.channels.amplitudes import Amplitudes
from multicell_env.channels.correlated import Correlated
from multicell_env.channels.estimated import Estimated
from multicell_env.channels.fading import Fading
from multicell_env.channels.model import ChannelModel
from multicell_env.channels.redraw import Redraw
from multicell_env.config import NetworkConfig
from multicell_env.model.types import CrossChannels, OwnChannels
from multicell_env.networks.deployment import Deployment


@dataclass(frozen=True, kw_only=True)
class Composition:
    """How channels come about: a model gives them and moves them; then antennas are correlated, users are placed, channels are estimated.

    What is laid over the model is linear, so that channels that fade keep their autocorrelation: the model moves what it gave, and the
    rest is laid over every slot's channels, with the users where they were when the block began.

    Recorded channels have antennas and places of their own, and stay. With `moved_by` they move: `Fading` keeps each user's mean power on
    every link, and `Redraw` plays another recorded block in every slot.
    """

    model: ChannelModel
    """Gives channels, and moves them."""
    moved_by: Fading | Redraw | None = None
    """What moves channels that the model would leave as they are."""
    correlated: Correlated | None = None
    """Of the antennas of a base station."""
    geometric: Deployment | None = None
    """Where users are, dropped anew in every block: its gains are factors to the network's mean gains."""
    estimated: Estimated | None = None
    """What base stations know."""

    @property
    def moves(self) -> bool:
        """Whether channels change between the slots of a block."""
        return self.model.moves or self.moved_by is not None

    @property
    def leaks(self) -> bool:
        """Whether beams reach other users of their own cell."""
        return self.estimated is not None and self.estimated.variance > 0.0

    @property
    def is_plain(self) -> bool:
        """Whether nothing is laid over the model."""
        return self.correlated is None and self.geometric is None and not self.leaks

    @property
    def has_amplitudes(self) -> bool:
        """Whether a block has amplitudes of its own, which stay while its channels move; see `amplitudes`."""
        return self.geometric is not None or isinstance(self.moved_by, Fading)

    def check(self, config: NetworkConfig) -> None:
        """Refuse a network that this cannot be laid over.

        Raises:
            ValueError: its cells do not fit the deployment.
        """
        if self.geometric is not None:
            self.geometric.num_sites(config.num_cells)

    def amplitudes(
        self, config: NetworkConfig, generators: Sequence[np.random.Generator], own: OwnChannels, cross: CrossChannels
    ) -> Amplitudes:
        """Of users in new blocks: the roots of the gains of their places, drawn from each block's own generator, or of recorded powers.

        Raises:
            ValueError: the cells do not fit the deployment.
        """
        if self.geometric is None:
            return Amplitudes.of(own, cross)
        drops = [self.geometric.drop(config.num_cells, config.max_users, generator) for generator in generators]
        roots, cells = np.sqrt(np.array(drops)).astype(config.dtype), np.arange(config.num_cells)
        return Amplitudes(roots[:, cells, cells], roots[:, config.interferers, cells[:, None]])

    def advance(
        self,
        config: NetworkConfig,
        generators: Sequence[np.random.Generator],
        own: OwnChannels,
        cross: CrossChannels,
        amplitudes: Amplitudes | None,
    ) -> tuple[OwnChannels, CrossChannels]:
        """What the model's channels of the next slot are; arguments as for `ChannelModel.advance`, and the block's amplitudes."""
        if self.moved_by is None:
            return self.model.advance(config, generators, own, cross)
        if isinstance(self.moved_by, Fading):
            assert amplitudes is not None
            return self.moved_by.advance_recorded(generators, own, cross, amplitudes)
        return self.model.begin(config, generators)

    def laid_over(self, own: OwnChannels, cross: CrossChannels, amplitudes: Amplitudes | None) -> tuple[OwnChannels, CrossChannels]:
        """The channels as they are received, in arrays of their own if they changed."""
        if self.correlated is not None:
            own, cross = self.correlated.across(own), self.correlated.across(cross)
        if self.geometric is not None:
            assert amplitudes is not None
            own, cross = _scaled(own, amplitudes.own), _scaled(cross, amplitudes.crossing)
        return own, cross

    def estimate(self, generators: Sequence[np.random.Generator], own: OwnChannels) -> OwnChannels:
        """What base stations know of channels to their users as they are received; these themselves where beams do not leak."""
        return own if self.estimated is None or not self.leaks else self.estimated.estimate(generators, own)


def _scaled(
    channels: Complex[np.ndarray, "block *link band antenna user"], amplitudes: Float[np.ndarray, "block *link user"]
) -> Complex[np.ndarray, "block *link band antenna user"]:
    real = np.finfo(channels.dtype).dtype
    parts = channels.view(real).reshape(*channels.shape, 2)  # each product of real numbers rounds once
    return (parts * amplitudes[..., None, None, :, None]).view(channels.dtype)[..., 0]
