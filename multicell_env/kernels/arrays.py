"""What a round reads and writes, declared in the order of the kernel's arguments."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

PowersOfBlocks = Float[np.ndarray, "block cell band user"]


class SlotOutputs(NamedTuple):
    """Where a slot writes what is shown of it; `play_slots` takes these in this order."""

    static_planes: Float[np.ndarray, "block cell static_plane band user"]
    """What an observation shows that does not change from slot to slot, float32; read."""
    observations: Float[np.ndarray, "block cell plane band user"]
    """These planes, then `log_ingr` and `log_budget`; or those of "price"; float32."""
    transmitted_powers: PowersOfBlocks
    """Powers after the negotiation, in sigma^2."""

    @property
    def are_prices(self) -> bool:
        """Whether the observations are those of "price", of which more than `log_ingr` and `log_budget` changes."""
        return self.observations.shape[2] > self.static_planes.shape[2] + 2


NO_OUTPUTS = {
    dtype: SlotOutputs(np.zeros((0, 0, 0, 0, 0), np.float32), np.zeros((0, 0, 0, 0, 0), np.float32), np.zeros((0, 0, 0, 0), dtype))
    for dtype in (np.float32, np.float64)
}
"""Outputs that nobody asked for."""


class BlockArrays(NamedTuple):
    """What a slot reads and writes of its blocks; `play_slots` takes these last, in this order."""

    inverse_gains: PowersOfBlocks
    """1 / signal gain; read."""
    cross_gains: Float[np.ndarray, "block cell interferer band tx_user user"]
    """Read."""
    interferers: Int[np.ndarray, "cell interferer"]
    """Read."""
    users_per_cell: Int[np.ndarray, " cell"]
    """Read."""
    nominal_budgets: Float[np.ndarray, " cell"]
    """In sigma^2; read."""
    log_nominal: Float[np.ndarray, " cell"]
    """log10 of p0; read."""
    scale: np.floating
    """The unit of powers inside, in sigma^2."""
    slots_left: Int[np.ndarray, " block"]
    """T - t + 1; written."""
    rounds: Int[np.ndarray, " block"]
    """Rounds of the running slot that have been played; written."""
    power_budget: Float[np.ndarray, "block cell"]
    """P_b(t) (5), in sigma^2; written."""
    powers: PowersOfBlocks
    """In sigma^2; written."""
    ingr: PowersOfBlocks
    """(7), in sigma^2; written."""
    log_ingr: PowersOfBlocks
    """log10 of the INGR over p0, within `LOG_LIMIT`; written."""
    log_budget: Float[np.ndarray, "block cell"]
    """log10 of the budget over nominal; written."""


WRITTEN = ("slots_left", "rounds", "power_budget", "powers", "ingr", "log_ingr", "log_budget")
"""The `BlockArrays` that a slot writes."""


class PriceArrays(NamedTuple):
    """What a slot reads and writes where prices are heard."""

    prices: PowersOfBlocks
    """In nats per sigma^2; written."""
    measured_prices: PowersOfBlocks
    """The prices that actions tilt: the last ones, or what was measured in their place; read."""
    measured_ingr: PowersOfBlocks
    """The INGR that actions answer to, in sigma^2; read."""
    victims: Int[np.ndarray, "cell victim"]
    """Which cells each cell reaches, -1 for padding; read."""
    links: Int[np.ndarray, "cell victim"]
    """Where the gains of the cell's beams to a victim begin among the cross gains of a block; read."""
    nominal_powers: Float[np.ndarray, " cell"]
    """p0, in sigma^2; read."""
    offset: float
    """What a tilted price has added to it, times p0."""
    octaves: float
    """By how many factors of two an action of 1 raises a price."""
    acts: bool
    """Whether actions tilt prices; they are fractions of budgets otherwise."""
    negotiates: bool
    """Whether iterations respond to prices; they pour water otherwise."""
    shows: bool
    """Whether observations have the planes of "price"."""


class FairnessArrays(NamedTuple):
    """What a slot reads and writes where rates do not count alike; the arrays of users are flat."""

    past_rates: Float[np.ndarray, " user"]
    """Sum of the rates in past slots, bit/s/Hz; written."""
    rates: Float[np.ndarray, " user"]
    """Rates in the last round, bit/s/Hz; written."""
    weights: Float[np.ndarray, " user"]
    """What each rate counts, for prices that are heard and answered; written."""
    num_past: Int[np.ndarray, " block"]
    """How many past slots there are; written."""
    floor: float
    """What is added to average rates, bit/s/Hz."""
    unit: float
    """The average rate, bit/s/Hz, that counts 1, but for the floor."""
    alpha: float
    """The power of averages that rates count by."""


def victims_of(
    interferers: Int[np.ndarray, "cell interferer"], gains_of_link: int
) -> tuple[Int[np.ndarray, "cell victim"], Int[np.ndarray, "cell victim"]]:
    """`PriceArrays.victims` and `PriceArrays.links`; shorter rows are padded with -1.

    Args:
        interferers: The cells that reach each cell, -1 for padding.
        gains_of_link: Cross gains of one pair of cells.
    """
    num_cells, width = interferers.shape
    rows, places = np.nonzero(interferers >= 0)
    order = np.argsort(interferers[rows, places], kind="stable")
    senders, rows, places = interferers[rows, places][order], rows[order], places[order]
    counts = np.bincount(senders, minlength=num_cells)
    column = np.arange(len(senders)) - np.repeat(np.cumsum(counts) - counts, counts)
    victims, links = (np.full((num_cells, counts.max()), -1) for _ in range(2))
    victims[senders, column], links[senders, column] = rows, (rows * width + places) * gains_of_link
    return victims, links
