"""Channels of one block: seeded Rayleigh draws, or recorded ones."""

import numpy as np
from jaxtyping import Complex

from multicell_env.config import NetworkConfig

OwnChannels = Complex[np.ndarray, "*batch cell band antenna user"]
CrossChannels = Complex[np.ndarray, "*batch cell interferer band antenna user"]


def draw_channels(config: NetworkConfig, generator: np.random.Generator) -> tuple[OwnChannels, CrossChannels]:
    """Draw the Rayleigh channels of one block.

        h_{b',(b,u)}[f] ~ CN(0, a_{b',b} I_M), so that E||h||^2 / M = a_{b',b}          (2), (23)

    Args:
        config: The network.
        generator: Source of all randomness; the same state gives the same channels.

    Returns:
        Own channels and cross channels; entry `[b, i]` of the latter comes from cell `config.interferers[b, i]`.
        Padded users and padded interferers have zero channels.
    """
    shape = (config.num_cells, config.num_bands, config.num_antennas, config.max_users)
    gains = config.mean_gain_matrix
    receivers = np.arange(config.num_cells)[:, None]
    cross_gains = np.where(config.interferers >= 0, gains[config.interferers, receivers], 0.0)
    own = _complex_normal(generator, shape) * np.sqrt(np.diagonal(gains))[:, None, None, None]
    cross = _complex_normal(generator, (*config.interferers.shape, *shape[1:])) * np.sqrt(cross_gains)[..., None, None, None]
    users = config.user_mask[:, None, None, :]
    return own * users, cross * users[:, None]


def _complex_normal(generator: np.random.Generator, shape: tuple[int, ...]) -> Complex[np.ndarray, "..."]:
    """CN(0, 1): real and imaginary part are independent, with variance 1/2 each."""
    return generator.standard_normal((*shape, 2)).view(np.complex128)[..., 0] * np.sqrt(0.5)


def split_channels(
    config: NetworkConfig, dense: Complex[np.ndarray, "tx_cell rx_cell band antenna user"]
) -> tuple[OwnChannels, CrossChannels]:
    """Bring given channels (recorded, ray-traced, another simulator's) into the form that `draw_channels` returns.

    Args:
        config: The network that the channels belong to.
        dense: Channel from every cell to every user, scaled so that the noise power is 1. Entries of padded users are ignored.

    Raises:
        ValueError: wrong shape, not numeric, not finite, or a pair of cells has a channel although its mean gain is 0.
    """
    num_cells = config.num_cells
    shape = (num_cells, num_cells, config.num_bands, config.num_antennas, config.max_users)
    dense = np.asarray(dense)
    if dense.shape != shape or dense.dtype.kind not in "fciu":
        raise ValueError(
            f"channels must be a complex array [tx_cell, rx_cell, band, antenna, user] of shape {shape}; got shape "
            f"{dense.shape} of {dense.dtype}. Reorder the axes or change the configuration."
        )
    users = config.user_mask[:, None, None, :]
    dense = np.where(users, dense, 0.0).astype(np.complex128)
    if not np.all(np.isfinite(dense)):
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(dense))[0])
        raise ValueError(
            f"channels must be finite; got {dense[where]} at [tx_cell, rx_cell, band, antenna, user] = {where}. Repair the recording."
        )
    silent = (config.mean_gain_matrix == 0) & np.any(dense != 0, axis=(2, 3, 4))
    if np.any(silent):
        tx, rx = (int(i) for i in np.argwhere(silent)[0])
        raise ValueError(
            f"channels must be zero between cells that do not interfere; got a channel from cell {tx} to cell {rx}, whose "
            f"mean gain is 0. Give mean_gains[{tx}][{rx}] > 0, or zero the channel."
        )
    cells = np.arange(num_cells)
    pads = (config.interferers < 0)[..., None, None, None]
    return dense[cells, cells], np.where(pads, 0.0, dense[config.interferers, cells[:, None]])
