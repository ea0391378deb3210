"""The arguments of train.py. Reading them does not import torch."""

import dataclasses
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import tyro

from agents.learner import Learner, explain, values_for
from agents.loading import locate
from agents.registry import LEARNERS
from agents.run_directory import RunDirectory
from experiments.command_line import Reporting, check_drawn, check_folder, check_positive, parse, values_of
from experiments.commands.channel_words import ChannelArguments, asked_channels, checked_network, usual_network
from experiments.commands.scenario_words import TRAINED_ON, check_mixing, scenario_names
from experiments.commands.task_words import TASK_HELP, asked_task, check_task, network_of
from experiments.game_rules import drawn_by
from multicell_env.config import NetworkConfig
from multicell_env.observation import Observation
from multicell_env.scenarios import SCENARIOS

EXAMPLES = """Examples:
  python train.py                                                            TD3-MIX on the paper's network, a minute on two cores
  python train.py --num-antennas 32 --num-users 16 --name large
  python train.py --algo apg --task irregular-7-v0                           on the training networks of a task
  python train.py --algo apg --scenarios mixture --num-networks 64           on 64 random networks, in turn
  python train.py --algo apg --preset rounds --scenarios all                 one actor for all scenarios, which acts in every round
  python train.py --preset rounds --scenarios asymmetric                     TD3-MIX in every round, for one scenario
  python train.py --preset paper                                             the paper's Algorithm 1 (--explain: sources of its settings)
  python train.py --channels FILE.npy                                        on recorded channels, with their sizes and mean gains
  python train.py --sir-db 10 --start-from RUN/best.safetensors --actor-rest 100      start from a trained actor
  python train.py --resume runs/NAME                                         after Ctrl-C, SIGTERM or a power cut
  python train.py --resume runs/NAME --num-steps 2000                        continue a finished run"""
COUNTS = ("num_threads", "eval_interval", "eval_blocks", "final_blocks", "num_networks")
LONGEST_NAME = 200
"""Most bytes of a run's name: file systems store 255, and tools append to it."""
USUAL = next(iter(LEARNERS.values()))
PRESETS = tuple(dict.fromkeys(name for learner in LEARNERS.values() for name in learner.presets))
"""Names of the presets of all learners. Learners may share a name."""
if TYPE_CHECKING:
    LearnerName = PresetName = str
else:
    LearnerName = tyro.extras.literal_type_from_choices(tuple(LEARNERS))
    PresetName = tyro.extras.literal_type_from_choices(("default", *PRESETS))
SCENARIOS_HELP = (
    f"Train on random networks of {', '.join(SCENARIOS)}, or of several of these separated by commas, instead of on one network. "
    f"all: {', '.join(TRAINED_ON)}."
)


@dataclass(frozen=True)
class TrainArguments:
    """Train an actor that allocates power for base stations. The result is a run directory with the best actor, curves and a table."""

    algo: Annotated[LearnerName, tyro.conf.arg(help=" ".join(f"{one.name}: {one.summary}." for one in LEARNERS.values()))] = USUAL.name
    preset: PresetName = "default"
    """Hyperparameters to start from; other flags override them. paper (td3mix): the paper's Algorithm 1. paper-k0 (td3mix): the paper's
    baseline without negotiation. rounds: price multipliers in every round."""
    explain: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print each setting of the preset and its source, such as the place in the paper. Nothing is trained."""
    observation: Observation = "gain"
    """Observation of a base station: gain (3 planes), price (9 planes) or csi (the paper's local state, 4M + 2 planes)."""
    name: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Name of the run; the date and time by default."""
    runs: Path = Path("runs")
    """Parent directory of run directories."""
    resume: Annotated[Path | None, tyro.conf.arg(metavar="RUN")] = None
    """Continue this run from its last checkpoint, with its own settings."""
    start_from: Annotated[Path | None, tyro.conf.arg(metavar="ACTOR")] = None
    """Start from this actor instead of a random one: a file, a run directory, or the name of a shipped actor. See also --actor-rest."""
    seed: int = 0
    """Seed of all random numbers: channels, initial weights and exploration."""
    device: Annotated[str | None, tyro.conf.arg(metavar="DEVICE")] = None
    """Run learner and environment as tensors on this torch device (cpu, cuda, cuda:1, mps); for td3mix, and for apg without slots ahead.
    By default both run on the CPU, the environment with compiled kernels, which are several times faster there than tensors."""
    num_threads: int = 1
    """CPU threads of torch. Small networks run fastest on one thread."""
    eval_interval: int = 50
    """Vector steps between evaluations. Each evaluation also writes a checkpoint."""
    eval_blocks: int = 100
    """Blocks in each of these evaluations, always the same ones."""
    final_blocks: int = 200
    """Unseen blocks for the final table."""
    task: Annotated[str | None, tyro.conf.arg(metavar="NAME", help=f"Train on a task. {TASK_HELP}")] = None
    scenarios: Annotated[str | None, tyro.conf.arg(metavar="NAME", help=SCENARIOS_HELP)] = None
    num_networks: int = 16
    """Networks to draw from each scenario. They are trained on in turn, or in one batch (apg with slots ahead, td3mix --mixes-networks).
    Evaluations use other networks of the scenario, one block each."""
    reporting: tyro.conf.OmitArgPrefixes[Reporting] = field(default_factory=Reporting)
    """What to print, and where."""
    recorded: Annotated[tyro.conf.OmitArgPrefixes[ChannelArguments], tyro.conf.arg(name="channels")] = field(
        default_factory=ChannelArguments
    )
    """Recorded channels to train on, in addition to --scenarios if given. Several pools are trained on in turn."""
    also_moving: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="MODEL")] = ()
    """Train on every pool also with this channel model, in which its channels move or are estimated. Repeat the flag for more models."""
    scenario: Annotated[tyro.conf.OmitArgPrefixes[NetworkConfig], tyro.conf.arg(name="network")] = field(default_factory=NetworkConfig)
    """Network to train on. Values of flags that end in -db are in decibels; the noise power is 1."""
    # The default decides which learner it is, and so which flags there are.
    learner: tyro.conf.OmitArgPrefixes[Any] = field(default_factory=USUAL.config)
    """Hyperparameters of the learner. --algo NAME --help lists those of another learner."""
    training: tyro.conf.OmitArgPrefixes[Any] = field(default_factory=USUAL.length)
    """Length of the training and number of environments."""

    @property
    def trains_on_many(self) -> bool:
        """Whether to train on the networks of a scenario or on several pools, instead of on one network or pool."""
        return self.scenarios is not None or len(self.recorded.channels) > 1 or len(self.also_moving) > 0


@dataclass(frozen=True)
class ResumeArguments:
    """Continue a run from its last checkpoint, with its own settings. --num-steps makes it longer."""

    resume: Annotated[Path, tyro.conf.arg(metavar="RUN")]
    """Run directory."""
    num_threads: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """CPU threads of torch; unchanged by default."""
    num_steps: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """New total number of vector steps, with those already done; unchanged by default."""
    reporting: tyro.conf.OmitArgPrefixes[Reporting] = field(default_factory=Reporting)


def defaults_of(learner: Learner[Any, Any], preset: str = "default") -> TrainArguments:
    """Default arguments for a learner and one of its presets."""
    if preset == "default":
        return TrainArguments(algo=learner.name, learner=learner.config(), training=learner.length())
    settings = learner.presets[preset]
    return TrainArguments(
        algo=learner.name,
        preset=preset,
        learner=learner.config(**values_for(settings, learner.config)),
        training=learner.length(**values_for(settings, learner.length)),
        scenario=NetworkConfig(**values_for(settings, NetworkConfig)),
        **values_for(settings, TrainArguments),
    )


def new_run(argv: list[str]) -> TrainArguments:
    """Read the command line of a new run. All checks that do not need torch are made.

    Raises:
        ValueError: the arguments break a rule, or do not go together.
    """
    # Algorithm and preset decide which other flags there are, so they must be known before the command line is parsed.
    learner = next((LEARNERS[name] for name in values_of("--algo", argv) if name in LEARNERS), USUAL)
    preset = next((name for name in values_of("--preset", argv) if name in PRESETS), "default")
    if preset != "default" and preset not in learner.presets:
        owner = next(one.name for one in LEARNERS.values() if preset in one.presets)
        example = "--network mlp --hidden-sizes 128 128 --observation csi" if owner == USUAL.name else f"--algo {owner}"
        remedy = f"Leave the preset out, and give for example {example}."
        raise ValueError(f"--preset {preset} holds hyperparameters of {owner}; got --algo {learner.name}. {remedy}")
    others = {f"--algo {other.name}": defaults_of(other) for other in LEARNERS.values() if other is not learner}
    defaults, recorded = defaults_of(learner, preset), asked_channels(argv)
    task, of_scenarios = asked_task(argv), bool(values_of("--scenarios", argv))
    network = usual_network(recorded, defaults.scenario, beside_scenarios=of_scenarios)
    defaults = dataclasses.replace(defaults, scenario=network)
    if task is not None:
        defaults = dataclasses.replace(defaults, scenario=network_of(task, network), scenarios=task.scenario)
    arguments = parse(TrainArguments, argv, defaults, examples=EXAMPLES, others=others)
    arguments = dataclasses.replace(arguments, recorded=recorded)
    if arguments.explain:
        if arguments.preset not in PRESETS:
            raise ValueError(f"--explain is for a preset; got none. Give --preset {' or --preset '.join(PRESETS)}.")
        return arguments
    if task is not None:
        check_task(task, arguments.scenario, defaults.scenario, beside=of_scenarios or bool(recorded.channels))
    _check(arguments)
    beside = arguments.scenarios is not None
    network = checked_network(recorded, arguments.scenario, defaults.scenario, beside_scenarios=beside)
    return dataclasses.replace(arguments, scenario=network)


def _check(arguments: TrainArguments) -> None:
    check_folder(runs=arguments.runs)
    check_positive(**{name: getattr(arguments, name) for name in COUNTS})
    if arguments.scenarios is not None:
        check_drawn("--scenarios", arguments.scenario, NetworkConfig(**drawn_by(arguments.scenario)))
        check_mixing(arguments.scenarios, arguments.num_networks, LEARNERS[arguments.algo], arguments.learner, arguments.training)
        scenario_names(arguments.scenarios, TRAINED_ON)
    if not 0 <= arguments.seed < 2**32:  # the range of seeds of NumPy's global generator
        raise ValueError(f"--seed must be from 0 to {2**32 - 1}; got {arguments.seed}. Give one of these.")
    if arguments.also_moving and not arguments.recorded.channels:
        raise ValueError(f"--also-moving moves the pools of --channels; got {arguments.also_moving[0]!r} without. Give both.")
    if arguments.name is not None:
        check_name(arguments.name)
    if arguments.device is not None:
        _check_what_a_device_trains_on(arguments)
    if arguments.start_from is not None:
        if LEARNERS[arguments.algo].start_from is None:
            able = " or ".join(learner.name for learner in LEARNERS.values() if learner.start_from is not None)
            raise ValueError(f"--start-from is for {able}; got --algo {arguments.algo}. Leave one of them out.")
        locate(str(arguments.start_from))


def _check_what_a_device_trains_on(arguments: TrainArguments) -> None:
    mixes = LEARNERS[arguments.algo].mixes_environments(arguments.learner)
    if arguments.recorded.channels or mixes or (arguments.trains_on_many and not LEARNERS[arguments.algo].is_differentiable):
        given = "--channels" if arguments.recorded.channels else "batches of several networks" if mixes else "--scenarios"
        raise ValueError(
            f"--device trains td3mix on one network, and apg without slots ahead on drawn networks; got {given}. Leave one of them out."
        )
    reads_state = getattr(arguments.learner, "mixer_state", None) == "state" and arguments.learner.mixer not in ("sum", "none")
    if reads_state and arguments.observation == "csi":
        raise ValueError(
            "--device td3mix needs a mixer that reads observations; got --observation csi with --mixer-state state. Give --mixer-state "
            "observations."
        )


def check_name(name: str) -> None:
    """Refuse a name that is not a valid folder name on this or on another operating system.

    Raises:
        ValueError: it is such a name.
    """
    is_reserved = re.fullmatch(r"(con|prn|aux|nul|(com|lpt)\d)(\..*)?", name, re.IGNORECASE) is not None
    if not name or is_reserved or name[0] in ". -" or name[-1] in ". " or not name.isprintable() or set(name) & set('<>:"/\\|?*'):
        raise ValueError(
            f"--name must be a file name that is valid on every system; got {name!r:.80}. Leave it out for date and time, and set the "
            "directory by --runs."
        )
    if len(name.encode(errors="replace")) > LONGEST_NAME:
        raise ValueError(f"--name must be at most {LONGEST_NAME} bytes; got {len(name)} characters. Give a shorter one.")


def explained(arguments: TrainArguments) -> list[dict[str, Any]]:
    """The settings of the arguments' preset, each with its source."""
    parts = (arguments, arguments.learner, arguments.training, arguments.scenario)
    settings = LEARNERS[arguments.algo].presets[arguments.preset]
    return explain(settings, {name: value for part in parts for name, value in vars(part).items()})


def resumed_run(argv: list[str]) -> tuple[ResumeArguments, TrainArguments]:
    """Read the command line that continues a run, and the stored settings of the run.

    Raises:
        FileNotFoundError: there is no such run.
        ValueError: an argument breaks its rule, or the run's settings are damaged.
    """
    given = parse(ResumeArguments, argv, ResumeArguments(Path()), refusal=_keeps_its_settings)
    arguments = dataclasses.replace(_stored_arguments(RunDirectory(given.resume)), reporting=given.reporting)
    if given.num_threads is not None:
        check_positive(num_threads=given.num_threads)
        arguments = dataclasses.replace(arguments, num_threads=given.num_threads)
    return given, arguments


def _keeps_its_settings(words: list[str], flags: list[str]) -> str:
    return f"a resumed run keeps the settings that it has; got {' '.join(words)} beside --resume. Leave that out, or start a new run."


def _stored_arguments(directory: RunDirectory) -> TrainArguments:
    """The settings with which a run was started."""
    stored = directory.config()
    try:
        fields = dict(stored["arguments"])
        of = LEARNERS[fields["algo"]]
        learner, start_from, recorded = {**fields.pop("learner")}, fields.get("start_from"), fields.pop("recorded", {})
        for name in (*COUNTS, "seed"):
            if type(value := fields.get(name, 1)) is not int:
                raise TypeError(f"{name} = {value!r:.80}")
        stored_arguments = TrainArguments(
            scenario=NetworkConfig.from_json(fields.pop("scenario")),
            learner=of.config(**{**learner, "hidden_sizes": tuple(learner["hidden_sizes"])}),
            training=of.length(**fields.pop("training")),
            recorded=ChannelArguments.of(recorded),
            also_moving=tuple(fields.pop("also_moving", ())),
            **{**fields, "runs": Path(fields["runs"]), "start_from": start_from and Path(start_from), "resume": None},
        )
        _check(dataclasses.replace(stored_arguments, start_from=None))  # a continued run does not need it
        if stored_arguments.observation not in get_args(Observation):
            raise ValueError(f"observation = {stored_arguments.observation!r:.80}")
        return stored_arguments
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"{directory.config_path} must be what train.py wrote; got something else ({error}). Use another run.") from error
