"""Gains of the slots that are still to come, for games on channels that move."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from array_api_compat import array_namespace, device
from jaxtyping import Float, Int

from multicell_env.model.types import Array


class Ahead(NamedTuple):
    """Gains of some blocks in their running slot and in all that follow."""

    signal_gains: Float[Array, "block slot cell band user"]
    cross_gains: Float[Array, "block slot cell interferer band tx_user user"]
    slots_left: Int[np.ndarray, " block"]
    """Slots of each block, with the first one here; entries past the last one repeat it."""

    @classmethod
    def joined(cls, several: Sequence["Ahead"]) -> "Ahead":
        """The blocks of several, which may have different numbers of slots."""
        longest = max(one.signal_gains.shape[1] for one in several)
        xp = array_namespace(several[0].signal_gains)

        def long(gains: Array) -> Array:
            return xp.concat([gains, *[gains[:, -1:]] * (longest - gains.shape[1])], axis=1)

        signal, cross = (xp.concat([long(one[part]) for one in several], axis=0) for part in range(2))
        return cls(signal, cross, np.concatenate([one.slots_left for one in several]))

    def gains_of(self, places: Int[np.ndarray, " row"], slots_left: Int[np.ndarray, " row"]) -> tuple[Array, Array]:
        """Signal and cross gains of some blocks, each in a slot of its own.

        Args:
            places: Which blocks.
            slots_left: Of each, in the slot that is asked for; after the last slot it is the last one.
        """
        xp, slots = array_namespace(self.signal_gains), self.signal_gains.shape[1]
        indices = (self.slots_left[places] - slots_left).clip(0, np.minimum(slots, self.slots_left[places].clip(1)) - 1)
        index = tuple(xp.asarray(part, device=device(self.signal_gains)) for part in (places, indices))
        return self.signal_gains[index], self.cross_gains[index]
