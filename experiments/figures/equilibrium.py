"""The steady state of the negotiation: single iterations until no power moves any more."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from multicell_env.blocks import Blocks
from multicell_env.config import Negotiation

TOLERANCE = 1e-3
"""A block has settled after the first iteration that changes no power by more than this share of its user's slot budget.

Near SIR 10 dB blocks may stay close to equal powers for hundreds of iterations before the cells part. A smaller tolerance lets more of them
part, so capacity there depends on it.
"""
MOST_ITERATIONS = 1000
"""Iterations after which a block that has not settled is left where it is."""


@dataclass(frozen=True)
class Settling:
    """Where the negotiation of each block went. Capacities are average cell capacities, (19)/B, in bit/s/Hz."""

    curve: Float[np.ndarray, "block iteration"]
    """Capacity after each of all iterations that there may be; a block that has settled stays where it is."""
    iterations: Int[np.ndarray, " block"]
    """After how many iterations it settled; 0 if it did not."""

    @property
    def capacity(self) -> Float[np.ndarray, " block"]:
        """Capacity where the block settled, or after the last iteration."""
        return self.curve[:, -1]

    def iterations_to(self, share: float) -> Int[np.ndarray, " block"]:
        """After how many iterations the capacity stays within this share of where it ends."""
        far = np.abs(self.curve - self.curve[:, -1:]) > share * self.curve[:, -1:]
        return 1 + np.where(far.any(axis=1), far.shape[1] - far[:, ::-1].argmax(axis=1), 0)


def settle(
    blocks: Blocks,
    opening: Float[np.ndarray, "block cell *plane band user"],
    *,
    negotiation: Negotiation = "flwf",
    most_iterations: int = MOST_ITERATIONS,
) -> Settling:
    """Iterate (15) until |p^i[f] - p^(i-1)[f]| <= 1e-3 P_b(t)/U_b in every band of every user of a block.

    Nobody transmits meanwhile, so the budgets stay those of the coming slot. A block that has settled stays where it is.

    Args:
        blocks: The blocks before a slot. Some of them play on while others do, so what they hold afterwards is no result: `restart` them.
        opening: Fractions of each user's slot budget, as an action.
        negotiation: The rule.
        most_iterations: When to give up.
    """
    curve, iterations = np.zeros((len(blocks), most_iterations)), np.zeros(len(blocks), dtype=np.int64)
    playing, rows = blocks, np.arange(len(blocks))
    playing.play_slot(opening, num_iterations=0, transmit=False)
    played = 0
    while played < most_iterations and len(rows):
        before = playing.powers.copy()
        rates = playing.play_slot(playing.hold(), num_iterations=1, negotiation=negotiation, transmit=False)
        moving = iterations[rows] == 0
        curve[:, played] = curve[:, played - 1]
        curve[rows[moving], played] = rates[moving].mean(axis=-1, dtype=np.float64)
        played += 1
        changes = np.abs(playing.powers - before).max(axis=-2)
        rests = (changes <= TOLERANCE * playing.user_budgets).all(axis=(-2, -1))
        iterations[rows[moving & rests]] = played
        still = np.flatnonzero(iterations[rows] == 0)
        if 2 * len(still) <= len(rows):  # then leaving out those that rest pays for the copy of the others' gains
            playing, rows = _part(playing, still), rows[still]
    curve[:, played:] = curve[:, played - 1 : played]
    return Settling(curve, iterations)


def _part(blocks: Blocks, rows: Int[np.ndarray, " row"]) -> Blocks:
    """Some of the blocks, as they stand."""
    part = Blocks(blocks.config, len(rows))
    part.gains.signal_gains[:] = blocks.gains.signal_gains[rows]
    part.gains.cross_gains[:] = blocks.gains.cross_gains[rows]
    for name in ("inverse_gains", "powers", "ingr", "log_ingr", "prices", "power_budget", "log_budget", "slots_left", "rounds"):
        getattr(part, name)[:] = getattr(blocks, name)[rows]
    part.hears_prices = blocks.hears_prices
    return part
