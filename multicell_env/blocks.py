"""Blocks being played: the state of the game and the law of one slot, for any number of blocks side by side."""

import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from threading import Timer
from typing import Any, Literal, NamedTuple

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Complex, Float, Int

from multicell_env.beamforming import MIN_SINE, Array, Gains, refuse_inseparable
from multicell_env.block_kernel import beamform
from multicell_env.channel import CrossChannels, OwnChannels, draw_many
from multicell_env.config import NetworkConfig
from multicell_env.interference import Powers, ingr, sum_rates
from multicell_env.slot_kernel import CACHE_LINE, LOG_LIMIT, play_slots
from multicell_env.threads import Team
from multicell_env.waterfilling import believed_ingr, negotiate, opening_powers

DRAWN_AT_ONCE = 64
"""Most blocks that are drawn together, which spreads the cost of a call."""
DRAWN_BYTES = 2**20
"""Bytes of channels that are drawn together, unless it is one block: few enough to stay in the cache."""
ONE_LAYOUT: Any = ["C", "W"]
"""How arrays enter a kernel: numba would compile another one for arrays that are read-only or in another order."""
CACHED_GAINS = 2**21
"""Bytes of cross gains that a second-level cache keeps from slot to slot; for more, asking ahead pays even where the third level does."""
WORTH_ASKING = 16
"""Bytes of gains of a user in a band for each iteration; with fewer, a slot's arithmetic takes so long that waiting for them is little."""
NOT_BEGUN = -1
"""`Blocks.slots_left` where no block has begun."""
PATIENCE = 2.0
"""Seconds of compiling before a line says so."""
PARTS_PER_THREAD = 16
"""Parts that a thread plays its blocks in; others take what is left when they are done."""


class Report(NamedTuple):
    """Where a slot writes what is told of it."""

    static_planes: Float[np.ndarray, "block cell static_plane band user"]
    """What does not change from slot to slot, float32; read."""
    observations: Float[np.ndarray, "block cell plane band user"]
    """These planes, then `log_ingr` and `log_budget`; float32."""
    powers: Powers
    """Final ones, in sigma^2."""


_NOWHERE = {
    dtype: Report(np.zeros((0, 0, 0, 0, 0), np.float32), np.zeros((0, 0, 0, 0, 0), np.float32), np.zeros((0, 0, 0, 0), dtype))
    for dtype in (np.float32, np.float64)
}
"""A report that is not asked for."""


class Blocks:
    """A batch of independent blocks of one network, and what has happened in them so far.

    All arrays begin with the block and are of `config.dtype`. Before the first slot of a block nobody transmits, so the INGR is
    sigma^2 / signal gain and the budget is nominal.

    Args:
        config: The network.
        num_blocks: How many blocks there is room for; `begin` starts them.
        keep_channels: Whether to keep channels and beamformers, which the game itself does not need; they are empty otherwise.
        num_threads: Threads that share the blocks; what they compute does not depend on their number.
    """

    def __init__(self, config: NetworkConfig, num_blocks: int, *, keep_channels: bool = False, num_threads: int = 1) -> None:
        self.config = config
        num_blocks = int(num_blocks)  # another type of integer would have another kernel compiled
        self.team = Team(num_threads)
        dtype = np.dtype(config.dtype)
        tokens = (num_blocks, config.num_cells, config.num_bands, config.max_users)
        signal_gains = np.ones(tokens, dtype)
        cross_gains = _aligned_zeros((*tokens[:2], config.interferers.shape[1], config.num_bands, *[config.max_users] * 2), dtype)
        self.gains = Gains(signal_gains, cross_gains, config.interferers)
        self.inverse_gains: Powers = np.ones(tokens, dtype)
        """1 / signal gain: the INGR where nobody interferes."""
        kept = (num_blocks if keep_channels else 0, *tokens[1:3], config.num_antennas, config.max_users)
        self.channels: OwnChannels = np.zeros(kept, np.result_type(dtype, np.complex64))
        self.beamformers: Complex[np.ndarray, "block cell band antenna user"] = np.zeros_like(self.channels)
        self.powers: Powers = np.zeros(tokens, dtype)
        self.ingr: Powers = np.ones(tokens, dtype)
        self.log_ingr: Powers = np.zeros(tokens, dtype)
        """log10 of the INGR over p0, within `LOG_LIMIT`."""
        self.log_budget: Float[np.ndarray, "block cell"] = np.zeros(tokens[:2], dtype)
        """log10 of the power budget over nominal."""
        self.power_budget: Float[np.ndarray, "block cell"] = np.tile(config.nominal_budgets.astype(dtype), (num_blocks, 1))
        """P_b(t) of the coming slot (5), in sigma^2."""
        self.slots_left: Int[np.ndarray, " block"] = np.full(num_blocks, NOT_BEGUN)
        """Slots of the block that are still to be played, T - t + 1 before slot t; 0 after the last one, `NOT_BEGUN` before `begin`."""
        nominal, unit = config.nominal_budgets.astype(dtype), dtype.type(config.power_unit)
        log_nominal = np.log10(config.nominal_powers)
        self._log_nominal = log_nominal[:, None, None]
        self._cells = tuple(np.array(numbers) for numbers in (config.interferers, config.users_per_cell))
        self._rules = (self.inverse_gains, cross_gains, *self._cells, nominal, log_nominal.astype(dtype), unit)
        self._state = (self.slots_left, self.power_budget, self.powers, self.ingr, self.log_ingr, self.log_budget)
        self._damping = np.full((*tokens[:2], tokens[3]), config.damping, dtype)
        self._first_blocks = num_blocks * np.arange(num_threads) // num_threads
        self._at_once = num_blocks if num_threads == 1 else max(1, num_blocks // (PARTS_PER_THREAD * num_threads))

    @classmethod
    def of(cls, config: NetworkConfig, channels: OwnChannels, cross_channels: CrossChannels) -> "Blocks":
        """Blocks on given channels, from `draw_channels` or `split_channels` and stacked, ready for their first slot.

        Raises:
            ValueError: zero-forcing cannot separate the users of a cell.
        """
        blocks = cls(config, len(channels), keep_channels=True)
        blocks.begin(np.arange(len(channels)), channels, cross_channels)
        return blocks

    def __len__(self) -> int:
        return len(self.powers)

    @property
    def user_budgets(self) -> Float[np.ndarray, "block cell user"]:
        """What each user may spend in the coming slot, P_b(t)/U_b (14), in sigma^2."""
        return self.config.split_among_users(self.power_budget)

    def begin(self, rows: np.ndarray | Sequence[int], channels: OwnChannels, cross_channels: CrossChannels) -> None:
        """Start new blocks in some rows.

        Args:
            rows: Which blocks.
            channels: Own channels of each, from `draw_channels` or `split_channels`.
            cross_channels: Channels from the interferers, from the same.

        Raises:
            ValueError: the channels have another shape, a row does not exist, or zero-forcing cannot separate the users of a cell (then
                only the gains of these rows have changed).
        """
        chosen = self._existing(rows)
        own, cross = (np.require(array, self.channels.dtype, ONE_LAYOUT) for array in (channels, cross_channels))
        expected = self.config.num_cells, self.config.num_bands, self.config.num_antennas, self.config.max_users
        crossing = (expected[0], self.config.interferers.shape[1], *expected[1:])
        if own.shape != (len(chosen), *expected) or cross.shape != (len(chosen), *crossing):
            raise ValueError(
                f"channels must have shapes {(len(chosen), *expected)} and {(len(chosen), *crossing)} for {len(chosen)} blocks of this "
                f"network; got {own.shape} and {cross.shape}. Stack what draw_channels or split_channels returned."
            )
        self._beamform(chosen, own, cross)
        self.restart(chosen)

    def draw(self, rows: np.ndarray | Sequence[int], generators: Sequence[np.random.Generator]) -> None:
        """Start new blocks in some rows on Rayleigh channels; each is what its own generator gives, whatever the others are.

        Raises:
            ValueError: a row does not exist, or there is not one generator for each.
        """
        chosen = self._existing(rows)
        if len(generators) != len(chosen):
            raise ValueError(f"there must be one generator for each row; got {len(generators)} for {len(chosen)} rows. Give as many.")
        links = self.powers[0].size * (1 + self.config.interferers.shape[1]) * self.config.num_antennas
        at_once = max(1, min(DRAWN_AT_ONCE, DRAWN_BYTES // (links * np.dtype(np.complex64).itemsize)))

        def draw(some: slice) -> None:
            for first in range(some.start, some.stop, at_once):
                few = slice(first, min(first + at_once, some.stop))
                self._beamform(chosen[few], *draw_many(self.config, generators[few], in_passing=True))
            self.restart(chosen[some])

        self.team.share(draw, len(chosen))

    def _existing(self, rows: np.ndarray | Sequence[int]) -> np.ndarray:
        chosen = np.require(rows, np.int64, ONE_LAYOUT)
        if chosen.size and not 0 <= chosen.min() <= chosen.max() < len(self):
            raise ValueError(f"rows must be within [0, {len(self)}); got {chosen.tolist()}. Make more blocks, or choose others.")
        return chosen

    def _beamform(self, rows: np.ndarray, own: OwnChannels, cross: CrossChannels) -> None:
        outputs = (self.gains.signal_gains, self.inverse_gains, self.gains.cross_gains, self.beamformers)
        with _announced(beamform, own.dtype):
            smallest = beamform(rows, own, cross, *self._cells, *outputs)
        if not smallest >= MIN_SINE:
            refuse_inseparable(smallest)
        if len(self.channels):
            self.channels[rows] = own

    def restart(self, rows: np.ndarray | slice = slice(None)) -> None:
        """Go back to before the first slot, on the same channels."""
        self.slots_left[rows] = self.config.num_slots
        self.powers[rows] = 0.0
        self.ingr[rows] = self.inverse_gains[rows]
        self.log_ingr[rows] = (np.log10(self.inverse_gains[rows]) - self._log_nominal).clip(-LOG_LIMIT, LOG_LIMIT)
        self.power_budget[rows] = self.config.nominal_budgets
        self.log_budget[rows] = 0.0

    def play_slot(
        self,
        actions: Float[np.ndarray, "block cell *plane band user"],
        *,
        num_iterations: int | None = None,
        forward_looking: bool = True,
        transmit: bool = True,
        report: Report | None = None,
    ) -> Float[np.ndarray, "block cell"]:
        """Play one slot: open with the given powers, negotiate k iterations, transmit, roll over what is unspent.

            P_b(t + 1) = P_b(t) + (P_b(t) - spent in slot t) / (T - t)                  (5)

        which is (5) with the sum over the past slots taken slot by slot.

        Args:
            actions: Opening move as fractions of each user's slot budget, finite. Entries outside [0, 1] are clipped; a user
                whose fractions sum to more than 1 is scaled down to 1. Actions of two planes `[block, cell, 2, band, user]` have the
                fractions in the first; the mean of the second over the bands is the user's damping, instead of the network's own.
            num_iterations: k, the network's own by default.
            forward_looking: True is FLWF, False is IWF.
            transmit: False negotiates and measures only: no energy is spent, and no slot is used up.
            report: Where to write observations and powers, from an `Observer` of these blocks; nowhere by default.

        Returns:
            Sum rate of each cell (18), bit/s/Hz.

        Raises:
            ValueError: the actions or the report have another shape.
        """
        dtype, tokens = self.powers.dtype, self.powers.shape
        number = dtype.type
        if actions.shape != tokens and actions.shape != (*tokens[:2], 2, *tokens[2:]):
            raise ValueError(f"actions must have shape {tokens}; got {actions.shape}. Give [block, cell, band, user], or two such planes.")
        if actions.dtype != dtype:
            actions = np.minimum(np.maximum(actions, 0.0), 1.0)  # first, because what is large in float64 is infinite in float32
        fits = actions.dtype == dtype and actions.flags.carray
        planes = actions if fits else np.require(actions, dtype, ONE_LAYOUT)  # which takes a microsecond to see that
        if planes.ndim == len(tokens):
            opening, damping = planes, self._damping
        else:
            opening, damping = np.ascontiguousarray(planes[:, :, 0]), planes[:, :, 1].clip(0.0, 1.0).mean(axis=-2)
        rates = np.empty(tokens[:2], dtype)
        k = self.config.num_iterations if num_iterations is None else num_iterations
        if report is not None and report.powers.shape != tokens:
            raise ValueError(f"a report must be for {tokens}; got {report.powers.shape}. Give what an Observer of these blocks returned.")
        shown = _NOWHERE[number] if report is None else report
        ask_ahead = self._ask_ahead(k)
        reads = (opening, damping, *self._rules, k, float(forward_looking), bool(transmit), ask_ahead, shown.static_planes)
        writes = (*self._state, rates, shown.observations, shown.powers)
        next_blocks = self._first_blocks.copy()

        def play(thread: int) -> None:
            play_slots(next_blocks, self._at_once, thread, *reads, *writes)

        if (play_slots, number, ask_ahead) in _ready:
            self.team.together(play, tokens[0])
        else:
            with _announced(play_slots, number, ask_ahead):
                self.team.together(play, tokens[0])
        return rates

    def _ask_ahead(self, k: int) -> Literal[True] | None:
        """Whether a block's gains are asked for during the block before. Without negotiation there is nothing to do while they come."""
        size = self.gains.cross_gains.nbytes
        return True if k > 0 and size > CACHED_GAINS and size >= WORTH_ASKING * self.powers.size * (k + 2) else None

    def preview(self, actions: Float[np.ndarray, "block cell *plane band user"], num_iterations: int) -> tuple[Powers, Powers]:
        """Powers, in sigma^2, and INGR (7) after so many iterations of the coming slot; nothing is played.

        Args:
            actions: Opening move, as `play_slot` takes it.
            num_iterations: How far the negotiation goes.
        """
        scratch = copy(self)  # which shares the gains
        copies = {id(array): array.copy() for array in self._state}
        scratch._state = tuple(copies.values())
        scratch.play_slot(actions, num_iterations=num_iterations, transmit=False)
        return copies[id(self.powers)], copies[id(self.ingr)]

    def foresee_slot(self, actions: Float[Array, "block cell *plane band user"], *, predicted: bool = False) -> Float[Array, "block cell"]:
        """What `play_slot` would return for the same actions, by the readable equations; nothing is played.

        Computed in the library of the actions: a torch tensor brings the gradients of the rates back to it.

        Args:
            actions: Opening move, as `play_slot` takes it.
            predicted: Rates as users predict them in the last iteration, with c^B (9), instead of those that they get.
        """
        xp, dtype = array_namespace(actions), self.powers.dtype
        # A copy of what the configuration keeps read-only, which torch would warn of.
        gains = Gains(
            xp.asarray(self.gains.signal_gains), xp.asarray(self.gains.cross_gains), xp.asarray(self.gains.interferers, copy=True)
        )
        budgets = xp.asarray(self.user_budgets.astype(dtype))
        actions, damping = xp.astype(actions, budgets.dtype), self.config.damping
        if self.config.damping_in_action:
            actions, damping = actions[:, :, 0], xp.mean(xp.clip(actions[:, :, 1], min=0.0, max=1.0), axis=-2)
        last, k = opening_powers(actions, budgets), self.config.num_iterations
        if not predicted or k == 0:
            powers = negotiate(last, gains, budgets, k, damping=damping)
            return sum_rates(powers, ingr(powers, gains))
        last = negotiate(last, gains, budgets, k - 1, damping=damping)
        powers = negotiate(last, gains, budgets, 1, damping=damping)
        return sum_rates(powers, believed_ingr(powers, last, ingr(last, gains), gains.signal_gains))

    def hold(self) -> Float[np.ndarray, "block cell *plane band user"]:
        """The action that opens with the last powers, as far as the coming slot's budget allows: fractions of it, summing to at most 1.

        The negotiation goes on from there: with `damping_in_action`, undamped.
        """
        budgets = self.user_budgets[..., None, :]
        spent = np.maximum(budgets, self.powers.sum(axis=-2, keepdims=True))
        fractions = np.divide(self.powers, spent, out=np.zeros(self.powers.shape), where=spent > 0)
        return np.stack([fractions, np.zeros_like(fractions)], axis=2) if self.config.damping_in_action else fractions


def _aligned_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Zeros that begin where a cache line does: vectors that lie across two lines cost an iteration with 16 users a tenth more.

    A copy may begin elsewhere, and is as right.
    """
    size = math.prod(shape) * dtype.itemsize
    room = np.zeros(size + CACHE_LINE, np.uint8)
    first = -room.ctypes.data % CACHE_LINE
    return room[first : first + size].view(dtype).reshape(shape)


_ready: set[Any] = set()
"""What has been called in this process: kernels and the types that each is compiled for."""


@contextmanager
def _announced(kernel: Any, *types: Any) -> Iterator[None]:
    """Says what is happening where the first call of a kernel takes long, because it is compiled."""
    if (kernel, *types) in _ready:
        yield
        return
    message = f"multicell_env: compiling {kernel.__name__} (once; the next process finds it) ..."
    timer = Timer(PATIENCE, print, [message], {"file": sys.stderr})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    _ready.add((kernel, *types))
