"""A negotiation in slow motion: power per cell and band and the capacity, FLWF iteration by iteration, as an animated GIF."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from multicell_env.blocks import Blocks
from multicell_env.rendering import draw_powers, relative_powers

Fractions = Float[np.ndarray, "block cell band user"]

# The first cells have blue, orange and green; these are told apart from them and from one another by every eye.
CURVES = (("#D55E00", "-"), ("#7A3E9D", "-"), ("#666666", "-."))
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


def draw_iteration(figure: Figure, negotiations: Mapping[str, Negotiation], bound: float, iteration: int) -> None:
    """Draw one iteration of negotiations on the same channels on an empty figure: their powers side by side, their capacities below.

    Args:
        figure: Where to draw.
        negotiations: By the names of their openings, at most three. The first block of each is drawn; of several, their mean as a thin
            line, so that one sees how ordinary the first is.
        bound: The assignment bound on the same block, bit/s/Hz.
        iteration: Which iteration; the curves end there.
    """
    panels = figure.subplot_mosaic([[*negotiations], [bound] * len(negotiations)], height_ratios=(1.0, 1.15))
    lower = panels[bound]
    last = max(len(negotiation.capacities) for negotiation in negotiations.values()) - 1
    for (name, negotiation), (colour, dashes) in zip(negotiations.items(), CURVES, strict=False):
        panel, capacities = panels[name], negotiation.capacities[: iteration + 1, 0]
        draw_powers(panel, negotiation.powers[iteration, 0])
        panel.set_title(f"{name}: {capacities[-1]:.1f} bit/s/Hz", color=colour, fontweight="bold")
        lower.plot(range(iteration + 1), capacities, color=colour, linestyle=dashes, linewidth=2.2, label=name)
        lower.plot(iteration, capacities[-1], "o", color=colour, markersize=7)
        if negotiation.capacities.shape[1] > 1:
            lower.plot(negotiation.capacities.mean(axis=1), color=colour, linestyle=dashes, linewidth=0.9, alpha=0.7)
    lower.axhline(bound, color="#000000", linestyle="--", label="assignment bound of this block (channels of all)")
    lower.set_xlim(-0.02 * last, 1.02 * last)
    lower.set_ylim(0.0, 1.1 * max(bound, *(float(negotiation.capacities[:, 0].max()) for negotiation in negotiations.values())))
    lower.grid(alpha=0.3)
    lower.set_xlabel("FLWF iteration")
    lower.set_ylabel("average cell capacity\n[bit/s/Hz]")
    num_blocks = max(negotiation.capacities.shape[1] for negotiation in negotiations.values())
    thin = f"thin: mean over {num_blocks} blocks; thick: the block above" if num_blocks > 1 else None
    lower.legend(loc="lower right", title=thin, fontsize="medium", title_fontsize="medium")
    state = f"FLWF iteration {iteration} of {last}" if iteration else "Opening move, before the first FLWF iteration"
    figure.suptitle(
        f"{state}\npower per cell and band in % of the slot budget; framed: more than all other cells together", fontsize="medium"
    )


def frames(negotiations: Mapping[str, Negotiation], bound: float) -> Iterator[Image.Image]:
    """One picture an iteration, 800 x 580. Arguments as for `draw_iteration`."""
    for iteration in range(max(len(negotiation.capacities) for negotiation in negotiations.values())):
        figure = Figure(figsize=(8.0, 5.8), dpi=100, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        draw_iteration(figure, negotiations, bound, iteration)
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
