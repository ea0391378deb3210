"""Blocks in play: the state of the game and the dynamics of one slot, for any number of blocks in parallel."""

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
"""Value of `Blocks.slots_left` before a block has begun."""


class Blocks:
    """A batch of independent blocks of one network, and their state.

    The first axis of all arrays is the block; their type is `config.dtype`. Before the first slot of a block all powers are 0, so the INGR
    is sigma^2 / signal gain and the budget is nominal.

    Args:
        config: The network.
        num_blocks: Number of blocks; `begin` or `draw` starts them.
        keep_channels: Whether to keep channels and beamformers. The game needs them only if channels move; otherwise they are empty by
            default.
        num_threads: Threads that share the blocks. Results do not depend on their number.
        channels: Channel model for `draw`, instead of the one that the network names.

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
        """The network, with all of its users."""
        self.config = config = config.slot_network
        """The network that a slot is played on, with the served users only."""
        num_blocks = int(num_blocks)  # another integer type would compile another kernel
        self.runner = BlockRunner(num_blocks, num_threads)
        dtype = np.dtype(config.dtype)
        tokens = (num_blocks, config.num_cells, config.num_bands, config.max_users)
        self.links = links = Links(self.network, num_blocks, self.runner.threads.share, keep_channels=keep_channels, channels=channels)
        """Channels, and the beams and gains computed from them."""
        self.moves = links.moves
        """Whether channels or served users change between slots."""
        self.served = links.served
        """The users served in each slot, and past rates of all users; None if all users are served."""
        self.restarts = links.moves if config.restart is None else config.restart
        """Whether every slot starts from zero powers."""
        self.gains: Gains = links.gains
        self.inverse_gains: Powers = links.inverse_gains
        """1 / signal gain: the INGR without interference."""
        self.channels: OwnChannels = links.channels
        self.beamformers: Complex[np.ndarray, "block cell band antenna user"] = links.beamformers
        self.powers: Powers = np.zeros(tokens, dtype)
        self.ended_powers: Powers = np.zeros(tokens if self.restarts else (0, *tokens[1:]), dtype)
        """Final powers of the last slot, in sigma^2, if the next slot starts from zero powers."""
        self.ingr: Powers = np.ones(tokens, dtype)
        self.log_ingr: Powers = np.zeros(tokens, dtype)
        """log10 of the INGR over p0, clipped to `LOG_LIMIT`."""
        self.prices: Powers = np.zeros(tokens, dtype)
        """Interference price of each beam: rate loss of other cells' users per unit of power, nats per sigma^2; 0 unless `hears_prices`."""
        self.measured_ingr, self.measured_log_ingr, self.measured_prices = self.ingr, self.log_ingr, self.prices
        """The prices and INGR that base stations measure: the same arrays, or with measurement errors those of `measure`."""
        self.leakage_errors: Powers = np.ones(tokens if config.measurement_error_db > 0.0 else (num_blocks, 1, 1, 1), dtype)
        """Measured leakage over true leakage."""
        if config.measurement_error_db > 0.0:
            self.measured_ingr, self.measured_log_ingr, self.measured_prices = np.ones(tokens, dtype), *np.zeros((2, *tokens), dtype)
        self.user_rates: UserRates | None = UserRates(config, num_blocks) if config.fairness > 0.0 else None
        """Past rates of the served users, and their weights in prices; None without fairness."""
        self.log_budget: Float[np.ndarray, "block cell"] = np.zeros(tokens[:2], dtype)
        """log10 of the power budget over nominal."""
        self.power_budget: Float[np.ndarray, "block cell"] = np.tile(config.nominal_budgets.astype(dtype), (num_blocks, 1))
        """P_b(t) of the next slot (5), in sigma^2."""
        self.slots_left: Int[np.ndarray, " block"] = np.full(num_blocks, NOT_BEGUN)
        """Number of slots left in the block, T - t + 1 before slot t; 0 after the last one, `NOT_BEGUN` before `begin`."""
        self.rounds: Int[np.ndarray, " block"] = np.zeros(num_blocks, np.int64)
        """Number of rounds played in the present slot."""
        self.hears_prices = config.negotiation == "pricing" or config.action == "price"
        """Whether every round ends with a measurement of prices, which takes time."""
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
        """Whether a user has no beam in a band; see `multicell_env.model.beamforming.served_users`."""
        return self.links.blocked

    def radiated(self, powers: Powers) -> Powers:
        """Powers that are radiated: 0 for users without a beam, whose share of the budget is not given to others."""
        return np.where(self.blocked, powers.dtype.type(0.0), powers) if self.links.has_blocked else powers

    @property
    def user_budgets(self) -> Float[np.ndarray, "block cell user"]:
        """Each user's budget in the next slot, P_b(t)/U_b (14), in sigma^2."""
        return self.config.split_among_users(self.power_budget)

    def begin(self, rows: np.ndarray | Sequence[int], channels: OwnChannels, cross_channels: CrossChannels) -> None:
        """Start new blocks in some rows.

        Args:
            rows: Indices of the blocks.
            channels: Own channels of each block, from `draw_channels` or `split_channels`.
            cross_channels: Cross channels of each block, from the same function.

        Raises:
            ValueError: the channels have another shape or are not finite, a row does not exist, or the network's channels move.
        """
        chosen = self.links.existing(rows)
        self.links.begin(chosen, channels, cross_channels)
        self.restart(chosen)

    def draw(self, rows: np.ndarray | Sequence[int], generators: Sequence[np.random.Generator]) -> None:
        """Start new blocks in some rows on drawn channels. Each block depends on its own generator only.

        If channels move, `advance` continues to use the same generators.

        Raises:
            ValueError: a row does not exist, or there is not one generator for each.
        """
        self.links.draw(self.links.existing(rows), generators, self.restart)

    def advance(self) -> Int[np.ndarray, " moved"]:
        """Start the next slot of every block whose slot is complete, and move its channels. Call this once after every round.

        Beams and gains are then those of the new channels. If slots restart, powers and prices are 0, and the INGR is sigma^2 / signal
        gain, as in the first slot. Otherwise the last powers are kept, and INGR (7) and prices are computed from them with the new
        gains. Budgets and the number of slots left do not change.

        Returns:
            The rows of these blocks; empty if channels and served users are constant and slots do not restart.
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
        """Compute INGR and prices of the present powers with the present gains."""
        gains = Gains(self.gains.signal_gains[rows], self.gains.cross_gains[rows], self.gains.interferers)
        self.ingr[rows] = ingr(self.powers[rows], gains)
        self.log_ingr[rows] = (np.log10(self.ingr[rows]) - self._log_nominal).clip(-LOG_LIMIT, LOG_LIMIT)
        if self.user_rates is not None:
            self.user_rates.hear(rows, self.powers[rows], self.ingr[rows])
        if self.hears_prices:
            self.prices[rows] = prices(self.powers[rows], gains, None if self.user_rates is None else self.user_rates.weights[rows])

    def restart(self, rows: np.ndarray | slice = slice(None)) -> None:
        """Return to the start of the block, on the present channels."""
        self.slots_left[rows] = self.config.num_slots
        self.rounds[rows] = 0
        self.power_budget[rows] = self.config.nominal_budgets
        self.log_budget[rows] = 0.0
        self.links.forget(rows)
        if self.user_rates is not None:
            self.user_rates.begin(rows)
        self._silence(rows)

    def _silence(self, rows: np.ndarray | slice) -> None:
        """Set all powers to 0, as before the first slot."""
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
        """Play one round: set the initial powers, negotiate for k iterations, measure. The last round of a slot transmits.

            P_b(t + 1) = P_b(t) + (P_b(t) - spent in slot t) / (T - t)                  (5)

        is the budget after a transmission: (5) as a recursion. With `rounds_per_slot` = 1 every round is a slot. Channels are moved
        by `advance` only.

        Args:
            actions: Initial powers as fractions of each user's slot budget, finite. Entries outside [0, 1] are clipped. If a user's
                fractions sum to more than 1, they are scaled to sum to 1. Actions of two planes `[block, cell, 2, band, user]` have the
                fractions in the first; the mean of the second over the bands is the user's damping, which replaces `config.damping`.
                With `action="price"` they are price multipliers, clipped to [-1, 1]; see `tilted_response`.
            num_iterations: k; by default that of the network.
            negotiation: The rule; by default that of the network.
            transmit: True makes this the last round of its slot. False makes it a round that only measures, and spends no energy.
                By default `rounds_per_slot` determines it.
            outputs: Arrays to write observations and powers to, from an `Observer` of these blocks; none by default.

        Returns:
            Sum rate of each cell (18), bit/s/Hz; hypothetical in a round that does not transmit.

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
        """The kernel's arrays for prices, cached because making them takes a part of a slot's time."""
        known = self._pricing.get((negotiates, shows))
        if known is None or known.prices is not self.prices:
            measured, constants = (self.measured_prices, self.measured_ingr), (PRICE_OFFSET, TILT_DECADES * math.log2(10.0))
            rules = self.config.action == "price", negotiates, shows
            known = self._pricing[rules[1:]] = PriceArrays(self.prices, *measured, *self._victims, *constants, *rules)
        return known

    def fairness_arrays(self) -> FairnessArrays | None:
        """The weights of users' rates in the form for kernels; None without fairness."""
        return None if self.user_rates is None else FairnessArrays(*self.user_rates.flat)

    def preview(self, actions: Float[np.ndarray, "block cell *plane band user"], num_iterations: int) -> tuple[Powers, Powers]:
        """Powers, in sigma^2, and INGR (7) after `num_iterations` iterations of the next round. The blocks do not change.

        Args:
            actions: As for `play_slot`.
            num_iterations: Number of iterations.
        """
        scratch = copy(self)  # it shares the gains and the last measurements
        scratch._pricing, scratch.served = {}, None
        scratch._arrays = self._arrays._replace(**{name: getattr(self._arrays, name).copy() for name in WRITTEN})
        scratch.prices, scratch.user_rates = self.prices.copy(), self.user_rates and self.user_rates.copy()
        scratch.play_slot(actions, num_iterations=num_iterations, transmit=False)
        return scratch._arrays.powers, scratch._arrays.ingr

    @property
    def transmits(self) -> Bool[np.ndarray, " block"]:
        """Whether the next round is the last of its slot, which transmits; the others only measure."""
        return self.rounds >= self.config.rounds_per_slot - 1

    def hear_prices(self) -> None:
        """Measure prices at the present powers, and from now on after every round."""
        if not self.hears_prices:
            self.hears_prices = True
            self.prices[:] = prices(self.powers, self.gains, None if self.user_rates is None else self.user_rates.weights)

    def measure(self, rows: Sequence[int] | np.ndarray, generators: Sequence[np.random.Generator]) -> None:
        """Measure INGR, prices and leakage in some rows with errors: each value is multiplied by 10^(error_db n / 10), n standard normal.

        Args:
            rows: Indices of the blocks.
            generators: Random generators of each block's errors, from `multicell_env.streams.error_stream`.
        """
        log_nominal = self._log_nominal
        for row, generator in zip(rows, generators, strict=True):
            decades = self.config.measurement_error_db / 10.0 * generator.standard_normal((3, *self.powers.shape[1:]))
            self.measured_ingr[row], self.measured_prices[row] = 10.0 ** decades[:2] * np.stack([self.ingr[row], self.prices[row]])
            self.measured_log_ingr[row] = (np.log10(self.measured_ingr[row]) - log_nominal).clip(-LOG_LIMIT, LOG_LIMIT)
            self.leakage_errors[row] = 10.0 ** decades[2]

    def hold(self) -> Float[np.ndarray, "block cell *plane band user"]:
        """Actions that repeat the last powers, as fractions of the next slot's budget, scaled to sum to at most 1.

        With `damping_in_action` the damping is 0. With `action="price"` all entries are 0: the best response to the prices, which does not
        repeat the powers.
        """
        if self.config.action == "price":
            return np.zeros_like(self.powers)
        budgets = self.user_budgets[..., None, :]
        spent = np.maximum(budgets, self.powers.sum(axis=-2, keepdims=True))
        fractions = np.divide(self.powers, spent, out=np.zeros(self.powers.shape), where=spent > 0)
        return np.stack([fractions, np.zeros_like(fractions)], axis=2) if self.config.damping_in_action else fractions
