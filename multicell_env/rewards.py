"""Rewards of a round, from the rates that users measure or predict, or from the users' utility."""

from typing import cast

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Bool, Float

from multicell_env.blocks import Blocks
from multicell_env.config import NetworkConfig, Reward
from multicell_env.kernels.arrays import SlotOutputs
from multicell_env.model.fairness import RunningRates
from multicell_env.model.interference import spectral_efficiency, sum_rates
from multicell_env.model.types import Array
from multicell_env.model.waterfilling import believed_ingr
from multicell_env.scheduling.served import of_all

Rates = Float[np.ndarray, "block cell"]


def play_for_rewards(
    blocks: Blocks, actions: Float[np.ndarray, "block cell *plane band user"], outputs: SlotOutputs | None = None
) -> tuple[Rates, Rates]:
    """Play one round of every block, and compute its rewards. With `rounds_per_slot` = 1 a round is a slot.

    With `NetworkConfig.fairness`, `worth_of_users` replaces a cell's sum rate in every kind of reward.

    Args:
        blocks: The blocks to play.
        actions: Initial powers or price multipliers, as `Blocks.play_slot` takes them.
        outputs: Arrays to write observations and powers to; none by default.

    Returns:
        The measured sum rate of each cell, bit/s/Hz, and the agents' rewards by `NetworkConfig.reward`.
    """
    config, last, users = blocks.config, None, blocks.user_rates
    if config.reward == "cell" and config.rounds_per_slot == 1 and users is None:  # the fast path for the most common networks
        rates = blocks.play_slot(actions, outputs=outputs)
        return rates, rates
    if users is not None and blocks.served is not None:
        users = blocks.served  # users that are not served count with their past rates
    transmits, running = blocks.transmits, None if users is None else users.running()
    shares = None if config.rounds_per_slot == 1 else transmits.astype(config.dtype)  # half the time of np.where
    if shares is not None and config.measuring_reward > 0.0:
        shares[~transmits] = config.measuring_reward
    if predicts(config):
        last = blocks.preview(actions, config.num_iterations - 1)
    rates = worth = blocks.play_slot(actions, outputs=outputs)
    believed = None if last is None else believed_ingr(blocks.powers, *last, blocks.gains.signal_gains)
    if users is not None and running is not None:
        rates_of_users = users.rates if believed is None else of_all(blocks.served, spectral_efficiency(blocks.powers, believed))
        worth = worth_of_users(running, rates_of_users, blocks.network.user_mask, transmits.astype(config.dtype))
    elif believed is not None:
        worth = sum_rates(blocks.powers, believed)
    num_users = int(blocks.network.users_per_cell.sum()) if config.reward == "user" else 0  # the sum takes a tenth of a slot
    return rates, cast(Rates, rewards_of(worth, config.reward, num_users, shares))


def predicts(config: NetworkConfig) -> bool:
    """Whether rewards are (18) with the belief c^B (9) of the round's last iteration. Without iterations there is no belief."""
    return config.reward == "predicted" and config.num_iterations > 0


def worth_of_users(
    running: RunningRates,
    rates: Float[Array, "*batch cell user"],
    user_mask: Bool[Array, "*#batch cell user"],
    transmits: Float[Array, "*batch"],
) -> Float[Array, "*batch cell"]:
    """The reward of a round for each cell of a network with fairness: the increase of the utility of the cell's users.

        sum over users of (n + 1) u((past + r) / (n + 1)) - n u(past / n)

    where u is the alpha-fair utility, n the number of past slots, past the sum of a user's past rates and r its rate in this round. The
    rewards of a block sum to its number of slots times the utility of the users' average rates. For alpha -> 0 the reward of a slot is
    its sum rate plus a constant.

    A round that does not transmit has the first term only. The second term does not depend on the round: added in every round, it would
    reward low rates in the past.

    Args:
        running: Rates of the past slots, bit/s/Hz.
        rates: Rates in this round, bit/s/Hz.
        user_mask: True for users, False for padding.
        transmits: 1 where the round transmits, 0 elsewhere.

    Returns:
        The reward of each cell, in units of the utility.
    """
    xp, worth = array_namespace(rates), running.utility(rates) - transmits[..., None, None] * running.utility_before()
    return xp.sum(xp.where(user_mask, worth, xp.zeros_like(worth)), axis=-1)


def rewards_of(
    rates: Float[Array, "*batch cell"],
    reward: Reward,
    num_users: int | Float[Array, "*#batch 1"],
    shares: Float[Array, "*batch"] | None = None,
) -> Float[Array, "*batch cell"]:
    """Agents' rewards from the rates of cells, in the array library of the rates.

    Args:
        rates: Sum rate of each cell, bit/s/Hz: measured, or predicted for "predicted"; with fairness, the values of `worth_of_users`.
        reward: The kind of reward, `NetworkConfig.reward`.
        num_users: Number of users in the whole network; only "user" needs it.
        shares: Weight of each block's round: 1 where it transmits, `measuring_reward` elsewhere. All weights are 1 by default.

    Returns:
        The reward of each agent, in the unit of `rates`.
    """
    if reward == "network":
        xp = array_namespace(rates)
        rates = xp.ones_like(rates) * xp.mean(rates, axis=-1, keepdims=True)
    elif reward == "user":
        rates = rates / num_users
    return rates if shares is None else rates * shares[..., None]
