"""The configuration of a network: its sizes, powers and rules, validated. Decibels appear only here."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float, Int

from multicell_env.config_checks import (
    LARGEST_SIZES,
    LONGEST_BLOCK,
    MOST_ITERATIONS,
    check_choice,
    check_damping,
    check_errors,
    check_float32_reaches,
    check_schedule,
    check_size,
    checked_db,
    checked_int,
    checked_num_users,
    checked_number,
    checked_powers_dbm,
    rounded,
)
from multicell_env.networks.mean_gains import GainTable, MeanGains, SparseGains, checked_mean_gains, gains_from_json, table_of, user_means

Reward = Literal["cell", "network", "predicted", "user"]
Precision = Literal["float32", "float64"]
Negotiation = Literal["flwf", "iwf", "pricing"]
Action = Literal["powers", "price"]
Schedule = Literal["none", "round-robin", "proportional-fair"]

LARGEST_FAIRNESS = 5.0
"""Largest alpha. Weights lie between 10^(-2 alpha) and 10^(2 alpha), and prices must stay in the range of float32."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """A multicell, multi-band, multiuser MIMO network, and the rules of the game that is played on it.

    The defaults are the scenario of the paper's figures at (M, U) = (8, 4): three cells, six bands, SNR 20 dB, SIR 0 dB.
    The noise power is sigma^2 = 1, and powers are linear multiples of it. Absolute powers in dBm are divided by `noise_dbm`.

    Raises:
        ValueError: a field breaks its rule; the message gives the value, the rule and the remedy.

    Source: K.-K. Wong et al., IEEE Access 2021, DOI 10.1109/ACCESS.2021.3059587, section II.
    """

    num_cells: int = 3
    """B, number of cells. Each has one base station, and every base station is an agent."""
    num_antennas: int = 8
    """M, antennas of a base station. Zero-forcing serves at most M users of a cell at once."""
    num_users: int | tuple[int, ...] = 4
    """U, users in every cell, or one number per cell. More than M users need a schedule."""
    num_bands: int = 6
    """F, number of frequency bands (the paper's N_f)."""
    num_slots: int = 10
    """T, slots of a block. A block is one episode."""
    num_iterations: int = 5
    """k, iterations of the negotiation inside a step. With 0 the actions are transmitted unchanged."""
    negotiation: Negotiation = "flwf"
    """flwf: forward-looking water-filling (15), as in the paper. iwf: iterative water-filling. pricing: damped best response to prices."""
    rounds_per_slot: int = 1
    """R, rounds of a slot. Each round is a step and a measurement. Only the last one transmits, earns the full reward and spends energy."""
    measuring_reward: float = 0.0
    """Reward of a round without transmission: this share, in [0, 1], of the reward that it would earn if it transmitted."""
    action: Action = "powers"
    """powers: fractions of each user's budget, in [0, 1]. price: log multipliers of each user's prices, in [-1, 1]."""
    measurement_error_db: float = 0.0
    """Standard deviation, dB, of the lognormal measurement error of INGR, prices and leakage, independent in every round; needs k = 0."""
    sir_db: float = 0.0
    """Signal-to-interference ratio of the mean channel gains, dB: a_{b',b} = 1/SIR between cells (23). inf: no interference."""
    snr_db: float = 20.0
    """Signal-to-noise ratio per slot, user and band before beamforming, dB. It sets the power budget."""
    tx_power_dbm: float | tuple[float, ...] | None = None
    """Transmit power of a base station in a slot over all bands, dBm, or one number per cell. Replaces snr_db, and needs noise_dbm."""
    noise_dbm: float | None = None
    """Noise power in a band, dBm, for absolute powers. Gains are then physical: received over transmitted power."""
    mean_gains: MeanGains | None = None
    """Mean channel gains a[tx_cell][rx_cell] or a[tx_cell][rx_cell][user], linear: an array, lists, or links. Replaces sir_db."""
    damping: float = 0.0
    """Share of its last powers that a user keeps in each iteration, in [0, 1). 0 is the paper's game."""
    damping_in_action: bool = False
    """Adds a second plane to actions. Its mean over the bands is each user's own damping in the slot; with 1 a user keeps its powers."""
    reward: Reward = "cell"
    """cell: the cell's own sum rate (18). network: the average cell capacity (19)/B, for every agent. predicted: (18) as printed, with the
    belief c^B (9) in place of the measured INGR. user: the cell's sum rate over the number of users in the network."""
    fairness: float = 0.0
    """alpha of the alpha-fair utility of users' average rates, in [0, 5]; it weights prices and rewards. 0: the sum rate, as in the paper.
    1: the sum of the logarithms, proportional fairness."""
    schedule: Schedule = "none"
    """Users that a cell serves in a slot. none: all. round-robin: users_per_slot in turn. proportional-fair: by largest weighted rate."""
    users_per_slot: int | None = None
    """Largest number of users that a cell serves in a slot with a schedule; M by default."""
    channel_model: str = "rayleigh"
    """How channels are drawn, and how they change between slots: rayleigh, redraw, fading, or a composition (docs/networks.md)."""
    restart: bool | None = None
    """Whether every slot starts from zero powers. By default only if channels move, or if a schedule does not serve all users."""
    dtype: Precision = "float32"
    """Floating-point precision of the game. The same seed draws the same channels in both; float64 has half the speed."""

    def __post_init__(self) -> None:
        for name in ("num_cells", "num_antennas", "num_bands", "num_slots", "rounds_per_slot"):
            object.__setattr__(self, name, checked_int(name, getattr(self, name), 1, LARGEST_SIZES.get(name, LONGEST_BLOCK)))
        object.__setattr__(self, "num_iterations", checked_int("num_iterations", self.num_iterations, 0, MOST_ITERATIONS))
        for name, kind in {"negotiation": Negotiation, "action": Action, "schedule": Schedule, "dtype": Precision}.items():
            check_choice(name, getattr(self, name), get_args(kind))
        most = self.num_antennas if self.schedule == "none" else None
        object.__setattr__(self, "num_users", checked_num_users(self.num_users, self.num_cells, most))
        for name in ("sir_db", "snr_db"):
            object.__setattr__(self, name, checked_db(name, getattr(self, name)))
        snr_db = None if self.snr_db == type(self).snr_db else self.snr_db
        object.__setattr__(self, "tx_power_dbm", checked_powers_dbm(self.tx_power_dbm, self.noise_dbm, self.num_cells, snr_db))
        if self.mean_gains is not None:
            object.__setattr__(self, "mean_gains", checked_mean_gains(self.mean_gains, self.user_mask))
        check_damping(self.damping, self.damping_in_action, self.action)
        if not isinstance(self.reward, str) or self.reward not in get_args(Reward):
            raise ValueError(f"reward must be one of {get_args(Reward)}; got {self.reward!r}. Choose 'cell' for (18), the sum rate.")
        if not isinstance(self.channel_model, str):
            raise ValueError(f"channel_model must be the name of a channel model; got {self.channel_model!r}. Give 'rayleigh'.")
        object.__setattr__(self, "measuring_reward", checked_number("measuring_reward", self.measuring_reward, largest=1.0))
        object.__setattr__(self, "fairness", checked_number("fairness", self.fairness, largest=LARGEST_FAIRNESS))
        object.__setattr__(self, "measurement_error_db", checked_number("measurement_error_db", self.measurement_error_db, largest=30.0))
        check_errors(self.measurement_error_db, self.num_iterations)
        served = check_schedule(self.schedule, self.users_per_slot, self.num_antennas, self.max_users, self.restart)
        object.__setattr__(self, "users_per_slot", served)
        sizes = self.num_cells, int(np.count_nonzero(self.mean_gain_matrix)) - self.num_cells, self.num_bands, self.num_antennas
        check_size(*sizes, self.max_users, int(self.served_per_cell.max()), self.num_iterations)
        if self.dtype == "float32":
            self._check_float32_reaches()

    def _check_float32_reaches(self) -> None:
        table, own_users = self.gain_table, np.where(self.user_mask, self.gain_table.own, np.inf)
        received = table.crossing * self.nominal_powers[table.interferers][..., None] / own_users[:, None]
        farthest = max(received.max(initial=0.0), self.nominal_powers.max()) / self._largest_power
        powers = self.nominal_powers, self.nominal_budgets * self.num_slots
        check_float32_reaches(farthest, float(np.max(self.nominal_powers * self.own_gains)), *powers)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Cached: draws look up their constants by network, and hashing many gains takes longer than the rest of the look-up."""
        return hash(tuple(getattr(self, field.name) for field in fields(self)))

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # hashes of strings differ between processes

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "NetworkConfig":
        """A network from its fields as read from JSON: lists for tuples, "inf" for infinity. Missing fields have their defaults.

        Raises:
            KeyError, TypeError, ValueError: a field is unknown, breaks its rule, or is missing without a default.
        """
        users, powers = fields["num_users"], fields.get("tx_power_dbm")
        as_tuples = {
            "mean_gains": gains_from_json(fields["mean_gains"]),
            "num_users": tuple(users) if isinstance(users, list) else users,
            "sir_db": float(fields["sir_db"]),
            "tx_power_dbm": tuple(powers) if isinstance(powers, list) else powers,
        }
        return cls(**{**fields, **as_tuples})

    def describe(self) -> str:
        """The network as one line of text."""
        interference = "given mean gains" if self.mean_gains is not None else f"SIR={self.sir_db:g} dB"
        damping = " damping=action" if self.damping_in_action else f" damping={self.damping:g}" if self.damping else ""
        others = {"R": "rounds_per_slot", "negotiation": "negotiation", "action": "action", "error_db": "measurement_error_db"}
        others |= {
            "fairness": "fairness",
            "schedule": "schedule",
            "at_once": "users_per_slot",
            "channels": "channel_model",
            "restart": "restart",
        }
        changed = [f" {short}={getattr(self, name)}" for short, name in others.items() if getattr(self, name) != getattr(type(self), name)]
        absolute = f"P={rounded(self.tx_power_dbm)} dBm N={rounded(self.noise_dbm)} dBm"
        power = f"SNR={self.snr_db:g} dB" if self.tx_power_dbm is None else absolute
        return (
            f"B={self.num_cells} M={self.num_antennas} U={self.num_users} F={self.num_bands} "
            f"{interference} {power} T={self.num_slots} k={self.num_iterations}{damping}{''.join(changed)}"
        )

    @property
    def num_steps(self) -> int:
        """Number of steps of an episode: T slots of R rounds."""
        return self.num_slots * self.rounds_per_slot

    @cached_property
    def users_per_cell(self) -> Int[np.ndarray, " cell"]:
        """U_b: number of users in each cell."""
        return _read_only(np.broadcast_to(np.asarray(self.num_users, dtype=np.int64), (self.num_cells,)))

    @cached_property
    def served_per_cell(self) -> Int[np.ndarray, " cell"]:
        """S_b: number of users that each cell serves in a slot; all of its users without a schedule."""
        most = self.max_users if self.schedule == "none" else self.users_per_slot or self.num_antennas
        return _read_only(np.minimum(self.users_per_cell, most))

    @cached_property
    def slot_network(self) -> "NetworkConfig":
        """The network that a slot is played on: with as many users as are served, or this network if all users are."""
        served = tuple(self.served_per_cell.tolist())
        if served == tuple(self.users_per_cell.tolist()):
            return self
        gains, users = user_means(self.mean_gains, self.user_mask), served if len(set(served)) > 1 else served[0]
        return replace(self, num_users=users, mean_gains=gains, schedule="none", users_per_slot=None)

    @cached_property
    def max_users(self) -> int:
        """Largest number of users in a cell: the length of arrays' user axis, to which cells with fewer users are padded."""
        return int(self.users_per_cell.max())

    @cached_property
    def user_mask(self) -> np.ndarray:
        """Boolean `[cell, user]`: True for users, False for padding."""
        return _read_only(np.arange(self.max_users) < self.users_per_cell[:, None])

    @cached_property
    def gain_table(self) -> GainTable:
        """Mean gains by receiving cell, linear, with one gain per user if they were given so."""
        gains = self.mean_gains
        if gains is None:
            gains = np.full((self.num_cells, self.num_cells), 10.0 ** (-self.sir_db / 10.0))
            np.fill_diagonal(gains, 1.0)
        table = table_of(gains if isinstance(gains, SparseGains) else np.array(gains), self.num_cells)
        return GainTable(*map(_read_only, table))

    @cached_property
    def mean_gain_matrix(self) -> Float[np.ndarray, "tx_cell rx_cell"]:
        """a_{b',b}, linear: 1 on the diagonal and 1/SIR elsewhere (23), or the given mean gains, averaged over a cell's users."""
        return _read_only(self.gain_table.matrix(self.own_gains, self.interferer_gains))

    @cached_property
    def own_gains(self) -> Float[np.ndarray, " cell"]:
        """a_{b,b}, linear, averaged over the cell's users."""
        return _read_only(self._mean_over_users(self.gain_table.own))

    @property
    def interferers(self) -> Int[np.ndarray, "cell interferer"]:
        """I_b: the other cells that reach cell b (a_{b',b} > 0), ascending; shorter rows are padded with -1."""
        return self.gain_table.interferers

    @cached_property
    def interferer_gains(self) -> Float[np.ndarray, "cell interferer"]:
        """a_{b',b} of each of the `interferers`, linear, averaged over the users of cell b; 0 for padding."""
        return _read_only(self._mean_over_users(self.gain_table.crossing))

    def _mean_over_users(self, gains: Float[np.ndarray, "cell *interferer user"]) -> Float[np.ndarray, "cell *interferer"]:
        if gains.shape[-1] < self.max_users:  # one for all
            return gains[..., 0].copy()
        users = self.user_mask if gains.ndim == 2 else self.user_mask[:, None]
        return (gains * users).sum(axis=-1) / users.sum(axis=-1)

    @cached_property
    def nominal_powers(self) -> Float[np.ndarray, " cell"]:
        """p0, nominal power per slot, served user and band, in sigma^2: SNR / a_bb, or the cell's power over noise, users and bands."""
        if self.tx_power_dbm is not None and self.noise_dbm is not None:
            over_noise = 10.0 ** ((np.asarray(self.tx_power_dbm, dtype=np.float64) - self.noise_dbm) / 10.0)
            return _read_only(over_noise / (self.served_per_cell * self.num_bands))
        return _read_only(10.0 ** (self.snr_db / 10.0) / self.own_gains)

    @cached_property
    def power_unit(self) -> float:
        """A power of two, in sigma^2, near the largest nominal power or noise over gain. Kernels compute with powers in this unit."""
        return float(2.0 ** round(math.log2(self._largest_power)))

    @cached_property
    def _largest_power(self) -> float:
        return float(max(self.nominal_powers.max(), (1.0 / self.own_gains).max()))

    @cached_property
    def amplitudes(self) -> tuple[Float[np.ndarray, "cell 1 1 user"], Float[np.ndarray, "cell interferer 1 1 user"]]:
        """Square root of the mean gains (2), (23), float32: own, and from the interferers; 0 for padding. Draws are scaled by it."""
        users = self.user_mask[:, None, None, :]
        own = np.sqrt(self.gain_table.own)[:, None, None] * users
        crossing = np.sqrt(self.gain_table.crossing)[:, :, None, None] * users[:, None]
        return _read_only(own.astype(np.float32)), _read_only(crossing.astype(np.float32))

    @cached_property
    def nominal_budgets(self) -> Float[np.ndarray, " cell"]:
        """Slot budget U_b F p0, in sigma^2: the block budget P̄_b = T U_b F p0 over T. With a schedule S_b replaces U_b."""
        return _read_only(self.served_per_cell * self.num_bands * self.nominal_powers)

    def action_shape(self, num_users: int) -> tuple[int, ...]:
        """Shape of the action of a cell with `num_users` users: `(band, user)`, or `(2, band, user)` with `damping_in_action`."""
        return (*((2,) if self.damping_in_action else ()), self.num_bands, num_users)

    @property
    def action_limits(self) -> tuple[float, float]:
        """Smallest and largest entry of an action."""
        return (-1.0, 1.0) if self.action == "price" else (0.0, 1.0)

    @property
    def action_entries(self) -> str:
        """What the entries of an action are, for error messages."""
        return "price multipliers in [-1, 1]" if self.action == "price" else "fractions in [0, 1]"

    def split_among_users(self, power_budget: Float[np.ndarray, "*batch cell"]) -> Float[np.ndarray, "*batch cell user"]:
        """Each user's equal share P_b(t)/U_b of the slot budget (14), in sigma^2; 0 for padded users."""
        return (power_budget / self.users_per_cell)[..., None] * self.user_mask


def _read_only(array: np.ndarray) -> np.ndarray:
    """The array, made read-only as the configuration is frozen."""
    array.flags.writeable = False
    return array


PAPER_8X4 = NetworkConfig()
"""The paper's smaller network: 8 antennas, 4 users per cell."""
PAPER_32X16 = NetworkConfig(num_antennas=32, num_users=16)
"""The paper's larger network: 32 antennas, 16 users per cell."""
