"""A network's map as a picture: interference as lines, users as dots, and who transmits in which band as sectors of dials."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon, Rectangle, Wedge
from matplotlib.patheffects import withStroke

from multicell_env.rendering.network_map import DIAL, NetworkMap
from multicell_env.rendering.powers import BandPowers, band_colours, ink_on, owners

WEAKEST_DB, STRONGEST_DB = -25.0, 5.0
"""Interference that has the thinnest and the thickest line; what is weaker has none."""
THINNEST, THICKEST = 0.008, 0.12
"""Widths of these lines, spacings."""
FULL = 0.5
"""Share of its slot budget that fills a cell's sector of a band."""
SILENT = 0.005
"""Share of its slot budget below which a cell is drawn as silent."""
LINK_COLOUR, USER_COLOUR = "#C4C4C4", "#333333"
SILENCE = {"edgecolor": "#777777", "linestyle": (0, (2, 1.5)), "linewidth": 1.0}
WIDTH, TITLE, LEGEND = 7.0, 0.36, 0.72
"""Of a picture that is a map alone, inches: its width, and the heights of what is above and below the map."""
LOWEST, HIGHEST = 2.4, 5.2
"""Heights of the map itself, inches."""
QUIET_DB, LOUD_DB = -20.0, 0.0
"""Interference at the two ends of the legend's line."""


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
    draw_users(panel, network)
    for index, cell in enumerate(network.cells):
        panel.add_patch(Circle(cell, 0.45 * DIAL, facecolor="#FFFFFF", edgecolor=USER_COLOUR, linewidth=1.0, zorder=4))
        panel.text(*cell, str(index), ha="center", va="center_baseline", fontsize=_size(panel, network), fontweight="bold", zorder=5)


def draw_users(panel: Any, network: NetworkMap) -> None:
    """Users as dots joined to their cells. Arguments as for `draw_cells`."""
    for cell, users in zip(network.cells, network.users, strict=True):
        for user in users:
            panel.plot(*zip(cell, user, strict=True), color=USER_COLOUR, linewidth=0.7, zorder=2)
        panel.plot(*users.T, "o", color=USER_COLOUR, markersize=0.3 * _size(panel, network), markeredgewidth=0.0, zorder=3)


def draw_map(panel: Any, network: NetworkMap, powers: BandPowers) -> None:
    """Everything of a network in one: interference, users, who transmits where, and the numbers of the agents in the middle of the dials.

    Args:
        panel: Axes to draw on.
        network: The map.
        powers: As for `draw_owners`.
    """
    draw_links(panel, network)
    draw_users(panel, network)
    draw_owners(panel, network, powers)
    halo = [withStroke(linewidth=2.5, foreground="#FFFFFF")]
    style = {"fontsize": _size(panel, network), "fontweight": "bold", "path_effects": halo, "zorder": 8}
    for index, cell in enumerate(network.cells):
        panel.text(*cell, str(index), ha="center", va="center_baseline", **style)


def _size(panel: Any, network: NetworkMap) -> float:
    """Of the numbers of cells, points: they fit into dials."""
    room, (low, high) = panel.get_window_extent(), network.limits
    pixels = min(room.width / (high - low)[0], room.height / (high - low)[1])  # of a spacing
    return min(14.0, 0.55 * DIAL * pixels * 72.0 / panel.figure.dpi)


def draw_owners(panel: Any, network: NetworkMap, powers: BandPowers) -> None:
    """A dial for every cell, with a sector for every band, clockwise from the top; its area is the share of the slot budget spent there.

    A sector that reaches the dial's rim has `FULL` of the budget or more. A band that a cell owns has a black edge. A silent cell is a
    dashed circle with a cross.

    Args:
        panel: Axes to draw on.
        network: The map.
        powers: As from `relative_powers`, of one block.
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
    panel.add_patch(Circle(centre, 0.6 * DIAL, facecolor="#FFFFFF", zorder=4, **SILENCE))
    for sign in (-1.0, 1.0):
        arm = 0.2 * DIAL * np.array([1.0, sign])
        panel.plot(*zip(centre - arm, centre + arm, strict=True), color="#777777", linewidth=1.0, zorder=5)


def draw_sector(panel: Any, centre: Any, band: int, colours: Sequence[str], share: float, *, is_owned: bool = False) -> None:
    """One band's sector of a dial, in which a cell spends this share of its slot budget."""
    width = 360.0 / len(colours)
    edge = {"edgecolor": "#000000", "linewidth": 1.0, "zorder": 6} if is_owned else {"edgecolor": "#FFFFFF", "linewidth": 0.3, "zorder": 5}
    radius = DIAL * float(np.sqrt(min(share / FULL, 1.0)))
    panel.add_patch(Wedge(centre, radius, 90.0 - (band + 1) * width, 90.0 - band * width, facecolor=colours[band], **edge))


def picture_of(network: NetworkMap, powers: BandPowers, title: str) -> Figure:
    """A picture of a network alone: its map, and below it what the signs are. It is still read at half its width.

    Args:
        network: The map.
        powers: As for `draw_owners`.
        title: What stands above it.
    """
    low, high = network.limits
    height = float(np.clip((WIDTH - 0.2) * (high - low)[1] / (high - low)[0], LOWEST, HIGHEST))
    whole = TITLE + height + LEGEND
    figure = Figure(figsize=(WIDTH, whole), dpi=100)
    figure.text(0.5, 1.0 - 0.5 * TITLE / whole, title, ha="center", va="center_baseline", fontsize=12.0, fontweight="bold")
    panel = figure.add_axes((0.1 / WIDTH, LEGEND / whole, 1.0 - 0.2 / WIDTH, height / whole))
    draw_map(panel, network, powers)
    draw_key(figure.add_axes((0.0, 0.0, 1.0, LEGEND / whole)), powers.shape[1])
    return figure


def draw_key(panel: Any, num_bands: int) -> None:
    """What the signs of a map are.

    Args:
        panel: Empty axes, `WIDTH` x `LEGEND` inches.
        num_bands: How many bands there are.
    """
    panel.set(xlim=(0.0, WIDTH), ylim=(0.0, LEGEND))
    panel.set_axis_off()
    beside = {"va": "center_baseline", "fontsize": 11.0}
    upper, lower, left, right = 0.52, 0.18, 1.3, WIDTH - 0.2
    panel.text(0.2, upper, "bands", **beside)
    width = min((right - left) / num_bands, 0.6)
    for band, colour in enumerate(band_colours(num_bands)):
        panel.add_patch(Rectangle((left + band * width, upper - 0.12), 0.9 * width, 0.24, facecolor=colour))
        if band % -(-num_bands // 12) == 0:
            place = left + (band + 0.45) * width
            panel.text(place, upper, str(band), ha="center", color=ink_on(to_rgb(colour)), **beside)
    panel.plot(0.3, lower, "o", color=USER_COLOUR, markersize=4.0, markeredgewidth=0.0)
    panel.text(0.42, lower, "user", **beside)
    panel.add_patch(Rectangle((1.3, lower - 0.1), 0.2, 0.2, facecolor="#FFFFFF", edgecolor="#000000", linewidth=1.2))
    panel.text(1.6, lower, "owner", **beside)
    panel.add_patch(Circle((2.6, lower), 0.11, facecolor="#FFFFFF", **SILENCE))
    panel.text(2.78, lower, "silent", **beside)
    draw_line(panel, (3.7, lower), (4.3, lower), 2.0 * line_width(QUIET_DB), 2.0 * line_width(LOUD_DB))
    heard = f"heard at {QUIET_DB:.0f} to {LOUD_DB:.0f} dB".replace("-", "\N{MINUS SIGN}")
    panel.text(4.42, lower, heard, **beside)
