"""Distributions of random networks: mixtures of sizes, unequal loads, asymmetric interference and irregular deployments."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from jaxtyping import Float

from multicell_env.config import NetworkConfig
from multicell_env.networks.hexagonal import HexagonalDeployment
from multicell_env.streams import NETWORKS, generator


class Scenario(Protocol):
    """A distribution of networks. The same state of the generator gives the same network."""

    def sample(self, generator: np.random.Generator) -> NetworkConfig:
        """Draw one network."""
        ...


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Symmetric networks of many sizes, to train one actor for all of them. Every field is drawn independently.

    Raises:
        ValueError: a field has no choices, or a range whose limits are in the wrong order.
    """

    num_cells: tuple[int, ...] = (2, 3, 4)
    """Choices of B."""
    num_users: tuple[int, ...] = (2, 4, 8, 16)
    """Choices of U; M = 2 U."""
    num_bands: tuple[int, ...] = (3, 6, 12)
    """Choices of F."""
    num_iterations: tuple[int, ...] = tuple(range(1, 11))
    """Choices of k."""
    sir_db: tuple[float, float] = (0.0, 10.0)
    """Lowest and highest SIR, dB; uniform in dB."""

    def __post_init__(self) -> None:
        for name in ("num_cells", "num_users", "num_bands", "num_iterations"):
            if not getattr(self, name):
                raise ValueError(f"{name} must offer at least one choice; got {getattr(self, name)}. Give a tuple of whole numbers.")
        _check_range("sir_db", self.sir_db)

    def sample(self, generator: np.random.Generator) -> NetworkConfig:
        """Draw one network."""
        num_cells, num_users, num_bands, num_iterations = (
            int(generator.choice(choices)) for choices in (self.num_cells, self.num_users, self.num_bands, self.num_iterations)
        )
        return NetworkConfig(
            num_cells=num_cells,
            num_antennas=2 * num_users,
            num_users=num_users,
            num_bands=num_bands,
            num_iterations=num_iterations,
            sir_db=float(generator.uniform(*self.sir_db)),
        )


@dataclass(frozen=True, kw_only=True)
class UnequalLoad:
    """Cells with different numbers of users, in random order, so that no fixed division of the bands suits all networks."""

    num_users: tuple[int, ...] = (2, 4, 8)
    """U of the cells, which are shuffled; M is twice the largest."""
    num_bands: int = 6
    """F, number of bands."""
    sir_db: float = 0.0
    """SIR of the mean gains, dB."""

    def sample(self, generator: np.random.Generator) -> NetworkConfig:
        """Draw one network."""
        return NetworkConfig(
            num_cells=len(self.num_users),
            num_users=tuple(generator.permutation(self.num_users).tolist()),
            num_antennas=2 * max(self.num_users),
            num_bands=self.num_bands,
            sir_db=self.sir_db,
        )


@dataclass(frozen=True, kw_only=True)
class AsymmetricInterference:
    """Random mean gains between cells, independent in both directions. Some pairs of cells can share bands, others should not.

    Raises:
        ValueError: the limits of the gains are in the wrong order.
    """

    num_cells: int = 3
    """B, number of cells."""
    num_users: int = 4
    """U, users in every cell; M = 2 U."""
    num_bands: int = 6
    """F, number of bands."""
    cross_gain_db: tuple[float, float] = (-20.0, 3.0)
    """Lowest and highest mean gain between two cells relative to a cell's own, dB; uniform in dB."""

    def __post_init__(self) -> None:
        _check_range("cross_gain_db", self.cross_gain_db)

    def sample(self, generator: np.random.Generator) -> NetworkConfig:
        """Draw one network."""
        gains = 10.0 ** (generator.uniform(*self.cross_gain_db, size=(self.num_cells, self.num_cells)) / 10.0)
        np.fill_diagonal(gains, 1.0)
        return NetworkConfig(
            num_cells=self.num_cells,
            num_users=self.num_users,
            num_antennas=2 * self.num_users,
            num_bands=self.num_bands,
            mean_gains=_as_tuples(gains),
        )


@dataclass(frozen=True, kw_only=True)
class IrregularDeployment:
    """Cells dropped at random in a square, and users around them, with path loss and shadowing.

    Base stations are uniform in a square, whose area is the square of `spacing` for each cell. Users are uniform over a ring around their
    station. The path loss is 128.1 + 37.6 log10(d / km) dB, with lognormal shadowing that is independent for every station and user. The
    mean gain of a pair of cells is the mean over the users in linear units, so the users of a cell differ only by fading. A station whose
    whole power, spread evenly over the bands, is received below the noise does not interfere: its gain is 0. The budget p0 = SNR / a_bb is
    larger for a cell with distant users, which is therefore a strong interferer.

    Source: path loss, shadowing and the smallest distance are those of 3GPP TR 36.814 V9.2.0, table A.2.1.1-2 (macro cells at 2 GHz).

    Raises:
        ValueError: a distance is not positive or the ring is empty, or the shadowing is negative.
    """

    num_cells: int = 7
    """B, number of cells."""
    num_users: int = 4
    """U, users in every cell; M = 2 U."""
    num_bands: int = 6
    """F, number of bands."""
    spacing: float = 300.0
    """Metres. The square has an area of spacing² for every cell."""
    min_distance: float = 35.0
    """Smallest distance between a user and a station, metres; smaller distances are set to it."""
    max_distance: float = 150.0
    """Largest distance between a user and its own station, metres."""
    shadowing_db: float = 8.0
    """Standard deviation of the shadowing, dB."""

    def __post_init__(self) -> None:
        if not (self.spacing > 0.0 and 0.0 < self.min_distance < self.max_distance):
            raise ValueError(
                f"spacing and min_distance must be positive and max_distance beyond min_distance; got {self.spacing}, {self.min_distance} "
                f"and {self.max_distance}. Give metres."
            )
        if not self.shadowing_db >= 0.0:
            raise ValueError(f"shadowing_db must not be negative; got {self.shadowing_db}. Give 0 for none.")

    def sample(self, generator: np.random.Generator) -> NetworkConfig:
        """Draw one network."""
        gains = self.path_gains(*self.drop(generator), generator).mean(axis=-1)
        network = self._network(gains)
        heard = network.nominal_budgets[:, None] / self.num_bands * gains >= 1.0
        return self._network(np.where(heard | np.eye(self.num_cells, dtype=bool), gains, 0.0))

    def drop(self, generator: np.random.Generator) -> tuple[Float[np.ndarray, "cell xy"], Float[np.ndarray, "cell user xy"]]:
        """Positions of stations and users, in metres."""
        stations = generator.uniform(0.0, self.spacing * np.sqrt(self.num_cells), (self.num_cells, 2))
        shape = self.num_cells, self.num_users
        # uniform over the ring's area, hence over the square of the radius
        radius = np.sqrt(generator.uniform(self.min_distance**2, self.max_distance**2, shape))
        angle = generator.uniform(0.0, 2.0 * np.pi, shape)
        return stations, stations[:, None] + radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)

    def path_gains(
        self, stations: Float[np.ndarray, "cell xy"], users: Float[np.ndarray, "cell user xy"], generator: np.random.Generator
    ) -> Float[np.ndarray, "tx_cell rx_cell user"]:
        """Mean gain from every station to every user, linear, with a new draw of the shadowing."""
        distance = np.linalg.norm(stations[:, None, None] - users, axis=-1).clip(min=self.min_distance)
        shadowing = generator.normal(0.0, self.shadowing_db, distance.shape)
        return 10.0 ** ((shadowing - 128.1 - 37.6 * np.log10(distance / 1000.0)) / 10.0)

    def _network(self, gains: Float[np.ndarray, "tx_cell rx_cell"]) -> NetworkConfig:
        return NetworkConfig(
            num_cells=self.num_cells,
            num_users=self.num_users,
            num_antennas=2 * self.num_users,
            num_bands=self.num_bands,
            mean_gains=_as_tuples(gains),
        )


def _check_range(name: str, limits: tuple[float, float]) -> None:
    lowest, highest = limits
    if not lowest <= highest:
        raise ValueError(f"{name} must be the lowest and the highest value, in this order; got {limits}. Swap them.")


def _as_tuples(gains: np.ndarray) -> Any:
    return cast(Any, tuple(map(tuple, gains.tolist())))


SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        "mixture": Mixture(),
        "paper": Mixture(num_cells=(3,), num_users=(4,), num_bands=(6,), num_iterations=(5,), sir_db=(0.0, 0.0)),
        "any-sir": Mixture(num_cells=(3,), num_users=(4,), num_bands=(6,), num_iterations=(5,), sir_db=(0.0, 20.0)),
        "many-users": Mixture(num_cells=(3,), num_users=(16,), num_bands=(6,), num_iterations=(5,), sir_db=(0.0, 20.0)),
        "unequal-load": UnequalLoad(),
        "asymmetric": AsymmetricInterference(),
        "irregular-7": IrregularDeployment(num_cells=7),
        "irregular-12": IrregularDeployment(num_cells=12),
        "hex-57": HexagonalDeployment(),
        "irregular-57": IrregularDeployment(num_cells=57),
        "irregular-133": IrregularDeployment(num_cells=133),
    }
)
"""Scenarios by their names on the command line."""
LARGE: tuple[str, ...] = ("hex-57", "irregular-57", "irregular-133")
"""Scenarios with so many cells that references take seconds per block. They are not part of "all"."""


UNSEEN: Mapping[str, NetworkConfig] = MappingProxyType(
    {
        "large": NetworkConfig(num_cells=5, num_antennas=64, num_users=24, num_bands=15),
        "small": NetworkConfig(num_cells=2, num_antennas=4, num_users=2, num_bands=4),
        "odd-sizes": NetworkConfig(num_antennas=6, num_users=5, num_bands=8, sir_db=1.0),
        "six-cells": NetworkConfig(num_cells=6, num_bands=12),
        "unequal-users": NetworkConfig(num_antennas=16, num_users=(2, 4, 8)),
        "between": NetworkConfig(num_antennas=12, num_users=6, num_bands=9, sir_db=5.0, num_iterations=3),
    }
)
"""Networks that `Mixture` never draws, to evaluate an actor that was trained on it."""
PAPER_SETTINGS: Mapping[str, NetworkConfig] = MappingProxyType(
    {
        f"paper-{antennas}x{users}-F{bands}-{sir_db}dB": NetworkConfig(
            num_antennas=antennas, num_users=users, num_bands=bands, sir_db=sir_db
        )
        for antennas, users in ((8, 4), (32, 16))
        for bands in (6, 12)
        for sir_db in (0, 3)
    }
)
"""The settings of the paper's figure 9."""


def scenario_named(name: str) -> Scenario:
    """One of `SCENARIOS`.

    Raises:
        ValueError: there is no such scenario.
    """
    if name not in SCENARIOS:
        raise ValueError(f"scenarios must be one of {', '.join(SCENARIOS)}; got {name!r}. Choose one of them.")
    return SCENARIOS[name]


def draw_networks(scenario: Scenario, num_networks: int, seed: int) -> list[NetworkConfig]:
    """Draw networks of a scenario. Network i does not depend on `num_networks`.

    Args:
        scenario: The distribution.
        num_networks: Number of networks.
        seed: Seed of the draws.

    Raises:
        ValueError: `num_networks` is below 1.
    """
    if num_networks < 1:
        raise ValueError(f"num_networks must be at least 1; got {num_networks}. Give a positive whole number.")
    return [scenario.sample(generator(seed, NETWORKS, index=index)) for index in range(num_networks)]


class Places(NamedTuple):
    """Positions of the stations and users of a network, in metres."""

    stations: Float[np.ndarray, "cell xy"]
    """Positions of the stations."""
    users: Float[np.ndarray, "cell user xy"]
    """Positions of each cell's users."""


def draw_places(scenario: Scenario, index: int, seed: int) -> Places | None:
    """Positions in network `index` of `draw_networks`; None for a scenario that draws gains without positions.

    Args:
        scenario: The distribution of the network.
        index: Index among the networks of the seed.
        seed: Seed of the draws.
    """
    if not isinstance(scenario, IrregularDeployment | HexagonalDeployment):
        return None
    # A network's positions are drawn before its shadowing.
    return Places(*scenario.drop(generator(seed, NETWORKS, index=index)))
