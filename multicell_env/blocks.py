"""Blocks being played: the state of the game and the law of one slot, for any number of blocks side by side."""

import numpy as np
from jaxtyping import Float

from multicell_env.beamforming import Gains, beamforming_gains, zero_forcing
from multicell_env.channel import CrossChannels, OwnChannels
from multicell_env.config import NetworkConfig
from multicell_env.interference import Powers, ingr, sum_rates
from multicell_env.waterfilling import negotiate


class Blocks:
    """A batch of independent blocks of one network, and what has happened in them so far.

    Before the first slot nobody transmits, so the INGR is sigma^2 / signal gain and the budget is nominal.

    Args:
        config: The network.
        channels: Own channels of each block, from `draw_channels` or `split_channels`.
        cross_channels: Channels from the interferers, from the same.

    Raises:
        ValueError: zero-forcing cannot separate the users of a cell.
    """

    def __init__(self, config: NetworkConfig, channels: OwnChannels, cross_channels: CrossChannels) -> None:
        self.config = config
        self.channels = channels
        self.beamformers = zero_forcing(channels, config.user_mask)
        self.gains: Gains = beamforming_gains(channels, cross_channels, self.beamformers, config.interferers, config.user_mask)
        self.powers: Powers = np.zeros(self.gains.signal_gains.shape)
        self.ingr: Powers = ingr(self.powers, self.gains)
        self.power_budget: Float[np.ndarray, "block cell"] = np.tile(config.nominal_budgets, (len(channels), 1))

    @property
    def user_budgets(self) -> Float[np.ndarray, "block cell user"]:
        """What each user may spend in the coming slot, P_b(t)/U_b (14), in sigma^2."""
        return self.config.split_among_users(self.power_budget)

    def play_slot(self, fractions: Float[np.ndarray, "block cell band user"]) -> Float[np.ndarray, "block cell"]:
        """Play one slot: open with the given powers, negotiate k iterations of FLWF, transmit.

        Args:
            fractions: Opening move as fractions of each user's slot budget, finite. Entries outside [0, 1] are clipped; a user
                whose fractions sum to more than 1 is scaled down to 1.

        Returns:
            Sum rate of each cell (18), bit/s/Hz.
        """
        fractions = np.clip(fractions, 0.0, 1.0)
        fractions = fractions / np.maximum(fractions.sum(axis=-2, keepdims=True), 1.0)
        budgets = self.user_budgets
        opening = fractions * budgets[..., None, :]
        k, damping = self.config.num_iterations, self.config.damping
        self.powers = negotiate(opening, self.gains, budgets, k, damping=damping)
        self.ingr = ingr(self.powers, self.gains)
        # Roll-over (5): what a cell leaves unspent adds to its next slot.
        unspent = np.maximum(self.power_budget - self.powers.sum(axis=(-2, -1)), 0.0)
        self.power_budget = self.config.nominal_budgets + unspent
        return sum_rates(self.powers, self.ingr)

    def hold(self) -> Float[np.ndarray, "block cell band user"]:
        """The action that keeps the last powers, as far as the coming slot's budget allows: their fractions of it, summing to at most 1."""
        budgets = self.user_budgets[..., None, :]
        spent = np.maximum(budgets, self.powers.sum(axis=-2, keepdims=True))
        return np.divide(self.powers, spent, out=np.zeros_like(self.powers), where=spent > 0)
