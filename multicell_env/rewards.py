"""What a round is worth to the agents: what their users get, or what they predict, or what that adds to their utility."""

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
    """Play one round of every block: with `rounds_per_slot` of 1, a slot.

    With `NetworkConfig.fairness`, `worth_of_users` takes the place of a cell's sum rate in every kind of reward.

    Args:
        blocks: What is played.
        actions: Opening move, as `Blocks.play_slot` takes it.
        outputs: Where to write observations and powers.

    Returns:
        Sum rate of each cell as it is measured, bit/s/Hz, and the agents' rewards by `NetworkConfig.reward`.
    """
    config, last, users = blocks.config, None, blocks.user_rates
    if config.reward == "cell" and config.rounds_per_slot == 1 and users is None:  # what most steps are
        rates = blocks.play_slot(actions, outputs=outputs)
        return rates, rates
    if users is not None and blocks.served is not None:
        users = blocks.served  # users that are not served count by what they have had
    transmits, running = blocks.transmits, None if users is None else users.running()
    shares = None if config.rounds_per_slot == 1 else transmits.astype(config.dtype)  # which takes half as long as a choice
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
    num_users = int(blocks.network.users_per_cell.sum()) if config.reward == "user" else 0  # a sum takes a tenth of a slot
    return rates, cast(Rates, rewards_of(worth, config.reward, num_users, shares))


def predicts(config: NetworkConfig) -> bool:
    """Whether rewards are (18) with the belief c^B of the round's last iteration; without iterations nobody predicts anything."""
    return config.reward == "predicted" and config.num_iterations > 0


def worth_of_users(
    running: RunningRates,
    rates: Float[Array, "*batch cell user"],
    user_mask: Bool[Array, "*#batch cell user"],
    transmits: Float[Array, "*batch"],
) -> Float[Array, "*batch cell"]:
    """What a round is worth to each cell of a network with fairness: what it adds to the utility of the cell's users.

        sum over users of (n + 1) u((past + r) / (n + 1)) - n u(past / n)

    with u the alpha-fair utility and n past slots. So a block is worth its number of slots times the utility of the users' average rates,
    and for alpha -> 0 a slot is worth its sum rate, plus a constant.

    A round that only measures is worth the first of the two terms: a share of the second one would pay for having had little before,
    because it is paid in every round and earned in one.

    Args:
        running: Rates of the past slots.
        rates: In this round, bit/s/Hz.
        user_mask: Who is a user, and no padding.
        transmits: 1 where the round transmits, 0 elsewhere.
    """
    xp, worth = array_namespace(rates), running.utility(rates) - transmits[..., None, None] * running.utility_before()
    return xp.sum(xp.where(user_mask, worth, xp.zeros_like(worth)), axis=-1)


def rewards_of(
    rates: Float[Array, "*batch cell"],
    reward: Reward,
    num_users: int | Float[Array, "*#batch 1"],
    shares: Float[Array, "*batch"] | None = None,
) -> Float[Array, "*batch cell"]:
    """Rewards by rates, in the library of the rates.

    Args:
        rates: Sum rate of each cell as its users measure it; with "predicted", as they predict it; with fairness, what it is worth.
        reward: Whose rates an agent is paid.
        num_users: Users in the whole network; only "user" asks for it.
        shares: What a round counts: 1 where it transmits, `measuring_reward` elsewhere. Every round counts 1 by default.
    """
    if reward == "network":
        xp = array_namespace(rates)
        rates = xp.ones_like(rates) * xp.mean(rates, axis=-1, keepdims=True)
    elif reward == "user":
        rates = rates / num_users
    return rates if shares is None else rates * shares[..., None]
