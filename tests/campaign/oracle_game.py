"""The game by slow scalar loops over whole blocks, and random networks to hold the environment against it."""

import math
from collections.abc import Sequence
from typing import Any

import fairness_oracles
import numpy as np
import oracles
import price_oracles

from multicell_env import NetworkConfig, multicell_v0
from multicell_env.channels.recorded import split_channels

Cells = list[list[list[float]]]


def random_network(generator: np.random.Generator, dtype: str) -> dict[str, Any]:
    """Fields of a network that is small enough for the loops: every rule, round, fairness, reward and form of actions."""
    pick = generator.choice
    num_cells = int(generator.integers(1, 4))
    num_users = tuple(int(users) for users in generator.integers(1, 4, num_cells))
    fairness = float(pick([0.0, 0.0, 0.5, 1.0, 2.0]))
    negotiation = str(pick(["flwf", "iwf", "pricing"]))
    action = str(pick(["powers", "powers", "price"]))
    planes = bool(pick([False, True])) and action == "powers" and not (fairness and negotiation == "pricing")
    fields: dict[str, Any] = {
        "num_cells": num_cells,
        "num_users": num_users if len(set(num_users)) > 1 else num_users[0],
        "num_antennas": max(num_users) + int(generator.integers(0, 3)),
        "num_bands": int(generator.integers(1, 5)),
        "num_slots": int(generator.integers(1, 4)),
        "rounds_per_slot": int(pick([1, 1, 2])),
        "num_iterations": int(generator.integers(0, 6)),
        "negotiation": negotiation,
        "action": action,
        "damping_in_action": planes,
        "damping": 0.0 if planes or (fairness and negotiation == "pricing") else float(pick([0.0, 0.3])),
        "reward": str(pick(["cell", "network", "user"])) if fairness else str(pick(["cell", "network", "user", "predicted"])),
        "measuring_reward": float(pick([0.0, 0.5])),
        "fairness": fairness,
        "snr_db": float(generator.uniform(-5.0, 30.0)),
        "restart": pick([None, None, True, False]),
        "dtype": dtype,
    }
    if pick([True, False]):
        gains = generator.uniform(0.05, 2.0, (num_cells, num_cells)) * (generator.random((num_cells, num_cells)) < 0.8)
        np.fill_diagonal(gains, generator.uniform(0.2, 3.0, num_cells))
        fields["mean_gains"] = tuple(map(tuple, gains.tolist()))
    else:
        fields["sir_db"] = float(pick([math.inf, -3.0, 0.0, 10.0]))
    return fields


class Scripted:
    """A model of channels that move as it is told.

    Args:
        slots: Channels of every slot, `[tx_cell, rx_cell, band, antenna, user]`.
    """

    moves = True

    def __init__(self, slots: Sequence[np.ndarray]) -> None:
        self.slots, self._slot = slots, 0

    def begin(self, config: NetworkConfig, generators: Sequence[Any]) -> Any:
        self._slot = 0
        return self._now(config)

    def advance(self, config: NetworkConfig, generators: Sequence[Any], own: Any, cross: Any) -> Any:
        self._slot += 1
        return self._now(config)

    def _now(self, config: NetworkConfig) -> Any:
        return tuple(np.ascontiguousarray(part[None]) for part in split_channels(config, self.slots[self._slot]))


class OracleGame:
    """One block on given channels.

    Args:
        config: The network.
        slots: Channels `[tx_cell, rx_cell, band, antenna, user]` of every slot, or of all.
    """

    def __init__(self, config: NetworkConfig, slots: Sequence[np.ndarray]) -> None:
        self.config, self.slots = config, slots
        cells, bands = range(config.num_cells), range(config.num_bands)
        self.restarts = len(slots) > 1 if config.restart is None else config.restart
        self.users = [config.num_users] * config.num_cells if isinstance(config.num_users, int) else list(config.num_users)
        gains = config.mean_gains or oracles.mean_gains(config.num_cells, config.sir_db)
        self.reach = oracles.interferers(gains)
        self.p0 = [oracles.nominal_power(config.snr_db, gains[b][b]) for b in cells]
        self.spent: list[list[float]] = [[] for _ in cells]
        self.powers: Cells = [[[0.0] * self.users[b] for _ in bands] for b in cells]
        self.past: list[list[list[float]]] = []
        self.rates = [[0.0] * users for users in self.users]
        self.rounds = 0
        self._hear(slots[0])

    def _hear(self, dense: np.ndarray) -> None:
        cells, bands = range(self.config.num_cells), range(self.config.num_bands)
        h = [
            [[dense[tx, rx, f, :, : self.users[rx]].tolist() for f in bands] if tx == rx or tx in self.reach[rx] else None for rx in cells]
            for tx in cells
        ]
        w = oracles.beamformers(h)
        self.signal, self.cross = oracles.signal_gains(h, w), oracles.cross_gains(h, w)

    def _begin_slot(self) -> None:
        """Channels of the slot, and no powers where slots restart."""
        if len(self.slots) > 1:
            self._hear(self.slots[len(self.past)])
        if self.restarts:
            self.powers = [[[0.0] * users for _ in range(self.config.num_bands)] for users in self.users]
        self.rates = oracles.rates(self.powers, oracles.ingr(self.powers, self.signal, self.cross))

    def play(self, actions: Cells, damping: list[list[float]] | None) -> list[float]:
        """One round; the agents' rewards. `sent` are its powers."""
        config, cells, alpha = self.config, range(self.config.num_cells), self.config.fairness
        block_budgets = [config.num_slots * self.users[b] * config.num_bands * self.p0[b] for b in cells]
        slot_budgets = [oracles.power_budget(block_budgets[b], self.spent[b], config.num_slots) for b in cells]
        budgets = [[slot_budgets[b] / self.users[b]] * self.users[b] for b in cells]
        opening = self._tilted(actions, budgets) if config.action == "price" else oracles.opening_powers(actions, budgets)
        kept: Any = config.damping if damping is None else damping
        k = config.num_iterations
        last = self._negotiated(opening, budgets, max(k - 1, 0), kept)
        self.powers = self._negotiated(opening, budgets, k, kept)
        c = oracles.ingr(self.powers, self.signal, self.cross)
        self.rates = oracles.rates(self.powers, c)
        self.sent, transmits = self.powers, self.rounds + 1 == config.rounds_per_slot
        if alpha > 0.0:
            worth = fairness_oracles.reward(self.past, self.rates, alpha, transmits)
        elif config.reward == "predicted" and k > 0:
            worth = oracles.believed_sum_rates(self.powers, last, self.signal, self.cross)
        else:
            worth = oracles.sum_rates(self.powers, c)
        if config.reward == "network":
            worth = [sum(worth) / len(worth)] * len(worth)
        elif config.reward == "user":
            worth = [one / sum(self.users) for one in worth]
        if transmits:
            self.past.append(self.rates)
            for b in cells:
                self.spent[b].append(math.fsum(p for band in self.powers[b] for p in band))
        self.rounds = 0 if transmits else self.rounds + 1
        if transmits and len(self.past) < config.num_slots and (self.restarts or len(self.slots) > 1):
            self._begin_slot()
        return [one if transmits or config.rounds_per_slot == 1 else one * config.measuring_reward for one in worth]

    def _tilted(self, actions: Cells, budgets: list[list[float]]) -> Cells:
        c = oracles.ingr(self.powers, self.signal, self.cross)
        if self.config.fairness == 0.0:
            costs = price_oracles.prices(self.powers, self.signal, self.cross)
            return price_oracles.tilted(actions, costs, c, budgets, self.p0)
        counts = fairness_oracles.weights(self.past, self.rates, self.config.fairness)
        costs = fairness_oracles.prices(self.powers, self.signal, self.cross, counts)
        return fairness_oracles.tilted(actions, costs, c, budgets, self.p0, counts)

    def _negotiated(self, opening: Cells, budgets: list[list[float]], k: int, kept: Any) -> Cells:
        rule = self.config.negotiation
        if rule != "pricing":
            return oracles.negotiate(opening, self.signal, self.cross, budgets, k, rule == "flwf", kept)
        if self.config.fairness == 0.0:
            return price_oracles.negotiate(opening, self.signal, self.cross, budgets, k, kept)
        return fairness_oracles.negotiate(opening, self.signal, self.cross, budgets, k, self.past, self.config.fairness)


def largest_error(seed: int, dtype: str) -> tuple[float, dict[str, Any]]:
    """How far the environment is from the loops on a random network and block, and the network's fields.

    Powers count over their user's nominal budget, and rewards over 1 bit/s/Hz or their own size, whichever is more.
    """
    generator = np.random.default_rng(seed)
    fields = random_network(generator, dtype)
    config = NetworkConfig(**fields)
    cells, is_moving = range(config.num_cells), bool(generator.random() < 0.4)
    shape = (config.num_cells, config.num_cells, config.num_bands, config.num_antennas, config.max_users)
    gains = np.array(config.mean_gains or oracles.mean_gains(config.num_cells, config.sir_db))
    slots = []
    for _ in range(config.num_slots if is_moving else 1):
        dense = (generator.normal(size=shape) + 1j * generator.normal(size=shape)) / math.sqrt(2.0)
        dense *= np.sqrt(gains)[:, :, None, None, None]
        slots.append(dense.astype(np.complex64) if dtype == "float32" else dense)  # what the environment plays on, and so the loops
    game = OracleGame(config, [dense.astype(np.complex128) for dense in slots])
    env = multicell_v0.parallel_env(observation="gain", channels=Scripted(slots) if is_moving else None, **fields)
    env.reset(seed=0, options=None if is_moving else {"channels": slots[0]})
    worst = 0.0
    for _ in range(config.num_slots * config.rounds_per_slot):
        actions = {agent: generator.uniform(-0.2, 1.2, env.action_space(agent).shape) for agent in env.agents}
        if config.action == "price":
            actions = {agent: 2.0 * action - 1.0 for agent, action in actions.items()}
        if generator.random() < 0.5:
            actions = {agent: action / config.num_bands for agent, action in actions.items()}  # so that power is left over
        if dtype == "float32":
            actions = {agent: action.astype(np.float32) for agent, action in actions.items()}
        given = [action.astype(np.float64) for action in actions.values()]
        damping = None
        if config.damping_in_action:
            damping = [np.clip(action[1], 0.0, 1.0).mean(axis=0).tolist() for action in given]
            given = [action[0] for action in given]
        _, rewards, _, _, infos = env.step(actions)
        expected = game.play([action.tolist() for action in given], damping)
        for b, agent in zip(cells, env.possible_agents, strict=True):
            scale = config.num_bands * game.p0[b]
            worst = max(worst, float(np.abs(infos[agent]["power"] - np.array(game.sent[b])).max()) / scale)
            worst = max(worst, abs(rewards[agent] - expected[b]) / max(1.0, abs(expected[b])))
    return worst, fields
