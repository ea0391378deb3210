"""What is kept of blocks while they are played: the capacity of every slot, and every user's average rate."""

from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
from jaxtyping import Bool, Float

from multicell_env.blocks import Blocks
from multicell_env.model.interference import ingr, spectral_efficiency
from multicell_env.model.types import Powers
from multicell_env.scheduling.served import of_all


class Slot(NamedTuple):
    """What all blocks earned in one slot."""

    capacities: Float[np.ndarray, " block"]
    """Average cell capacity, (19)/B, bit/s/Hz."""
    user_rates: Float[np.ndarray, "block cell user"]
    """Rate of each user of the network (6a), bit/s/Hz; 0 for those who are not served, and for padding."""

    @classmethod
    def played(cls, blocks: Blocks, sum_rates: Float[np.ndarray, "block cell"]) -> Self:
        """The slot that has just been played, and the sum rates that it had."""
        rates = spectral_efficiency(blocks.powers.astype(np.float64), blocks.ingr)
        return cls(sum_rates.mean(axis=-1, dtype=np.float64), of_all(blocks.served, rates))

    @classmethod
    def of_powers(cls, powers: Powers, blocks: Blocks) -> Self:
        """A slot with these powers on the channels as they are now; nothing is played."""
        rates = spectral_efficiency(powers, ingr(powers, blocks.gains))
        return cls(rates.sum(axis=-1).mean(axis=-1), of_all(blocks.served, rates))


class Record(NamedTuple):
    """What all blocks earned in all their slots."""

    per_slot: Float[np.ndarray, "block slot"]
    """Average cell capacity, bit/s/Hz."""
    user_rates: Float[np.ndarray, "block user"]
    """Rate of each user of all cells, the mean over the slots, bit/s/Hz; padding is left out."""

    @classmethod
    def of(cls, slots: Iterable[Slot], user_mask: Bool[np.ndarray, "cell user"]) -> Self:
        """The record of these slots.

        Args:
            slots: In their order, at least one.
            user_mask: True where there is a user, as `NetworkConfig.user_mask`.
        """
        slots = list(slots)
        rates = np.stack([slot.user_rates[:, user_mask] for slot in slots])
        return cls(np.stack([slot.capacities for slot in slots], axis=-1), rates.mean(axis=0, dtype=np.float64))
