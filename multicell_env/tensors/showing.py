"""What agents see of a round, as a function of arrays of any library; `multicell_env.observation.observe` says the planes."""

from array_api_compat import array_namespace
from jaxtyping import Float

from multicell_env.config import NetworkConfig
from multicell_env.kernels.showing import COUNT_LIMIT, FLOOR
from multicell_env.kernels.steps import LOG_LIMIT
from multicell_env.model.pricing import leakage
from multicell_env.model.types import Array
from multicell_env.observation import GAIN_LIMIT, Observation
from multicell_env.tensors.playing import Measured, Network, Progress


def static_planes(observation: Observation, network: Network) -> Float[Array, "*batch cell plane band user"]:
    """The planes of "gain" or "price" that stay while a block is played: one, or those of gains, users and leakage."""
    gains = network.gains.signal_gains
    xp = array_namespace(gains)
    relative = xp.log10(gains / (xp.ones_like(gains) * network.own_gains[..., None, None]))
    if observation != "price":
        return xp.clip(relative, min=-LOG_LIMIT, max=LOG_LIMIT)[..., None, :, :]
    users = xp.ones_like(gains) * (xp.log2(network.num_users)[..., None, None] - 2.0)
    leaked = xp.log10(1.0 + network.nominal_powers[..., None, None] * leakage(network.gains))
    shown = xp.clip(relative, min=-GAIN_LIMIT, max=GAIN_LIMIT), users, xp.clip(leaked, max=LOG_LIMIT) - 2.0
    return xp.stack(shown, axis=-3)


def changing_planes(
    observation: Observation, config: NetworkConfig, network: Network, progress: Progress, measured: Measured
) -> tuple[Float[Array, "*batch cell band user"], ...]:
    """The planes that change from round to round, in their order.

    Args:
        observation: "csi", "gain" or "price".
        config: The rules.
        network: What stays.
        progress: Where the blocks are.
        measured: After the last round.
    """
    xp, p0 = array_namespace(measured.ingr), network.nominal_powers[..., None, None]
    log_ingr = xp.clip(xp.log10(measured.ingr / p0), min=-LOG_LIMIT, max=LOG_LIMIT)
    if observation != "price":
        budget = xp.log10(progress.power_budget / network.nominal_budgets)[..., None, None]
        return log_ingr, budget * xp.ones_like(log_ingr)
    shares = xp.clip(progress.powers / (progress.power_budget / network.num_users)[..., None, None], max=1.0)
    price = xp.clip(xp.log10(FLOOR + p0 * measured.prices), max=LOG_LIMIT)
    marks = [1.0 - progress.has_played, progress.rounds / config.rounds_per_slot]
    marks = [mark[..., None, None, None] * xp.ones_like(log_ingr) for mark in marks]
    if measured.weights is not None:
        weights = xp.clip(xp.log10(measured.weights), min=-COUNT_LIMIT, max=COUNT_LIMIT)
        marks.append(weights[..., None, :] * xp.ones_like(log_ingr))
    return (log_ingr + 2.0, price, xp.log10(FLOOR + shares) + 1.0, shares, *marks)


def arranged(
    observation: Observation,
    static: Float[Array, "*batch cell plane band user"],
    changing: tuple[Float[Array, "*batch cell band user"], ...],
) -> Float[Array, "*batch cell plane band user"]:
    """An observation of its planes.

    Args:
        observation: "csi", "gain" or "price".
        static: What stays of the planes: of "csi" all but the last two, and `static_planes` otherwise.
        changing: From `changing_planes`.
    """
    xp = array_namespace(static)
    if observation != "price":
        return xp.concat([static, *(xp.astype(plane, static.dtype)[..., None, :, :] for plane in changing)], axis=-3)
    (gains, users, leaked), (ingr, price, *others) = (static[..., plane, :, :] for plane in range(3)), changing
    return xp.stack([gains, ingr, users, price, leaked, *others], axis=-3)


def observations(
    observation: Observation,
    config: NetworkConfig,
    network: Network,
    progress: Progress,
    measured: Measured,
    static: Float[Array, "*batch cell plane band user"],
) -> Float[Array, "*batch cell plane band user"]:
    """What the agents see before the coming round; arguments as for `changing_planes` and `arranged`."""
    return arranged(observation, static, changing_planes(observation, config, network, progress, measured))
