"""A round of the game as a pure function, for any array library: from state, measurements and actions to their next values.

Unless `checked`, no branch depends on a value, so that compilers can trace it: `torch.compile`, and JAX's `jit`, `vmap` and `grad`.
Arrays may have any number of leading batch axes.
"""

from typing import Any, NamedTuple

from array_api_compat import array_namespace
from jaxtyping import Bool, Float

from multicell_env.config import NetworkConfig
from multicell_env.model.fairness import RunningRates
from multicell_env.model.folded import FoldedGains
from multicell_env.model.interference import ingr, spectral_efficiency
from multicell_env.model.negotiation import negotiate
from multicell_env.model.pricing import prices, tilted_response
from multicell_env.model.types import Array, Gains
from multicell_env.model.waterfilling import believed_ingr, opening_powers
from multicell_env.rewards import predicts, rewards_of, worth_of_users
from multicell_env.tensors.folding import fold, folded_gains, folded_rates, unfold


class Network(NamedTuple):
    """Constants of a block. Gains and powers may be in any unit of power, if all have the same."""

    gains: Gains
    """Power gains of beams."""
    nominal_powers: Float[Array, "*#batch cell"]
    """p0, nominal power."""
    own_gains: Float[Array, "*#batch cell"]
    """a_bb, mean own gain."""
    num_users: Float[Array, "*#batch cell"]
    """U_b, number of users."""
    user_mask: Bool[Array, "*#batch cell user"]
    """True for users, False for padding."""
    nominal_budgets: Float[Array, "*#batch cell"]
    """U_b F p0, nominal slot budget."""


class Measured(NamedTuple):
    """Measurements of users and base stations after a round."""

    ingr: Float[Array, "*batch cell band user"]
    """INGR c (7), in the unit of power."""
    weights: Float[Array, "*batch cell user"] | None
    """Weight of each user's rate; None without fairness."""
    prices: Float[Array, "*batch cell band user"] | None
    """Prices of the beams, nats per unit of power; None if they are not measured."""


class Progress(NamedTuple):
    """The state of a block. Counters are floating-point numbers, so that all libraries can combine them with the other arrays."""

    powers: Float[Array, "*batch cell band user"]
    """Powers of the last round."""
    power_budget: Float[Array, "*batch cell"]
    """P_b(t) of the next slot (5)."""
    user_budgets: Float[Array, "*batch cell user"]
    """Budget of each user, P_b(t)/U_b (14); 0 for padded users."""
    past_rates: Float[Array, "*batch cell user"]
    """Sum of rates over the past slots, bit/s/Hz; 0 without fairness."""
    num_past: Float[Array, "*batch"]
    """Number of past slots."""
    slots_left: Float[Array, "*batch"]
    """Number of slots left."""
    rounds: Float[Array, "*batch"]
    """Number of rounds played in the present slot."""
    has_played: Float[Array, "*batch"]
    """1 after the first round of a block, 0 before."""


class Round(NamedTuple):
    """Results of a round."""

    progress: Progress
    """State after the round."""
    measured: Measured
    """Measurements after the round."""
    rates: Float[Array, "*batch cell user"]
    """Rate of each user (6a), bit/s/Hz; hypothetical in a round that does not transmit."""
    believed_rates: Float[Array, "*batch cell user"] | None
    """Rates that users predict in the round's last iteration, bit/s/Hz; None unless `predicted`."""
    transmits: Float[Array, "*batch"]
    """1 if the round was the last of its slot and transmitted, else 0."""


def split_among_users(network: Network, power_budget: Float[Array, "*batch cell"]) -> Float[Array, "*batch cell user"]:
    """Each user's equal share P_b(t)/U_b of the slot budget (14); 0 for padded users."""
    shares = (power_budget / network.num_users)[..., None]
    return array_namespace(shares).where(network.user_mask, shares, 0.0 * shares)


def running_rates(config: NetworkConfig, progress: Progress) -> RunningRates | None:
    """Users' rates in the past slots; None without fairness."""
    if config.fairness == 0.0:
        return None
    return RunningRates(config.fairness, progress.past_rates, progress.num_past[..., None, None])


def measure(
    config: NetworkConfig,
    network: Network,
    progress: Progress,
    ingr: Float[Array, "*batch cell band user"],
    rates: Float[Array, "*batch cell user"],
    *,
    hears_prices: bool,
    checked: bool = True,
    folds: bool = False,
) -> Measured:
    """The measurements after a round: weights of users' rates, prices of beams, and the INGR.

    Args:
        config: The rules.
        network: Constants of the blocks.
        progress: State after the round.
        ingr: INGR c (7) at the powers of the round.
        rates: Rates of users in the round, bit/s/Hz.
        hears_prices: Whether prices are measured.
        checked: As for `multicell_env.model.negotiation.negotiate`.
        folds: As for `play_round`.
    """
    running = running_rates(config, progress)
    weights = None if running is None else running.weights(rates)
    if not hears_prices:
        return Measured(ingr, weights, None)
    if not folds:
        return Measured(ingr, weights, prices(progress.powers, network.gains, weights, checked=checked))
    folded_weights = None if weights is None else fold(weights)
    heard = prices(fold(progress.powers), folded_gains(network.gains), folded_weights, checked=checked)
    return Measured(ingr, weights, unfold(heard, len(rates)))


def play_round(
    config: NetworkConfig,
    network: Network,
    progress: Progress,
    measured: Measured,
    actions: Float[Array, "*batch band user"],
    *,
    predicted: bool = False,
    checked: bool = True,
    folds: bool = False,
) -> Round:
    """Play one round: set initial powers, negotiate for k iterations, measure. The last round of a slot transmits and updates budgets (5).

    The equations are those of `multicell_env.model`, and the rules those of `multicell_env.blocks.Blocks.play_slot`.

    Args:
        config: The rules. Sizes and powers are taken from `network`.
        network: Constants of the blocks.
        progress: State before the round.
        measured: Measurements before the round.
        actions: As for `Blocks.play_slot`.
        predicted: Whether to compute the rates that users predict in the last iteration.
        checked: As for `multicell_env.model.negotiation.negotiate`.
        folds: Whether tensors with one batch axis have it last during the negotiation; see `multicell_env.model.folded`.

    Raises:
        ValueError: with `checked`, if the actions lead to a power that is not finite.
    """
    budgets, gains, running = progress.user_budgets, network.gains, running_rates(config, progress)
    actions, nominal_powers = array_namespace(budgets).astype(actions, budgets.dtype), network.nominal_powers
    if folds:
        gains, running = folded_gains(gains), folded_rates(running)
        actions, budgets, measured = fold(actions), fold(budgets), folded_measured(measured)
    opening, damping = _opening(config, nominal_powers, measured, actions, budgets, checked)
    played = _negotiated(config, gains, opening, budgets, damping, running, predicted, checked)
    if folds:
        played = (None if array is None else unfold(array, len(progress.powers)) for array in played)
    powers, heard, rates, believed_rates = played
    after, transmits = _after(config, network, progress, powers, rates)
    if folds:  # so that blocks are contiguous in the next round
        after = after._replace(user_budgets=unfold(fold(after.user_budgets), len(progress.powers)))
    hears = measured.prices is not None
    now = measure(config, network, after, heard, rates, hears_prices=hears, checked=checked, folds=folds)
    return Round(after, now, rates, believed_rates, transmits)


def _negotiated(
    config: NetworkConfig,
    gains: Gains | FoldedGains,
    opening: Array,
    user_budgets: Array,
    damping: Array,
    running: RunningRates | None,
    predicted: bool,
    checked: bool,
) -> tuple[Array, Array, Array, Array | None]:
    """Powers after the negotiation, the INGR at them, the rates, and with `predicted` the predicted rates."""
    rules: dict[str, Any] = {"negotiation": config.negotiation, "damping": damping, "running": running, "checked": checked}
    k, last, believed_rates = config.num_iterations, opening, None
    if predicted:
        last = negotiate(opening, gains, user_budgets, k - 1, **rules)
    powers = negotiate(last, gains, user_budgets, 1 if predicted else k, **rules)
    if predicted:
        believed = believed_ingr(powers, last, ingr(last, gains, checked=checked), gains.signal_gains)
        believed_rates = spectral_efficiency(powers, believed)
    heard = ingr(powers, gains, checked=checked)
    return powers, heard, spectral_efficiency(powers, heard), believed_rates


def folded_measured(measured: Measured) -> Measured:
    """The measurements with the block axis last."""
    return Measured(*(None if array is None else fold(array) for array in measured))


def _opening(
    config: NetworkConfig, nominal_powers: Array, measured: Measured, actions: Array, user_budgets: Array, checked: bool
) -> tuple[Float[Array, "*batch cell band user"], float | Float[Array, "*batch cell user"]]:
    """Initial powers and damping."""
    if config.action == "price":
        heard = measured.prices, measured.ingr, user_budgets, nominal_powers, measured.weights
        return tilted_response(actions, *heard, checked=checked), config.damping
    if config.damping_in_action:
        xp = array_namespace(actions)
        damping = xp.mean(xp.clip(actions[..., 1, :, :], min=0.0, max=1.0), axis=-2)
        return opening_powers(actions[..., 0, :, :], user_budgets), damping
    return opening_powers(actions, user_budgets), config.damping


def _after(
    config: NetworkConfig, network: Network, progress: Progress, powers: Array, rates: Array
) -> tuple[Progress, Float[Array, "*batch"]]:
    """State after a round, and 1 where the round transmitted."""
    xp, budget = array_namespace(powers), progress.power_budget
    transmits = xp.astype(progress.rounds + 1.0 >= config.rounds_per_slot, budget.dtype)
    unspent = xp.clip(budget - xp.sum(powers, axis=(-2, -1)), min=0.0)
    # (5): the T - t later slots share the unspent power; a round that does not transmit changes nothing.
    share = transmits / xp.clip(progress.slots_left - 1.0, min=1.0)
    power_budget = budget + share[..., None] * unspent
    return Progress(
        powers=powers,
        power_budget=power_budget,
        user_budgets=split_among_users(network, power_budget),
        past_rates=progress.past_rates + transmits[..., None, None] * rates if config.fairness > 0.0 else progress.past_rates,
        num_past=progress.num_past + transmits,
        slots_left=progress.slots_left - transmits,
        rounds=(progress.rounds + 1.0) * (1.0 - transmits),
        has_played=xp.ones_like(progress.has_played),
    ), transmits


def rewards_of_round(config: NetworkConfig, network: Network, before: Progress, played: Round) -> Float[Array, "*batch cell"]:
    """Rewards of a round by `NetworkConfig.reward`, bit/s/Hz, as the environment's `step`.

    Args:
        config: The rules.
        network: Constants of the blocks.
        before: State before the round.
        played: The round, with predicted rates if `multicell_env.rewards.predicts`.
    """
    rates = played.rates if played.believed_rates is None else played.believed_rates
    xp, running = array_namespace(rates), running_rates(config, before)
    worth = xp.sum(rates, axis=-1) if running is None else worth_of_users(running, rates, network.user_mask, played.transmits)
    shares = None
    if config.rounds_per_slot > 1:
        shares = played.transmits + (1.0 - played.transmits) * config.measuring_reward
    return rewards_of(worth, config.reward, xp.sum(network.num_users, axis=-1, keepdims=True), shares)


def play_for_rewards(
    config: NetworkConfig,
    network: Network,
    progress: Progress,
    measured: Measured,
    actions: Float[Array, "*batch band user"],
    *,
    checked: bool = True,
    folds: bool = False,
) -> tuple[Round, Float[Array, "*batch cell"]]:
    """Play one round and compute its rewards, bit/s/Hz: `play_round` followed by `rewards_of_round`. Arguments as for `play_round`."""
    played = play_round(config, network, progress, measured, actions, predicted=predicts(config), checked=checked, folds=folds)
    return played, rewards_of_round(config, network, progress, played)
