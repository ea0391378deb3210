"""Powers by cell and band, relative to a uniform allocation, as text and as coloured tiles."""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.colors import PowerNorm, to_hex, to_rgb
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from multicell_env.blocks import Blocks

BandPowers = Float[np.ndarray, "cell band"]
Rates = Float[np.ndarray, "slot cell"]

# Okabe and Ito's palette without black, which is for edges and text: distinguishable with common colour blindness.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
SHADES = " .:-=+*#%@"
# The square root makes one percent visible. All pictures have the same scale, so that they can be compared.
SCALE = PowerNorm(0.5, 0.0, 100.0, clip=True)
MOST_LABELS = 12
"""Most rows or columns with a label each, and most of both with numbers in the tiles."""


def as_text(powers: BandPowers, rates: Rates) -> str:
    """Powers and sum rates as text, with one row per cell and one column per band.

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
    """Transmit power of each cell in each band, relative to U p0, the power in a band when the budget is spread evenly."""
    powers = blocks.powers
    if blocks.restarts:  # the new slot has no powers yet: show those of the last slot
        begins = (
            (blocks.rounds == 0) & (blocks.slots_left > 0) & (blocks.slots_left < blocks.config.num_slots) & ~powers.any(axis=(1, 2, 3))
        )
        powers = np.where(begins[:, None, None, None], blocks.ended_powers, powers)
    return powers.sum(axis=-1) / (blocks.config.nominal_powers * blocks.config.users_per_cell)[:, None]


def owners(powers: BandPowers) -> list[tuple[int, int]]:
    """The (cell, band) pairs in which the cell owns the band: its relative power there exceeds the sum of all others'.

    Args:
        powers: As for `as_text`.
    """
    return [(int(cell), int(band)) for cell, band in np.argwhere(powers > 0.5 * powers.sum(axis=0))]


def band_colours(num_bands: int) -> list[str]:
    """A colour for every band, from the palette of Okabe and Ito, or for many bands shades from dark to light."""
    if num_bands <= len(PALETTE):
        return list(PALETTE[:num_bands])
    return [to_hex(colour) for colour in colormaps["viridis"](np.linspace(0.0, 0.95, num_bands))]


def ink_on(colour: ArrayLike) -> str:
    """Black or white, whichever has more contrast with a colour.

    Args:
        colour: Red, green and blue in [0, 1].
    """
    return "#FFFFFF" if np.dot(colour, (0.299, 0.587, 0.114)) < 0.5 else "#000000"


def draw_powers(panel: Any, powers: BandPowers, *, size: float = 11.0) -> None:
    """Draw tiles of cells and bands. More power is a deeper colour, and a frame marks that the cell owns the band.

    If there is room, tiles have the power in percent of the cell's slot budget. Below each column is the number of the band, on its
    colour in maps.

    Args:
        panel: Axes to draw on.
        powers: As for `as_text`.
        size: Font size, points.
    """
    num_cells, num_bands = powers.shape
    percent = 100.0 * powers / num_bands
    full = np.array([to_rgb(colour) for colour in band_colours(num_bands)])
    depth = np.asarray(SCALE(percent))[..., None]
    tiles = 1.0 - depth * (1.0 - full)
    panel.imshow(tiles, aspect="auto", interpolation="nearest")
    for edge in range(1, num_bands):
        panel.axvline(edge - 0.5, color="#DDDDDD", linewidth=0.6)
    for edge in range(1, num_cells):
        panel.axhline(edge - 0.5, color="#DDDDDD", linewidth=0.6)
    for cell, band in owners(powers):
        panel.add_patch(Rectangle((band - 0.46, cell - 0.45), 0.92, 0.9, fill=False, linewidth=1.8, edgecolor="#000000"))
    if max(num_bands, num_cells) <= MOST_LABELS:
        shown = size if max(num_bands, num_cells) <= 7 else 0.75 * size
        for (cell, band), number in np.ndenumerate(percent):
            if number >= 0.5:
                ink = ink_on(tiles[cell, band])
                panel.text(band, cell, f"{number:.0f}", ha="center", va="center_baseline", fontsize=shown, color=ink)
    rows, columns = (range(0, count, -(-count // MOST_LABELS)) for count in (num_cells, num_bands))
    panel.set_yticks(rows, [f"bs_{cell}" for cell in rows], fontsize=size if num_cells <= 7 else 0.85 * size)
    panel.set_xticks(columns, [str(band) for band in columns], fontsize=size)
    for band, label in zip(columns, panel.get_xticklabels(), strict=True):
        label.set(color=ink_on(full[band]), bbox={"boxstyle": "round,pad=0.25", "facecolor": full[band], "edgecolor": "none"})
    panel.tick_params(length=0, pad=5)
    panel.set_xlabel("band", fontsize=size)
