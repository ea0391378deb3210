"""Tensors of many blocks to those with users and blocks in one last axis, and back; see `multicell_env.model.folded`.

Nothing is copied where the blocks lie side by side in memory already.
"""

from jaxtyping import Float

from multicell_env.model.fairness import RunningRates
from multicell_env.model.folded import FoldedGains
from multicell_env.model.types import Array, Gains


def fold(array: Float[Array, "block *axes user"]) -> Float[Array, "*axes folded"]:
    """Blocks beside the users, in one axis."""
    moved = array.movedim(0, -1)
    return moved.reshape(*moved.shape[:-2], -1)


def unfold(array: Float[Array, "*axes folded"], num_blocks: int) -> Float[Array, "block *axes user"]:
    """Blocks first again."""
    return array.reshape(*array.shape[:-1], -1, num_blocks).movedim(-1, 0)


def folded_gains(gains: Gains) -> FoldedGains:
    """Gains `[block, cell, ...]` with the blocks last."""
    return FoldedGains(fold(gains.signal_gains), gains.cross_gains.movedim(0, -1), gains.interferers)


def folded_rates(running: RunningRates | None) -> RunningRates | None:
    """Rates of the past slots with the blocks last."""
    if running is None:
        return None
    past = running.past_rates
    return RunningRates(running.fairness, fold(past), fold(running.num_past.expand(len(past), 1, past.shape[-1])))
