"""The interface of tasks: the network of a block by the block's seed, and the test blocks."""

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
"""Fields of `NetworkConfig` that a user of a task may choose, for negotiation and rewards. The task fixes all others."""

FIRST_VERSION = "First version."


class Task(Protocol):
    """A task. Its name fixes everything but its summary: any change of a number makes a new version."""

    @property
    def name(self) -> str:
        """The task's id, `NAME-vN`."""
        ...

    @property
    def summary(self) -> str:
        """A description in one sentence."""
        ...

    @property
    def num_test_blocks(self) -> int:
        """Number of test blocks. Their seeds start at `FIRST_SEED`."""
        ...

    @property
    def scenario(self) -> str | None:
        """The scenario from which networks are drawn; None for a single network."""
        ...

    @property
    def since(self) -> str:
        """The first release with this task."""
        ...

    @property
    def change(self) -> str:
        """Difference from the previous version, and its reason."""
        ...

    def network_of(self, seed: int) -> NetworkConfig:
        """The network of the block with this seed. All networks of a task have the same sizes, and so the same spaces."""
        ...


@dataclass(frozen=True)
class NetworkTask:
    """A task on one network, whose blocks differ by their channels."""

    name: str
    """The task's id, `NAME-vN`."""
    summary: str
    """A description in one sentence."""
    network: NetworkConfig
    """The network."""
    num_test_blocks: int = 200
    """Number of test blocks. Their seeds start at `FIRST_SEED`."""
    since: str = "0.1.0"
    """The first release with this task."""
    change: str = FIRST_VERSION
    """Difference from the previous version, and its reason."""

    @property
    def scenario(self) -> None:
        """None: there is a single network."""
        return

    def network_of(self, seed: int) -> NetworkConfig:
        """The network, which does not depend on the seed."""
        return self.network


@dataclass(frozen=True)
class DrawnTask:
    """A task on networks of a scenario: some for training, and others for the test, with one block each.

    A seed s below `FIRST_SEED` is played on network s mod `num_networks` of the scenario's draws of seed 0. From there on it is played on
    network s - `FIRST_SEED` of the draws of seed `FIRST_SEED`, which are those of `evaluate.py --scenarios`.
    """

    name: str
    """The task's id, `NAME-vN`."""
    summary: str
    """A description in one sentence."""
    scenario: str
    """Name in `multicell_env.scenarios.SCENARIOS`, of a scenario whose networks all have the same sizes."""
    num_networks: int = 64
    """Number of networks for training."""
    num_test_blocks: int = 50
    """Number of test blocks. Their seeds start at `FIRST_SEED`."""
    since: str = "0.1.0"
    """The first release with this task."""
    change: str = FIRST_VERSION
    """Difference from the previous version, and its reason."""

    def network_of(self, seed: int) -> NetworkConfig:
        """The network of the block with this seed."""
        return _drawn(self.scenario, *self.draw_of(seed))

    def draw_of(self, seed: int) -> tuple[int, int]:
        """The seed of the scenario's draws for a block's seed, and the index of the network among them."""
        return (FIRST_SEED, seed - FIRST_SEED) if seed >= FIRST_SEED else (0, seed % self.num_networks)


def networks_of_test(task: Task) -> list[NetworkConfig]:
    """The networks of all test blocks, in their order."""
    return [task.network_of(FIRST_SEED + block) for block in range(task.num_test_blocks)]


def by_rules(network: NetworkConfig, rules: Mapping[str, Any]) -> NetworkConfig:
    """A task's network with a user's rules.

    Args:
        network: The network.
        rules: Fields of `RULES` with their values.

    Raises:
        TypeError: there is no such rule.
        ValueError: a given field is fixed by the task, or a value breaks its rule.
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
