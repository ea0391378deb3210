"""Draw docs/pictures/td3mix_architecture.png: what TD3-MIX is made of, what is local, and what only training sees.

python docs/pictures/draw_architecture.py
"""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

# Okabe and Ito's blue, green and orange as tints; corners and lines say the same once more.
LOCAL = {"facecolor": "#CCE3F0", "edgecolor": "#0072B2", "linewidth": 2.2, "boxstyle": "round,pad=0,rounding_size=2.2"}
GAME = {"facecolor": "#CCECE3", "edgecolor": "#009E73", "linewidth": 2.2, "boxstyle": "square,pad=0"}
TRAINING = {"facecolor": "#FBE7C4", "edgecolor": "#B87700", "linewidth": 2.2, "linestyle": (0, (4, 2)), "boxstyle": "square,pad=0"}
CELLS = ((7.0, "0"), (28.0, "1"), (54.0, "B-1"))
"""Where the base stations' columns begin, and their numbers."""
COLUMN, RIGHT = 18.0, 77.0
"""Width of a column, and where the right one begins."""


def box(axes: Any, corner: tuple[float, float], size: tuple[float, float], text: str, style: dict[str, Any], fontsize: float = 13) -> None:
    """A box with words."""
    axes.add_patch(FancyBboxPatch(corner, *size, **style))
    axes.text(corner[0] + size[0] / 2, corner[1] + size[1] / 2, text, ha="center", va="center", fontsize=fontsize, linespacing=1.3)


def path(axes: Any, *points: tuple[float, float], colour: str = "#000000") -> None:
    """A line through points that ends in an arrow."""
    for start, end in pairwise(points[:-1]):
        axes.plot(*zip(start, end, strict=True), color=colour, linewidth=1.8, solid_capstyle="round")
    style = {"arrowstyle": "-|>", "mutation_scale": 17, "linewidth": 1.8, "color": colour, "shrinkA": 0.0, "shrinkB": 1.0}
    axes.add_patch(FancyArrowPatch(points[-2], points[-1], **style))


def words(axes: Any, x: float, y: float, text: str, **style: Any) -> None:
    """Words outside of boxes."""
    axes.text(x, y, text, **{"ha": "center", "va": "center", "fontsize": 12.5, "linespacing": 1.3, **style})


def draw_acting(axes: Any) -> None:
    """The upper half: what runs in the network, from each base station's own state to the rewards."""
    words(axes, 6.0, 95.5, "Acting", ha="left", fontsize=15, fontweight="bold")
    for x, cell in CELLS:
        middle = x + COLUMN / 2
        box(axes, (x, 86.0), (COLUMN, 6.0), f"own state $s_{{{cell}}}$", LOCAL)
        path(axes, (middle, 86.0), (middle, 82.0))
        box(axes, (x, 75.0), (COLUMN, 7.0), "actor $\\mu$", LOCAL, 15)
        path(axes, (middle, 75.0), (middle, 68.5))
        words(axes, middle + 1.2, 72.0, f"$a_{{{cell}}}$", ha="left", fontsize=15)
    for y in (89.0, 78.5, 36.5):
        words(axes, 50.0, y, "· · ·", fontsize=20)
    words(axes, RIGHT + 10.7, 89.0, "own gains, interference\nthat own users measure,\nslot budget")
    words(axes, RIGHT + 10.7, 78.5, "one actor,\nshared by all cells")
    words(axes, RIGHT + 10.7, 71.8, "opening powers\n(plus noise in training)")
    game = "step(): k FLWF iterations\nall users measure interference, then all move; nothing is sent"
    box(axes, (CELLS[0][0], 60.0), (65.0, 8.5), game, GAME)
    path(axes, (72.0, 64.25), (RIGHT, 64.25))
    box(axes, (RIGHT, 60.0), (21.5, 8.5), "rewards $r_b$: sum rates\nnext states $s'_b$", GAME)


def draw_training(axes: Any) -> None:
    """The lower half: what learns, and is thrown away when the actor is trained."""
    axes.axhline(56.5, color="#777777", linewidth=1.2, linestyle=":")
    words(axes, 6.0, 54.0, "Training", ha="left", fontsize=15, fontweight="bold")
    box(
        axes, (18.0, 46.0), (54.0, 6.5), "replay buffer: $s_b,\\ a_b,\\ \\Sigma_b\\, r_b,\\ s'_b$, and the state $s$ of all cells", TRAINING
    )
    path(axes, (60.0, 60.0), (60.0, 52.5))
    words(axes, 61.2, 54.8, "$s_b,\\ a_b$", ha="left")
    words(axes, RIGHT + 4.2, 54.8, "$r_b,\\ s'_b$", ha="left")
    path(axes, (RIGHT + 3.0, 60.0), (RIGHT + 3.0, 50.5), (72.0, 50.5))
    for x, cell in CELLS:
        middle = x + COLUMN / 2
        path(axes, (max(middle, 20.0), 46.0), (max(middle, 20.0), 40.0))
        box(axes, (x, 33.0), (COLUMN, 7.0), f"$Q_{{1,2}}(s_{{{cell}}},\\ a_{{{cell}}})$", TRAINING, 14)
        path(axes, (middle, 33.0), (middle, 28.0))
    words(axes, RIGHT + 4.2, 37.0, "twin critics,\nshared by all cells", ha="left")
    mixer = "monotonic mixer (QMIX), one for each twin\n$Q_{tot} = |w_2|^T\\, \\mathrm{elu}(|W_1|\\, Q + b_1) + v$"
    box(axes, (CELLS[0][0], 19.0), (65.0, 9.0), mixer, TRAINING)
    box(axes, (RIGHT, 19.0), (21.5, 9.0), "hypernetworks write\n$W_1,\\ b_1,\\ w_2,\\ v$ from $s$", TRAINING)
    path(axes, (RIGHT, 23.5), (72.0, 23.5))
    path(axes, (72.0, 47.5), (RIGHT + 3.0, 47.5), (RIGHT + 3.0, 28.0))
    words(axes, RIGHT + 4.2, 45.5, "state $s$", ha="left")
    box(axes, (CELLS[0][0], 6.0), (22.0, 8.0), "$Q_{tot,1},\\ Q_{tot,2}$", TRAINING, 15)
    path(axes, (18.0, 19.0), (18.0, 14.0))
    targets = (
        "target $y = \\Sigma_b\\, r_b + \\gamma\\,\\min(Q'_{tot,1},\\ Q'_{tot,2})(s', a')$\nfrom slow copies of actor, critics and mixer"
    )
    box(axes, (45.0, 5.5), (53.5, 9.0), targets, TRAINING)
    path(axes, (45.0, 10.0), (29.0, 10.0), colour="#A03B00")
    words(axes, 37.0, 12.2, "both learn $y$", color="#A03B00")
    path(axes, (7.0, 10.0), (3.5, 10.0), (3.5, 78.5), (7.0, 78.5), colour="#A03B00")
    words(axes, 1.6, 36.0, "the actor climbs $Q_{tot,1}$", rotation=90, color="#A03B00")


def draw_key(axes: Any) -> None:
    """What colours and shapes mean."""
    for x, style, meaning in (
        (20.0, LOCAL, "local, in every BS"),
        (46.0, GAME, "environment"),
        (66.0, TRAINING, "only in training, sees all cells"),
    ):
        small = style | {"boxstyle": style["boxstyle"].replace("2.2", "0.8")}
        axes.add_patch(FancyBboxPatch((x, 96.2), 3.6, 2.2, **small))
        words(axes, x + 5.0, 97.3, meaning, ha="left", va="center")


def main(output: Path) -> None:
    """Draw and save."""
    figure = Figure(figsize=(10.0, 10.0), dpi=160)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0.0, 100.0)
    axes.set_ylim(3.0, 100.0)
    axes.set_axis_off()
    for draw in (draw_acting, draw_training, draw_key):
        draw(axes)
    figure.savefig(output)
    print(f"wrote {output}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("td3mix_architecture.png"))
