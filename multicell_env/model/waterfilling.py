"""Water-filling, and the levels and openings of the games that are made of it.

Every function takes NumPy arrays or torch tensors and returns the same; tensors carry gradients through it.
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

    Exact: no tolerance. Levels may be negative (forward-looking ones are).

    Args:
        levels: What each band costs before it carries power, in sigma^2.
        budget: Power of one user over all bands, in sigma^2, non-negative.
        checked: Whether values are looked at. Without it no branch depends on a value, as compilers and devices want it.

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
    # Water level if just the n lowest bands carried power. It falls while the next band still lies below it, and never after: the
    # true level is the lowest. Levels are taken relative to the lowest, so that a common offset costs no digits.
    lowest = ascending[..., :1, :]
    num_open = xp.arange(1, levels.shape[-2] + 1, dtype=levels.dtype, device=device(levels))[:, None]
    candidates = (budget[..., None, :] + xp.cumulative_sum(ascending - lowest, axis=-2)) / num_open
    water_level = xp.min(candidates, axis=-2, keepdims=True)
    return xp.clip(water_level - (levels - lowest), min=0.0)


def _water_level(depths: Float[Array, "*batch band user"], budget: Float[Array, "*batch #user"]) -> Float[Array, "*batch 1 user"]:
    """The water level as `water_fill` has it, without a sort: a band carries power if the budget lifts the level above it."""
    xp, budget = array_namespace(depths), budget[..., None, :]
    up_to_it = xp.sum(xp.clip(depths[..., :, None, :] - depths[..., None, :, :], min=0.0), axis=-2)
    # As numbers: a compiler for processors keeps what it needs twice, and reads truth values one by one.
    is_open = xp.astype(up_to_it < budget, depths.dtype)
    num_open = xp.clip(xp.sum(is_open, axis=-2, keepdims=True), min=1.0)  # none where there is nothing to spend
    return (budget + xp.sum(is_open * depths, axis=-2, keepdims=True)) / num_open


def interference_derivative(
    powers: Float[Array, "*batch band user"], ingr: Float[Array, "*batch band user"]
) -> Float[Array, "*batch band user"]:
    """How much a user expects its INGR to fall when it raises its power: others yield to it.

    phi = -sqrt(c / (2c + p))                                                       (16)
    """
    return -array_namespace(ingr).sqrt(ingr / (2.0 * ingr + powers))


def believed_ingr(
    powers: Float[Array, "*batch band user"],
    last_powers: Float[Array, "*batch band user"],
    last_ingr: Float[Array, "*batch band user"],
    signal_gains: Float[Array, "*batch band user"],
) -> Float[Array, "*batch band user"]:
    """INGR that users believe in after a move, before they measure it, in sigma^2.

    c^B = c + phi(p_last, c) (p - p_last)                                           (9), (16)

    Not below sigma^2 / signal gain: nobody measures less than its noise, and (12) has no value where c^B <= 0.

    Args:
        powers: Powers p after the move, in sigma^2.
        last_powers: Powers p_last before it.
        last_ingr: INGR c (7) measured at `last_powers`.
        signal_gains: |w^H h|^2 of every user's own link.
    """
    believed = last_ingr + interference_derivative(last_powers, last_ingr) * (powers - last_powers)
    return array_namespace(believed).maximum(believed, 1.0 / signal_gains)


def forward_looking_levels(
    powers: Float[Array, "*batch band user"], ingr: Float[Array, "*batch band user"]
) -> Float[Array, "*batch band user"]:
    """Level on which a forward-looking user pours its water; may be negative.

    L = (c^2 + phi p^2) / (c - phi p)                                               (15)
    """
    phi = interference_derivative(powers, ingr)
    return (ingr**2 + phi * powers**2) / (ingr - phi * powers)


def opening_powers(
    fractions: Float[Array, "*batch cell band user"], user_budgets: Float[Array, "*#batch cell user"]
) -> Float[Array, "*batch cell band user"]:
    """Powers of an opening move, in sigma^2.

    Args:
        fractions: Fractions of each user's slot budget. Entries outside [0, 1] are clipped; a user whose fractions sum to more than 1 is
            scaled down to 1.
        user_budgets: What each user may spend in the slot, P_b(t)/U_b (14), in sigma^2.
    """
    xp = array_namespace(fractions)
    wanted = xp.clip(fractions, min=0.0, max=1.0)
    totals = xp.clip(xp.sum(wanted, axis=-2, keepdims=True), min=1.0)
    return wanted / totals * user_budgets[..., None, :]


def selfish_water_fill(gains: Gains, user_budgets: Float[Array, "*#batch cell user"]) -> Float[Array, "*batch cell band user"]:
    """Selfish single-user water-filling (SSWF): every user pours its budget on sigma^2 / signal gain, blind to interference.

    Args:
        gains: Gains of the block.
        user_budgets: What each user spends over its bands in the slot, in sigma^2.
    """
    return water_fill(1.0 / gains.signal_gains, user_budgets)


def water_fill_within(
    owned: Bool[Array, "*#batch cell band"], gains: Gains, user_budgets: Float[Array, "*#batch cell user"]
) -> Float[Array, "*batch cell band user"]:
    """Every user water-fills on 1/signal gain over the bands that its cell owns; a cell without bands stays silent.

    Args:
        owned: Which bands each cell may use.
        gains: Gains of the block.
        user_budgets: What each user spends over its bands in the slot, in sigma^2.
    """
    levels = 1.0 / gains.signal_gains
    xp = array_namespace(levels)
    # A band that is not owned costs more than any water can cover: all owned levels plus the whole budget.
    too_high = xp.max(levels, axis=-2, keepdims=True) + user_budgets[..., None, :] + 1.0
    budgets = user_budgets * xp.any(owned, axis=-1)[..., None]
    return water_fill(xp.where(owned[..., None], levels, too_high), budgets)
