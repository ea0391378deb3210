"""Time-correlated Rayleigh fading, for moving users."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
from jaxtyping import Complex

from multicell_env.channels.amplitudes import Amplitudes, is_heard
from multicell_env.channels.rayleigh import Rayleigh, draw_many, draw_numbers
from multicell_env.config import NetworkConfig
from multicell_env.model.types import CrossChannels, OwnChannels

LIGHT_SPEED = 299_792_458.0
"""Speed of light, m/s."""


@dataclass(frozen=True, kw_only=True)
class Fading(Rayleigh):
    """First-order autoregressive Rayleigh fading, with Jakes' correlation between successive slots.

        h(t + 1) = rho h(t) + sqrt(1 - rho^2) w(t + 1),    rho = J0(2 pi f_d tau),    f_d = v f_c / c

    where w is independent of h and drawn as h(1), so that the mean gains are constant. tau is the length of a slot, v the speed and f_c
    the carrier frequency. Channels n slots apart have the correlation rho^n.

    Raises:
        ValueError: the speed is negative, or the carrier frequency or the slot length is not positive.

    Source: W. C. Jakes, "Microwave Mobile Communications", 1974; K. E. Baddour and N. C. Beaulieu, "Autoregressive modeling for fading
    channel simulation", IEEE Trans. Wireless Commun. 4(4), 2005.
    """

    speed_kmh: float = 3.0
    """v, speed of the users, km/h. With 0 channels are constant."""
    carrier_ghz: float = 3.5
    """f_c, carrier frequency, GHz."""
    slot_ms: float = 5.0
    """tau, length of a slot, ms."""

    def __post_init__(self) -> None:
        for name, value in (("speed_kmh", self.speed_kmh), ("carrier_ghz", self.carrier_ghz), ("slot_ms", self.slot_ms)):
            is_number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
            if not is_number or value < 0 or (value == 0 and name != "speed_kmh"):
                least = "at least 0" if name == "speed_kmh" else "more than 0"
                raise ValueError(f"{name} must be a number of {least}; got {value!r}. Give such a number.")

    @property
    def moves(self) -> bool:
        """True, at any speed."""
        return True

    @property
    def correlation(self) -> float:
        """rho, the correlation of channels of successive slots."""
        doppler = self.speed_kmh / 3.6 * self.carrier_ghz * 1e9 / LIGHT_SPEED
        return bessel_j0(2.0 * math.pi * doppler * self.slot_ms * 1e-3)

    def advance(
        self, config: NetworkConfig, generators: Sequence[np.random.Generator], own: OwnChannels, cross: CrossChannels
    ) -> tuple[OwnChannels, CrossChannels]:
        """The channels of the next slot. The innovations w are the next draw of each generator."""
        new_own, new_cross = draw_many(config, generators, in_passing=True)
        return _mixed(self.correlation, own, new_own), _mixed(self.correlation, cross, new_cross)

    def advance_recorded(
        self, generators: Sequence[np.random.Generator], own: OwnChannels, cross: CrossChannels, amplitudes: Amplitudes
    ) -> tuple[OwnChannels, CrossChannels]:
        """The channels of the next slot of blocks with recorded channels. Innovations are Rayleigh with each link's recorded power.

        A link with zero channels in a band keeps them.

        Args:
            generators: The generators of the blocks, in their present state. The innovations are the next draw of each.
            own: Own channels of the last slot.
            cross: Cross channels of the last slot.
            amplitudes: Amplitudes of the blocks' first channels.
        """
        moved = []
        for old, strengths in zip((own, cross), amplitudes, strict=True):
            numbers = draw_numbers(generators, np.ones(1, np.float32), old.shape[1:]).astype(old.dtype, copy=False)
            parts = np.ascontiguousarray(numbers).view(np.finfo(old.dtype).dtype).reshape(*old.shape, 2)
            new = parts * (strengths[..., None, None, :] * is_heard(old))[..., None]
            moved.append(_mixed(self.correlation, old, new.view(old.dtype)[..., 0]))
        return moved[0], moved[1]


def _mixed(correlation: float, old: Complex[np.ndarray, "..."], new: Complex[np.ndarray, "..."]) -> Complex[np.ndarray, "..."]:
    """The sum rho h + sqrt(1 - rho^2) w."""
    # In real numbers each operation rounds once, for any number of blocks; products of complex numbers do not guarantee this.
    real = np.finfo(old.dtype).dtype
    was, innovation = (np.ascontiguousarray(array).view(real) for array in (old, new))
    return (correlation * was + math.sqrt(1.0 - correlation**2) * innovation).view(old.dtype)


def bessel_j0(x: float) -> float:
    """The Bessel function of the first kind and order 0.

        J0(x) = 1/pi integral of cos(x sin t) over t in [0, pi]

    The midpoint rule on a whole period converges faster than any power of the number of points, once this exceeds |x|.

    Args:
        x: A finite number. Computing time grows with it.
    """
    num_points = 32 + math.ceil(abs(x))
    angles = (np.arange(num_points) + 0.5) * (math.pi / num_points)
    return float(np.mean(np.cos(x * np.sin(angles))))
