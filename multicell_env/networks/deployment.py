"""Deployments: hexagonal sites with sectors or random sites, users, path loss and shadowing."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float

Layout = Literal["hexagons", "random"]

BEAM_WIDTH = 65.0
"""Half-power beam width of a sector's antenna, degrees."""
MOST_ATTENUATION = 30.0
"""Largest attenuation of a sector's antenna, dB."""
FIRST_SECTOR = 30.0
"""Direction of a site's first sector, degrees from the x axis: towards a corner of its hexagon."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """Sites with one or three cells each, and users around them. Every user has its own path loss and shadowing to every site.

        gain = (max(d, d_min) / d_0)^-n 10^((X - A) / 10),   A = min(12 (angle / 65 degrees)^2, 30) dB of a sector, 0 otherwise
        X = s (sqrt(r) X_user + sqrt(1 - r) X_user,site),    both standard normal

    where d_0 is half the distance between sites, so that a user at d_0 in the direction of the antenna has a gain of 1 without shadowing.
    Users are uniform over the area of their serving cell. The area is the site's hexagon, or a third of it with three sectors; for random
    sites it is a disc of radius d_0, or a third of it. With `wraps` the layout is repeated on all sides (wrap-around), and a user receives
    the nearest copy of every site, so that there are no edge cells.

    Raises:
        ValueError: a field breaks its rule.

    Source: 3GPP TR 38.901 V16.1.0, table 7.3-1 for the antenna (its horizontal cut), and TR 36.814 V9.2.0, table A.2.1.1-2 for the default
    path loss, shadowing and distances (macro cells at 2 GHz).
    """

    layout: Layout = "hexagons"
    """hexagons: sites on a triangular lattice. random: uniform in a square of the area `spacing_m` squared for every site."""
    sectors: int = 1
    """Number of cells of a site, 1 or 3."""
    spacing_m: float = 500.0
    """Distance between neighbouring sites, m."""
    min_distance_m: float = 35.0
    """d_min, m. Smaller distances are set to it."""
    exponent: float = 3.76
    """n, path-loss exponent."""
    shadowing_db: float = 8.0
    """s, standard deviation of the shadowing, dB."""
    site_correlation: float = 0.5
    """r, correlation of a user's shadowing to two sites. Sectors of a site have the same shadowing."""
    wraps: bool = True
    """Whether the layout is repeated on all sides; hexagons need 1, 3, 4, 7, 9, 12, 13, 16, 19, ... (i^2 + ij + j^2) sites for it."""

    def __post_init__(self) -> None:
        if not isinstance(self.layout, str) or self.layout not in get_args(Layout):
            raise ValueError(f"layout must be 'hexagons' or 'random'; got {self.layout!r}. Choose one of the two.")
        if type(self.sectors) is not int or self.sectors not in (1, 3):
            raise ValueError(f"sectors must be 1 or 3; got {self.sectors!r}. Choose one of the two.")
        if not isinstance(self.wraps, bool):
            raise ValueError(f"wraps must be True or False; got {self.wraps!r}. Give one of the two.")
        for name in ("spacing_m", "min_distance_m", "exponent", "shadowing_db", "site_correlation"):
            value = getattr(self, name)
            is_number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
            if not is_number or value < 0 or (value == 0 and name in ("spacing_m", "min_distance_m")):
                least = "more than 0" if name in ("spacing_m", "min_distance_m") else "at least 0"
                raise ValueError(f"{name} must be a number of {least}; got {value!r}. Give such a number.")
        if self.site_correlation > 1:
            raise ValueError(f"site_correlation must be within [0, 1]; got {self.site_correlation!r}. Give 0 for independent sites.")

    def num_sites(self, num_cells: int) -> int:
        """Number of sites for `num_cells` cells.

        Raises:
            ValueError: the cells do not fill the sites, or wrap-around is impossible with this number of sites.
        """
        num_sites, left = divmod(num_cells, self.sectors)
        if left:
            raise ValueError(f"num_cells must be a multiple of 3 with three sectors; got {num_cells}. Give such a number, or sectors=1.")
        if self.wraps and self.layout == "hexagons" and _lattice_vector(num_sites) is None:
            raise ValueError(
                f"hexagons wrap around with 1, 3, 4, 7, 9, 12, 13, 16, 19, ... (i^2 + ij + j^2) sites; got {num_sites}. Give such a "
                "number of sites, or wraps=False."
            )
        return num_sites

    def drop(self, num_cells: int, num_users: int, generator: np.random.Generator) -> Float[np.ndarray, "tx_cell rx_cell user"]:
        """Mean gains of newly dropped users, linear.

        Args:
            num_cells: B, number of cells.
            num_users: U, users in every cell.
            generator: Random generator.

        Raises:
            ValueError: as from `num_sites`.
        """
        sites, copies = self.sites(self.num_sites(num_cells), generator)
        users = self.users(sites, num_users, generator)
        distance, angle = self.sight(sites, copies, users)
        shadowing = self.shadowing(len(sites), users.shape[:2], generator)
        gains_db = shadowing - 10.0 * self.exponent * np.log10(distance.clip(min=self.min_distance_m) / (self.spacing_m / 2.0))
        site = np.arange(num_cells) // self.sectors
        attenuation = 0.0
        if self.sectors > 1:
            off = np.mod(angle[site] - self.directions(num_cells)[:, None, None] + 180.0, 360.0) - 180.0
            attenuation = np.minimum(12.0 * (off / BEAM_WIDTH) ** 2, MOST_ATTENUATION)
        return 10.0 ** ((gains_db[site] - attenuation) / 10.0)

    def directions(self, num_cells: int) -> Float[np.ndarray, " cell"]:
        """Direction from the site to the middle of each cell's area, degrees from the x axis."""
        return FIRST_SECTOR + 360.0 / self.sectors * (np.arange(num_cells) % self.sectors)

    def sites(self, num_sites: int, generator: np.random.Generator) -> tuple[Float[np.ndarray, "site xy"], Float[np.ndarray, "copy xy"]]:
        """Positions of the sites, m, and shifts of their copies, m, with a shift of 0."""
        if self.layout == "random":
            side = self.spacing_m * math.sqrt(num_sites)
            shifts = side * np.array([[x, y] for x in (0, -1, 1) for y in (0, -1, 1)])
            places = generator.uniform(0.0, side, (num_sites, 2))
        else:
            lattice, shifts = _hexagons(num_sites)
            basis = self.spacing_m * np.array([[1.0, 0.0], [0.5, math.sqrt(0.75)]])
            places, shifts = lattice @ basis, shifts @ basis
        return places, shifts if self.wraps else shifts[:1]

    def users(
        self, sites: Float[np.ndarray, "site xy"], num_users: int, generator: np.random.Generator
    ) -> Float[np.ndarray, "cell user xy"]:
        """Positions of users, m, uniform over the areas of their cells."""
        num_cells = len(sites) * self.sectors
        shape, around = (num_cells, num_users), np.radians(self.directions(num_cells))[:, None]
        first, second = generator.random((2, *shape))
        if self.layout == "random":
            angles = around + (2.0 * first - 1.0) * math.pi / self.sectors
            offsets = np.sqrt(second)[..., None] * self.spacing_m / 2.0 * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        else:
            # A hexagon is three rhombi, each between two of its corners that are 120 degrees apart, seen from its centre.
            turns = generator.integers(3, size=shape) if self.sectors == 1 else 0
            middle = around + turns * (2.0 * math.pi / 3.0)
            corners = [np.stack([np.cos(middle + side), np.sin(middle + side)], axis=-1) for side in (-math.pi / 3, math.pi / 3)]
            offsets = self.spacing_m / math.sqrt(3.0) * (first[..., None] * corners[0] + second[..., None] * corners[1])
        return np.repeat(sites, self.sectors, axis=0)[:, None] + offsets

    def sight(
        self, sites: Float[np.ndarray, "site xy"], copies: Float[np.ndarray, "copy xy"], users: Float[np.ndarray, "cell user xy"]
    ) -> tuple[Float[np.ndarray, "site cell user"], Float[np.ndarray, "site cell user"]]:
        """Distance, m, and direction, degrees from the x axis, from the nearest copy of every site to every user."""
        away = users - sites[:, None, None] + copies[:, None, None, None]
        distances = np.hypot(away[..., 0], away[..., 1])
        nearest = distances.argmin(axis=0)[None]
        x, y = (np.take_along_axis(away[..., axis], nearest, axis=0)[0] for axis in (0, 1))
        return np.take_along_axis(distances, nearest, axis=0)[0], np.degrees(np.arctan2(y, x))

    def shadowing(self, num_sites: int, users: tuple[int, int], generator: np.random.Generator) -> Float[np.ndarray, "site cell user"]:
        """X of every user to every site, dB."""
        common, own = generator.standard_normal(users), generator.standard_normal((num_sites, *users))
        return self.shadowing_db * (math.sqrt(self.site_correlation) * common + math.sqrt(1.0 - self.site_correlation) * own)


def _lattice_vector(num_sites: int) -> tuple[int, int] | None:
    """Numbers i >= j >= 0 with i^2 + ij + j^2 sites: a step along which the lattice of so many sites repeats."""
    for j in range(math.isqrt(num_sites) + 1):
        for i in range(j, math.isqrt(num_sites) + 1):
            if i * i + i * j + j * j == num_sites:
                return i, j
    return None


def _hexagons(num_sites: int) -> tuple[Float[np.ndarray, "site 2"], Float[np.ndarray, "copy 2"]]:
    """Sites by their numbers on a triangular lattice, nearest to the middle first, and the shifts of the six copies around them.

    Where the sites repeat, one of each class is taken, the nearest to the middle; otherwise those that are nearest.
    """
    reach = math.isqrt(num_sites) + 2
    numbers = np.array([(q, s) for q in range(-reach, reach + 1) for s in range(-reach, reach + 1)])
    q, s = numbers.T
    order = np.lexsort((np.round(np.arctan2(s * math.sqrt(0.75), q + s / 2.0), 6), q * q + q * s + s * s))
    vector = _lattice_vector(num_sites)
    if vector is None:
        return numbers[order[:num_sites]].astype(np.float64), np.zeros((1, 2))
    i, j = vector
    classes = np.stack([((i + j) * q + j * s) % num_sites, (i * s - j * q) % num_sites], axis=1)[order]
    _, first = np.unique(classes, axis=0, return_index=True)
    turns = [(i, j), (-j, i + j), (-i - j, i), (-i, -j), (j, -i - j), (i + j, -i)]
    return numbers[order[np.sort(first)]].astype(np.float64), np.array([(0, 0), *turns], np.float64)
