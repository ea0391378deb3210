"""Results as tables in the terminal."""

import math
import sys
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table

from multicell_env.allocations.registry import ALLOCATIONS, Knowledge, Pilot
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.playing import DEFAULT_ITERATIONS
from multicell_env.evaluation.results import MethodResult, Slots, percent_of_best_known, percent_of_bound, utility_measures
from multicell_env.evaluation.users import LOW_RATE, UTILITY_MEASURES, user_measures

LEAST = ("starts", "% bound", "first", "ms", "needs", "all slots")
"""Columns that are left out on narrow terminals, in this order."""
NEEDS: Mapping[Knowledge, str] = {"own": "own measurements", "statistics": "statistics of all", "channels": "channels of all"}
"""Required knowledge in words, replaced by `Knowledge` if the table is too wide."""
PILOT_WORDS: Mapping[Pilot, str] = {"ingr": "INGR", "price": "price"}
"""Names of pilots in tables."""


def print_table(results: list[MethodResult], config: NetworkConfig, console: Console, *, title: str | None = None) -> None:
    """Print the results, sorted by the last slot, best first. The default title describes the network.

    Percentages are printed if they are meaningful; see `percent_of_best_known` and `percent_of_bound`.

    Args:
        results: Results on the same blocks.
        config: The network.
        console: Rich's console to print to.
        title: Title of the table.
    """
    title = title or config.describe()
    results = sorted(results, key=lambda result: -result.last_slot["mean"])
    columns = {
        "method": [result.name for result in results],
        "first": [f"{result.per_slot[:, 0].mean():.1f}" for result in results],
        "last slot": [with_interval(result.last_slot) for result in results],
        "all slots": [with_interval(result.all_slots) for result in results],
        "% best known": _last_and_all(percent_of_best_known, results),
        "% bound": _last_and_all(percent_of_bound, results),
        "starts": ["" if result.std_over_starts is None else f"{result.std_over_starts:.2f}" for result in results],
        "ms": ["" if math.isnan(result.ms_per_decision) else f"{result.ms_per_decision:.2g}" for result in results],
        "needs": [_needs(result, NEEDS[result.knowledge]) for result in results],
    }
    columns = {header: column for header, column in columns.items() if column}
    caption = _caption(results, config, columns)
    table, left_out = _table(columns, title), []
    if _width(table, console) > console.width:
        columns["needs"] = [_needs(result, result.knowledge) for result in results]
        table = _table(columns, title)
    for header in LEAST if console.is_terminal else ():
        if _width(table, console) <= console.width:
            break
        if header in columns:
            del columns[header]
            left_out.append(header)
            table = _table(columns, title)
    table.caption = caption + (f". Not shown, because the terminal is narrow: {', '.join(left_out)}" if left_out else "")
    print_whole(table, console)


def print_users(
    results: list[MethodResult], console: Console, *, fairness: float = 0.0, title: str = "users: average rates over a block"
) -> None:
    """Print the `user_measures`, in the order of `print_table`; nothing if no result has users' rates.

    With fairness, `utility_measures` are added, and the table is sorted by utility.

    Args:
        results: Results on the same blocks.
        console: Rich's console to print to.
        fairness: alpha of the network.
        title: Title of the table.
    """
    utility = utility_measures(results, fairness)
    ranked = sorted(
        (result for result in results if result.user_rates),
        key=lambda result: -(utility[result.name]["utility"] if utility else result.last_slot)["mean"],
    )
    measures = {result.name: user_measures(result.user_rates) for result in ranked}
    if not measures:
        return
    rows = measures.values()
    columns = {
        "method": list(measures),
        **{
            header: [signed_with_interval(utility[name][key], 3, signed=key != "utility") for name in measures]
            for header, key in zip(("utility", "- planned", "- best known"), UTILITY_MEASURES, strict=True)
            if utility
        },
        f"% below {LOW_RATE:g}": [f"{row['users_below_0.1']:.1f}" for row in rows],
        "5 % rate": [f"{row['fifth_percentile']:.2f}" for row in rows],
        "Jain": [f"{row['jain']:.3f}" for row in rows],
        "geom. mean": [f"{row['geometric_mean']:.2f}" for row in rows],
    }
    columns = {header: column for header, column in columns.items() if any(column)}
    table = _table(columns, title)
    parts = [
        f"% below {LOW_RATE:g}: users with an average rate below {LOW_RATE:g} bit/s/Hz; 5 % rate: what 5 % of the users do not reach; "
        "Jain: Jain's index, mean over blocks; geom. mean: of all users' rates; rates in bit/s/Hz"
    ]
    if utility:
        blind = [name for name in measures if name in ALLOCATIONS and not ALLOCATIONS[name].heeds_fairness]
        parts = [
            f"utility: alpha-fair utility a user with alpha = {fairness:g}, mean ± 95 % confidence interval over blocks; - planned, - best "
            "known (the highest in this table in every block): paired differences",
            *parts,
            *([f"blind to fairness: {', '.join(blind)}"] if blind else []),
        ]
    table.caption = "; ".join(parts)
    print_whole(table, console)


def _needs(result: MethodResult, knowledge: str) -> str:
    """Required knowledge, number of measurement rounds in a slot, and their pilots."""
    rounds, pilots = result.measurements
    return f"{knowledge}: {rounds} {' + '.join(PILOT_WORDS[pilot] for pilot in pilots)}" if rounds else knowledge


def _last_and_all(percent: Callable[[list[MethodResult], Slots], dict[str, float]], results: list[MethodResult]) -> list[str]:
    """Percentages of the last slot and of the mean over the slots; empty if there are none."""
    last, every = percent(results, "last_slot"), percent(results, "all_slots")
    return [f"{last[result.name]:.1f}/{every[result.name]:.1f}" for result in results] if last else []


def _caption(results: list[MethodResult], config: NetworkConfig, columns: Mapping[str, list[str]]) -> str:
    names = {result.name for result in results}
    parts = ["average cell capacity in bit/s/Hz in the first slot, the last, and over all: mean ± 95 % confidence interval over blocks"]
    if "% best known" in columns:
        parts.append("% best known: last slot / all slots, of the highest in this table in every block")
    parts += [f"{name}: {allocation.note}" for name, allocation in ALLOCATIONS.items() if name in names and allocation.note]
    if "% bound" in columns:
        parts.append("% bound: last slot / all slots, of assignment_bound")
    elif "assignment_bound" in names:
        parts.append("no % bound: the best exclusive assignment is none where bands are fewer than cells or sharing one pays")
    parts += ["starts: std of the last slot over random starts", "ms: median time of one decision for all cells"]
    parts.append(
        "needs: what somebody must know, beside a station's own measurements the statistics or the channels of all cells; and the "
        "measurement rounds of a slot with their pilots (INGR: users measure; price: users transmit, and stations measure)"
    )
    negotiated = [name for name, allocation in ALLOCATIONS.items() if name in names and allocation.kind == "negotiated"]
    if config.num_iterations == 0 and negotiated:
        verb = "make" if len(negotiated) > 1 else "makes"
        parts.append(f"{' and '.join(negotiated)} {verb} {DEFAULT_ITERATIONS} iterations a slot")
    return "; ".join(parts)


def _table(columns: Mapping[str, list[str]], title: str) -> Table:
    table = Table(title=escape(title), title_justify="left", caption_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for header in columns:
        table.add_column(header, justify="left" if header in ("method", "needs") else "right", no_wrap=True)
    for row in zip(*columns.values(), strict=True):
        table.add_row(*map(escape, row))  # names may have brackets, which Rich takes for its own marks
    return table


def _width(table: Table, console: Console) -> int:
    return Measurement.get(console, console.options.update(max_width=sys.maxsize), table).maximum


def print_whole(table: Table, console: Console) -> None:
    """Print a table in full width. A narrower terminal wraps the lines, instead of Rich truncating numbers."""
    console.width = max(console.width, _width(table, console))
    console.print(table)


def with_interval(summary: Mapping[str, float | None]) -> str:
    """A mean with its confidence interval, if there is one, as text."""
    half_width = summary["ci95"]
    return f"{summary['mean']:.2f}" + ("" if half_width is None or math.isnan(half_width) else f" ± {half_width:.2f}")


def signed_with_interval(summary: Mapping[str, float | None] | None, digits: int = 2, *, signed: bool = True) -> str:
    """A mean with its sign (by default) and its confidence interval, if there is one, as text; empty for None."""
    if summary is None:
        return ""
    half_width, sign = summary["ci95"], "+" if signed else ""
    return f"{summary['mean']:{sign}.{digits}f}" + ("" if half_width is None else f" ± {half_width:.{digits}f}")
