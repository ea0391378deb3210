"""One picture of all scenarios: what every method gains or loses against the best plan from statistics."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from multicell_env.evaluation.pictures import style_of
from multicell_env.evaluation.writing import write_figure

LEFT_OUT = ("planned", "random", "sswf", "assignment_bound", "fp", "generalist_opening", "own_opening", "iwf")
"""The line at zero; what falls on uniform power; and references that another one covers."""


def save_scenarios(contents: Mapping[str, Mapping[str, Any]], path: str | os.PathLike[str]) -> None:
    """Last slot's capacity of every method less the best plan's, in percent of the plan's, a band of rows for each scenario.

    Args:
        contents: From `evaluation.as_json`, by the scenario's name. Methods need not be in all.
        path: PNG file to write.
    """
    every = {name: None for content in contents.values() for name in content["methods"]}
    names = [name for name in every if name not in LEFT_OUT]
    figure = Figure(figsize=(10.0, 1.0 + 0.26 * len(names) * len(contents)), dpi=100, layout="constrained")
    axes = figure.subplots()
    ticks, labels = [], []
    for group, (scenario, content) in enumerate(contents.items()):
        plan = content["methods"]["planned"]["last_slot"]["mean"]
        top = -group * (len(names) + 1.0)
        lasts = {name: content["methods"][name]["last_slot"] for name in names if name in content["methods"]}
        for row, (name, last) in enumerate(sorted(lasts.items(), key=lambda item: -item[1]["mean"])):
            style = style_of(name)
            gain, error = 100.0 * (last["mean"] / plan - 1.0), 100.0 * (last["ci95"] or 0.0) / plan
            marker = {"marker": style.get("marker", "o"), "color": style["color"], "markersize": 6, "linestyle": "none"}
            axes.errorbar(gain, top - row, xerr=error, capsize=2, **marker)
            at_the_edge = {"xycoords": ("axes fraction", "data"), "ha": "right", "va": "center", "fontsize": "x-small"}
            axes.annotate(f"{gain:+.1f} %", (0.992, top - row), **at_the_edge)
            ticks.append(top - row)
            labels.append(style["label"])
        axes.axhspan(top - len(names) + 0.4, top + 0.6, color="#000000", alpha=0.04 + 0.04 * (group % 2), linewidth=0)
        title = f"{scenario} (plan: {plan:.1f} bit/s/Hz)"
        axes.annotate(title, (0.008, top + 0.1), xycoords=("axes fraction", "data"), fontsize="small", weight="bold", va="center")
    axes.axvline(0.0, color="#000000", linewidth=1.0)
    axes.set_yticks(ticks, labels, fontsize="small")
    axes.set_ylim(min(ticks) - 1.0, 1.0)
    low, high = axes.get_xlim()
    axes.set_xlim(low - 0.25 * (high - low), high + 0.1 * (high - low))  # room for the titles and for the numbers at the edge
    axes.set_xlabel("last slot against the best plan [%], with 95 % intervals")
    axes.grid(axis="x", alpha=0.3)
    title = f"Where a plan wins and where it does not: {_blocks(contents)} unseen networks of each scenario"
    figure.suptitle(title, fontsize="medium")
    write_figure(Path(path), figure)


def _blocks(contents: Mapping[str, Mapping[str, Any]]) -> str:
    counts = np.unique([content["num_blocks"] for content in contents.values()])
    return " or ".join(map(str, counts))
