"""The served users of each block in the present slot, and past rates of all users."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from multicell_env.config import NetworkConfig
from multicell_env.model.fairness import RunningRates
from multicell_env.model.interference import spectral_efficiency
from multicell_env.model.types import OwnChannels, Powers
from multicell_env.scheduling.rules import Chosen, proportional_fair, round_robin

CLASSICAL = 1.0
"""alpha of the proportional fair rule if the network has no fairness."""


class ServedUsers:
    """The served users of a batch of blocks, slot by slot, and the rates of all users.

    The arrays of a slot (channels, gains, powers) have one entry, a place, for each served user, in the order of the users.

    Args:
        config: The network, which does not serve all of its users at once.
        num_blocks: Number of blocks.
    """

    def __init__(self, config: NetworkConfig, num_blocks: int) -> None:
        self._config = config
        shape = (num_blocks, config.num_cells, config.max_users)
        self.users: Chosen = np.zeros((*shape[:2], int(config.served_per_cell.max())), np.int64)
        """The user in each place."""
        self.rates: Float[np.ndarray, "block cell user"] = np.zeros(shape, config.dtype)
        """Rates of all users in the last round, bit/s/Hz."""
        self.past_rates: Float[np.ndarray, "block cell user"] = np.zeros(shape, config.dtype)
        """Sum of rates over the past slots of the block, bit/s/Hz."""
        self.num_past: Int[np.ndarray, " block"] = np.zeros(num_blocks, np.int64)
        """Number of past slots of the block."""

    @property
    def user_mask(self) -> Bool[np.ndarray, "cell user"]:
        """True for all users, served or not, and False for padding."""
        return self._config.user_mask

    @classmethod
    def of(cls, config: NetworkConfig, num_blocks: int) -> Self | None:
        """The served users of a network; None if all of its users are served in every slot."""
        return None if config.slot_network is config else cls(config, num_blocks)

    def begin(self, rows: np.ndarray | slice) -> None:
        """Start new blocks, with all rates 0."""
        self.rates[rows], self.past_rates[rows], self.num_past[rows] = 0.0, 0.0, 0

    def choose(self, rows: np.ndarray | slice, channels: OwnChannels) -> None:
        """Choose the users to serve in the next slot of some blocks.

        Args:
            rows: Indices of the blocks.
            channels: Channels to all own users, as base stations know them.
        """
        if self._config.schedule == "round-robin":
            self.users[rows] = round_robin(self._config, self.num_past[rows])
        else:
            past = replace(self._running(rows), fairness=self._config.fairness or CLASSICAL)
            self.users[rows] = proportional_fair(self._config, past.weights(np.zeros(())), channels)

    def in_places(
        self, rows: np.ndarray | slice, channels: Shaped[np.ndarray, "block cell *axes user"]
    ) -> Shaped[np.ndarray, "block cell *axes place"]:
        """The values of the served users in some blocks, from those of all users; contiguous."""
        users = np.expand_dims(self.users[rows], tuple(range(2, channels.ndim - 1)))
        return np.ascontiguousarray(np.take_along_axis(channels, users, axis=-1))

    def past_in_places(self, rows: np.ndarray | slice) -> Float[np.ndarray, "row cell place"]:
        """Sum of the served users' rates over the past slots of some blocks, bit/s/Hz."""
        return self.in_places(rows, self.past_rates[rows])

    def of_all(self, values: Shaped[np.ndarray, "block cell *axes place"]) -> Shaped[np.ndarray, "block cell *axes user"]:
        """The values of the served users as an array of all users, with 0 for the others."""
        every = np.zeros((*values.shape[:-1], self._config.max_users), values.dtype)
        users = np.expand_dims(self.users, tuple(range(2, values.ndim - 1)))
        np.put_along_axis(every, np.broadcast_to(users, values.shape), values, axis=-1)
        return every

    def book(self, powers: Powers, ingr: Powers, slots_left: Int[np.ndarray, " block"]) -> None:
        """Store the rates of a round. They are added to past rates if the round ended a slot.

        Args:
            powers: Powers of the served users, in sigma^2.
            ingr: Their INGR (7), in sigma^2.
            slots_left: Number of slots left in each block.
        """
        self.rates[:] = self.of_all(spectral_efficiency(powers, ingr))
        ended = self._config.num_slots - slots_left > self.num_past
        self.past_rates[ended] += self.rates[ended]
        self.num_past[ended] += 1

    def running(self) -> RunningRates:
        """A copy of the present past rates of all users, which later slots do not change."""
        return self._running(slice(None))

    def _running(self, rows: np.ndarray | slice) -> RunningRates:
        num_past = self.num_past[rows].astype(self.past_rates.dtype)[:, None, None]
        return RunningRates(self._config.fairness, self.past_rates[rows].copy(), num_past)

    def infos(self) -> dict[str, Float[np.ndarray, "block cell user"]]:
        """Infos of all users, float32.

        `scheduled` is 1 for users that are served in the present slot. `user_rates` are those of the last round, 0 for users that were not
        served, and `average_rates` those over the past slots; both in bit/s/Hz.
        """
        is_served = self.of_all(np.ones(self.users.shape, np.float32)) * self.user_mask
        return {
            "scheduled": is_served.astype(np.float32),
            "user_rates": self.rates.copy(),
            "average_rates": self.running().average_before(),
        }


def of_all(served: ServedUsers | None, values: Shaped[np.ndarray, "block cell *axes place"]) -> Shaped[np.ndarray, "block cell *axes user"]:
    """As `ServedUsers.of_all`; the values themselves if all users are served."""
    return values if served is None else served.of_all(values)


def tell(served: ServedUsers | None, infos: Mapping[str, dict[str, Any]]) -> None:
    """Add `ServedUsers.infos` of one block to the infos of its agents, in the order of their cells; no change if all users are served."""
    if served is not None:
        for name, of_cells in served.infos().items():
            for own, values, is_user in zip(infos.values(), of_cells[0], served.user_mask, strict=True):
                own[name] = values[is_user]
