"""A figure's numbers as tables on the terminal."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from experiments.figures.figure_files import shown
from experiments.figures.paper_figures import FIGURES
from multicell_env.evaluation.tables import print_whole, with_interval


def print_figure(content: Mapping[str, Any], console: Console) -> None:
    """Print the numbers of a figure, one table for each panel, best first at the right end."""
    figure, rows = FIGURES[content["figure"]], shown(content)
    places = [x for x, _ in figure.sweep] if not figure.num_iterations else [1, 2, 5, 10, 20, 50, 100]
    for title, _ in figure.panels:
        here = [row for row in rows if row["panel"] == title]
        what = "" if figure.num_iterations else ", equilibrium or last slot" if figure.steady_state else ", mean over the slots"
        head = f"Figure {content['figure']}: {title}; {figure.y_label}{what}"
        table = Table(title=head, title_justify="left", box=None, padding=(0, 1, 0, 0))
        table.add_column(figure.x_label, no_wrap=True)
        for x in places:
            table.add_column(str(x), justify="right", no_wrap=True)
        lines = {row["method"]: {x["x"]: with_interval(x) for x in here if x["method"] == row["method"]} for row in here}
        last = {row["method"]: row["mean"] for row in here}
        for method in sorted(lines, key=lambda name: -last[name]):
            table.add_row(method, *(lines[method].get(x, "") for x in places))
        print_whole(table, console)
