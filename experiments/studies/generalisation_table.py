"""How policies do on networks of all sizes, as a table on the terminal."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from multicell_env.evaluation.results import MethodResult, percent_of_bound
from multicell_env.evaluation.tables import print_whole


def print_generalisation(rows: Mapping[str, list[MethodResult]], console: Console, acting_slots: int) -> None:
    """Print the last slot of every method on every network in percent of the assignment bound, or in bit/s/Hz where there is none."""
    names = list(dict.fromkeys(result.name for results in rows.values() for result in results))
    caption = (
        "last slot, % of the assignment bound, or in bit/s/Hz where sharing a band pays; the bound itself in bit/s/Hz; "
        "generalist: one actor for all networks, td3mix: the one "
        "trained at (8, 4, 6), own: one trained for each; they act in every slot, "
        f"in the first {acting_slots} (_{acting_slots}), or in the first alone (_opening)"
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
    print_whole(table, console)
