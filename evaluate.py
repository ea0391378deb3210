"""Play a trained actor and every allocation on the same unseen channels: one table, `results.json` and `comparison.png`.

python evaluate.py                     # the actor that ships with the project
python evaluate.py runs/<name>         # your own run
python evaluate.py --num-antennas 32 --num-users 16 --num-blocks 50
python evaluate.py --scenarios irregular-7
python evaluate.py --generalise        # one actor on the paper's networks and on some that it never saw
python evaluate.py --figure all --quick # the paper's figures 5 to 9 on few channels; without --quick as they are in docs/figures
python evaluate.py --figure 5 --from docs/figures/figure5.json   # whether its numbers come out again
python evaluate.py --claims            # the paper's claims beside the figures' numbers
"""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import tyro
from rich.console import Console

from agents.run_directory import RunDirectory
from agents.saved_actor import ActorPolicy, load_actor
from multicell_env.command_line import check_positive, parse, run_command
from multicell_env.config import NetworkConfig
from multicell_env.evaluation import FIRST_SEED, METHODS, MethodResult, as_json, evaluate_allocations, evaluate_policy
from multicell_env.figure_files import compare, read_figure, write_files
from multicell_env.measurement import measure
from multicell_env.paper_figures import FIGURES, FULL, QUICK, Actor, points, rows_of
from multicell_env.provenance import provenance
from multicell_env.scenario_evaluation import evaluate_networks
from multicell_env.scenarios import PAPER, UNSEEN, draw_networks, scenario_named
from multicell_env.sweep import Point, Result, digest_of_sources, sweep
from multicell_env.tables import print_figure, print_generalisation, print_table
from multicell_env.trainings import needed_trainings, own_training, train_missing, training_of

PRETRAINED = Path(__file__).parent / "agents" / "pretrained" / "td3mix.pt"
GENERALIST = PRETRAINED.with_name("generalist.safetensors")
FIGURES_FOLDER = Path("docs/figures")


@dataclass(frozen=True)
class EvaluateArguments:
    """Play a trained actor and every allocation on the same unseen channels."""

    run: tyro.conf.Positional[Path | None] = None
    """Run directory made by train.py; without it, the actor that ships with the project."""
    num_blocks: int = 200
    """Unseen blocks to play."""
    seed: int = FIRST_SEED
    """Block i is the one that env.reset(seed=seed + i) draws."""
    output: Path | None = None
    """Where results.json and comparison.png go; the run directory, or results/ without a run or on another network than the run's."""
    num_threads: int = 1
    """Threads of torch; small networks are fastest on one."""
    scenarios: str | None = None
    """Play on networks drawn from mixture, unequal-load, asymmetric, irregular-7 or irregular-12, one block each, not on one network."""
    scenario: tyro.conf.OmitArgPrefixes[NetworkConfig] = field(default_factory=NetworkConfig)
    """Network to play on; the run's own unless said otherwise."""


@dataclass(frozen=True)
class FigureArguments:
    """Make the paper's figures: tables, and figureN.png, .csv and .json with every setting. Goes on where it was stopped."""

    figure: Literal["5", "6", "7", "8", "9", "all"]
    """Which figure."""
    quick: bool = False
    """Few channels, for a first look; the files go to results/quick."""
    train: bool = False
    """Train what is neither shipped nor trained; otherwise such methods are left out."""
    seed: int | None = None
    """Block i is the one that env.reset(seed=seed + i) draws."""
    source: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """A figure's JSON to measure again by its own settings: the same numbers, or, with another --seed, numbers within the interval."""
    output: Path | None = None
    """Where the files go; docs/figures, or results/quick."""
    actor: Path = PRETRAINED
    """The actor of td3mix and td3mix_opening."""
    runs: Path = Path("runs/figures")
    """Where trainings and finished points are kept."""
    num_workers: int = os.cpu_count() or 2
    """Processes that measure."""


@dataclass(frozen=True)
class ClaimsArguments:
    """Compare the paper's claims with the figures' numbers; writes claims.md and claims.json beside the figures."""

    claims: Literal[True]
    """Ask for the claims."""
    figures: Path = FIGURES_FOLDER
    """Where the figures' JSON files are."""


@dataclass(frozen=True)
class GeneraliseArguments:
    """Play one actor on the paper's networks and on named ones that it never saw; writes generalise.json."""

    generalise: Literal[True]
    """Ask for it."""
    actor: Path = GENERALIST
    """The actor."""
    train: bool = False
    """Train an actor for each network alone where there is none; otherwise they are left out."""
    runs: Path = Path("runs/own")
    """Where those are kept."""
    num_blocks: int = 100
    """Unseen blocks of each network."""
    seed: int = FIRST_SEED
    """Block i is the one that env.reset(seed=seed + i) draws."""
    output: Path = Path("docs")
    """Where generalise.json goes."""


def main(argv: list[str]) -> None:
    """Run the command line."""
    flags = {word.split("=")[0] for word in argv}
    if "--figure" in flags:
        make_figures(parse(FigureArguments, argv, tyro.MISSING_NONPROP))
        return
    if "--claims" in flags:
        compare_claims(parse(ClaimsArguments, ["--claims", "True", *(word for word in argv if word != "--claims")], tyro.MISSING_NONPROP))
        return
    if "--generalise" in flags:
        words = ["--generalise", "True", *(word for word in argv if word != "--generalise")]
        generalise(parse(GeneraliseArguments, words, tyro.MISSING_NONPROP))
        return
    # The run must be known before the command line is read, because the network that it was trained on is the default.
    words = [word for before, word in pairwise(["", *argv]) if before != "--output" and not word.startswith("-")]
    run = next((Path(word) for word in words if (Path(word) / "config.json").exists()), None)
    shipped = GENERALIST if "--scenarios" in flags else PRETRAINED
    actor = load_actor(shipped if run is None else RunDirectory(run).best_path)
    defaults = EvaluateArguments(scenario=NetworkConfig.from_json(actor.metadata["config"]), scenarios=actor.metadata.get("scenarios"))
    arguments = parse(EvaluateArguments, argv, defaults)
    if arguments.run != run:
        RunDirectory(arguments.run or Path()).config()  # says what is wrong with it
        raise ValueError(f"it is not clear which run to evaluate: {run} or {arguments.run}. Give the run directory first.")
    check_positive(num_blocks=arguments.num_blocks, num_threads=arguments.num_threads)
    if arguments.seed < 0:
        raise ValueError(f"--seed must not be negative; got {arguments.seed}. Give 0 or more.")
    torch.set_num_threads(arguments.num_threads)
    own = run is not None and (arguments.scenario, arguments.scenarios) == (defaults.scenario, defaults.scenarios)
    output = arguments.output or (run if run is not None and own else Path("results"))
    if arguments.scenarios is not None:
        networks = draw_networks(scenario_named(arguments.scenarios), arguments.num_blocks, arguments.seed)
        evaluate_scenario(actor, arguments.scenarios, networks, seed=arguments.seed, output=output)
        return
    evaluate_actor(actor, arguments.scenario, num_blocks=arguments.num_blocks, seed=arguments.seed, output=output)


def evaluate_actor(
    actor: ActorPolicy, config: NetworkConfig, *, num_blocks: int, seed: int, output: Path, methods: Collection[str] = METHODS
) -> dict[str, Any]:
    """Play the actor and the allocations, print the table, write `results.json` and `comparison.png`.

    Returns:
        What `results.json` holds.
    """
    from multicell_env.figures import save_comparison

    output.mkdir(parents=True, exist_ok=True)
    console = Console() if sys.stdout.isatty() else Console(width=100)
    with console.status(f"playing {num_blocks} unseen blocks ..."):
        results = _play_all(actor, config, num_blocks, seed, methods)
    print_table(results, config, console)
    if config != (trained_on := NetworkConfig.from_json(actor.metadata["config"])):
        console.print(f"note: this actor was trained on another network ({trained_on.describe()})", highlight=False)
    content = as_json(results, config, seed, num_blocks, observation=actor.metadata["observation"])
    (output / "results.json").write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    save_comparison(content, output / "comparison.png")
    console.print(f"wrote {output / 'results.json'} and {output / 'comparison.png'}", highlight=False)
    return content


def _play_all(actor: ActorPolicy, config: NetworkConfig, num_blocks: int, seed: int, methods: Collection[str]) -> list[MethodResult]:
    name: str = actor.metadata.get("algo", "td3mix")
    settings: dict[str, Any] = {"observation": actor.metadata["observation"], "num_blocks": num_blocks, "seed": seed, "batched": True}
    return [
        evaluate_policy(name, actor, config, **settings),
        evaluate_policy(f"{name}_opening", actor, config, opening_only=True, **settings),
        *evaluate_allocations(config, num_blocks=num_blocks, seed=seed, methods=methods),
    ]


def evaluate_scenario(
    actor: ActorPolicy, scenario: str, networks: list[NetworkConfig], *, seed: int, output: Path, methods: Collection[str] = METHODS
) -> None:
    """Play the actor and the allocations on one block of each network, print the table, write `results.json`."""
    output.mkdir(parents=True, exist_ok=True)
    console = Console() if sys.stdout.isatty() else Console(width=100)
    with console.status(f"playing {len(networks)} unseen networks ..."):
        results = evaluate_networks(networks, lambda config, index: _play_all(actor, config, 1, seed + index, methods))
    print_table(results, networks[0], console, title=f"{len(networks)} networks of the scenario {scenario}, one block each")
    content = as_json(results, networks[0], seed, len(networks), observation=actor.metadata["observation"], scenario=scenario)
    (output / "results.json").write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    console.print(f"wrote {output / 'results.json'}", highlight=False)


def generalise(arguments: GeneraliseArguments) -> None:
    """Play one actor on networks of all sizes, print the table, write `generalise.json`."""
    check_positive(num_blocks=arguments.num_blocks)
    actor, networks = load_actor(arguments.actor), {**PAPER, **UNSEEN}
    torch.set_num_threads(1)
    if arguments.train:
        train_missing([own_training(name, config) for name, config in networks.items()], arguments.runs)
    console = Console() if sys.stdout.isatty() else Console(width=140)
    rows, content = {}, {}
    for name, config in networks.items():
        with console.status(f"playing {arguments.num_blocks} unseen blocks of {name} ..."):
            rows[name] = _play_all(actor, config, arguments.num_blocks, arguments.seed, ("flwf", "reuse", "planned", "assignment_bound"))
            if (path := RunDirectory(arguments.runs / name).best_path).exists():
                own = load_actor(path)
                settings: dict[str, Any] = {"observation": own.metadata["observation"], "batched": True}
                rows[name].append(evaluate_policy("own", own, config, num_blocks=arguments.num_blocks, seed=arguments.seed, **settings))
        content[name] = as_json(rows[name], config, arguments.seed, arguments.num_blocks)
    print_generalisation(rows, console)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "generalise.json").write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    console.print(f"wrote {arguments.output / 'generalise.json'}", highlight=False)


def make_figures(arguments: FigureArguments) -> None:
    """Measure, print, write and draw figures; or measure one again and compare.

    Raises:
        ValueError: an argument breaks its rule, or numbers that were measured again disagree.
    """
    check_positive(num_workers=arguments.num_workers)
    seed = FIRST_SEED if arguments.seed is None else arguments.seed
    if seed < 0:
        raise ValueError(f"--seed must not be negative; got {seed}. Give 0 or more.")
    console = Console() if sys.stdout.isatty() else Console(width=140)
    torch.set_num_threads(1)
    if arguments.source is not None:
        _measure_again(arguments, console)
        return
    from multicell_env.curves import save_figure

    numbers = sorted(FIGURES) if arguments.figure == "all" else [int(arguments.figure)]
    if arguments.train:
        train_missing(needed_trainings(numbers), arguments.runs)
    effort = QUICK if arguments.quick else FULL
    found = {number: points(FIGURES[number], effort, seed, partial(_actor, arguments)) for number in numbers}
    for method in dict.fromkeys(method for _, left_out in found.values() for method in left_out):
        console.print(f"note: {method} is left out where nothing is trained for it; --train trains it", highlight=False)
    results = iter(_measured([point for places, _ in found.values() for point in places.values()], arguments))
    for number, (places, left_out) in found.items():
        content = {
            "figure": number,
            "title": FIGURES[number].title,
            "seed": seed,
            "effort": asdict(effort),
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


def _measured(wanted: Sequence[Point], arguments: FigureArguments) -> list[Result]:
    return sweep(wanted, measure, arguments.runs / "points" / digest_of_sources(), num_workers=arguments.num_workers, title="measuring")


def _measure_again(arguments: FigureArguments, console: Console) -> None:
    assert arguments.source is not None
    before = read_figure(arguments.source)
    if str(before["figure"]) != arguments.figure:
        raise ValueError(f"--figure must be {before['figure']}, which {arguments.source} is; got {arguments.figure}. Name that figure.")
    again = []
    for entry in before["points"]:
        settings = {**entry["settings"], "seed": entry["settings"]["seed"] if arguments.seed is None else arguments.seed}
        actor = settings["actor"]
        if actor is not None and _described_actor(Path(actor["path"])).sha256 != actor["sha256"]:
            raise ValueError(f"{actor['path']} must be the file that the figure was made with; it has changed. Make the figure again.")
        again.append(Point(settings, None if actor is None else partial(load_actor, actor["path"])))
    same_seed = all(point.settings["seed"] == entry["settings"]["seed"] for point, entry in zip(again, before["points"], strict=True))
    with tempfile.TemporaryDirectory() as empty:  # nothing that was measured before may stand in
        results = sweep(again, measure, empty, num_workers=arguments.num_workers, title="measuring again")
    agrees, line = compare(before["points"], results, same_seed=same_seed)
    console.print(f"figure {arguments.figure} from {arguments.source}: {line}", highlight=False)
    if not agrees:
        raise ValueError(
            f"{arguments.source} must come out again; it does not. Look for what changed since its commit {before['git_commit']}."
        )


def _actor(arguments: FigureArguments, method: str, config: NetworkConfig) -> Actor | None:
    """The actor of a method: for another network than the shipped one's, one that ships or was trained by --train."""
    training = training_of(method, config)
    if training is None:
        return _described_actor(arguments.actor)
    places = (PRETRAINED.parent / f"{training.name}.pt", arguments.runs / training.name / "best.pt")
    return next((_described_actor(path) for path in places if path.exists()), None)


def _described_actor(path: Path) -> Actor:
    observation = load_actor(path).metadata["observation"]  # says what is wrong with the file
    absolute, root = path.resolve(), Path(__file__).parent
    name = str(absolute.relative_to(root)) if absolute.is_relative_to(root) else str(absolute)
    return Actor(name, hashlib.sha256(path.read_bytes()).hexdigest(), observation, partial(load_actor, path))


def compare_claims(arguments: ClaimsArguments) -> None:
    """Print the paper's claims beside our numbers, and write `claims.md` and `claims.json`."""
    from multicell_env.claims import as_markdown, verdicts

    found = {n: read_figure(path) for n in FIGURES if (path := arguments.figures / f"figure{n}.json").exists()}
    for number in sorted(set(FIGURES) - set(found)):
        print(f"figure {number} is missing: python evaluate.py --figure {number} --train --output {arguments.figures}", file=sys.stderr)
    judged = verdicts(found)
    arguments.figures.mkdir(parents=True, exist_ok=True)
    (arguments.figures / "claims.json").write_text(json.dumps([asdict(verdict) for verdict in judged], indent=1) + "\n")
    (arguments.figures / "claims.md").write_text(as_markdown(judged, found))
    print(as_markdown(judged, found))


if __name__ == "__main__":
    run_command(main)
