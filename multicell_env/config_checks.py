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
