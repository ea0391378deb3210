"""Targets of the critics that need no critic: what was earned in the slot, and in the next one (22)."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from tianshou.data import ReplayBuffer
from torch import Tensor


def observed_target(
    batch: Any, buffer: ReplayBuffer, indices: np.ndarray, gamma: float | None
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Targets that need no critic, and what each counts in the loss; the weights sum to 1 unless all are 0.

    Target "reward": y = R(S_t, P_t). Target "one-step": y = R(S_t, P_{t+k}) + gamma R(S_{t+k}, P_{t+2k}) (22), with the reward of the slot
    that was played next. A terminal state is followed by 0. Where an episode was cut off, and where the next slot is still to come, (22)
    is not known, and the transition does not count.

    Args:
        batch: Transitions.
        buffer: What they are from.
        indices: Where they are in it.
        gamma: Weight of the next slot; None for "reward".
    """
    rewards, known = np.asarray(batch.rew, dtype=np.float64), np.ones(len(batch.rew))
    if gamma is not None:
        following = buffer.next(indices)
        follows = following != indices
        rewards = rewards + gamma * np.where(follows, buffer.rew[following], 0.0)
        known = (follows | batch.terminated).astype(np.float64)
    weights = known / max(known.sum(), 1.0)
    return torch.from_numpy(rewards.astype(np.float32)), torch.from_numpy(weights.astype(np.float32))
