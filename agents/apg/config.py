"""Hyperparameters of the analytic policy gradient, and how long and on how much at a time it is trained."""

from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True, kw_only=True)
class APGConfig:
    """Hyperparameters of the analytic policy gradient.

    Raises:
        ValueError: a field breaks its rule; the message gives the value, the rule and the remedy.
    """

    network: Literal["set", "mlp"] = "set"
    """set: weights shared over bands and users, for image-like spaces. mlp: for any Box."""
    hidden_sizes: tuple[int, ...] = (32, 32)
    """Width of each hidden layer of the actor."""
    learning_rate: float = 3e-3
    """Adam's learning rate."""
    slots_ahead: int = 0
    """Slots of a block, from its first on, that gradients go through. 0 climbs the rewards of each step by its own action alone."""
    going_on: float = 0.0
    """With slots ahead: probability that a batch goes on with the next slots of the last one's blocks, where they have enough left."""
    is_centred: bool = True
    """Whether a user's preferences are centred over the bands (set). False where their common level has a meaning, as of prices."""
    head_scale: float = 1.0
    """What the weights of the last layer begin at, relative to the usual (set); below 1 it begins near the middle of the action space."""
    averaging: float = 0.02
    """With slots ahead: share of the newest weights in the moving average that is evaluated and saved."""
    gradient_clip: float = 1.0
    """With slots ahead: largest norm of a gradient."""
    rise_steps: int = 10
    """With slots ahead: steps in which the learning rate rises to its full value."""
    final_rate: float = 0.03
    """With slots ahead: where the learning rate ends, relative to its full value; from half of the run on it falls linearly."""

    def __post_init__(self) -> None:
        if self.network not in ("set", "mlp"):
            raise ValueError(f"network must be 'set' or 'mlp'; got {self.network!r}. Choose one of the two.")
        if not self.hidden_sizes or min(self.hidden_sizes) < 1:
            raise ValueError(f"hidden_sizes must be positive whole numbers, at least one; got {self.hidden_sizes}. Give for example 32 32.")
        for name in ("slots_ahead", "rise_steps"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative; got {getattr(self, name)}. Give 0 or more.")
        for name in ("head_scale", "averaging", "final_rate"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be above 0, and at most 1; got {getattr(self, name)}. Give a share.")
        if not 0.0 <= self.going_on < 1.0:
            raise ValueError(f"going_on must be in [0, 1) (at 1 no new blocks would begin); got {self.going_on}. Try 0.5.")
        if not 0.0 < self.gradient_clip < np.inf:
            raise ValueError(f"gradient_clip must be finite and positive; got {self.gradient_clip}. Try 1.")
        if not 0.0 < self.learning_rate < np.inf:
            raise ValueError(f"learning_rate must be finite and positive; got {self.learning_rate}. Try 3e-3.")


@dataclass(frozen=True, kw_only=True)
class APGTrainingConfig:
    """How long and on how many environments to train.

    Raises:
        ValueError: a field breaks its rule.
    """

    num_steps: int = 500
    """Vector steps to learn from; each steps every environment once and updates the actor once."""
    num_envs: int = 32
    """Environments stepped side by side; with slots ahead the rows of a batch."""
    batch_growth: int = 1
    """With slots ahead: how many times as many rows a batch has in the second half of the run, where the learning rate falls."""
    num_blocks: int = 1024
    """With slots ahead: blocks of each scenario that batches are drawn from, shared out among its networks."""

    def __post_init__(self) -> None:
        for name in ("num_steps", "num_envs", "batch_growth", "num_blocks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}. Give a positive whole number.")
