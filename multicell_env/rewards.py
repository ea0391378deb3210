"""What a slot is worth to the agents: what its users get, or what they predict."""

from typing import cast

import numpy as np
from array_api_compat import array_namespace
from jaxtyping import Float

from multicell_env.blocks import Blocks
from multicell_env.kernels.slot import SlotOutputs
from multicell_env.model.interference import sum_rates
from multicell_env.model.types import Array
from multicell_env.model.waterfilling import believed_ingr

Rates = Float[np.ndarray, "block cell"]


def play_for_rewards(
    blocks: Blocks, actions: Float[np.ndarray, "block cell *plane band user"], outputs: SlotOutputs | None = None
) -> tuple[Rates, Rates]:
    """Play one slot of every block.

    Args:
        blocks: What is played.
        actions: Opening move, as `Blocks.play_slot` takes it.
        outputs: Where to write observations and powers.

    Returns:
        Sum rate of each cell as it is measured, bit/s/Hz, and the agents' rewards by `NetworkConfig.reward`.
    """
    k = blocks.config.num_iterations
    if not predicts(blocks):
        rates = blocks.play_slot(actions, outputs=outputs)
        return rates, cast(Rates, _rewards(rates, blocks))
    last_powers, last_ingr = blocks.preview(actions, k - 1)
    rates = blocks.play_slot(actions, outputs=outputs)
    believed = believed_ingr(blocks.powers, last_powers, last_ingr, blocks.gains.signal_gains)
    return rates, cast(Rates, sum_rates(blocks.powers, believed))


def differentiable_rewards(blocks: Blocks, actions: Float[Array, "block cell *plane band user"]) -> Float[Array, "block cell"]:
    """The rewards that `play_for_rewards` would return, by the readable equations and in the library of the actions; nothing is played."""
    predicted = predicts(blocks)
    rates = blocks.differentiable_slot(actions, predicted=predicted)
    return rates if predicted else _rewards(rates, blocks)


def predicts(blocks: Blocks) -> bool:
    """Whether rewards are (18) with the belief c^B of the slot's last iteration; without iterations nobody predicts anything."""
    return blocks.config.reward == "predicted" and blocks.config.num_iterations > 0


def _rewards(rates: Float[Array, "block cell"], blocks: Blocks) -> Float[Array, "block cell"]:
    """Rewards by the rates that users measure."""
    config = blocks.config
    if config.reward == "network":
        xp = array_namespace(rates)
        return xp.ones_like(rates) * xp.mean(rates, axis=1, keepdims=True)
    return rates / int(config.users_per_cell.sum()) if config.reward == "user" else rates
