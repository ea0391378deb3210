"""Which random numbers of a run's seed are whose."""

import numpy as np

ACTIONS = 1
"""Stream of an environment's seed from which its random actions are drawn, apart from what the environment itself draws."""


def seeds_of_parts(seed: int, count: int) -> list[int]:
    """Seeds of the parts of a run, such as its environments: the first words of the seed's own sequence."""
    return np.random.SeedSequence(seed).generate_state(count).tolist()


def seed_of_actions(seed: int) -> int:
    """Seed of an environment's random actions."""
    return np.random.SeedSequence([seed, ACTIONS]).generate_state(1).item()
