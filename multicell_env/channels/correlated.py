"""Spatial correlation between the antennas of a base station."""

import math
from dataclasses import dataclass
from numbers import Real

import numpy as np
from jaxtyping import Complex


@dataclass(frozen=True, kw_only=True)
class Correlated:
    """Exponential correlation between the transmit antennas of a base station.

        h = R^(1/2) w,    R[m, n] = r^|m - n|

    where w are the uncorrelated channels. The square root is the Cholesky factor, whose product with w is a recursion over antennas:

        h[0] = w[0],    h[m] = r h[m - 1] + sqrt(1 - r^2) w[m]

    Mean channel gains do not change. Gains after zero-forcing are lower, because the users of a cell are harder to separate.

    Raises:
        ValueError: r is outside [0, 1).

    Source: S. L. Loyka, "Channel capacity of MIMO architecture using the exponential correlation matrix", IEEE Commun. Lett. 5(9), 2001.
    """

    correlation: float = 0.5
    """r, the correlation of neighbouring antennas, in [0, 1). With 0 channels are unchanged."""

    def __post_init__(self) -> None:
        if isinstance(self.correlation, bool) or not isinstance(self.correlation, Real) or not 0.0 <= self.correlation < 1.0:
            raise ValueError(
                f"correlation must be within [0, 1) (1 would make all antennas one); got {self.correlation!r}. Give 0 for none."
            )

    def across(self, channels: Complex[np.ndarray, "*links antenna user"]) -> Complex[np.ndarray, "*links antenna user"]:
        """The channels with correlated antennas, as a new array."""
        result = channels.copy()
        numbers = result.view(np.finfo(channels.dtype).dtype)  # real ones, so that each operation rounds once
        fresh = math.sqrt(1.0 - self.correlation**2)
        for antenna in range(1, channels.shape[-2]):
            numbers[..., antenna, :] = self.correlation * numbers[..., antenna - 1, :] + fresh * numbers[..., antenna, :]
        return result
