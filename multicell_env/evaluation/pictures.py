"""Plots of results: comparisons of methods, and learning curves."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from multicell_env.allocations.registry import ALLOCATIONS, Style
from multicell_env.evaluation.writing import write_figure

# From the palettes of `ALLOCATIONS`; markers and line styles distinguish the rest.
LEARNED: Mapping[str, Style] = {
    "td3mix": {"color": "#D55E00", "marker": "o", "label": "TD3-MIX + FLWF, every slot"},
    "td3mix_3": {"color": "#D55E00", "marker": "<", "label": "TD3-MIX + FLWF, three slots"},
    "td3mix_opening": {"color": "#E69F00", "marker": "s", "label": "TD3-MIX opening, then FLWF"},
    "apg": {"color": "#332288", "marker": "D", "label": "APG + FLWF, every slot"},
    "apg_opening": {"color": "#882255", "marker": "P", "label": "APG opening, then FLWF"},
    "td3mix_mlp": {"color": "#D55E00", "marker": "d", "linestyle": ":", "label": "TD3-MIX + FLWF, paper's network (MLP)"},
    "td3mix_k0": {"color": "#7A3E9D", "marker": "p", "label": "TD3-MIX without FLWF, set network"},
    "td3mix_k0_mlp": {"color": "#7A3E9D", "marker": "*", "linestyle": ":", "label": "TD3-MIX without FLWF, paper's network (MLP)"},
    "generalist": {"color": "#CC3311", "marker": "h", "label": "one actor for all, every slot"},
    "generalist_3": {"color": "#CC3311", "marker": "X", "label": "one actor for all, three slots"},
    "generalist_opening": {"color": "#CC3311", "marker": "|", "label": "one actor for all, opening"},
    "own": {"color": "#332288", "marker": "D", "label": "actor trained there, every slot"},
    "own_3": {"color": "#332288", "marker": ">", "label": "actor trained there, three slots"},
    "own_opening": {"color": "#882255", "marker": "P", "label": "actor trained there, opening"},
    "own_k0": {"color": "#7A3E9D", "marker": "p", "label": "TD3-MIX trained there, k = 0"},
    "own_k5": {"color": "#E69F00", "marker": "s", "label": "TD3-MIX trained there, k = 5"},
    "own_damped": {"color": "#332288", "marker": "D", "label": "TD3-MIX trained there, damping in the action"},
}
"""Styles of learned methods. Allocation methods have theirs in the registry."""
STYLES: Mapping[str, Style] = {
    **LEARNED,
    **{name: allocation.style for name, allocation in ALLOCATIONS.items()},
    "wmmse_from_pricing": {
        "color": "#000000",
        "linestyle": "--",
        "marker": "*",
        "label": "WMMSE from the ends of pricing (channels of all)",
    },
}
"""Styles of all methods that are known by name."""
OWN_COLOURS = ("#6A3D9A", "#E7298A", "#648FFF", "#6B6B00")
"""Colours of methods that are not in `STYLES`, which also differ in lightness."""
OWN_MARKERS = ("D", "h", "X", "p", "<")
"""Their markers: one more than colours, so that twenty methods are distinguishable."""
TEXT = 11.0
"""Font size in points, legible at half the width of 700 pixels."""


def save_comparison(results: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Plot bars with 95 % confidence intervals for every method, and below them capacity over slots, as a PNG file.

    Args:
        results: From `evaluation.as_json`.
        path: PNG file to write.
    """
    methods: Mapping[str, Any] = results["methods"]
    names = sorted(methods, key=lambda name: methods[name]["last_slot"]["mean"])
    styles = {name: style_of(name, list(methods)) for name in names}
    height = max(2.5, 0.36 * len(names))
    figure = Figure(figsize=(7.0, height + 4.4), dpi=100, layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=(height, 3.4))
    rows = np.arange(len(names))
    keys: list[Patch] = []
    for shift, key, alpha, label in ((0.2, "last_slot", 1.0, "last slot"), (-0.2, "all_slots", 0.45, "mean over slots")):
        means = [methods[name][key]["mean"] for name in names]
        errors = [methods[name][key]["ci95"] or 0.0 for name in names]
        upper.barh(rows + shift, means, 0.4, xerr=errors, color=[styles[name]["color"] for name in names], alpha=alpha, capsize=2)
        for row, mean, error in zip(rows, means, errors, strict=True) if key == "last_slot" else ():
            upper.annotate(f"{mean:.1f}", (mean + error, row), (5, 0), textcoords="offset points", va="center", fontsize=TEXT)
        keys.append(Patch(color="#444444", alpha=alpha, label=label))
    labels = ["\n".join(fill(part, 28) for part in styles[name]["label"].replace(" (", "\n(").split("\n")) for name in names]
    upper.set_yticks(rows, labels, fontsize=0.85 * TEXT, linespacing=1.0)
    upper.tick_params(axis="y", length=0, pad=42)
    beside = upper.get_yaxis_transform()
    for row, name in enumerate(names):
        upper.plot([-0.08, -0.045, -0.01], [row] * 3, transform=beside, clip_on=False, markevery=(1, 5), markersize=7, **styles[name])
    upper.margins(x=0.12, y=0.01)
    upper.set_xlim(left=0.0)
    config = results["config"]
    sizes = (
        f"{config['num_cells']} cells, {config['num_antennas']} antennas, {config['num_users']} users a cell, {config['num_bands']} bands"
    )
    sir = "" if config["mean_gains"] else f", SIR {float(config['sir_db']):g} dB"
    damping = "\ndamping in the action" if config["damping_in_action"] else f"\ndamping {config['damping']:g}" if config["damping"] else ""
    figure.suptitle(f"{sizes}{sir}{damping}\n{results['num_blocks']} unseen blocks, 95 % intervals", fontsize=TEXT)
    upper.legend(handles=keys, loc="lower right", fontsize=TEXT)

    slots = np.arange(1, config["num_slots"] + 1)
    for name in reversed(names):
        lower.plot(slots, methods[name]["per_slot"], markersize=6, **styles[name])
    lower.set_ylim(bottom=0.0)
    lower.set_xticks(range(1, config["num_slots"] + 1, -(-config["num_slots"] // 12)))
    lower.set_xlabel(f"slot ({config['num_iterations']} FLWF iterations each)", fontsize=TEXT)
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
        axes.tick_params(axis="x", labelsize=TEXT)
    lower.tick_params(axis="y", labelsize=TEXT)
    upper.set_xlabel("average cell capacity [bit/s/Hz]", fontsize=TEXT)
    lower.set_ylabel("average cell capacity\n[bit/s/Hz]", fontsize=TEXT)
    write_figure(Path(path), figure)


def save_learning_curve(metrics: Sequence[Mapping[str, float]], bound: float | None, path: str | os.PathLike[str]) -> None:
    """Plot the capacity on fixed unseen blocks over vector steps, as a PNG file.

    Args:
        metrics: Rows, at least one, with `step`, `last_slot`, `all_slots` and `first_slot`.
        bound: The assignment bound on the same blocks, bit/s/Hz, if there is one.
        path: PNG file to write.
    """
    figure = Figure(figsize=(7.0, 4.2), dpi=100, layout="constrained")
    axes = figure.subplots()
    steps = [row["step"] for row in metrics]
    curves = (
        ("last_slot", "#D55E00", "o", "last slot"),
        ("all_slots", "#0072B2", "s", "mean over slots"),
        ("first_slot", "#009E73", "^", "first slot"),
    )
    for key, colour, marker, label in curves:
        capacities = [row[key] for row in metrics]
        axes.plot(steps, capacities, color=colour, marker=marker, markersize=4, label=f"{label}: {capacities[-1]:.1f}")
    if bound is not None:
        axes.axhline(bound, color="#000000", linestyle="--", label=f"assignment bound: {bound:.1f}")
    axes.set_ylim(bottom=0.0)
    axes.set_title("on the same unseen blocks at every point; the numbers are the last point's", fontsize="medium")
    axes.set_xlabel("vector steps (one slot in every environment)")
    axes.set_ylabel("average cell capacity [bit/s/Hz]")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper center", ncols=4, fontsize="small", frameon=False)
    write_figure(Path(path), figure)


def style_of(name: str, others: Sequence[str] = ()) -> Style:
    """Colour, marker and label of a method.

    An unknown method, such as a user's policy, gets a thicker line and a style by its position among the unknown methods of `others`.
    `NAME_opening` has the colour of `NAME`, dashed.
    """
    if name in STYLES:
        return STYLES[name]
    opening = name.endswith("_opening")
    base = name.removesuffix("_opening")
    unknown = list(dict.fromkeys(other.removesuffix("_opening") for other in others if other not in STYLES))
    place = unknown.index(base) if base in unknown else 0
    style: Style = {"color": OWN_COLOURS[place % len(OWN_COLOURS)], "marker": OWN_MARKERS[place % len(OWN_MARKERS)], "label": ""}
    if not opening:
        return {**style, "linewidth": 2.4, "label": f"{name}, every slot"}
    return {**style, "linestyle": "--", "markerfacecolor": "white", "label": f"{base} opening, then FLWF"}
