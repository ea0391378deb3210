"""How strong each user's channels are in the mean over bands and antennas."""

from typing import NamedTuple, Self

import numpy as np
from jaxtyping import Complex, Float

from multicell_env.model.types import CrossChannels, OwnChannels


class Amplitudes(NamedTuple):
    """Of every user in every block, from each cell that reaches it."""

    own: Float[np.ndarray, "block cell user"]
    """From its own base station."""
    crossing: Float[np.ndarray, "block cell interferer user"]
    """From the interferers."""

    @classmethod
    def of(cls, own: OwnChannels, cross: CrossChannels) -> Self:
        """Of given channels; see `levels`."""
        return cls(*(levels(np.ascontiguousarray(channels))[..., 0, 0, :] for channels in (own, cross)))


def levels(channels: Complex[np.ndarray, "*link band antenna user"]) -> Float[np.ndarray, "*link 1 1 user"]:
    """Root of the mean of |h|^2 over bands and antennas."""
    parts = channels.view(np.finfo(channels.dtype).dtype).reshape(*channels.shape, 2)
    return np.sqrt(np.mean(np.sum(parts**2, axis=-1), axis=(-3, -2), keepdims=True))


def is_heard(channels: Complex[np.ndarray, "*link band antenna user"]) -> np.ndarray:
    """False where a user's channel in a band is zero altogether, `[..., band, 1, user]`."""
    return np.any(channels != 0, axis=-2, keepdims=True)
