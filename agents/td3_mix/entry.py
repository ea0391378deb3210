"""TD3-MIX in the registry of learners."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, cast

from agents.learner import Learner, LearnerRun, PoolEnv, check_rows
from agents.td3_mix.config import TD3MixConfig, TrainingConfig
from agents.td3_mix.paper_preset import PRESETS
from agents.td3_mix.rounds_preset import ROUNDS

# Torch and Tianshou are imported by what needs them: a command line that refuses its arguments does not wait for them.
if TYPE_CHECKING:
    from tianshou.utils import BaseLogger
    from torch import nn

    from agents.joint import JointEnv
    from agents.networks import MLPActor, SetActor
    from agents.on_device.td3_mix import TensorEnv
    from agents.stacked import StackedEnv
    from agents.td3_mix.training import Training


def _make_run(
    member: PoolEnv,
    config: TD3MixConfig,
    length: TrainingConfig,
    *,
    seed: int,
    first: "LearnerRun | Literal['first'] | None" = None,
    logger: "BaseLogger | None" = None,
) -> LearnerRun:
    if hasattr(member.stacked_env, "device"):
        from agents.on_device.td3_mix import DeviceTraining

        return DeviceTraining(member.make_env, cast("TensorEnv", member.stacked_env), config, length, seed=seed)
    from agents.td3_mix.training import Training

    stacked_env, pool = cast("StackedEnv | None", member.stacked_env), cast("Training | Literal['first'] | None", first)
    return Training(member.make_env, config, length, seed=seed, logger=logger, stacked_env=stacked_env, pool=pool)


def _join_groups(groups: Sequence[Sequence[PoolEnv]], config: TD3MixConfig, length: TrainingConfig) -> list[PoolEnv]:
    from agents.joint import JointEnv
    from agents.td3_mix.mixed import MixedEnv

    pool = []
    for group in groups:
        members = [cast("StackedEnv", member.stacked_env) for member in group]
        masks = [JointEnv(member.make_env()).action_mask for member in group]
        pool.append(PoolEnv(group[0].make_env, MixedEnv(members, length.num_envs, masks, short_episodes=config.short_episodes)))
    return pool


def _build_actor(env: "JointEnv", config: TD3MixConfig) -> "SetActor | MLPActor":
    from agents.actors import build_actor

    return build_actor(env, config.network, config.hidden_sizes, is_centred=config.is_centred)


def _build_critics(env: "JointEnv", config: TD3MixConfig) -> "Sequence[nn.Module]":
    from agents.td3_mix.critics import build_critic

    return (build_critic(env, config),)


def _check(envs: "Sequence[JointEnv]", config: TD3MixConfig, length: TrainingConfig) -> None:
    from agents.td3_mix.training import check_memory

    if not config.mixes_networks and length.buffer_size < length.num_envs * len(envs):
        raise ValueError(
            f"buffer_size must hold at least one transition of every environment; got {length.buffer_size} for {len(envs)} times "
            f"{length.num_envs} environments. Raise buffer_size or lower num_envs."
        )
    for env in envs:
        check_memory(env, length)  # as if the largest had the whole buffer


def _check_groups(config: TD3MixConfig, length: TrainingConfig, groups: int, size: int) -> None:
    check_rows(length.num_envs, size, _size_of_each(config, length, size))
    _share(length, groups)  # refuses a part of the buffer that is too small


def _share(length: TrainingConfig, count: int) -> TrainingConfig:
    steps = -(-length.num_steps // count)
    return dataclasses.replace(length, buffer_size=length.buffer_size // count, num_steps=steps)


def _size_of_each(config: TD3MixConfig, length: TrainingConfig, count: int) -> int:
    return max(1, length.num_envs // count) if config.mixes_networks else length.num_envs


def _start_from(run: LearnerRun, actor: "SetActor | MLPActor") -> None:
    cast("Training", run).algorithm.start_from(actor)


TD3_MIX = Learner(
    name="td3mix",
    summary="the paper's TD3-MIX",
    config=TD3MixConfig,
    length=TrainingConfig,
    make_run=_make_run,
    join_groups=_join_groups,
    mixes_environments=lambda config: config.mixes_networks,
    size_of_each=_size_of_each,
    build_actor=_build_actor,
    build_critics=_build_critics,
    check=_check,
    check_groups=_check_groups,
    share=_share,
    start_from=_start_from,
    presets={**PRESETS, "rounds": ROUNDS},
)
