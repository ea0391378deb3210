"""Interference prices and the best response to them: base stations account for the rate loss that their beams cause in other cells.

All functions accept NumPy arrays or torch tensors and return the same type. Gradients are propagated.

Source: J. Huang, R. A. Berry and M. L. Honig, "Distributed interference compensation for wireless networks", IEEE JSAC 24(5), 2006.
"""

from array_api_compat import array_namespace, device
from jaxtyping import Float

from multicell_env.model.folded import FoldedGains
from multicell_env.model.interference import check_powers, ingr
from multicell_env.model.tracing import without_gradients
from multicell_env.model.types import Array, Gains

PRICE_OFFSET = 0.05
"""Offset of prices before they are multiplied by an action, times p0; without it a price of 0 could not be raised."""
TILT_DECADES = 4.0
"""Decades by which an action of 1 raises a price, and an action of -1 lowers it."""
MOST_MULTIPLIED = 64
"""Largest number of cells for which links are summed by a matrix product."""
MOST_STEPS = 64
"""Most Newton steps for the multiplier of a budget. About five suffice unless rounding limits the accuracy."""
UNCHECKED_STEPS = 12
"""Fixed number of Newton steps when values may not be checked."""


def prices(
    powers: Float[Array, "*batch cell band user"],
    gains: Gains | FoldedGains,
    weights: Float[Array, "*batch cell user"] | None = None,
    *,
    checked: bool = True,
) -> Float[Array, "*batch cell band user"]:
    """Interference price of each beam: the rate loss of other cells' users per unit of power, in nats per sigma^2.

        pi_{b,u}[f] = sum_{b' reached by b} sum_{u'} |w_{b,u}^H h_{b,(b',u')}|^2 v_{b',u'} S / (N (S + N))

    where S is the signal power that the victim u' of cell b' receives, N its interference plus noise, and v the weight of its rate. A unit
    of interference lowers the victim's rate log(1 + S/N) by S / (N (S + N)).

    Args:
        powers: Transmit powers, in sigma^2, non-negative.
        gains: Gains of the block.
        weights: v, such as `RunningRates.weights`; 1 by default.
        checked: Whether to check values. Without it no branch depends on a value, as compilers and devices need.

    Raises:
        ValueError: a power is negative or not finite.
    """
    signals = gains.signal_gains * powers
    noises = gains.signal_gains * ingr(powers, gains, checked=checked)
    costs = signals / (signals + noises) / noises
    return _over_victims(costs if weights is None else costs * weights[..., None, :], gains)


def leakage(gains: Gains | FoldedGains) -> Float[Array, "*batch cell band user"]:
    """Sum of the power gains of each beam to all users of other cells, linear."""
    return _over_victims(array_namespace(gains.signal_gains).ones_like(gains.signal_gains), gains)


def _over_victims(weights: Float[Array, "*batch cell band user"], gains: Gains | FoldedGains) -> Float[Array, "*batch cell band user"]:
    """Sum of the gains of each beam to all users of other cells, weighted by user."""
    if isinstance(gains, FoldedGains):
        return gains.over_victims(weights)
    xp = array_namespace(weights)
    # [victim cell, interferer, band, tx user]: power of each beam that reaches the users of one cell
    costs = (gains.cross_gains @ weights[..., None, :, :, None])[..., 0]
    num_cells, num_interferers = gains.interferers.shape
    batch, tokens = costs.shape[:-4], costs.shape[-2:]
    links = xp.reshape(costs, (*batch, num_cells * num_interferers, tokens[0] * tokens[1]))
    senders, of_links = xp.arange(num_cells, device=device(gains.interferers)), xp.reshape(gains.interferers, (-1,))
    if num_cells <= MOST_MULTIPLIED:
        sums = xp.astype(senders[:, None] == of_links, weights.dtype) @ links
    else:  # the matrix would have as many entries as there are cells times links
        order = xp.argsort(of_links, stable=True)
        first, end = (xp.searchsorted(of_links[order], senders, side=side) for side in ("left", "right"))
        places = first[:, None] + xp.arange(int(xp.max(end - first)), device=device(first))
        of_sender = xp.take(order, xp.reshape(xp.clip(places, max=len(of_links) - 1), (-1,)))
        gathered = xp.reshape(xp.take(links, of_sender, axis=-2), (*batch, *places.shape, tokens[0] * tokens[1]))
        sums = xp.sum(xp.where((places < end[:, None])[..., None], gathered, xp.zeros_like(gathered)), axis=-2)
    return xp.reshape(sums, (*batch, num_cells, *tokens))


def best_response_to_prices(
    prices: Float[Array, "*batch band user"],
    ingr: Float[Array, "*batch band user"],
    user_budgets: Float[Array, "*#batch user"],
    weights: Float[Array, "*batch user"] | None = None,
    *,
    checked: bool = True,
) -> Float[Array, "*batch band user"]:
    """Best response to prices: the powers that maximise each user's weighted rate minus the price of its powers.

        p = max(0, v / (pi + lambda) - c),  lambda >= 0 such that sum_f p_f <= budget, 0 if the budget is not exhausted

    It equals the response of weight 1 to the prices pi / v. The solution is exact up to rounding. A user may spend less than its budget,
    or nothing.

    Args:
        prices: Prices pi, in nats per sigma^2, non-negative.
        ingr: Interference-plus-noise-to-gain ratio c (7), in sigma^2.
        user_budgets: Power of one user over all bands, in sigma^2, finite and non-negative.
        weights: v, positive; 1 by default.
        checked: Whether to check values. Without it no branch depends on a value, as compilers and devices need.

    Raises:
        ValueError: a price or a budget is negative or not finite.
    """
    if checked:
        check_powers(prices, "prices")
        check_powers(user_budgets, "budgets")
    if weights is not None:
        prices = prices / weights[..., None, :]
    xp, budgets = array_namespace(prices), user_budgets[..., None, :]
    multiplier = _multiplier(*(without_gradients(array) for array in (prices, ingr, budgets)), checked=checked)
    # A Newton step at the root does not change the value, and has the gradients of the implicit function.
    wanted, slope = _wanted(prices, ingr, multiplier), _slope(prices, ingr, multiplier)
    excess = xp.sum(wanted, axis=-2, keepdims=True) - budgets
    step = excess / without_gradients(xp.where(slope > 0.0, slope, xp.ones_like(slope)))
    response = _wanted(prices, ingr, multiplier + xp.where((multiplier > 0.0) & (slope > 0.0), step, xp.zeros_like(step)))
    return xp.where(budgets > 0.0, response, xp.zeros_like(response))


def _wanted(prices: Array, ingr: Array, multiplier: Array) -> Array:
    return array_namespace(prices).clip(1.0 / (prices + multiplier) - ingr, min=0.0)


def _slope(prices: Array, ingr: Array, multiplier: Array) -> Array:
    """Derivative of the total power, over all bands, with respect to the multiplier, with opposite sign."""
    xp = array_namespace(prices)
    wanted = 1.0 / (prices + multiplier)
    return xp.sum(xp.where(wanted > ingr, wanted**2, xp.zeros_like(wanted)), axis=-2, keepdims=True)


def _multiplier(prices: Array, ingr: Array, budgets: Array, *, checked: bool) -> Array:
    """The multiplier lambda of every user, `[..., 1, user]`, by Newton's method from below.

    No single band may use more than the budget, so lambda is at least the largest 1 / (budget + c) - pi. Newton's method starts there, on
    1 / sum_f 1/(pi_f + lambda) over the open bands. This is concave and increasing, so steps do not overshoot, and bands only close.
    """
    xp = array_namespace(prices)
    multiplier = xp.clip(xp.max(1.0 / (budgets + ingr) - prices, axis=-2, keepdims=True), min=0.0)
    precision = xp.finfo(prices.dtype).eps
    for _ in range(MOST_STEPS if checked else UNCHECKED_STEPS):
        inverse = 1.0 / (prices + multiplier)
        is_open = xp.astype(inverse > ingr, prices.dtype)
        total, covered = xp.sum(is_open * inverse, axis=-2, keepdims=True), xp.sum(is_open * ingr, axis=-2, keepdims=True)
        excess = total - covered - budgets
        if checked and xp.all(excess <= 4.0 * precision * total):
            break
        slope = xp.sum(is_open * inverse**2, axis=-2, keepdims=True)
        step = total * excess / xp.where(slope > 0.0, slope * (budgets + covered), xp.ones_like(slope))
        multiplier = multiplier + xp.where(excess > 0.0, step, xp.zeros_like(step))
    return multiplier


def tilted_response(
    actions: Float[Array, "*batch cell band user"],
    prices: Float[Array, "*batch cell band user"],
    ingr: Float[Array, "*batch cell band user"],
    user_budgets: Float[Array, "*#batch cell user"],
    nominal_powers: Float[Array, "*#batch cell"],
    weights: Float[Array, "*batch cell user"] | None = None,
    *,
    checked: bool = True,
) -> Float[Array, "*batch cell band user"]:
    """Powers of price multipliers: the best response to prices that an action has multiplied.

        e = (pi + 0.05 / p0) 10^(4 a),  p = max(0, v / (e + lambda) - c)

    Args:
        actions: a of each band and user; entries outside [-1, 1] are clipped.
        prices: Last measured prices of the beams, in nats per sigma^2.
        ingr: Last measured INGR c (7), in sigma^2.
        user_budgets: Budget of each user in the slot, in sigma^2.
        nominal_powers: p0 of each cell, in sigma^2.
        weights: v, the weights of rates when prices were measured; 1 by default.
        checked: As for `best_response_to_prices`.
    """
    tilts = array_namespace(actions).clip(actions, min=-1.0, max=1.0)
    offset = PRICE_OFFSET / nominal_powers[..., None, None]
    tilted = (prices + offset) * 10.0 ** (TILT_DECADES * tilts)
    return best_response_to_prices(tilted, ingr, user_budgets, weights, checked=checked)
