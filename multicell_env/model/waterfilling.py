"""Water-filling, and the water levels and initial powers of the games based on it.

All functions accept NumPy arrays or torch tensors and return the same type. Gradients are propagated.
"""

from array_api_compat import array_namespace, device
from jaxtyping import Bool, Float

from multicell_env.model.tracing import is_traced
from multicell_env.model.types import Array, Gains


def water_fill(
    levels: Float[Array, "*batch band user"], budget: Float[Array, "*batch #user"], *, checked: bool = True
) -> Float[Array, "*batch band user"]:
    """Spend each user's budget over its bands at one water level.

        p_f = max(0, w - L_f),  w such that sum_f p_f = budget                          (15)

    The solution is exact. Levels may be negative, as forward-looking levels can be.

    Args:
        levels: Level L_f of each band, in sigma^2.
        budget: Power of each user over all bands, in sigma^2, non-negative.
        checked: Whether to check values. Without it no branch depends on a value, as compilers and devices need.

    Raises:
        ValueError: a budget is negative, or a number is not finite.
    """
    xp = array_namespace(levels)
    if checked and not (xp.all(xp.isfinite(levels)) and xp.all(xp.isfinite(budget)) and xp.all(budget >= 0)):
        raise ValueError(
            f"water_fill needs finite levels and finite, non-negative budgets; got levels in [{xp.min(levels):g}, {xp.max(levels):g}] "
            f"and budgets in [{xp.min(budget):g}, {xp.max(budget):g}]. Check the powers and channels that they came from."
        )
    if is_traced(levels):
        depths = levels - xp.min(levels, axis=-2, keepdims=True)
        return xp.clip(_water_level(depths, budget) - depths, min=0.0)
    ascending = xp.sort(levels, axis=-2)
    # Water level if only the n lowest bands carry power. As a function of n it falls as long as the next band lies below it, and not
    # afterwards: the true level is the smallest. Levels are relative to the lowest, so that a common offset costs no digits.
    lowest = ascending[..., :1, :]
    num_open = xp.arange(1, levels.shape[-2] + 1, dtype=levels.dtype, device=device(levels))[:, None]
    candidates = (budget[..., None, :] + xp.cumulative_sum(ascending - lowest, axis=-2)) / num_open
    water_level = xp.min(candidates, axis=-2, keepdims=True)
    return xp.clip(water_level - (levels - lowest), min=0.0)


def _water_level(depths: Float[Array, "*batch band user"], budget: Float[Array, "*batch #user"]) -> Float[Array, "*batch 1 user"]:
    """The water level of `water_fill`, without a sort: a band carries power if the budget raises the level above it."""
    xp, budget = array_namespace(depths), budget[..., None, :]
    up_to_it = xp.sum(xp.clip(depths[..., :, None, :] - depths[..., None, :, :], min=0.0), axis=-2)
    # As numbers, because compilers for CPUs vectorise them better than booleans.
    is_open = xp.astype(up_to_it < budget, depths.dtype)
    num_open = xp.clip(xp.sum(is_open, axis=-2, keepdims=True), min=1.0)  # none without a budget
    return (budget + xp.sum(is_open * depths, axis=-2, keepdims=True)) / num_open


def interference_derivative(
    powers: Float[Array, "*batch band user"], ingr: Float[Array, "*batch band user"]
) -> Float[Array, "*batch band user"]:
    """Derivative of its INGR with respect to its power that a user expects: other users reduce their powers.

    phi = -sqrt(c / (2c + p))                                                       (16)

    Args:
        powers: Powers p, in sigma^2.
        ingr: INGR c (7), in sigma^2.
    """
    return -array_namespace(ingr).sqrt(ingr / (2.0 * ingr + powers))


def believed_ingr(
    powers: Float[Array, "*batch band user"],
    last_powers: Float[Array, "*batch band user"],
    last_ingr: Float[Array, "*batch band user"],
    signal_gains: Float[Array, "*batch band user"],
) -> Float[Array, "*batch band user"]:
    """INGR that users predict for new powers before they measure it, the belief c^B, in sigma^2.

    c^B = c + phi(p_last, c) (p - p_last)                                           (9), (16)

    It is bounded below by sigma^2 / signal gain, because the INGR is never lower, and (12) is undefined for c^B <= 0.

    Args:
        powers: New powers p, in sigma^2.
        last_powers: Old powers p_last, in sigma^2.
        last_ingr: INGR c (7) measured at `last_powers`, in sigma^2.
        signal_gains: |w^H h|^2 of every user's own link.
    """
    believed = last_ingr + interference_derivative(last_powers, last_ingr) * (powers - last_powers)
    return array_namespace(believed).maximum(believed, 1.0 / signal_gains)


def forward_looking_levels(
    powers: Float[Array, "*batch band user"], ingr: Float[Array, "*batch band user"]
) -> Float[Array, "*batch band user"]:
    """Water-filling level of a forward-looking user, in sigma^2; may be negative.

    L = (c^2 + phi p^2) / (c - phi p)                                               (15)

    Args:
        powers: Powers p, in sigma^2.
        ingr: INGR c (7), in sigma^2.
    """
    phi = interference_derivative(powers, ingr)
    return (ingr**2 + phi * powers**2) / (ingr - phi * powers)


def opening_powers(
    fractions: Float[Array, "*batch cell band user"], user_budgets: Float[Array, "*#batch cell user"]
) -> Float[Array, "*batch cell band user"]:
    """Initial powers from an action, in sigma^2.

    Args:
        fractions: Fractions of each user's slot budget. Entries outside [0, 1] are clipped. If a user's fractions sum to more than
            1, they are scaled to sum to 1.
        user_budgets: Budget of each user in the slot, P_b(t)/U_b (14), in sigma^2.
    """
    xp = array_namespace(fractions)
    wanted = xp.clip(fractions, min=0.0, max=1.0)
    totals = xp.clip(xp.sum(wanted, axis=-2, keepdims=True), min=1.0)
    return wanted / totals * user_budgets[..., None, :]


def selfish_water_fill(gains: Gains, user_budgets: Float[Array, "*#batch cell user"]) -> Float[Array, "*batch cell band user"]:
    """Selfish single-user water-filling (SSWF) on the levels sigma^2 / signal gain, which ignores interference.

    Args:
        gains: Gains of the block.
        user_budgets: Power that each user spends over its bands in the slot, in sigma^2.
    """
    return water_fill(1.0 / gains.signal_gains, user_budgets)


def water_fill_within(
    owned: Bool[Array, "*#batch cell band"], gains: Gains, user_budgets: Float[Array, "*#batch cell user"]
) -> Float[Array, "*batch cell band user"]:
    """Every user water-fills on 1/signal gain over the bands of its cell. A cell without bands is silent.

    Args:
        owned: Which bands each cell may use.
        gains: Gains of the block.
        user_budgets: Power that each user spends over its bands in the slot, in sigma^2.
    """
    levels = 1.0 / gains.signal_gains
    xp = array_namespace(levels)
    # The level of a band that is not owned is above any water level: the sum of all owned levels plus the whole budget.
    too_high = xp.max(levels, axis=-2, keepdims=True) + user_budgets[..., None, :] + 1.0
    budgets = user_budgets * xp.any(owned, axis=-1)[..., None]
    return water_fill(xp.where(owned[..., None], levels, too_high), budgets)
