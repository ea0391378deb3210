"""Policies beside every allocation on networks of a scenario, on all scenarios, and on networks of all sizes."""

import json
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from agents.run_directory import RunDirectory
from experiments.executors.jobs import HERE, Job, Progress, Workers, results_of
from experiments.executors.training_slices import Training, train_elsewhere
from experiments.figures.trainings import run_training
from experiments.named_policies import ACTING_SLOTS, modes
from experiments.provenance import provenance
from experiments.studies.against_best_known import against_best_known, print_against_best_known
from experiments.studies.generalisation_table import print_generalisation
from experiments.studies.own_game import own_network, own_rules, play_own_game
from experiments.studies.pricing_climbs import wmmse_from_pricing
from experiments.studies.scenario_evaluation import evaluate_networks
from multicell_env.allocations.registry import BEST_KNOWN, METHODS
from multicell_env.channels.pool import RecordedChannels
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.comparison import play_policy
from multicell_env.evaluation.playing import evaluate_allocations
from multicell_env.evaluation.policies import Policy
from multicell_env.evaluation.policies.trial import try_policy
from multicell_env.evaluation.results import MethodResult, as_json
from multicell_env.evaluation.tables import print_table, print_users
from multicell_env.evaluation.users import USER_MEASURES, UTILITY_MEASURES
from multicell_env.evaluation.writing import write_text
from multicell_env.scenarios import LARGE, PAPER_SETTINGS, SCENARIOS, UNSEEN, draw_networks

OWN_RUNS = Path("runs")
"""Where actors trained for one scenario or network are: `own-NAME`."""
# The analytic policy gradient learns many networks from nothing, which TD3-MIX does not.
OWN_ACTOR = (
    *("--algo", "apg", "--num-networks", "64", "--num-envs", "16", "--learning-rate", "1e-3"),
    *("--num-steps", "500", "--eval-blocks", "40", "--final-blocks", "10"),
)
"""How an actor of a scenario's own is trained."""
EVERYWHERE = tuple(name for name in SCENARIOS if name not in ("mixture", "any-sir", "many-users", *LARGE))
"""Scenarios that are played where all are."""
SHOWN_OF_ALL = ("minus_planned", *USER_MEASURES, *UTILITY_MEASURES, "knowledge", "measurements")
"""What of a method is told of all scenarios together, beside its percentages of the best known."""
TIMED = 5
"""Networks of a scenario on which the time of decisions is measured."""
Load = Callable[[Path], Policy]
"""Reads the best actor of a run directory."""


def compare_on_scenario(
    policies: Mapping[str, Policy],
    scenario: str,
    networks: list[NetworkConfig],
    *,
    seed: int,
    output: Path,
    methods: Collection[str] = METHODS,
    file: str = "results.json",
    channels: RecordedChannels | None = None,
    kind: str = "scenario",
    workers: Workers = HERE,
) -> dict[str, Any]:
    """Play policies, by their names, and every allocation on one block of each network, print the table, write the file.

    With recorded channels the networks are that of the pool, as often as it has blocks to play, and where channels stay WMMSE climbs from
    the ends of pricing too. `kind` is what tables and the file call where networks are from, a scenario or a task.

    Returns:
        What the file holds.

    Raises:
        ValueError: a policy raises, or returns something else than finite actions of the right shapes.
    """
    for name, policy in policies.items():
        try_policy(name, policy, own_network(policy, networks[0]), channels)

    output.mkdir(parents=True, exist_ok=True)
    console = Console(width=None if sys.stdout.isatty() else 110)
    play = partial(_play_all, policies, seed, tuple(methods), channels)
    with _shown(f"playing {len(networks)} unseen {'networks' if channels is None else 'blocks'} of {scenario} ...", workers):
        results = evaluate_networks(networks, play, workers)
    source = {kind: scenario} if channels is None else {"channels": channels.description}
    content = as_json(results, networks[0], seed, len(networks), **source, **provenance())
    against = against_best_known(results)
    for name, row in against.items():
        content["methods"][name] |= {"of_best_known": row["percent_of_best_known"], "minus_planned": row["minus_planned"]}
    _write(output / file, content)
    fair = f", fairness {networks[0].fairness:g}" if networks[0].fairness > 0.0 else ""
    drawn = f"{len(networks)} networks of the {kind} {scenario}, one block each{fair}"
    pool = f"{len(networks)} blocks of {scenario}: {networks[0].describe()}"
    print_table(results, networks[0], console, title=drawn if channels is None else pool)
    if against:
        print_against_best_known(against, f"{scenario}: of the highest in the table above, network by network", console)
    print_users(results, console, fairness=networks[0].fairness, title=f"{scenario}: users, average rates over a block")
    console.print(f"wrote {output / file}", highlight=False)
    return content


def compare_all_scenarios(
    policies: Mapping[str, Policy],
    load: Load,
    *,
    num_blocks: int,
    seed: int,
    output: Path,
    train: bool = False,
    names: Sequence[str] = EVERYWHERE,
    fairness: float = 0.0,
    workers: Workers = HERE,
) -> dict[str, Any]:
    """Play policies, actors of a scenario's own and every allocation on several scenarios; one table and file each, one picture.

    Args:
        policies: By name.
        load: Reads the best actor of a run directory.
        num_blocks: Networks of each scenario, one block each.
        seed: Of the networks and their blocks.
        output: Directory for the files.
        train: Whether to train an actor for each scenario that has none.
        names: The scenarios.
        fairness: `NetworkConfig.fairness` of all networks.
        workers: Where networks are played, and on a cluster actors trained.

    Returns:
        Under `scenarios`, by the scenario's name, what `against_best_known` gives of every method, with its `measurements`, what must be
        known for it (`knowledge`), its `user_measures`, and with fairness its `utility_measures`.
    """
    from experiments.studies.scenario_figure import save_scenarios

    contents = {}
    words = {name: ("--scenarios", name, *OWN_ACTOR) for name in names} if train else {}
    _train_elsewhere(words, workers)
    for name in names:
        own = _own(name, load, words.get(name))
        networks = [replace(network, fairness=fairness) for network in draw_networks(SCENARIOS[name], num_blocks, seed)]
        settings: dict[str, Any] = {"seed": seed, "output": output, "file": f"{name}.json", "workers": workers}
        contents[name] = compare_on_scenario({**policies, **own}, name, networks, **settings)
    save_scenarios(contents, output / "scenarios.png")
    print(f"wrote {output / 'scenarios.png'}")
    return {"scenarios": {name: _against(content) for name, content in contents.items()}}


def generalise(
    policies: Mapping[str, Policy],
    load: Load,
    *,
    num_blocks: int,
    seed: int,
    output: Path,
    train: bool = False,
    acting_slots: int = ACTING_SLOTS,
    workers: Workers = HERE,
) -> dict[str, Any]:
    """Play policies on networks of all sizes, print the table, write `generalise.json`.

    Arguments as for `compare_all_scenarios`, and `acting_slots`: how many a policy acts in, in the mode between every slot and the first.
    """
    output.mkdir(parents=True, exist_ok=True)
    console, networks = Console(width=140), {**PAPER_SETTINGS, **UNSEEN}
    words = {name: _flags(config) for name, config in networks.items()} if train else {}
    _train_elsewhere(words, workers)
    jobs = {}
    for name, config in networks.items():
        together = {**policies, **_own(name, load, words.get(name))}
        jobs[name] = Job(partial(_play_sizes, together, config, {"num_blocks": num_blocks, "seed": seed}, acting_slots), name)
    results = results_of(list(jobs.values()), workers, Progress("playing", "network"))
    rows = dict(zip(jobs, results, strict=True))
    content = {name: as_json(rows[name], config, seed, num_blocks) for name, config in networks.items()}
    _write(output / "generalise.json", content)
    print_generalisation(rows, console, acting_slots)
    console.print(f"wrote {output / 'generalise.json'}", highlight=False)
    return content


def _shown(line: str, workers: Workers) -> AbstractContextManager[object]:
    """A line on the terminal while this process plays; workers have a bar."""
    return Console(stderr=True).status(line) if workers.executor is None else nullcontext()


def _play_all(
    policies: Mapping[str, Policy],
    seed: int,
    methods: Sequence[str],
    channels: RecordedChannels | None,
    config: NetworkConfig,
    index: int,
) -> list[MethodResult]:
    settings: dict[str, Any] = {"num_blocks": 1, "seed": seed + index, "timed": index < TIMED, "channels": channels}
    results = [*_play_modes(policies, config, settings), *evaluate_allocations(config, methods=methods, **settings)]
    stays = config.channel_model == NetworkConfig.channel_model and config.slot_network is config
    if channels is not None and BEST_KNOWN in methods and stays:
        results.append(wmmse_from_pricing(config, num_blocks=1, seed=seed + index, channels=channels))
    return results


def _play_sizes(policies: Mapping[str, Policy], config: NetworkConfig, blocks: Mapping[str, Any], acting_slots: int) -> list[MethodResult]:
    played = _play_modes(policies, config, blocks, acting_slots)
    return [*played, *evaluate_allocations(config, methods=("flwf", "reuse", "assignment_bound"), **blocks)]


def _play_modes(
    policies: Mapping[str, Policy], config: NetworkConfig, blocks: Mapping[str, Any], acting_slots: int = ACTING_SLOTS
) -> list[MethodResult]:
    results = []
    for name, policy in policies.items():
        if own_rules(policy):
            results += play_own_game(name, policy, config, **blocks)
        else:
            results += [play_policy(name, policy, config, acting_slots=slots, **blocks) for slots in modes(acting_slots).values()]
    return results


def _train_elsewhere(words: Mapping[str, Sequence[str]], workers: Workers) -> None:
    """Train the actors that there are not yet where workers are a cluster's; others are trained one by one as they are needed."""
    if workers.are_elsewhere:
        train_elsewhere([Training(f"own-{name}", flags) for name, flags in words.items()], OWN_RUNS, workers)


def _own(name: str, load: Load, words: tuple[str, ...] | None) -> dict[str, Policy]:
    """The actor trained for one scenario or network, where there is one; trained now where words for train.py are given."""
    directory = RunDirectory(OWN_RUNS / f"own-{name}")
    if words is not None and not directory.best_path.exists():
        code = run_training(("--runs", str(OWN_RUNS), "--name", directory.path.name, *words), sys.stderr.fileno())
        if code:
            raise ValueError(f"the training of {directory.path} must end well; it ended with exit code {code}. See above.")
    return {"own": load(directory.path)} if directory.best_path.exists() else {}


def _against(content: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a scenario's results that says how methods stand to the best known and to the plan, and what their users got."""
    return {
        name: {"percent_of_best_known": row["of_best_known"], **{key: row[key] for key in SHOWN_OF_ALL if key in row}}
        for name, row in content["methods"].items()
    }


def _flags(config: NetworkConfig) -> tuple[str, ...]:
    """The command line of train.py for this network."""
    changed = {key: value for key, value in asdict(config).items() if value != getattr(NetworkConfig(), key)}
    return tuple(word for key, value in changed.items() for word in (f"--{key.replace('_', '-')}", *map(str, np.atleast_1d(value))))


def _write(path: Path, content: Mapping[str, Any]) -> None:
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")
