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

    def __post_init__(self) -> None:
        if self.network not in ("set", "mlp"):
            raise ValueError(f"network must be 'set' or 'mlp'; got {self.network!r}. Choose one of the two.")
        if not self.hidden_sizes or min(self.hidden_sizes) < 1:
            raise ValueError(f"hidden_sizes must be positive whole numbers, at least one; got {self.hidden_sizes}. Give for example 32 32.")
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
    """Environments stepped side by side."""

    def __post_init__(self) -> None:
        for name in ("num_steps", "num_envs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}. Give a positive whole number.")
