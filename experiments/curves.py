"""Pictures of the paper's figures: every method against what is swept, or iteration by iteration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from experiments.figure_files import shown
from experiments.paper_figures import FIGURES, PaperFigure
from multicell_env.evaluation.pictures import style_of

PANEL_WIDTH, PANEL_HEIGHT, LEGEND_WIDTH = 5.2, 4.2, 3.0


def save_figure(content: Mapping[str, Any], path: Path) -> None:
    """Draw a figure from what its JSON holds.

    Args:
        content: From the figure's JSON.
        path: PNG file to write.
    """
    paper, rows = FIGURES[content["figure"]], shown(content)
    panels = [title for title, _ in paper.panels]
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(columns * PANEL_WIDTH + LEGEND_WIDTH, lines * PANEL_HEIGHT), dpi=110, layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    keys: dict[str, Any] = {}
    for panel, title in zip(axes, panels, strict=True):
        for method in paper.methods:
            if chosen := [row for row in rows if (row["panel"], row["method"]) == (title, method)]:
                keys[style_of(method)["label"]] = _draw(panel, paper, method, chosen)
                if method == "flwf" and paper.num_iterations:
                    keys["FLWF: ± 1 std over starts and channels"] = Patch(color=style_of("flwf")["color"], alpha=0.25, linewidth=0)
        panel.set_title(title, fontsize="medium")
        panel.set_xlabel(paper.x_label)
        panel.set_ylabel(paper.y_label)
        panel.set_ylim(bottom=0.0)
        panel.grid(alpha=0.3)
        if paper.num_iterations:
            panel.set_xscale("log")
            panel.set_xticks([1, 2, 5, 10, 20, 50, 100], labels=["1", "2", "5", "10", "20", "50", "100"])
            panel.minorticks_off()
        else:
            labels = [str(x) for x, _ in paper.sweep]
            panel.set_xticks(_positions(paper), labels=labels)
    figure.suptitle(f"Figure {content['figure']}. {paper.title}", fontsize="medium")
    figure.legend(list(keys.values()), list(keys), loc="outside right center", fontsize="small", frameon=False)
    figure.savefig(path)


def _draw(panel: Any, paper: PaperFigure, method: str, rows: list[dict[str, Any]]) -> Any:
    style = {"markersize": 5, **style_of(method)}
    means = np.array([row["mean"] for row in rows])
    if paper.num_iterations:
        x: Any = [row["x"] for row in rows]
        if method == "flwf" and rows[0]["std"] is not None:
            stds = np.array([row["std"] for row in rows])
            panel.fill_between(x, means - stds, means + stds, color=style["color"], alpha=0.25, linewidth=0)
        shown_marks = sorted({round(10 ** (exponent / 8)) - 1 for exponent in range(17)})  # even on a logarithmic axis
        return panel.plot(x, means, markevery=[mark for mark in shown_marks if mark < len(x)], **style)[0]
    places = {place: position for (place, _), position in zip(paper.sweep, _positions(paper), strict=True)}
    errors = [row["ci95"] or 0.0 for row in rows]
    return panel.errorbar([places[row["x"]] for row in rows], means, yerr=errors, capsize=2, **style)


def _positions(paper: PaperFigure) -> list[float]:
    """Where the swept values stand: numbers at their value, sizes side by side."""
    places = [x for x, _ in paper.sweep]
    return places if all(isinstance(x, int) for x in places) else list(range(len(places)))
