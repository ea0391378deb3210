"""A block as a picture: the network's map, the power of every cell in every band, and the sum rate per slot so far."""

import os
import sys
import warnings
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from multicell_env.rendering.map_drawing import draw_map
from multicell_env.rendering.network_map import NetworkMap
from multicell_env.rendering.powers import BandPowers, Rates, draw_powers

SIZE = 7.0, 6.2
"""Size in inches, with 100 pixels per inch."""
TEXT = 11.0
"""Font size in points; it is legible at half the picture's width."""
MARKERS = "os^Dvp*"
"""Markers and shades of the cells' curves. The shades differ from the colours of bands."""
CELL_SHADES = ("#000000", "#5F5F5F", "#8F8F8F")


def draw(figure: Figure, network: NetworkMap, powers: BandPowers, rates: Rates, num_slots: int) -> None:
    """Draw a block on an empty figure.

    Args:
        figure: An empty figure.
        network: The network's map.
        powers: Relative powers, as for `as_text`.
        rates: Sum rates, bit/s/Hz, as for `as_text`.
        num_slots: Number of slots of the block, the width of the lower plot.
    """
    panels = figure.subplot_mosaic([["map", "bands"], ["rates", "rates"]], height_ratios=(1.3, 1.0))
    num_cells, lower = len(powers), panels["rates"]
    draw_map(panels["map"], network, powers)
    panels["map"].set_title("map: a sector for every band", fontsize=TEXT)
    draw_powers(panels["bands"], powers, size=TEXT)
    panels["bands"].set_title("power, % of the slot budget", fontsize=TEXT)

    slots = np.arange(1, len(rates) + 1)
    if num_cells <= len(MARKERS):
        for cell in range(num_cells):
            style: dict[str, Any] = {"marker": MARKERS[cell], "color": CELL_SHADES[cell % len(CELL_SHADES)]}
            lower.plot(slots, rates[:, cell], **style, label=f"bs_{cell}", markersize=6, linewidth=1.0)
    else:  # too many lines to distinguish
        lower.fill_between(slots, rates.min(axis=1), rates.max(axis=1), color=CELL_SHADES[-1], alpha=0.5, label="worst to best cell")
    lower.plot(slots, rates.mean(axis=1), "k--", linewidth=2.2, marker="_", markersize=10, label="average")
    lower.set_xlim(0.5, num_slots + 0.5)
    lower.set_ylim(0.0, max(1.0, 1.1 * float(rates.max(initial=0.0))))
    lower.set_xticks(range(1, num_slots + 1, -(-num_slots // 12)))
    lower.tick_params(labelsize=TEXT)
    lower.grid(alpha=0.3)
    lower.set_xlabel("slot", fontsize=TEXT)
    lower.set_ylabel("sum rate [bit/s/Hz]", fontsize=TEXT)
    beside: dict[str, Any] = {"handlelength": 1.6, "columnspacing": 1.0, "fontsize": TEXT, "frameon": False}
    lower.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=5 if num_cells <= 4 else 4, **beside)
    played = f"average cell capacity {rates[-1].mean():.1f} bit/s/Hz" if len(rates) else "nobody has transmitted yet"
    figure.suptitle(f"Slot {len(rates)} of {num_slots}: {played}", fontsize=1.15 * TEXT)


def as_image(network: NetworkMap, powers: BandPowers, rates: Rates, num_slots: int) -> UInt8[np.ndarray, "height width 3"]:
    """The picture as an RGB array. Arguments as for `draw`."""
    figure = Figure(figsize=SIZE, dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    draw(figure, network, powers, rates, num_slots)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


class Window:
    """A window with the picture. Without a screen it warns once and shows nothing."""

    def __init__(self) -> None:
        self._figure: Any = None
        if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            warnings.warn(
                "render_mode='human' needs a screen, and this machine shows none. Use 'rgb_array' or 'ansi'.",
                stacklevel=2,
            )
            return
        from matplotlib import pyplot

        self._pyplot = pyplot
        self._figure = pyplot.figure(figsize=SIZE, layout="constrained")
        pyplot.ion()

    def show(self, network: NetworkMap, powers: BandPowers, rates: Rates, num_slots: int) -> None:
        """Redraw the picture. Arguments as for `draw`."""
        if self._figure is None:
            return
        self._figure.clear()
        draw(self._figure, network, powers, rates, num_slots)
        self._figure.show()
        self._pyplot.pause(0.001)

    def close(self) -> None:
        """Close the window."""
        if self._figure is not None:
            self._pyplot.close(self._figure)
            self._figure = None
