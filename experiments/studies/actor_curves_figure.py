"""The picture of a curve: every method against what changes, a panel for each scenario or network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from multicell_env.allocations.registry import Style
from multicell_env.evaluation.pictures import style_of
from multicell_env.evaluation.writing import write_figure

# The palette of `multicell_env.evaluation.pictures`, where lightness and markers tell what hue does not.
ENDINGS: Mapping[str, Style] = {
    "_rounds": {"color": "#D55E00", "marker": "o", "label": "actor in every round"},
    "_rounds_then_pricing": {"color": "#000000", "marker": "D", "linestyle": "--", "label": "actor in the first slot, then pricing"},
    "_rounds_opening": {"color": "#000000", "marker": "D", "linestyle": "--", "label": "actor in the first slot, then untilted prices"},
    "untilted": {"color": "#009E73", "marker": "^", "linestyle": ":", "label": "untilted prices in every round"},
}
"""Styles of an actor's rows, by how their names end."""
WIDTH, PANEL_HEIGHT, KEY_HEIGHT = 9.0, 2.9, 0.9
"""Inches."""
APART = 0.012
"""How far the methods of one x stand apart, as a share of the axis: markers on one another would hide each other."""
COLUMNS = 3
"""Most panels side by side."""


def save_curve(content: Mapping[str, Any], path: Path) -> None:
    """Draw a curve.

    Args:
        content: What the curve's JSON holds.
        path: PNG file to write.
    """
    panels: Mapping[str, Any] = content["panels"]
    columns = min(COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(WIDTH, lines * PANEL_HEIGHT + KEY_HEIGHT), dpi=110, layout="constrained")
    axes = figure.subplots(lines, columns, squeeze=False).ravel()
    keys: dict[str, Any] = {}
    for panel, (title, shown) in zip(axes, panels.items(), strict=False):
        names = list(shown["methods"])
        places = [point["x"] for point in shown["methods"][names[0]]]
        step = APART * (max(places) - min(places))
        for place, (name, points) in enumerate(shown["methods"].items()):
            style = _style(name, names)
            keys[style["label"]] = panel.errorbar(
                [point["x"] + step * (place - (len(names) - 1) / 2) for point in points],
                [point["mean"] for point in points],
                yerr=[point["ci95"] or 0.0 for point in points],
                capsize=2,
                markersize=5,
                **style,
            )
        panel.set_title(title, fontsize="medium")
        panel.set_xlabel(content["x_label"])
        panel.set_xticks(places)
        panel.grid(alpha=0.3)
    for panel in axes[len(panels) :]:
        panel.set_visible(False)
    figure.supylabel(content["y_label"], fontsize="medium")
    counted = f"{content['num_blocks']} unseen networks or blocks in each panel; bars: 95 % intervals"
    figure.suptitle(f"{content['title']} (actor: {content['actor']})\n{counted}", fontsize="medium")
    figure.legend(list(keys.values()), list(keys), loc="outside lower center", ncols=COLUMNS, fontsize="small", frameon=False)
    write_figure(path, figure)


def _style(name: str, names: Sequence[str]) -> Style:
    return next((ENDINGS[ending] for ending in ENDINGS if name.endswith(ending)), style_of(name, names))
