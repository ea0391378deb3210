"""The arguments of evaluate.py on networks, scenarios, tasks and recorded channels. Reading them does not import torch."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import tyro

from agents.loading import locate, metadata_of, shipped
from agents.run_directory import RunDirectory
from experiments.command_line import Reporting, check_drawn, check_folder, check_positive, parse
from experiments.commands.channel_words import ChannelArguments, asked_channels, checked_network, usual_network
from experiments.commands.scenario_words import scenario_names
from experiments.commands.task_words import TASK_HELP, asked_task, check_task, network_of
from experiments.executors.engines import PROCESSES, ClusterArguments, check_cluster
from experiments.named_policies import ACTING_SLOTS
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.playing import FIRST_SEED
from multicell_env.observation import Observation
from multicell_env.scenarios import SCENARIOS

EXAMPLES = """Examples:
  python evaluate.py                                the shipped actor, on the paper's network
  python evaluate.py runs/NAME                      your own run, or a shipped actor by its name, on its network
  python evaluate.py --policy my_module:my_policy   any callable from observations to actions as well
  python evaluate.py --policy rule=file.py:act --policy file.py:other --num-antennas 32 --num-users 16
  python evaluate.py --num-blocks 50 --json > table.json
  python evaluate.py --html                         also an interactive page, results/report.html
  python evaluate.py --task irregular-7-v0          the test blocks of a task
  python evaluate.py --scenarios irregular-7        random networks; all: every scenario, in one picture
  python evaluate.py --channels FILE.npy            recorded channels [block, tx_cell, rx_cell, band, antenna, user]
  python evaluate.py --generalise                   one actor on networks that it was not trained on
  python evaluate.py rounds --curve rounds          a curve over the number of measurements in a slot
  python evaluate.py --figure all --quick           the paper's figures on few channels; options: --figure 5 --help
  python evaluate.py --submit my_module:my_policy   the test blocks of all tasks, for the leaderboard
  python evaluate.py --claims                       the paper's claims next to the numbers of the figures"""

SCENARIOS_HELP = (
    f"Play on random networks, one block each, of {', '.join(SCENARIOS)}, or of several of these separated by commas. all: all but the "
    "largest."
)
VALUED = ("--output", "--policy", "--curve")
"""Flags whose values could be mistaken for a run or an actor."""
CurveName = Literal["rounds", "sir", "errors"]


@dataclass(frozen=True)
class PolicyArguments:
    """Policies to compare with the actor."""

    policy: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """module:callable or path/to/file.py:callable, which maps {agent: observation} to {agent: action}. NAME=... in front gives it a name.
    Repeat the flag for more policies. The module's code is run."""
    observation: Observation = "gain"
    """Observation of policies that have no attribute observation: gain (3 planes), price (9 planes) or csi (4M + 2 planes)."""
    batched: tyro.conf.FlagCreatePairsOff[bool] = False
    """Call policies that have no attribute batched with the arrays {agent: [block, ...]} of all blocks at once."""


@dataclass(frozen=True)
class EvaluateArguments:
    """Compare an actor, your policies and all allocation methods on the same unseen channels: a table, results.json, comparison.png."""

    run: tyro.conf.Positional[Path | None] = None
    """Run directory of train.py, whose best actor is played, or the name of a shipped actor. By default a shipped actor."""
    num_blocks: int = 200
    """Number of unseen blocks to play. With --scenarios it is the number of networks, with one block each."""
    seed: int = FIRST_SEED
    """Block i is the one that env.reset(seed=seed + i) draws."""
    output: Annotated[Path | None, tyro.conf.arg(metavar="DIRECTORY")] = None
    """Directory for results.json and comparison.png. Default: the run's for a run alone on its own network, else results."""
    html: tyro.conf.FlagCreatePairsOff[bool] = False
    """Also write report.html, a page that works offline: a sortable table, curves, users' rates, the map in every round, and the paper's
    figures with sliders. It shows one network, scenario, task or pool."""
    num_threads: int = 1
    """CPU threads of torch. Small networks run fastest on one thread."""
    task: Annotated[str | None, tyro.conf.arg(metavar="NAME", help=f"Play the test blocks of a task. {TASK_HELP}")] = None
    scenarios: Annotated[str | None, tyro.conf.arg(metavar="NAME", help=SCENARIOS_HELP)] = None
    curve: CurveName | None = None
    """Plot the capacity of an actor that acts in every round over one quantity. rounds: measurements in a slot, with FLWF and pricing for
    comparison. sir: SIR of the paper's networks. errors: measurement error. rounds and errors use --scenarios, by default all."""
    generalise: tyro.conf.FlagCreatePairsOff[bool] = False
    """Play on the paper's networks and on others that no shipped actor was trained on; beside actors trained for each, if any."""
    acting_slots: int = ACTING_SLOTS
    """With --generalise: number of slots in which an actor acts, for the row between 'every slot' and 'first slot only'."""
    train: tyro.conf.FlagCreatePairsOff[bool] = False
    """With --generalise or --scenarios all: train an actor for each network or scenario that has none in runs/own-<name>."""
    num_workers: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """With --scenarios, --curve or --generalise: number of parallel jobs. Default: 1, or a cluster's number of processors."""
    workers: tyro.conf.OmitArgPrefixes[ClusterArguments] = field(default_factory=ClusterArguments)
    """With --scenarios, --curve or --generalise: where the jobs run."""
    policies: tyro.conf.OmitArgPrefixes[PolicyArguments] = field(default_factory=PolicyArguments)
    """Your own policies, which are compared with the actor."""
    reporting: tyro.conf.OmitArgPrefixes[Reporting] = field(default_factory=Reporting)
    """What to print, and where."""
    recorded: Annotated[tyro.conf.OmitArgPrefixes[ChannelArguments], tyro.conf.arg(name="channels")] = field(
        default_factory=ChannelArguments
    )
    """Recorded channels to play on: the test part of each pool, with a table for each."""
    scenario: Annotated[tyro.conf.OmitArgPrefixes[NetworkConfig], tyro.conf.arg(name="network")] = field(default_factory=NetworkConfig)
    """Network to play on, by default the run's own. Values of flags that end in -db are in decibels; the noise power is 1."""

    @property
    def is_everywhere(self) -> bool:
        """Whether several networks or scenarios are played."""
        return self.generalise or self.scenarios == "all" or "," in (self.scenarios or "")


@dataclass(frozen=True)
class Evaluation:
    """A checked command line: what to evaluate, and where to write the results."""

    arguments: EvaluateArguments
    actor: str
    """Path or name of the actor, for `load`."""
    output: Path
    """Directory for the files of one network or scenario."""


def evaluation(argv: list[str]) -> Evaluation:
    """Read the command line of an evaluation. All checks that do not need torch are made.

    Raises:
        FileNotFoundError: there is no such run or actor.
        ValueError: the arguments break a rule, or do not go together.
    """
    flags, task = {word.split("=")[0] for word in argv}, asked_task(argv)
    is_of_many = flags & {"--scenarios", "--generalise"} or (task is not None and task.scenario)
    usual = "rounds" if "--curve" in flags else "generalist" if is_of_many else "td3mix"
    run, actor = _run_and_actor(argv, usual)
    # The network that the actor was trained on is the default, so it must be known before the command line is parsed.
    trained, recorded = metadata_of(actor), asked_channels(argv)
    trained_on = _network_of(actor, trained)
    own_channels = ChannelArguments() if trained.get("scenarios") else ChannelArguments.of(trained)
    if not recorded.channels and not flags & {"--task", "--scenarios", "--generalise", "--channel-axes"} and run is not None:
        recorded = own_channels
    network = usual_network(recorded, trained_on, beside_scenarios=False)
    scenarios = None if recorded.channels or task is not None else trained.get("scenarios")
    defaults = EvaluateArguments(scenario=network, scenarios=scenarios)
    if task is not None:
        defaults = replace(defaults, scenario=network_of(task, network), num_blocks=task.num_test_blocks)
    arguments = parse(EvaluateArguments, argv, defaults, examples=EXAMPLES, modes=("--figure", "--claims", "--submit", "--leaderboard"))
    arguments = replace(arguments, recorded=recorded)
    if arguments.run != run:
        if arguments.run is not None and arguments.run.name == str(arguments.run) and not arguments.run.exists():
            locate(str(arguments.run))  # says which actors there are
        RunDirectory(arguments.run or Path()).config()  # says what is wrong with it
        raise ValueError(f"it is not clear which run to evaluate: {run} or {arguments.run}. Give the run directory first.")
    if task is not None:
        beside = bool(recorded.channels or arguments.scenarios or arguments.generalise or arguments.curve)
        check_task(task, arguments.scenario, defaults.scenario, beside=beside)
    _check(arguments, defaults)
    network = checked_network(recorded, arguments.scenario, defaults.scenario, beside_scenarios=False)
    is_own = (arguments.scenario, arguments.scenarios) == (defaults.scenario, defaults.scenarios) and not arguments.policies.policy
    is_own, arguments = is_own and recorded == own_channels and task is None, replace(arguments, scenario=network)
    return Evaluation(arguments, actor, arguments.output or (run if run is not None and run.is_dir() and is_own else Path("results")))


def _network_of(actor: str, trained: Mapping[str, Any]) -> NetworkConfig:
    """The network on which an actor was trained, from its metadata.

    Raises:
        ValueError: the metadata are not those that train.py writes.
    """
    try:
        for name, usual in (("algo", "td3mix"), ("observation", "gain"), ("scenarios", "")):
            if not isinstance(value := usual if trained.get(name) is None else trained[name], str):
                raise TypeError(f"{name} = {value!r:.80}")
        if (algo := trained.get("algo")) is not None and not re.fullmatch(r"[\w.+-]{1,80}", algo):  # it becomes text of tables and pictures
            raise ValueError(f"algo = {algo!r:.80}, which must be letters, digits and _ . + -")
        if trained.get("observation", "gain") not in get_args(Observation):
            raise ValueError(f"observation = {trained['observation']!r:.80}")
        ChannelArguments.of(trained)
        return NetworkConfig.from_json(trained["config"])
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(
            f"{actor} must say what it was trained on, as train.py writes it; got something else ({type(error).__name__}: {error}). Give a "
            "run's best.safetensors."
        ) from error


def _run_and_actor(argv: list[str], usual: str) -> tuple[Path | None, str]:
    """The run or actor that the command line names, None if it names none, and the actor to play."""
    words = [word for before, word in pairwise(["", *argv]) if before not in VALUED and not word.startswith("-")]
    run = next((Path(word) for word in words if word in shipped() or (Path(word) / "config.json").exists()), None)
    return run, usual if run is None else str(run)


def _check(arguments: EvaluateArguments, defaults: EvaluateArguments) -> None:
    check_positive(num_blocks=arguments.num_blocks, num_threads=arguments.num_threads, acting_slots=arguments.acting_slots)
    if arguments.acting_slots != ACTING_SLOTS and not arguments.generalise:
        raise ValueError(f"--acting-slots goes with --generalise; got {arguments.acting_slots} without. Leave it out.")
    _check_workers(arguments)
    if arguments.seed < 0:
        raise ValueError(f"--seed must not be negative; got {arguments.seed}. Give 0 or more.")
    check_folder(output=arguments.output)
    if arguments.recorded.channels and (arguments.generalise or arguments.scenarios is not None):
        raise ValueError("--channels are played without --scenarios and --generalise; got both. Give one of them.")
    if arguments.is_everywhere or arguments.scenarios is not None:
        flag = "--generalise" if arguments.generalise else "--scenarios"
        fairness = defaults.scenario.fairness if arguments.generalise else arguments.scenario.fairness
        check_drawn(flag, arguments.scenario, replace(defaults.scenario, fairness=fairness))
    if arguments.scenarios is not None and arguments.scenarios != "all":
        scenario_names(arguments.scenarios, ())
    if arguments.policies.policy and arguments.is_everywhere:
        raise ValueError("--policy stands beside an actor on one network or scenario; got it with several. Give --scenarios NAME.")
    if arguments.train and (not arguments.is_everywhere or arguments.curve):
        raise ValueError("--train goes with --generalise or --scenarios all; got it alone. python train.py trains an actor.")
    if arguments.html and (arguments.is_everywhere or arguments.curve is not None or len(arguments.recorded.channels) > 1):
        raise ValueError(
            "--html shows one table; got --scenarios of several, --generalise, --curve or several pools. Leave one of the two out."
        )
    if arguments.curve is not None:
        _check_curve(arguments, defaults)


def _check_workers(arguments: EvaluateArguments) -> None:
    check_cluster(arguments.workers)
    if arguments.num_workers is not None:
        check_positive(num_workers=arguments.num_workers)
    plays_many = arguments.generalise or arguments.scenarios is not None or arguments.curve is not None
    if not plays_many and (arguments.num_workers is not None or arguments.workers != PROCESSES):
        raise ValueError("--num-workers and --executor go with --scenarios, --curve or --generalise; got none of these. Leave them out.")


def _check_curve(arguments: EvaluateArguments, defaults: EvaluateArguments) -> None:
    check_drawn("--curve", arguments.scenario, defaults.scenario)
    if arguments.generalise or arguments.policies.policy:
        raise ValueError(f"--curve {arguments.curve} is of one actor; got --generalise or --policy beside it. Leave one of the two out.")
    if arguments.curve == "sir" and arguments.scenarios != defaults.scenarios:
        raise ValueError(
            f"--curve sir is on the paper's networks; got --scenarios {arguments.scenarios} beside it. Leave one of the two out."
        )
