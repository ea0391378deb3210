"""Recording negotiations of policies and allocations round by round over a whole block."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from multicell_env import streams
from multicell_env.allocations.registry import ALLOCATIONS
from multicell_env.blocks import Blocks
from multicell_env.channels.model import ChannelModel
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.animation import Fractions, Negotiation
from multicell_env.evaluation.playing import DEFAULT_ITERATIONS, fractions_of
from multicell_env.evaluation.policies import AnyPolicy, begin, decide, is_batched, observation_of
from multicell_env.evaluation.unseen_blocks import draw_blocks, error_streams
from multicell_env.model.types import Powers
from multicell_env.observation import Observer
from multicell_env.rendering import relative_powers


def in_rounds(config: NetworkConfig) -> NetworkConfig:
    """The same game with every iteration as a round of its own: R k rounds per slot, with one iteration each.

    With `action="price"`, or without iterations, the network is returned unchanged.
    """
    if config.num_iterations == 0 or config.action == "price":
        return config
    return replace(config, rounds_per_slot=config.rounds_per_slot * config.num_iterations, num_iterations=1)


def follow_policy(
    policy: AnyPolicy,
    config: NetworkConfig,
    seed: int,
    *,
    num_blocks: int = 1,
    acting_slots: int | None = None,
    channels: ChannelModel | None = None,
) -> Negotiation:
    """Record a policy round by round over all slots. Iterations after its actions are rounds too.

    Args:
        policy: The policy.
        config: The network, with the rules of the policy's game.
        seed: Block i is the one that `env.reset(seed=seed + i)` draws.
        num_blocks: Number of blocks. More than one need a policy that takes several at once, or one without `reset`.
        acting_slots: Number of slots in which it acts before the negotiation continues without it; by default all.
        channels: Channel model, instead of the one that the network names.
    """
    game = in_rounds(config)
    every = game.rounds_per_slot // config.rounds_per_slot
    acting_steps = (acting_slots or game.num_slots) * game.rounds_per_slot
    blocks = draw_blocks(game, num_blocks, seed, channels=channels)
    errors = error_streams(game, num_blocks, seed)
    begin(policy, num_blocks, seed)
    observer = Observer(observation_of(policy), blocks)

    def measure() -> None:
        if errors:
            blocks.measure(range(num_blocks), errors)

    def act(step: int) -> Fractions:
        return blocks.hold() if step % every or step >= acting_steps else decide(policy, observer, is_batched(policy))

    def advance() -> None:
        observer.advance()
        measure()

    measure()
    return _follow(blocks, act, advance)


def follow_allocation(
    name: str, config: NetworkConfig, seed: int, *, num_blocks: int = 1, channels: ChannelModel | None = None
) -> Negotiation:
    """Record an allocation method round by round over all slots, with as many rounds as `follow_policy`.

    A negotiated method makes one iteration in each round, from its first start. If the game has one round per slot and no iterations, it
    makes `DEFAULT_ITERATIONS` iterations in this round. Other methods have the same powers in every round.

    Args:
        name: One of `multicell_env.allocations.registry.METHODS`.
        config: The network.
        seed: Block i is the one that `env.reset(seed=seed + i)` draws.
        num_blocks: Number of blocks.
        channels: Channel model, instead of the one that the network names.
    """
    allocation = ALLOCATIONS[name]
    is_negotiated = allocation.negotiation is not None
    rounds = config.rounds_per_slot * max(config.num_iterations, 1)
    iterations = 0 if not is_negotiated else DEFAULT_ITERATIONS if rounds == 1 and config.num_iterations == 0 else 1
    rules: dict[str, Any] = {"negotiation": allocation.negotiation or config.negotiation, "num_iterations": iterations}
    game = replace(config, action="powers", rounds_per_slot=rounds, measurement_error_db=0.0, **rules)
    blocks = draw_blocks(game, num_blocks, seed, channels=channels)
    generator = streams.generator(seed, streams.STARTS if is_negotiated else streams.ALLOCATIONS)
    nominal, opening = blocks.user_budgets, np.zeros_like(blocks.powers)

    def act(step: int) -> Fractions:
        nonlocal opening
        is_anew = step % rounds == 0 and (blocks.moves or blocks.restarts or allocation.kind == "redrawn")
        if step == 0 or is_anew:
            opening = _allocated(name, blocks, blocks.user_budgets if is_negotiated else nominal, generator)
        return blocks.hold() if is_negotiated and step > 0 and not is_anew else fractions_of(opening, blocks)

    return _follow(blocks, act, blocks.advance)


def _allocated(name: str, blocks: Blocks, user_budgets: np.ndarray, generator: np.random.Generator) -> Powers:
    return ALLOCATIONS[name].allocate(blocks.gains, user_budgets, blocks.config, generator)


def _follow(blocks: Blocks, act: Callable[[int], Fractions], advance: Callable[[], object]) -> Negotiation:
    powers, capacities = [], []
    for step in range(blocks.config.num_steps):
        rates = blocks.play_slot(act(step))
        powers.append(relative_powers(blocks))
        capacities.append(rates.mean(axis=-1, dtype=np.float64))
        advance()
    return Negotiation(np.stack(powers), np.stack(capacities))
