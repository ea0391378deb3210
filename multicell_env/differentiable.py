"""The game as differentiable functions, for learners that propagate gradients through several rounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Bool, Float, Int

from multicell_env.arguments import check_actions
from multicell_env.blocks import Blocks
from multicell_env.config import NetworkConfig
from multicell_env.model.interference import ingr, spectral_efficiency
from multicell_env.model.types import Array, Gains
from multicell_env.observation import Observation
from multicell_env.rewards import predicts
from multicell_env.tensors.ahead import Ahead
from multicell_env.tensors.playing import Network, Progress, Round, measure, play_round, rewards_of_round, split_among_users
from multicell_env.tensors.showing import observations, static_planes

RULES = (
    *("num_cells", "num_bands", "max_users", "dtype", "rounds_per_slot"),
    *("num_iterations", "negotiation", "action", "damping", "damping_in_action", "reward", "measuring_reward", "fairness"),
)
"""Fields that all networks of a game must share."""
PROGRESS = ("power_budget", "powers", "past_rates", "num_past", "slots_left", "rounds", "has_played")
"""Arrays that change as blocks are played."""
COUNTS = ("num_past", "slots_left", "rounds", "has_played")
"""Counters among them, which are NumPy arrays."""


@dataclass(frozen=True)
class _Rows:
    """The state of a game by block: arrays of one library, and NumPy arrays for counters."""

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
    place: Int[np.ndarray, " block"]


class DifferentiableGame:
    """Blocks that are played round by round with gradients, as a copy: the original blocks do not change.

    `observations` and `step` agree with the environment for the same actions, up to rounding. Rows may be of different networks; see
    `stack`.

    Args:
        blocks: The initial state: channels, powers, budgets and rounds as they are now.
        observation: "price" or "gain".
        like: An array of the library to compute with, on its device; NumPy by default.
        to_the_end: Whether the game can be played to the end of the blocks. If channels move, the channels of later slots are then drawn
            in advance, from copies of the blocks' generators. With False, a game with moving channels ends with the present slot.

    Raises:
        ValueError: measurements have errors, a schedule does not serve all users, or another observation.
    """

    def __init__(self, blocks: Blocks, observation: Observation = "price", like: Array = None, *, to_the_end: bool = True) -> None:
        config = blocks.config
        if config.measurement_error_db > 0.0:
            raise ValueError(f"measurement_error_db must be 0 for gradients; got {config.measurement_error_db:g}. Train without errors.")
        if blocks.served is not None:
            raise ValueError(
                f"all users must be served in every slot for gradients; got schedule {blocks.network.schedule!r}. Train without a schedule."
            )
        if observation not in ("price", "gain"):
            raise ValueError(f"observation must be 'price' or 'gain' for gradients; got {observation!r}. Choose one of the two.")
        self.config: NetworkConfig = config
        """The rules that all rows share. Its other fields are those of the first row's network."""
        self._restarts, self._moves = blocks.restarts, blocks.moves
        self.observation: Observation = observation
        self._xp = array_namespace(np.empty(0) if like is None else like)
        self._device: dict[str, Any] = {} if isinstance(like, np.ndarray) or like is None else {"device": like.device}
        interferers, cross_gains = blocks.gains.interferers, blocks.gains.cross_gains
        self.interferers: Int[np.ndarray, "cell interferer"] = interferers.copy()

        def of_cells(values: Any) -> Array:
            return self._array(np.broadcast_to(values, (len(blocks), *np.shape(values))))

        users = blocks.user_rates
        begins_anew = blocks.restarts & (blocks.slots_left > 0)
        past = (
            (np.zeros(blocks.powers[:, :, 0].shape), 0 * blocks.slots_left) if users is None else (users.past_rates, users.num_past.copy())
        )
        self._rows = _Rows(
            self._array(cross_gains),
            self._array(blocks.gains.signal_gains),
            of_cells(config.nominal_powers),
            of_cells(config.own_gains),
            of_cells(config.users_per_cell),
            of_cells(config.user_mask),
            of_cells(config.nominal_budgets),
            self._array(blocks.power_budget),
            self._array(blocks.powers),
            self._array(past[0]),
            past[1],
            blocks.slots_left.copy(),
            blocks.rounds.copy(),
            ((blocks.slots_left < config.num_slots) & ~begins_anew) | (blocks.rounds > 0),
            np.arange(len(blocks)),
        )
        self._ahead: Ahead | None = None
        if blocks.moves and to_the_end:
            signal, cross = blocks.links.ahead(blocks.slots_left)
            self._ahead = Ahead(self._array(signal), self._array(cross), blocks.slots_left.copy())
        self._prepare()

    def _array(self, values: np.ndarray) -> Array:
        return self._xp.asarray(np.array(values, self.config.dtype), **self._device)

    def _prepare(self) -> None:
        """Compute constants of the blocks, and the last measurements."""
        xp, rows = self._xp, self._rows
        gains = Gains(rows.signal_gains, rows.cross_gains, xp.asarray(self.interferers.copy(), **self._device))
        mask = rows.user_mask > 0.0
        self._network = Network(gains, rows.nominal_powers, rows.own_gains, rows.num_users, mask, rows.nominal_budgets)
        measured = ingr(rows.powers, gains)
        listens, rates = self.observation == "price" or self.config.action == "price", spectral_efficiency(rows.powers, measured)
        self._measured = measure(self.config, self._network, self._progress(), measured, rates, hears_prices=listens)
        self._static = static_planes(self.observation, self._network)

    def _progress(self) -> Progress:
        rows = self._rows
        counts = (self._array(count) for count in (rows.num_past, rows.slots_left, rows.rounds, rows.has_played))
        return Progress(rows.powers, rows.power_budget, split_among_users(self._network, rows.power_budget), rows.past_rates, *counts)

    @classmethod
    def stack(cls, games: Sequence["DifferentiableGame"]) -> "DifferentiableGame":
        """One game with the rows of several games, which may be on different networks.

        Args:
            games: Games with the same rules, sizes (cells, bands, users of the largest cell), precision, observation and library.

        Raises:
            ValueError: there are no games, or they differ in one of these.
        """
        rules = {(*(getattr(game.config, name) for name in RULES), game.observation, game._restarts, game._ahead is None) for game in games}
        if len(rules) != 1:
            raise ValueError(
                f"games must be at least one, with the same {', '.join(RULES)} and observation, and restart and move alike; got "
                f"{sorted(rules, key=str)}."
            )
        if any(not np.array_equal(game.interferers, games[0].interferers) for game in games):
            leaks = any(bool((game.interferers == np.arange(game.config.num_cells)[:, None]).any()) for game in games)
            games = [game._with_all_interferers(leaks) for game in games]
        joined = {field.name: _joined([getattr(game._rows, field.name) for game in games]) for field in fields(_Rows)}
        stores = [game._ahead for game in games if game._ahead is not None]
        if not stores:
            return games[0]._with(_Rows(**joined))
        firsts = np.cumsum([0, *(len(store.slots_left) for store in stores)])
        places = [game._rows.place + first for game, first in zip(games, firsts, strict=False)]
        return games[0]._with(_Rows(**joined | {"place": _joined(places)}), ahead=Ahead.joined(stores))

    def take(self, rows: Sequence[int] | np.ndarray) -> "DifferentiableGame":
        """A game of the given rows, which may repeat."""
        chosen = np.asarray(rows)
        index = self._xp.asarray(chosen, **self._device)
        arrays = {field.name: getattr(self._rows, field.name) for field in fields(_Rows)}
        return self._with(
            _Rows(**{name: array[chosen] if isinstance(array, np.ndarray) else array[index] for name, array in arrays.items()})
        )

    def progress(self) -> dict[str, np.ndarray]:
        """The state of the blocks, as NumPy arrays without gradients."""
        return {name: _in_numpy(getattr(self._rows, name)) for name in PROGRESS}

    def at(self, progress: Mapping[str, np.ndarray]) -> "DifferentiableGame":
        """The same blocks in the state `progress`.

        Raises:
            KeyError: an array is missing.
        """
        changed = {name: np.array(progress[name]) for name in PROGRESS}
        rows = replace(self._rows, **{name: array if name in COUNTS else self._array(array) for name, array in changed.items()})
        return self._with(self._in_their_slots(rows))

    def _with(self, rows: _Rows, interferers: np.ndarray | None = None, ahead: Ahead | None = None) -> "DifferentiableGame":
        game = object.__new__(type(self))
        game.__dict__.update(self.__dict__)
        game._rows, game.interferers = rows, self.interferers if interferers is None else interferers
        game._ahead = self._ahead if ahead is None else ahead
        game._prepare()
        return game

    def _in_their_slots(self, rows: _Rows) -> _Rows:
        """Rows on the channels of their present slots."""
        if self._ahead is None:
            return rows
        signal_gains, cross_gains = self._ahead.gains_of(rows.place, rows.slots_left)
        return replace(rows, signal_gains=signal_gains, cross_gains=cross_gains)

    def _with_all_interferers(self, leaks: bool) -> "DifferentiableGame":
        """The same game with every other cell as an interferer, and with leaking beams also the own cell; missing gains are 0."""
        cells = np.arange(self.config.num_cells)
        everybody = np.array([[*cells[cells != cell], *([cell] if leaks else [])] for cell in cells])
        # An index past the last entry stands for a cell that does not interfere; a zero is appended there.
        places = np.full(everybody.shape, self.interferers.shape[1])
        for cell, place in np.argwhere(self.interferers >= 0):
            places[cell, np.flatnonzero(everybody[cell] == self.interferers[cell, place])] = place
        xp = self._xp
        index = tuple(xp.asarray(part, **self._device) for part in (cells[:, None], places))

        def extended(gains: Array) -> Array:
            longer = [gains, xp.zeros((*gains.shape[:-4], 1, *gains.shape[-3:]), dtype=gains.dtype, **self._device)]
            return xp.concat(longer, axis=-4)[..., index[0], index[1], :, :, :]

        ahead = None if self._ahead is None else self._ahead._replace(cross_gains=extended(self._ahead.cross_gains))
        return self._with(replace(self._rows, cross_gains=extended(self._rows.cross_gains)), everybody, ahead)

    def __len__(self) -> int:
        return len(self._rows.slots_left)

    @property
    def transmits(self) -> Bool[np.ndarray, " block"]:
        """Whether the next round is the last of its slot, which transmits; the others only measure."""
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

    def observations(self) -> Float[Array, "block cell plane band user"]:
        """Observations before the next round, as of `multicell_env.observation.observe`."""
        return observations(self.observation, self.config, self._network, self._progress(), self._measured, self._static)

    def step(self, actions: Float[Array, "block cell *plane band user"]) -> Float[Array, "block cell"]:
        """Play one round of every block, as `Blocks.play_slot`.

        Args:
            actions: As for `Blocks.play_slot`, in the library of the game.

        Returns:
            Sum rate of each cell (18), bit/s/Hz, with gradients; hypothetical in a round that does not transmit.

        Raises:
            RuntimeError: a block has ended.
            ValueError: the actions have a wrong shape, are not finite, or lead to a power that is not finite.
        """
        return self._xp.sum(self._play(actions, predicted=False)[1].rates, axis=-1)

    def rewards(self, actions: Float[Array, "block cell *plane band user"]) -> Float[Array, "block cell"]:
        """Play one round as `step`, and return the agents' rewards, bit/s/Hz, as the environment's `step`."""
        return rewards_of_round(self.config, self._network, *self._play(actions, predicted=predicts(self.config)))

    def _play(self, actions: Float[Array, "block cell *plane band user"], *, predicted: bool) -> tuple[Progress, Round]:
        """Play one round; returns the state before it, and its results."""
        if self.is_over:
            raise RuntimeError("A block has ended: make a new game from blocks that have slots left.")
        check_actions(self._xp, actions, config=self.config, num_blocks=len(self))
        rows, before, transmits = self._rows, self._progress(), self.transmits
        slots_left = rows.slots_left - transmits
        moved = transmits & (slots_left > 0) & (self._restarts or self._moves)
        if self._moves and self._ahead is None:
            slots_left = np.where(transmits, 0, slots_left)
        played = play_round(self.config, self._network, before, self._measured, actions, predicted=predicted)
        self._rows = replace(
            rows,
            powers=played.progress.powers,
            power_budget=played.progress.power_budget,
            past_rates=played.progress.past_rates,
            num_past=rows.num_past + transmits,
            slots_left=slots_left,
            rounds=np.where(transmits, 0, rows.rounds + 1),
            has_played=np.ones_like(rows.has_played),
        )
        self._measured = played.measured
        if moved.any():
            self._begin_slots(moved)
        return before, played

    def _begin_slots(self, moved: Bool[np.ndarray, " block"]) -> None:
        """Start the next slots, as `Blocks.advance`."""
        rows = self._in_their_slots(self._rows)
        if self._restarts:
            goes_on = self._array(~moved)[:, None, None, None]
            rows = replace(rows, powers=rows.powers * goes_on, has_played=rows.has_played & ~moved)
        self._rows = rows
        self._prepare()


def _joined(arrays: Sequence[Array]) -> Array:
    return array_namespace(*arrays).concat(arrays, axis=0)


def _in_numpy(array: Array) -> np.ndarray:
    """A copy without gradients."""
    return array.copy() if isinstance(array, np.ndarray) else np.array(array.detach().cpu().numpy())
