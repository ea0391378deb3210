"""Play a trained actor and every allocation on the same unseen channels: one table, `results.json` and `comparison.png`.

python evaluate.py                     # the actor that ships with the project
python evaluate.py runs/<name>         # your own run
python evaluate.py --num-antennas 32 --num-users 16 --num-blocks 50
python evaluate.py --figure all --quick # the paper's figures 5 to 9 on few channels; without --quick as they are in docs/figures
python evaluate.py --figure 5 --from docs/figures/figure5.json   # whether its numbers come out again
python evaluate.py --claims            # the paper's claims beside the figures' numbers
python evaluate.py --scenarios irregular-7   # or all: where a plan wins, in one picture
python evaluate.py --generalise        # the one actor for every network, on networks that it never saw
"""

import json
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from rich.console import Console

from agents.run_directory import RunDirectory
from agents.saved_actor import ActorPolicy, load_actor
from multicell_env.command_line import check_positive, parse, run_command
from multicell_env.comparison import compare
from multicell_env.config import NetworkConfig
from multicell_env.evaluation import FIRST_SEED, METHODS, MethodResult, as_json, evaluate_allocations, evaluate_policy
from multicell_env.figure_command import ClaimsArguments, FigureArguments, compare_claims, make_figures
from multicell_env.provenance import provenance
from multicell_env.scenario_evaluation import evaluate_networks
from multicell_env.scenarios import PAPER, SCENARIOS, UNSEEN, draw_networks, scenario_named
from multicell_env.tables import print_generalisation, print_table

PRETRAINED = Path(__file__).parent / "agents" / "pretrained" / "td3mix.safetensors"
GENERALIST = PRETRAINED.with_name("generalist.safetensors")
TRAIN = Path(__file__).with_name("train.py")
OWN_ACTOR = [
    "--algo",
    "apg",
    "--num-networks",
    "64",
    "--num-envs",
    "16",
    "--learning-rate",
    "1e-3",
    "--num-steps",
    "500",
    "--eval-blocks",
    "40",
    "--final-blocks",
    "10",
]
"""How an actor of a scenario's own is trained: the analytic policy gradient learns many networks from nothing, which TD3-MIX does not."""
TIMED = 5
"""Networks of a scenario on which the time of decisions is measured."""
MODES = {"": None, "_3": 3, "_opening": 1}
"""How many slots an actor acts in before it leaves the negotiation alone; what its name then ends in."""


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
    """Play on networks drawn from mixture, paper, unequal-load, asymmetric, irregular-7 or irregular-12, one block each, or on all."""
    generalise: bool = False
    """Play on the paper's networks and on named ones that no actor was trained on; beside actors trained for each, where there are any."""
    train: bool = False
    """With --generalise or --scenarios all: train an actor for each network or scenario that has none in runs/own-<name>."""
    scenario: tyro.conf.OmitArgPrefixes[NetworkConfig] = field(default_factory=NetworkConfig)
    """Network to play on; the run's own unless said otherwise."""


def main(argv: list[str]) -> None:
    """Run the command line."""
    flags = {word.split("=")[0] for word in argv}
    if "--figure" in flags:
        torch.set_num_threads(1)
        make_figures(parse(FigureArguments, argv, tyro.MISSING_NONPROP), load_actor)
        return
    if "--claims" in flags:
        compare_claims(parse(ClaimsArguments, ["--claims", "True", *(word for word in argv if word != "--claims")], tyro.MISSING_NONPROP))
        return
    # The run must be known before the command line is read, because the network that it was trained on is the default.
    words = [word for before, word in pairwise(["", *argv]) if before != "--output" and not word.startswith("-")]
    run = next((Path(word) for word in words if (Path(word) / "config.json").exists()), None)
    many = any(word.split("=")[0] in ("--scenarios", "--generalise") for word in argv)
    actor = load_actor((GENERALIST if many else PRETRAINED) if run is None else RunDirectory(run).best_path)
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
    if arguments.generalise:
        generalise(actor, arguments)
        return
    if arguments.scenarios == "all":
        compare_scenarios(actor, arguments)
        return
    if arguments.scenarios is not None:
        networks = draw_networks(scenario_named(arguments.scenarios), arguments.num_blocks, arguments.seed)
        name = actor.metadata.get("algo", "td3mix")
        evaluate_scenario({name: actor}, arguments.scenarios, networks, seed=arguments.seed, output=output)
        return
    evaluate_actor(actor, arguments.scenario, num_blocks=arguments.num_blocks, seed=arguments.seed, output=output)


def evaluate_actor(
    actor: ActorPolicy, config: NetworkConfig, *, num_blocks: int, seed: int, output: Path, methods: Collection[str] = METHODS
) -> dict[str, Any]:
    """Play the actor and the allocations, print the table, write `results.json` and `comparison.png`.

    Returns:
        What `results.json` holds.
    """
    name = actor.metadata.get("algo", "td3mix")
    settings: dict[str, Any] = {"num_blocks": num_blocks, "seed": seed, "output": output, "methods": methods}
    content = compare({name: actor}, config, observation=actor.observation, **settings)
    if config != (trained_on := NetworkConfig.from_json(actor.metadata["config"])):
        print(f"note: this actor was trained on another network ({trained_on.describe()})")
    return content


def evaluate_scenario(
    actors: Mapping[str, ActorPolicy],
    scenario: str,
    networks: list[NetworkConfig],
    *,
    seed: int,
    output: Path,
    methods: Collection[str] = METHODS,
    file: str = "results.json",
) -> dict[str, Any]:
    """Play actors, by their names, and every allocation on one block of each network, print the table, write the file.

    Returns:
        What the file holds.
    """

    def play_all(config: NetworkConfig, index: int) -> list[MethodResult]:
        settings: dict[str, Any] = {"num_blocks": 1, "seed": seed + index, "timed": index < TIMED}
        learned = [
            evaluate_policy(
                name + mode, actor, config, observation=actor.metadata["observation"], acting_slots=acting, batched=True, **settings
            )
            for name, actor in actors.items()
            for mode, acting in MODES.items()
        ]
        return [*learned, *evaluate_allocations(config, methods=methods, **settings)]

    output.mkdir(parents=True, exist_ok=True)
    console = Console() if sys.stdout.isatty() else Console(width=110)
    with console.status(f"playing {len(networks)} unseen networks of {scenario} ..."):
        results = evaluate_networks(networks, play_all)
    print_table(results, networks[0], console, title=f"{len(networks)} networks of the scenario {scenario}, one block each")
    content = as_json(results, networks[0], seed, len(networks), scenario=scenario, **provenance())
    (output / file).write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    console.print(f"wrote {output / file}", highlight=False)
    return content


def compare_scenarios(actor: ActorPolicy, arguments: EvaluateArguments) -> None:
    """Play the generalist, actors of a scenario's own and every allocation on all scenarios; one table and file each, one picture."""
    from multicell_env.scenario_figure import save_scenarios

    output, contents = arguments.output or Path("results/scenarios"), {}
    for name in (name for name in SCENARIOS if name != "mixture"):
        own = RunDirectory(Path("runs") / f"own-{name}")
        if arguments.train and not own.best_path.exists():
            subprocess.run([sys.executable, TRAIN, "--scenarios", name, "--runs", "runs", "--name", own.path.name, *OWN_ACTOR], check=True)
        actors = {"td3mix": load_actor(PRETRAINED), "generalist": actor}
        if own.best_path.exists():
            actors["own"] = load_actor(own.best_path)
        networks = draw_networks(SCENARIOS[name], arguments.num_blocks, arguments.seed)
        contents[name] = evaluate_scenario(actors, name, networks, seed=arguments.seed, output=output, file=f"{name}.json")
    save_scenarios(contents, output / "scenarios.png")
    print(f"wrote {output / 'scenarios.png'}")


def generalise(actor: ActorPolicy, arguments: EvaluateArguments) -> None:
    """Play one actor on networks of all sizes, print the table, write `generalise.json`."""
    output = arguments.output or Path("results")
    output.mkdir(parents=True, exist_ok=True)
    console, rows, content = Console(width=140), {}, {}
    for name, config in {**PAPER, **UNSEEN}.items():
        directory = RunDirectory(Path("runs") / f"own-{name}")
        if arguments.train and not directory.best_path.exists():
            _train_own(config, directory.path)
        policies = {"generalist": actor, "td3mix": load_actor(PRETRAINED)}
        if directory.best_path.exists():
            policies["own"] = load_actor(directory.best_path)
        blocks: dict[str, Any] = {"num_blocks": arguments.num_blocks, "seed": arguments.seed, "batched": True}
        with console.status(f"playing {arguments.num_blocks} unseen blocks of {name} ..."):
            rows[name] = [
                evaluate_policy(kind + mode, policy, config, observation=policy.metadata["observation"], acting_slots=acting, **blocks)
                for kind, policy in policies.items()
                for mode, acting in MODES.items()
            ]
            methods = ("flwf", "reuse", "assignment_bound")
            rows[name] += evaluate_allocations(config, num_blocks=arguments.num_blocks, seed=arguments.seed, methods=methods)
        content[name] = as_json(rows[name], config, arguments.seed, arguments.num_blocks)
    print_generalisation(rows, console)
    (output / "generalise.json").write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    console.print(f"wrote {output / 'generalise.json'}", highlight=False)


def _train_own(config: NetworkConfig, path: Path) -> None:
    """Train an actor for this network alone, as a person would."""
    changed = {key: value for key, value in asdict(config).items() if value != getattr(NetworkConfig(), key)}
    words = [word for key, value in changed.items() for word in (f"--{key.replace('_', '-')}", *map(str, np.atleast_1d(value)))]
    subprocess.run([sys.executable, TRAIN, "--runs", path.parent, "--name", path.name, *words], check=True)


if __name__ == "__main__":
    run_command(main)
