"""Leaving out pairs of cells that hardly hear each other, and how much that changes: large networks have few links that matter."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from multicell_env.config import NetworkConfig
from multicell_env.networks.mean_gains import SparseGains


class Cut(NamedTuple):
    """A network without its weak links."""

    network: NetworkConfig
    """The same network, with mean gains of 0 where a link was cut."""
    num_cut: int
    """How many links were cut."""
    errors: Float[np.ndarray, " cell"]
    """By how much the mean rate of a user of each cell in a band may rise at most, bit/s/Hz, where cells spread their budgets evenly."""


def without_weak_links(config: NetworkConfig, below_noise_db: float) -> Cut:
    """Cut the links on which users receive less than a level, and say what that may change.

    A link from cell b' is cut where its nominal budget, spread evenly over the bands, arrives with

        U_{b'} p0_{b'} a_{b',b} < 10^(-below_noise_db / 10) sigma^2

    at every user of cell b. With D the sum of what is cut at a user, N >= sigma^2 its noise and the interference that stays, and S its
    signal, its rate in a band rises by

        log2(1 + S/N) - log2(1 + S/(N + D)) <= log2(1 + D/N) <= log2(1 + D/sigma^2),

    and in the mean over channels by at most log2(1 + E[D]/sigma^2), because the logarithm is concave; E[D] is the sum of U_{b'} p0_{b'}
    a_{b',b} over the cut links. `Cut.errors` is this, for the user that loses most interference. Cells that put their whole budget in one
    band are F times as loud there.

    Args:
        config: The network.
        below_noise_db: How far below the noise a link may be to stay, dB; negative for above it.
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
