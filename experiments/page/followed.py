"""The methods of a comparison followed round by round on its first block: what the page shows of the negotiation."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from experiments.studies.own_game import own_network, own_rules
from multicell_env.allocations.registry import METHODS
from multicell_env.channels.model import ChannelModel
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.animation import Negotiation
from multicell_env.evaluation.policies import Policy, shown_name
from multicell_env.evaluation.rounds import follow_allocation, follow_policy

MOST_SHARES = 600_000
"""Powers, of all methods, rounds, cells and bands, that a page holds at most."""


@dataclass(frozen=True)
class Followed:
    """A method on the first block."""

    name: str
    negotiation: Negotiation
    rounds_per_slot: int
    """How many of its rounds are a slot."""


def follow(
    names: Collection[str],
    policies: Mapping[str, Policy],
    network: NetworkConfig,
    seed: int,
    *,
    channels: ChannelModel | None = None,
) -> list[Followed]:
    """Follow methods on the block of a seed.

    Args:
        names: Of the methods in the table, best first. Those that are neither an allocation nor one of the policies in a slot each are
            left out, and the last ones where a page would hold more than `MOST_SHARES` powers.
        policies: By the names that the command line gives them.
        network: The first network that was played.
        seed: Of its block.
        channels: Where channels come from, in place of the model that the network names.
    """
    policy_of = {}
    for name, policy in policies.items():
        shown = {f"{name}_rounds": None} if own_rules(policy) else {shown_name(name, slots): slots for slots in (None, 1)}
        policy_of |= {title: (policy, slots) for title, slots in shown.items()}
    every, num_shares = [], 0
    for name in names:
        if name in policy_of:
            policy, slots = policy_of[name]
            negotiation = follow_policy(policy, own_network(policy, network), seed, acting_slots=slots, channels=channels)
        elif name in METHODS:
            negotiation = follow_allocation(name, network, seed, channels=channels)
        else:
            continue
        num_shares += int(np.prod(negotiation.powers.shape))
        if num_shares > MOST_SHARES:
            break
        every.append(Followed(name, negotiation, len(negotiation.powers) // network.num_slots))
    return every
