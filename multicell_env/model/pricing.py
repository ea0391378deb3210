"""Prices, and the best response to them: a game that settles because every base station counts what its beams cost the others.

Every function takes NumPy arrays or torch tensors and returns the same; tensors carry gradients through it.

Source: J. Huang, R. A. Berry and M. L. Honig, "Distributed interference compensation for wireless networks", IEEE JSAC 24(5), 2006.
"""

from array_api_compat import array_namespace, device
from jaxtyping import Float

from multicell_env.model.folded import FoldedGains
from multicell_env.model.interference import check_powers, ingr
from multicell_env.model.tracing import without_gradients
from multicell_env.model.types import Array, Gains

PRICE_OFFSET = 0.05
"""What a tilted price has added to it before it is multiplied, per nominal power: a price of 0 could not be raised otherwise."""
TILT_DECADES = 4.0
"""Decades by which an action of 1 raises a price, and one of -1 lowers it."""
MOST_MULTIPLIED = 64
"""The most cells whose links are summed by a matrix of cells and links."""
MOST_STEPS = 64
"""Steps on the multiplier of a budget; some five are enough unless the arithmetic itself has no more digits."""
UNCHECKED_STEPS = 12
"""As many steps are always made where no value may be looked at."""


def prices(
    powers: Float[Array, "*batch cell band user"],
    gains: Gains | FoldedGains,
    weights: Float[Array, "*batch cell user"] | None = None,
    *,
    checked: bool = True,
) -> Float[Array, "*batch cell band user"]:
    """What a unit of power on each beam costs the users of other cells, in nats of their rates, per sigma^2.

        pi_{b,u}[f] = sum_{b' reached by b} sum_{u'} |w_{b,u}^H h_{b,(b',u')}|^2 v_{b',u'} S / (N (S + N))

    with S the signal that the victim u' of cell b' receives and N its interference plus noise: its rate log(1 + S/N) falls by S / (N (S +
    N)) for each unit of interference, and v is what its rate counts.

    Args:
        powers: Transmit powers, in sigma^2, non-negative.
        gains: Gains of the block.
        weights: v, such as `RunningRates.weights`; 1 for everybody by default.
        checked: Whether values are looked at. Without it no branch depends on a value, as compilers and devices want it.

    Raises:
        ValueError: a power is negative or not finite.
    """
    signals = gains.signal_gains * powers
    noises = gains.signal_gains * ingr(powers, gains, checked=checked)
    costs = signals / (signals + noises) / noises
    return _over_victims(costs if weights is None else costs * weights[..., None, :], gains)


def leakage(gains: Gains | FoldedGains) -> Float[Array, "*batch cell band user"]:
    """Sum of the gains of each beam to all users of other cells."""
    return _over_victims(array_namespace(gains.signal_gains).ones_like(gains.signal_gains), gains)


def _over_victims(weights: Float[Array, "*batch cell band user"], gains: Gains | FoldedGains) -> Float[Array, "*batch cell band user"]:
    """Sum of the gains of each beam to all users of other cells, each times the user's weight."""
    if isinstance(gains, FoldedGains):
        return gains.over_victims(weights)
    xp = array_namespace(weights)
    # [victim cell, interferer, band, tx user]: what of each beam reaches the users of one cell
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
    """Powers that gain each user most, its rate times what it counts less the price of its powers.

        p = max(0, v / (pi + lambda) - c),  lambda >= 0 such that sum_f p_f <= budget, 0 where less is wanted

    which is the answer to the prices pi / v of a user that counts 1. Exact to rounding. A user may want less than its budget, and nothing
    at all.

    Args:
        prices: What a unit of power costs, in nats per sigma^2, non-negative.
        ingr: Interference-plus-noise-to-gain ratio c (7), in sigma^2.
        user_budgets: Power of one user over all bands, in sigma^2, finite and non-negative.
        weights: v, positive; 1 for everybody by default.
        checked: Whether values are looked at. Without it no branch depends on a value, as compilers and devices want it.

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
    # One step of Newton's method with gradients changes nothing at the root, and has the gradients of the implicit function.
    wanted, slope = _wanted(prices, ingr, multiplier), _slope(prices, ingr, multiplier)
    excess = xp.sum(wanted, axis=-2, keepdims=True) - budgets
    step = excess / without_gradients(xp.where(slope > 0.0, slope, xp.ones_like(slope)))
    response = _wanted(prices, ingr, multiplier + xp.where((multiplier > 0.0) & (slope > 0.0), step, xp.zeros_like(step)))
    return xp.where(budgets > 0.0, response, xp.zeros_like(response))


def _wanted(prices: Array, ingr: Array, multiplier: Array) -> Array:
    return array_namespace(prices).clip(1.0 / (prices + multiplier) - ingr, min=0.0)


def _slope(prices: Array, ingr: Array, multiplier: Array) -> Array:
    """How fast the wanted power falls as the multiplier rises, over all bands."""
    xp = array_namespace(prices)
    wanted = 1.0 / (prices + multiplier)
    return xp.sum(xp.where(wanted > ingr, wanted**2, xp.zeros_like(wanted)), axis=-2, keepdims=True)


def _multiplier(prices: Array, ingr: Array, budgets: Array, *, checked: bool) -> Array:
    """The multiplier lambda of every user, `[..., 1, user]`, from below.

    No band alone may take more than the budget, so lambda is at least the largest 1 / (budget + c) - pi. From there on, Newton's method on
    1 / sum_f 1/(pi_f + lambda) over the open bands, which is concave and increasing: no step goes too far, and bands only close.
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
    """Powers of an action that tilts prices: the best response to prices that it has multiplied.

        e = (pi + 0.05 / p0) 10^(4 a),  p = max(0, v / (e + lambda) - c)

    Args:
        actions: a of each band and user; entries outside [-1, 1] are clipped.
        prices: Prices of the beams as they were last measured, in nats per sigma^2.
        ingr: INGR (7) as it was last measured, in sigma^2.
        user_budgets: What each user may spend in the slot, in sigma^2.
        nominal_powers: p0 of each cell, in sigma^2.
        weights: v, what each user's rate counted when prices were measured; 1 for everybody by default.
        checked: As for `best_response_to_prices`.
    """
    tilts = array_namespace(actions).clip(actions, min=-1.0, max=1.0)
    offset = PRICE_OFFSET / nominal_powers[..., None, None]
    tilted = (prices + offset) * 10.0 ** (TILT_DECADES * tilts)
    return best_response_to_prices(tilted, ingr, user_budgets, weights, checked=checked)
