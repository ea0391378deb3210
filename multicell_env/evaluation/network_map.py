"""The map of a network: where its cells are, who interferes with whom, and who transmits in which band."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.patches import Circle, Polygon, Wedge

from multicell_env.config import NetworkConfig
from multicell_env.rendering import CELL_COLOURS, BandPowers, owners
from multicell_env.scenarios import Places

Points = Float[np.ndarray, "point xy"]

WEAKEST_DB, STRONGEST_DB = -25.0, 5.0
"""Interference that has the thinnest and the thickest line; what is weaker has none."""
THINNEST, THICKEST = 0.008, 0.12
"""Widths of these lines, spacings."""
FARTHEST_DB = 40.0
"""How far below the strongest link of a network one counts as at most, where cells are placed by their gains."""
FULL = 0.5
"""Share of its slot budget that fills a cell's sector of a band."""
SILENT = 0.005
"""Share of its slot budget below which a cell is drawn as silent."""
LINK_COLOUR, USER_COLOUR = "#C4C4C4", "#333333"
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


def band_colours(num_bands: int) -> list[str]:
    """A colour for every band: Okabe and Ito's where they suffice, and beyond them shades from dark to light."""
    if num_bands <= len(CELL_COLOURS):
        return list(CELL_COLOURS[:num_bands])
    return [to_hex(colour) for colour in colormaps["viridis"](np.linspace(0.0, 1.0, num_bands))]


def draw_links(panel: Any, network: NetworkMap) -> None:
    """Lines between cells that interfere, over the map's whole area: at each end as wide, by decibels, as the cell there hears the other.

    Args:
        panel: Axes to draw on.
        network: The map.
    """
    panel.set_aspect("equal")
    (left, bottom), (right, top) = network.limits
    panel.set(xlim=(left, right), ylim=(bottom, top))
    panel.set_axis_off()
    loudness = network.interference_db
    for one, other in np.argwhere(np.triu(np.maximum(loudness, loudness.T) >= WEAKEST_DB, 1)):
        widths = (line_width(float(loudness[sender, receiver])) for sender, receiver in ((other, one), (one, other)))
        draw_line(panel, network.cells[one], network.cells[other], *widths)


def draw_line(panel: Any, start: Any, end: Any, start_width: float, end_width: float) -> None:
    """A line whose width goes from one to the other, all in spacings."""
    along = np.subtract(end, start)
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9) / 2.0
    corners = [start + across * start_width, end + across * end_width, end - across * end_width, start - across * start_width]
    panel.add_patch(Polygon(corners, closed=True, facecolor=LINK_COLOUR, linewidth=0.0, zorder=1))


def line_width(interference_db: float) -> float:
    """Width of a line's end, spacings."""
    share = (interference_db - WEAKEST_DB) / (STRONGEST_DB - WEAKEST_DB)
    return THINNEST + (THICKEST - THINNEST) * min(max(share, 0.0), 1.0)


def draw_cells(panel: Any, network: NetworkMap) -> None:
    """Cells with the numbers of their agents, and their users as dots joined to them.

    Args:
        panel: Axes to draw on.
        network: The map.
    """
    room, (low, high) = panel.get_window_extent(), network.limits
    pixels = min(room.width / (high - low)[0], room.height / (high - low)[1])  # of a spacing
    size = min(10.0, 0.65 * DIAL * pixels * 72.0 / panel.figure.dpi)
    for index, (cell, users) in enumerate(zip(network.cells, network.users, strict=True)):
        for user in users:
            panel.plot(*zip(cell, user, strict=True), color=USER_COLOUR, linewidth=0.7, zorder=2)
        panel.plot(*users.T, "o", color=USER_COLOUR, markersize=0.3 * size, markeredgewidth=0.0, zorder=3)
        panel.add_patch(Circle(cell, 0.45 * DIAL, facecolor="#FFFFFF", edgecolor=USER_COLOUR, linewidth=1.0, zorder=4))
        panel.text(*cell, str(index), ha="center", va="center_baseline", fontsize=size, fontweight="bold", zorder=5)


def draw_owners(panel: Any, network: NetworkMap, powers: BandPowers) -> None:
    """A dial for every cell, with a sector for every band, clockwise from the top; its area is the share of the slot budget spent there.

    A sector that reaches the dial's rim has `FULL` of the budget or more. A band that a cell owns has a black edge. A silent cell is a
    dashed circle with a cross.

    Args:
        panel: Axes to draw on.
        network: The map.
        powers: As from `rendering.relative_powers`, of one block.
    """
    num_bands = powers.shape[1]
    colours, owned = band_colours(num_bands), set(owners(powers))
    for cell, (centre, shares) in enumerate(zip(network.cells, powers / num_bands, strict=True)):
        if shares.sum() < SILENT:
            draw_silence(panel, centre)
            continue
        panel.add_patch(Circle(centre, DIAL, facecolor="#FFFFFF", edgecolor="#AAAAAA", linewidth=0.7, zorder=4))
        for band, share in enumerate(shares):
            draw_sector(panel, centre, band, colours, share, is_owned=(cell, band) in owned)


def draw_silence(panel: Any, centre: Any) -> None:
    """The sign of a cell that transmits nothing."""
    line = {"edgecolor": "#777777", "linestyle": (0, (2, 1.5)), "linewidth": 1.0}
    panel.add_patch(Circle(centre, 0.6 * DIAL, facecolor="#FFFFFF", zorder=4, **line))
    for sign in (-1.0, 1.0):
        arm = 0.2 * DIAL * np.array([1.0, sign])
        panel.plot(*zip(centre - arm, centre + arm, strict=True), color="#777777", linewidth=1.0, zorder=5)


def draw_sector(panel: Any, centre: Any, band: int, colours: Sequence[str], share: float, *, is_owned: bool = False) -> None:
    """One band's sector of a dial, in which a cell spends this share of its slot budget."""
    width = 360.0 / len(colours)
    edge = {"edgecolor": "#000000", "linewidth": 1.0, "zorder": 6} if is_owned else {"edgecolor": "#FFFFFF", "linewidth": 0.3, "zorder": 5}
    radius = DIAL * float(np.sqrt(min(share / FULL, 1.0)))
    panel.add_patch(Wedge(centre, radius, 90.0 - (band + 1) * width, 90.0 - band * width, facecolor=colours[band], **edge))
