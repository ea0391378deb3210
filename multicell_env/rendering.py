"""Pictures of a block: who transmits where, and the sum rate per slot so far."""

import os
import sys
import warnings
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from multicell_env.blocks import Blocks

try:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm, to_rgb
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"render() draws with matplotlib; got none ({error}). Install it: pip install 'multicell-env[plots]'.", name=error.name
    ) from error

BandPowers = Float[np.ndarray, "cell band"]
Rates = Float[np.ndarray, "slot cell"]

# Okabe and Ito's palette without black, which is the average's: told apart with every common colour blindness.
CELL_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
MARKERS = "os^Dvp*"
SHADES = " .:-=+*#%@"
# The square root lets a leak of one percent be seen; one scale for all pictures lets them be compared.
SCALE = PowerNorm(0.5, 0.0, 100.0, clip=True)


def as_text(powers: BandPowers, rates: Rates) -> str:
    """The picture as text: one row a cell, one column a band.

    Args:
        powers: From `relative_powers`, of one block.
        rates: Sum rate of each cell in each slot so far, bit/s/Hz.
    """
    num_bands = powers.shape[1]
    deepest = max(float(powers.max()), 1e-12)
    lines = [f"power relative to an even spread ('{SHADES[-1]}' = {deepest:.2f}), bands 0 to {num_bands - 1}"]
    for cell, row in enumerate(powers):
        shades = "".join(SHADES[round(float(power) / deepest * (len(SHADES) - 1))] for power in row)
        rate = f"{rates[-1, cell]:8.2f} bit/s/Hz" if len(rates) else ""
        lines.append(f"bs_{cell:<3d} |{shades}| {rate}".rstrip())
    trend = " ".join(f"{mean:.1f}" for mean in rates.mean(axis=1)) if len(rates) else "no slot played yet"
    lines.append(f"average cell capacity per slot [bit/s/Hz]: {trend}")
    return "\n".join(lines)


def relative_powers(blocks: Blocks) -> Float[np.ndarray, "block cell band"]:
    """Transmit power of each cell in each band, relative to U p0: what the cell spends in a band if it spreads its budget evenly."""
    powers = blocks.powers
    if blocks.restarts:  # a slot begins without powers: the one before it is what there is to see
        begins = (
            (blocks.rounds == 0) & (blocks.slots_left > 0) & (blocks.slots_left < blocks.config.num_slots) & ~powers.any(axis=(1, 2, 3))
        )
        powers = np.where(begins[:, None, None, None], blocks.ended_powers, powers)
    return powers.sum(axis=-1) / (blocks.config.nominal_powers * blocks.config.users_per_cell)[:, None]


def owners(powers: BandPowers) -> list[tuple[int, int]]:
    """The (cell, band) pairs in which the cell owns the band: it spends more of its budget there than all others together of theirs.

    Args:
        powers: As for `as_text`.
    """
    return [(int(cell), int(band)) for cell, band in np.argwhere(powers > 0.5 * powers.sum(axis=0))]


def draw_powers(panel: Any, powers: BandPowers) -> ScalarMappable:
    """Tiles of cells and bands: the more power, the deeper the cell's colour; a frame where the cell owns the band.

    The power stands in the tile, in percent of the cell's slot budget, where there is room for it.

    Args:
        panel: Axes to draw on.
        powers: As for `as_text`.

    Returns:
        What a colour bar needs.
    """
    num_cells, num_bands = powers.shape
    percent = 100.0 * powers / num_bands
    own_colours = num_cells <= len(CELL_COLOURS)
    full = np.array([to_rgb(CELL_COLOURS[cell] if own_colours else CELL_COLOURS[0]) for cell in range(num_cells)])
    depth = np.asarray(SCALE(percent))[..., None]
    tiles = 1.0 - depth * (1.0 - full[:, None])
    panel.imshow(tiles, aspect="auto", interpolation="nearest")
    for edge in range(1, num_bands):
        panel.axvline(edge - 0.5, color="#DDDDDD", linewidth=0.6)
    for edge in range(1, num_cells):
        panel.axhline(edge - 0.5, color="#DDDDDD", linewidth=0.6)
    for cell, band in owners(powers):
        panel.add_patch(Rectangle((band - 0.47, cell - 0.46), 0.94, 0.92, fill=False, linewidth=1.6, edgecolor="#000000"))
    is_small = num_bands <= 8 and num_cells <= 7
    if num_bands <= 16 and num_cells <= 12:
        size = 9.0 if is_small else 7.0
        for (cell, band), number in np.ndenumerate(percent):
            if number >= 0.5:
                dark = tiles[cell, band] @ (0.299, 0.587, 0.114) < 0.5
                panel.text(band, cell, f"{number:.0f}", ha="center", va="center", fontsize=size, color="#FFFFFF" if dark else "#000000")
    every = -(-num_cells // 12)
    panel.set_yticks(
        range(0, num_cells, every), [f"bs_{cell}" for cell in range(0, num_cells, every)], fontsize="medium" if is_small else "small"
    )
    panel.set_xticks(range(0, num_bands, -(-num_bands // 16)))
    panel.tick_params(length=0)
    panel.set_xlabel("band")
    deepest = "#404040" if own_colours else CELL_COLOURS[0]
    return ScalarMappable(SCALE, LinearSegmentedColormap.from_list("power", ["#FFFFFF", deepest]))


def draw(figure: Figure, powers: BandPowers, rates: Rates, num_slots: int) -> None:
    """Draw a block on an empty figure.

    Args:
        figure: Where to draw.
        powers: As for `as_text`.
        rates: As for `as_text`.
        num_slots: Slots of the whole block, the width of the lower plot.
    """
    num_cells = len(powers)
    upper, lower = figure.subplots(2, 1, height_ratios=(1.0 if num_cells <= len(CELL_COLOURS) else 1.6, 1.0))
    scale = draw_powers(upper, powers)
    bar = figure.colorbar(scale, ax=upper, pad=0.01, ticks=[0, 5, 25, 50, 100])
    bar.set_label("% of slot budget")
    upper.set_title("Power per cell and band; framed: more than all other cells together", fontsize="medium")

    slots = np.arange(1, len(rates) + 1)
    if num_cells <= len(CELL_COLOURS):
        for cell in range(num_cells):
            lower.plot(slots, rates[:, cell], marker=MARKERS[cell], color=CELL_COLOURS[cell], label=f"bs_{cell}", markersize=5)
    else:  # more lines than the eye can tell apart
        lower.fill_between(slots, rates.min(axis=1), rates.max(axis=1), color=CELL_COLOURS[0], alpha=0.3, label="worst to best cell")
    lower.plot(slots, rates.mean(axis=1), "k--", marker="_", markersize=9, label="average")
    lower.set_xlim(0.5, num_slots + 0.5)
    lower.set_ylim(0.0, max(1.0, 1.1 * float(rates.max(initial=0.0))))
    lower.set_xticks(range(1, num_slots + 1, -(-num_slots // 12)))
    lower.grid(alpha=0.3)
    lower.set_xlabel("slot")
    lower.set_ylabel("sum rate [bit/s/Hz]")
    lower.legend(
        loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=8, handlelength=1.6, columnspacing=1.0, fontsize="small", frameon=False
    )
    played = f"average cell capacity {rates[-1].mean():.1f} bit/s/Hz" if len(rates) else "nobody has transmitted yet"
    figure.suptitle(f"Slot {len(rates)} of {num_slots}: {played}")


def as_image(powers: BandPowers, rates: Rates, num_slots: int) -> UInt8[np.ndarray, "height width 3"]:
    """The picture as an RGB array. Arguments as for `draw`."""
    figure = Figure(figsize=(6.4, 4.8), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    draw(figure, powers, rates, num_slots)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


class Window:
    """The picture in a window, redrawn at every call; where there is no screen, one warning and then nothing."""

    def __init__(self) -> None:
        self._figure = None
        if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            warnings.warn(
                "render_mode='human' needs a screen, and this machine shows none. Use 'rgb_array' or 'ansi'.",
                stacklevel=2,
            )
            return
        from matplotlib import pyplot

        self._pyplot = pyplot
        self._figure = pyplot.figure(figsize=(6.4, 4.8), layout="constrained")
        pyplot.ion()

    def show(self, powers: BandPowers, rates: Rates, num_slots: int) -> None:
        """Redraw. Arguments as for `draw`."""
        if self._figure is None:
            return
        self._figure.clear()
        draw(self._figure, powers, rates, num_slots)
        self._figure.show()
        self._pyplot.pause(0.001)

    def close(self) -> None:
        """Close the window."""
        if self._figure is not None:
            self._pyplot.close(self._figure)
            self._figure = None
