"""Alpha-fairness among users: the utility of average rates, and the weights of rates while a block is played.

All functions accept NumPy arrays or torch tensors and return the same type. Gradients are propagated.

Source: J. Mo and J. Walrand, "Fair end-to-end window-based congestion control", IEEE/ACM Transactions on Networking 8(5), 2000.
"""

from dataclasses import dataclass

from array_api_compat import array_namespace
from jaxtyping import Float

from multicell_env.model.types import Array

RATE_FLOOR = 0.1
"""eps, bit/s/Hz, added to every average rate. It bounds weights: at alpha = 1 a user without any rate has about 100 times the weight of
a user with 10 bit/s/Hz. With a smaller value, users that cannot be served well would take resources from all others."""
UNIT_RATE = 10.0
"""Average rate (plus eps), bit/s/Hz, at which the weight is 1 for every alpha, so that prices keep their size."""


def fair_weights(average_rates: Float[Array, "*shape"], fairness: float) -> Float[Array, "*shape"]:
    """Weight of each user's rate: the derivative of the alpha-fair utility, times a constant.

        w = (10 / (eps + average rate))^alpha

    For alpha = 0 all weights are 1 (sum rate). For alpha = 1 they are 10 / (eps + average rate) (proportional fairness).

    Args:
        average_rates: Average rates of users, bit/s/Hz, non-negative.
        fairness: alpha.
    """
    if fairness == 0.0:
        return array_namespace(average_rates).ones_like(average_rates)
    weights = UNIT_RATE / (RATE_FLOOR + average_rates)
    return weights if fairness == 1.0 else weights**fairness


def alpha_fair_utility(average_rates: Float[Array, "*shape"], fairness: float) -> Float[Array, "*shape"]:
    """Utility of each user's average rate.

        u(r) = (r + eps)^(1 - alpha) / (1 - alpha),  log(r + eps) for alpha = 1

    Args:
        average_rates: Average rates over the slots of a block, bit/s/Hz, non-negative.
        fairness: alpha.
    """
    rates = average_rates + RATE_FLOOR
    return array_namespace(rates).log(rates) if fairness == 1.0 else rates ** (1.0 - fairness) / (1.0 - fairness)


@dataclass(frozen=True)
class RunningRates:
    """Users' rates in the past slots of their block, which determine the weights in the present slot."""

    fairness: float
    """alpha."""
    past_rates: Float[Array, "*batch cell user"]
    """Sum of rates over the past slots, bit/s/Hz; 0 for padded users."""
    num_past: Float[Array, "*#batch 1 1"]
    """Number of past slots."""

    def averages(self, rates: Float[Array, "*batch cell user"]) -> Float[Array, "*batch cell user"]:
        """Average rates over the past slots and the present round, bit/s/Hz.

        With past slots only, all weights would be equal in the first slot, and lag by one slot in the others.

        Args:
            rates: Rates in the present round, or the last measured ones, bit/s/Hz.
        """
        return (self.past_rates + rates) / (self.num_past + 1.0)

    def average_before(self) -> Float[Array, "*batch cell user"]:
        """Average rates over the past slots, bit/s/Hz; 0 if there are none."""
        return self.past_rates / array_namespace(self.num_past).clip(self.num_past, min=1.0)

    def weights(self, rates: Float[Array, "*batch cell user"]) -> Float[Array, "*batch cell user"]:
        """Weights of users in the present round, `fair_weights` of `averages`."""
        return fair_weights(self.averages(rates), self.fairness)

    def utility(self, rates: Float[Array, "*batch cell user"]) -> Float[Array, "*batch cell user"]:
        """Each user's utility of the block so far with these rates in the present slot: (n + 1) u((past + r) / (n + 1)), n past slots.

        Args:
            rates: Rates in the slot, bit/s/Hz.
        """
        return (self.num_past + 1.0) * alpha_fair_utility(self.averages(rates), self.fairness)

    def utility_before(self) -> Float[Array, "*batch cell user"]:
        """Each user's utility of the past slots: n u(past / n), or 0 if there are none.

        Its increments over a block sum to the number of slots times the utility of the average rates.
        """
        return self.num_past * alpha_fair_utility(self.average_before(), self.fairness)
