"""Pictures of a block: who transmits where, and the sum rate per slot so far."""

import os
import sys
import warnings

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

BandPowers = Float[np.ndarray, "cell band"]
Rates = Float[np.ndarray, "slot cell"]

# Okabe and Ito's palette: told apart with every common colour blindness.
CELL_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000")
SHADES = " .:-=+*#%@"


def as_text(powers: BandPowers, rates: Rates) -> str:
    """The picture as text: one row a cell, one column a band.

    Args:
        powers: Transmit power of each cell in each band, relative to U p0 (what the cell spends in a band if it spreads evenly).
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


def draw(figure: Figure, powers: BandPowers, rates: Rates, num_slots: int) -> None:
    """Draw a block on an empty figure.

    Args:
        figure: Where to draw.
        powers: As for `as_text`.
        rates: As for `as_text`.
        num_slots: Slots of the whole block, the width of the lower plot.
    """
    num_cells, num_bands = powers.shape
    upper, lower = figure.subplots(2, 1)
    image = upper.imshow(powers, aspect="auto", cmap="cividis", vmin=0.0, vmax=max(float(powers.max()), 1.0))
    every = -(-num_cells // 12)
    upper.set_yticks(range(0, num_cells, every), [f"bs_{cell}" for cell in range(0, num_cells, every)])
    upper.set_xticks(range(0, num_bands, -(-num_bands // 16)))
    upper.set_xlabel("band")
    figure.colorbar(image, ax=upper, pad=0.01, label="power / even spread")

    slots = np.arange(1, len(rates) + 1)
    if num_cells <= len(CELL_COLOURS):
        for cell in range(num_cells):
            lower.plot(slots, rates[:, cell], "o-", color=CELL_COLOURS[cell], label=f"bs_{cell}", markersize=4)
    else:  # more lines than the eye can tell apart
        lower.fill_between(slots, rates.min(axis=1), rates.max(axis=1), color=CELL_COLOURS[0], alpha=0.3, label="all cells")
    lower.plot(slots, rates.mean(axis=1), "k--", label="average")
    lower.set_xlim(0.5, num_slots + 0.5)
    lower.set_ylim(0.0, max(1.0, 1.1 * float(rates.max(initial=0.0))))
    lower.xaxis.get_major_locator().set_params(integer=True)
    lower.set_xlabel("slot")
    lower.set_ylabel("sum rate [bit/s/Hz]")
    lower.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=5, fontsize="small", frameon=False)


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
