"""Rounds of the game by the readable equations, for learners that send gradients through several of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Bool, Float, Int

from multicell_env.arguments import check_actions
from multicell_env.blocks import Blocks
from multicell_env.config import NetworkConfig
from multicell_env.kernels.showing import COUNT_LIMIT, FLOOR
from multicell_env.kernels.steps import LOG_LIMIT
from multicell_env.model.fairness import RunningRates
from multicell_env.model.interference import ingr, spectral_efficiency
from multicell_env.model.negotiation import negotiate
from multicell_env.model.pricing import leakage, prices, tilted_response
from multicell_env.model.types import Array, Gains
from multicell_env.model.waterfilling import believed_ingr, opening_powers
from multicell_env.observation import GAIN_LIMIT, Observation
from multicell_env.rewards import predicts, rewards_of, worth_of_users

RULES = (
    *("num_cells", "num_bands", "max_users", "dtype", "rounds_per_slot"),
    *("num_iterations", "negotiation", "action", "damping", "damping_in_action", "reward", "measuring_reward", "fairness"),
)
"""What all networks of one game have in common."""
PROGRESS = ("power_budget", "powers", "past_rates", "num_past", "slots_left", "rounds", "has_played")
"""What changes as blocks are played."""
COUNTS = ("num_past", "slots_left", "rounds", "has_played")
"""What of it counts, and stays in NumPy."""


@dataclass(frozen=True)
class _Rows:
    """What a game is in, block by block: arrays of one library, and NumPy's for what counts."""

    cross_gains: Float[Array, "block cell interferer band tx_user user"]
    signal_gains: Float[Array, "block cell band user"]
    nominal_powers: Float[Array, "block cell"]
    own_gains: Float[Array, "block cell"]
    num_users: Float[Array, "block cell"]
    user_mask: Float[Array, "block cell user"]
    nominal_budgets: Float[Array, "block cell"]
    power_budget: Float[Array, "block cell"]
    powers: Float[Array, "block cell band user"]
    past_rates: Float[Array, "block cell user"]
    num_past: Int[np.ndarray, " block"]
    slots_left: Int[np.ndarray, " block"]
    rounds: Int[np.ndarray, " block"]
    has_played: Bool[np.ndarray, " block"]


class DifferentiableGame:
    """Blocks that are played round by round with gradients; the blocks that they come from stay as they are.

    What `observations` and `step` give is what the environment gives for the same actions, up to rounding. A row may be of another network
    than the next one: see `stack`.

    Args:
        blocks: Where the game begins: channels, powers, budgets and rounds as they are now.
        observation: "price" or "gain".
        like: An array of the library that computes, on its device; NumPy by default.

    Raises:
        ValueError: measurements have errors, channels move, or the observation is another.
    """

    def __init__(self, blocks: Blocks, observation: Observation = "price", like: Array = None) -> None:
        config = blocks.config
        if config.measurement_error_db > 0.0:
            raise ValueError(f"measurement_error_db must be 0 for gradients; got {config.measurement_error_db:g}. Train without errors.")
        if blocks.moves:
            raise ValueError(f"channels must stay for gradients; got channel_model {config.channel_model!r}. Train with 'rayleigh'.")
        if observation not in ("price", "gain"):
            raise ValueError(f"observation must be 'price' or 'gain' for gradients; got {observation!r}. Choose one of the two.")
        self.config: NetworkConfig = config
        """The rules, which all rows share; the rest of it is the first row's alone."""
        self.observation: Observation = observation
        self._xp = array_namespace(np.empty(0) if like is None else like)
        self._device: dict[str, Any] = {} if isinstance(like, np.ndarray) or like is None else {"device": like.device}
        interferers, cross_gains = config.interferers, blocks.gains.cross_gains
        self.interferers: Int[np.ndarray, "cell interferer"] = interferers.copy()

        def of_cells(values: Any) -> Array:
            return self._array(np.broadcast_to(values, (len(blocks), *np.shape(values))))

        users = blocks.user_rates
        past = (
            (np.zeros(blocks.powers[:, :, 0].shape), 0 * blocks.slots_left) if users is None else (users.past_rates, users.num_past.copy())
        )
        self._rows = _Rows(
            self._array(cross_gains),
            self._array(blocks.gains.signal_gains),
            of_cells(config.nominal_powers),
            of_cells(np.diagonal(config.mean_gain_matrix)),
            of_cells(config.users_per_cell),
            of_cells(config.user_mask),
            of_cells(config.nominal_budgets),
            self._array(blocks.power_budget),
            self._array(blocks.powers),
            self._array(past[0]),
            past[1],
            blocks.slots_left.copy(),
            blocks.rounds.copy(),
            (blocks.slots_left < config.num_slots) | (blocks.rounds > 0),
        )
        self._prepare()

    def _array(self, values: np.ndarray) -> Array:
        return self._xp.asarray(np.array(values, self.config.dtype), **self._device)

    def _prepare(self) -> None:
        """What stays while blocks are played, and what was measured last."""
        xp, rows = self._xp, self._rows
        self._gains = Gains(rows.signal_gains, rows.cross_gains, xp.asarray(self.interferers.copy(), **self._device))
        measured = ingr(rows.powers, self._gains)
        self._measure(measured, None if self._running() is None else spectral_efficiency(rows.powers, measured))
        relative = xp.log10(rows.signal_gains / rows.own_gains[..., None, None])
        if self.observation == "price":
            gains = xp.clip(relative, min=-GAIN_LIMIT, max=GAIN_LIMIT)
            users = xp.broadcast_to(xp.log2(rows.num_users)[..., None, None] - 2.0, gains.shape)
            leaked = xp.log10(1.0 + rows.nominal_powers[..., None, None] * leakage(self._gains))
            self._static = [gains, users, xp.clip(leaked, max=LOG_LIMIT) - 2.0]
        else:
            self._static = [xp.clip(relative, min=-LOG_LIMIT, max=LOG_LIMIT)]

    def _measure(self, measured: Float[Array, "block cell band user"], rates: Float[Array, "block cell user"] | None) -> None:
        """INGR as it is measured, what users count by their rates where they do not count alike, and prices where anybody listens."""
        self._ingr, running = measured, self._running()
        self._weights = None if running is None else running.weights(rates)
        listens = self.observation == "price" or self.config.action == "price"
        self._prices = prices(self._rows.powers, self._gains, self._weights) if listens else None

    def _running(self) -> RunningRates | None:
        """Rates of the past slots, where users do not count alike."""
        past, num_past = self._rows.past_rates, self._array(self._rows.num_past)[:, None, None]
        return RunningRates(self.config.fairness, past, num_past) if self.config.fairness > 0.0 else None

    @classmethod
    def stack(cls, games: Sequence["DifferentiableGame"]) -> "DifferentiableGame":
        """One game whose rows are those of several, which may be on different networks.

        Args:
            games: Games with the same rules, sizes (cells, bands, users of the largest cell), precision, observation and library.

        Raises:
            ValueError: there is none, or they differ in one of these.
        """
        rules = {(*(getattr(game.config, name) for name in RULES), game.observation) for game in games}
        if len(rules) != 1:
            raise ValueError(f"games must be at least one, with the same {', '.join(RULES)} and observation; got {sorted(rules, key=str)}.")
        if any(not np.array_equal(game.interferers, games[0].interferers) for game in games):
            games = [game._with_all_interferers() for game in games]
        joined = {field.name: _joined([getattr(game._rows, field.name) for game in games]) for field in fields(_Rows)}
        return games[0]._with(_Rows(**joined))

    def take(self, rows: Sequence[int] | np.ndarray) -> "DifferentiableGame":
        """A game of some of the rows, each as often as it is named."""
        chosen = np.asarray(rows)
        index = self._xp.asarray(chosen, **self._device)
        arrays = {field.name: getattr(self._rows, field.name) for field in fields(_Rows)}
        return self._with(
            _Rows(**{name: array[chosen] if isinstance(array, np.ndarray) else array[index] for name, array in arrays.items()})
        )

    def progress(self) -> dict[str, np.ndarray]:
        """How far the blocks have been played, as NumPy arrays without gradients."""
        return {name: _in_numpy(getattr(self._rows, name)) for name in PROGRESS}

    def at(self, progress: Mapping[str, np.ndarray]) -> "DifferentiableGame":
        """The same blocks, as far as `progress` says they have been played.

        Raises:
            KeyError: something is missing.
        """
        changed = {name: np.array(progress[name]) for name in PROGRESS}
        return self._with(replace(self._rows, **{name: array if name in COUNTS else self._array(array) for name, array in changed.items()}))

    def _with(self, rows: _Rows, interferers: np.ndarray | None = None) -> "DifferentiableGame":
        game = object.__new__(type(self))
        game.__dict__.update(self.__dict__)
        game._rows, game.interferers = rows, self.interferers if interferers is None else interferers
        game._prepare()
        return game

    def _with_all_interferers(self) -> "DifferentiableGame":
        """The same game with every other cell as an interferer, at gains of 0 where it does not reach."""
        cells = np.arange(self.config.num_cells)
        everybody = np.array([cells[cells != cell] for cell in cells])
        # An entry past the last one stands for a cell that does not reach; it is a zero that is put there.
        places = np.full(everybody.shape, self.interferers.shape[1])
        for cell, place in np.argwhere(self.interferers >= 0):
            places[cell, np.flatnonzero(everybody[cell] == self.interferers[cell, place])] = place
        xp, gains = self._xp, self._rows.cross_gains
        extended = xp.concat([gains, xp.zeros((*gains.shape[:2], 1, *gains.shape[3:]), dtype=gains.dtype, **self._device)], axis=2)
        index = tuple(xp.asarray(part, **self._device) for part in (cells[:, None], places))
        return self._with(replace(self._rows, cross_gains=extended[:, index[0], index[1]]), everybody)

    def __len__(self) -> int:
        return len(self._rows.slots_left)

    @property
    def transmits(self) -> Bool[np.ndarray, " block"]:
        """Whether the coming round is the last of its slot: it transmits, and the others measure."""
        return self._rows.rounds + 1 >= self.config.rounds_per_slot

    @property
    def is_over(self) -> bool:
        """Whether a block has no slot left, so that no further round can be played."""
        return bool(self._rows.slots_left.min() < 1)

    @property
    def powers(self) -> Float[Array, "block cell band user"]:
        """Powers of the last round, in sigma^2."""
        return self._rows.powers

    @property
    def user_mask(self) -> Float[Array, "block cell user"]:
        """1 for users, 0 for padding."""
        return self._rows.user_mask

    @property
    def _user_budgets(self) -> Float[Array, "block cell user"]:
        return (self._rows.power_budget / self._rows.num_users)[..., None] * self._rows.user_mask

    def observations(self) -> Float[Array, "block cell plane band user"]:
        """What the agents see before the coming round, as `multicell_env.observation.observe` says it."""
        xp, rows = self._xp, self._rows
        p0 = rows.nominal_powers[..., None, None]
        log_ingr = xp.clip(xp.log10(self._ingr / p0), min=-LOG_LIMIT, max=LOG_LIMIT)
        if self.observation == "gain":
            budget = xp.log10(rows.power_budget / rows.nominal_budgets)[..., None, None]
            return xp.stack([*self._static, log_ingr, xp.broadcast_to(budget, log_ingr.shape)], axis=2)
        gains, users, leaked = self._static
        shares = xp.clip(rows.powers / (rows.power_budget / rows.num_users)[..., None, None], max=1.0)
        price = xp.clip(xp.log10(FLOOR + p0 * self._prices), max=LOG_LIMIT)
        counts = [np.where(rows.has_played, 0.0, 1.0), rows.rounds / self.config.rounds_per_slot]
        marks = [xp.broadcast_to(self._array(count)[:, None, None, None], gains.shape) for count in counts]
        if self._weights is not None:
            weights = xp.clip(xp.log10(self._weights), min=-COUNT_LIMIT, max=COUNT_LIMIT)
            marks.append(xp.broadcast_to(weights[..., None, :], gains.shape))
        return xp.stack([gains, log_ingr + 2.0, users, price, leaked, xp.log10(FLOOR + shares) + 1.0, shares, *marks], axis=2)

    def step(self, actions: Float[Array, "block cell *plane band user"]) -> Float[Array, "block cell"]:
        """Play one round of every block, as `Blocks.play_slot` says it.

        Returns:
            Sum rate of each cell (18), bit/s/Hz, with gradients: of the slot, or in a round that only measures what it would be.

        Raises:
            RuntimeError: a block has ended.
            ValueError: the actions have a wrong shape, are not finite, or make a power that is not.
        """
        return self._xp.sum(self._play(actions, predicted=False), axis=-1)

    def _play(self, actions: Float[Array, "block cell *plane band user"], *, predicted: bool) -> Float[Array, "block cell user"]:
        """Play one round, and say what the users get, or what they predict in its last iteration."""
        if self.is_over:
            raise RuntimeError("A block has ended: begin a new game from blocks that have slots left.")
        check_actions(self._xp, actions, config=self.config, num_blocks=len(self))
        xp, rows, config, budgets = self._xp, self._rows, self.config, self._user_budgets
        actions, damping = xp.astype(actions, budgets.dtype), config.damping
        if config.damping_in_action:
            actions, damping = actions[:, :, 0], xp.mean(xp.clip(actions[:, :, 1], min=0.0, max=1.0), axis=-2)
        if config.action == "price":
            opening = tilted_response(actions, self._prices, self._ingr, budgets, rows.nominal_powers, self._weights)
        else:
            opening = opening_powers(actions, budgets)
        fixed: dict[str, Any] = {"negotiation": config.negotiation, "damping": damping, "running": self._running()}
        play = partial(negotiate, gains=self._gains, user_budgets=budgets, **fixed)
        last = play(opening, num_iterations=config.num_iterations - 1) if predicted else None
        powers = play(opening, num_iterations=config.num_iterations) if last is None else play(last, num_iterations=1)
        believed = None if last is None else believed_ingr(powers, last, ingr(last, self._gains), rows.signal_gains)
        measured, transmits = ingr(powers, self._gains), self.transmits
        rates, past_rates = spectral_efficiency(powers, measured), rows.past_rates
        if config.fairness > 0.0:
            past_rates = past_rates + self._array(transmits)[:, None, None] * rates
        unspent = xp.clip(rows.power_budget - xp.sum(powers, axis=(-2, -1)), min=0.0)
        # (5): the T - t slots after this one share what it leaves; a round that only measures leaves all as it is.
        shares = self._array(np.where(transmits, 1.0 / np.maximum(rows.slots_left - 1, 1), 0.0))
        self._rows = replace(
            rows,
            powers=powers,
            power_budget=rows.power_budget + shares[:, None] * unspent,
            past_rates=past_rates,
            num_past=rows.num_past + transmits,
            slots_left=rows.slots_left - transmits,
            rounds=np.where(transmits, 0, rows.rounds + 1),
            has_played=np.ones_like(rows.has_played),
        )
        self._measure(measured, rates)
        return rates if believed is None else spectral_efficiency(powers, believed)

    def rewards(self, actions: Float[Array, "block cell *plane band user"]) -> Float[Array, "block cell"]:
        """Play one round as `step` does, and get the rewards of the environment's own `step`."""
        config, transmits, running = self.config, self.transmits, self._running()
        of_users = self._play(actions, predicted=predicts(config))
        if running is None:
            worth = self._xp.sum(of_users, axis=-1)
        else:
            worth = worth_of_users(running, of_users, self._rows.user_mask > 0.0, self._array(transmits))
        num_users = self._xp.sum(self._rows.num_users, axis=1, keepdims=True)
        shares = None if transmits.all() else self._array(np.where(transmits, 1.0, config.measuring_reward))
        return rewards_of(worth, config.reward, num_users, shares)


def _joined(arrays: Sequence[Array]) -> Array:
    return array_namespace(*arrays).concat(arrays, axis=0)


def _in_numpy(array: Array) -> np.ndarray:
    """A copy without gradients."""
    return array.copy() if isinstance(array, np.ndarray) else np.array(array.detach().cpu().numpy())
