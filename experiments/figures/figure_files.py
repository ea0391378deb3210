"""A figure's files: JSON with every setting, CSV with the numbers, and the comparison of a figure with one that was made before."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.files import parsed
from experiments.figures.paper_figures import FIGURES
from experiments.sweep import Result
from multicell_env.evaluation.writing import write_text

COLUMNS: tuple[str, ...] = (
    *("panel", "x", "method", "mean", "ci95", "std_over_starts", "slots_mean", "slots_ci95"),
    *("median_iterations", "not_settled", "num_blocks", "num_starts"),
)


def shown(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The numbers of a figure, one row for each marker that it shows, in the unit of its y axis.

    `mean` is what the marker shows, `slots_mean` the mean over the slots. `median_iterations` says when the negotiation settled, and
    `not_settled` how many, of all starts in all blocks, did not.

    Args:
        content: What the figure's JSON holds.
    """
    figure, rows = FIGURES[content["figure"]], []
    marker = "settled" if figure.steady_state else "all"
    references = {(entry["panel"], entry["x"]): entry for entry in content["points"] if entry["method"] == figure.relative_to}
    for entry in content["points"]:
        settings, result = entry["settings"], entry["result"]
        unit = settings["config"]["num_users"] if figure.per_user else 1
        if figure.relative_to:
            unit = references[entry["panel"], entry["x"]]["result"][marker]["mean"] / 100.0

        def scaled(value: float | None, unit: float = unit) -> float | None:
            return None if value is None else value / unit

        place = {
            **{"panel": entry["panel"], "x": entry["x"], "method": entry["method"]},
            **{"num_blocks": settings["num_blocks"], "num_starts": settings["num_starts"]},
            **dict.fromkeys(("slots_mean", "slots_ci95", "median_iterations", "not_settled")),
        }
        if figure.num_iterations:
            stds = result["std_over_starts"] or [None] * figure.num_iterations
            for iteration, (mean, ci95, std) in enumerate(zip(result["mean"], result["ci95"], stds, strict=True), start=1):
                rows.append({**place, "x": iteration, "mean": mean, "ci95": ci95, "std_over_starts": std})
        else:
            numbers = {key: scaled(result[marker][key]) for key in ("mean", "ci95", "std_over_starts")}
            slots = {f"slots_{key}": scaled(result["all"][key]) for key in ("mean", "ci95")}
            when = result["iterations"] or {"median": None, "not_settled": None}
            rows.append({**place, **numbers, **slots, "median_iterations": when["median"], "not_settled": when["not_settled"]})
    return rows


def write_files(content: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write `figureN.json` and `figureN.csv`; the CSV has what the figure shows."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"figure{content['figure']}"
    as_json, as_csv = stem.with_suffix(".json"), stem.with_suffix(".csv")
    head = {key: value for key, value in content.items() if key != "points"}
    lines = ",\n".join(json.dumps(entry, allow_nan=False) for entry in content["points"])  # a line for a point keeps differences readable
    write_text(as_json, json.dumps(head, indent=1, allow_nan=False)[:-2] + ',\n "points": [\n' + lines + "\n]}\n")
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, COLUMNS)
    writer.writeheader()
    writer.writerows(shown(content))
    write_text(as_csv, table.getvalue())
    return [as_json, as_csv]


def read_figure(path: Path) -> dict[str, Any]:
    """What `write_files` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no figure's JSON.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}. Give a figureN.json that evaluate.py --figure made.")
    try:
        content = parsed(path.read_text())
        if content["figure"] in FIGURES and all(
            {"panel", "x", "method", "settings", "result"} <= set(entry) and {"all", "settled", "iterations"} <= set(entry["result"])
            for entry in content["points"]
        ):
            return content
        raise ValueError("it has no points of a figure, or points without an equilibrium")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} must be a figure's JSON from evaluate.py --figure; got something else ({error}). Make it again."
        ) from error


def compare(before: Sequence[Mapping[str, Any]], results: Sequence[Result], *, same_seed: bool) -> tuple[bool, str]:
    """Whether points that were measured again agree with what they were.

    With the same seed their numbers must be identical. With another one, the means over blocks where the negotiation settles, or in the
    last slot, must lie within twice their joint 95 % interval; about one in twenty lies outside of it once.

    Returns:
        Whether they agree, and a line that says how well.
    """
    numbers = ("mean", "ci95", "std_over_starts", "all", "settled", "iterations")
    pairs = [(entry["result"], result) for entry, result in zip(before, results, strict=True)]
    if same_seed:
        other = [entry for entry, result in zip(before, results, strict=True) if any(entry["result"][n] != result[n] for n in numbers)]
        where = "" if not other else f"; the first that differs: {other[0]['method']} at {other[0]['panel']}, {other[0]['x']}"
        return not other, f"{len(pairs) - len(other)} of {len(pairs)} points are identical{where}"
    deviations = []
    for old, new in pairs:
        half_width = ((old["settled"]["ci95"] or 0.0) ** 2 + (new["settled"]["ci95"] or 0.0) ** 2) ** 0.5
        difference = abs(new["settled"]["mean"] - old["settled"]["mean"])
        deviations.append(0.0 if difference == 0.0 else difference / half_width if half_width else float("inf"))
    inside = sum(deviation <= 1.0 for deviation in deviations)
    line = (
        f"{inside} of {len(pairs)} points lie within their joint 95 % interval; the farthest at {max(deviations):.2f} times its half-width"
    )
    return max(deviations) <= 2.0, line
