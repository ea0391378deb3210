"""Water-filling and the game that is made of it: FLWF, IWF and SSWF."""

import numpy as np
from jaxtyping import Bool, Float

from multicell_env.beamforming import Gains
from multicell_env.interference import Powers, check_powers, ingr


def water_fill(
    levels: Float[np.ndarray, "*batch band user"], budget: Float[np.ndarray, "*batch #user"]
) -> Float[np.ndarray, "*batch band user"]:
    """Spend each user's budget over its bands at one water level.

        p_f = max(0, w - L_f),  w such that sum_f p_f = budget                          (15)

    Exact: no tolerance. Levels may be negative (forward-looking ones are).

    Args:
        levels: What each band costs before it carries power, in sigma^2.
        budget: Power of one user over all bands, in sigma^2, non-negative.

    Raises:
        ValueError: a budget is negative, or a number is not finite.
    """
    budget = np.asarray(budget)
    if not (np.all(np.isfinite(levels)) and np.all(np.isfinite(budget)) and np.all(budget >= 0)):
        raise ValueError(
            f"water_fill needs finite levels and finite, non-negative budgets; got levels in [{np.min(levels):g}, {np.max(levels):g}] "
            f"and budgets in [{np.min(budget):g}, {np.max(budget):g}]. Check the powers and channels that they came from."
        )
    ascending = np.sort(levels, axis=-2)
    # Water level if just the n lowest bands carried power; the true n is the largest whose level still covers its n-th band.
    # Levels are taken relative to the lowest, so that a common offset costs no digits.
    lowest = ascending[..., :1, :]
    depths = ascending - lowest
    num_open = np.arange(1, levels.shape[-2] + 1)[:, None]
    candidates = (budget[..., None, :] + np.cumsum(depths, axis=-2)) / num_open
    last_open = np.sum(candidates > depths, axis=-2, keepdims=True) - 1
    water_level = np.take_along_axis(candidates, np.maximum(last_open, 0), axis=-2)
    return np.maximum(0.0, water_level - (levels - lowest))


def interference_derivative(
    powers: Float[np.ndarray, "*batch band user"], ingr: Float[np.ndarray, "*batch band user"]
) -> Float[np.ndarray, "*batch band user"]:
    """How much a user expects its INGR to fall when it raises its power: others yield to it.

    phi = -sqrt(c / (2c + p))                                                       (16)
    """
    return -np.sqrt(ingr / (2.0 * ingr + powers))


def forward_looking_levels(
    powers: Float[np.ndarray, "*batch band user"], ingr: Float[np.ndarray, "*batch band user"]
) -> Float[np.ndarray, "*batch band user"]:
    """Level on which a forward-looking user pours its water; may be negative.

    L = (c^2 + phi p^2) / (c - phi p)                                               (15)
    """
    phi = interference_derivative(powers, ingr)
    return (ingr**2 + phi * powers**2) / (ingr - phi * powers)


def negotiate(
    powers: Powers,
    gains: Gains,
    user_budgets: Float[np.ndarray, "*#batch cell user"],
    num_iterations: int,
    *,
    forward_looking: bool = True,
    damping: float = 0.0,
) -> Powers:
    """Let all users of all cells adjust their spectrum for some iterations, without any exchange.

    Simultaneous: in each iteration every user reads its INGR (7) from the powers of the last iteration, then all move by (15).
    The limit of many iterations, where there is one, is a fixed point of (15).

    Args:
        powers: Opening move, in sigma^2.
        gains: Gains of the block.
        user_budgets: What each user spends over its bands in the slot, P_b(t)/U_b (14), in sigma^2; 0 for padded users.
        num_iterations: k; 0 returns the opening move.
        forward_looking: True is forward-looking water-filling (FLWF); False is iterative water-filling (IWF), which is FLWF with phi = 0.
        damping: Share of its last powers that every user keeps in an iteration, in [0, 1); 0 is the game of the paper.

    Raises:
        ValueError: a power or budget is negative or not finite.
    """
    check_powers(powers)
    check_powers(user_budgets, "budgets")
    for _ in range(num_iterations):
        measured = ingr(powers, gains)
        response = water_fill(forward_looking_levels(powers, measured) if forward_looking else measured, user_budgets)
        powers = damping * powers + (1.0 - damping) * response if damping else response
    return powers


def selfish_water_fill(gains: Gains, user_budgets: Float[np.ndarray, "*#batch cell user"]) -> Powers:
    """Selfish single-user water-filling (SSWF): every user pours its budget on sigma^2 / signal gain, blind to interference.

    Args:
        gains: Gains of the block.
        user_budgets: What each user spends over its bands in the slot, in sigma^2.
    """
    return water_fill(1.0 / gains.signal_gains, user_budgets)


def water_fill_within(
    owned: Bool[np.ndarray, "*#batch cell band"], gains: Gains, user_budgets: Float[np.ndarray, "*#batch cell user"]
) -> Powers:
    """Every user water-fills on 1/signal gain over the bands that its cell owns; a cell without bands stays silent.

    Args:
        owned: Which bands each cell may use.
        gains: Gains of the block.
        user_budgets: What each user spends over its bands in the slot, in sigma^2.
    """
    levels = 1.0 / gains.signal_gains
    # A band that is not owned costs more than any water can cover: all owned levels plus the whole budget.
    too_high = levels.max(axis=-2, keepdims=True) + user_budgets[..., None, :] + 1.0
    budgets = user_budgets * np.any(owned, axis=-1)[..., None]
    return water_fill(np.where(owned[..., None], levels, too_high), budgets)
