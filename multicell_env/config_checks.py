"""Checks of the fields of a network, with their error messages."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

FLOAT32_LIMIT_DB = 120.0
"""Largest interference over a user's own gain in float32, dB: squares of the ratio must stay in range."""
FLOAT32_LIMIT_SNR_DB = 180.0
"""Largest SNR in float32, dB: the square of noise over a user's power must stay in range."""

LARGEST_SIZES = {"num_cells": 5_000, "num_antennas": 10_000, "num_users": 10_000, "num_bands": 100_000}
"""Largest sizes. Arrays of larger networks do not fit into memory."""
LONGEST_BLOCK = 10**9
"""Most slots of a block, and most rounds of a slot. More would take days."""
MOST_ITERATIONS = 10**6
"""Most iterations in a step. Negotiations settle within hundreds."""
MOST_BYTES = 2**38
"""Most bytes of the gains of one block."""
LONGEST_STEP = 2 * 10**10
"""Most products of a power and a gain in a step of one block: about ten seconds on one core, which cannot be interrupted."""


def checked_int(name: str, value: Any, minimum: int, maximum: int | None = None) -> int:
    """The value as an int.

    Raises:
        ValueError: it is not a whole number, too small, or too large.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < minimum:
        raise ValueError(f"{name} must be a whole number of at least {minimum}; got {shown(value)}. Give such a number.")
    if maximum is not None and value > maximum:
        raise ValueError(f"{name} must be at most {maximum}; got {shown(value)}. Give a smaller number.")
    return int(value)


def shown(value: object) -> str:
    """A value as text for an error message, truncated if it is long."""
    try:
        words = repr(value)
    except Exception as error:  # a number with too many digits for Python, or an object whose repr fails
        words = f"{type(value).__name__} that cannot be shown ({type(error).__name__})"
    return words if len(words) <= 120 else f"{words[:100]}... ({len(words)} characters)"


def check_size(
    num_cells: int, num_links: int, num_bands: int, num_antennas: int, max_users: int, most_served: int, num_iterations: int
) -> None:
    """Refuse a network whose gains do not fit into memory, or whose steps would take minutes and cannot be interrupted.

    Args:
        num_cells: B.
        num_links: Number of ordered pairs of cells that interfere.
        num_bands: F.
        num_antennas: M.
        max_users: Largest number of users of a cell.
        most_served: Largest number of users that a cell serves at once.
        num_iterations: k.

    Raises:
        ValueError: the network is too large.
    """
    gains = max(num_links, 1) * num_bands * most_served**2
    channels = (num_cells + num_links) * num_bands * num_antennas * max_users
    if 8 * max(gains, channels) > MOST_BYTES:
        raise ValueError(
            f"channels and gains of a block must fit into memory, which is at most {MOST_BYTES // 8} numbers; got {channels} channels "
            f"(links x bands x antennas x users) and {gains} gains (links x bands x users^2). Give fewer cells, bands, antennas or users."
        )
    if gains * num_iterations > LONGEST_STEP:
        raise ValueError(
            f"num_iterations must be at most {LONGEST_STEP // gains} on this network, because longer steps take minutes and Ctrl-C cannot "
            f"interrupt them; got {num_iterations}. Give fewer, and more rounds_per_slot or slots."
        )


def checked_number(name: str, value: Any, largest: float) -> float:
    """The value as a float, from 0 to `largest`.

    Raises:
        ValueError: it is not a number, or out of range.
    """
    number = real_number(value)
    if not 0.0 <= number <= largest:
        raise ValueError(f"{name} must be a number within [0, {largest:g}]; got {shown(value)}. Give 0 for none.")
    return number


def real_number(value: Any) -> float:
    """A real number as a float; NaN for other values, infinity if it is out of the range of a float."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf  # pyright: ignore[reportOperatorIssue]


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Refuse a value that is not one of the choices.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(value, str) or value not in choices:
        words = ", ".join(map(repr, choices[:-1])) + f" or {choices[-1]!r}"
        number = {2: "two", 3: "three"}[len(choices)]
        raise ValueError(f"{name} must be {words}; got {shown(value)}. Choose one of the {number}.")


def check_damping(damping: Any, in_action: Any, action: str) -> None:
    """Refuse an invalid damping, or one that two fields determine.

    Args:
        damping: `NetworkConfig.damping`.
        in_action: `NetworkConfig.damping_in_action`.
        action: `NetworkConfig.action`.

    Raises:
        ValueError: a value is invalid, or they cannot be combined.
    """
    if not 0.0 <= real_number(damping) < 1.0:
        raise ValueError(f"damping must be in [0, 1) (1 would freeze the negotiation); got {damping!r}. Give 0 for the paper's game.")
    if not isinstance(in_action, bool):
        raise ValueError(f"damping_in_action must be True or False; got {in_action!r}. Give one of the two.")
    if in_action and damping > 0.0:
        raise ValueError(f"damping must be 0 with damping_in_action (the action replaces it); got {damping!r}. Give one of the two.")
    if action == "price" and in_action:
        raise ValueError(
            "damping_in_action must be False with action 'price', which has one plane; got True. Give damping, or action 'powers'."
        )


def check_errors(measurement_error_db: float, num_iterations: int) -> None:
    """Refuse measurement errors together with iterations inside a step.

    Raises:
        ValueError: both are given.
    """
    if measurement_error_db > 0.0 and num_iterations > 0:
        raise ValueError(
            f"num_iterations must be 0 with measurement_error_db (the iterations inside a step measure without error); got "
            f"{num_iterations} and {measurement_error_db:g} dB. Give num_iterations=0 and more rounds_per_slot."
        )


def check_schedule(schedule: str, users_per_slot: Any, num_antennas: int, max_users: int, restart: Any) -> int | None:
    """Check the schedule; returns the given largest number of served users.

    Raises:
        ValueError: `users_per_slot` is given without a schedule, is not a whole number, or exceeds the antennas; or `restart` is invalid,
            or False although the served users change.
    """
    if restart is not None and not isinstance(restart, bool):
        raise ValueError(f"restart must be True, False, or None (only if channels move); got {restart!r}. Give one of the three.")
    if users_per_slot is not None:
        if schedule == "none":
            raise ValueError(
                f"users_per_slot must be left out without a schedule; got {shown(users_per_slot)}. Give schedule='round-robin' beside it."
            )
        users_per_slot = checked_int("users_per_slot", users_per_slot, 1)
        if users_per_slot > num_antennas:
            raise ValueError(
                f"users_per_slot must not exceed num_antennas (zero-forcing needs M >= U); got {users_per_slot}, M={num_antennas}. "
                "Lower it."
            )
    if restart is False and schedule != "none" and max_users > (users_per_slot or num_antennas):
        raise ValueError(
            f"restart must not be False if a schedule serves other users in every slot; got False with {max_users} users, of whom "
            f"{users_per_slot or num_antennas} are served. Leave it out."
        )
    return users_per_slot


def checked_num_users(value: Any, num_cells: int, most: int | None) -> int | tuple[int, ...]:
    """Users in every cell, or one number per cell, each of at most `most`, the number of antennas.

    Raises:
        ValueError: a number is invalid, or there are not as many as cells.
    """
    largest = LARGEST_SIZES["num_users"]
    if not isinstance(value, Sequence | np.ndarray) or isinstance(value, str):
        return _at_most_antennas((checked_int("num_users", value, 1, largest),), most)[0]
    counts = tuple(checked_int("num_users", users, 1, largest) for users in np.atleast_1d(np.asarray(value, dtype=object)))
    if len(counts) == 1:
        return _at_most_antennas(counts, most)[0]
    if len(counts) != num_cells:
        raise ValueError(
            f"num_users must be one number or one per cell; got {len(counts)} numbers for {num_cells} cells. "
            f"Give {num_cells} numbers, or one for all."
        )
    return _at_most_antennas(counts, most)


def _at_most_antennas(counts: tuple[int, ...], most: int | None) -> tuple[int, ...]:
    if most is not None and max(counts) > most:
        raise ValueError(
            f"num_users must not exceed num_antennas (zero-forcing needs M >= U); got U={max(counts)}, "
            f"M={most}. Raise num_antennas or lower num_users. Or give schedule='round-robin', which serves some users in each slot."
        )
    return counts


def checked_db(name: str, value: Any) -> float:
    """A ratio in decibels; `sir_db` may be infinite.

    Raises:
        ValueError: it is not a number, or outside [-300, 300] dB.
    """
    infinite_allowed = name == "sir_db"
    number = real_number(value)
    # 300 dB exceeds any radio link, and products of two gains stay in the range of a float
    if not (abs(number) <= 300.0 or (infinite_allowed and number == math.inf)):
        limits = "within [-300, 300] dB" + (", or inf for no interference" if infinite_allowed else "")
        raise ValueError(f"{name} must be a number {limits}; got {shown(value)}. Give the ratio in decibels.")
    return number


def checked_powers_dbm(powers: Any, noise: Any, num_cells: int, snr_db: float | None) -> float | tuple[float, ...] | None:
    """Absolute powers of the base stations in dBm, one for all or one per cell; None if neither powers nor noise are given.

    Raises:
        ValueError: one of the two is missing, an SNR is given too, a number is invalid or outside [-300, 300] dBm, or there are not as many
            as cells.
    """
    if powers is None and noise is None:
        return None
    if powers is None or noise is None:
        raise ValueError(
            f"tx_power_dbm and noise_dbm go together; got {powers!r} and {noise!r}. Give both, or snr_db alone. For channels divided by "
            "the root of the noise in mW the noise is 0 dBm, and in W 30 dBm."
        )
    several = isinstance(powers, Sequence | np.ndarray) and not isinstance(powers, str) and getattr(powers, "ndim", 1) > 0
    each: tuple[Any, ...] = tuple(powers) if several else (powers,)
    for name, value in (*(("tx_power_dbm", power) for power in each), ("noise_dbm", noise)):
        if not abs(real_number(value)) <= 300.0:
            raise ValueError(f"{name} must be a number within [-300, 300] dBm; got {shown(value)}. Give the power in dBm.")
    if len(each) not in (1, num_cells):
        raise ValueError(
            f"tx_power_dbm must be one number or one per cell; got {len(each)} for {num_cells} cells. Give {num_cells}, or one."
        )
    if snr_db is not None:
        raise ValueError(f"snr_db must be left out beside tx_power_dbm, which determines the powers; got {snr_db:g}. Give one of them.")
    numbers = [float(power) for power in each]
    return tuple(numbers) if len(numbers) > 1 else numbers[0]


def check_float32_reaches(farthest: float, largest_snr: float, *powers: np.ndarray) -> None:
    """Refuse a network whose numbers exceed the range of single precision.

    Args:
        farthest: Largest interference or nominal power over the largest power or noise over gain.
        largest_snr: Largest mean SNR of a cell.
        powers: Arrays of powers, in sigma^2, the nominal powers first.

    Raises:
        ValueError: a number is out of range.
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


def rounded(value: object) -> str:
    """A number, or one for each cell, rounded for display."""
    return ", ".join(map(rounded, value)) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float | int) else str(value)


def as_array(given: Any, whose: str, shape: object) -> np.ndarray:
    """The value as an array of numbers.

    Args:
        given: An array, a tensor, or lists of numbers.
        whose: Its name in error messages.
        shape: The required shape for error messages; it is not checked.

    Raises:
        ValueError: it is not an array of numbers: ragged lists, a tensor with gradients or on another device, or a masked array.
    """
    if isinstance(given, np.ma.MaskedArray) and np.ma.is_masked(given):
        raise ValueError(f"{whose} must have all of its entries; got a masked array. Fill what is masked: array.filled(0).")
    try:
        return np.asarray(given)
    except (RuntimeError, TypeError, ValueError) as error:
        # Ragged lists, and tensors that NumPy cannot read.
        reason = f"{type(given).__module__.split('.')[0]}.{type(given).__name__}: {' '.join(str(error).split())[:120]}"
        raise ValueError(
            f"{whose} must be an array of numbers of shape {shape}; got {reason}. For a tensor give tensor.detach().cpu().numpy()."
        ) from error
