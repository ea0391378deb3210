"""Draw docs/pictures/td3mix_architecture.png: what TD3-MIX is made of, what is local, and what only training sees.

python docs/pictures/draw_architecture.py
"""

import sys
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

# Okabe and Ito's blue, green and orange as tints; the shape and the line say the same once more.
LOCAL = {"facecolor": "#CCE3F0", "edgecolor": "#0072B2", "linewidth": 2.2, "boxstyle": "round,pad=0,rounding_size=1.4"}
GAME = {"facecolor": "#CCECE3", "edgecolor": "#009E73", "linewidth": 2.2, "boxstyle": "square,pad=0"}
TRAINING = {"facecolor": "#FBE7C4", "edgecolor": "#B87700", "linewidth": 2.2, "linestyle": (0, (4, 2)), "boxstyle": "square,pad=0"}
INK, GREY = "#000000", "#555555"
WIDTH, HEIGHT = 100.0, 82.0


def box(axes: Any, x: float, y: float, width: float, height: float, text: str, style: dict[str, Any], size: float = 12.5) -> None:
    """A box with its lower left corner at x, y."""
    axes.add_patch(FancyBboxPatch((x, y), width, height, **style))
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=size, linespacing=1.25)


def arrow(axes: Any, start: tuple[float, float], end: tuple[float, float], colour: str = INK, bend: str = "arc3,rad=0", **style: Any) -> None:
    """An arrow between two points."""
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=16, linewidth=1.7, color=colour, connectionstyle=bend, **style)
    )


def label(axes: Any, x: float, y: float, text: str, **style: Any) -> None:
    """Words beside an arrow."""
    axes.text(x, y, text, **{"ha": "center", "va": "center", "fontsize": 11.5, **style})


def draw(axes: Any) -> None:
    """The whole picture on axes of 100 x 82."""
    columns = ((10.0, "0"), (27.5, "1"), (56.0, "B-1"))
    width = 15.0

    # Acting: one row a stage, one column a base station, everything up to the powers from local knowledge.
    for x, cell in columns:
        box(axes, x, 2.0, width, 6.5, f"own state $s_{{{cell}}}$", LOCAL)
        box(axes, x, 13.0, width, 8.0, "actor $\\mu$", LOCAL, 14)
        arrow(axes, (x + width / 2, 8.5), (x + width / 2, 13.0))
        arrow(axes, (x + width / 2, 21.0), (x + width / 2, 29.0))
        label(axes, x + width / 2 + 0.9, 24.6, f"$a_{{{cell}}}$", ha="left", fontsize=14)
    for y in (5.2, 17.0, 54.5):
        label(axes, 49.3, y, "· · ·", fontsize=20)
    label(axes, 49.3, 24.6, "opening\npowers", fontsize=10.5)
    box(axes, 8.0, 29.0, 65.0, 9.0, "k FLWF iterations: the game inside step()\nall users measure interference, then all move; nothing is sent", GAME)
    arrow(axes, (73.0, 33.5), (79.0, 33.5))
    box(axes, 79.0, 29.0, 19.5, 9.0, "rewards $r_b$:\nsum rate of cell b", GAME)
    label(axes, 88.7, 5.2, "BS measures its own\nchannels and users\nonly", fontsize=11)

    # Learning: the critics above, which nobody needs once the actor is trained.
    axes.add_patch(Rectangle((1.5, 43.0), 97.0, 38.0, facecolor="none", edgecolor=GREY, linewidth=1.2, linestyle=":"))
    for x, cell in columns:
        box(axes, x, 50.0, width, 9.0, f"twin critics\n$Q(s_{{{cell}}}, a_{{{cell}}})$", TRAINING)
    label(axes, 40.5, 46.3, "each critic reads the $s_b, a_b$ of its column; targets use $r_b$", fontsize=11, color=GREY)


def main(path: Path) -> None:
    """Draw and save."""
    figure = Figure(figsize=(10.0, 8.2), dpi=160)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0.0, WIDTH)
    axes.set_ylim(0.0, HEIGHT)
    axes.set_axis_off()
    draw(axes)
    FigureCanvasAgg(figure)
    figure.savefig(path)
    print(f"wrote {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("td3mix_architecture.png"))
