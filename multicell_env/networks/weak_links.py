"""Removing weak links between cells from large networks, with a bound on the change of rates."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from multicell_env.config import NetworkConfig
from multicell_env.networks.mean_gains import SparseGains


class Cut(NamedTuple):
    """A network without its weak links, and the error this causes."""

    network: NetworkConfig
    """The same network with a mean gain of 0 for removed links."""
    num_cut: int
    """Number of removed links."""
    errors: Float[np.ndarray, " cell"]
    """Upper bound on the rise of a user's mean rate in a band, by cell, bit/s/Hz, for budgets that are spread evenly."""


def without_weak_links(config: NetworkConfig, below_noise_db: float) -> Cut:
    """Remove links that users receive below a level, and bound the change of their rates.

    A link from cell b' is removed if its nominal budget, spread evenly over the bands, is received with

        U_{b'} p0_{b'} a_{b',b} < 10^(-below_noise_db / 10) sigma^2

    at every user of cell b. With D the removed interference at a user, N >= sigma^2 its noise plus remaining interference, and S its
    signal, its rate in a band rises by

        log2(1 + S/N) - log2(1 + S/(N + D)) <= log2(1 + D/N) <= log2(1 + D/sigma^2),

    and in the mean over channels by at most log2(1 + E[D]/sigma^2), because the logarithm is concave; E[D] is the sum of U_{b'} p0_{b'}
    a_{b',b} over the removed links. `Cut.errors` is this bound, for the user with the most removed interference. It does not hold if cells
    concentrate their budgets: in a single band their power is F times as large.

    Args:
        config: The network.
        below_noise_db: Threshold below the noise power, dB. Weaker links are removed. It may be negative.
    """
    table = config.gain_table
    loudness = config.nominal_budgets / config.num_bands
    users = config.user_mask[:, None] if table.crossing.shape[2] > 1 else True
    received = np.where(users, loudness[table.interferers][..., None] * table.crossing, 0.0)
    exists = table.interferers >= 0
    is_cut = exists & (received.max(axis=2) < 10.0 ** (-below_noise_db / 10.0))
    lost = (received * is_cut[..., None]).sum(axis=1).max(axis=1, initial=0.0)
    rows, places = np.nonzero(exists & ~is_cut)
    cells = np.arange(config.num_cells)
    gains = np.concatenate([table.crossing[rows, places], table.own])
    links: dict[str, np.ndarray] = {
        "tx": np.concatenate([table.interferers[rows, places], cells]),
        "rx": np.concatenate([rows, cells]),
        "gains": gains[:, 0] if gains.shape[1] == 1 else gains,
    }
    network = replace(config, mean_gains=SparseGains(**links))  # pyright: ignore[reportArgumentType]
    return Cut(network, int(is_cut.sum()), np.log2(1.0 + lost))
