"""Rates of every user while blocks are played, and what they count, where a network is fair among its users."""

from copy import deepcopy

import numpy as np
from jaxtyping import Float, Int

from multicell_env.config import NetworkConfig
from multicell_env.model.fairness import RATE_FLOOR, UNIT_RATE, RunningRates, fair_weights
from multicell_env.model.types import Powers


class UserRates:
    """Rates of the users of a batch of blocks. Nobody has a rate before a block begins.

    Args:
        config: The network, whose `fairness` is not 0.
        num_blocks: How many blocks there is room for.
    """

    def __init__(self, config: NetworkConfig, num_blocks: int) -> None:
        shape = (num_blocks, config.num_cells, config.max_users)
        self._fairness = config.fairness
        self.past_rates: Float[np.ndarray, "block cell user"] = np.zeros(shape, config.dtype)
        """Sum over the past slots of the block, bit/s/Hz; 0 for padded users."""
        self.num_past: Int[np.ndarray, " block"] = np.zeros(num_blocks, np.int64)
        """Past slots of the block."""
        self.rates: Float[np.ndarray, "block cell user"] = np.zeros(shape, config.dtype)
        """In the last round, bit/s/Hz."""
        self.weights: Float[np.ndarray, "block cell user"] = np.ones(shape, config.dtype)
        """What each rate counts in the coming round, `RunningRates.weights`."""

    def begin(self, rows: np.ndarray | slice) -> None:
        """Begin new blocks."""
        self.past_rates[rows], self.num_past[rows] = 0.0, 0
        self.silence(rows)

    def silence(self, rows: np.ndarray | slice, past_rates: Float[np.ndarray, "row cell user"] | None = None) -> None:
        """Nobody transmits.

        Args:
            rows: Which blocks.
            past_rates: Of the users that are there from now on, where they are others than before.
        """
        self.rates[rows] = 0.0
        if past_rates is not None:
            self.past_rates[rows] = past_rates
        self.weights[rows] = fair_weights(self.past_rates[rows] / (self.num_past[rows] + 1.0)[:, None, None], self._fairness)

    def hear(self, rows: np.ndarray, powers: Powers, ingr: Powers) -> None:
        """Measure the rates of some rows anew, from powers and INGR (7) as they are now, and what they count."""
        rates = np.log2(1.0 + powers / ingr).sum(axis=-2)
        self.rates[rows] = rates
        self.weights[rows] = fair_weights((self.past_rates[rows] + rates) / (self.num_past[rows] + 1.0)[:, None, None], self._fairness)

    @property
    def flat(
        self,
    ) -> tuple[Float[np.ndarray, " user"], Float[np.ndarray, " user"], Float[np.ndarray, " user"], np.ndarray, *tuple[float, ...]]:
        """Views for what is compiled: past rates, rates, weights, the past slots, the floor, the unit and alpha."""
        users = self.past_rates.reshape(-1), self.rates.reshape(-1), self.weights.reshape(-1)
        return (*users, self.num_past, RATE_FLOOR, UNIT_RATE, self._fairness)

    def running(self) -> RunningRates:
        """The past as it is now; what is played afterwards does not change it."""
        return RunningRates(self._fairness, self.past_rates.copy(), self.num_past[:, None, None].astype(self.past_rates.dtype))

    def copy(self) -> "UserRates":
        """The same rates, for rounds that are played on trial."""
        return deepcopy(self)
