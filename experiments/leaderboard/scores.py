"""How submissions are scored: in percent of a reference, block by block, with an interval."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

REFERENCE = "wmmse"
"""The submission that others are measured by."""
NUM_RESAMPLES = 2000
"""Draws of the bootstrap."""
Slots = str


class Score(NamedTuple):
    """Percent of the reference, mean over the tasks of the interquartile mean over the blocks, and its 95 % interval."""

    percent: float
    low: float
    high: float


def interquartile_mean(numbers: Float[np.ndarray, "*batch block"]) -> Float[np.ndarray, "*batch"]:
    """Mean of what is left without the lowest and the highest quarter, each rounded down to whole blocks."""
    cut = numbers.shape[-1] // 4
    return np.sort(numbers, axis=-1)[..., cut : numbers.shape[-1] - cut].mean(axis=-1)


def score(submission: Mapping[str, Any], reference: Mapping[str, Any], slots: Slots = "all_slots") -> Score:
    """The score of a submission; blocks of every task are drawn again for the interval, with a fixed seed.

    Args:
        submission: What its file holds.
        reference: That of the reference.
        slots: "all_slots" or "last_slot".
    """
    generator, points, draws = np.random.default_rng(0), [], []
    for name, played in submission["tasks"].items():
        ratios = 100.0 * np.divide(played["blocks"][slots], reference["tasks"][name]["blocks"][slots])
        points.append(interquartile_mean(ratios))
        draws.append(interquartile_mean(ratios[generator.integers(len(ratios), size=(NUM_RESAMPLES, len(ratios)))]))
    low, high = np.percentile(np.mean(draws, axis=0), [2.5, 97.5])
    return Score(float(np.mean(points)), float(low), float(high))
