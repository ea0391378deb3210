"""Networks that between them reach the corners of the model, and the bridge from padded arrays to the oracles' ragged lists."""

import math
from typing import NamedTuple

import numpy as np
import pytest

from multicell_env.channels.rayleigh import draw_channels
from multicell_env.config import NetworkConfig
from multicell_env.model.beamforming import beamforming_gains, zero_forcing
from multicell_env.model.types import Gains

SMALL = {"num_cells": 3, "num_antennas": 5, "num_users": 3, "num_bands": 4, "num_iterations": 3, "dtype": "float64"}
# Nobody reaches cell 2 but cell 0, and cell 1 hears nobody: rows of `interferers` have 2, 0 and 1 cells.
ASYMMETRIC = ((2.0, 0.0, 0.7), (0.5, 0.3, 0.0), (1.5, 0.0, 1.0))
CONFIGS = {
    "small": NetworkConfig(**SMALL),
    "as many users as antennas": NetworkConfig(**SMALL | {"num_antennas": 4, "num_users": 4}),
    "one band": NetworkConfig(**SMALL | {"num_bands": 1}),
    "one user": NetworkConfig(**SMALL | {"num_users": 1}),
    "one antenna": NetworkConfig(**SMALL | {"num_users": 1, "num_antennas": 1}),
    "one cell": NetworkConfig(**SMALL | {"num_cells": 1}),
    "more cells than bands": NetworkConfig(**SMALL | {"num_cells": 5, "num_bands": 2}),
    "no interference": NetworkConfig(**SMALL, sir_db=math.inf),
    "strong interference and signal": NetworkConfig(**SMALL, sir_db=-10, snr_db=60),
    "strong interference, weak signal": NetworkConfig(**SMALL, sir_db=-10, snr_db=-10),
    "weak interference and signal": NetworkConfig(**SMALL, sir_db=30, snr_db=-10),
    "weak interference, strong signal": NetworkConfig(**SMALL, sir_db=30, snr_db=60),
    "unequal users": NetworkConfig(**SMALL | {"num_users": (2, 4, 1)}),
    "asymmetric": NetworkConfig(**SMALL, mean_gains=ASYMMETRIC),
    "asymmetric, unequal users": NetworkConfig(**SMALL | {"num_users": (2, 5, 1)}, mean_gains=ASYMMETRIC),
    "damped": NetworkConfig(**SMALL, damping=0.5),
}
EVERY_CONFIG = pytest.mark.parametrize("config", [pytest.param(config, id=name) for name, config in CONFIGS.items()])


class Block(NamedTuple):
    """One drawn block, as the package's arrays and as the oracles' lists."""

    own: np.ndarray
    cross: np.ndarray
    beamformers: np.ndarray
    gains: Gains
    user_budgets: np.ndarray
    h: list
    signal: list
    heard: list
    budgets: list


def draw_block(config, seed=0):
    own, cross = draw_channels(config, np.random.default_rng(seed))
    beamformers = zero_forcing(own, config.user_mask)
    gains = beamforming_gains(own, cross, beamformers, config.interferers, config.user_mask)
    user_budgets = config.split_among_users(config.nominal_budgets)
    lists = ragged_channels(config, own, cross), ragged(config, gains.signal_gains), ragged_cross_gains(config, gains.cross_gains)
    return Block(own, cross, beamformers, gains, user_budgets, *lists, ragged(config, user_budgets))


def draw_gains(config, num_blocks, seed=0):
    """Gains of a batch of blocks from one generator."""
    generator = np.random.default_rng(seed)
    own, cross = (np.stack(arrays) for arrays in zip(*(draw_channels(config, generator) for _ in range(num_blocks)), strict=True))
    return beamforming_gains(own, cross, zero_forcing(own, config.user_mask), config.interferers, config.user_mask)


def block_of(gains, index):
    """One block of a batch."""
    return Gains(gains.signal_gains[index], gains.cross_gains[index], gains.interferers)


def draw_powers(config, seed=0):
    """Powers of nominal size, every third of them zero."""
    generator = np.random.default_rng(seed)
    shape = (config.num_cells, config.num_bands, config.max_users)
    powers = generator.random(shape) * (generator.random(shape) < 2 / 3) * config.nominal_powers[:, None, None]
    return powers * config.user_mask[:, None, :]


def ragged(config, array):
    """[cell, ..., user] as lists without the padded users."""
    return [array[cell, ..., :users].tolist() for cell, users in enumerate(config.users_per_cell)]


def ragged_channels(config, own, cross):
    h = [[None] * config.num_cells for _ in range(config.num_cells)]
    for rx, users in enumerate(config.users_per_cell):
        h[rx][rx] = own[rx, ..., :users].tolist()
        for i, tx in enumerate(config.interferers[rx]):
            if tx >= 0:
                h[tx][rx] = cross[rx, i, ..., :users].tolist()
    return h


def ragged_cross_gains(config, gains):
    heard = [[None] * config.num_cells for _ in range(config.num_cells)]
    for rx, users in enumerate(config.users_per_cell):
        for i, tx in enumerate(config.interferers[rx]):
            if tx >= 0:
                heard[tx][rx] = gains[rx, i, :, : config.users_per_cell[tx], :users].tolist()
    return heard


def assert_equal(config, array, expected):
    """The array without its padding is the oracle's ragged list, to ten digits of every entry.

    The absolute part is for entries that are small differences of large numbers: they keep twelve digits of the largest entry.
    """
    for cell, (actual, of_cell) in enumerate(zip(ragged(config, array), expected, strict=True)):
        of_cell = np.array(of_cell)
        scale = np.max(np.abs(of_cell))
        np.testing.assert_allclose(actual, of_cell, rtol=1e-10, atol=1e-12 * scale, err_msg=f"cell {cell}")
