"""What users hear and what they get: interference-plus-noise-to-gain ratio and rates."""

import numpy as np
from jaxtyping import Float

from multicell_env.beamforming import Gains

Powers = Float[np.ndarray, "*batch cell band user"]


def check_powers(powers: Float[np.ndarray, "..."], what: str = "powers") -> None:
    """Refuse powers or budgets that are none.

    Raises:
        ValueError: one is negative or not finite.
    """
    if powers.size and not 0.0 <= np.min(powers) <= np.max(powers) < np.inf:
        raise ValueError(
            f"{what} must be finite and non-negative (linear, in units of sigma^2); got [{np.min(powers):g}, {np.max(powers):g}]. "
            "Convert decibels by 10**(dB/10)."
        )


def ingr(powers: Powers, gains: Gains) -> Float[np.ndarray, "*batch cell band user"]:
    """Interference-plus-noise-to-gain ratio that every user measures, in units of power.

        c_{b,u}[f] = (sum_{b' in I_b} sum_{u'} |w_{b',u'}^H h_{b',(b,u)}|^2 p_{b',u'}[f] + sigma^2) / |w_{b,u}^H h_{b,(b,u)}|^2      (7)

    Args:
        powers: Transmit powers, in sigma^2, non-negative.
        gains: Gains of the block.

    Raises:
        ValueError: a power is negative or not finite.
    """
    check_powers(powers)
    interfering = powers[..., gains.interferers, :, :]
    received = np.einsum("...ifvu,...ifv->...fu", gains.cross_gains, interfering)
    return (received + 1.0) / gains.signal_gains


def log2_of_1_plus(sinr: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """log2(1 + SINR), exact for small SINR too."""
    return np.log1p(sinr) * (1.0 / np.log(2.0))


def spectral_efficiency(powers: Powers, ingr: Float[np.ndarray, "*batch cell band user"]) -> Float[np.ndarray, "*batch cell user"]:
    """Rate of each user, bit/s/Hz.

    R_{b,u} = sum_f log2(1 + p_{b,u}[f] / c_{b,u}[f])                               (6a)
    """
    return log2_of_1_plus(powers / ingr).sum(axis=-2)


def sum_rates(powers: Powers, ingr: Float[np.ndarray, "*batch cell band user"]) -> Float[np.ndarray, "*batch cell"]:
    """Sum rate of each cell over its users, bit/s/Hz (18); its mean over the cells is (19)/B, the average cell capacity."""
    return spectral_efficiency(powers, ingr).sum(axis=-1)
