"""Hyperparameters of TD3-MIX."""

from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True, kw_only=True)
class TD3MixConfig:
    """Hyperparameters of TD3-MIX.

    Raises:
        ValueError: a field breaks its rule; the message gives the value, the rule and the remedy.
    """

    network: Literal["set", "mlp"] = "set"
    """set: weights shared over bands and users, for image-like spaces. mlp: the paper's, for any Box."""
    hidden_sizes: tuple[int, ...] = (32, 32)
    """Width of each hidden layer of actor and critics."""
    mixing_size: int = 32
    """Width of the mixer's hidden layer."""
    critic_learning_rate: float = 3e-3
    """Adam's learning rate for critics and mixers."""
    actor_learning_rate: float = 1e-3
    """Adam's learning rate for the actor; slower than the critics', so that it follows values that are known by then."""
    gamma: float = 0.5
    """Discount of the objective (21), in [0, 1)."""
    tau: float = 0.05
    """Polyak step of the target networks."""
    batch_size: int = 64
    """Transitions in one gradient step."""
    exploration_noise: float = 0.3
    """Standard deviation of the noise on collected actions, on a scale where actions span [-1, 1]."""
    target_noise: float = 0.2
    """Standard deviation of the target policy smoothing, on the same scale."""
    target_noise_clip: float = 0.5
    """Largest target policy smoothing, on the same scale."""
    actor_delay: int = 2
    """Critic updates for one update of the actor and the target networks."""
    actor_rest: int = 0
    """Critic updates before the actor moves at all; for an actor that is good already (--start-from), which fresh critics would spoil."""
    actor_penalty: float = 1e-3
    """Weight of the mean squared action before tanh in the actor's loss; keeps actions off the corners where gradients vanish."""
    actor_gradient: Literal["mixer", "critic"] = "mixer"
    """mixer: the actor climbs Q_tot. critic: it climbs Q_1 alone, Algorithm 1's line 15 taken literally."""
    mixer: Literal["qmix", "sum", "none"] = "qmix"
    """qmix: a monotonic network makes Q_tot. sum: Q_tot is the sum of the agents' values (VDN). none: every agent's value is Q_tot."""
    num_critics: Literal[1, 2] = 2
    """2: the smaller of the twins sets the target. 1: the first does, alone."""

    def __post_init__(self) -> None:
        if not self.hidden_sizes or min(self.hidden_sizes) < 1:
            raise ValueError(f"hidden_sizes must be positive whole numbers, at least one; got {self.hidden_sizes}. Give for example 32 32.")
        for name in ("mixing_size", "batch_size", "actor_delay"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}. Give a positive whole number.")
        if self.actor_rest < 0:
            raise ValueError(f"actor_rest must not be negative; got {self.actor_rest}. Give 0 for an actor that learns from the start.")
        for name in ("exploration_noise", "target_noise", "target_noise_clip", "actor_penalty"):
            if not 0.0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be finite and not negative; got {getattr(self, name)}. Give 0 for none.")
        for name in ("critic_learning_rate", "actor_learning_rate"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} must be finite and positive; got {getattr(self, name)}. Try 1e-3.")
        if not 0.0 <= self.gamma < 1.0:
            raise ValueError(
                f"gamma must be in [0, 1) (episodes are cut, not ended, so values must stay finite); got {self.gamma}. Try 0.5."
            )
        if not 0.0 < self.tau <= 1.0:
            raise ValueError(f"tau must be in (0, 1]; got {self.tau}. Try 0.05.")
        choices_of = {
            "network": ("set", "mlp"),
            "actor_gradient": ("mixer", "critic"),
            "mixer": ("qmix", "sum", "none"),
            "num_critics": (1, 2),
        }
        for name, choices in choices_of.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {choices}; got {getattr(self, name)!r}. Choose one of them.")


PAPER = TD3MixConfig(
    network="mlp",
    hidden_sizes=(128, 128),
    critic_learning_rate=1e-3,
    actor_learning_rate=1e-3,
    gamma=0.99,
    batch_size=16,
    actor_penalty=0.0,
)
"""The paper's hyperparameters."""
