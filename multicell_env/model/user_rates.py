"""Rates and weights of users while blocks are played, for networks with fairness."""

from copy import deepcopy

import numpy as np
from jaxtyping import Float, Int

from multicell_env.config import NetworkConfig
from multicell_env.model.fairness import RATE_FLOOR, UNIT_RATE, RunningRates, fair_weights
from multicell_env.model.types import Powers


class UserRates:
    """Rates and weights of the users of a batch of blocks. All rates are 0 before a block begins.

    Args:
        config: The network, whose `fairness` is not 0.
        num_blocks: Number of blocks.
    """

    def __init__(self, config: NetworkConfig, num_blocks: int) -> None:
        shape = (num_blocks, config.num_cells, config.max_users)
        self._fairness = config.fairness
        self.past_rates: Float[np.ndarray, "block cell user"] = np.zeros(shape, config.dtype)
        """Sum of rates over the past slots of the block, bit/s/Hz; 0 for padded users."""
        self.num_past: Int[np.ndarray, " block"] = np.zeros(num_blocks, np.int64)
        """Number of past slots of the block."""
        self.rates: Float[np.ndarray, "block cell user"] = np.zeros(shape, config.dtype)
        """Rates in the last round, bit/s/Hz."""
        self.weights: Float[np.ndarray, "block cell user"] = np.ones(shape, config.dtype)
        """Weight of each rate in the next round, `RunningRates.weights`."""

    def begin(self, rows: np.ndarray | slice) -> None:
        """Start new blocks in these rows."""
        self.past_rates[rows], self.num_past[rows] = 0.0, 0
        self.silence(rows)

    def silence(self, rows: np.ndarray | slice, past_rates: Float[np.ndarray, "row cell user"] | None = None) -> None:
        """Set rates to 0, as no user transmits, and update the weights.

        Args:
            rows: Indices of the blocks.
            past_rates: Past rates of the served users if they have changed, bit/s/Hz.
        """
        self.rates[rows] = 0.0
        if past_rates is not None:
            self.past_rates[rows] = past_rates
        self.weights[rows] = fair_weights(self.past_rates[rows] / (self.num_past[rows] + 1.0)[:, None, None], self._fairness)

    def hear(self, rows: np.ndarray, powers: Powers, ingr: Powers) -> None:
        """Compute the rates of some rows from present powers and INGR (7), in sigma^2, and their weights."""
        rates = np.log2(1.0 + powers / ingr).sum(axis=-2)
        self.rates[rows] = rates
        self.weights[rows] = fair_weights((self.past_rates[rows] + rates) / (self.num_past[rows] + 1.0)[:, None, None], self._fairness)

    @property
    def flat(
        self,
    ) -> tuple[Float[np.ndarray, " user"], Float[np.ndarray, " user"], Float[np.ndarray, " user"], np.ndarray, *tuple[float, ...]]:
        """Flat views for kernels: past rates, rates, weights, numbers of past slots, eps, the unit rate and alpha."""
        users = self.past_rates.reshape(-1), self.rates.reshape(-1), self.weights.reshape(-1)
        return (*users, self.num_past, RATE_FLOOR, UNIT_RATE, self._fairness)

    def running(self) -> RunningRates:
        """A copy of the present past rates, which later slots do not change."""
        return RunningRates(self._fairness, self.past_rates.copy(), self.num_past[:, None, None].astype(self.past_rates.dtype))

    def copy(self) -> "UserRates":
        """A copy, for rounds that are played on trial."""
        return deepcopy(self)
