"""Pictures of the paper's figures: every method against what is swept, or iteration by iteration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from experiments.figures.figure_files import shown
from experiments.figures.paper_figures import FIGURES, PaperFigure
from multicell_env.allocations.registry import Style
from multicell_env.evaluation import pictures
from multicell_env.evaluation.writing import write_figure

OPENINGS: Mapping[str, Style] = {
    "flwf_from_assignment": {"color": "#D55E00", "marker": "o", "label": "FLWF from the best assignment"},
    "flwf_from_uniform": {"color": "#009E73", "marker": "s", "label": "FLWF from uniform power"},
}
"""Styles of the negotiations that begin at a given opening, which the figures alone show."""
WIDTH, PANEL_HEIGHT, KEY_HEIGHT = 8.6, 3.4, 0.2
"""Inches; the whole width, so that letters stay readable where a page shows the picture 700 pixels wide."""
LIGHT = 0.4
"""Opacity of the mean over the slots beside the equilibrium."""
BAND = 0.25
"""Opacity of a band of one standard deviation."""
NEAR = 0.9
"""The strip beside a panel of iterations has the methods that end above this share of the best."""


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
    height = lines * PANEL_HEIGHT + KEY_HEIGHT * (2 + len(paper.methods) / 2)
    figure = Figure(figsize=(WIDTH, height), dpi=110, layout="constrained")
    strips = bool(paper.num_iterations)
    grid = figure.subplots(lines, columns * (1 + strips), squeeze=False, width_ratios=[4, 1] * columns if strips else None)
    axes = grid[:, :: 1 + strips].ravel()
    keys: dict[str, Any] = {}
    for panel, title in zip(axes, panels, strict=True):
        for method in paper.methods:
            if chosen := [row for row in rows if (row["panel"], row["method"]) == (title, method)]:
                keys[style_of(method)["label"]] = _draw(panel, paper, method, chosen)
        panel.set_title(title, fontsize="medium")
        panel.set_xlabel(paper.x_label)
        panel.set_ylabel(paper.y_label)
        panel.set_ylim(bottom=0.0)
        panel.grid(alpha=0.3)
        if strips:
            panel.set_xscale("log")
            panel.set_xticks([1, 2, 5, 10, 20, 50, 100], labels=["1", "2", "5", "10", "20", "50", "100"])
            panel.minorticks_off()
        else:
            labels = [str(x) for x, _ in paper.sweep]
            panel.set_xticks(_positions(paper), labels=labels)
    if strips:
        for strip, title in zip(grid[:, 1::2].ravel(), panels, strict=True):
            _draw_ends(strip, {entry["method"]: entry["result"] for entry in content["points"] if entry["panel"] == title})
    keys |= _what_else(paper, rows)
    figure.suptitle(f"Figure {content['figure']}. {paper.title}\n{_what(paper, rows)}", fontsize="medium")
    figure.legend(list(keys.values()), list(keys), loc="outside lower center", ncols=2, fontsize="small", frameon=False)
    write_figure(path, figure)


def _draw_ends(strip: Axes, results: Mapping[str, Any]) -> None:
    """Where the best methods settle, on an axis of their own: means, 95 % intervals over channels, bands over starts."""
    best = max(result["settled"]["mean"] for result in results.values())
    near = {method: result["settled"] for method, result in results.items() if result["settled"]["mean"] >= NEAR * best}
    for place, (method, settled) in enumerate(near.items()):
        colour, mean = style_of(method)["color"], settled["mean"]
        marker = style_of(method).get("marker", "_")
        strip.errorbar(place, mean, yerr=settled["ci95"] or 0.0, color=colour, marker=marker, markersize=6, capsize=2)
        if settled["std_over_starts"] is not None:
            low, high = (mean + sign * settled["std_over_starts"] for sign in (-1, 1))
            strip.fill_between([-0.5, len(near) - 0.5], low, high, color=colour, alpha=BAND, linewidth=0)
    strip.set_xlim(-0.5, len(near) - 0.5)
    strip.set_xticks([])
    strip.set_title("equilibrium", fontsize="small")
    strip.tick_params(labelsize="small")
    strip.grid(alpha=0.3)


def _draw(panel: Axes, paper: PaperFigure, method: str, rows: list[dict[str, Any]]) -> Any:
    style = {"markersize": 5, **style_of(method)}
    means = np.array([row["mean"] for row in rows])
    if paper.num_iterations:
        x: Any = [row["x"] for row in rows]
        if rows[0]["std_over_starts"] is not None:
            stds = np.array([row["std_over_starts"] for row in rows])
            panel.fill_between(x, means - stds, means + stds, color=style["color"], alpha=BAND, linewidth=0)
        shown_marks = sorted({round(10 ** (exponent / 8)) - 1 for exponent in range(17)})  # even on a logarithmic axis
        return panel.plot(x, means, markevery=[mark for mark in shown_marks if mark < len(x)], **style)[0]
    places = {place: position for (place, _), position in zip(paper.sweep, _positions(paper), strict=True)}
    x = [places[row["x"]] for row in rows]
    if paper.steady_state and _moves(rows):
        light = {key: value for key, value in style.items() if key not in ("marker", "label")}
        panel.plot(x, [row["slots_mean"] for row in rows], alpha=LIGHT, **light)
    return panel.errorbar(x, means, yerr=[row["ci95"] or 0.0 for row in rows], capsize=2, **style)


def _moves(rows: list[dict[str, Any]]) -> bool:
    """Whether a method's mean over the slots is another than what its markers show."""
    return any(row["slots_mean"] != row["mean"] for row in rows)


def _what(paper: PaperFigure, rows: list[dict[str, Any]]) -> str:
    """What the markers and bars show, in a line."""
    blocks = sorted({row["num_blocks"] for row in rows})
    channels = f"{' or '.join(map(str, blocks))} channels"
    if paper.num_iterations:
        strips = f"strips: the equilibrium, or iteration {paper.num_iterations} of what acts in every slot, with 95 % intervals"
        return f"means over {channels}; methods that do not iterate are level lines\n{strips}"
    if paper.steady_state:
        return f"markers: the equilibrium, or the last slot of what does not negotiate\nbars: 95 % intervals over {channels}"
    return f"means over the slots; bars: 95 % intervals over {channels}"


def _what_else(paper: PaperFigure, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Keys of what no single method owns."""
    keys: dict[str, Any] = {}
    if paper.num_iterations:
        for method in paper.methods:
            stds = {row["num_starts"] for row in rows if row["method"] == method and row["std_over_starts"] is not None}
            name = "FLWF" if method == "flwf" else method
            for starts in stds:
                drawn = "starts" if method == "flwf" else "draws"
                fewest = min(row["num_blocks"] for row in rows)
                over = f" over {min(paper.channels_per_start, fewest)} channels" if paper.channels_per_start else ""
                keys[f"{name}: ± 1 std of {starts} means{over},\none for each of the {drawn}"] = Patch(
                    color=style_of(method)["color"], alpha=BAND, linewidth=0
                )
    elif paper.steady_state and _moves(rows):
        keys["lighter, without markers:\nthe same methods, mean over the slots"] = Line2D([], [], color="#000000", alpha=LIGHT)
    return keys


def _positions(paper: PaperFigure) -> list[float]:
    """Where the swept values stand: numbers at their value, sizes side by side."""
    numbers: list[float] = [x for x, _ in paper.sweep if isinstance(x, int)]
    return numbers if len(numbers) == len(paper.sweep) else list(range(len(paper.sweep)))


def style_of(method: str) -> Style:
    """Colour, marker and label of a figure's method."""
    return OPENINGS[method] if method in OPENINGS else pictures.style_of(method)
