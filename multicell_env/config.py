"""What a network is: sizes, powers and rules, validated. The only place where decibels appear."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float, Int

Reward = Literal["cell", "network", "predicted", "user"]
Precision = Literal["float32", "float64"]

FLOAT32_LIMIT_DB = 120.0
"""How far, in dB, the network may reach over a user's own gain in float32: squares of the ratio must stay in range."""
FLOAT32_LIMIT_SNR_DB = 180.0
"""Largest SNR in float32: the square of the noise over a user's power must stay in range."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """A multicell, multi-band, multiuser MIMO network and the block that is played on it.

    The defaults are the scenario of the paper's figures at (M, U) = (8, 4): three cells, six bands, SNR 20 dB, SIR 0 dB.
    Noise power is sigma^2 = 1 everywhere; powers are linear multiples of it.

    Raises:
        ValueError: a field breaks its rule; the message gives the value, the rule and the remedy.

    Source: K.-K. Wong et al., IEEE Access 2021, DOI 10.1109/ACCESS.2021.3059587, section II.
    """

    num_cells: int = 3
    """B, cells with one base station each; every base station is an agent."""
    num_antennas: int = 8
    """M, antennas of a base station; zero-forcing needs M >= U."""
    num_users: int | tuple[int, ...] = 4
    """U, users in every cell, or one number per cell."""
    num_bands: int = 6
    """F, frequency bands (the paper's N_f)."""
    num_slots: int = 10
    """T, slots of a block; a slot is one step() and a block one episode."""
    num_iterations: int = 5
    """k, iterations of forward-looking water-filling inside a slot; 0 plays the actions as they are."""
    sir_db: float = 0.0
    """Signal-to-interference ratio of the mean channel gains, dB: a_{b',b} = 1/SIR between cells (23). inf: no interference."""
    snr_db: float = 20.0
    """Signal-to-noise ratio per slot, user and band before beamforming, dB: sets the power budget."""
    mean_gains: tuple[tuple[float, ...], ...] | None = None
    """Mean channel gains a[tx_cell][rx_cell], linear; replaces sir_db where given."""
    damping: float = 0.0
    """Share of its last powers that a user keeps in each FLWF iteration, in [0, 1); 0 is the paper's game."""
    damping_in_action: bool = False
    """Whether actions have a second plane, whose mean over the bands is each user's own damping in the slot: 1 holds its opening."""
    reward: Reward = "cell"
    """cell: the cell's own sum rate (18). network: every agent gets the average cell capacity, (19)/B. predicted: (18) as printed, with the
    belief c^B (9) for what users measure. user: the cell's sum rate over the number of users in the network."""
    dtype: Precision = "float32"
    """Precision of the game. The same seed draws the same channels in both; float64 plays at half the speed."""

    def __post_init__(self) -> None:
        for name in ("num_cells", "num_antennas", "num_bands", "num_slots"):
            object.__setattr__(self, name, _checked_int(name, getattr(self, name), minimum=1))
        object.__setattr__(self, "num_iterations", _checked_int("num_iterations", self.num_iterations, minimum=0))
        object.__setattr__(self, "num_users", self._checked_num_users())
        for name in ("sir_db", "snr_db"):
            object.__setattr__(self, name, self._checked_db(name))
        if self.mean_gains is not None:
            object.__setattr__(self, "mean_gains", self._checked_mean_gains())
        if isinstance(self.damping, bool) or not isinstance(self.damping, Real) or not 0.0 <= float(self.damping) < 1.0:
            raise ValueError(
                f"damping must be in [0, 1) (1 would freeze the negotiation); got {self.damping!r}. Give 0 for the paper's game."
            )
        if not isinstance(self.damping_in_action, bool):
            raise ValueError(f"damping_in_action must be True or False; got {self.damping_in_action!r}. Give one of the two.")
        if self.damping_in_action and self.damping > 0.0:
            raise ValueError(
                f"damping must be 0 with damping_in_action (each user's own takes its place); got {self.damping!r}. Give one of the two."
            )
        if self.reward not in get_args(Reward):
            raise ValueError(f"reward must be one of {get_args(Reward)}; got {self.reward!r}. Choose 'cell' for (18), as it is measured.")
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f"dtype must be 'float32' or 'float64'; got {self.dtype!r}. Choose one of the two.")
        if self.dtype == "float32":
            self._check_float32_reaches()

    def _check_float32_reaches(self) -> None:
        gains = self.mean_gain_matrix
        received = gains * self.nominal_powers[:, None] / np.diagonal(gains) / self._largest_power
        farthest = 10.0 * math.log10(received.max())
        if farthest > FLOAT32_LIMIT_DB + 1e-9:
            raise ValueError(
                f"dtype 'float32' needs interference within {FLOAT32_LIMIT_DB:g} dB of a user's own gain; got {farthest:.0f} dB. "
                "Give dtype='float64', or raise the SIR."
            )
        powers = self.nominal_powers, self.nominal_budgets * self.num_slots
        if self.snr_db > FLOAT32_LIMIT_SNR_DB or min(map(np.min, powers)) < 1e-36 or max(map(np.max, powers)) > 1e36:
            raise ValueError(
                f"dtype 'float32' needs an SNR of at most {FLOAT32_LIMIT_SNR_DB:g} dB, and powers within [1e-36, 1e36] of the noise; got "
                f"{self.snr_db:g} dB and nominal powers {self.nominal_powers.tolist()}. Give dtype='float64', or scale the gains."
            )

    def _checked_num_users(self) -> int | tuple[int, ...]:
        if isinstance(self.num_users, Sequence | np.ndarray) and not isinstance(self.num_users, str):
            counts = tuple(_checked_int("num_users", users, minimum=1) for users in np.atleast_1d(np.asarray(self.num_users, dtype=object)))
            if len(counts) == 1:
                return self._at_most_antennas(counts)[0]
            if len(counts) != self.num_cells:
                raise ValueError(
                    f"num_users must be one number or one per cell; got {len(counts)} numbers for {self.num_cells} cells. "
                    f"Give {self.num_cells} numbers, or one for all."
                )
            return self._at_most_antennas(counts)
        return self._at_most_antennas((_checked_int("num_users", self.num_users, minimum=1),))[0]

    def _at_most_antennas(self, counts: tuple[int, ...]) -> tuple[int, ...]:
        if max(counts) > self.num_antennas:
            raise ValueError(
                f"num_users must not exceed num_antennas (zero-forcing needs M >= U); got U={max(counts)}, "
                f"M={self.num_antennas}. Raise num_antennas or lower num_users."
            )
        return counts

    def _checked_db(self, name: str) -> float:
        value, infinite_allowed = getattr(self, name), name == "sir_db"
        number = float(value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
        # 300 dB is beyond any radio and keeps every product of two gains inside a float
        if not (abs(number) <= 300.0 or (infinite_allowed and number == math.inf)):
            limits = "within [-300, 300] dB" + (", or inf for no interference" if infinite_allowed else "")
            raise ValueError(f"{name} must be a number {limits}; got {value!r}. Give the ratio in decibels.")
        return number

    def _checked_mean_gains(self) -> tuple[tuple[float, ...], ...]:
        try:
            gains = np.array(self.mean_gains, dtype=np.float64)
        except (TypeError, ValueError):
            gains = np.empty(0)
        if gains.shape != (self.num_cells, self.num_cells):
            raise ValueError(
                f"mean_gains must be a square matrix [tx_cell][rx_cell] of numbers; got shape {gains.shape} for "
                f"{self.num_cells} cells. Give {self.num_cells} rows of {self.num_cells} linear gains."
            )
        if not np.all(np.isfinite(gains)) or np.any(gains < 0):
            raise ValueError(
                f"mean_gains must be finite and non-negative (they are linear, not dB); got {gains.tolist()}. "
                "Convert decibels by 10**(dB/10)."
            )
        if np.any((gains > 0) & ((gains < 1e-30) | (gains > 1e30))):
            raise ValueError(
                f"mean_gains must be 0 or within [1e-30, 1e30], which is 300 dB either way; got {gains.tolist()}. "
                "Scale them to noise power 1."
            )
        if np.any(np.diagonal(gains) <= 0):
            raise ValueError(
                f"mean_gains must be positive on its diagonal (a cell must reach its own users); got "
                f"{np.diagonal(gains).tolist()}. Give each cell a gain to itself."
            )
        rows: Any = gains.tolist()
        return tuple(map(tuple, rows))

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "NetworkConfig":
        """A network from its fields as JSON keeps them, with lists for tuples and "inf" for infinity.

        Raises:
            KeyError, TypeError, ValueError: the fields are not those of a network.
        """
        gains, users = fields["mean_gains"], fields["num_users"]
        as_tuples = {
            "mean_gains": None if gains is None else tuple(map(tuple, gains)),
            "num_users": tuple(users) if isinstance(users, list) else users,
            "sir_db": float(fields["sir_db"]),
        }
        return cls(**{**fields, **as_tuples})

    def describe(self) -> str:
        """The network in one line."""
        interference = "given mean gains" if self.mean_gains is not None else f"SIR={self.sir_db:g} dB"
        damping = " damping=action" if self.damping_in_action else f" damping={self.damping:g}" if self.damping else ""
        return (
            f"B={self.num_cells} M={self.num_antennas} U={self.num_users} F={self.num_bands} "
            f"{interference} SNR={self.snr_db:g} dB T={self.num_slots} k={self.num_iterations}{damping}"
        )

    @cached_property
    def users_per_cell(self) -> Int[np.ndarray, " cell"]:
        """U_b: number of users in each cell."""
        return _read_only(np.broadcast_to(np.asarray(self.num_users, dtype=np.int64), (self.num_cells,)))

    @cached_property
    def max_users(self) -> int:
        """Length of the user axis of every array; cells with fewer users are padded to it."""
        return int(self.users_per_cell.max())

    @cached_property
    def user_mask(self) -> np.ndarray:
        """True where `[cell, user]` is a user, False where it is padding."""
        return _read_only(np.arange(self.max_users) < self.users_per_cell[:, None])

    @cached_property
    def mean_gain_matrix(self) -> Float[np.ndarray, "tx_cell rx_cell"]:
        """a_{b',b}: 1 on the diagonal and 1/SIR elsewhere (23), or the matrix that was given."""
        if self.mean_gains is not None:
            return _read_only(np.array(self.mean_gains))
        gains = np.full((self.num_cells, self.num_cells), 10.0 ** (-self.sir_db / 10.0))
        np.fill_diagonal(gains, 1.0)
        return _read_only(gains)

    @cached_property
    def interferers(self) -> Int[np.ndarray, "cell interferer"]:
        """I_b: the other cells that reach cell b (a_{b',b} > 0), ascending; shorter rows are padded with -1."""
        reaches = self.mean_gain_matrix > 0
        rows = [[tx for tx in range(self.num_cells) if tx != rx and reaches[tx, rx]] for rx in range(self.num_cells)]
        width = max(map(len, rows))
        padded = [row + [-1] * (width - len(row)) for row in rows]
        return _read_only(np.array(padded, dtype=np.int64).reshape(self.num_cells, width))

    @cached_property
    def nominal_powers(self) -> Float[np.ndarray, " cell"]:
        """p0: power per slot, user and band at which each cell's users have the SNR before beamforming, in sigma^2."""
        return _read_only(10.0 ** (self.snr_db / 10.0) / np.diagonal(self.mean_gain_matrix))

    @cached_property
    def power_unit(self) -> float:
        """A power of two near the largest nominal power or noise over gain, in sigma^2: powers in this unit are near 1."""
        return float(2.0 ** round(math.log2(self._largest_power)))

    @cached_property
    def _largest_power(self) -> float:
        return float(max(self.nominal_powers.max(), (1.0 / np.diagonal(self.mean_gain_matrix)).max()))

    @cached_property
    def amplitudes(self) -> tuple[Float[np.ndarray, "cell 1 1 user"], Float[np.ndarray, "cell interferer 1 1 user"]]:
        """Root of the mean gain of every channel, 0 for padding: own, and from the interferers (2), (23). In the precision of draws."""
        gains = self.mean_gain_matrix
        cross = np.where(self.interferers >= 0, gains[self.interferers, np.arange(self.num_cells)[:, None]], 0.0)
        users = self.user_mask[:, None, None, :]
        own = np.sqrt(np.diagonal(gains))[:, None, None, None] * users
        crossing = np.sqrt(cross)[..., None, None, None] * users[:, None]
        return _read_only(own.astype(np.float32)), _read_only(crossing.astype(np.float32))

    @cached_property
    def nominal_budgets(self) -> Float[np.ndarray, " cell"]:
        """Slot budget without roll-over, U_b F p0: a T-th of the block budget P̄_b = T U_b F p0, in sigma^2."""
        return _read_only(self.users_per_cell * self.num_bands * self.nominal_powers)

    def action_shape(self, num_users: int) -> tuple[int, ...]:
        """Shape of the action of a cell with so many users: `(band, user)`, or `(2, band, user)` with `damping_in_action`."""
        return (*((2,) if self.damping_in_action else ()), self.num_bands, num_users)

    def split_among_users(self, power_budget: Float[np.ndarray, "*batch cell"]) -> Float[np.ndarray, "*batch cell user"]:
        """Equal shares P_b(t)/U_b of a slot budget (14), in sigma^2; padded users get 0."""
        return (power_budget / self.users_per_cell)[..., None] * self.user_mask


def _checked_int(name: str, value: Any, minimum: int) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < minimum:
        raise ValueError(f"{name} must be a whole number of at least {minimum}; got {value!r}. Give such a number.")
    return int(value)


def _read_only(array: np.ndarray) -> np.ndarray:
    """The configuration is frozen, and so is what it hands out."""
    array.flags.writeable = False
    return array


PAPER_8X4 = NetworkConfig()
"""The paper's smaller network: 8 antennas, 4 users per cell."""
PAPER_32X16 = NetworkConfig(num_antennas=32, num_users=16)
"""The paper's larger network: 32 antennas, 16 users per cell."""
