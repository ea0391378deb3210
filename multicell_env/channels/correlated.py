"""Antennas of a base station that are correlated: neighbouring ones fade alike."""

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np
from jaxtyping import Complex


@dataclass(frozen=True, kw_only=True)
class Correlated:
    """Exponential correlation between the antennas of a base station, of every channel that it sends.

        h = R^(1/2) w,    R[m, n] = r^|m - n|

    with w the channels without it. The square root is the Cholesky factor, whose product with w is a recursion from antenna to antenna:

        h[0] = w[0],    h[m] = r h[m - 1] + sqrt(1 - r^2) w[m]

    Mean gains stay. Zero-forcing gains less, because the users of a cell are harder to separate.

    Raises:
        ValueError: r is outside [0, 1).

    Source: S. L. Loyka, "Channel capacity of MIMO architecture using the exponential correlation matrix", IEEE Commun. Lett. 5(9), 2001.
    """

    correlation: float = 0.5
    """r of neighbouring antennas, within [0, 1); 0 leaves channels as they are."""

    def __post_init__(self) -> None:
        if isinstance(self.correlation, bool) or not isinstance(self.correlation, Real) or not 0.0 <= self.correlation < 1.0:
            raise ValueError(
                f"correlation must be within [0, 1) (1 would make all antennas one); got {self.correlation!r}. Give 0 for none."
            )

    def across(self, channels: Complex[np.ndarray, "*links antenna user"]) -> Complex[np.ndarray, "*links antenna user"]:
        """The channels with correlated antennas, in an array of their own."""
        result = channels.copy()
        numbers = result.view(np.finfo(channels.dtype).dtype)  # real ones, so that each operation rounds once
        fresh = math.sqrt(1.0 - self.correlation**2)
        for antenna in range(1, channels.shape[-2]):
            numbers[..., antenna, :] = self.correlation * numbers[..., antenna - 1, :] + fresh * numbers[..., antenna, :]
        return result
