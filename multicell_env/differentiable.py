"""Rounds of the game by the readable equations, for learners that send gradients through several of them."""

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
    place: Int[np.ndarray, " block"]


class DifferentiableGame:
    """Blocks that are played round by round with gradients; the blocks that they come from stay as they are.

    What `observations` and `step` give is what the environment gives for the same actions, up to rounding. A row may be of another network
    than the next one: see `stack`.

    Args:
        blocks: Where the game begins: channels, powers, budgets and rounds as they are now.
        observation: "price" or "gain".
        like: An array of the library that computes, on its device; NumPy by default.
        to_the_end: Whether the game goes on to the end of the blocks. Where channels move, what they will be is drawn for that, from copies
            of the blocks' generators; otherwise the game then ends with the running slot.

    Raises:
        ValueError: measurements have errors, a schedule leaves users out, or the observation is another.
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
        """The rules, which all rows share; the rest of it is the first row's alone."""
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
        """What stays while blocks are played, and what was measured last."""
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
        """One game whose rows are those of several, which may be on different networks.

        Args:
            games: Games with the same rules, sizes (cells, bands, users of the largest cell), precision, observation and library.

        Raises:
            ValueError: there is none, or they differ in one of these.
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
        """Rows on the channels of the slots that they are in."""
        if self._ahead is None:
            return rows
        signal_gains, cross_gains = self._ahead.gains_of(rows.place, rows.slots_left)
        return replace(rows, signal_gains=signal_gains, cross_gains=cross_gains)

    def _with_all_interferers(self, leaks: bool) -> "DifferentiableGame":
        """The same game with every other cell as an interferer, and the own one where beams leak, at gains of 0 where it does not reach."""
        cells = np.arange(self.config.num_cells)
        everybody = np.array([[*cells[cells != cell], *([cell] if leaks else [])] for cell in cells])
        # An entry past the last one stands for a cell that does not reach; it is a zero that is put there.
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

    def observations(self) -> Float[Array, "block cell plane band user"]:
        """What the agents see before the coming round, as `multicell_env.observation.observe` says it."""
        return observations(self.observation, self.config, self._network, self._progress(), self._measured, self._static)

    def step(self, actions: Float[Array, "block cell *plane band user"]) -> Float[Array, "block cell"]:
        """Play one round of every block, as `Blocks.play_slot` says it.

        Returns:
            Sum rate of each cell (18), bit/s/Hz, with gradients: of the slot, or in a round that only measures what it would be.

        Raises:
            RuntimeError: a block has ended.
            ValueError: the actions have a wrong shape, are not finite, or make a power that is not.
        """
        return self._xp.sum(self._play(actions, predicted=False)[1].rates, axis=-1)

    def rewards(self, actions: Float[Array, "block cell *plane band user"]) -> Float[Array, "block cell"]:
        """Play one round as `step` does, and get the rewards of the environment's own `step`."""
        return rewards_of_round(self.config, self._network, *self._play(actions, predicted=predicts(self.config)))

    def _play(self, actions: Float[Array, "block cell *plane band user"], *, predicted: bool) -> tuple[Progress, Round]:
        """Play one round; progress before it, and what it gave."""
        if self.is_over:
            raise RuntimeError("A block has ended: begin a new game from blocks that have slots left.")
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
        """What `Blocks.advance` does between two slots."""
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
