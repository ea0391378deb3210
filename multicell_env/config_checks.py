"""Rules that the fields of a network keep, and what is said where one is broken."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

FLOAT32_LIMIT_DB = 120.0
"""How far, in dB, the network may reach over a user's own gain in float32: squares of the ratio must stay in range."""
FLOAT32_LIMIT_SNR_DB = 180.0
"""Largest SNR in float32: the square of the noise over a user's power must stay in range."""


def checked_int(name: str, value: Any, minimum: int) -> int:
    """The whole number that was given.

    Raises:
        ValueError: it is none, or too small.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < minimum:
        raise ValueError(f"{name} must be a whole number of at least {minimum}; got {value!r}. Give such a number.")
    return int(value)


def checked_number(name: str, value: Any, largest: float) -> float:
    """The number that was given, from 0 to the largest.

    Raises:
        ValueError: it is none, or outside.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0.0 <= float(value) <= largest:
        raise ValueError(f"{name} must be a number within [0, {largest:g}]; got {value!r}. Give 0 for none.")
    return float(value)


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Refuse what is none of the choices.

    Raises:
        ValueError: it is none.
    """
    if value not in choices:
        words = ", ".join(map(repr, choices[:-1])) + f" or {choices[-1]!r}"
        number = {2: "two", 3: "three"}[len(choices)]
        raise ValueError(f"{name} must be {words}; got {value!r}. Choose one of the {number}.")


def checked_num_users(value: Any, num_cells: int, num_antennas: int) -> int | tuple[int, ...]:
    """Users in every cell, or one number per cell, none of them above the number of antennas.

    Raises:
        ValueError: they are not.
    """
    if not isinstance(value, Sequence | np.ndarray) or isinstance(value, str):
        return _at_most_antennas((checked_int("num_users", value, minimum=1),), num_antennas)[0]
    counts = tuple(checked_int("num_users", users, minimum=1) for users in np.atleast_1d(np.asarray(value, dtype=object)))
    if len(counts) == 1:
        return _at_most_antennas(counts, num_antennas)[0]
    if len(counts) != num_cells:
        raise ValueError(
            f"num_users must be one number or one per cell; got {len(counts)} numbers for {num_cells} cells. "
            f"Give {num_cells} numbers, or one for all."
        )
    return _at_most_antennas(counts, num_antennas)


def _at_most_antennas(counts: tuple[int, ...], num_antennas: int) -> tuple[int, ...]:
    if max(counts) > num_antennas:
        raise ValueError(
            f"num_users must not exceed num_antennas (zero-forcing needs M >= U); got U={max(counts)}, "
            f"M={num_antennas}. Raise num_antennas or lower num_users."
        )
    return counts


def checked_db(name: str, value: Any) -> float:
    """A ratio in decibels; `sir_db` may be infinite.

    Raises:
        ValueError: it is no number, or beyond any radio.
    """
    infinite_allowed = name == "sir_db"
    number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    # 300 dB is beyond any radio and keeps every product of two gains inside a float
    if not (abs(number) <= 300.0 or (infinite_allowed and number == math.inf)):
        limits = "within [-300, 300] dB" + (", or inf for no interference" if infinite_allowed else "")
        raise ValueError(f"{name} must be a number {limits}; got {value!r}. Give the ratio in decibels.")
    return number


def checked_powers_dbm(powers: Any, noise: Any, num_cells: int) -> float | tuple[float, ...] | None:
    """Absolute powers of the base stations in dBm, one for all or one per cell, beside the noise of a band; None where there are none.

    Raises:
        ValueError: one of the two is missing, a number is none or beyond any radio, or there are not as many as cells.
    """
    if powers is None and noise is None:
        return None
    if powers is None or noise is None:
        raise ValueError(
            f"tx_power_dbm and noise_dbm go together; got {powers!r} and {noise!r}. Give both, or snr_db alone. For channels divided by "
            "the root of the noise in mW the noise is 0 dBm, and in W 30 dBm."
        )
    several = isinstance(powers, Sequence | np.ndarray) and not isinstance(powers, str)
    each: tuple[Any, ...] = tuple(powers) if several else (powers,)
    for name, value in (*(("tx_power_dbm", power) for power in each), ("noise_dbm", noise)):
        if isinstance(value, bool) or not isinstance(value, Real) or not abs(float(value)) <= 300.0:
            raise ValueError(f"{name} must be a number within [-300, 300] dBm; got {value!r}. Give the power in decibels over 1 mW.")
    if len(each) not in (1, num_cells):
        raise ValueError(
            f"tx_power_dbm must be one number or one per cell; got {len(each)} for {num_cells} cells. Give {num_cells}, or one."
        )
    numbers = [float(power) for power in each]
    return tuple(numbers) if len(numbers) > 1 else numbers[0]


def check_float32_reaches(farthest: float, largest_snr: float, *powers: np.ndarray) -> None:
    """Refuse a network whose numbers single precision does not hold.

    Args:
        farthest: Largest interference or nominal power over the largest power or noise over gain.
        largest_snr: Largest mean SNR of a cell.
        powers: Powers that occur, in sigma^2; the first ones are the nominal powers.

    Raises:
        ValueError: one of them is out of range.
    """
    if (farthest_db := 10.0 * math.log10(farthest)) > FLOAT32_LIMIT_DB + 1e-9:
        raise ValueError(
            f"dtype 'float32' needs interference within {FLOAT32_LIMIT_DB:g} dB of a user's own gain; got {farthest_db:.0f} dB. "
            "Give dtype='float64', or raise the SIR."
        )
    snr_db = 10.0 * math.log10(largest_snr)
    if snr_db > FLOAT32_LIMIT_SNR_DB + 1e-9 or min(map(np.min, powers)) < 1e-36 or max(map(np.max, powers)) > 1e36:
        raise ValueError(
            f"dtype 'float32' needs an SNR of at most {FLOAT32_LIMIT_SNR_DB:g} dB, and powers within [1e-36, 1e36] of the noise; got "
            f"{snr_db:g} dB and nominal powers {powers[0].tolist()}. Give dtype='float64', or scale the gains."
        )
