"""The game of rounds for other libraries: every block on another network of a scenario, and their policies as evaluations take them."""

from dataclasses import replace
from typing import Any

import numpy as np
from pettingzoo.utils.wrappers import BaseParallelWrapper

from agents.apg.rounds_preset import ROUNDS
from experiments.game_rules import RULES
from multicell_env import multicell_v0
from multicell_env.evaluation.policies import Policy
from multicell_env.scenarios import scenario_named

GAME_OF_ROUNDS: dict[str, Any] = {name: setting.value for name, setting in ROUNDS.items() if name in RULES}
"""The rules of the preset `rounds`."""


class ScenarioNetworks(BaseParallelWrapper):
    """An environment whose every block is on another network of a scenario, by the rules of the game of rounds."""

    def __init__(self, scenario: str) -> None:
        self.scenario, self.generator = scenario_named(scenario), np.random.default_rng(0)
        super().__init__(self._drawn())

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        """Begin a block."""
        if seed is not None:
            self.generator = np.random.default_rng(seed)
        self.env = self._drawn()
        return self.env.reset(seed=int(self.generator.integers(2**31)), options=options)

    def _drawn(self) -> Any:
        network = replace(self.scenario.sample(self.generator), **GAME_OF_ROUNDS)
        return multicell_v0.parallel_env(network, observation="price")


class InRounds:
    """A policy of the game of rounds, with what an evaluation asks for."""

    observation, batched, rules = "price", True, GAME_OF_ROUNDS

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def __call__(self, observations: dict[str, np.ndarray]) -> Any:
        """Actions of all agents."""
        return self.policy(observations)
