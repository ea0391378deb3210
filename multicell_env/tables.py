"""Results as a table on the terminal."""

import math
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from multicell_env.assignment import MAX_BANDS
from multicell_env.config import NetworkConfig
from multicell_env.evaluation import MethodResult, percent_of_best_known, percent_of_bound
from multicell_env.figure_files import shown
from multicell_env.paper_figures import FIGURES


def print_table(results: list[MethodResult], config: NetworkConfig, console: Console, *, title: str | None = None) -> None:
    """Print the results, best last slot first, with the network as their title unless there is another."""
    percent, of_best = percent_of_bound(results), percent_of_best_known(results)
    title = title or config.describe()
    caption = (
        "average cell capacity in bit/s/Hz in the first slot, the last, and over all: mean ± 95 % confidence interval over blocks; "
        "% bound: last slot / all slots; % best: last slot, of the higher one of WMMSE and the bound in every block; "
        "starts: std of the last slot over random starts; ms: median time of one decision for all cells"
    )
    if config.num_iterations == 0:
        caption += "; flwf and iwf make 5 iterations a slot"
    if not percent:
        caption += f"; % bound: not searched beyond {MAX_BANDS} bands"
    table = Table(
        title=title, caption=caption, title_justify="left", caption_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0)
    )
    table.add_column("method", no_wrap=True)
    for header in ("first", "last slot", "all slots", "% bound", "% best", "starts", "ms"):
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("CSI", no_wrap=True)
    for result in sorted(results, key=lambda result: -result.last_slot["mean"]):
        last, every = result.last_slot, result.all_slots
        table.add_row(
            result.name,
            f"{result.per_slot[:, 0].mean():.1f}",
            _with_interval(last),
            _with_interval(every),
            f"{percent[result.name]:.1f}/{percent[result.name] * every['mean'] / last['mean']:.1f}" if percent else "",
            f"{of_best[result.name]:.1f}" if of_best else "",
            "" if result.std_over_starts is None else f"{result.std_over_starts:.2f}",
            f"{result.ms_per_decision:.2g}",
            "global" if result.needs_global_knowledge else "local",
        )
    console.print(table)


def _with_interval(summary: Mapping[str, Any]) -> str:
    unknown = summary["ci95"] is None or math.isnan(summary["ci95"])
    return f"{summary['mean']:.2f}" + ("" if unknown else f" ± {summary['ci95']:.2f}")


def print_figure(content: Mapping[str, Any], console: Console) -> None:
    """Print the numbers of a figure, one table for each panel, best first at the right end."""
    figure, rows = FIGURES[content["figure"]], shown(content)
    places = [x for x, _ in figure.sweep] if not figure.num_iterations else [1, 2, 5, 10, 20, 50, 100]
    for title, _ in figure.panels:
        here = [row for row in rows if row["panel"] == title]
        table = Table(title=f"Figure {content['figure']}: {title}; {figure.y_label}", title_justify="left", box=None, padding=(0, 1, 0, 0))
        table.add_column(figure.x_label, no_wrap=True)
        for x in places:
            table.add_column(str(x), justify="right", no_wrap=True)
        lines = {row["method"]: {x["x"]: _with_interval(x) for x in here if x["method"] == row["method"]} for row in here}
        last = {row["method"]: row["mean"] for row in here}
        for method in sorted(lines, key=lambda name: -last[name]):
            table.add_row(method, *(lines[method].get(x, "") for x in places))
        console.print(table)


def print_generalisation(rows: Mapping[str, list[MethodResult]], console: Console) -> None:
    """Print the last slot of every method on every network in percent of the assignment bound, or in bit/s/Hz where there is none."""
    names = list(dict.fromkeys(result.name for results in rows.values() for result in results))
    caption = (
        "last slot, % of the assignment bound; the bound itself in bit/s/Hz; generalist: one actor for all networks, td3mix: the one "
        "trained at (8, 4, 6), own: one trained for each; they act in every slot, in the first three (_3), or in the first alone (_opening)"
    )
    table = Table(caption=caption, caption_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("network", no_wrap=True)
    for name in names:
        table.add_column(name.replace("assignment_", "").replace("generalist", "general."), justify="right", no_wrap=True)
    for network, results in rows.items():
        percent = percent_of_bound(results)
        means = {result.name: result.last_slot["mean"] for result in results}
        shown = {**means, **{name: value for name, value in percent.items() if name != "assignment_bound"}}
        table.add_row(network, *(f"{shown[name]:.1f}" if name in shown else "" for name in names))
    console.print(table)
