"""Several seeds in one number: the interquartile mean and its bootstrap interval.

`rliable` 1.2 gives the same mean and, but for which resamples are drawn, the same interval. It would bring nine packages, arch, statsmodels
and seaborn among them, and passes arch an argument whose warning of its removal is an error in this project's tests.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

NUM_RESAMPLES = 10_000


class Aggregate(NamedTuple):
    """An interquartile mean over seeds and its 95 % bootstrap interval, one of each for every point."""

    iqm: Float[np.ndarray, "*points"]
    low: Float[np.ndarray, "*points"]
    high: Float[np.ndarray, "*points"]


def interquartile_mean(scores: Float[np.ndarray, "seed *points"], axis: int = 0) -> Float[np.ndarray, "*points"]:
    """Mean of what is left when a quarter of the seeds, rounded down, is cut off at each end: of 5 seeds the middle 3."""
    count = scores.shape[axis]
    middle = np.arange(count // 4, count - count // 4)
    return np.sort(scores, axis=axis).take(middle, axis=axis).mean(axis=axis)


def aggregate(scores: Float[np.ndarray, "seed *points"]) -> Aggregate:
    """Interquartile mean over the seeds, and the 2.5 and 97.5 percentiles of it over seeds drawn with replacement.

    Stratified as in Agarwal et al., "Deep RL at the Edge of the Statistical Precipice" (2021): called once for each method, so that only
    seeds of one method are drawn for it. The same draw serves all points, and every call draws alike.

    Raises:
        ValueError: there is no seed, or a score is not finite.
    """
    if len(scores) == 0 or not np.all(np.isfinite(scores)):
        raise ValueError(f"scores must be finite, of one seed at least; got {scores}. Leave out runs that have not finished.")
    drawn = np.random.default_rng(0).integers(len(scores), size=(NUM_RESAMPLES, len(scores)))
    low, high = np.percentile(interquartile_mean(scores[drawn], axis=1), [2.5, 97.5], axis=0)
    return Aggregate(interquartile_mean(scores), low, high)
