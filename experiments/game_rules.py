"""By which rules networks that are drawn at random are played."""

from typing import Any

from multicell_env.config import NetworkConfig

RULES = ("rounds_per_slot", "num_iterations", "negotiation", "action", "measuring_reward", "fairness")
"""What makes a game of rounds whose actions tilt prices."""


def rules_of(config: NetworkConfig) -> dict[str, Any]:
    """The rules that networks drawn at random are played by beside their own: none, or those of actions that tilt prices."""
    return {name: getattr(config, name) for name in RULES} if config.action == "price" else {}


def drawn_by(config: NetworkConfig) -> dict[str, Any]:
    """What a command line may say of networks that are drawn at random: their fairness, and `rules_of`."""
    return {"fairness": config.fairness, **rules_of(config)}
