"""The flag --scenarios, and the networks that are drawn for it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from agents.learner import Learner
from multicell_env.config import NetworkConfig
from multicell_env.scenarios import draw_networks, scenario_named

TRAINED_ON = ("paper", "many-users", "unequal-load", "asymmetric", "irregular-7", "irregular-12")
"""Scenarios that `all` trains on. Networks with more cells are kept for evaluation."""


def scenario_names(words: str, everything: Sequence[str]) -> list[str]:
    """The scenarios of `all`, of a name, or of several names separated by commas.

    Raises:
        ValueError: there is no such scenario.
    """
    names = list(everything) if words == "all" else words.split(",")
    for name in names:
        scenario_named(name)
    return names


def drawn_groups(words: str, num_networks: int, seed: int, rules: Mapping[str, Any]) -> list[list[NetworkConfig]]:
    """`num_networks` networks of each scenario to train on."""
    return [
        [replace(network, **rules) for network in draw_networks(scenario_named(name), num_networks, seed)]
        for name in scenario_names(words, TRAINED_ON)
    ]


def check_mixing(words: str, num_networks: int, learner: Learner[Any, Any], config: object, length: object) -> None:
    """Refuse scenarios whose networks cannot be batched.

    Raises:
        ValueError: the learner mixes networks, and those of a scenario have different sizes, or their number does not suit it.
    """
    if not learner.mixes_environments(config):
        return
    learner.check_groups(config, length, len(scenario_names(words, TRAINED_ON)), num_networks)
    if "mixture" in scenario_names(words, TRAINED_ON):
        raise ValueError("batches of different networks need one size; got the scenario mixture. Leave the preset out, or give others.")
