"""Channels of blocks, and the beams and gains that are made of them: drawn, given, and moved from slot to slot."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Complex, Float

from multicell_env.channels.model import ChannelModel
from multicell_env.channels.registry import model_of
from multicell_env.config import NetworkConfig
from multicell_env.kernels.block import beamform
from multicell_env.kernels.running import ONE_LAYOUT, aligned_zeros, announced
from multicell_env.model.beamforming import MIN_SINE
from multicell_env.model.types import CrossChannels, Gains, OwnChannels, Powers

Share = Callable[[Callable[[slice], None], int], None]
DRAWN_AT_ONCE = 64
"""Most blocks that are drawn together, which spreads the cost of a call."""
DRAWN_BYTES = 2**20
"""Bytes of channels that are drawn together, unless it is one block: few enough to stay in the cache."""


BLOCKED = 1e-9
"""Gain of a user that has no beam, over its cell's mean gain or over what the noise is at nominal power, whichever is less."""


def blocked_gains(config: NetworkConfig) -> Float[np.ndarray, " cell"]:
    """What stands for the gain of a user without a beam: so little that no power is worth anything there, and that nothing overflows."""
    return BLOCKED * np.minimum(np.diagonal(config.mean_gain_matrix), 1.0 / config.nominal_powers)


class Links:
    """What base stations and users of a batch of blocks are to each other.

    Args:
        config: The network.
        num_blocks: How many blocks there is room for.
        share: Has threads call a function on slices of so many rows.
        keep_channels: Whether to keep own channels and beamformers, which are empty otherwise. Channels that move are kept anyway.
        channels: Where channels come from, in place of the model that the network names.

    Raises:
        ValueError: there is no channel model of the network's name, or the network names one beside `channels`.
    """

    def __init__(
        self, config: NetworkConfig, num_blocks: int, share: Share, *, keep_channels: bool, channels: ChannelModel | None = None
    ) -> None:
        self._config, self._share, self._model = config, share, model_of(config, channels)
        self.moves = self._model.moves
        """Whether channels change between slots."""
        dtype = np.dtype(config.dtype)
        tokens, links = (num_blocks, config.num_cells, config.num_bands, config.max_users), config.interferers.shape
        cross_gains = aligned_zeros((num_blocks, *links, config.num_bands, *[config.max_users] * 2), dtype)
        self.gains = Gains(np.ones(tokens, dtype), cross_gains, config.interferers)
        self.inverse_gains: Powers = np.ones(tokens, dtype)
        """1 / signal gain."""
        trailing = (config.num_bands, config.num_antennas, config.max_users)
        kept = num_blocks if keep_channels or self.moves else 0
        self.channels: OwnChannels = np.zeros((kept, config.num_cells, *trailing), np.result_type(dtype, np.complex64))
        self.beamformers: Complex[np.ndarray, "block cell band antenna user"] = np.zeros_like(self.channels)
        moving = (num_blocks if self.moves else 0, *links, *trailing)
        self._cross_channels: CrossChannels = np.zeros(moving, self.channels.dtype)
        self._generators: dict[int, np.random.Generator] = {}
        self.cells = np.array(config.interferers), np.array(config.users_per_cell)
        """Interferers and number of users of each cell, as kernels take them."""
        self.blocked: Bool[np.ndarray, "block cell band user"] = np.zeros(tokens, bool)
        """Who has no beam in a band, because its channel is zero or cannot be separated from its cell's others."""
        self.has_blocked = False
        """Whether there has been anybody."""
        self._blocked_gains = blocked_gains(config).astype(dtype)
        numbers = config.num_cells * (1 + links[1]) * config.num_bands * config.num_antennas * config.max_users
        self._at_once = max(1, min(DRAWN_AT_ONCE, DRAWN_BYTES // (numbers * np.dtype(np.complex64).itemsize)))

    def existing(self, rows: np.ndarray | Sequence[int]) -> np.ndarray:
        """Rows as one array.

        Raises:
            ValueError: a row does not exist.
        """
        chosen, num_blocks = np.require(rows, np.int64, ONE_LAYOUT), len(self.gains.signal_gains)
        if chosen.size and not 0 <= chosen.min() <= chosen.max() < num_blocks:
            raise ValueError(f"rows must be within [0, {num_blocks}); got {chosen.tolist()}. Make more blocks, or choose others.")
        return chosen

    def begin(self, rows: np.ndarray, channels: OwnChannels, cross_channels: CrossChannels) -> None:
        """Put given channels into some rows; see `Blocks.begin`."""
        if self.moves:
            raise ValueError(
                f"given channels stay for the whole block; got channel_model {self._config.channel_model!r}, which moves them. "
                "Give channel_model='rayleigh'."
            )
        own, cross = (np.require(array, self.channels.dtype, ONE_LAYOUT) for array in (channels, cross_channels))
        if not np.all(np.isfinite(own)):
            raise ValueError("channels must be finite; got NaN or infinity. Repair the recording.")
        expected = (self._config.num_cells, *self.channels.shape[2:])
        crossing = (*self._config.interferers.shape, *expected[1:])
        if own.shape != (len(rows), *expected) or cross.shape != (len(rows), *crossing):
            raise ValueError(
                f"channels must have shapes {(len(rows), *expected)} and {(len(rows), *crossing)} for {len(rows)} blocks of this "
                f"network; got {own.shape} and {cross.shape}. Stack what draw_channels or split_channels returned."
            )
        self._beamform(rows, own, cross)

    def draw(self, rows: np.ndarray, generators: Sequence[np.random.Generator], begin: Callable[[np.ndarray], None]) -> None:
        """Put channels of the network's model into some rows, one generator each, which `move` goes on with.

        Args:
            rows: Which blocks.
            generators: Sources of randomness.
            begin: Called with the rows that each thread has drawn.
        """
        if self.moves:
            self._generators |= zip(rows.tolist(), generators, strict=True)
        self._change(rows, lambda few: self._model.begin(self._config, generators[few]), begin)

    def move(self, rows: np.ndarray, begin: Callable[[np.ndarray], None]) -> None:
        """Move the channels of some rows to their next slot. Arguments as for `draw`."""

        def moved(few: slice) -> tuple[OwnChannels, CrossChannels]:
            some = rows[few]
            generators = [self._generators[row] for row in some.tolist()]
            return self._model.advance(self._config, generators, self.channels[some], self._cross_channels[some])

        self._change(rows, moved, begin)

    def _change(
        self, rows: np.ndarray, channels_of: Callable[[slice], tuple[OwnChannels, CrossChannels]], begin: Callable[[np.ndarray], None]
    ) -> None:
        def change(some: slice) -> None:
            for first in range(some.start, some.stop, self._at_once):
                few = slice(first, min(first + self._at_once, some.stop))
                self._beamform(rows[few], *channels_of(few))
            begin(rows[some])

        self._share(change, len(rows))

    def _beamform(self, rows: np.ndarray, own: OwnChannels, cross: CrossChannels) -> None:
        outputs = (self.gains.signal_gains, self.inverse_gains, self.gains.cross_gains, self.beamformers, self.blocked)
        if self.has_blocked:
            self.blocked[rows] = False
        with announced(beamform, own.dtype):
            smallest = beamform(rows, own, cross, *self.cells, MIN_SINE, self._blocked_gains, *outputs)
        if not smallest >= MIN_SINE:
            self.has_blocked = True
        if len(self.channels):
            self.channels[rows] = own
        if self.moves:
            self._cross_channels[rows] = cross
