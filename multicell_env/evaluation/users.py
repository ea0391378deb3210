"""Measures of individual users' rates, which sum rates do not show."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from multicell_env.model.fairness import RATE_FLOOR, alpha_fair_utility

LOW_RATE = 0.1
"""Threshold of the average rate, bit/s/Hz, below which a user counts as not served."""
USER_MEASURES = ("users_below_0.1", "fifth_percentile", "jain", "geometric_mean")
"""Names of the measures in results."""
PERCENTS = tuple(range(0, 101, 5))
"""Percentiles of `rate_percentiles`."""
UTILITY_MEASURES = ("utility", "utility_minus_planned", "utility_minus_best_known")
"""Names of the measures of a network with fairness."""
Rates = Sequence[Float[np.ndarray, "start user"]]
"""Average rates of the users of every block, bit/s/Hz. Blocks may have different numbers of users."""


def user_measures(user_rates: Rates) -> dict[str, float]:
    """Measures of users' average rates over all blocks. The first two weight all users equally, the others all blocks.

    Returns:
        `users_below_0.1`: users with an average rate below `LOW_RATE`, in percent. `fifth_percentile`: the average rate that 5 % of the
        users do not reach, bit/s/Hz. `jain`: Jain's index, mean over blocks. `geometric_mean`: of the average rates, bit/s/Hz. Empty
        without blocks.
    """
    if not user_rates:
        return {}
    together = np.concatenate([rates.ravel() for rates in user_rates])
    return {
        "users_below_0.1": 100.0 * float(np.mean(together < LOW_RATE)),
        "fifth_percentile": float(np.percentile(together, 5.0)),
        "jain": float(np.mean([jain_index(rates) for rates in user_rates])),
        "geometric_mean": geometric_mean(user_rates),
    }


def rate_percentiles(user_rates: Rates) -> list[float]:
    """The 0, 5, ..., 100 % percentiles of users' average rates, bit/s/Hz; empty without blocks."""
    return np.percentile(np.concatenate([rates.ravel() for rates in user_rates]), PERCENTS).tolist() if user_rates else []


def jain_index(rates: Float[np.ndarray, "start user"]) -> float:
    """Jain's index of one block, mean over its starts: 1 if all rates are equal, 1/n if one of n users has all.

    (sum_u R_u)^2 / (n sum_u R_u^2);  1 if all rates are 0

    Source: R. Jain, D.-M. Chiu and W. Hawe, "A quantitative measure of fairness and discrimination for resource allocation in shared
    computer systems", DEC Research Report TR-301, 1984.
    """
    squares = rates.shape[-1] * (rates**2).sum(axis=-1)
    return float(np.divide(rates.sum(axis=-1) ** 2, squares, out=np.ones_like(squares), where=squares > 0.0).mean())


def geometric_mean(user_rates: Rates) -> float:
    """Geometric mean of users' rates, bit/s/Hz, with all blocks weighted equally; eps keeps a rate of 0 from making it 0.

    exp(mean log(eps + R)) - eps
    """
    return float(np.exp(np.mean([np.log(RATE_FLOOR + rates).mean() for rates in user_rates])) - RATE_FLOOR)


def utilities(user_rates: Rates, fairness: float) -> Float[np.ndarray, " block"]:
    """Alpha-fair utility of every block, averaged over its users and random starts; in nats for alpha = 1.

    Args:
        user_rates: Average rates, bit/s/Hz.
        fairness: alpha.
    """
    return np.array([alpha_fair_utility(rates, fairness).mean() for rates in user_rates])
