"""What single users got, where the sum rate says nothing of them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from multicell_env.model.fairness import RATE_FLOOR, alpha_fair_utility

LOW_RATE = 0.1
"""A user with an average rate below this, in bit/s/Hz, has next to nothing."""
USER_MEASURES = ("users_below_0.1", "fifth_percentile", "jain", "geometric_mean")
"""Names of the measures in results."""
PERCENTS = tuple(range(0, 101, 5))
"""Of `rate_percentiles`."""
UTILITY_MEASURES = ("utility", "utility_minus_planned", "utility_minus_best_known")
"""Names of the measures of a network with fairness."""
Rates = Sequence[Float[np.ndarray, "start user"]]
"""Of every block the average rates of its users, bit/s/Hz; the blocks may have different numbers of users."""


def user_measures(user_rates: Rates) -> dict[str, float]:
    """What the users of all blocks got. Every user counts alike in the first two measures, and every block in the others.

    Returns:
        `users_below_0.1`: users with an average rate below `LOW_RATE`, in percent. `fifth_percentile`: the average rate that 5 % of the
        users do not reach, bit/s/Hz. `jain`: Jain's index, mean over blocks. `geometric_mean`: of the average rates, bit/s/Hz. Nothing
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
    """Average rates, bit/s/Hz, that 0, 5, ..., 100 % of the users do not exceed; nothing without blocks."""
    return np.percentile(np.concatenate([rates.ravel() for rates in user_rates]), PERCENTS).tolist() if user_rates else []


def jain_index(rates: Float[np.ndarray, "start user"]) -> float:
    """Jain's index of one block, mean over its starts: 1 where all users get the same, 1/n where one of n gets all.

    (sum_u R_u)^2 / (n sum_u R_u^2);  1 where nobody gets anything

    Source: R. Jain, D.-M. Chiu and W. Hawe, "A quantitative measure of fairness and discrimination for resource allocation in shared
    computer systems", DEC Research Report TR-301, 1984.
    """
    squares = rates.shape[-1] * (rates**2).sum(axis=-1)
    return float(np.divide(rates.sum(axis=-1) ** 2, squares, out=np.ones_like(squares), where=squares > 0.0).mean())


def geometric_mean(user_rates: Rates) -> float:
    """Geometric mean of all users' rates, in which every block counts alike and no rate of 0 makes all nothing, bit/s/Hz.

    exp(mean log(eps + R)) - eps
    """
    return float(np.exp(np.mean([np.log(RATE_FLOOR + rates).mean() for rates in user_rates])) - RATE_FLOOR)


def utilities(user_rates: Rates, fairness: float) -> Float[np.ndarray, " block"]:
    """Alpha-fair utility a user of every block, mean over its users and its starts; for alpha = 1 in nats.

    Args:
        user_rates: Average rates.
        fairness: alpha.
    """
    return np.array([alpha_fair_utility(rates, fairness).mean() for rates in user_rates])
