"""Warnings about implausible recorded channels: wrong units, real numbers, or swapped axes."""

import warnings
from typing import Any

import numpy as np
from jaxtyping import Float

from multicell_env.config import NetworkConfig

FARTHEST_DB = 20.0
"""How far, in dB, mean gains of recorded channels may plausibly be from those of the network."""
PLAUSIBLE_SNR_DB = (-20.0, 90.0)
"""Mean SNR of a network with absolute powers."""
INVERTED_DB = 3.0
"""Mean difference, dB, between the mean gains of channels and network from which the transposed gains are compared too."""


class ChannelWarning(UserWarning):
    """Recorded channels that are valid but probably not as intended."""


def warn_of(messages: list[str]) -> None:
    """Issue the messages as warnings."""
    for message in messages:
        warnings.warn(message, ChannelWarning, stacklevel=4)


def warn_of_block(config: NetworkConfig, dense: Any) -> None:
    """Warn of what is implausible about valid channels `[tx_cell, rx_cell, band, antenna, user]` of one block."""
    array = np.asarray(dense)
    powers = np.square(np.abs(np.where(config.user_mask[:, None, None, :], array, 0.0)), dtype=np.float64).mean(axis=(2, 3))
    gains = powers.sum(axis=-1) / config.users_per_cell
    warn_of(implausible(config, gains, is_real=array.dtype.kind != "c"))


def implausible(config: NetworkConfig, gains: Float[np.ndarray, "tx_cell rx_cell"], *, is_real: bool, name: str = "channels") -> list[str]:
    """Messages about what is probably wrong, each with a remedy.

    Args:
        config: The network of the channels.
        gains: Mean of |h|^2 over antennas, bands, users and blocks.
        is_real: Whether the channels were given as real numbers.
        name: The name of the channels in the messages.
    """
    found = []
    if is_real:
        found.append(
            f"{name} must be complex amplitudes; got real numbers, which are probably powers or decibels. Give complex ones, or real and "
            "imaginary parts in a last axis."
        )
    own, expected = np.diagonal(gains), np.diagonal(config.mean_gain_matrix)
    with np.errstate(divide="ignore"):
        far = 10.0 * np.log10(own / expected)
    cell = int(np.argmax(np.abs(np.where(own > 0.0, far, 0.0))))
    if own[cell] > 0.0 and abs(far[cell]) > FARTHEST_DB:
        found.append(
            f"{name} of cell {cell} to its own users have a mean gain {far[cell]:+.0f} dB from a_bb = {expected[cell]:.3g} of the network, "
            "which determines powers and observations. Divide the channels by the root of the noise power, or give mean_gains (a pool in "
            "channels= measures them) and tx_power_dbm with noise_dbm."
        )
    if config.tx_power_dbm is not None:
        snr_db = 10.0 * np.log10(config.nominal_powers * expected)
        cell = int(np.argmax(np.abs(snr_db - np.mean(PLAUSIBLE_SNR_DB))))
        if not PLAUSIBLE_SNR_DB[0] <= snr_db[cell] <= PLAUSIBLE_SNR_DB[1]:
            found.append(
                f"{name} and powers make a mean SNR of {snr_db[cell]:.0f} dB for a user of cell {cell} in a band, before beamforming. Give "
                "noise_dbm in the unit of the channels: the noise power of a band if they are path gains, 0 if they are divided by the "
                "root of the noise in mW, 30 if in W."
            )
    if is_inverted(config.mean_gain_matrix, gains):
        found.append(
            f"{name} have the gains between cells that mean_gains has with sender and receiver swapped, which "
            "inverts the interference. Check the order of tx_cell and rx_cell."
        )
    return found


def is_inverted(expected: Float[np.ndarray, "tx_cell rx_cell"], gains: Float[np.ndarray, "tx_cell rx_cell"]) -> bool:
    """Whether gains between cells match the expected ones with sender and receiver swapped."""
    pairs = (expected > 0.0) & (expected.T > 0.0) & (gains > 0.0) & ~np.eye(len(gains), dtype=bool)
    if not pairs.any():
        return False
    logs = 10.0 * np.log10(np.where(pairs, gains, 1.0))
    as_is, swapped = (np.abs(10.0 * np.log10(np.where(pairs, matrix, 1.0)) - logs)[pairs].mean() for matrix in (expected, expected.T))
    return bool(as_is > INVERTED_DB and swapped < 0.5 * as_is)
