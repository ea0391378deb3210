"""Fairness among users: what a user's rate counts while a block is played, and the utility that is climbed so.

Every function takes NumPy arrays or torch tensors and returns the same; tensors carry gradients through it.

Source: J. Mo and J. Walrand, "Fair end-to-end window-based congestion control", IEEE/ACM Transactions on Networking 8(5), 2000.
"""

from dataclasses import dataclass

from array_api_compat import array_namespace
from jaxtyping import Float

from multicell_env.model.types import Array

RATE_FLOOR = 0.1
"""eps, bit/s/Hz, added to every average rate. A user who has had nothing counts 100 times one with 10 bit/s/Hz, not infinitely often; rates
below it are no service worth the name. A smaller floor would let users of a cell that cannot be served well take from all others."""
UNIT_RATE = 10.0
"""Average rate, bit/s/Hz, at which a user counts 1 by every fairness, but for the floor: prices stay of the size that they have without."""


def fair_weights(average_rates: Float[Array, "*shape"], fairness: float) -> Float[Array, "*shape"]:
    """What the rate of each user counts: the slope of the alpha-fair utility, times a constant.

        w = (10 / (eps + average rate))^alpha

    All ones for alpha = 0, where rates are summed as they are; 10 / (eps + average rate) for alpha = 1, proportional fairness.

    Args:
        average_rates: Bit/s/Hz, non-negative.
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
        average_rates: Over the slots of a block, bit/s/Hz, non-negative.
        fairness: alpha.
    """
    rates = average_rates + RATE_FLOOR
    return array_namespace(rates).log(rates) if fairness == 1.0 else rates ** (1.0 - fairness) / (1.0 - fairness)


@dataclass(frozen=True)
class RunningRates:
    """What users have had in the past slots of their block, which says what their rates count in the running slot."""

    fairness: float
    """alpha."""
    past_rates: Float[Array, "*batch cell user"]
    """Sum over the past slots, bit/s/Hz; 0 for padded users."""
    num_past: Float[Array, "*#batch 1 1"]
    """How many past slots there are."""

    def averages(self, rates: Float[Array, "*batch cell user"]) -> Float[Array, "*batch cell user"]:
        """Average rates over the past slots and the running round.

        Weights from past slots alone would be all alike in the first slot, and one slot behind in the others.

        Args:
            rates: In the running round, or as they were last measured, bit/s/Hz.
        """
        return (self.past_rates + rates) / (self.num_past + 1.0)

    def average_before(self) -> Float[Array, "*batch cell user"]:
        """Average rates over the past slots, and 0 of none."""
        return self.past_rates / array_namespace(self.num_past).clip(self.num_past, min=1.0)

    def weights(self, rates: Float[Array, "*batch cell user"]) -> Float[Array, "*batch cell user"]:
        """What users count in the running round, `fair_weights` of `averages`."""
        return fair_weights(self.averages(rates), self.fairness)

    def utility(self, rates: Float[Array, "*batch cell user"]) -> Float[Array, "*batch cell user"]:
        """Each user's utility of the block so far, if the running slot has these rates: (n + 1) u((past + r) / (n + 1)) with n past slots.

        Args:
            rates: Of the slot, bit/s/Hz.
        """
        return (self.num_past + 1.0) * alpha_fair_utility(self.averages(rates), self.fairness)

    def utility_before(self) -> Float[Array, "*batch cell user"]:
        """Each user's utility of the past slots: n u(past / n), and 0 of none.

        What slots add to it sums up over a block to its number of slots times the utility of the average rates.
        """
        return self.num_past * alpha_fair_utility(self.average_before(), self.fairness)
