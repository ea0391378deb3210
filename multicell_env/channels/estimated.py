"""Imperfect channel estimates at base stations, which cause interference within a cell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np

from multicell_env.channels.amplitudes import is_heard, levels
from multicell_env.channels.rayleigh import draw_numbers
from multicell_env.model.types import OwnChannels


@dataclass(frozen=True, kw_only=True)
class Estimated:
    """Imperfect channel state information at the base station, with an estimation error of given variance.

        g = sqrt(1 - e) h + sqrt(e) l n,    e = 10^(error_db / 10),    l^2 = mean of |h|^2 over the user's bands and antennas

    where h are the channels to the own users, g their estimates at the base station, and n independent CN(0, 1), drawn anew with the
    channels. If a user's channel in a band is 0, so is n. Beams are computed from g, and signals are received over h, so a user also
    receives interference from its own cell. Users' measurements (gains of beams, INGR, prices) are exact; the observation "csi" shows g.
    With an error variance of 0 (-inf dB) the game is the same as without this model, bit for bit.

    Raises:
        ValueError: the error is above 0 dB.

    Source: T. Yoo and A. Goldsmith, "Capacity and power allocation for fading MIMO channels with channel estimation error", IEEE Trans.
    Inf. Theory 52(5), 2006 (the Gauss-Markov model of the error).
    """

    error_db: float = -20.0
    """e, variance of the error over the mean power of the user's channel, dB, at most 0. -inf: no error."""

    def __post_init__(self) -> None:
        if isinstance(self.error_db, bool) or not isinstance(self.error_db, Real) or not self.error_db <= 0.0:
            raise ValueError(f"error_db must be a number of at most 0 dB; got {self.error_db!r}. Give -inf for perfect estimates.")

    @property
    def variance(self) -> float:
        """e, linear: variance of the error over the channel's mean power."""
        return 10.0 ** (self.error_db / 10.0)

    def estimate(self, generators: Sequence[np.random.Generator], own: OwnChannels) -> OwnChannels:
        """The estimates of the base stations. The errors are the next draw of each generator.

        Args:
            generators: Random generators, one for each block.
            own: The channels to the own users.
        """
        real = np.finfo(own.dtype).dtype
        noise = draw_numbers(generators, np.ones(1, np.float32), own.shape[1:]).astype(own.dtype, copy=False)
        # In real numbers, so that each operation rounds once: [..., user, part].
        channels, errors = (np.ascontiguousarray(array).view(real).reshape(*own.shape, 2) for array in (own, noise))
        strengths = (levels(np.ascontiguousarray(own)) * is_heard(own))[..., None]
        mixed = math.sqrt(1.0 - self.variance) * channels + math.sqrt(self.variance) * strengths * errors
        return np.ascontiguousarray(mixed, real).view(own.dtype)[..., 0]
