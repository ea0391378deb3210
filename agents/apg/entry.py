"""The analytic policy gradient in the registry of learners."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast

from agents.apg.config import APGConfig, APGTrainingConfig
from agents.apg.rounds_preset import PRESETS
from agents.learner import Learner, LearnerRun, PoolEnv

# Torch is imported by what needs it: a command line that refuses its arguments does not wait for it.
if TYPE_CHECKING:
    from tianshou.utils import BaseLogger

    from agents.apg.rounds import RoundsTraining
    from agents.apg.training import APGTraining, DifferentiableEnv
    from agents.joint import JointEnv
    from agents.networks import MLPActor, SetActor


def _make_run(
    member: PoolEnv,
    config: APGConfig,
    length: APGTrainingConfig,
    *,
    seed: int,
    first: "LearnerRun | Literal['first'] | None" = None,
    logger: "BaseLogger | None" = None,
) -> LearnerRun:
    from agents.apg.training import APGTraining

    envs, pool = cast("DifferentiableEnv", member.stacked_env), cast("APGTraining | Literal['first'] | None", first)
    return APGTraining(member.make_env, envs, config, seed=seed, pool=pool)


def _make_groups_run(groups: Sequence[Sequence[PoolEnv]], config: APGConfig, length: APGTrainingConfig, *, seed: int) -> LearnerRun:
    from agents.apg.rounds import RoundsTraining

    return RoundsTraining(groups, config, length, seed=seed)


def _build_actor(env: "JointEnv", config: APGConfig) -> "SetActor | MLPActor":
    from agents.actors import build_actor

    return build_actor(env, config.network, config.hidden_sizes, is_centred=config.is_centred)


def _start_from(run: LearnerRun, actor: "SetActor | MLPActor") -> None:
    cast("APGTraining | RoundsTraining", run).start_from(actor)


def _size_of_each(config: APGConfig, length: APGTrainingConfig, count: int) -> int:
    return max(1, length.num_blocks // count) if config.slots_ahead else length.num_envs


APG = Learner(
    name="apg",
    summary="analytic policy gradient, which differentiates the rewards through the equations of the model",
    config=APGConfig,
    length=APGTrainingConfig,
    make_run=_make_run,
    make_groups_run=_make_groups_run,
    mixes_environments=lambda config: config.slots_ahead > 0,
    size_of_each=_size_of_each,
    build_actor=_build_actor,
    start_from=_start_from,
    is_differentiable=True,
    presets=PRESETS,
)
