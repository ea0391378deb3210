"""Allocations that neither learn nor negotiate: random, uniform, fixed reuse, and the best exclusive assignment."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from multicell_env.beamforming import Gains
from multicell_env.interference import Powers, log2_of_1_plus
from multicell_env.waterfilling import water_fill

MAX_BANDS = 12
"""The most bands that `best_assignment` searches."""
UserBudgets = Float[np.ndarray, "*#batch cell user"]


def random_allocation(gains: Gains, user_budgets: UserBudgets, generator: np.random.Generator) -> Powers:
    """Every user spends its whole budget, split over the bands by independent uniform numbers.

    Args:
        gains: Gains of the block; only their shape is read.
        user_budgets: What each user spends over its bands in the slot, in sigma^2.
        generator: Source of the split.
    """
    weights = 1.0 - generator.random(gains.signal_gains.shape)  # in (0, 1], so that no user is left without a band
    return weights / weights.sum(axis=-2, keepdims=True) * user_budgets[..., None, :]


def uniform_allocation(gains: Gains, user_budgets: UserBudgets) -> Powers:
    """Every user spreads its budget evenly over all bands."""
    num_bands = gains.signal_gains.shape[-2]
    return np.broadcast_to(user_budgets[..., None, :] / num_bands, gains.signal_gains.shape).copy()


def reuse_allocation(gains: Gains, user_budgets: UserBudgets) -> Powers:
    """Fixed frequency reuse: cell b owns bands b, b + B, ... and its users water-fill over them.

    With fewer bands than cells, cell b shares band b mod F, so that no cell is silent.
    """
    num_cells, num_bands = gains.signal_gains.shape[-3:-1]
    bands, cells = np.arange(num_bands), np.arange(num_cells)[:, None]
    owned = (bands % num_cells == cells) if num_bands >= num_cells else (bands == cells % num_bands)
    return _water_fill_within(owned, gains, user_budgets)


class Assignment(NamedTuple):
    """The best way to give every band to exactly one cell."""

    owners: Int[np.ndarray, "*batch band"]
    """Which cell owns each band."""
    powers: Powers
    """Transmit powers: each user water-fills over its cell's bands."""
    sum_rates: Float[np.ndarray, "*batch cell"]
    """Rate of each cell, bit/s/Hz; nobody interferes with anybody."""


def best_assignment(gains: Gains, user_budgets: UserBudgets) -> Assignment:
    """The exclusive band-to-cell assignment with the largest network sum rate: the assignment bound.

    A centralised reference that needs every cell's channels. Exact: a cell's rate depends only on which bands it owns, so
    the B^F assignments are searched exhaustively by dynamic programming over subsets of bands (each cell takes a subset of
    what the cells before it left), in O(B 3^F) instead of O(B^F).

    Args:
        gains: Gains of the blocks.
        user_budgets: What each user spends over its bands in the slot, in sigma^2.

    Raises:
        ValueError: more than `MAX_BANDS` bands, whose 3^F subset pairs would take minutes and gigabytes.
    """
    *batch, num_cells, num_bands, _ = gains.signal_gains.shape
    if num_bands > MAX_BANDS:
        raise ValueError(
            f"best_assignment searches exhaustively, for at most {MAX_BANDS} bands; got F={num_bands}. "
            "Lower num_bands, or leave this bound out."
        )
    subsets = (np.arange(2**num_bands)[:, None] >> np.arange(num_bands)) & 1 == 1
    rates = np.stack([_rates_alone(subset, gains, user_budgets) for subset in subsets], axis=-1)

    # best[s]: largest sum rate of the cells so far if they own exactly the bands in s; taken[b][s]: which of them cell b has.
    best, taken = rates[..., 0, :], []
    for cell in range(1, num_cells):
        candidates, parts = np.empty_like(best), np.empty(best.shape, dtype=np.int64)
        for owned in range(2**num_bands):
            part = _subsets_of(owned)
            totals = best[..., owned ^ part] + rates[..., cell, part]
            choice = np.argmax(totals, axis=-1)
            parts[..., owned] = part[choice]
            candidates[..., owned] = np.take_along_axis(totals, choice[..., None], axis=-1)[..., 0]
        best = candidates
        taken.append(parts)

    left: Any = np.full(batch, 2**num_bands - 1)
    owners = np.zeros((*batch, num_bands), dtype=np.int64)
    for cell in range(num_cells - 1, 0, -1):
        part = np.take_along_axis(taken[cell - 1], left[..., None], axis=-1)[..., 0]
        owners[subsets[part]] = cell
        left = left ^ part

    owned = np.equal(owners[..., None, :], np.arange(num_cells)[:, None])
    powers = _water_fill_within(owned, gains, user_budgets)
    return Assignment(owners, powers, log2_of_1_plus(powers * gains.signal_gains).sum(axis=(-2, -1)))


def _subsets_of(owned: int) -> Int[np.ndarray, " subset"]:
    """All bit masks whose bits are bits of `owned`."""
    return np.flatnonzero(np.equal(np.arange(owned + 1) & ~owned, 0))


def _rates_alone(subset: Bool[np.ndarray, " band"], gains: Gains, user_budgets: UserBudgets) -> Float[np.ndarray, "*batch cell"]:
    """Sum rate of each cell if it owned these bands and nobody else transmitted there, bit/s/Hz."""
    if not subset.any():
        return np.zeros(gains.signal_gains.shape[:-2])
    signal_gains = gains.signal_gains[..., subset, :]
    powers = water_fill(1.0 / signal_gains, user_budgets)
    return log2_of_1_plus(powers * signal_gains).sum(axis=(-2, -1))


def _water_fill_within(owned: Bool[np.ndarray, "*batch cell band"], gains: Gains, user_budgets: UserBudgets) -> Powers:
    """Every user water-fills over the bands that its cell owns; a cell without bands stays silent."""
    levels = 1.0 / gains.signal_gains
    # A band that is not owned costs more than any water can cover: all owned levels plus the whole budget.
    too_high = levels.max(axis=-2, keepdims=True) + user_budgets[..., None, :] + 1.0
    budgets = user_budgets * np.any(owned, axis=-1)[..., None]
    return water_fill(np.where(owned[..., None], levels, too_high), budgets)
