"""A round of the game as a function of arrays, of any library: what was measured before and the actions give what is measured after.

No branch depends on a value unless `checked` says so, so that compilers trace it: `torch.compile`, and JAX's `jit`, `vmap` and `grad`.
Batch axes lead, and there may be none.
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
    """What stays while a block is played. Gains and powers may be in any unit of power, if all are in the same."""

    gains: Gains
    nominal_powers: Float[Array, "*#batch cell"]
    """p0."""
    own_gains: Float[Array, "*#batch cell"]
    """a_bb."""
    num_users: Float[Array, "*#batch cell"]
    """U_b."""
    user_mask: Bool[Array, "*#batch cell user"]
    """True for users, False for padding."""
    nominal_budgets: Float[Array, "*#batch cell"]
    """U_b F p0."""


class Measured(NamedTuple):
    """What a round is followed by: what its users and base stations measure."""

    ingr: Float[Array, "*batch cell band user"]
    """c (7)."""
    weights: Float[Array, "*batch cell user"] | None
    """What each user's rate counts, where the network is fair."""
    prices: Float[Array, "*batch cell band user"] | None
    """Prices of the beams, where anybody hears them."""


class Progress(NamedTuple):
    """How far a block has been played. Counts are floating-point numbers, which every library multiplies with the others."""

    powers: Float[Array, "*batch cell band user"]
    """Of the last round."""
    power_budget: Float[Array, "*batch cell"]
    """P_b(t) of the coming slot (5)."""
    user_budgets: Float[Array, "*batch cell user"]
    """What each user may spend in it, P_b(t)/U_b (14); 0 for padded users."""
    past_rates: Float[Array, "*batch cell user"]
    """Sum over the past slots, bit/s/Hz; 0 throughout where no network is fair."""
    num_past: Float[Array, "*batch"]
    """Past slots."""
    slots_left: Float[Array, "*batch"]
    """Slots that are still to be played."""
    rounds: Float[Array, "*batch"]
    """Rounds of the running slot that have been played."""
    has_played: Float[Array, "*batch"]
    """1 after the first round of a block, 0 before."""


class Round(NamedTuple):
    """What a round gives."""

    progress: Progress
    measured: Measured
    rates: Float[Array, "*batch cell user"]
    """Rate of each user (6a), bit/s/Hz: of the slot, or in a round that only measures what it would be."""
    believed_rates: Float[Array, "*batch cell user"] | None
    """What the users predict in the round's last iteration, where rewards are by that."""
    transmits: Float[Array, "*batch"]
    """1 where the round was the last of its slot, 0 where it only measured."""


def split_among_users(network: Network, power_budget: Float[Array, "*batch cell"]) -> Float[Array, "*batch cell user"]:
    """Equal shares P_b(t)/U_b of a slot budget (14); padded users get 0."""
    shares = (power_budget / network.num_users)[..., None]
    return array_namespace(shares).where(network.user_mask, shares, 0.0 * shares)


def running_rates(config: NetworkConfig, progress: Progress) -> RunningRates | None:
    """Rates of the past slots, where users do not count alike."""
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
    """What the users count by their rates, and the prices of the beams, beside the INGR.

    Args:
        config: The rules.
        network: What stays.
        progress: After the round.
        ingr: c (7) at the powers of the round.
        rates: Of the users in the round.
        hears_prices: Whether prices are heard.
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
    """Play one round: open, negotiate k iterations, measure; the last round of a slot transmits and rolls over what is unspent (5).

    The equations are those of `multicell_env.model`; `multicell_env.blocks.Blocks.play_slot` says the rules.

    Args:
        config: The rules; its sizes and powers are those of `network`.
        network: What stays.
        progress: Before the round.
        measured: Before the round.
        actions: Opening move, as `Blocks.play_slot` takes it.
        predicted: Whether to say what the users predict in the last iteration.
        checked: As for `multicell_env.model.negotiation.negotiate`.
        folds: Whether the blocks of tensors with one batch axis stand last while they negotiate; see `multicell_env.model.folded`.

    Raises:
        ValueError: `checked`, and the actions make a power that is not finite.
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
    if folds:  # so that the blocks lie side by side in the next round
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
    """Powers after the negotiation, what is measured at them, the rates, and with `predicted` the rates that users believe in."""
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
    """What was measured, with the blocks last."""
    return Measured(*(None if array is None else fold(array) for array in measured))


def _opening(
    config: NetworkConfig, nominal_powers: Array, measured: Measured, actions: Array, user_budgets: Array, checked: bool
) -> tuple[Float[Array, "*batch cell band user"], float | Float[Array, "*batch cell user"]]:
    """Opening powers and damping."""
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
    """Where a block is after a round, and 1 where the round transmitted."""
    xp, budget = array_namespace(powers), progress.power_budget
    transmits = xp.astype(progress.rounds + 1.0 >= config.rounds_per_slot, budget.dtype)
    unspent = xp.clip(budget - xp.sum(powers, axis=(-2, -1)), min=0.0)
    # (5): the T - t slots after this one share what it leaves; a round that only measures leaves all as it is.
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
    """Rewards of a round by `NetworkConfig.reward`, as the environment's `step` gives them.

    Args:
        config: The rules.
        network: What stays.
        before: Progress before the round.
        played: The round, with what was predicted where `multicell_env.rewards.predicts` says so.
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
    """`play_round` and `rewards_of_round` in one."""
    played = play_round(config, network, progress, measured, actions, predicted=predicts(config), checked=checked, folds=folds)
    return played, rewards_of_round(config, network, progress, played)
