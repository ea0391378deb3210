"""What the contract's tests share: the networks that they play on, whole episodes on record, and a comparison bit for bit."""

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

from multicell_env import MulticellEnv, NetworkConfig

Make = Callable[..., MulticellEnv]

NETWORKS: dict[str, dict[str, Any]] = {
    "equal users": {"num_antennas": 4, "num_users": 3, "num_bands": 4, "num_slots": 4},
    "unequal users": {"num_antennas": 4, "num_users": (2, 4, 1), "num_bands": 5, "num_slots": 3},
    "no negotiation": {"num_antennas": 4, "num_users": (2, 4, 1), "num_bands": 3, "num_slots": 4, "num_iterations": 0},
    "one cell": {"num_cells": 1, "num_antennas": 3, "num_users": 2, "num_bands": 4, "num_slots": 3},
    "no interference": {"num_antennas": 3, "num_users": 2, "num_bands": 4, "num_slots": 3, "sir_db": math.inf},
    "network reward": {"num_antennas": 4, "num_users": (3, 1, 2), "num_bands": 4, "num_slots": 3, "reward": "network"},
    # Cell 0 hears both others, cell 1 only cell 0, cell 2 nobody; the own gains differ, and with them the power budgets.
    "lopsided gains": {
        "num_antennas": 4,
        "num_users": (1, 3, 2),
        "num_bands": 4,
        "num_slots": 3,
        "mean_gains": ((0.5, 0.3, 0.0), (0.2, 2.0, 0.0), (0.7, 0.0, 1.0)),
    },
    "one band, one slot": {"num_antennas": 2, "num_users": (1, 2, 1), "num_bands": 1, "num_slots": 1},
}
"""One network for every case that the environment treats in its own way. Small, so that the whole contract is played in seconds."""
for network in NETWORKS.values():
    network["dtype"] = "float64"  # so that formulas can be held to their last digits; test_kernels.py compares the two precisions


def random_actions(env: Any, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Uniform actions for the agents that still play. Users ask for F/2 of their budget on average, so most are scaled down."""
    return {agent: generator.random(env.action_space(agent).shape, dtype=np.float32) for agent in env.agents}


def thrifty_actions(env: Any, generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Uniform actions of which no user asks for more than its budget, so that without negotiation some power is left."""
    return {agent: action / np.float32(action.shape[0]) for agent, action in random_actions(env, generator).items()}


def play(
    env: MulticellEnv,
    seed: int | None = 0,
    options: dict[str, Any] | None = None,
    *,
    action_seed: int = 0,
    slots: int | None = None,
    act: Callable[..., dict[str, np.ndarray]] = random_actions,
) -> list[Any]:
    """Play a block (or its first slots) and return everything that the environment gave, as it was at that moment."""
    record = [deepcopy((env.reset(seed=seed, options=options), env.state()))]
    return record + play_on(env, np.random.default_rng(action_seed), slots=slots, act=act)


def play_on(
    env: MulticellEnv,
    generator: np.random.Generator,
    *,
    slots: int | None = None,
    act: Callable[..., dict[str, np.ndarray]] = random_actions,
) -> list[Any]:
    """Play a begun block for some slots, or to its end, and return everything that the environment gave."""
    record = []
    while env.agents and (slots is None or len(record) < slots):
        record.append(deepcopy((env.step(act(env, generator)), env.state(), env.hold(), list(env.agents))))
    return record


def same(left: Any, right: Any) -> bool:
    """Equal bit for bit, types and order of keys included."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
    return bool(left == right)


def arrays_in(given: Any) -> list[np.ndarray]:
    """Every array inside nested dicts, lists and tuples."""
    if isinstance(given, np.ndarray):
        return [given]
    if isinstance(given, dict):
        given = list(given.values())
    return [array for part in given for array in arrays_in(part)] if isinstance(given, list | tuple) else []


def recorded_channels(config: NetworkConfig, seed: int = 0) -> np.ndarray:
    """A dense recording `[tx_cell, rx_cell, band, antenna, user]`. Padded users are NaN, since nobody may read them."""
    generator = np.random.default_rng(seed)
    shape = (config.num_cells, config.num_cells, config.num_bands, config.num_antennas, max(users_of(config)))
    channels = (generator.normal(size=shape) + 1j * generator.normal(size=shape)) / math.sqrt(2.0)
    for tx in range(config.num_cells):
        for rx, num_users in enumerate(users_of(config)):
            channels[tx, rx] *= math.sqrt(mean_gain(config, tx, rx))
            channels[tx, rx, ..., num_users:] = np.nan
    return channels


def users_of(config: NetworkConfig) -> list[int]:
    """Number of users in each cell."""
    return list(config.num_users) if isinstance(config.num_users, tuple) else [config.num_users] * config.num_cells


def mean_gain(config: NetworkConfig, tx: int, rx: int) -> float:
    """a_{tx,rx}: 1 on the diagonal, 1/SIR elsewhere (23), or the matrix that was given."""
    if config.mean_gains is not None:
        return config.mean_gains[tx][rx]
    return 1.0 if tx == rx else 10.0 ** (-config.sir_db / 10.0)
