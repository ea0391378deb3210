"""An actor where one thing about the game changes: measurements of a slot, the SIR, or the error of what is measured."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from experiments.executors.jobs import HERE, Job, Progress, Workers, results_of
from experiments.provenance import provenance
from experiments.studies.actor_curves_figure import save_curve
from experiments.studies.own_game import own_network, own_rules, play_own_game
from experiments.studies.scenario_evaluation import evaluate_networks
from multicell_env.allocations.registry import BEST_KNOWN
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.comparison import play_policy
from multicell_env.evaluation.playing import evaluate_allocations
from multicell_env.evaluation.policies import Policy
from multicell_env.evaluation.results import MethodResult, summary
from multicell_env.evaluation.tables import print_whole, with_interval
from multicell_env.evaluation.writing import write_text
from multicell_env.scenarios import draw_networks, scenario_named

MEASUREMENTS = (1, 2, 3, 5)
"""Rounds of a slot, and iterations of the negotiations beside them."""
SIRS_DB = (0.0, 5.0, 10.0, 15.0, 20.0)
SIZES = ((8, 4), (32, 16))
"""Antennas and users of the paper's networks."""
ERRORS_DB = (0.0, 1.0, 3.0)
"""Standard deviations of the measurement error."""
Capacities = Float[np.ndarray, " block"]
"""Average cell capacity of every block, mean over its slots, bit/s/Hz."""
Points = dict[str, list[dict[str, Any]]]
"""By the method's name a point for each x: its `mean` and `ci95`, and the `capacity` that it stands for, bit/s/Hz."""


@dataclass(frozen=True)
class Asked:
    """What is measured."""

    name: str
    """The actor's name in tables; rows are `NAME_rounds` and `NAME_rounds_then_pricing`."""
    policy: Policy
    """The actor, whose game has rounds."""
    num_blocks: int
    """Networks of each scenario with one block each, or blocks of each network."""
    seed: int
    """Block i is the one that `env.reset(seed=seed + i)` draws, on network i of a scenario."""
    scenarios: Sequence[str]
    """Scenarios by their names."""
    workers: Workers = HERE
    """Where."""

    @property
    def without_workers(self) -> "Asked":
        """What workers are told."""
        return replace(self, workers=HERE)


@dataclass(frozen=True)
class Curve:
    """One thing that changes, and what is shown of it."""

    title: str
    x_label: str
    y_label: str
    panels: Callable[[Asked], Mapping[str, tuple[Points, Mapping[str, Any]]]]
    """By the panel's name its points, and what else there is to say of it."""


def measure_curve(asked: Asked, curve: str, output: Path) -> dict[str, Any]:
    """Measure a curve of `CURVES`; print its tables, write `curve_NAME.json` and `curve_NAME.png`.

    Args:
        asked: What is measured.
        curve: The curve's name.
        output: Directory for the files.

    Returns:
        What the JSON file holds.

    Raises:
        ValueError: the actor's game has no rounds.
    """
    if not own_rules(asked.policy):
        raise ValueError(
            f"--curve needs an actor whose actions are price multipliers in rounds; got {asked.name}, whose actions are powers. "
            "Give rounds, or a run of train.py --algo apg --preset rounds."
        )
    one = CURVES[curve]
    output.mkdir(parents=True, exist_ok=True)
    console = Console(width=None if sys.stdout.isatty() else 110)
    with Console(stderr=True).status(f"measuring the curve {curve} ...") if asked.workers.executor is None else nullcontext():
        measured = one.panels(asked)
    content: dict[str, Any] = {
        "curve": curve,
        "title": one.title,
        "x_label": one.x_label,
        "y_label": one.y_label,
        "actor": asked.name,
        "seed": asked.seed,
        "num_blocks": asked.num_blocks,
        **provenance(),
        "panels": {panel: {"methods": points, **more} for panel, (points, more) in measured.items()},
    }
    write_text(output / f"curve_{curve}.json", json.dumps(content, indent=1, allow_nan=False) + "\n")
    save_curve(content, output / f"curve_{curve}.png")
    _print(content, console)
    console.print(f"wrote {output / f'curve_{curve}.json'} and {output / f'curve_{curve}.png'}", highlight=False)
    return content


def rounds_panels(asked: Asked) -> dict[str, tuple[Points, Mapping[str, Any]]]:
    """Every scenario: R rounds of the actor, and R iterations of FLWF and of pricing, in percent of the best known of every network.

    The best known of a network is the highest of everything that is measured here and of WMMSE.
    """
    return {name: _rounds_panel(asked, name) for name in asked.scenarios}


def _rounds_panel(asked: Asked, scenario: str) -> tuple[Points, Mapping[str, Any]]:
    of = _capacities(asked, scenario, _play_counts)
    best = np.max(list(of.values()), axis=0)
    names = list(dict.fromkeys(name.rpartition(" ")[0] for name in of if " " in name))
    points = {name: [_share(x, of[f"{name} {x}"], best) for x in MEASUREMENTS] for name in names}
    points["planned"] = [_share(x, of["planned"], best) for x in MEASUREMENTS]
    return points, {"best_known": float(best.mean())}


def _play_counts(asked: Asked, config: NetworkConfig, index: int) -> list[MethodResult]:
    where = _where(asked, index)
    results = evaluate_allocations(config, methods=(BEST_KNOWN, "planned"), **where)
    for count in MEASUREMENTS:
        played = play_own_game(asked.name, asked.policy, config, rounds_per_slot=count, **where)
        played += evaluate_allocations(replace(config, num_iterations=count), methods=("pricing", "flwf"), **where)
        results += [replace(result, name=f"{result.name} {count}") for result in played]
    return results


def sir_panels(asked: Asked) -> dict[str, tuple[Points, Mapping[str, Any]]]:
    """The paper's networks: what the actor has above the better of uniform power and the plan, in percent of that, SIR by SIR.

    The better is the one with the higher mean over the blocks.
    """
    panels = {}
    networks = {
        (size, sir_db): NetworkConfig(num_antennas=size[0], num_users=size[1], sir_db=sir_db) for size in SIZES for sir_db in SIRS_DB
    }
    jobs = [Job(partial(_play_network, asked.without_workers, config), config.describe()) for config in networks.values()]
    played = dict(zip(networks, results_of(jobs, asked.workers, Progress("measuring", "network")), strict=True))
    for antennas, users in SIZES:
        points: Points = {}
        better = []
        for sir_db in SIRS_DB:
            of = {result.name: result.of_blocks("all_slots") for result in played[(antennas, users), sir_db]}
            reference = max(("uniform", "planned"), key=lambda name: of[name].mean())
            better.append({"x": sir_db, "method": reference, "capacity": float(of[reference].mean())})
            for name, capacities in of.items():
                points.setdefault(name, []).append(_gain(sir_db, capacities, of[reference], of[reference]))
        panels[f"(M, U) = ({antennas}, {users})"] = points, {"better": better}
    return panels


def _play_network(asked: Asked, config: NetworkConfig) -> list[MethodResult]:
    where: dict[str, Any] = {"num_blocks": asked.num_blocks, "seed": asked.seed, "timed": False}
    results = play_own_game(asked.name, asked.policy, config, **where)
    return results + evaluate_allocations(config, methods=("pricing", "uniform", "planned"), **where)


def error_panels(asked: Asked) -> dict[str, tuple[Points, Mapping[str, Any]]]:
    """Every scenario: what wrong measurements cost, in points of the best known.

    `NAME_rounds` acts in every round, `NAME_rounds_opening` in those of the first slot before untilted prices go on, and `untilted` is
    the best response to the prices in every round. The best known of a network is the highest of these without errors, of the plan and
    of WMMSE.
    """
    return {name: _error_panel(asked, name) for name in asked.scenarios}


def _error_panel(asked: Asked, scenario: str) -> tuple[Points, Mapping[str, Any]]:
    of = _capacities(asked, scenario, _play_errors)
    right = [capacities for name, capacities in of.items() if " " not in name or name.endswith(" 0.0")]
    best = np.max(right, axis=0)
    names = list(dict.fromkeys(name.rpartition(" ")[0] for name in of if " " in name))
    points = {name: [_gain(x, of[f"{name} {x}"], of[f"{name} {ERRORS_DB[0]}"], best) for x in ERRORS_DB] for name in names}
    return points, {"best_known": float(best.mean())}


def _play_errors(asked: Asked, config: NetworkConfig, index: int) -> list[MethodResult]:
    where = _where(asked, index)
    results = evaluate_allocations(config, methods=(BEST_KNOWN, "planned"), **where)
    for error_db in ERRORS_DB:
        wrong = replace(own_network(asked.policy, config), num_iterations=0, measurement_error_db=error_db)
        played = [play_policy(f"{asked.name}_rounds", asked.policy, wrong, acting_slots=slots, **where) for slots in (None, 1)]
        played.append(play_policy("untilted", _Untilted(), wrong, **where))
        results += [replace(result, name=f"{result.name} {error_db}") for result in played]
    return results


class _Untilted:
    """Actions of no tilt: the best response to prices as they are."""

    observation, batched = "price", True

    def __call__(self, observations: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {agent: np.zeros((len(planes), *planes.shape[2:])) for agent, planes in observations.items()}


def _where(asked: Asked, index: int) -> dict[str, Any]:
    """One block of a scenario's network, as `compare_on_scenario` plays it."""
    return {"num_blocks": 1, "seed": asked.seed + index, "timed": False}


def _capacities(asked: Asked, scenario: str, play_all: Callable[[Asked, NetworkConfig, int], list[MethodResult]]) -> dict[str, Capacities]:
    networks = draw_networks(scenario_named(scenario), asked.num_blocks, asked.seed)
    results = evaluate_networks(networks, partial(play_all, asked.without_workers), asked.workers)
    return {result.name: result.of_blocks("all_slots") for result in results}


def _share(x: float, capacities: Capacities, best: Capacities) -> dict[str, Any]:
    """The mean in percent of the best's mean; the interval is that of the quotient of two means over the same blocks."""
    quotient = float(capacities.mean() / best.mean())
    return _point(x, 100.0 * quotient, 100.0 * (capacities - quotient * best) / best.mean(), capacities)


def _gain(x: float, capacities: Capacities, others: Capacities, unit: Capacities) -> dict[str, Any]:
    """The mean difference from others on the same blocks, in percent of the mean of `unit`, with its paired interval."""
    points = 100.0 * (capacities - others) / unit.mean()
    return _point(x, float(points.mean()), points, capacities)


def _point(x: float, mean: float, spread: Capacities, capacities: Capacities) -> dict[str, Any]:
    half_width = summary(spread)["ci95"]
    return {"x": x, "mean": mean, "ci95": None if np.isnan(half_width) else half_width, "capacity": float(capacities.mean())}


def _print(content: Mapping[str, Any], console: Console) -> None:
    """A table for each panel, the best at the right end first."""
    for panel, shown in content["panels"].items():
        console.print(f"\n{panel}: {' '.join(content['y_label'].split())}", markup=False, highlight=False, soft_wrap=True)
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column(escape(content["x_label"]), no_wrap=True)
        points = shown["methods"]
        for point in next(iter(points.values())):
            table.add_column(f"{point['x']:g}", justify="right", no_wrap=True)
        for name in sorted(points, key=lambda name: -points[name][-1]["mean"]):
            table.add_row(escape(name), *map(with_interval, points[name]))
        if "better" in shown:
            table.add_row(escape("the better [bit/s/Hz]"), *(f"{each['method']} {each['capacity']:.1f}" for each in shown["better"]))
        print_whole(table, console)


CURVES: Mapping[str, Curve] = {
    "rounds": Curve(
        "Score against measurements",
        "measurements a slot",
        "mean over the slots [% of best known]",
        rounds_panels,
    ),
    "sir": Curve(
        "Where neighbours become harmless",
        "SIR [dB]",
        "above the better of\nuniform power and plan [% of it]",
        sir_panels,
    ),
    "errors": Curve(
        "What wrong measurements cost",
        "measurement error [dB]",
        "against no errors [points of best known]",
        error_panels,
    ),
}
"""Curves by their names on the command line."""
