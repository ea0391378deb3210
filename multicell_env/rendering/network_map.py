"""The map of a network: positions of cells and users, and interference between cells."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from multicell_env.config import NetworkConfig
from multicell_env.scenarios import Places

Points = Float[np.ndarray, "point xy"]

FARTHEST_DB = 40.0
"""Range of link strengths, dB below the strongest one, that is used to place cells by their gains."""
DIAL = 0.46
"""Radius of a cell's symbol, in spacings. A spacing is the square root of the map's area over the number of cells."""
STEPS = 200
"""Most steps of the two searches for positions."""


@dataclass(frozen=True)
class NetworkMap:
    """Positions of a network's cells and users on the map, in spacings, and interference between cells."""

    cells: Float[np.ndarray, "cell xy"]
    """Positions of the cells."""
    users: Sequence[Points]
    """Positions of the users of each cell."""
    interference_db: Float[np.ndarray, "tx_cell rx_cell"]
    """Mean power that a user receives from another cell's beam over that of its own, dB, at nominal powers; -inf for none."""

    @property
    def limits(self) -> tuple[Float[np.ndarray, " xy"], Float[np.ndarray, " xy"]]:
        """Lower left and upper right corner of the area with all cells and users."""
        every = np.concatenate([self.cells - DIAL, self.cells + DIAL, *self.users])
        return every.min(axis=0) - 0.03, every.max(axis=0) + 0.03

    @property
    def lying(self) -> "NetworkMap":
        """The map rotated so that its longer side is horizontal."""
        low, high = self.limits
        width, height = high - low
        return self if width >= height else replace(self, cells=self.cells[:, ::-1], users=[users[:, ::-1] for users in self.users])


def map_of(config: NetworkConfig, places: Places | None = None) -> NetworkMap:
    """The map of a network. It is deterministic.

    Args:
        config: The network.
        places: Positions of stations and users, in any unit. Without them, cells that interfere more are drawn closer together, and users
            on a circle around their cell. Cells whose symbols would overlap are moved apart, with their users.
    """
    # p0 a is the mean power received from a beam at nominal power, and p0 a_bb is the SNR of every cell.
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
    """Positions of cells, in spacings, in which weaker interference, dB, means a larger distance (multidimensional scaling).

    A pair's distance is the level of its stronger direction in dB below the strongest pair, within `FARTHEST_DB`, plus half of that.
    Positions minimise the squared differences from these distances, by majorisation from a circle and from classical scaling; the better
    result is used.

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
    signs = np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])  # the sign of an eigenvector depends on the library
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
    """Square root of the area of the bounding square over the number of points; 1 if they coincide."""
    return float(np.ptp(places, axis=0).max() / max(np.sqrt(len(places)) - 0.5, 0.5)) or 1.0


def moved_apart(places: Float[np.ndarray, "cell xy"], least: float) -> Float[np.ndarray, "cell xy"]:
    """Positions moved so that all pairs are at least about `least` apart. Distant points do not move."""
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
