"""The negotiation inside a step: all users adjust their powers iteratively by one rule."""

from array_api_compat import array_namespace, device
from jaxtyping import Float

from multicell_env.config import Negotiation
from multicell_env.model.fairness import RunningRates
from multicell_env.model.folded import FoldedGains
from multicell_env.model.interference import check_powers, ingr, spectral_efficiency
from multicell_env.model.pricing import best_response_to_prices, prices
from multicell_env.model.types import Array, Gains
from multicell_env.model.waterfilling import forward_looking_levels, water_fill


def negotiate(
    powers: Float[Array, "*batch cell band user"],
    gains: Gains | FoldedGains,
    user_budgets: Float[Array, "*#batch cell user"],
    num_iterations: int,
    *,
    negotiation: Negotiation = "flwf",
    damping: float | Float[Array, "*#batch cell user"] = 0.0,
    running: RunningRates | None = None,
    checked: bool = True,
) -> Float[Array, "*batch cell band user"]:
    """Play `num_iterations` iterations of a power game among all users of all cells.

    Updates are simultaneous. In each iteration every user measures its INGR (7), and with "pricing" its prices, at the powers of the last
    iteration; then all users change their powers. "flwf" is forward-looking water-filling (15). "iwf" is iterative water-filling, FLWF
    with phi = 0. "pricing" moves half-way to the best response to prices: p <- p/2 + response/2. If the iterations converge, the limit
    is a fixed point of the rule.

    Args:
        powers: Initial powers, in sigma^2.
        gains: Gains of the block.
        user_budgets: Budget of each user over its bands in the slot, P_b(t)/U_b (14), in sigma^2; 0 for padded users.
        num_iterations: k; 0 returns the initial powers.
        negotiation: The rule.
        damping: Share of its last powers that a user keeps in an iteration, in [0, 1], for all users or for each. 0 is the paper's game. A
            user with 1 keeps its initial powers.
        running: Users' past rates, with fairness. "pricing" updates the weights in every iteration from measured rates. "flwf" and "iwf" do
            not depend on weights, because every user allocates its whole budget by itself.
        checked: Whether to check values. Without it no branch depends on a value, as compilers and devices need.

    Raises:
        ValueError: a power or budget is negative or not finite, or a damping is outside [0, 1].
    """
    if checked:
        check_powers(powers)
        check_powers(user_budgets, "budgets")
    xp = array_namespace(powers)
    kept = _kept(damping, powers)
    if checked and not xp.all((kept >= 0.0) & (kept <= 1.0)):
        raise ValueError(f"damping must be within [0, 1]; got {xp.min(kept):g} to {xp.max(kept):g}. Give 0 for the paper's game.")
    kept = kept[..., None, :] if kept.ndim else kept
    if negotiation == "pricing":
        kept = (1.0 + kept) / 2.0
    for _ in range(num_iterations):
        measured = ingr(powers, gains, checked=checked)
        if negotiation == "pricing":
            weights = None if running is None else running.weights(spectral_efficiency(powers, measured))
            response = best_response_to_prices(
                prices(powers, gains, weights, checked=checked), measured, user_budgets, weights, checked=checked
            )
        else:
            levels = forward_looking_levels(powers, measured) if negotiation == "flwf" else measured
            response = water_fill(levels, user_budgets, checked=checked)
        powers = kept * powers + (1.0 - kept) * response
    return powers


def _kept(damping: float | Array, powers: Array) -> Array:
    xp = array_namespace(powers)
    if isinstance(damping, float | int):
        return xp.asarray(damping, dtype=powers.dtype, device=device(powers))
    return xp.astype(damping, powers.dtype)  # asarray would drop the gradients of a tensor in some versions of torch
