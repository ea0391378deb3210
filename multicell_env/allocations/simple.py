"""Allocations that neither search nor negotiate: random, uniform and fixed reuse."""

import numpy as np
from jaxtyping import Float

from multicell_env.model.types import Gains, Powers
from multicell_env.model.waterfilling import water_fill_within

UserBudgets = Float[np.ndarray, "*#batch cell user"]


def random_allocation(gains: Gains, user_budgets: UserBudgets, generator: np.random.Generator) -> Powers:
    """Every user spends its whole budget, split over the bands by independent uniform numbers.

    Args:
        gains: Gains of the blocks; only their shape is used.
        user_budgets: Power that each user spends over its bands in the slot, in sigma^2.
        generator: Random generator.
    """
    weights = 1.0 - generator.random(gains.signal_gains.shape)  # in (0, 1], so that every user has a band
    return weights / weights.sum(axis=-2, keepdims=True) * user_budgets[..., None, :]


def uniform_allocation(gains: Gains, user_budgets: UserBudgets) -> Powers:
    """Every user spends its whole budget, spread evenly over all bands.

    Args:
        gains: Gains of the blocks.
        user_budgets: Power that each user spends over its bands in the slot, in sigma^2.
    """
    num_bands = gains.signal_gains.shape[-2]
    return np.broadcast_to(user_budgets[..., None, :] / num_bands, gains.signal_gains.shape).copy()


def reuse_allocation(gains: Gains, user_budgets: UserBudgets) -> Powers:
    """Fixed frequency reuse: cell b owns bands b, b + B, ... and its users water-fill over them.

    With fewer bands than cells, cell b uses band b mod F, which it shares with others, so that no cell is silent.

    Args:
        gains: Gains of the blocks.
        user_budgets: Power that each user spends over its bands in the slot, in sigma^2.
    """
    num_cells, num_bands = gains.signal_gains.shape[-3:-1]
    bands, cells = np.arange(num_bands), np.arange(num_cells)[:, None]
    owned = (bands % num_cells == cells) if num_bands >= num_cells else (bands == cells % num_bands)
    return water_fill_within(owned, gains, user_budgets)
