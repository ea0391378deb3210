"""A training as train.py runs it: on which networks, how it is judged, and the closing table."""

import dataclasses
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import torch
from gymnasium.vector import AutoresetMode
from tianshou.utils import TensorboardLogger
from torch.utils.tensorboard import SummaryWriter

from agents.joint import JointEnv
from agents.learner import LearnerRun, PoolEnv
from agents.loading import load
from agents.on_device.host import check_device
from agents.pool import PoolTraining, check_pool, make_groups_run
from agents.registry import LEARNERS
from agents.run_directory import RunDirectory
from agents.training_run import Evaluation, TrainingRun
from experiments.commands.channel_words import name_of, pools_and_networks
from experiments.commands.evaluation import compare_on_pool, evaluate_actor
from experiments.commands.scenario_words import TRAINED_ON, drawn_groups, scenario_names
from experiments.commands.training_arguments import PRESETS, ResumeArguments, TrainArguments, explained
from experiments.game_rules import drawn_by
from experiments.provenance import provenance
from experiments.studies.scenario_comparison import compare_on_scenario
from experiments.studies.scenario_evaluation import Validation
from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.allocations.registry import QUICK_METHODS
from multicell_env.channels.pool import RecordedChannels
from multicell_env.evaluation.pictures import save_learning_curve
from multicell_env.evaluation.playing import FIRST_SEED
from multicell_env.tensors import TorchVectorEnv

VALIDATION_SEED = 2_000_000
"""Blocks that choose the best actor; neither trained on nor part of the closing table."""


def begin(arguments: TrainArguments) -> RunDirectory:
    """A new run: everything is checked before its directory is made.

    Raises:
        FileExistsError: there is a run of this name.
        ValueError: the networks, the learner and the actor to begin with do not fit one another.
    """
    if arguments.device is not None:
        check_device(arguments.device)
        for place in chain(*_groups(arguments)):  # what is not played there is refused
            TorchVectorEnv(1, place.network, observation=arguments.observation, device=arguments.device)
    envs = [JointEnv(multicell_v0.parallel_env(**_settings(place, arguments))) for place in chain(*_groups(arguments))]
    start_from = None if arguments.start_from is None else str(arguments.start_from)
    check_pool(envs, arguments.learner, arguments.training, None if start_from is None else load(start_from).actor)
    name = f"{arguments.algo}-{datetime.now():%Y%m%d-%H%M%S-%f}" if arguments.name is None else arguments.name
    settings = {**asdict(arguments), "runs": str(arguments.runs), "start_from": start_from, "resume": None}
    del settings["reporting"], settings["explain"]  # of the command, not of the run
    sources = {"explained": explained(arguments)} if arguments.preset in PRESETS else {}
    return RunDirectory.create(arguments.runs / name, {"arguments": settings, **sources, **provenance()})


def resume(given: ResumeArguments, arguments: TrainArguments) -> tuple[TrainArguments, RunDirectory, dict[str, Any] | None]:
    """A run that goes on with the settings that it has, to more steps where that was asked for.

    Raises:
        BlockingIOError: another process trains there.
        FileNotFoundError: its checkpoint is gone.
        ValueError: its checkpoint is damaged, or fewer steps than it has done were asked for.
    """
    if arguments.device is not None:
        check_device(arguments.device)
    directory = RunDirectory(given.resume)
    directory.hold()
    state = directory.load_checkpoint()
    if given.num_steps is not None:
        done = 0 if state is None else state["training"]["steps_done"]
        if given.num_steps < max(done, 1):
            raise ValueError(f"--num-steps counts all steps of the run, of which {done} are done; got {given.num_steps}. Give more.")
        arguments = dataclasses.replace(arguments, training=dataclasses.replace(arguments.training, num_steps=given.num_steps))
        directory.change_argument("training", asdict(arguments.training))  # so that it counts when this is stopped and resumed, too
    return arguments, directory, state


def run(arguments: TrainArguments, directory: RunDirectory, state: dict[str, Any] | None) -> dict[str, Any]:
    """Train to the end or until a signal, then play. Returns where the run is, how far it came, and what the closing table says."""
    torch.set_num_threads(arguments.num_threads)
    try:
        run = _training_run(arguments, directory, state)
        closing = _close(arguments, directory) if run.learn() else {}
    finally:
        directory.release()
    return {"run": str(directory.path), "steps_done": run.training.steps_done, "stopped_by": run.stopped_by, **closing}


def _learner_run(arguments: TrainArguments, writer: SummaryWriter) -> LearnerRun:
    """The learner that was asked for, on the networks that were asked for."""
    learner, groups = LEARNERS[arguments.algo], _groups(arguments)
    if learner.mixes_environments(arguments.learner):
        mixed = [[_pool_env(place, arguments, len(group)) for place in group] for group in groups]
        return make_groups_run(mixed, arguments.learner, arguments.training, seed=arguments.seed)
    pool = [_pool_env(place, arguments, len(group)) for group in groups for place in group]
    if arguments.trains_on_many:
        return PoolTraining(pool, arguments.learner, arguments.training, seed=arguments.seed)
    logger = TensorboardLogger(writer, info_interval=10**9, write_flush=False)
    return learner.make_run(pool[0], arguments.learner, arguments.training, seed=arguments.seed, logger=logger)


def _training_run(arguments: TrainArguments, directory: RunDirectory, state: dict[str, Any] | None) -> TrainingRun:
    """The run that was asked for, at its beginning or where its checkpoint was written."""
    steps_done = 0 if state is None else state["training"]["steps_done"]
    writer = SummaryWriter(str(directory.path), purge_step=steps_done + 1)
    training = _learner_run(arguments, writer)
    start_from = LEARNERS[arguments.algo].start_from
    if state is None and arguments.start_from is not None and start_from is not None:
        first = training.members[0] if isinstance(training, PoolTraining) else training  # the members of a pool share their weights
        start_from(first, load(str(arguments.start_from)).actor)
    validation = _validation(arguments)

    # In percent, no network counts for more because it is larger.
    judge = "utility" if arguments.scenario.fairness > 0.0 else "percent_all_slots" if arguments.trains_on_many else "all_slots"

    def describe(row: dict[str, float]) -> str:
        of_bound = "" if validation.bound is None else f", {row['percent_of_bound']:.1f} % of bound"
        utility = f", utility {row['utility']:.3f}" if "utility" in row else ""
        return f"{row['last_slot']:.1f} bit/s/Hz{of_bound}{utility}"

    evaluation = Evaluation(
        measure=validation.measure,
        judge=judge,
        draw=lambda metrics: save_learning_curve(metrics, validation.bound, directory.path / "learning_curve.png"),
        describe=describe,
        interval=arguments.eval_interval,
    )
    metadata = {"config": asdict(arguments.scenario)} | {
        key: getattr(arguments, key) for key in ("algo", "scenarios", "observation", "seed")
    }
    if arguments.recorded.channels:
        metadata |= {"channels": list(arguments.recorded.channels), "channel_axes": arguments.recorded.channel_axes}
        metadata |= {"also_moving": list(arguments.also_moving)} if arguments.also_moving else {}
    length = {"num_steps": arguments.training.num_steps, "num_envs": arguments.training.num_envs}
    return TrainingRun(training, directory, state, writer, evaluation, metadata=metadata, **length)


class Place(NamedTuple):
    """Where blocks are played: on a network, and on recorded channels where there are any."""

    network: NetworkConfig
    channels: RecordedChannels | None = None


def _pools(arguments: TrainArguments, models: Sequence[str] = ()) -> list[Place]:
    """Recorded channels and their networks, and then these once more for each of the models that move them."""
    pairs = pools_and_networks(arguments.recorded, arguments.scenario, beside_scenarios=arguments.scenarios is not None)
    moved = [Place(replace(network, channel_model=model), pool) for model in models for pool, network in pairs]
    return [*(Place(network, pool) for pool, network in pairs), *moved]


def _groups(arguments: TrainArguments) -> list[list[Place]]:
    """What is trained on, scenario by scenario and then pool by pool; batches may mix what is in one group."""
    groups = [[place] for place in _pools(arguments, arguments.also_moving)]
    if arguments.scenarios is not None:
        drawn = drawn_groups(arguments.scenarios, arguments.num_networks, arguments.seed, drawn_by(arguments.scenario))
        return [[Place(network) for network in networks] for networks in drawn] + groups
    return groups or [[Place(arguments.scenario)]]


def _validation(arguments: TrainArguments) -> Validation:
    """Blocks that choose the best actor: of one network or pool at once, of many one block of each network and of each pool as many."""
    number, pools = arguments.eval_blocks, _pools(arguments, arguments.also_moving)
    if not arguments.trains_on_many:
        ((place,),) = _groups(arguments)
        validation = None if place.channels is None else place.channels.validation
        number = number if validation is None else min(number, len(validation))
        return Validation([place.network], number, VALIDATION_SEED, arguments.observation, [validation])
    rules, networks = drawn_by(arguments.scenario), []
    if arguments.scenarios is not None:
        networks = [Place(network) for network in chain(*drawn_groups(arguments.scenarios, number, VALIDATION_SEED, rules))]
    for network, pool in pools:
        assert pool is not None
        networks += [Place(network, pool.validation)] * min(number, len(pool.validation))
    configs, channels = zip(*networks, strict=True)
    return Validation(configs, 1, VALIDATION_SEED, arguments.observation, channels)


def _settings(place: Place, arguments: TrainArguments) -> dict[str, Any]:
    channels = None if place.channels is None else place.channels.train
    return {"config": place.network, "observation": arguments.observation, "channels": channels}


def _pool_env(place: Place, arguments: TrainArguments, count: int) -> PoolEnv:
    """One place of so many of its group."""
    settings = _settings(place, arguments)
    learner = LEARNERS[arguments.algo]
    mode = AutoresetMode.SAME_STEP if learner.is_differentiable else AutoresetMode.DISABLED
    num_envs = learner.size_of_each(arguments.learner, arguments.training, count)
    if arguments.device is not None:
        stacked = TorchVectorEnv(num_envs, place.network, observation=arguments.observation, device=arguments.device)
    else:
        stacked = MulticellVectorEnv(num_envs, **settings, autoreset_mode=mode)
    return PoolEnv(partial(multicell_v0.parallel_env, **settings), stacked)


def _close(arguments: TrainArguments, directory: RunDirectory) -> dict[str, Any]:
    """Play the best actor on unseen channels and print the closing table."""
    actor = load(directory.best_path)
    settings: dict[str, Any] = {"seed": FIRST_SEED, "output": directory.path, "methods": QUICK_METHODS}
    if not arguments.trains_on_many:
        ((place,),) = _groups(arguments)
        return evaluate_actor(actor, place.network, num_blocks=arguments.final_blocks, channels=place.channels, **settings)
    names = [] if arguments.scenarios is None else scenario_names(arguments.scenarios, TRAINED_ON)
    pools, number = _pools(arguments), arguments.final_blocks
    tables, is_one = {}, len(names) + len(pools) == 1
    for name in names:
        (networks,) = drawn_groups(name, number, FIRST_SEED, {"fairness": arguments.scenario.fairness})
        file = "results.json" if is_one else f"{name}.json"
        tables[name] = compare_on_scenario({arguments.algo: actor}, name, networks, file=file, **settings)
    for network, pool in pools:
        assert pool is not None
        tables[name_of(pool)] = compare_on_pool({arguments.algo: actor}, pool, network, num_blocks=number, is_one=is_one, **settings)
    return next(iter(tables.values())) if is_one else {"scenarios": tables}
