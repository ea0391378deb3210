"""Playing allocation methods and policies on the same unseen blocks."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import numpy as np
from jaxtyping import Float

from multicell_env import streams
from multicell_env.allocations.registry import ALLOCATIONS, METHODS, PILOTS, Allocation
from multicell_env.allocations.simple import uniform_allocation
from multicell_env.blocks import Blocks
from multicell_env.channels.model import ChannelModel
from multicell_env.channels.pool import Channels
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.policies import AnyPolicy, begin, decide, has_reset, is_stacked
from multicell_env.evaluation.record import Record, Slot
from multicell_env.evaluation.results import NOTHING_MEASURED, Measurements, MethodResult
from multicell_env.evaluation.timing import median_ms
from multicell_env.evaluation.unseen_blocks import FIRST_SEED, draw_blocks, error_streams, judged_on
from multicell_env.model.types import Powers
from multicell_env.observation import Observation, Observer

Clock = Callable[[Callable[[Blocks], object]], float]
"""A function that measures the time of a decision on one block, ms."""

DEFAULT_ITERATIONS = 5
"""Iterations in a slot of a negotiated allocation if the network's k is 0."""


def play(
    policy: AnyPolicy,
    blocks: Blocks,
    observation: Observation,
    *,
    batched: bool = False,
    acting_slots: int | None = None,
    errors: Sequence[np.random.Generator] = (),
    seed: int = FIRST_SEED,
) -> Float[np.ndarray, "block slot"]:
    """Average cell capacity of a policy in every slot, bit/s/Hz. Arguments and errors as for `record_of`."""
    return record_of(policy, blocks, observation, batched=batched, acting_slots=acting_slots, errors=errors, seed=seed).per_slot


def record_of(
    policy: AnyPolicy,
    blocks: Blocks,
    observation: Observation,
    *,
    batched: bool = False,
    acting_slots: int | None = None,
    errors: Sequence[np.random.Generator] = (),
    seed: int = FIRST_SEED,
) -> Record:
    """Play a policy.

    Args:
        policy: A callable from observations of all agents to their actions.
        blocks: New blocks, which are played to their end.
        observation: The observation of the policy.
        batched: True calls it once per slot with arrays `{agent: [block, ...]}`; False once per slot and block.
        acting_slots: Number of slots in which it acts, before the negotiation continues from the last powers; by default all. 1 is the
            paper's online algorithm.
        errors: Generators of measurement errors, from `error_streams`, if the network has errors.
        seed: Seed of the policy's own random numbers.

    Raises:
        ValueError: `acting_slots` is below 1, `errors` do not fit the blocks, or several blocks are given to a policy with `reset` that
            takes one block at a time.
    """
    if acting_slots is not None and acting_slots < 1:
        raise ValueError(f"acting_slots must be at least 1; got {acting_slots}. Give a positive whole number, or None for all slots.")
    batched = batched or is_stacked(policy)
    if has_reset(policy) and not batched and len(blocks) > 1:
        raise ValueError(
            f"a policy with reset that takes one block at a time plays one block; got {len(blocks)}. Play them one by one, or let it take "
            "all at once with batched=True."
        )
    if len(errors) != (len(blocks) if blocks.config.measurement_error_db > 0.0 else 0):
        raise ValueError(
            f"there must be errors for each of the blocks where the network has them, and none elsewhere; got {len(errors)} for "
            f"{len(blocks)} blocks at {blocks.config.measurement_error_db:g} dB. Give error_streams of these blocks."
        )
    if errors:
        blocks.measure(range(len(blocks)), errors)
    begin(policy, len(blocks), seed)
    rounds, last = blocks.config.rounds_per_slot, acting_slots or blocks.config.num_slots
    slots, observer = [], Observer(observation, blocks)
    for step in range(blocks.config.num_steps):
        actions = decide(policy, observer, batched) if step < last * rounds else blocks.hold()
        sum_rates = blocks.play_slot(actions)
        if (step + 1) % rounds == 0:
            slots.append(Slot.played(blocks, sum_rates))
        observer.advance()
        if errors:
            blocks.measure(range(len(blocks)), errors)
    return Record.of(slots, blocks.network.user_mask)


def evaluate_policy(
    name: str,
    policy: AnyPolicy,
    config: NetworkConfig | None,
    *,
    observation: Observation,
    num_blocks: int = 200,
    seed: int = FIRST_SEED,
    batched: bool = False,
    acting_slots: int | None = None,
    timed: bool = True,
    channels: Channels | None = None,
) -> MethodResult:
    """Play a policy on the unseen blocks of `evaluate_allocations`.

    Arguments are as for `play` and `evaluate_allocations`. Without `timed` the time of a decision is not measured, and is NaN. A policy
    with `reset` that takes one block at a time plays the blocks one after another.
    """
    config, model, num_blocks = judged_on(config, channels, num_blocks)
    batched = batched or is_stacked(policy)
    size = 1 if has_reset(policy) and not batched and num_blocks > 1 else num_blocks
    settings: dict[str, Any] = {"batched": batched, "acting_slots": acting_slots}
    firsts = range(seed, seed + max(num_blocks, 1), max(size, 1))
    records = [
        record_of(
            policy,
            draw_blocks(config, size, first, channels=model),
            observation,
            errors=error_streams(config, size, first),
            seed=first,
            **settings,
        )
        for first in firsts
    ]

    steps_timed = count()

    def play_one(block: Blocks) -> None:
        if next(steps_timed) % config.num_steps == 0:
            begin(policy, 1, seed)
        block.play_slot(decide(policy, Observer(observation, block), batched))

    return MethodResult(
        name,
        np.concatenate([record.per_slot for record in records]),
        "own",
        median_ms(play_one, draw_blocks(config, 1, seed, channels=model)) if timed else np.nan,
        acting_slots=acting_slots,
        user_rates=tuple(user_rates for record in records for user_rates in record.user_rates[:, None]),
        measurements=measurements_of(observation, config),
    )


def measurements_of(observation: Observation, config: NetworkConfig) -> Measurements:
    """The measurements that a policy needs with this observation and the rules of this network.

    A step has one measurement round per iteration. Without iterations it has one round, whose INGR the next step observes.

    Args:
        observation: "csi", "gain" or "price".
        config: The network.
    """
    hears = observation == "price" or config.action == "price" or (config.negotiation == "pricing" and config.num_iterations > 0)
    return Measurements(config.rounds_per_slot * max(config.num_iterations, 1), PILOTS["pricing" if hears else "flwf"])


def evaluate_allocations(
    config: NetworkConfig | None = None,
    *,
    num_blocks: int = 200,
    seed: int = FIRST_SEED,
    methods: Collection[str] = METHODS,
    timed: bool = True,
    channels: Channels | None = None,
) -> list[MethodResult]:
    """Play the allocation methods of `multicell_env.allocations.registry.ALLOCATIONS`.

    Negotiations have k iterations per slot (5 if the network's k is 0); FLWF and IWF start from `NUM_STARTS` random powers per block. The
    exclusive assignment is `assignment_bound` up to `MAX_BANDS` bands, and `greedy_assignment` beyond, where an exact search takes too
    long. `fp` is `wmmse` with a single start instead of the best of several.

    If channels move, or a schedule changes the served users, every method decides again in every slot, on the slot's channels. Negotiations
    then restart from their initial powers, and the other methods spend the nominal budget.

    Args:
        config: The network; the paper's (8, 4) network by default, or that of recorded channels.
        num_blocks: Number of unseen blocks; for recorded channels at most the number of blocks in the part.
        seed: Block i is the one that `env.reset(seed=seed + i)` draws.
        methods: Methods from `METHODS`. Those that cannot be played on this network are left out. Results do not depend on other methods.
        timed: Whether to measure the time of a decision, with up to 16 decisions of each method; NaN otherwise.
        channels: A channel model, or a pool of recorded channels: an array, a file, or `RecordedChannels`, by default its test part.

    Raises:
        ValueError: fewer than one block, an unknown method, or channels that do not fit the network.
    """
    if unknown := sorted(set(methods) - set(METHODS)):
        raise ValueError(f"methods must be some of {METHODS}; got {unknown}. Leave them out.")
    config, model, num_blocks = judged_on(config, channels, num_blocks)
    config = replace(config, action="powers")  # allocations are powers, whatever the action of the network
    blocks = draw_blocks(config, num_blocks, seed, channels=model)

    def clock(decide: Callable[[Blocks], object]) -> float:
        return median_ms(decide, draw_blocks(config, 1, seed, channels=model)) if timed else np.nan

    chosen = [allocation for allocation in ALLOCATIONS.values() if allocation.name in methods and allocation.is_possible(config)]
    return [_played(allocation, blocks, model, seed, clock) for allocation in chosen]


def _played(allocation: Allocation, blocks: Blocks, channels: ChannelModel | None, seed: int, clock: Clock) -> MethodResult:
    stream = streams.STARTS if allocation.kind == "negotiated" else streams.ALLOCATIONS
    generator, num_slots = streams.generator(seed, stream), blocks.config.num_slots

    def allocate(some: Blocks) -> Powers:
        return allocation.allocate(some.gains, some.user_budgets, some.config, generator)

    anew = partial(_slot_by_slot, allocation, blocks.network, channels, len(blocks), seed, generator)
    std_over_starts = None
    if allocation.kind == "negotiated":
        starts = [
            anew() if blocks.moves or blocks.restarts else _negotiated(allocation, blocks, allocate) for _ in range(allocation.num_starts)
        ]
        if allocation.num_starts > 1:
            std_over_starts = float(np.std([start.per_slot[:, -1] for start in starts], axis=0, ddof=1).mean())
        # The time of a slot does not depend on its initial powers.
        ms = clock(lambda one: _iterated(allocation, one, fractions_of(uniform_allocation(one.gains, one.user_budgets), one)))
    elif blocks.moves:
        starts, ms = [anew()], clock(allocate)
    else:
        draws = 1 if allocation.kind == "static" else num_slots
        slots = [Slot.of_powers(allocate(blocks), blocks) for _ in range(draws)] * (num_slots // draws)
        starts, ms = [Record.of(slots, blocks.network.user_mask)], clock(allocate)
    return MethodResult(
        allocation.name,
        np.mean([start.per_slot for start in starts], axis=0),
        allocation.knowledge,
        ms,
        std_over_starts,
        allocation.is_bound(blocks.config),
        user_rates=tuple(np.stack([start.user_rates for start in starts], axis=1)),
        measurements=Measurements(_iterations(blocks.config), allocation.pilots) if allocation.pilots else NOTHING_MEASURED,
    )


def _negotiated(allocation: Allocation, blocks: Blocks, allocate: Callable[[Blocks], Powers]) -> Record:
    """A negotiation from one start, with k iterations per slot."""
    blocks.restart()
    slots = [_iterated(allocation, blocks, fractions_of(allocate(blocks), blocks))]
    slots += [_iterated(allocation, blocks, blocks.hold()) for _ in range(1, blocks.config.num_slots)]
    blocks.restart()
    return Record.of(slots, blocks.network.user_mask)


def _slot_by_slot(
    allocation: Allocation,
    config: NetworkConfig,
    channels: ChannelModel | None,
    num_blocks: int,
    seed: int,
    generator: np.random.Generator,
) -> Record:
    """An allocation that is computed again in every slot, because channels move or other users are served."""
    # Moved channels cannot be restored, so every method plays its own blocks, drawn from the same seed.
    blocks, slots = draw_blocks(config, num_blocks, seed, channels=channels), []
    nominal = blocks.user_budgets
    for _ in range(config.num_slots):
        is_negotiated = allocation.kind == "negotiated"
        powers = allocation.allocate(blocks.gains, blocks.user_budgets if is_negotiated else nominal, blocks.config, generator)
        if is_negotiated:
            slots.append(_iterated(allocation, blocks, fractions_of(powers, blocks)))
        else:
            slots.append(Slot.of_powers(powers, blocks))
            blocks.play_slot(fractions_of(powers, blocks), num_iterations=0, transmit=True)
        blocks.advance()
    return Record.of(slots, config.user_mask)


def _iterated(allocation: Allocation, blocks: Blocks, fractions: np.ndarray) -> Slot:
    k = _iterations(blocks.config)
    return Slot.played(blocks, blocks.play_slot(fractions, num_iterations=k, negotiation=allocation.negotiation, transmit=True))


def _iterations(config: NetworkConfig) -> int:
    """Iterations of a negotiated allocation in a slot."""
    return config.num_iterations or DEFAULT_ITERATIONS


def fractions_of(powers: Powers, blocks: Blocks) -> Float[np.ndarray, "block cell band user"]:
    """Powers as fractions of each user's slot budget."""
    budgets = blocks.user_budgets[..., None, :]
    return np.divide(powers, budgets, out=np.zeros(powers.shape), where=budgets > 0)
