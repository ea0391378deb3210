"""A negotiation in slow motion, FLWF iteration by iteration, as an animated GIF: the map, power per cell and band, and the capacity."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from multicell_env.blocks import Blocks
from multicell_env.rendering.map_drawing import draw_map
from multicell_env.rendering.network_map import NetworkMap
from multicell_env.rendering.powers import draw_powers, relative_powers

Fractions = Float[np.ndarray, "block cell band user"]

CURVES = (("#000000", "-"), ("#6E6E6E", "--"), ("#9A9A9A", "-."))
"""Colours and dashes; colours of bands are none of these."""
TEXT = 12.0
"""Points; at half its width the picture is still read."""
OPENING_MS, ITERATION_MS, END_MS = 2000, 500, 5000
"""How long the opening move, every iteration and the last picture stand still."""


@dataclass(frozen=True)
class Negotiation:
    """What a slot comes to after k = 0, 1, 2, ... FLWF iterations; k = 0 is the opening move."""

    powers: Float[np.ndarray, "iteration block cell band"]
    """As from `rendering.relative_powers`."""
    capacities: Float[np.ndarray, "iteration block"]
    """Average cell capacity, bit/s/Hz."""


def follow(blocks: Blocks, opening: Fractions, num_iterations: int) -> Negotiation:
    """Follow a negotiation: what `step()` plays with k = 0, 1, ..., `num_iterations`, bit for bit.

    Args:
        blocks: Where to play; they are left after the longest slot.
        opening: Opening move as fractions of each user's slot budget.
        num_iterations: The last k.
    """
    powers, capacities = [], []
    for k in range(num_iterations + 1):
        blocks.restart()
        rates = blocks.play_slot(opening, num_iterations=k)
        powers.append(relative_powers(blocks))
        capacities.append(rates.mean(axis=-1, dtype=np.float64))
    return Negotiation(np.stack(powers), np.stack(capacities))


def draw_iteration(figure: Figure, network: NetworkMap, negotiations: Mapping[str, Negotiation], bound: float, iteration: int) -> None:
    """Draw one iteration of negotiations on the same channels on an empty figure: a row for each with map and powers, capacities below.

    Args:
        figure: Where to draw.
        network: The network's map.
        negotiations: By the names of their openings, at most three. The first block of each is drawn; of several, their mean as a thin
            line, so that one sees how ordinary the first is.
        bound: The assignment bound on the same block, bit/s/Hz.
        iteration: Which iteration; the curves end there.
    """
    heights = [1.0] * len(negotiations) + [1.25]
    panels = figure.subplot_mosaic(
        [*([f"{name}: map", name] for name in negotiations), ["", ""]], height_ratios=heights, width_ratios=(1.0, 1.5)
    )
    lower = panels[""]
    last = max(len(negotiation.capacities) for negotiation in negotiations.values()) - 1
    for (name, negotiation), (colour, dashes) in zip(negotiations.items(), CURVES, strict=False):
        panel, capacities = panels[name], negotiation.capacities[: iteration + 1, 0]
        draw_map(panels[f"{name}: map"], network, negotiation.powers[iteration, 0])
        draw_powers(panel, negotiation.powers[iteration, 0], size=TEXT)
        panel.set_title(f"{name}: {capacities[-1]:.1f} bit/s/Hz", loc="right", fontsize=TEXT, fontweight="bold")
        lower.plot(range(iteration + 1), capacities, color=colour, linestyle=dashes, linewidth=2.5, label=name)
        lower.plot(iteration, capacities[-1], "o", color=colour, markersize=8)
        if negotiation.capacities.shape[1] > 1:
            lower.plot(negotiation.capacities.mean(axis=1), color=colour, linestyle=dashes, linewidth=0.9, alpha=0.7)
    lower.axhline(bound, color="#0072B2", linestyle=":", linewidth=2.2, label="assignment bound")
    lower.set_xlim(-0.02 * last, 1.02 * last)
    lower.set_ylim(0.0, 1.1 * max(bound, *(float(negotiation.capacities[:, 0].max()) for negotiation in negotiations.values())))
    lower.grid(alpha=0.3)
    lower.tick_params(labelsize=TEXT)
    lower.set_xlabel("FLWF iteration", fontsize=TEXT)
    lower.set_ylabel("average cell capacity\n[bit/s/Hz]", fontsize=TEXT)
    num_blocks = max(negotiation.capacities.shape[1] for negotiation in negotiations.values())
    thin = f"thin: mean of {num_blocks} blocks" if num_blocks > 1 else None
    lower.legend(loc="lower right", title=thin, fontsize=TEXT, title_fontsize=TEXT)
    state = f"FLWF iteration {iteration} of {last}" if iteration else "Opening move, before the first FLWF iteration"
    figure.suptitle(f"{state}\nleft: a sector for every band; right: % of the slot budget", fontsize=TEXT)


def frames(network: NetworkMap, negotiations: Mapping[str, Negotiation], bound: float) -> Iterator[Image.Image]:
    """One picture an iteration, 700 pixels wide. Arguments as for `draw_iteration`."""
    for iteration in range(max(len(negotiation.capacities) for negotiation in negotiations.values())):
        figure = Figure(figsize=(7.0, 3.6 + 2.2 * len(negotiations)), dpi=100, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        draw_iteration(figure, network, negotiations, bound, iteration)
        canvas.draw()
        yield Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def save_gif(pictures: list[Image.Image], path: str | os.PathLike[str]) -> None:
    """Write pictures as a GIF that loops; it rests on the first and longer on the last.

    Args:
        pictures: At least two, from `frames`.
        path: GIF file to write.
    """
    # One palette for all, or colours flicker; without dithering, which makes dots of tints and files three times as large.
    palette = Image.fromarray(np.concatenate([np.asarray(picture) for picture in pictures])).quantize()
    first, *others = (picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures)
    durations = [OPENING_MS, *[ITERATION_MS] * (len(others) - 1), END_MS]
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0, optimize=True)
