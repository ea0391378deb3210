"""Actors as files in either form: that of today, and torch's, in which earlier versions saved them."""

from pathlib import Path

import torch

from agents.networks import SetActor
from agents.saved_actor import ActorPolicy, save_actor


def save(path: Path, policy: ActorPolicy) -> None:
    """Write an actor in the form that its suffix says."""
    if path.suffix != ".pt":
        save_actor(path, policy)
        return
    network = "set" if isinstance(policy.actor, SetActor) else "mlp"
    facts = {"format": 2, "network": network, "arguments": policy.actor.arguments, "metadata": policy.metadata}
    bounds = {"low": torch.as_tensor(policy.low), "high": torch.as_tensor(policy.high)}
    shapes = {"action_shapes": [list(shape) for shape in policy.action_shapes]}
    torch.save({**facts, **bounds, **shapes, "actor": policy.actor.state_dict()}, path)
