"""Untrained actors that fit an environment's spaces."""

from collections.abc import Sequence
from typing import Literal

import torch

from agents.joint import JointEnv
from agents.networks import Mask, MLPActor, SetActor


def build_actor(
    env: JointEnv, network: Literal["set", "mlp"], hidden_sizes: Sequence[int], *, is_centred: bool = True
) -> SetActor | MLPActor:
    """An untrained actor for the environment. `is_centred` is as for `SetActor`; `mlp` ignores it."""
    observation_shape, action_shape = agent_shapes(env)
    if network == "mlp":
        return MLPActor(observation_shape, action_shape, hidden_sizes)
    check_image_like(observation_shape, action_shape)
    return SetActor(observation_shape[0], hidden_sizes, action_shape[:-2], is_centred=is_centred)


def check_image_like(observation_shape: tuple[int, ...], action_shape: tuple[int, ...]) -> None:
    """Refuse spaces that the `set` family cannot read.

    Raises:
        ValueError: observations are not `(plane, band, user)`, or actions neither `(band, user)` nor `(plane, band, user)`.
    """
    if len(observation_shape) != 3 or len(action_shape) not in (2, 3) or observation_shape[1:] != action_shape[-2:]:
        raise ValueError(
            "network 'set' needs observations (plane, band, user) and actions (band, user) or (plane, band, user); got "
            f"{observation_shape} and {action_shape}. Choose network 'mlp', which reads any Box."
        )


def joint_mask(env: JointEnv) -> Mask:
    """False for padding of actions `[agent, ...]`; None without padding."""
    return None if env.action_mask.all() else torch.from_numpy(env.action_mask)


def agent_shapes(env: JointEnv) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of one agent's observation and action, padded to the largest ones."""
    return env.observation_box.shape[1:], env.action_box.shape[1:]
