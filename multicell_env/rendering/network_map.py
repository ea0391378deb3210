"""The map of a network: where its cells and users are, and who interferes with whom."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from multicell_env.config import NetworkConfig
from multicell_env.scenarios import Places

Points = Float[np.ndarray, "point xy"]

FARTHEST_DB = 40.0
"""How far below the strongest link of a network one counts as at most, where cells are placed by their gains."""
DIAL = 0.46
"""Radius of a cell's dial, in spacings: the root of the map's area over the number of cells."""
STEPS = 200
"""Most steps of the two searches for places."""


@dataclass(frozen=True)
class NetworkMap:
    """Where everything of a network is drawn, in spacings of the map, and who hears whom."""

    cells: Float[np.ndarray, "cell xy"]
    users: Sequence[Points]
    """Of each cell."""
    interference_db: Float[np.ndarray, "tx_cell rx_cell"]
    """What a user hears of another cell's beam relative to its own, dB, where all powers are nominal; -inf where nothing."""

    @property
    def limits(self) -> tuple[Float[np.ndarray, " xy"], Float[np.ndarray, " xy"]]:
        """Lower left and upper right corner that hold all dials and users."""
        every = np.concatenate([self.cells - DIAL, self.cells + DIAL, *self.users])
        return every.min(axis=0) - 0.03, every.max(axis=0) + 0.03

    @property
    def lying(self) -> "NetworkMap":
        """The map with its longer side across; all distances stay."""
        low, high = self.limits
        width, height = high - low
        return self if width >= height else replace(self, cells=self.cells[:, ::-1], users=[users[:, ::-1] for users in self.users])


def map_of(config: NetworkConfig, places: Places | None = None) -> NetworkMap:
    """The map of a network. The same network has the same map.

    Args:
        config: The network.
        places: Where its stations and users stand, in any unit. Without, cells that interfere more are drawn nearer to one another, and
            users in a circle around their cell. Cells that are so near that their dials overlap are moved apart, with their users.
    """
    # p0 a is what is heard of a beam at nominal power, and p0 a_bb the SNR everywhere.
    gains = config.mean_gain_matrix
    with np.errstate(divide="ignore"):
        interference_db = 10.0 * np.log10(gains / np.diagonal(gains)[:, None])
    if places is None:
        stations = places_by_interference(interference_db)
        angles = [2.0 * np.pi * (np.arange(count) + 0.5) / count for count in config.users_per_cell]
        around = [1.12 * DIAL * np.stack([np.sin(angle), np.cos(angle)], axis=-1) for angle in angles]
    else:
        unit = _spacing(places.stations)
        stations = places.stations / unit
        around = [
            (users[:count] - station) / unit
            for users, station, count in zip(places.users, places.stations, config.users_per_cell, strict=True)
        ]
    cells = moved_apart(stations, 2.1 * DIAL)
    return NetworkMap(cells, [cell + users for cell, users in zip(cells, around, strict=True)], interference_db)


def places_by_interference(interference_db: Float[np.ndarray, "tx_cell rx_cell"]) -> Float[np.ndarray, "cell xy"]:
    """Places of cells, in spacings, whose distances follow how little they interfere, in dB, in the louder direction.

    A pair's distance is its decibels below the loudest pair, within `FARTHEST_DB`, and half of that more. Places minimise the squared
    differences from these distances, by majorisation from a circle and from classical multidimensional scaling, whichever ends better.

    Source: I. Borg and P. Groenen, "Modern Multidimensional Scaling", Springer 2005, chapters 8 and 12.
    """
    num_cells = len(interference_db)
    if num_cells == 1:
        return np.zeros((1, 2))
    off = ~np.eye(num_cells, dtype=bool)
    louder = np.maximum(interference_db, interference_db.T)
    below = (louder[off].max() - louder).clip(max=FARTHEST_DB) if np.isfinite(louder[off]).any() else np.zeros_like(louder)
    wanted = np.where(off, below + FARTHEST_DB / 2.0, 0.0)
    angle = 2.0 * np.pi * np.arange(num_cells) / num_cells
    circle = wanted.mean() * np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    ends = [_majorised(start, wanted) for start in (circle, _classical(wanted))]
    best = min(ends, key=lambda places: round(_stress(places, wanted), 6))
    return best / _spacing(best)


def _classical(distances: Float[np.ndarray, "cell cell"]) -> Float[np.ndarray, "cell xy"]:
    """Classical multidimensional scaling."""
    centre = np.eye(len(distances)) - 1.0 / len(distances)
    values, vectors = np.linalg.eigh(-0.5 * centre @ distances**2 @ centre)
    axes = vectors[:, [-1, -2]]
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])  # an eigenvector's own sign is the library's choice
    return axes * signs * np.sqrt(values[[-1, -2]].clip(min=0.0))


def _majorised(places: Float[np.ndarray, "cell xy"], wanted: Float[np.ndarray, "cell cell"]) -> Float[np.ndarray, "cell xy"]:
    """Guttman transforms, each of which lowers the stress."""
    for _ in range(STEPS):
        distances = _distances(places)
        ratios = np.divide(wanted, distances, out=np.zeros_like(wanted), where=distances > 1e-9)
        places = (ratios.sum(axis=1)[:, None] * places - ratios @ places) / len(places)
    return places


def _stress(places: Float[np.ndarray, "cell xy"], wanted: Float[np.ndarray, "cell cell"]) -> float:
    return float(((_distances(places) - wanted) ** 2).sum() / (wanted**2).sum())


def _distances(places: Float[np.ndarray, "cell xy"]) -> Float[np.ndarray, "cell cell"]:
    return np.linalg.norm(places[:, None] - places, axis=-1)


def _spacing(places: Float[np.ndarray, "cell xy"]) -> float:
    """Root of the area of a square as large as the places reach, over their number; 1 where they are one point."""
    return float(np.ptp(places, axis=0).max() / max(np.sqrt(len(places)) - 0.5, 0.5)) or 1.0


def moved_apart(places: Float[np.ndarray, "cell xy"], least: float) -> Float[np.ndarray, "cell xy"]:
    """Places moved until every two are `least` apart or nearly so; far ones stay where they are."""
    places = places.copy()
    for _ in range(STEPS):
        offsets = places[:, None] - places
        distances = np.linalg.norm(offsets, axis=-1)
        short = np.triu(least - distances, 1)
        if short.max(initial=0.0) < 1e-3:
            break
        for one, other in np.argwhere(short > 0.0):
            distance = distances[one, other]
            away = offsets[one, other] / distance if distance > 0.0 else np.array([1.0, 0.0])
            places[one] += 0.5 * short[one, other] * away
            places[other] -= 0.5 * short[one, other] * away
    return places
