"""Rules that the fields of a network keep, and what is said where one is broken."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np


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


def checked_mean_gains(value: Any, num_cells: int) -> tuple[tuple[float, ...], ...]:
    """A square matrix `[tx_cell][rx_cell]` of linear gains, positive on its diagonal.

    Raises:
        ValueError: it is not.
    """
    try:
        gains = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        gains = np.empty(0)
    if gains.shape != (num_cells, num_cells):
        raise ValueError(
            f"mean_gains must be a square matrix [tx_cell][rx_cell] of numbers; got shape {gains.shape} for "
            f"{num_cells} cells. Give {num_cells} rows of {num_cells} linear gains."
        )
    if not np.all(np.isfinite(gains)) or np.any(gains < 0):
        raise ValueError(
            f"mean_gains must be finite and non-negative (they are linear, not dB); got {gains.tolist()}. Convert decibels by 10**(dB/10)."
        )
    if np.any((gains > 0) & ((gains < 1e-30) | (gains > 1e30))):
        raise ValueError(
            f"mean_gains must be 0 or within [1e-30, 1e30], which is 300 dB either way; got {gains.tolist()}. Scale them to noise power 1."
        )
    if np.any(np.diagonal(gains) <= 0):
        raise ValueError(
            f"mean_gains must be positive on its diagonal (a cell must reach its own users); got "
            f"{np.diagonal(gains).tolist()}. Give each cell a gain to itself."
        )
    rows: Any = gains.tolist()
    return tuple(map(tuple, rows))
