"""One picture of all claims: our intervals beside the region that each claim allows."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from experiments.figures.claim_numbers import Number
from experiments.figures.claim_verdicts import Verdict
from multicell_env.evaluation.writing import write_figure

AXES = {
    "near one": "ratio",
    "multiple": "ratio, logarithmic (◂ below the axis: the gap has turned round)",
    "std": "height above FLWF's mean [standard deviations over starts]",
    "iterations": "iterations until within 1 % of the equilibrium",
}
LOOKS: dict[str, dict[str, Any]] = {
    "holds": {"color": "#0072B2", "marker": "o", "label": "ours: holds"},
    "fails": {"color": "#D55E00", "marker": "X", "label": "ours: fails"},
    "undecided": {"color": "#000000", "marker": "s", "label": "ours: undecided"},
}
"""Of Okabe and Ito's palette, with a marker of its own each."""
REGION, SLOTS = "#CDE5F3", "#8C8C8C"
ROW_HEIGHT, MARGIN = 0.44, 0.08
"""Inches of a claim, and how far an axis goes beyond what it shows, relatively."""


def save_claims(judged: Sequence[Verdict], path: Path) -> None:
    """Draw the verdicts; claims that were not measured have their region alone.

    Args:
        judged: From `claim_verdicts.verdicts`.
        path: PNG file to write.
    """
    groups = {axis: [verdict for verdict in judged if verdict.claim.axis == axis] for axis in AXES}
    heights = [len(group) + 1.6 for group in groups.values()]
    figure = Figure(figsize=(8.6, ROW_HEIGHT * sum(heights) + 1.0), dpi=110, layout="constrained")
    panels = figure.subplots(len(groups), 1, height_ratios=heights)
    for panel, (axis, group) in zip(panels, groups.items(), strict=True):
        _draw(panel, axis, group)
    keys = [Patch(color=REGION, label="what the paper claims")]
    keys += [Line2D([], [], linestyle="", markersize=7, **look) for look in LOOKS.values()]
    keys.append(Line2D([], [], linestyle="", marker="d", color=SLOTS, markerfacecolor="none", label="ours, mean over the slots"))
    figure.suptitle("The paper's claims, and ours at the equilibrium with 95 % intervals", fontsize="medium")
    figure.legend(handles=keys, loc="outside lower center", ncols=3, fontsize="small", frameon=False)
    write_figure(path, figure)


def _draw(panel: Axes, axis: str, group: list[Verdict]) -> None:
    low, high = _limits(axis, group)
    if axis == "multiple":
        panel.set_xscale("log")
        ticks = [tick for tick in (0.2, 0.5, 1, 2, 5, 10, 20) if low <= tick <= high]
        panel.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
        panel.minorticks_off()
    panel.set_xlim(low, high)
    for row, verdict in enumerate(group):
        left, right = max(low, verdict.claim.region.low), min(high, verdict.claim.region.high)
        panel.add_patch(Rectangle((left, row - 0.42), right - left, 0.84, color=REGION, linewidth=0))
        look = {key: value for key, value in LOOKS.get(verdict.outcome, {}).items() if key != "label"}
        for number, place in zip(verdict.numbers.values(), _spread(row, len(verdict.numbers)), strict=True):
            if number.mean < low:  # a logarithm has no room for gaps that turn round
                panel.plot(low, place, markersize=7, clip_on=False, **{**look, "marker": "<"})
                continue
            panel.errorbar(number.mean, place, xerr=number.ci95, markersize=5, capsize=2, linewidth=1.2, **look)
        if _shows_slots(verdict):
            for number, place in zip(verdict.over_slots.values(), _spread(row, len(verdict.over_slots)), strict=True):
                panel.plot(max(low, number.mean), place, marker="d", markersize=5, color=SLOTS, markerfacecolor="none", zorder=1.5)
    words = [f"{verdict.claim.what}\nfigure {verdict.claim.figure}, {verdict.claim.name}: {verdict.outcome}" for verdict in group]
    panel.set_yticks(range(len(group)), labels=words, fontsize="small")
    panel.set_ylim(len(group) - 0.5, -0.5)
    panel.set_xlabel(AXES[axis], fontsize="small")
    panel.tick_params(axis="x", labelsize="small")
    panel.grid(axis="x", alpha=0.3)
    if axis in ("near one", "multiple"):
        panel.axvline(1.0, color="#000000", linewidth=0.8)


def _spread(row: int, count: int) -> list[float]:
    """Places of a claim's numbers, one below the other in its row."""
    return [row + 0.6 * ((place + 0.5) / count - 0.5) for place in range(count)]


def _shows_slots(verdict: Verdict) -> bool:
    """Whether the means over the slots are other numbers."""
    return any(verdict.over_slots[name].mean != number.mean for name, number in verdict.numbers.items() if name in verdict.over_slots)


def _limits(axis: str, group: list[Verdict]) -> tuple[float, float]:
    """An axis that has all intervals, all ends of regions that are not 0 or infinite, and some room."""
    numbers: list[Number] = [number for verdict in group for number in (*verdict.numbers.values(), *verdict.over_slots.values())]
    ends = [end for verdict in group for end in verdict.claim.region if end != 0.0 and math.isfinite(end)]
    values = [*ends, *(end for number in numbers for end in (number.low, number.high))]
    low, high = min(values), max(values)
    if axis == "multiple":
        low = max(low, 0.1)
        return low / (high / low) ** MARGIN, high * (high / low) ** MARGIN
    return (0.0 if axis == "iterations" else low - MARGIN * (high - low)), high + MARGIN * (high - low)
