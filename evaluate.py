"""Play a trained actor, any policies and every allocation on the same unseen channels: one table, `results.json` and `comparison.png`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import torch
import tyro

from agents.loading import load, shipped
from agents.run_directory import RunDirectory
from agents.saved_actor import ActorPolicy, load_actor
from experiments.command_line import Reporting, check_drawn, check_folder, check_positive, parse, report, run_command
from experiments.figures.figure_command import EXAMPLES as FIGURE_EXAMPLES
from experiments.figures.figure_command import ClaimsArguments, FigureArguments, compare_claims, make_figures
from experiments.named_policies import ACTING_SLOTS, named_policies
from experiments.studies.scenario_comparison import compare_all_scenarios, compare_on_scenario, generalise
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.comparison import compare
from multicell_env.evaluation.pictures import STYLES
from multicell_env.evaluation.playing import FIRST_SEED
from multicell_env.evaluation.policies import Policy
from multicell_env.observation import Observation
from multicell_env.scenarios import SCENARIOS, draw_networks, scenario_named

EXAMPLES = """Examples:
  python evaluate.py                                the actor that ships, on the paper's network
  python evaluate.py runs/NAME                      your own run, on its network; or the name of a shipped actor
  python evaluate.py --policy my_module:my_policy   any callable from observations to actions beside them
  python evaluate.py --policy rule=file.py:act --policy file.py:other --num-antennas 32 --num-users 16
  python evaluate.py --num-blocks 50 --json > table.json
  python evaluate.py --scenarios irregular-7        networks drawn at random; all: where a plan wins, in one picture
  python evaluate.py --generalise                   one actor on networks that it never saw
  python evaluate.py --figure all --quick           the paper's figures on few channels; --figure 5 --help has more
  python evaluate.py --claims                       the paper's claims beside the figures' numbers"""

SCENARIOS_HELP = f"Play on networks drawn at random, one block each, of {', '.join(SCENARIOS)}, or of all."


@dataclass(frozen=True)
class PolicyArguments:
    """Policies that stand beside the actor."""

    policy: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """module:callable or path/to/file.py:callable, NAME=... before it to name it otherwise; again for more. It maps {agent: observation}
    to {agent: action}. Importing it runs its module."""
    observation: Observation = "gain"
    """What policies without an attribute `observation` see: gain (3 planes) or csi (4M + 2 planes)."""
    batched: tyro.conf.FlagCreatePairsOff[bool] = False
    """Policies without an attribute `batched` take arrays {agent: [block, ...]} of all blocks at once."""


@dataclass(frozen=True)
class EvaluateArguments:
    """Play a trained actor, any policies and every allocation on the same unseen channels: a table, results.json, comparison.png."""

    run: tyro.conf.Positional[Path | None] = None
    """Run directory made by train.py, whose best actor plays, or the name of a shipped actor; the one that ships for this by default."""
    num_blocks: int = 200
    """Unseen blocks to play (with --scenarios: networks, one block each)."""
    seed: int = FIRST_SEED
    """Block i is the one that env.reset(seed=seed + i) draws."""
    output: Annotated[Path | None, tyro.conf.arg(metavar="DIRECTORY")] = None
    """Directory for results.json and comparison.png; the run's, or results/ without a run, on another network or with policies."""
    num_threads: int = 1
    """Threads of torch; small networks are fastest on one."""
    scenarios: Annotated[str | None, tyro.conf.arg(metavar="NAME", help=SCENARIOS_HELP)] = None
    generalise: tyro.conf.FlagCreatePairsOff[bool] = False
    """Play on the paper's networks and on named ones that no actor was trained on; beside actors trained for each, where there are any."""
    acting_slots: int = ACTING_SLOTS
    """With --generalise: in how many slots an actor acts, in the mode between every slot and the first alone."""
    train: tyro.conf.FlagCreatePairsOff[bool] = False
    """With --generalise or --scenarios all: train an actor for each network or scenario that has none in runs/own-<name>."""
    policies: tyro.conf.OmitArgPrefixes[PolicyArguments] = field(default_factory=PolicyArguments)
    """Any callables from observations to actions, beside the actor in the table and the picture."""
    reporting: tyro.conf.OmitArgPrefixes[Reporting] = field(default_factory=Reporting)
    """What is shown, and where."""
    scenario: Annotated[tyro.conf.OmitArgPrefixes[NetworkConfig], tyro.conf.arg(name="network")] = field(default_factory=NetworkConfig)
    """Network to play on; the run's own unless said otherwise. Decibels where a name ends in -db; noise power is 1."""


def main(argv: list[str]) -> None:
    """Run the command line."""
    flags = {word.split("=")[0] for word in argv}
    if "--figure" in flags:
        figures = parse(FigureArguments, argv, tyro.MISSING_NONPROP, examples=FIGURE_EXAMPLES)
        torch.set_num_threads(1)
        report(figures.reporting, lambda: make_figures(figures, load_actor))
        return
    if "--claims" in flags:
        claims = parse(ClaimsArguments, argv, ClaimsArguments())
        report(claims.reporting, lambda: compare_claims(claims))
        return
    run, actor, defaults = _run_and_actor(argv, many=bool(flags & {"--scenarios", "--generalise"}))
    arguments = parse(EvaluateArguments, argv, defaults, examples=EXAMPLES)
    if arguments.run != run:
        if arguments.run is not None and arguments.run.name == str(arguments.run) and not arguments.run.exists():
            load(str(arguments.run))  # says which actors there are
        RunDirectory(arguments.run or Path()).config()  # says what is wrong with it
        raise ValueError(f"it is not clear which run to evaluate: {run} or {arguments.run}. Give the run directory first.")
    check_positive(num_blocks=arguments.num_blocks, num_threads=arguments.num_threads, acting_slots=arguments.acting_slots)
    if arguments.acting_slots != ACTING_SLOTS and not arguments.generalise:
        raise ValueError(f"--acting-slots goes with --generalise; got {arguments.acting_slots} without. Leave it out.")
    if arguments.seed < 0:
        raise ValueError(f"--seed must not be negative; got {arguments.seed}. Give 0 or more.")
    check_folder(output=arguments.output)
    everywhere = arguments.generalise or arguments.scenarios == "all"
    if everywhere or arguments.scenarios is not None:
        check_drawn("--generalise" if arguments.generalise else "--scenarios", arguments.scenario, defaults.scenario)
    asked = arguments.policies
    if asked.policy and everywhere:
        raise ValueError("--policy stands beside an actor on one network or scenario; got it with all of them. Give --scenarios NAME.")
    if arguments.train and not everywhere:
        raise ValueError("--train goes with --generalise or --scenarios all; got it alone. python train.py trains an actor.")
    own = run is not None and not asked.policy and (arguments.scenario, arguments.scenarios) == (defaults.scenario, defaults.scenarios)
    output = arguments.output or (run if run is not None and run.is_dir() and own else Path("results"))
    torch.set_num_threads(arguments.num_threads)
    report(arguments.reporting, lambda: _evaluate(actor, arguments, output))


def _run_and_actor(argv: list[str], *, many: bool) -> tuple[Path | None, ActorPolicy, EvaluateArguments]:
    """The run that is named and its actor; the network that it was trained on is the default, so it must be known first."""
    words = [word for before, word in pairwise(["", *argv]) if before not in ("--output", "--policy") and not word.startswith("-")]
    run = next((Path(word) for word in words if word in shipped() or (Path(word) / "config.json").exists()), None)
    actor = load(("generalist" if many else "td3mix") if run is None else str(run))
    trained_on = NetworkConfig.from_json(actor.metadata["config"])
    return run, actor, EvaluateArguments(scenario=trained_on, scenarios=actor.metadata.get("scenarios"))


def _name(actor: ActorPolicy) -> str:
    return actor.metadata.get("algo", "td3mix")


def _evaluate(actor: ActorPolicy, arguments: EvaluateArguments, output: Path) -> dict[str, Any]:
    asked, taken = arguments.policies, {*STYLES, _name(actor)}
    # Importing them may print, which is shown where everything else is.
    policies = named_policies(asked.policy, taken=taken, observation=asked.observation, batched=asked.batched)
    blocks: dict[str, Any] = {"num_blocks": arguments.num_blocks, "seed": arguments.seed}
    if arguments.generalise or arguments.scenarios == "all":
        play, folder = (generalise, "results") if arguments.generalise else (compare_all_scenarios, "results/scenarios")
        # The order is that of the tables.
        both = {"generalist": actor, "td3mix": load("td3mix")} if arguments.generalise else {"td3mix": load("td3mix"), "generalist": actor}
        place = arguments.output or Path(folder)
        game = {"damping": arguments.scenario.damping} | ({"acting_slots": arguments.acting_slots} if arguments.generalise else {})
        return play(both, load, output=place, train=arguments.train, **game, **blocks)
    together = {_name(actor): actor, **policies}
    if arguments.scenarios is not None:
        networks = draw_networks(scenario_named(arguments.scenarios), arguments.num_blocks, arguments.seed, arguments.scenario.damping)
        return compare_on_scenario(together, arguments.scenarios, networks, seed=arguments.seed, output=output)
    return evaluate_actor(actor, arguments.scenario, policies=policies, output=output, **blocks)


def evaluate_actor(
    actor: ActorPolicy, config: NetworkConfig, *, policies: Mapping[str, Policy] = MappingProxyType({}), **settings: Any
) -> dict[str, Any]:
    """Play the actor, policies and the allocations, print the table, write `results.json` and `comparison.png`.

    Args:
        actor: A trained actor.
        config: The network to play on.
        policies: Others beside it, by name.
        **settings: As for `compare`.

    Returns:
        What `results.json` holds.
    """
    content = compare({_name(actor): actor, **policies}, config, settings={"observation": actor.observation}, **settings)
    if config != (trained_on := NetworkConfig.from_json(actor.metadata["config"])):
        print(f"note: this actor was trained on another network ({trained_on.describe()})")
    return content


if __name__ == "__main__":
    run_command(main)
