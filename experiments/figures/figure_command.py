"""The command `evaluate.py --figure` and `--claims`: the paper's figures measured, written and drawn; its claims judged."""

import hashlib
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from agents.loading import PRETRAINED, load
from agents.run_directory import RunDirectory
from experiments.command_line import check_folder, check_positive
from experiments.executors.engines import check_cluster, opened
from experiments.executors.jobs import Workers
from experiments.figures.equilibrium import MOST_ITERATIONS, TOLERANCE
from experiments.figures.figure_arguments import FIGURES_FOLDER, ClaimsArguments, FigureArguments
from experiments.figures.figure_files import compare, read_figure, write_files
from experiments.figures.figure_table import print_figure
from experiments.figures.measurement import measure
from experiments.figures.paper_figures import FIGURES, FULL, PAPER_FIGURES, QUICK, Actor, points, rows_of
from experiments.figures.trainings import is_trained, needed_trainings, train_missing, training_of
from experiments.provenance import provenance
from experiments.sources import digest_of_sources
from experiments.sweep import Point, Result, sweep
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.playing import FIRST_SEED
from multicell_env.evaluation.policies import Policy
from multicell_env.evaluation.writing import write_text

if TYPE_CHECKING:
    from agents.saved_actor import ActorPolicy

ROOT = Path(__file__).parents[2]
SETTINGS_OF_FILE = ("quick", "num_blocks", "train", "output", "actor")
"""Arguments that --from takes from the figure's file, or does not need."""
Load = Callable[[Path], "ActorPolicy"]
"""A picklable function that loads a trained actor, also in other processes."""


def make_figures(arguments: FigureArguments, load: Load = load) -> dict[str, Any]:
    """Measure, print, write and draw figures; or measure one again and compare.

    Args:
        arguments: The command line.
        load: Loads a trained actor.

    Returns:
        What each figure's JSON holds, by its number; or the figure that was measured again, and what the comparison says.

    Raises:
        ValueError: an argument breaks its rule, or numbers that were measured again disagree.
    """
    given = {"num_workers": arguments.num_workers, "num_blocks": arguments.num_blocks}
    check_positive(**{name: number for name, number in given.items() if number is not None})
    check_cluster(arguments.workers)
    check_folder(output=arguments.output, runs=arguments.runs)
    seed = FIRST_SEED if arguments.seed is None else arguments.seed
    if seed < 0:
        raise ValueError(f"--seed must not be negative; got {seed}. Give 0 or more.")
    console = Console() if sys.stdout.isatty() else Console(width=140)
    if arguments.source is not None:
        defaults = FigureArguments(arguments.figure)
        if ignored := [name for name in SETTINGS_OF_FILE if getattr(arguments, name) != getattr(defaults, name)]:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in ignored)
            raise ValueError(f"--from measures again with the settings of its file, and writes nothing; got {flags}. Leave that out.")
        with opened(arguments.workers, arguments.num_workers) as workers:
            return _measure_again(arguments, load, console, workers)
    from experiments.figures.curves import save_figure

    numbers = sorted(FIGURES) if arguments.figure == "all" else [int(arguments.figure)]
    if arguments.train:
        shipped = {path.stem for path in PRETRAINED.iterdir()}
        train_missing([one for one in needed_trainings(numbers) if one.name not in shipped], arguments.runs, arguments.workers)
    effort = QUICK if arguments.quick else FULL
    if arguments.num_blocks is not None:
        effort = replace(effort, num_blocks=arguments.num_blocks, num_large_blocks=arguments.num_blocks)
    found = {number: points(FIGURES[number], effort, seed, partial(_actor, arguments, load)) for number in numbers}
    for method in dict.fromkeys(method for _, left_out in found.values() for method in left_out):
        console.print(f"note: {method} is left out where it has no trained actor; --train trains one", highlight=False)
    contents: dict[str, Any] = {}
    wanted = [point for places, _ in found.values() for point in places.values()]
    with opened(arguments.workers, arguments.num_workers) as workers:
        results = iter(_measured(wanted, arguments.runs / "points" / digest_of_sources(), workers, "measuring"))
    for number, (places, left_out) in found.items():
        content = {
            "figure": number,
            "title": FIGURES[number].title,
            "seed": seed,
            "effort": asdict(effort),
            "equilibrium": {"tolerance": TOLERANCE, "most_iterations": MOST_ITERATIONS},
            **provenance(),
            "sources": digest_of_sources(),
            "left_out": left_out,
            "points": rows_of(places, [next(results) for _ in places]),
        }
        output = arguments.output or (Path("results/quick") if arguments.quick else FIGURES_FOLDER)
        written = write_files(content, output)
        save_figure(content, output / f"figure{number}.png")
        print_figure(content, console)
        console.print(f"wrote {', '.join(map(str, written))} and {output / f'figure{number}.png'}", highlight=False)
        contents[str(number)] = content
    return contents


def _measured(wanted: Sequence[Point], cache: str | Path, workers: Workers, title: str) -> list[Result]:
    if workers.are_elsewhere:  # where the actors' files are not
        given = {point.make_policy: point.make_policy() for point in wanted if point.make_policy is not None}
        wanted = [replace(point, make_policy=point.make_policy and partial(_given, given[point.make_policy])) for point in wanted]
    return sweep(wanted, measure, cache, num_workers=workers.num_workers, title=title, executor=workers.executor)


def _given(policy: Policy) -> Policy:
    return policy


def _measure_again(arguments: FigureArguments, load: Load, console: Console, workers: Workers) -> dict[str, Any]:
    assert arguments.source is not None
    before = read_figure(arguments.source)
    if str(before["figure"]) != arguments.figure:
        raise ValueError(f"--figure must be {before['figure']}, which {arguments.source} is; got {arguments.figure}. Name that figure.")
    again = []
    for entry in before["points"]:
        settings = {**entry["settings"], "seed": entry["settings"]["seed"] if arguments.seed is None else arguments.seed}
        actor = settings["actor"]
        if actor is not None and _described_actor(Path(actor["path"]), load).sha256 != actor["sha256"]:
            raise ValueError(f"{actor['path']} must be the file that the figure was made with; it has changed. Make the figure again.")
        again.append(Point(settings, None if actor is None else partial(load, actor["path"])))
    same_seed = all(point.settings["seed"] == entry["settings"]["seed"] for point, entry in zip(again, before["points"], strict=True))
    with tempfile.TemporaryDirectory() as empty:  # nothing that was measured before may stand in
        results = _measured(again, empty, workers, "measuring again")
    agrees, line = compare(before["points"], results, same_seed=same_seed)
    console.print(f"figure {arguments.figure} from {arguments.source}: {line}", highlight=False)
    if not agrees:
        raise ValueError(f"{arguments.source} must be reproduced; it is not. Look for changes since its commit {before['git_commit']}.")
    return {"figure": before["figure"], "from": str(arguments.source), "agrees": agrees, "comparison": line}


def _actor(arguments: FigureArguments, load: Load, method: str, config: NetworkConfig) -> Actor | None:
    """The actor of a method: for another network than the shipped one's, one that ships or was trained by --train."""
    training = training_of(method, config)
    if training is None:
        return _described_actor(arguments.actor, load)
    shipped = PRETRAINED / f"{training.name}.safetensors"
    if shipped.exists():
        return _described_actor(shipped, load)
    # A run in progress has a best actor too, and another one a minute later.
    return _described_actor(RunDirectory(arguments.runs / training.name).best_path, load) if is_trained(training, arguments.runs) else None


def _described_actor(path: Path, load: Load) -> Actor:
    observation = load(path).metadata["observation"]  # says what is wrong with the file
    absolute = path.resolve()
    name = str(absolute.relative_to(ROOT)) if absolute.is_relative_to(ROOT) else str(absolute)
    return Actor(name, hashlib.sha256(path.read_bytes()).hexdigest(), observation, partial(load, path))


def compare_claims(arguments: ClaimsArguments) -> list[dict[str, Any]]:
    """Print the paper's claims beside our numbers, and write `claims.md`, `claims.json` and `claims.png`.

    Returns:
        What `claims.json` holds.
    """
    from experiments.figures.claim_verdicts import as_json, as_markdown, verdicts
    from experiments.figures.claims_picture import save_claims

    found = {n: read_figure(path) for n in PAPER_FIGURES if (path := arguments.figures / f"figure{n}.json").exists()}
    for number in sorted(set(PAPER_FIGURES) - set(found)):
        print(f"figure {number} is missing: python evaluate.py --figure {number} --train --output {arguments.figures}", file=sys.stderr)
    try:
        judged = verdicts(found)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"the figures in {arguments.figures} must be those of evaluate.py --figure; one has other points ({type(error).__name__}: "
            f"{error}). Make them again: python evaluate.py --figure all --train --output {arguments.figures}"
        ) from error
    content = as_json(judged)
    arguments.figures.mkdir(parents=True, exist_ok=True)
    write_text(arguments.figures / "claims.json", json.dumps(content, indent=1, allow_nan=False) + "\n")
    write_text(arguments.figures / "claims.md", as_markdown(judged, found))
    save_claims(judged, arguments.figures / "claims.png")
    print(as_markdown(judged, found))
    return content
