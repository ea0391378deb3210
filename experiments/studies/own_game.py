"""Actors that act in every round of their own game, on the blocks that all other methods play."""

from dataclasses import replace
from typing import Any

import numpy as np

from agents.saved_actor import ActorPolicy
from experiments.game_rules import rules_of
from multicell_env.allocations.registry import PILOTS
from multicell_env.channels.model import ChannelModel
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.comparison import play_policy
from multicell_env.evaluation.playing import draw_blocks, fractions_of
from multicell_env.evaluation.policies import Policy, begin, decide, is_batched, observation_of
from multicell_env.evaluation.record import Record, Slot
from multicell_env.evaluation.results import Measurements, MethodResult
from multicell_env.observation import Observer


def own_rules(policy: Policy) -> dict[str, Any]:
    """The rules of a policy's own game: of a trained actor whose actions tilt prices, or what a policy has in its `rules`; else none."""
    if not isinstance(policy, ActorPolicy):
        return dict(getattr(policy, "rules", {}))
    return rules_of(NetworkConfig.from_json(policy.metadata["config"])) if "config" in policy.metadata else {}


def own_network(policy: Policy, config: NetworkConfig) -> NetworkConfig:
    """A network by the rules of a policy's own game."""
    return replace(config, **own_rules(policy))


def play_own_game(
    name: str,
    policy: Policy,
    config: NetworkConfig,
    *,
    num_blocks: int,
    seed: int,
    timed: bool = True,
    rounds_per_slot: int | None = None,
    channels: ChannelModel | None = None,
) -> list[MethodResult]:
    """Play an actor by its own rules, in every round, and in the first slot's rounds before pricing goes on.

    Both take as many measurements a slot as the actor's game has rounds. Of a slot's rounds the last one transmits and counts. The actor
    acts by the fairness that it was trained with, and pricing by that of the network. Where channels move, the actor begins every slot
    without powers, and pricing goes on from the last powers on the new channels; the network's `restart` says otherwise.

    Args:
        name: The actor's; the results are `NAME_rounds` and `NAME_rounds_then_pricing`.
        policy: The actor.
        config: The network.
        num_blocks: Blocks to play.
        seed: Block i is the one that `env.reset(seed=seed + i)` draws.
        timed: Whether to measure the time of a decision; NaN otherwise.
        rounds_per_slot: R, that of the actor's game by default.
        channels: Where channels come from, in place of the model that the network names.
    """
    own = own_network(policy, config)
    own = replace(own, rounds_per_slot=rounds_per_slot or own.rounds_per_slot)
    always = play_policy(f"{name}_rounds", policy, own, num_blocks=num_blocks, seed=seed, timed=timed, channels=channels)
    record = _then_pricing(policy, own, config.fairness, num_blocks, seed, channels)
    then = MethodResult(
        f"{name}_rounds_then_pricing",
        record.per_slot,
        "own",
        np.nan,
        acting_slots=1,
        user_rates=tuple(record.user_rates[:, None]),
        measurements=Measurements(own.rounds_per_slot, PILOTS["pricing"]),
    )
    return [always, then]


def _then_pricing(policy: Policy, own: NetworkConfig, fairness: float, num_blocks: int, seed: int, channels: ChannelModel | None) -> Record:
    opening = draw_blocks(own, num_blocks, seed, channels=channels)
    observer = Observer(observation_of(policy), opening)
    begin(policy, num_blocks, seed)
    for _ in range(own.rounds_per_slot):
        opening.play_slot(decide(policy, observer, is_batched(policy)))
    rules: dict[str, Any] = {"negotiation": "pricing", "num_iterations": own.rounds_per_slot}
    rules |= {"action": "powers", "rounds_per_slot": 1, "measuring_reward": 0.0, "fairness": fairness, "restart": bool(own.restart)}
    blocks = draw_blocks(replace(own, **rules), num_blocks, seed, channels=channels)
    # The first slot transmits what the actor's last round did, so that the negotiation goes on from there.
    slots = [Slot.played(blocks, blocks.play_slot(fractions_of(opening.powers, blocks), num_iterations=0))]
    for _ in range(1, own.num_slots):
        blocks.advance()
        slots.append(Slot.played(blocks, blocks.play_slot(blocks.hold())))
    return Record.of(slots, own.user_mask)
