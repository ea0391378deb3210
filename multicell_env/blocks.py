"""Blocks being played: the state of the game and the law of one slot, for any number of blocks side by side."""

import math
from collections.abc import Sequence
from copy import copy

import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from multicell_env.channels.model import ChannelModel
from multicell_env.config import Negotiation, NetworkConfig
from multicell_env.kernels.arrays import NO_OUTPUTS, WRITTEN, BlockArrays, FairnessArrays, PriceArrays, SlotOutputs, victims_of
from multicell_env.kernels.running import MEASURES, BlockRunner, as_opening
from multicell_env.kernels.steps import LOG_LIMIT
from multicell_env.links import Links
from multicell_env.model.interference import ingr
from multicell_env.model.pricing import PRICE_OFFSET, TILT_DECADES, prices
from multicell_env.model.types import CrossChannels, Gains, OwnChannels, Powers
from multicell_env.model.user_rates import UserRates

NOT_BEGUN = -1
"""`Blocks.slots_left` where no block has begun."""


class Blocks:
    """A batch of independent blocks of one network, and what has happened in them so far.

    All arrays begin with the block and are of `config.dtype`. Before the first slot of a block nobody transmits, so the INGR is
    sigma^2 / signal gain and the budget is nominal.

    Args:
        config: The network.
        num_blocks: How many blocks there is room for; `begin` starts them.
        keep_channels: Whether to keep channels and beamformers, which the game itself needs only where channels move; they are empty
            otherwise.
        num_threads: Threads that share the blocks; what they compute does not depend on their number.
        channels: Where `draw` takes channels from, in place of the model that the network names.

    Raises:
        ValueError: there is no channel model of the network's name, or the network names one beside `channels`.
    """

    def __init__(
        self,
        config: NetworkConfig,
        num_blocks: int,
        *,
        keep_channels: bool = False,
        num_threads: int = 1,
        channels: ChannelModel | None = None,
    ) -> None:
        self.network = config
        """The network with all of its users."""
        self.config = config = config.slot_network
        """What a slot is played on: the network of those who are served."""
        num_blocks = int(num_blocks)  # another type of integer would have another kernel compiled
        self.runner = BlockRunner(num_blocks, num_threads)
        dtype = np.dtype(config.dtype)
        tokens = (num_blocks, config.num_cells, config.num_bands, config.max_users)
        self.links = links = Links(self.network, num_blocks, self.runner.threads.share, keep_channels=keep_channels, channels=channels)
        """Channels, and the beams and gains that are made of them."""
        self.moves = links.moves
        """Whether channels, or who is served, change between slots."""
        self.served = links.served
        """Who is served in each slot, and what all users have had; None where all are served."""
        self.restarts = links.moves if config.restart is None else config.restart
        """Whether every slot begins without powers."""
        self.gains: Gains = links.gains
        self.inverse_gains: Powers = links.inverse_gains
        """1 / signal gain: the INGR where nobody interferes."""
        self.channels: OwnChannels = links.channels
        self.beamformers: Complex[np.ndarray, "block cell band antenna user"] = links.beamformers
        self.powers: Powers = np.zeros(tokens, dtype)
        self.ended_powers: Powers = np.zeros(tokens if self.restarts else (0, *tokens[1:]), dtype)
        """Powers that the last slot ended with, where the next slot begins without any."""
        self.ingr: Powers = np.ones(tokens, dtype)
        self.log_ingr: Powers = np.zeros(tokens, dtype)
        """log10 of the INGR over p0, within `LOG_LIMIT`."""
        self.prices: Powers = np.zeros(tokens, dtype)
        """What a unit of power on each beam costs the users of other cells, in nats per sigma^2; where `hears_prices`, 0 otherwise."""
        self.measured_ingr, self.measured_log_ingr, self.measured_prices = self.ingr, self.log_ingr, self.prices
        """What base stations take for these: the same arrays unless measurements have errors, and then what `measure` made of them."""
        self.leakage_errors: Powers = np.ones(tokens if config.measurement_error_db > 0.0 else (num_blocks, 1, 1, 1), dtype)
        """What leakage is measured as, over what it is."""
        if config.measurement_error_db > 0.0:
            self.measured_ingr, self.measured_log_ingr, self.measured_prices = np.ones(tokens, dtype), *np.zeros((2, *tokens), dtype)
        self.user_rates: UserRates | None = UserRates(config, num_blocks) if config.fairness > 0.0 else None
        """Rates of every user that is served so far, and what they count in prices; None where all count alike."""
        self.log_budget: Float[np.ndarray, "block cell"] = np.zeros(tokens[:2], dtype)
        """log10 of the power budget over nominal."""
        self.power_budget: Float[np.ndarray, "block cell"] = np.tile(config.nominal_budgets.astype(dtype), (num_blocks, 1))
        """P_b(t) of the coming slot (5), in sigma^2."""
        self.slots_left: Int[np.ndarray, " block"] = np.full(num_blocks, NOT_BEGUN)
        """Slots of the block that are still to be played, T - t + 1 before slot t; 0 after the last one, `NOT_BEGUN` before `begin`."""
        self.rounds: Int[np.ndarray, " block"] = np.zeros(num_blocks, np.int64)
        """Rounds of the running slot that have been played."""
        self.hears_prices = config.negotiation == "pricing" or config.action == "price"
        """Whether every round ends with prices heard, which costs time."""
        log_nominal = np.log10(config.nominal_powers)
        self._log_nominal = log_nominal[:, None, None]
        constants = (config.nominal_budgets.astype(dtype), log_nominal.astype(dtype), dtype.type(config.power_unit))
        state = (self.slots_left, self.rounds, self.power_budget, self.powers, self.ingr, self.log_ingr, self.log_budget)
        victims = victims_of(links.gains.interferers, config.num_bands * config.max_users**2)
        self._victims = (*victims, config.nominal_powers.astype(dtype))
        self._pricing: dict[tuple[bool, bool], PriceArrays] = {}
        self._arrays = BlockArrays(self.inverse_gains, links.gains.cross_gains, *links.cells, *constants, *state)
        self._damping = np.full((*tokens[:2], tokens[3]), config.damping, dtype)

    @classmethod
    def of(cls, config: NetworkConfig, channels: OwnChannels, cross_channels: CrossChannels) -> "Blocks":
        """Blocks on given channels, from `draw_channels` or `split_channels` and stacked, ready for their first slot."""
        blocks = cls(config, len(channels), keep_channels=True)
        blocks.begin(np.arange(len(channels)), channels, cross_channels)
        return blocks

    def __len__(self) -> int:
        return len(self.powers)

    @property
    def blocked(self) -> Bool[np.ndarray, "block cell band user"]:
        """Who has no beam in a band; see `multicell_env.model.beamforming.served_users`."""
        return self.links.blocked

    def radiated(self, powers: Powers) -> Powers:
        """Powers that leave an antenna: none where a user has no beam, whose share of the budget is set aside and not given to others."""
        return np.where(self.blocked, powers.dtype.type(0.0), powers) if self.links.has_blocked else powers

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
            ValueError: the channels have another shape or are not finite, a row does not exist, or the network's channels move.
        """
        chosen = self.links.existing(rows)
        self.links.begin(chosen, channels, cross_channels)
        self.restart(chosen)

    def draw(self, rows: np.ndarray | Sequence[int], generators: Sequence[np.random.Generator]) -> None:
        """Start new blocks in some rows on channels of the network's model; each is what its own generator gives, whatever the others are.

        Where channels move, `advance` goes on with the same generators.

        Raises:
            ValueError: a row does not exist, or there is not one generator for each.
        """
        self.links.draw(self.links.existing(rows), generators, self.restart)

    def advance(self) -> Int[np.ndarray, " moved"]:
        """Begin the next slot of every block that is between two, to be called once after every round; channels may move.

        Beams and gains are then those of the new channels. Where slots restart, each begins anew, as the first one does: nobody transmits,
        the INGR is sigma^2 / signal gain and prices are 0. Otherwise the last powers stay, and INGR (7) and prices are what they make of
        the new gains. Budgets and the number of slots that are left stay.

        Returns:
            The rows of these blocks; none where channels stay and slots go on.
        """
        if not self.moves and not self.restarts:
            return np.empty(0, np.int64)
        moved = np.flatnonzero((self.rounds == 0) & (self.slots_left > 0) & (self.slots_left < self.config.num_slots))
        if self.restarts:
            self.ended_powers[moved] = self.powers[moved]
        begin = self._silence if self.restarts else self._hear_again
        if self.moves:
            self.links.move(moved, begin)
        else:
            begin(moved)
        return moved

    def _hear_again(self, rows: np.ndarray) -> None:
        """INGR and prices of the powers that are there, on the gains as they are now."""
        gains = Gains(self.gains.signal_gains[rows], self.gains.cross_gains[rows], self.gains.interferers)
        self.ingr[rows] = ingr(self.powers[rows], gains)
        self.log_ingr[rows] = (np.log10(self.ingr[rows]) - self._log_nominal).clip(-LOG_LIMIT, LOG_LIMIT)
        if self.user_rates is not None:
            self.user_rates.hear(rows, self.powers[rows], self.ingr[rows])
        if self.hears_prices:
            self.prices[rows] = prices(self.powers[rows], gains, None if self.user_rates is None else self.user_rates.weights[rows])

    def restart(self, rows: np.ndarray | slice = slice(None)) -> None:
        """Go back to before the first slot, on the channels as they are now."""
        self.slots_left[rows] = self.config.num_slots
        self.rounds[rows] = 0
        self.power_budget[rows] = self.config.nominal_budgets
        self.log_budget[rows] = 0.0
        self.links.forget(rows)
        if self.user_rates is not None:
            self.user_rates.begin(rows)
        self._silence(rows)

    def _silence(self, rows: np.ndarray | slice) -> None:
        """Nobody transmits, as before the first slot."""
        self.prices[rows] = 0.0
        self.powers[rows] = 0.0
        self.ingr[rows] = self.inverse_gains[rows]
        self.log_ingr[rows] = (np.log10(self.inverse_gains[rows]) - self._log_nominal).clip(-LOG_LIMIT, LOG_LIMIT)
        if self.user_rates is not None:
            self.user_rates.silence(rows, self.served and self.served.past_in_places(rows))

    def play_slot(
        self,
        actions: Float[np.ndarray, "block cell *plane band user"],
        *,
        num_iterations: int | None = None,
        negotiation: Negotiation | None = None,
        transmit: bool | None = None,
        outputs: SlotOutputs | None = None,
    ) -> Float[np.ndarray, "block cell"]:
        """Play one round of a slot: open, negotiate k iterations, measure; the last round transmits, and rolls over what is unspent.

            P_b(t + 1) = P_b(t) + (P_b(t) - spent in slot t) / (T - t)                  (5)

        which is (5) with the sum over the past slots taken slot by slot. With `rounds_per_slot` of 1 every round is a slot. Channels that
        move do so in `advance`.

        Args:
            actions: Opening move as fractions of each user's slot budget, finite. Entries outside [0, 1] are clipped; a user
                whose fractions sum to more than 1 is scaled down to 1. Actions of two planes `[block, cell, 2, band, user]` have the
                fractions in the first; the mean of the second over the bands is the user's damping, instead of the network's own.
                Where the network's actions tilt prices, they are price multipliers, clipped to [-1, 1]; see `tilted_response`.
            num_iterations: k, the network's own by default.
            negotiation: The rule, the network's own by default.
            transmit: True makes this the last round of its slot, False one that measures only: no energy is spent, and no slot is used up.
                By default it is the last round if `rounds_per_slot` says so.
            outputs: Where to write observations and powers, from an `Observer` of these blocks; nowhere by default.

        Returns:
            Sum rate of each cell (18), bit/s/Hz: of the slot, or in a round that only measures what it would be.

        Raises:
            ValueError: the actions or the outputs have another shape.
        """
        config, dtype, tokens = self.config, self.powers.dtype, self.powers.shape
        opening, damping = as_opening(actions, self._damping, tokens, dtype, config.action_limits)
        k = config.num_iterations if num_iterations is None else num_iterations
        rule = negotiation or config.negotiation
        rounds = config.rounds_per_slot if transmit is None else 1 if transmit else MEASURES
        pricing = None
        if self.hears_prices or (rule == "pricing" and k > 0):
            pricing = self._price_arrays(rule == "pricing", outputs is not None and outputs.are_prices)
        where = self.fairness_arrays(), outputs or NO_OUTPUTS[dtype.type], self._arrays
        rates = self.runner.play_slots(opening, damping, k, rule != "iwf", rounds, pricing, *where)
        if self.served is not None:
            self.served.book(self.powers, self.ingr, self.slots_left)
        return rates

    def _price_arrays(self, negotiates: bool, shows: bool) -> PriceArrays:
        """What the kernel takes for prices, made once: that takes as long as a part of a slot."""
        known = self._pricing.get((negotiates, shows))
        if known is None or known.prices is not self.prices:
            measured, constants = (self.measured_prices, self.measured_ingr), (PRICE_OFFSET, TILT_DECADES * math.log2(10.0))
            rules = self.config.action == "price", negotiates, shows
            known = self._pricing[rules[1:]] = PriceArrays(self.prices, *measured, *self._victims, *constants, *rules)
        return known

    def fairness_arrays(self) -> FairnessArrays | None:
        """What users' rates count, as kernels take it; None where all count alike."""
        return None if self.user_rates is None else FairnessArrays(*self.user_rates.flat)

    def preview(self, actions: Float[np.ndarray, "block cell *plane band user"], num_iterations: int) -> tuple[Powers, Powers]:
        """Powers, in sigma^2, and INGR (7) after so many iterations of the coming round; nothing is played.

        Args:
            actions: Opening move, as `play_slot` takes it.
            num_iterations: How far the negotiation goes.
        """
        scratch = copy(self)  # which shares the gains, and what was measured last
        scratch._pricing, scratch.served = {}, None
        scratch._arrays = self._arrays._replace(**{name: getattr(self._arrays, name).copy() for name in WRITTEN})
        scratch.prices, scratch.user_rates = self.prices.copy(), self.user_rates and self.user_rates.copy()
        scratch.play_slot(actions, num_iterations=num_iterations, transmit=False)
        return scratch._arrays.powers, scratch._arrays.ingr

    @property
    def transmits(self) -> Bool[np.ndarray, " block"]:
        """Whether the coming round is the last of its slot: it transmits, and the others measure."""
        return self.rounds >= self.config.rounds_per_slot - 1

    def hear_prices(self) -> None:
        """Have every round end with prices heard, from the powers as they are on."""
        if not self.hears_prices:
            self.hears_prices = True
            self.prices[:] = prices(self.powers, self.gains, None if self.user_rates is None else self.user_rates.weights)

    def measure(self, rows: Sequence[int] | np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Measure INGR, prices and leakage in some rows with the network's error: each is multiplied by 10^(error_db n / 10), n normal.

        Args:
            rows: Which blocks.
            generators: Of the errors of each, from `multicell_env.streams.error_stream`.
        """
        log_nominal = self._log_nominal
        for row, generator in zip(rows, generators, strict=True):
            decades = self.config.measurement_error_db / 10.0 * generator.standard_normal((3, *self.powers.shape[1:]))
            self.measured_ingr[row], self.measured_prices[row] = 10.0 ** decades[:2] * np.stack([self.ingr[row], self.prices[row]])
            self.measured_log_ingr[row] = (np.log10(self.measured_ingr[row]) - log_nominal).clip(-LOG_LIMIT, LOG_LIMIT)
            self.leakage_errors[row] = 10.0 ** decades[2]

    def hold(self) -> Float[np.ndarray, "block cell *plane band user"]:
        """The action that opens with the last powers, as far as the coming slot's budget allows: fractions of it, summing to at most 1.

        The negotiation goes on from there: with `damping_in_action`, undamped. Where actions tilt prices it is the action of no tilt, 0:
        the best response to prices, which is what the game itself goes on with.
        """
        if self.config.action == "price":
            return np.zeros_like(self.powers)
        budgets = self.user_budgets[..., None, :]
        spent = np.maximum(budgets, self.powers.sum(axis=-2, keepdims=True))
        fractions = np.divide(self.powers, spent, out=np.zeros(self.powers.shape), where=spent > 0)
        return np.stack([fractions, np.zeros_like(fractions)], axis=2) if self.config.damping_in_action else fractions
