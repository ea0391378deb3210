"""Channels of blocks, and the beams and gains that are made of them: drawn, given, and moved from slot to slot."""

from collections.abc import Callable, Sequence
from copy import deepcopy

import numpy as np
from jaxtyping import Bool, Complex, Float

from multicell_env.channels.amplitudes import Amplitudes
from multicell_env.channels.model import ChannelModel
from multicell_env.channels.registry import model_of
from multicell_env.config import NetworkConfig
from multicell_env.kernels.block import beamform, hear_beams
from multicell_env.kernels.running import ONE_LAYOUT, aligned_zeros, announced
from multicell_env.model.beamforming import MIN_SINE
from multicell_env.model.types import CrossChannels, Gains, OwnChannels, Powers
from multicell_env.scheduling.served import ServedUsers

Share = Callable[[Callable[[slice], None], int], None]
DRAWN_AT_ONCE = 64
"""Most blocks that are drawn together, which spreads the cost of a call."""
DRAWN_BYTES = 2**20
"""Bytes of channels that are drawn together, unless it is one block: few enough to stay in the cache."""
DRAWN_BY_CELL = 2**27
"""Bytes of channels of one block, beyond which those into a cell are drawn, used and forgotten before the next cell's."""
BLOCKED = 1e-9
"""Gain of a user that has no beam, over its cell's mean gain or over what the noise is at nominal power, whichever is less."""


def blocked_gains(config: NetworkConfig) -> Float[np.ndarray, " cell"]:
    """What stands for the gain of a user without a beam: so little that no power is worth anything there, and that nothing overflows."""
    return BLOCKED * np.minimum(config.own_gains, 1.0 / config.nominal_powers)


class Links:
    """What base stations and users of a batch of blocks are to each other.

    Channels are those of all users; beams and gains those of the users that are served, who are others in every slot where the network has
    a schedule.

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
        self._config, self._share, self._composition = config, share, model_of(config, channels)
        self._model = self._composition.model
        self.served = ServedUsers.of(config, num_blocks)
        """Who is served; None where all are."""
        self._channels_move = self._composition.moves
        self.moves = self._channels_move or self.served is not None
        """Whether beams and gains change between slots."""
        self._slot = config.slot_network
        dtype = np.dtype(config.dtype)
        tokens, links = (num_blocks, config.num_cells, config.num_bands, self._slot.max_users), config.interferers.shape
        # Where beams leak into their own cell, it is the last of those that reach its users; a beam's gain to its own user is 0 there.
        cells = [np.arange(config.num_cells)[:, None]] if self._composition.leaks else []
        interferers = np.concatenate([config.interferers, *cells], axis=1)
        cross_gains = aligned_zeros((num_blocks, *interferers.shape, config.num_bands, *tokens[3:] * 2), dtype)
        self.gains = Gains(np.ones(tokens, dtype), cross_gains, interferers)
        self.inverse_gains: Powers = np.ones(tokens, dtype)
        """1 / signal gain."""
        of_link = (config.num_bands, config.num_antennas, config.max_users)
        kept = num_blocks if keep_channels or self.moves else 0
        self.channels: OwnChannels = np.zeros((kept, config.num_cells, *of_link[:2], tokens[3]), np.result_type(dtype, np.complex64))
        """What base stations know of the channels to the users that they serve."""
        self.beamformers: Complex[np.ndarray, "block cell band antenna user"] = np.zeros_like(self.channels)
        shapes = ((config.num_cells, *of_link), (*links, *of_link))
        is_plain = self._composition.is_plain

        def room(num_rows: int, shape: tuple[int, ...]) -> np.ndarray:
            return np.zeros((num_rows, *shape), self.channels.dtype)

        moving = num_blocks if self._channels_move else 0
        own = self.channels if is_plain and self.served is None else room(moving, shapes[0])
        self._moved: tuple[OwnChannels, CrossChannels] = own, room(moving, shapes[1])
        """What the model gave for the running slot, where channels move."""
        staying = num_blocks if self.served is not None and not moving else 0
        own, cross, known = (room(staying, shapes[link]) for link in (0, 1, 0))
        self._received: tuple[OwnChannels, CrossChannels, OwnChannels] = own, cross, known
        """What is received, and known, where channels stay and others are served in the next slot."""
        placed = num_blocks if self._composition.has_amplitudes else 0
        self._amplitudes = Amplitudes(*(np.zeros((placed, *shape[:-3], config.max_users), dtype) for shape in shapes))
        self._generators: dict[int, np.random.Generator] = {}
        self.cells = interferers, np.array(self._slot.users_per_cell)
        """Interferers and number of users of each cell, as kernels take them."""
        self.blocked: Bool[np.ndarray, "block cell band user"] = np.zeros(tokens, bool)
        """Who has no beam in a band, because its channel is zero or cannot be separated from its cell's others."""
        self.has_blocked = False
        """Whether there has been anybody."""
        self._blocked_gains = blocked_gains(config).astype(dtype)
        numbers = config.num_cells * (1 + links[1]) * config.num_bands * config.num_antennas * config.max_users
        drawn = numbers * np.dtype(np.complex64).itemsize
        self._by_cell = drawn > DRAWN_BY_CELL and is_plain and not self.moves and hasattr(self._model, "begin_by_cell")
        self._at_once = max(1, min(DRAWN_AT_ONCE, DRAWN_BYTES // drawn))

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
        if self._channels_move:
            raise ValueError(
                f"given channels stay for the whole block; got channel_model {self._config.channel_model!r}, which moves them. "
                "Give channel_model='rayleigh'."
            )
        if not self._composition.is_plain:
            raise ValueError(
                f"given channels are what is received, and known; got channel_model {self._config.channel_model!r}, which lays something "
                "over channels. Give channel_model='rayleigh'."
            )
        own, cross = (np.require(array, self.channels.dtype, ONE_LAYOUT) for array in (channels, cross_channels))
        if not np.all(np.isfinite(own)):
            raise ValueError("channels must be finite; got NaN or infinity. Repair the recording.")
        expected = (self._config.num_cells, self._config.num_bands, self._config.num_antennas, self._config.max_users)
        crossing = (*self._config.interferers.shape, *expected[1:])
        if own.shape != (len(rows), *expected) or cross.shape != (len(rows), *crossing):
            raise ValueError(
                f"channels must have shapes {(len(rows), *expected)} and {(len(rows), *crossing)} for {len(rows)} blocks of this "
                f"network; got {own.shape} and {cross.shape}. Stack what draw_channels or split_channels returned."
            )
        self.forget(rows)
        self._lay_over(rows, [], own, cross)

    def draw(self, rows: np.ndarray, generators: Sequence[np.random.Generator], begin: Callable[[np.ndarray], None]) -> None:
        """Put channels of the network's model into some rows, one generator each, which `move` goes on with.

        Args:
            rows: Which blocks.
            generators: Sources of randomness.
            begin: Called with the rows that each thread has drawn.

        Raises:
            ValueError: there is not one generator for each row.
        """
        if len(generators) != len(rows):
            raise ValueError(f"there must be one generator for each row; got {len(generators)} for {len(rows)} rows. Give as many.")
        if self._channels_move:
            self._generators |= zip(rows.tolist(), generators, strict=True)
        self.forget(rows)
        if self._by_cell:
            self._share(lambda some: self._begin_by_cell(rows[some], generators[some], begin), len(rows))
            return

        def begun(few: slice) -> None:
            some, own_generators = rows[few], generators[few]
            own, cross = self._model.begin(self._config, own_generators)
            if self._composition.has_amplitudes:
                amplitudes = self._composition.amplitudes(self._config, own_generators, own, cross)
                for kept, new in zip(self._amplitudes, amplitudes, strict=True):
                    kept[some] = new
            self._lay_over(some, own_generators, own, cross)

        self._change(rows, begun, begin)

    def move(self, rows: np.ndarray, begin: Callable[[np.ndarray], None]) -> None:
        """Move the channels of some rows to their next slot, and serve those whose turn it is. Arguments as for `draw`."""

        def moved(few: slice) -> None:
            some = rows[few]
            if not self._channels_move:
                own, cross, known = (channels[some] for channels in self._received)
                self._serve(some, own, cross, known)
                return
            generators = [self._generators[row] for row in some.tolist()]
            own, cross = (channels[some] for channels in self._moved)
            state = own, cross, self._amplitudes_of(some)
            self._lay_over(some, generators, *self._composition.advance(self._config, generators, *state))

        self._change(rows, moved, begin)

    def ahead(self, slots_left: np.ndarray) -> tuple[Powers, Float[np.ndarray, "block slot cell interferer band tx_user user"]]:
        """Signal and cross gains of the running slot and of those to come, as `move` will make them; nothing moves here.

        Args:
            slots_left: Of each block, with the running one; entries past the last slot repeat it.
        """
        copied, kept = deepcopy(self), []
        for slot in range(max(1, int(slots_left.max(initial=1)))):
            if slot:
                copied.move(np.flatnonzero(slots_left > slot), lambda rows: None)
            kept.append((copied.gains.signal_gains.copy(), copied.gains.cross_gains.copy()))
        signal, cross = zip(*kept, strict=True)
        return np.stack(signal, axis=1), np.stack(cross, axis=1)

    def _change(self, rows: np.ndarray, change: Callable[[slice], None], begin: Callable[[np.ndarray], None]) -> None:
        def change_some(some: slice) -> None:
            for first in range(some.start, some.stop, self._at_once):
                change(slice(first, min(first + self._at_once, some.stop)))
            begin(rows[some])

        self._share(change_some, len(rows))

    def forget(self, rows: np.ndarray | slice) -> None:
        """Nobody in these rows has had anything, where users are served in turn."""
        if self.served is not None:
            self.served.begin(rows)

    def _lay_over(self, rows: np.ndarray, generators: Sequence[np.random.Generator], own: OwnChannels, cross: CrossChannels) -> None:
        """Make beams and gains of what the model gave for some rows."""
        if self._channels_move:
            for kept, given in zip(self._moved, (own, cross), strict=True):
                kept[rows] = given
        if not self._composition.is_plain:
            own, cross = self._composition.laid_over(own, cross, self._amplitudes_of(rows))
        known = self._composition.estimate(generators, own)
        if len(self._received[0]):
            for kept, given in zip(self._received, (own, cross, known), strict=True):
                kept[rows] = given
        self._serve(rows, own, cross, known)

    def _serve(self, rows: np.ndarray, own: OwnChannels, cross: CrossChannels, known: OwnChannels) -> None:
        """Make beams and gains for those who are served.

        Args:
            rows: Which blocks.
            own: Channels to the own users, as they are received.
            cross: Channels from the interferers.
            known: What base stations know of the channels to the own users.
        """
        if self.served is not None:
            self.served.choose(rows, known)
            own, cross, known = (self.served.in_places(rows, channels) for channels in (own, cross, known))
        if not self._composition.leaks:
            self._beamform(rows, known, cross)
            return
        self._beamform(rows, known, np.concatenate([cross, own[:, :, None]], axis=2))
        # The own cell's beams at its users, as one more interferer: each user's own beam is its signal.
        leaks, least = self.gains.cross_gains[rows, :, -1], self._blocked_gains[:, None, None]
        signal = np.where(self.blocked[rows], least, np.maximum(np.diagonal(leaks, axis1=-2, axis2=-1), least))
        signal = np.where(self._slot.user_mask[:, None], signal, signal.dtype.type(1.0))
        self.gains.signal_gains[rows], self.inverse_gains[rows] = signal, 1.0 / signal
        self.gains.cross_gains[rows, :, -1] = leaks * (1.0 - np.eye(leaks.shape[-1], dtype=leaks.dtype))

    def _amplitudes_of(self, rows: np.ndarray) -> Amplitudes | None:
        return Amplitudes(*(kept[rows] for kept in self._amplitudes)) if self._composition.has_amplitudes else None

    def _begin_by_cell(self, rows: np.ndarray, generators: Sequence[np.random.Generator], begin: Callable[[np.ndarray], None]) -> None:
        """What `_beamform` makes of a draw, with the channels into one cell at a time."""
        interferers, num_users = self.cells
        nobody = np.zeros((len(interferers), 0), np.int64)
        for row, generator in zip(rows.tolist(), generators, strict=True):
            own, crossings = self._model.begin_by_cell(self._config, generator)  # pyright: ignore[reportAttributeAccessIssue]
            one, beams, blocked = slice(row, row + 1), np.zeros_like(own)[None], self.blocked[row]
            blocked[:] = False
            cross_gains, none = self.gains.cross_gains[one], np.ascontiguousarray(own[None, :, None][:, :, :0])
            outputs = (self.gains.signal_gains[one], self.inverse_gains[one], cross_gains, beams, blocked[None])
            with announced(beamform, own.dtype):
                first = np.zeros(1, np.int64)
                smallest = beamform(first, own[None], none, nobody, num_users, MIN_SINE, self._blocked_gains, *outputs)
            for cell, crossing in enumerate(crossings):
                with announced(hear_beams, own.dtype):
                    hear_beams(crossing, interferers[cell], beams[0], cross_gains[0, cell])
            if not smallest >= MIN_SINE:
                self.has_blocked = True
                np.copyto(cross_gains[0], 0.0, where=blocked[:, None, :, None])
            if len(self.channels):
                self.channels[row], self.beamformers[row] = own, beams[0]
        begin(rows)

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
