"""Hyperparameters of the analytic policy gradient, and the length of a training."""

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
    """Architecture. set: weights shared over bands and users, for image-like spaces. mlp: dense layers, for any Box."""
    hidden_sizes: tuple[int, ...] = (32, 32)
    """Width of each hidden layer of the actor."""
    learning_rate: float = 3e-3
    """Adam's learning rate."""
    slots_ahead: int = 0
    """Slots, from the first of a block, through which gradients are propagated. 0: only from each step's reward to its own actions."""
    going_on: float = 0.0
    """With slots ahead: probability that a batch continues with the next slots of the last batch's blocks, if enough are left."""
    is_centred: bool = True
    """Subtract from a user's action its mean over the bands, before tanh (set). Off if the mean matters, as with price actions."""
    head_scale: float = 1.0
    """Scale of the initial weights of the last layer (set). Below 1 the first actions are near the middle of the action space."""
    averaging: float = 0.02
    """With slots ahead: weight of the newest parameters in the exponential moving average that is evaluated and saved."""
    gradient_clip: float = 1.0
    """With slots ahead: gradients are clipped to this norm."""
    rise_steps: int = 10
    """With slots ahead: steps of linear learning-rate warm-up."""
    final_rate: float = 0.03
    """With slots ahead: final learning rate over the full one. It falls linearly in the second half of the run."""

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
            raise ValueError(f"going_on must be in [0, 1) (at 1 no new blocks would start); got {self.going_on}. Try 0.5.")
        if not 0.0 < self.gradient_clip < np.inf:
            raise ValueError(f"gradient_clip must be finite and positive; got {self.gradient_clip}. Try 1.")
        if not 0.0 < self.learning_rate < np.inf:
            raise ValueError(f"learning_rate must be finite and positive; got {self.learning_rate}. Try 3e-3.")


@dataclass(frozen=True, kw_only=True)
class APGTrainingConfig:
    """Length of a training and number of environments.

    Raises:
        ValueError: a field breaks its rule.
    """

    num_steps: int = 500
    """Vector steps of the training. Each one steps every environment once and updates the actor once."""
    num_envs: int = 32
    """Environments that are stepped in parallel; with slots ahead the number of blocks in a batch."""
    batch_growth: int = 1
    """With slots ahead: factor by which batches are larger in the second half of the run."""
    num_blocks: int = 1024
    """With slots ahead: number of training blocks of each scenario, divided among its networks."""

    def __post_init__(self) -> None:
        for name in ("num_steps", "num_envs", "batch_growth", "num_blocks"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}. Give a positive whole number.")
