"""What the runs of ablations.py say: `ablations.json`, a table in `ablations.md` and the picture `ablations.png`."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from aggregates import Aggregate, aggregate
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PEERS = Path("docs/peers")
Paths = Mapping[str, Mapping[str, Sequence[Path]]]
"""Group -> variant -> run directories, one for each seed."""

SCORES = {
    "first_slot": ("first slot", "#009E73", "^"),
    "last_slot": ("last slot", "#D55E00", "o"),
    "all_slots": ("mean over slots", "#0072B2", "s"),
}
# Okabe and Ito's palette without its yellow; dashes and markers tell the rest.
STYLES = [
    {"color": "#000000", "marker": "o", "linestyle": "-"},
    {"color": "#D55E00", "marker": "s", "linestyle": "--"},
    {"color": "#0072B2", "marker": "^", "linestyle": "-."},
    {"color": "#009E73", "marker": "D", "linestyle": ":"},
    {"color": "#CC79A7", "marker": "v", "linestyle": (0, (5, 1, 1, 1, 1, 1))},
    {"color": "#E69F00", "marker": "x", "linestyle": (0, (1, 1))},
]


def read_run(path: Path) -> dict[str, Any]:
    """A finished run: closing scores and learning curve in percent of the assignment bound, each of its own blocks."""
    config = json.loads((path / "config.json").read_text())
    results = json.loads((path / "results.json").read_text())
    methods = results["methods"]
    bound = methods["assignment_bound"]["last_slot"]["mean"]
    actor = methods["td3mix"]
    with open(path / "metrics.csv", newline="") as file:
        rows = [{key: float(value or "nan") for key, value in row.items()} for row in csv.DictReader(file)]
    scores = {"first_slot": actor["per_slot"][0], "last_slot": actor["last_slot"]["mean"], "all_slots": actor["all_slots"]["mean"]}
    return {
        "seed": config["arguments"]["seed"],
        "commit": config["git_commit"],
        "arguments": config["arguments"],
        "seconds": rows[-1]["seconds"],
        "env_steps": [int(row["env_steps"]) for row in rows],
        # last_slot / percent_of_bound is the validation blocks' bound.
        "curve": [row["all_slots"] / row["last_slot"] * row["percent_of_bound"] for row in rows],
        "bound": bound,
        "num_blocks": results["num_blocks"],
        "capacity": scores,
        "percent": {key: 100.0 * value / bound for key, value in scores.items()},
    }


def summarised(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One variant's runs, and what they have in common."""
    return {
        "percent": {key: _lists(aggregate(np.array([run["percent"][key] for run in runs]))) for key in SCORES},
        "curve": _lists(aggregate(np.array([run["curve"] for run in runs]))),
        "env_steps": runs[0]["env_steps"],
        "seconds": float(np.median([run["seconds"] for run in runs])),
        "runs": [dict(run) for run in runs],
    }


def read_peers(folder: Path, bound: float) -> dict[str, Any]:
    """What other libraries' algorithms reached, by name, settings and environment steps; empty without the folder."""
    runs: dict[str, list[Any]] = {}
    for path in sorted(folder.glob("*.json")):
        run = json.loads(path.read_text())
        if "scenario" in run:  # a table of learned rounds: another game
            continue
        runs.setdefault("{algorithm}, {settings}".format(**run["arguments"]) + f", {run['env_steps']:,} steps", []).append(run)
    return {
        name: {
            "percent": {key: _lists(aggregate(np.array([100.0 * run[key]["mean"] / bound for run in some]))) for key in SCORES},
            "env_steps": [some[0]["env_steps"]],
            "seconds": float(np.median([run["seconds"] for run in some])),
            "runs": some,
        }
        for name, some in runs.items()
    }


def collected(paths: Paths, peers: Path) -> dict[str, dict[str, Any]]:
    """Group -> variant -> its summary, of the runs that have finished; other libraries' algorithms are one more group.

    Raises:
        ValueError: no run has finished.
    """
    finished = {
        group: {name: [path for path in some if (path / "results.json").exists()] for name, some in variants.items()}
        for group, variants in paths.items()
    }
    groups = {
        group: {name: summarised([read_run(path) for path in some]) for name, some in variants.items() if some}
        for group, variants in finished.items()
    }
    groups = {group: variants for group, variants in groups.items() if variants}
    if not groups:
        raise ValueError("there must be a finished run to report; got none. Train some: leave out --report-only.")
    first = next(iter(next(iter(groups.values())).values()))["runs"][0]
    others = read_peers(peers, first["bound"])
    return groups | ({"peers": others} if others else {})


def as_markdown(groups: Mapping[str, Mapping[str, Any]], command: str) -> str:
    """The page with the table."""
    first = next(iter(next(iter(groups.values())).values()))
    run, seeds = first["runs"][0], max(len(variant["runs"]) for variants in groups.values() for variant in variants.values())
    lines = [
        "# What each part of TD3-MIX is worth",
        "",
        "An ablation study of TD3-MIX, beside algorithms of other libraries.",
        "",
        "```console",
        command,
        "```",
        "",
        f"{first['env_steps'][-1]:,} environment steps a run, {seeds} seeds, the default scenario. The best actor of each run, by its",
        f"mean over slots on validation blocks, plays {run['num_blocks']} unseen blocks. Percent of the assignment bound: interquartile",
        "mean over seeds [95 % bootstrap interval over seeds]. Intervals of so few seeds tend to be too short: two that nearly touch",
        "show no difference. Seconds: median elapsed time of a training with its evaluations, with others in parallel on a shared machine.",
        "",
        "`default` is the same runs in every group. The others differ in one thing: the mixer (`--mixer sum`, `none`), the value that",
        "the actor maximises (`--actor-gradient critic`), one critic (`--num-critics 1`), the network (`mlp`: `--network mlp`),",
        "the observation (`set-csi`: `--observation csi`), both and the paper's hyperparameters (`paper`: `--preset paper`), or k",
        "iterations (`--num-iterations`). Peers are other libraries' algorithms, by `benchmarks/peer_algorithms.py`.",
        "",
        "![Learning curves and closing scores](ablations.png)",
        "",
        "| group | variant | seeds | first slot [%] | last slot [%] | mean over slots [%] | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for group, variants in groups.items():
        for name, variant in variants.items():
            cells = (
                "{iqm:.1f} [{low:.1f}, {high:.1f}]".format(**variant["percent"][key]) for key in ("first_slot", "last_slot", "all_slots")
            )
            lines.append(f"| {group} | {name} | {len(variant['runs'])} | {' | '.join(cells)} | {variant['seconds']:.0f} |")
    return "\n".join(lines) + "\n"


def save_picture(groups: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """A panel of learning curves for each group that has them, and the closing scores of all."""
    learned = [group for group, variants in groups.items() if all("curve" in variant for variant in variants.values())]
    num_rows = sum(len(variants) + 1 for variants in groups.values())
    figure = Figure(figsize=(15.0, max(3.2 * len(learned), 0.34 * num_rows + 1.5)), dpi=100, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1.0, 1.0))
    for axes, group in zip(np.ravel(left.subplots(len(learned), 1, sharex=True, squeeze=False)), learned, strict=True):
        _draw_curves(axes, group, groups[group])
    axes.set_xlabel("environment steps")
    _draw_scores(right, groups)
    figure.savefig(path)


def _draw_curves(axes: Axes, group: str, variants: Mapping[str, Any]) -> None:
    for style, (name, variant) in zip(STYLES, variants.items(), strict=False):
        curve = variant["curve"]
        axes.plot(variant["env_steps"], curve["iqm"], markersize=4, label=name, **style)
        axes.fill_between(variant["env_steps"], curve["low"], curve["high"], color=style["color"], alpha=0.15, linewidth=0)
    axes.set_ylim(0.0, 100.0)
    axes.set_ylabel("mean over slots\n[% of bound]")
    axes.set_title(group, fontsize="medium", loc="left")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize="small", frameon=False)


def _draw_scores(figure: Any, groups: Mapping[str, Mapping[str, Any]]) -> None:
    axes = figure.subplots()
    labels, row = [], 0
    for group, variants in groups.items():
        labels.append((row, group, "bold"))
        for name, variant in variants.items():
            row += 1
            labels.append((row, name, "normal"))
            for shift, (key, (label, colour, marker)) in zip((-0.25, 0.0, 0.25), SCORES.items(), strict=True):
                score = variant["percent"][key]
                axes.plot([score["low"], score["high"]], [row + shift] * 2, color=colour, linewidth=2)
                axes.plot(score["iqm"], row + shift, color=colour, marker=marker, linestyle="", label=label if row == 1 else None)
                if "curve" in variant:
                    seeds = [run["percent"][key] for run in variant["runs"]]
                    axes.plot(seeds, [row + shift] * len(seeds), color=colour, marker="|", markersize=5, alpha=0.6, linestyle="")
        row += 1
    axes.set_yticks([position for position, _, _ in labels], [text for _, text, _ in labels])
    for tick, (_, _, weight) in zip(axes.get_yticklabels(), labels, strict=True):
        tick.set_fontweight(weight)
    axes.set_ylim(row - 0.4, -0.6)
    axes.set_xlim(0.0, 102.0)
    axes.set_xlabel("capacity on unseen blocks [% of assignment bound]\nmarks: interquartile mean; bars: 95 % interval; ticks: seeds")
    axes.grid(alpha=0.3, axis="x")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)


def write_report(paths: Paths, output: Path, command: str, peers: Path = PEERS) -> None:
    """Read what has finished and write the three files.

    Raises:
        ValueError: no run has finished.
    """
    groups = collected(paths, peers)
    (output / "ablations.json").write_text(json.dumps({"command": command, "groups": groups}, indent=1, allow_nan=False) + "\n")
    (output / "ablations.md").write_text(as_markdown(groups, command))
    save_picture(groups, output / "ablations.png")
    print(f"wrote {output / 'ablations.json'}, {output / 'ablations.md'} and {output / 'ablations.png'}")


def _lists(scores: Aggregate) -> dict[str, Any]:
    return {key: value.tolist() for key, value in scores._asdict().items()}
