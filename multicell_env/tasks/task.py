"""What a task is: which network a block is played on, by the block's seed, and which blocks are for tests."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from functools import lru_cache
from typing import Any, Protocol

from multicell_env.config import NetworkConfig
from multicell_env.scenarios import scenario_named
from multicell_env.streams import FIRST_SEED, NETWORKS, generator

RULES = (
    *("num_iterations", "negotiation", "rounds_per_slot", "action", "damping", "damping_in_action"),
    *("reward", "measuring_reward", "fairness", "dtype"),
)
"""Fields of a network that a player may choose: how base stations negotiate and what they are rewarded with. All others are the task's."""

FIRST_VERSION = "First version."


class Task(Protocol):
    """A task. Everything about it but its summary is fixed by its name: a change of a number makes a new version."""

    @property
    def name(self) -> str:
        """Its id, `NAME-vN`."""
        ...

    @property
    def summary(self) -> str:
        """What it is, in one sentence."""
        ...

    @property
    def num_test_blocks(self) -> int:
        """Test blocks are those of so many seeds from `FIRST_SEED` on."""
        ...

    @property
    def scenario(self) -> str | None:
        """The scenario that networks are drawn from; None where there is one network."""
        ...

    @property
    def since(self) -> str:
        """The release that it came with."""
        ...

    @property
    def change(self) -> str:
        """What differs from the version before, and why."""
        ...

    def network_of(self, seed: int) -> NetworkConfig:
        """The network of the block of a seed. All networks of a task have the same sizes, and so the same spaces."""
        ...


@dataclass(frozen=True)
class NetworkTask:
    """A task on one network, whose blocks differ by their channels."""

    name: str
    """Its id, `NAME-vN`."""
    summary: str
    """What it is, in one sentence."""
    network: NetworkConfig
    """The network."""
    num_test_blocks: int = 200
    """Test blocks are those of so many seeds from `FIRST_SEED` on."""
    since: str = "0.1.0"
    """The release that it came with."""
    change: str = FIRST_VERSION
    """What differs from the version before, and why."""

    @property
    def scenario(self) -> None:
        """There is one network."""
        return

    def network_of(self, seed: int) -> NetworkConfig:
        """The network, whatever the seed."""
        return self.network


@dataclass(frozen=True)
class DrawnTask:
    """A task on networks of a scenario: a set of them to train on, and others for the test, one block each.

    A seed s below `FIRST_SEED` is played on network s mod `num_networks` of the scenario's draws of seed 0. From there on it is played on
    network s - `FIRST_SEED` of the draws of seed `FIRST_SEED`, which are those of `evaluate.py --scenarios`.
    """

    name: str
    """Its id, `NAME-vN`."""
    summary: str
    """What it is, in one sentence."""
    scenario: str
    """One of `multicell_env.scenarios.SCENARIOS`, all of whose networks have the same sizes."""
    num_networks: int = 64
    """Networks to train on."""
    num_test_blocks: int = 50
    """Test blocks are those of so many seeds from `FIRST_SEED` on."""
    since: str = "0.1.0"
    """The release that it came with."""
    change: str = FIRST_VERSION
    """What differs from the version before, and why."""

    def network_of(self, seed: int) -> NetworkConfig:
        """The network of the block of a seed."""
        return _drawn(self.scenario, *self.draw_of(seed))

    def draw_of(self, seed: int) -> tuple[int, int]:
        """Seed of the scenario's draws that has the network of a block's seed, and its place among them."""
        return (FIRST_SEED, seed - FIRST_SEED) if seed >= FIRST_SEED else (0, seed % self.num_networks)


def networks_of_test(task: Task) -> list[NetworkConfig]:
    """The network of every test block."""
    return [task.network_of(FIRST_SEED + block) for block in range(task.num_test_blocks)]


def by_rules(network: NetworkConfig, rules: Mapping[str, Any]) -> NetworkConfig:
    """A task's network by a player's rules.

    Raises:
        TypeError: there is no such rule.
        ValueError: what the task fixes was given, or a value breaks its rule.
    """
    for name in rules:
        if name in {field.name for field in fields(NetworkConfig)} - set(RULES):
            raise ValueError(
                f"a task fixes its networks; got {name} = {rules[name]!r} beside it. Leave it out, or use "
                "multicell_v0.parallel_env for a network of your own."
            )
        if name not in RULES:
            near = get_close_matches(name, RULES, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            raise TypeError(f"there is no argument {name!r}{hint} A task takes {', '.join(RULES)}.")
    return replace(network, **rules) if rules else network


@lru_cache(maxsize=1024)
def _drawn(scenario: str, seed: int, index: int) -> NetworkConfig:
    return scenario_named(scenario).sample(generator(seed, NETWORKS, index=index))
