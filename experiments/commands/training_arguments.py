"""Arguments of train.py, and reading them; torch is not imported for it."""

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
  python train.py --algo apg --scenarios mixture --num-networks 64           networks drawn at random take turns
  python train.py --algo apg --preset rounds --scenarios all                 one actor that acts in every round, for four scenarios
  python train.py --preset rounds --scenarios asymmetric                     TD3-MIX in every round, on one of them
  python train.py --preset paper                                             the paper's Algorithm 1 (--explain: from where each setting is)
  python train.py --channels FILE.npy                                        on recorded channels: their sizes, their mean gains
  python train.py --sir-db 10 --start-from RUN/best.safetensors --actor-rest 100      go on from another actor
  python train.py --resume runs/NAME                                         after Ctrl-C, SIGTERM or a power cut
  python train.py --resume runs/NAME --num-steps 2000                        a finished run learns on"""
COUNTS = ("num_threads", "eval_interval", "eval_blocks", "final_blocks", "num_networks")
LONGEST_NAME = 200
"""Bytes of a run's name: systems store 255, and tools add to it."""
USUAL = next(iter(LEARNERS.values()))
PRESETS = tuple(dict.fromkeys(name for learner in LEARNERS.values() for name in learner.presets))
"""Names of the presets of all learners; several may have one of the same name."""
if TYPE_CHECKING:
    LearnerName = PresetName = str
else:
    LearnerName = tyro.extras.literal_type_from_choices(tuple(LEARNERS))
    PresetName = tyro.extras.literal_type_from_choices(("default", *PRESETS))
SCENARIOS_HELP = (
    f"Train on networks drawn at random, of {', '.join(SCENARIOS)}, or of several with commas between, instead of on one network. "
    f"all: {', '.join(TRAINED_ON)}."
)


@dataclass(frozen=True)
class TrainArguments:
    """Train an actor to open the negotiation of base stations. The result is a run directory with the best actor, curves and a table."""

    algo: Annotated[LearnerName, tyro.conf.arg(help=" ".join(f"{one.name}: {one.summary}." for one in LEARNERS.values()))] = USUAL.name
    preset: PresetName = "default"
    """paper (td3mix): Algorithm 1 as the paper prints it. paper-k0 (td3mix): its baseline without negotiation. rounds: price multipliers
    in every round. Other flags still apply."""
    explain: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print each setting of the preset with where it comes from, such as the place in the paper, and train nothing."""
    observation: Observation = "gain"
    """What a base station sees: gain (3 planes), price (9 planes) or csi (the paper's local state, 4M + 2 planes)."""
    name: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Name of the run; the date and time by default."""
    runs: Path = Path("runs")
    """Where run directories go."""
    resume: Annotated[Path | None, tyro.conf.arg(metavar="RUN")] = None
    """Continue this run from its last checkpoint, with the settings that it has."""
    start_from: Annotated[Path | None, tyro.conf.arg(metavar="ACTOR")] = None
    """Begin with this actor (a file, a run directory, the name of a shipped one) instead of a random one; of td3mix see --actor-rest."""
    seed: int = 0
    """Seed of everything."""
    device: Annotated[str | None, tyro.conf.arg(metavar="DEVICE")] = None
    """Train on a device of torch (cpu, cuda, cuda:1, mps), the environment as tensors there too (td3mix; apg without slots ahead). By
    default the environment is the compiled kernels, on the processor, which is several times as fast there."""
    num_threads: int = 1
    """Threads of torch; small networks run faster on one thread than on two that compete."""
    eval_interval: int = 50
    """Vector steps between evaluations; each also writes a checkpoint."""
    eval_blocks: int = 100
    """Blocks of these evaluations, always the same."""
    final_blocks: int = 200
    """Unseen blocks of the closing table."""
    task: Annotated[str | None, tyro.conf.arg(metavar="NAME", help=f"Train on a task. {TASK_HELP}")] = None
    scenarios: Annotated[str | None, tyro.conf.arg(metavar="NAME", help=SCENARIOS_HELP)] = None
    num_networks: int = 16
    """Networks to draw of each scenario; they take turns, or stand in one batch (apg with slots ahead, td3mix where it mixes networks).
    Evaluations are on others of the scenario, one block each."""
    reporting: tyro.conf.OmitArgPrefixes[Reporting] = field(default_factory=Reporting)
    """What is shown, and where."""
    recorded: Annotated[tyro.conf.OmitArgPrefixes[ChannelArguments], tyro.conf.arg(name="channels")] = field(
        default_factory=ChannelArguments
    )
    """Pools to train on; with --scenarios beside these, and several one after another or, where batches mix networks, by turns."""
    also_moving: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="MODEL")] = ()
    """Train on every pool once more where its channels move or are estimated, as --channel-model says it; again for more."""
    scenario: Annotated[tyro.conf.OmitArgPrefixes[NetworkConfig], tyro.conf.arg(name="network")] = field(default_factory=NetworkConfig)
    """Network to train on. Decibels where a name ends in -db; noise power is 1."""
    # Which learner it is, and so which flags there are, is the default's to say.
    learner: tyro.conf.OmitArgPrefixes[Any] = field(default_factory=USUAL.config)
    """Hyperparameters of the learner; those of another one: --algo NAME --help."""
    training: tyro.conf.OmitArgPrefixes[Any] = field(default_factory=USUAL.length)
    """How long and on how many environments to train."""

    @property
    def trains_on_many(self) -> bool:
        """Whether networks of a scenario or several pools are trained on, instead of one network or pool."""
        return self.scenarios is not None or len(self.recorded.channels) > 1 or len(self.also_moving) > 0


@dataclass(frozen=True)
class ResumeArguments:
    """Continue a run from its last checkpoint, with the settings that it has. With --num-steps it goes on for longer."""

    resume: Annotated[Path, tyro.conf.arg(metavar="RUN")]
    """Run directory."""
    num_threads: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Threads of torch; as before by default."""
    num_steps: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Vector steps in all, for a run that should go on beyond what it was made for; as before by default."""
    reporting: tyro.conf.OmitArgPrefixes[Reporting] = field(default_factory=Reporting)


def defaults_of(learner: Learner[Any, Any], preset: str = "default") -> TrainArguments:
    """What is not given on the command line, of a learner with one of its presets."""
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
    """The command line of a new run; what needs no torch is checked.

    Raises:
        ValueError: the arguments break a rule, or are of several kinds that do not go together.
    """
    # What is chosen decides which other flags there are, so it must be known before the command line is read.
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
    if not 0 <= arguments.seed < 2**32:  # what NumPy's global generator takes
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
            f"--device trains td3mix on one network, and apg without slots ahead on any that are drawn; got {given}. Leave one of them out."
        )
    reads_state = getattr(arguments.learner, "mixer_state", None) == "state" and arguments.learner.mixer not in ("sum", "none")
    if reads_state and arguments.observation == "csi":
        raise ValueError(
            "--device td3mix mixes by what is observed; got --observation csi, which is not the state. Give --mixer-state observations."
        )


def check_name(name: str) -> None:
    """Refuse a name that is none of a folder, on this system or on another one that the run may be copied to.

    Raises:
        ValueError: it is such a name.
    """
    is_reserved = re.fullmatch(r"(con|prn|aux|nul|(com|lpt)\d)(\..*)?", name, re.IGNORECASE) is not None
    if not name or is_reserved or name[0] in ". -" or name[-1] in ". " or not name.isprintable() or set(name) & set('<>:"/\\|?*'):
        raise ValueError(
            f"--name must be a plain name that every system can store; got {name!r:.80}. Leave it out for date and time, and choose the "
            "place by --runs."
        )
    if len(name.encode(errors="replace")) > LONGEST_NAME:
        raise ValueError(f"--name must be at most {LONGEST_NAME} bytes; got {len(name)} characters. Give a shorter one.")


def explained(arguments: TrainArguments) -> list[dict[str, Any]]:
    """Where every setting of the arguments' preset comes from."""
    parts = (arguments, arguments.learner, arguments.training, arguments.scenario)
    settings = LEARNERS[arguments.algo].presets[arguments.preset]
    return explain(settings, {name: value for part in parts for name, value in vars(part).items()})


def resumed_run(argv: list[str]) -> tuple[ResumeArguments, TrainArguments]:
    """The command line that continues a run, and the settings that the run has.

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
    """The settings that a run was started with."""
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
        _check(dataclasses.replace(stored_arguments, start_from=None))  # which a run that goes on needs no more
        if stored_arguments.observation not in get_args(Observation):
            raise ValueError(f"observation = {stored_arguments.observation!r:.80}")
        return stored_arguments
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"{directory.config_path} must be what train.py wrote; got something else ({error}). Use another run.") from error
