"""Animations of negotiations, one frame per FLWF iteration: the map, powers by cell and band, and the capacity."""

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
"""Colours and line styles, different from the colours of bands."""
TEXT = 12.0
"""Font size in points, legible at half the picture's width."""
OPENING_MS, ITERATION_MS, END_MS = 2000, 500, 5000
"""Durations of the first frame, of each iteration and of the last frame."""


@dataclass(frozen=True)
class Negotiation:
    """Powers and capacities after k = 0, 1, 2, ... iterations of a slot; k = 0 are the initial powers."""

    powers: Float[np.ndarray, "iteration block cell band"]
    """Relative powers, as from `rendering.relative_powers`."""
    capacities: Float[np.ndarray, "iteration block"]
    """Average cell capacity, bit/s/Hz."""


def follow(blocks: Blocks, opening: Fractions, num_iterations: int) -> Negotiation:
    """Record a negotiation iteration by iteration, equal to `step()` with k = 0, 1, ..., `num_iterations` bit for bit.

    Args:
        blocks: Blocks to play. Afterwards they are in the state after the slot with the largest k.
        opening: Initial powers as fractions of each user's slot budget.
        num_iterations: The largest k.
    """
    powers, capacities = [], []
    for k in range(num_iterations + 1):
        blocks.restart()
        rates = blocks.play_slot(opening, num_iterations=k)
        powers.append(relative_powers(blocks))
        capacities.append(rates.mean(axis=-1, dtype=np.float64))
    return Negotiation(np.stack(powers), np.stack(capacities))


def draw_iteration(figure: Figure, network: NetworkMap, negotiations: Mapping[str, Negotiation], bound: float, iteration: int) -> None:
    """Draw one iteration of several negotiations on the same channels: a row for each with map and powers, capacities below.

    Args:
        figure: An empty figure.
        network: The network's map.
        negotiations: Negotiations by the names of their starts, at most three. The first block of each is drawn; with several blocks,
            their mean is a thin line.
        bound: The assignment bound on the same block, bit/s/Hz.
        iteration: The iteration, at which the curves end.
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
    """One frame per iteration, 700 pixels wide. Arguments as for `draw_iteration`."""
    for iteration in range(max(len(negotiation.capacities) for negotiation in negotiations.values())):
        figure = Figure(figsize=(7.0, 3.6 + 2.2 * len(negotiations)), dpi=100, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        draw_iteration(figure, network, negotiations, bound, iteration)
        canvas.draw()
        yield Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())


def save_gif(pictures: list[Image.Image], path: str | os.PathLike[str]) -> None:
    """Write frames as a looping GIF, which pauses at the first frame and longer at the last.

    Args:
        pictures: At least two, from `frames`.
        path: GIF file to write.
    """
    # One palette for all frames, so that colours do not flicker. Dithering would make files three times as large.
    palette = Image.fromarray(np.concatenate([np.asarray(picture) for picture in pictures])).quantize()
    first, *others = (picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures)
    durations = [OPENING_MS, *[ITERATION_MS] * (len(others) - 1), END_MS]
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0, optimize=True)
