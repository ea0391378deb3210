"""WMMSE from where pricing ends: on recorded channels its own starts end below pricing in some blocks."""

from dataclasses import replace

import numpy as np

from multicell_env.allocations.climbing import climb
from multicell_env.allocations.planning import planned_allocation
from multicell_env.allocations.simple import uniform_allocation
from multicell_env.channels.pool import RecordedChannels
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.playing import fractions_of
from multicell_env.evaluation.record import Record, Slot
from multicell_env.evaluation.results import MethodResult
from multicell_env.evaluation.unseen_blocks import draw_blocks

NAME = "wmmse_from_pricing"
"""In tables and files."""
ITERATIONS = 50
"""Of pricing before a climb: as many as ten slots have at k = 5."""
LEAK = 0.02
"""Share of uniform power in a start: a power of zero would stay zero."""


def wmmse_from_pricing(config: NetworkConfig, *, num_blocks: int, seed: int, channels: RecordedChannels) -> MethodResult:
    """The best of the climbs from the ends of pricing, begun with uniform power and with the plan; the same in every slot.

    It belongs to the best known, beside `wmmse`, and needs all channels.

    Args:
        config: The network.
        num_blocks: Blocks to play.
        seed: Block i is the one that `env.reset(seed=seed + i)` draws.
        channels: Where they are from; they stay for the whole block.
    """
    config = replace(config, action="powers", rounds_per_slot=1)
    blocks = draw_blocks(config, num_blocks, seed, channels=channels)
    budgets, uniform = blocks.user_budgets, uniform_allocation(blocks.gains, blocks.user_budgets)
    ends = []
    for opening in (uniform, planned_allocation(blocks.gains, budgets, config)):
        blocks.restart()
        blocks.play_slot(fractions_of(opening, blocks), num_iterations=ITERATIONS, negotiation="pricing", transmit=True)
        start = (1.0 - LEAK) * blocks.powers.astype(np.float64) + LEAK * uniform
        ends.append(climb(blocks.gains, budgets, start, fairness=config.fairness))
    first, second = ends
    is_second = second.worth[:, -1] > first.worth[:, -1]
    blocks.restart()
    slot = Slot.of_powers(np.where(is_second[:, None, None, None], second.powers, first.powers), blocks)
    record = Record.of([slot] * config.num_slots, config.user_mask)
    return MethodResult(NAME, record.per_slot, "channels", np.nan, user_rates=tuple(record.user_rates[:, None]))
