"""Which random numbers of a run's seed are whose."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np

ACTIONS = 1
"""Stream of an environment's seed from which its random actions are drawn, apart from what the environment itself draws."""


def seeds_of_parts(seed: int, count: int) -> list[int]:
    """Seeds of the parts of a run, such as its environments: the first words of the seed's own sequence."""
    return np.random.SeedSequence(seed).generate_state(count).tolist()


def seed_of_actions(seed: int) -> int:
    """Seed of an environment's random actions."""
    return np.random.SeedSequence([seed, ACTIONS]).generate_state(1).item()


def states_of(spaces: Sequence[gymnasium.Space[Any]]) -> list[dict[str, Any]]:
    """Where the generators of random actions stand."""
    return [dict(space.np_random.bit_generator.state) for space in spaces]


def set_states(spaces: Sequence[gymnasium.Space[Any]], states: Sequence[dict[str, Any]]) -> None:
    """Have the generators of random actions go on from there.

    Raises:
        ValueError: there is not one state for each space.
    """
    for space, state in zip(spaces, states, strict=True):
        space.np_random.bit_generator.state = state
