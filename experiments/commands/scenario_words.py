"""What --scenarios names, and the rules by which networks that are drawn are played."""

from collections.abc import Sequence
from dataclasses import replace

from agents.learner import Learner
from multicell_env.config import NetworkConfig
from multicell_env.scenarios import SCENARIOS, draw_networks, scenario_named

EVERYWHERE = tuple(name for name in SCENARIOS if name != "mixture")
"""What `all` plays on."""
TRAINED_ON = ("paper", "unequal-load", "asymmetric", "irregular-7")
"""What `all` trains on; the larger one stays unseen."""
RULES = ("rounds_per_slot", "num_iterations", "negotiation", "action", "measuring_reward")
"""What makes a game of rounds whose actions tilt prices."""


def scenario_names(words: str, everything: Sequence[str]) -> list[str]:
    """The scenarios of `all`, of a name, or of several names separated by commas.

    Raises:
        ValueError: there is no such scenario.
    """
    names = list(everything) if words == "all" else words.split(",")
    for name in names:
        scenario_named(name)
    return names


def rules_of(config: NetworkConfig) -> dict[str, object]:
    """The rules that networks drawn at random are played by beside their own: none, or those of actions that tilt prices."""
    return {name: getattr(config, name) for name in RULES} if config.action == "price" else {}


def drawn_groups(words: str, num_networks: int, seed: int, rules: dict[str, object]) -> list[list[NetworkConfig]]:
    """So many networks of each scenario to train on."""
    return [
        [replace(network, **rules) for network in draw_networks(scenario_named(name), num_networks, seed)]
        for name in scenario_names(words, TRAINED_ON)
    ]


def check_mixing(words: str, learner: Learner, config: object) -> None:
    """Refuse a scenario whose networks fit no common batch.

    Raises:
        ValueError: the learner mixes networks, and those of the scenario have different sizes.
    """
    if learner.mixes_environments(config) and "mixture" in scenario_names(words, TRAINED_ON):
        raise ValueError("batches of different networks need one size; got the scenario mixture. Give --slots-ahead 0, or other scenarios.")
