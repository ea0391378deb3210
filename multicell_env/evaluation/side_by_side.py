"""Pictures of several negotiations on the same channels side by side: powers by band on the network's map, round by round."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from multicell_env.config import NetworkConfig
from multicell_env.evaluation.animation import Negotiation
from multicell_env.rendering.map_drawing import (
    FULL,
    LINK_COLOUR,
    LOUD_DB,
    QUIET_DB,
    draw_cells,
    draw_line,
    draw_links,
    draw_owners,
    draw_sector,
    draw_silence,
    line_width,
)
from multicell_env.rendering.network_map import DIAL, NetworkMap
from multicell_env.rendering.powers import band_colours

FIRST_ROUNDS = 3
"""First rounds of the first slot that are drawn, besides its last one."""
WIDTH, GAP, MARGIN, HEADING, FOOT = 2.15, 0.1, 0.25, 0.28, 0.24
"""Inches: width of a map, gap between maps, and space for names of rows, names of columns, and a capacity below a map."""
FLATTEST = 0.8
"""Smallest ratio of height to width of a map's area, which the legend needs."""


@dataclass(frozen=True)
class Moment:
    """A round to draw."""

    step: int
    """Index of the round in the block, from 0."""
    label: str
    """Name of its row."""


def moments_of(config: NetworkConfig) -> list[Moment]:
    """The first rounds of the first slot, its last one, and the last one of the last slot.

    Args:
        config: The network with the recorded rounds, from `in_rounds`.
    """
    rounds, slots = config.rounds_per_slot, config.num_slots
    shown = sorted({*range(min(FIRST_ROUNDS, rounds)), rounds - 1})
    moments = [Moment(step, f"slot 1, round {step + 1}") for step in shown]
    return moments + ([Moment(slots * rounds - 1, f"slot {slots}, round {rounds}")] if slots > 1 else [])


def side_by_side(
    name: str, network: NetworkMap, negotiations: Mapping[str, Negotiation], moments: Sequence[Moment], plan: Negotiation
) -> Figure:
    """Draw the map, the plan and a legend, and below them a column for every negotiation and a row for every moment.

    Args:
        name: Name of the network.
        network: The network's map.
        negotiations: Negotiations by name. The first block of each is drawn.
        moments: Rounds to draw.
        plan: The best plan from mean gains on the same block.
    """
    columns = max(3, len(negotiations))
    low, high = network.limits
    height = WIDTH * max(FLATTEST, float((high - low)[1] / (high - low)[0]))
    pitch = height + FOOT + GAP
    whole = MARGIN + columns * (WIDTH + GAP), (1 + len(moments)) * pitch + 2.0 * HEADING
    figure = Figure(figsize=whole, dpi=200)

    def bottom_of(row: int) -> float:
        return whole[1] - HEADING * (1 + min(row, 1)) - row * pitch - height

    def write(x: float, y: float, words: str, **style: Any) -> None:
        figure.text(x / whole[0], y / whole[1], words, ha="center", **style)

    def add_room(row: int, column: int, heading: str = "") -> tuple[Any, Any]:
        """Axes of a map and of the area below it."""
        left, bottom = MARGIN + column * (WIDTH + GAP), bottom_of(row)
        rooms = (left, bottom, WIDTH, height), (left, bottom - FOOT, WIDTH, FOOT)
        panel, foot = (figure.add_axes(tuple(np.divide(room, whole * 2).tolist())) for room in rooms)
        panel.set_axis_off()
        foot.set_axis_off()
        write(left + WIDTH / 2.0, bottom + height + 0.04, heading, va="bottom", fontsize=12.0, fontweight="bold")
        return panel, foot

    def add_round(row: int, column: int, negotiation: Negotiation, step: int, heading: str = "") -> None:
        panel, foot = add_room(row, column, heading)
        draw_links(panel, network)
        draw_owners(panel, network, negotiation.powers[step, 0])
        draw_capacity(foot, float(negotiation.capacities[step, 0]), planned, reach)

    planned = float(plan.capacities[0, 0])
    reach = max(planned, *(float(followed.capacities[moment.step, 0]) for followed in negotiations.values() for moment in moments))
    panel, _ = add_room(0, 0, name)
    draw_links(panel, network)
    draw_cells(panel, network)
    add_round(0, 1, plan, 0, "planned")
    draw_legend(add_room(0, 2)[0], plan.powers.shape[-1])
    for row, moment in enumerate(moments, 1):
        for column, (title, negotiation) in enumerate(negotiations.items()):
            add_round(row, column, negotiation, moment.step, title if row == 1 else "")
        write(0.5 * MARGIN, bottom_of(row) + height / 2.0, moment.label, va="center", rotation=90.0, fontsize=11.0)
    return figure


def save_picture(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as a PNG file with a reduced palette, a fifth of the full size.

    Args:
        figure: From `side_by_side`.
        path: PNG file to write.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
    picture.quantize(128, dither=Image.Dither.NONE).save(path, format="PNG", optimize=True)


def draw_capacity(foot: Any, capacity: float, planned: float, reach: float) -> None:
    """Draw a capacity as a number and a bar, with a line at the plan's capacity.

    Args:
        foot: Empty axes.
        capacity: Average cell capacity, bit/s/Hz.
        planned: The plan's capacity, bit/s/Hz.
        reach: Capacity of a bar of full length, bit/s/Hz.
    """
    foot.set(xlim=(0.0, 1.0), ylim=(0.0, 1.0))
    foot.text(0.22, 0.5, f"{capacity:.1f}", ha="right", va="center_baseline", fontsize=11.0)
    left, length = 0.26, 0.74
    foot.add_patch(Rectangle((left, 0.35), length, 0.3, facecolor="#E6E6E6"))
    foot.add_patch(Rectangle((left, 0.35), length * capacity / reach, 0.3, facecolor="#666666"))
    foot.plot([left + length * planned / reach] * 2, [0.15, 0.85], color="#000000", linewidth=1.8, clip_on=False)


def draw_legend(panel: Any, num_bands: int) -> None:
    """Draw the legend: the sector of each band, and the symbols of maps and bars.

    Args:
        panel: Empty axes of a map.
        num_bands: Number of bands.
    """
    panel.set(xlim=(0.0, 3.0), ylim=(0.0, 3.0 * FLATTEST), aspect="equal", anchor="N")
    beside = {"ha": "left", "va": "center_baseline", "fontsize": 11.0}
    centre, colours = np.array([0.65, 1.4]), band_colours(num_bands)
    for band in range(num_bands):
        draw_sector(panel, centre, band, colours, FULL)
        if band % -(-num_bands // 12) == 0:
            angle = 2.0 * np.pi * (band + 0.5) / num_bands
            number = centre + 1.38 * DIAL * np.array([np.sin(angle), np.cos(angle)])
            panel.text(*number, str(band), **{**beside, "ha": "center"})
    panel.text(centre[0], 2.27, "bands", **{**beside, "ha": "center"})
    draw_silence(panel, (1.85, 2.1))
    draw_sector(panel, (1.73, 1.5), 1, [LINK_COLOUR] * 4, 0.3 * FULL, is_owned=True)
    panel.plot([1.85, 1.85], [0.8, 1.1], color="#000000", linewidth=1.8)
    for height, meaning in ((2.1, "silent"), (1.4, "owner"), (0.95, "planned"), (0.45, f"{LOUD_DB:.0f} dB")):
        panel.text(2.25, height, meaning, **beside)
    draw_line(panel, (0.8, 0.45), (2.1, 0.45), line_width(QUIET_DB), line_width(LOUD_DB))
    panel.text(0.72, 0.45, f"{QUIET_DB:.0f}".replace("-", "\N{MINUS SIGN}"), **{**beside, "ha": "right"})
    panel.text(1.5, 0.0, "numbers: bit/s/Hz", **{**beside, "ha": "center"})
