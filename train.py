"""Train an actor to open the negotiation of base stations. Ctrl-C or SIGTERM write a checkpoint and stop; --resume continues."""

import dataclasses
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import torch
import tyro
from gymnasium.vector import AutoresetMode
from tianshou.utils import TensorboardLogger
from torch.utils.tensorboard import SummaryWriter

from agents.apg import APGConfig, APGTraining, APGTrainingConfig
from agents.joint import JointEnv
from agents.loading import load
from agents.paper_preset import PRESETS, explain, values_for
from agents.pool import PoolEnv, PoolTraining, check_pool
from agents.run_directory import RunDirectory
from agents.td3_mix_config import TD3MixConfig
from agents.training import Training, TrainingConfig
from agents.training_run import Evaluation, TrainingRun
from evaluate import evaluate_actor
from experiments.command_line import Reporting, check_drawn, check_folder, check_positive, parse, report, run_command, values_of
from experiments.provenance import provenance
from experiments.studies.scenario_comparison import compare_on_scenario
from experiments.studies.scenario_evaluation import Validation
from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.allocations.registry import QUICK_METHODS
from multicell_env.evaluation.pictures import save_learning_curve
from multicell_env.evaluation.playing import FIRST_SEED
from multicell_env.observation import Observation
from multicell_env.scenarios import SCENARIOS, draw_networks, scenario_named

EXAMPLES = """Examples:
  python train.py                                                            TD3-MIX on the paper's network, a minute on two cores
  python train.py --num-antennas 32 --num-users 16 --name large
  python train.py --algo apg --scenarios mixture --num-networks 64           networks drawn at random take turns
  python train.py --preset paper                                             the paper's Algorithm 1 (--explain: from where each setting is)
  python train.py --sir-db 10 --start-from RUN/best.pt --actor-rest 100      go on from another actor
  python train.py --resume runs/NAME                                         after Ctrl-C, SIGTERM or a power cut
  python train.py --resume runs/NAME --num-steps 2000                        a finished run learns on"""
COUNTS = ("num_threads", "eval_interval", "eval_blocks", "final_blocks", "num_networks")
SCENARIOS_HELP = f"Train on networks drawn at random, of {', '.join(SCENARIOS)}, instead of on one network."
VALIDATION_SEED = 2_000_000
"""Blocks that choose the best actor; neither trained on nor part of the closing table."""


@dataclass(frozen=True)
class TrainArguments:
    """Train an actor to open the negotiation of base stations. The result is a run directory with the best actor, curves and a table."""

    algo: Literal["td3mix", "apg"] = "td3mix"
    """td3mix: the paper's TD3-MIX. apg: analytic policy gradient, which climbs the rewards through the equations themselves."""
    preset: Literal["default", "paper", "paper-k0"] = "default"
    """paper: Algorithm 1 as the paper prints it. paper-k0: its baseline without negotiation. Other flags still apply."""
    explain: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print each setting of the preset with the place in the paper that it comes from, and train nothing."""
    observation: Observation = "gain"
    """What a base station sees: gain (3 planes) or csi (the paper's local state, 4M + 2 planes)."""
    name: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Name of the run; the date and time by default."""
    runs: Path = Path("runs")
    """Where run directories go."""
    resume: Annotated[Path | None, tyro.conf.arg(metavar="RUN")] = None
    """Continue this run from its last checkpoint, with the settings that it has."""
    start_from: Annotated[Path | None, tyro.conf.arg(metavar="ACTOR")] = None
    """Begin with this actor (a file, a run directory, or the name of a shipped one) instead of a random one (td3mix; see --actor-rest)."""
    seed: int = 0
    """Seed of everything."""
    num_threads: int = 1
    """Threads of torch; small networks run faster on one thread than on two that compete."""
    eval_interval: int = 50
    """Vector steps between evaluations; each also writes a checkpoint."""
    eval_blocks: int = 100
    """Blocks of these evaluations, always the same."""
    final_blocks: int = 200
    """Unseen blocks of the closing table."""
    scenarios: Annotated[str | None, tyro.conf.arg(metavar="NAME", help=SCENARIOS_HELP)] = None
    num_networks: int = 16
    """Networks to draw; they take turns. Evaluations are on others of the scenario, one block each."""
    reporting: tyro.conf.OmitArgPrefixes[Reporting] = field(default_factory=Reporting)
    """What is shown, and where."""
    scenario: Annotated[tyro.conf.OmitArgPrefixes[NetworkConfig], tyro.conf.arg(name="network")] = field(default_factory=NetworkConfig)
    """Network to train on. Decibels where a name ends in -db; noise power is 1."""
    # Which learner it is, and so which flags there are, is the default's to say.
    learner: tyro.conf.OmitArgPrefixes[Any] = field(default_factory=TD3MixConfig)
    """Hyperparameters of the learner; those of the other one: --algo apg --help."""
    training: tyro.conf.OmitArgPrefixes[Any] = field(default_factory=TrainingConfig)
    """How long and on how many environments to train."""


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


def _preset(name: Any) -> TrainArguments:
    learner, training, network, own = (
        values_for(PRESETS[name], kind) for kind in (TD3MixConfig, TrainingConfig, NetworkConfig, TrainArguments)
    )
    parts = {"learner": TD3MixConfig(**learner), "training": TrainingConfig(**training), "scenario": NetworkConfig(**network)}
    return TrainArguments(preset=name, **parts, **own)


DEFAULTS = {
    ("td3mix", "default"): TrainArguments(),
    ("apg", "default"): TrainArguments(algo="apg", learner=APGConfig(), training=APGTrainingConfig()),
    **{("td3mix", name): _preset(name) for name in PRESETS},
}


def main(argv: list[str]) -> None:
    """Run the command line."""
    if any(word.split("=")[0] == "--resume" for word in argv):
        arguments, directory, state = _resumed(argv)
    else:
        arguments = _asked(argv)
        if arguments.explain:
            report(arguments.reporting, lambda: _explain(arguments))
            return
        directory, state = _begun(arguments), None
    torch.set_num_threads(arguments.num_threads)
    report(arguments.reporting, lambda: _run(arguments, directory, state))


def _run(arguments: TrainArguments, directory: RunDirectory, state: dict[str, Any] | None) -> dict[str, Any]:
    """Train to the end or until a signal, then play. Returns where the run is, how far it came, and what the closing table says."""
    run = _training_run(arguments, directory, state)
    closing = _close(arguments, directory) if run.learn() else {}
    return {"run": str(directory.path), "steps_done": run.training.steps_done, "stopped_by": run.stopped_by, **closing}


def _explain(arguments: TrainArguments) -> list[dict[str, Any]]:
    """Print where every setting of a preset comes from; returns the same."""
    rows = _explained(arguments)
    for name, value, source in (row.values() for row in rows):
        print(f"{name:<22}{value!s:<14}{source}")
    return rows


def _explained(arguments: TrainArguments) -> list[dict[str, Any]]:
    parts = (arguments, arguments.learner, arguments.training, arguments.scenario)
    return explain(PRESETS[arguments.preset], {name: value for part in parts for name, value in vars(part).items()})


def _asked(argv: list[str]) -> TrainArguments:
    """The command line of a new run."""
    # What is chosen decides which other flags there are, so it must be known before the command line is read.
    algo = "apg" if "apg" in values_of("--algo", argv) else "td3mix"
    preset = next((name for name in values_of("--preset", argv) if name in PRESETS), "default")
    if (algo, preset) not in DEFAULTS:
        remedy = "Leave the preset out, and give for example --network mlp --hidden-sizes 128 128 --observation csi."
        raise ValueError(f"--preset {preset} holds hyperparameters of td3mix; got --algo {algo}. {remedy}")
    others = {f"--algo {other}": defaults for (other, its), defaults in DEFAULTS.items() if its == "default" and other != algo}
    arguments = parse(TrainArguments, argv, DEFAULTS[algo, preset], examples=EXAMPLES, others=others)
    if arguments.explain and arguments.preset not in PRESETS:
        raise ValueError(f"--explain is for a preset of the paper; got none. Give --preset {' or --preset '.join(PRESETS)}.")
    return arguments


def _begun(arguments: TrainArguments) -> RunDirectory:
    """A new run: everything is checked before its directory is made."""
    check_folder(runs=arguments.runs)
    check_positive(**{name: getattr(arguments, name) for name in COUNTS})
    if arguments.scenarios is not None:
        check_drawn("--scenarios", arguments.scenario, NetworkConfig())
    if not 0 <= arguments.seed < 2**32:  # what NumPy's global generator takes
        raise ValueError(f"--seed must be from 0 to {2**32 - 1}; got {arguments.seed}. Give one of these.")
    name = f"{arguments.algo}-{datetime.now():%Y%m%d-%H%M%S-%f}" if arguments.name is None else arguments.name
    if Path(name).name != name or name in ("", ".."):
        raise ValueError(f"--name must be a plain name; got {name!r}. Leave it out for date and time, and choose the place by --runs.")
    envs = [JointEnv(multicell_v0.parallel_env(config, observation=arguments.observation)) for config in _networks(arguments)]
    replayed = arguments.training if isinstance(arguments.training, TrainingConfig) else None
    if replayed is None and arguments.start_from is not None:
        raise ValueError("--start-from is for td3mix; got --algo apg. Leave one of them out.")
    start_from = None if arguments.start_from is None else str(arguments.start_from)
    check_pool(envs, arguments.learner, replayed, None if start_from is None else load(start_from).actor)
    settings = {**asdict(arguments), "runs": str(arguments.runs), "start_from": start_from, "resume": None}
    del settings["reporting"], settings["explain"]  # of the command, not of the run
    explained = {"explained": _explained(arguments)} if arguments.preset in PRESETS else {}
    return RunDirectory.create(arguments.runs / name, {"arguments": settings, **explained, **provenance()})


def _resumed(argv: list[str]) -> tuple[TrainArguments, RunDirectory, dict[str, Any] | None]:
    """A run that goes on with the settings that it has."""
    given = parse(ResumeArguments, argv, ResumeArguments(Path()), refusal=_keeps_its_settings)
    directory = RunDirectory(given.resume)
    arguments = dataclasses.replace(_stored_arguments(directory), reporting=given.reporting)
    if given.num_threads is not None:
        check_positive(num_threads=given.num_threads)
        arguments = dataclasses.replace(arguments, num_threads=given.num_threads)
    state = directory.load_checkpoint()
    if given.num_steps is not None:
        done = 0 if state is None else state["training"]["steps_done"]
        if given.num_steps < max(done, 1):
            raise ValueError(f"--num-steps counts all steps of the run, of which {done} are done; got {given.num_steps}. Give more.")
        arguments = dataclasses.replace(arguments, training=dataclasses.replace(arguments.training, num_steps=given.num_steps))
        directory.change_argument("training", asdict(arguments.training))  # so that it counts when this is stopped and resumed, too
    return arguments, directory, state


def _keeps_its_settings(words: list[str], flags: list[str]) -> str:
    return f"a resumed run keeps the settings that it has; got {' '.join(words)} beside --resume. Leave that out, or start a new run."


def _training(arguments: TrainArguments, writer: SummaryWriter) -> Training | PoolTraining | APGTraining:
    """The learner that was asked for, on the networks that were asked for."""
    seed, training = arguments.seed, arguments.training
    pool = [_pool_env(config, arguments) for config in _networks(arguments)]
    if arguments.scenarios is not None:
        return PoolTraining(pool, arguments.learner, None if arguments.algo == "apg" else training, seed=seed)
    if arguments.algo == "apg":
        return APGTraining(pool[0].make_env, pool[0].stacked_env, arguments.learner, seed=seed)
    logger = TensorboardLogger(writer, info_interval=10**9, write_flush=False)
    return Training(pool[0].make_env, arguments.learner, training, seed=seed, logger=logger, stacked_env=pool[0].stacked_env)


def _training_run(arguments: TrainArguments, directory: RunDirectory, state: dict[str, Any] | None) -> TrainingRun:
    """The run that was asked for, at its beginning or where its checkpoint was written."""
    steps_done = 0 if state is None else state["training"]["steps_done"]
    writer = SummaryWriter(str(directory.path), purge_step=steps_done + 1)
    training = _training(arguments, writer)
    if state is None and arguments.start_from is not None:
        cast(Training | PoolTraining, training).algorithm.start_from(load(str(arguments.start_from)).actor)
    if arguments.scenarios is None:
        validation = Validation([arguments.scenario], arguments.eval_blocks, VALIDATION_SEED, arguments.observation)
    else:
        unseen = _drawn(arguments.scenarios, arguments, arguments.eval_blocks, VALIDATION_SEED)
        validation = Validation(unseen, 1, VALIDATION_SEED, arguments.observation)

    def describe(row: dict[str, float]) -> str:
        of_bound = "" if validation.bound is None else f", {row['percent_of_bound']:.1f} % of bound"
        return f"{row['last_slot']:.1f} bit/s/Hz{of_bound}"

    evaluation = Evaluation(
        measure=validation.measure,
        judge="all_slots" if arguments.scenarios is None else "percent_all_slots",  # so that no network counts more because it is larger
        draw=lambda metrics: save_learning_curve(metrics, validation.bound, directory.path / "learning_curve.png"),
        describe=describe,
        interval=arguments.eval_interval,
    )
    metadata = {"config": asdict(arguments.scenario)} | {
        key: getattr(arguments, key) for key in ("algo", "scenarios", "observation", "seed")
    }
    length = {"num_steps": arguments.training.num_steps, "num_envs": arguments.training.num_envs}
    return TrainingRun(training, directory, state, writer, evaluation, metadata=metadata, **length)


def _networks(arguments: TrainArguments) -> list[NetworkConfig]:
    """What is trained on."""
    if arguments.scenarios is None:
        return [arguments.scenario]
    return _drawn(arguments.scenarios, arguments, arguments.num_networks, arguments.seed)


def _drawn(name: str, arguments: TrainArguments, num_networks: int, seed: int) -> list[NetworkConfig]:
    """Networks of a scenario, in the game that was asked for."""
    return draw_networks(scenario_named(name), num_networks, seed, arguments.scenario.damping)


def _pool_env(config: NetworkConfig, arguments: TrainArguments) -> PoolEnv:
    settings: dict[str, Any] = {"config": config, "observation": arguments.observation}
    mode = AutoresetMode.SAME_STEP if arguments.algo == "apg" else AutoresetMode.DISABLED
    stacked = MulticellVectorEnv(arguments.training.num_envs, **settings, autoreset_mode=mode)
    return PoolEnv(partial(multicell_v0.parallel_env, **settings), stacked)


def _close(arguments: TrainArguments, directory: RunDirectory) -> dict[str, Any]:
    """Play the best actor on unseen channels and print the closing table."""
    actor = load(directory.best_path)
    settings: dict[str, Any] = {"seed": FIRST_SEED, "output": directory.path, "methods": QUICK_METHODS}
    if arguments.scenarios is None:
        return evaluate_actor(actor, arguments.scenario, num_blocks=arguments.final_blocks, **settings)
    networks = _drawn(arguments.scenarios, arguments, arguments.final_blocks, FIRST_SEED)
    return compare_on_scenario({arguments.algo: actor}, arguments.scenarios, networks, **settings)


def _stored_arguments(directory: RunDirectory) -> TrainArguments:
    """The settings that a run was started with."""
    stored = directory.config()
    try:
        fields = dict(stored["arguments"])
        defaults = DEFAULTS[fields["algo"], "default"]
        learner, start_from = {**fields.pop("learner")}, fields.get("start_from")
        return TrainArguments(
            scenario=NetworkConfig.from_json(fields.pop("scenario")),
            learner=type(defaults.learner)(**{**learner, "hidden_sizes": tuple(learner["hidden_sizes"])}),
            training=type(defaults.training)(**fields.pop("training")),
            **{**fields, "runs": Path(fields["runs"]), "start_from": start_from and Path(start_from), "resume": None},
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{directory.config_path} must be what train.py wrote; got something else ({error}). Use another run.") from error


if __name__ == "__main__":
    run_command(main)
