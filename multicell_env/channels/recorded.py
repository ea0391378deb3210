"""Given channels: checked, and split into own and cross channels."""

import numpy as np
from jaxtyping import Complex

from multicell_env.config import NetworkConfig
from multicell_env.config_checks import as_array
from multicell_env.model.beamforming import served_users
from multicell_env.model.types import CrossChannels, OwnChannels

REACH_DB = {"float32": (-220.0, 180.0), "float64": (-1500.0, 1500.0)}
"""Least and largest INGR over the unit of powers, dB, for which squares stay in the range of the precision."""


def split_channels(
    config: NetworkConfig, dense: Complex[np.ndarray, "tx_cell rx_cell band antenna user"], *, strict: bool = False
) -> tuple[OwnChannels, CrossChannels]:
    """Convert given channels (recorded, ray-traced, from another simulator) to the form that `draw_channels` returns.

    Args:
        config: The network of the channels.
        dense: Channels from every cell to every user, scaled so that the noise power is 1. Entries of padded users are ignored.
        strict: Whether to refuse channels on which a user cannot be served in some band. Otherwise the user is blocked there.

    Raises:
        ValueError: wrong shape, not numeric, not finite, a pair of cells has a channel although its mean gain is 0, or the channels
            are so far from noise power 1 that `dtype` cannot represent the powers; with `strict`, a user cannot be served.
    """
    num_cells = config.num_cells
    shape = (num_cells, num_cells, config.num_bands, config.num_antennas, config.max_users)
    dense = as_array(dense, "channels", shape)
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
    own, cross = dense[cells, cells], np.where(pads, 0.0, dense[config.interferers, cells[:, None]])
    _check_reach(config, own, cross)
    if strict:
        refuse_unserved(config, own)
    return own, cross


def refuse_unserved(config: NetworkConfig, own: OwnChannels, block: str = "") -> None:
    """Refuse channels on which a user has no beam in some band; with a schedule, those on which a user has no channel in some band.

    Args:
        config: The network.
        own: Own channels of a block.
        block: Words for the error message that name the block.

    Raises:
        ValueError: a user has none. The message names the cell, the band and the user.
    """
    leaves_out = config.slot_network is not config  # and the users that are served together change from slot to slot
    served = np.any(own != 0, axis=-2) if leaves_out else served_users(own, config.user_mask)
    unserved = np.argwhere(~served & config.user_mask[:, None, :])
    if len(unserved):
        cell, band, user = (int(i) for i in unserved[0])
        flaw = "is zero" if not np.any(own[cell, band, :, user]) else "cannot be separated from those of stronger users of its cell"
        raise ValueError(
            f"channels must give every user a beam in every band; {block}that of user {user} of cell {cell} in band {band} {flaw} "
            f"({len(unserved)} in all). Remove the user, or leave it out there: strict=False."
        )


def _check_reach(config: NetworkConfig, own: OwnChannels, cross: CrossChannels) -> None:
    """Refuse channels on which squares of the INGR (7), in the kernels' unit of power, would leave the range of the precision."""
    lowest, highest = REACH_DB[config.dtype]
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        gains = np.sum(np.abs(own) ** 2, axis=-2)
        heard = np.einsum("ci,cifu->cfu", config.nominal_budgets[config.interferers], np.sum(np.abs(cross) ** 2, axis=-2))
        least, most = (10.0 * np.log10(total / (gains * config.power_unit)) for total in (1.0, 1.0 + heard))
    far = np.any(own != 0, axis=-2) & ~((least >= lowest) & (most <= highest))  # a user with a zero channel has no beam
    if np.any(far):
        cell, band, user = (int(i) for i in np.argwhere(far)[0])
        raise ValueError(
            f"channels must be scaled so that the noise power is 1: in {config.dtype} noise and interference over a user's own gain must "
            f"be within [{lowest:g}, {highest:g}] dB of the nominal power; user {user} of cell {cell} has {least[cell, band, user]:.0f} to "
            f"{most[cell, band, user]:.0f} dB in band {band}. Divide the channels by the noise's amplitude."
        )
