"""The committed figures' numbers for the page's sliders: SIR, k, R, and whatever else a figure sweeps."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.figures.figure_files import read_figure
from experiments.figures.paper_figures import FIGURES

DOCS = Path(__file__).parents[2] / "docs"
"""Where the committed figures are."""
DIGITS = 2


def committed_curves(folder: Path = DOCS) -> list[dict[str, Any]]:
    """What the sliders move through: the paper's figures and the curve over measurements a slot, those that are there.

    Args:
        folder: With `figures/figureN.json` and `curve_rounds.json`.

    Returns:
        Of each its `title`, the `slider`'s label and `values`, labels of the axes, and `panels`: by their title, and by method, `y` and
        `ci95`. Where `kind` is "frames" these are curves, one for every value of the slider; where it is "cursor" they are one curve,
        along which the slider goes.
    """
    files = {number: folder / "figures" / f"figure{number}.json" for number in FIGURES}
    curves = {number: _of_figure(read_figure(file)) for number, file in files.items() if file.is_file()}
    rounds = folder / "curve_rounds.json"
    over_rounds = [_of_rounds(json.loads(rounds.read_text()))] if rounds.is_file() else []
    # SIR, k and R first; then what else there is.
    first = [curves.pop(number) for number in (7, 10) if number in curves]
    return [*first, *over_rounds, *curves.values()]


def _of_figure(content: Mapping[str, Any]) -> dict[str, Any]:
    figure = FIGURES[content["figure"]]
    along_k = figure.num_iterations > 0
    values = list(range(1, figure.num_iterations + 1)) if along_k else list(dict.fromkeys(point["x"] for point in content["points"]))
    panels: dict[str, dict[str, Any]] = {}
    for point in content["points"]:
        y, ci95 = (_rounded(point["result"][key]) for key in ("mean", "ci95"))
        curves = panels.setdefault(point["panel"], {}).setdefault(point["method"], {"y": [], "ci95": []})
        if along_k:
            curves.update(y=y, ci95=ci95)
            continue
        for key, numbers in (("y", y), ("ci95", ci95)):
            curves[key] += [None] * (values.index(point["x"]) - len(curves[key])) + [numbers]
    return {
        "title": f"Figure {content['figure']}: {figure.title}",
        "kind": "cursor" if along_k else "frames",
        "slider": "FLWF iterations k" if along_k else figure.x_label,
        "values": values,
        "x_label": "FLWF iterations k" if along_k else "slot",
        "y_label": "average cell capacity [bit/s/Hz]",
        "panels": panels,
    }


def _of_rounds(content: Mapping[str, Any]) -> dict[str, Any]:
    panels, values = {}, []
    for title, panel in content["panels"].items():
        values = [point["x"] for point in next(iter(panel["methods"].values()))]
        panels[title] = {
            method: {key: _rounded([point[of] for point in points]) for key, of in (("y", "mean"), ("ci95", "ci95"))}
            for method, points in panel["methods"].items()
        }
    return {
        "title": f"{content['title']} (rounds R)",
        "kind": "cursor",
        "slider": "measurements a slot, R",
        "values": values,
        "x_label": "measurements a slot, R",
        "y_label": content["y_label"],
        "panels": panels,
    }


def _rounded(numbers: list[float | None] | None) -> list[float | None] | None:
    return None if numbers is None else [None if number is None else round(number, DIGITS) for number in numbers]
