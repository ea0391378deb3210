"""Scheduling rules: round robin and proportional fair."""

import numpy as np
from jaxtyping import Float, Int

from multicell_env.config import NetworkConfig
from multicell_env.model.types import OwnChannels

Chosen = Int[np.ndarray, "block cell place"]
"""Indices of the users that each cell serves, ascending. Cells that serve fewer users are padded in the last entries."""


def round_robin(config: NetworkConfig, slots: Int[np.ndarray, " block"]) -> Chosen:
    """Round robin: every slot serves the S_b users that follow those of the last slot.

        { (t S_b + i) mod U_b : i = 0, ..., S_b - 1 }    in slot t = 0, 1, ...

    so that every user is served within ceil(U_b / S_b) slots.

    Args:
        config: The network with U_b users per cell, of which S_b are served.
        slots: t, number of past slots of each block.
    """
    num_places = int(config.served_per_cell.max())
    turns = slots[:, None, None] * num_places + np.arange(num_places)
    # A cell that serves all of its users keeps their order in every slot.
    return np.sort(turns % np.maximum(config.users_per_cell, num_places)[:, None], axis=-1)


def proportional_fair(config: NetworkConfig, weights: Float[np.ndarray, "block cell user"], channels: OwnChannels) -> Chosen:
    """Proportional fair: the S_b users with the largest product of weight and expected rate. Ties go to the first user.

        w_u r_u,    r_u = sum over bands of log2(1 + p0 |h_u|^2 (M - S_b + 1) / M)

    where r_u is the rate without interference at nominal power, and |h_u|^2 (M - S_b + 1) / M the gain of a zero-forcing beam, averaged
    over the directions of the channels of the other S_b - 1 users. With w_u = 1 / average rate this is the proportional fair rule.

    Args:
        config: The network with U_b users per cell, of which S_b are served.
        weights: w_u, as from `multicell_env.model.fairness.fair_weights`.
        channels: Channels to the own users, as base stations know them.

    Source: P. Viswanath, D. N. C. Tse and R. Laroia, "Opportunistic beamforming using dumb antennas", IEEE Trans. Inf. Theory 48(6), 2002;
    H. J. Kushner and P. A. Whiting, "Convergence of proportional-fair sharing algorithms under general conditions", IEEE Trans. Wireless
    Commun. 3(4), 2004 (averages over all past slots).
    """
    num_places, num_antennas = int(config.served_per_cell.max()), config.num_antennas
    strengths = sum(np.square(part, dtype=np.float64).sum(axis=-2) for part in (np.real(channels), np.imag(channels)))
    kept = config.nominal_powers * (num_antennas - config.served_per_cell + 1) / num_antennas
    rates = np.log2(1.0 + kept[:, None, None] * strengths).sum(axis=-2)
    worth = np.where(config.user_mask, weights * rates, -1.0)
    return np.sort(np.argsort(-worth, axis=-1, kind="stable")[..., :num_places], axis=-1)
