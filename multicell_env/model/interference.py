"""The interference-plus-noise-to-gain ratio (INGR), and rates."""

import math

from array_api_compat import array_namespace
from jaxtyping import Float

from multicell_env.model.folded import FoldedGains
from multicell_env.model.types import Array, Gains


def check_powers(powers: Float[Array, "..."], what: str = "powers") -> None:
    """Refuse invalid powers or budgets.

    Raises:
        ValueError: a value is negative or not finite.
    """
    xp = array_namespace(powers)
    if not xp.all((powers >= 0.0) & (powers < math.inf)):
        raise ValueError(
            f"{what} must be finite and non-negative (linear, in units of sigma^2); got [{xp.min(powers):g}, {xp.max(powers):g}]. "
            "Convert decibels by 10**(dB/10)."
        )


def ingr(
    powers: Float[Array, "*batch cell band user"], gains: Gains | FoldedGains, *, checked: bool = True
) -> Float[Array, "*batch cell band user"]:
    """Interference-plus-noise-to-gain ratio (INGR) that every user measures, in sigma^2.

        c_{b,u}[f] = (sum_{b' in I_b} sum_{u'} |w_{b',u'}^H h_{b',(b,u)}|^2 p_{b',u'}[f] + sigma^2) / |w_{b,u}^H h_{b,(b,u)}|^2      (7)

    Args:
        powers: Transmit powers, in sigma^2, non-negative.
        gains: Gains of the block.
        checked: Whether to check values. Without it no branch depends on a value, as compilers and devices need.

    Raises:
        ValueError: a power is negative or not finite.
    """
    if checked:
        check_powers(powers)
    if isinstance(gains, FoldedGains):
        return (gains.received(powers) + 1.0) / gains.signal_gains
    interfering = powers[..., gains.interferers, :, :]
    received = (interfering[..., None, :] @ gains.cross_gains)[..., 0, :]
    return (array_namespace(powers).sum(received, axis=-3) + 1.0) / gains.signal_gains


def log2_of_1_plus(sinr: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """log2(1 + SINR), accurate for small SINR too."""
    return array_namespace(sinr).log1p(sinr) * (1.0 / math.log(2.0))


def spectral_efficiency(
    powers: Float[Array, "*batch cell band user"], ingr: Float[Array, "*batch cell band user"]
) -> Float[Array, "*batch cell user"]:
    """Rate of each user, bit/s/Hz.

    R_{b,u} = sum_f log2(1 + p_{b,u}[f] / c_{b,u}[f])                               (6a)

    Args:
        powers: Powers p, in sigma^2.
        ingr: INGR c (7), in sigma^2.
    """
    return log2_of_1_plus(powers / ingr).sum(axis=-2)


def sum_rates(powers: Float[Array, "*batch cell band user"], ingr: Float[Array, "*batch cell band user"]) -> Float[Array, "*batch cell"]:
    """Sum rate of each cell over its users (18), bit/s/Hz. Its mean over the cells is the average cell capacity, (19)/B.

    Args:
        powers: Powers p, in sigma^2.
        ingr: INGR c (7), in sigma^2.
    """
    return spectral_efficiency(powers, ingr).sum(axis=-1)
