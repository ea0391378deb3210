"""Methods in percent of the best known, slot by slot, and against the plan."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from multicell_env.allocations.registry import BEST_KNOWN, PLAN
from multicell_env.evaluation.results import MethodResult, summary
from multicell_env.evaluation.tables import print_whole, signed_with_interval

PARTS: Mapping[str, Callable[[Float[np.ndarray, "block slot"]], Float[np.ndarray, " block"]]] = {
    "first": lambda per_slot: per_slot[:, 0],
    "last": lambda per_slot: per_slot[:, -1],
    "mean": lambda per_slot: per_slot.mean(axis=1),
}
"""Capacity of every block in its first slot, in its last, and in the mean over its slots."""


def against_best_known(results: Sequence[MethodResult]) -> dict[str, dict[str, Any]]:
    """Mean capacities in percent of the mean of the best known, and less the plan's.

    The best known of a block is the highest of all results there; the first slot, the last and the mean over the slots each have their
    own. The difference from the plan is in points of it, in the mean over the slots, with a paired 95 % interval over blocks.

    Returns:
        By name: `percent_of_best_known` with `first`, `last` and `mean`, and `minus_planned` with `mean` and `ci95` (None for one block),
        or None where the plan is not among the results. Nothing without WMMSE.
    """
    if not any(result.name == BEST_KNOWN for result in results):
        return {}
    best = {part: float(np.max([of(result.per_slot) for result in results], axis=0).mean()) for part, of in PARTS.items()}
    plan = next((PARTS["mean"](result.per_slot) for result in results if result.name == PLAN), None)

    def minus_planned(result: MethodResult) -> dict[str, float | None] | None:
        if plan is None:
            return None
        points = summary(100.0 * (PARTS["mean"](result.per_slot) - plan) / best["mean"])
        return {"mean": points["mean"], "ci95": None if np.isnan(points["ci95"]) else points["ci95"]}

    return {
        result.name: {
            "percent_of_best_known": {
                # Divided first: a quotient of at most 1 is never rounded above it.
                part: 100.0 * (float(of(result.per_slot).mean()) / best[part])
                for part, of in PARTS.items()
            },
            "minus_planned": minus_planned(result),
        }
        for result in results
    }


def print_against_best_known(rows: Mapping[str, Mapping[str, Any]], title: str, console: Console) -> None:
    """Print what `against_best_known` gives, the best mean over the slots first."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("% of best known", no_wrap=True)
    for header in ("first", "last", "mean", "minus planned"):
        table.add_column(header, justify="right", no_wrap=True)
    for name, row in sorted(rows.items(), key=lambda item: -item[1]["percent_of_best_known"]["mean"]):
        gain = row["minus_planned"]
        table.add_row(escape(name), *(f"{row['percent_of_best_known'][part]:.1f}" for part in PARTS), signed_with_interval(gain))
    print_whole(table, console)
