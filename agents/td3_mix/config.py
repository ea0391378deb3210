"""Hyperparameters of TD3-MIX, and the length of a training."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

Target = Literal["bootstrap", "one-step", "reward"]
Mixer = Literal["qmix", "residual", "sum", "none"]
MixerState = Literal["state", "observations"]
CriticInput = Literal["action", "meaning"]
Baseline = Literal["none", "middle"]
WarmUp = Literal["random", "actor"]


@dataclass(frozen=True, kw_only=True)
class TD3MixConfig:
    """Hyperparameters of TD3-MIX. Line numbers are those of the paper's Algorithm 1.

    Raises:
        ValueError: a field breaks its rule; the message gives the value, the rule and the remedy.
    """

    # Networks: line 2.
    network: Literal["set", "mlp"] = "set"
    """Line 2: architecture. set: weights shared over bands and users, for image-like spaces. mlp: the paper's dense layers, for any Box."""
    hidden_sizes: tuple[int, ...] = (32, 32)
    """Line 2: width of each hidden layer of actor and critics. The last is also the width of the state features for the mixer."""
    is_centred: bool = True
    """Subtract from a user's action its mean over the bands, before tanh (set). Off if the mean matters, as with price actions."""
    head_scale: float = 1.0
    """Scale of the initial weights of the actor's last layer. Below 1 the first actions are near the middle of the action space."""
    critic_input: CriticInput = "action"
    """Line 2: input of the critics. action: the action. meaning: also the environment's `action_meaning`, such as power shares (set)."""
    mixer: Mixer = "qmix"
    """Line 2: how agents' values are mixed into Q_tot. qmix: by a monotonic network. residual: their sum plus a monotonic network with
    bounded weights. sum: their sum (VDN). none: no mixing; every agent's value is a Q_tot."""
    mixing_size: int = 32
    """Line 2: width of the mixer's hidden layers."""
    mixing_layers: int = 1
    """Line 2: number of hidden layers of the mixer, and of the network that encodes its state."""
    mixer_state: MixerState = "state"
    """Lines 12, 13: input of the mixer. state: the environment's global state. observations: the observations of all agents, S_t (20)."""
    num_critics: Literal[1, 2] = 2
    """Line 12. 2: the target is the smaller value of two critics (clipped double Q-learning). 1: a single critic."""

    # Exploration and target: lines 7, 11 and 12.
    warm_up: WarmUp = "random"
    """Line 6: actions before learning begins. random: uniform. actor: the actor's, with noise."""
    baseline: Baseline = "none"
    """Line 12. middle: subtract from rewards the reward of the middle of the action space in the same step of the same episode."""
    exploration_noise: float = 0.3
    """Line 7: standard deviation (sigma) of the noise on collected actions, on a scale where actions span [-1, 1]."""
    target_noise: float = 0.2
    """Line 11: standard deviation (sigma) of the target policy smoothing, on the same scale."""
    target_noise_clip: float = 0.5
    """Line 11: clipping bound (c) of the target policy smoothing, on the same scale."""
    target: Target = "bootstrap"
    """Target of the critics. bootstrap: line 12. one-step: (22), the rewards of this step and the next. reward: that of this step alone."""
    gamma: float = 0.5
    """Line 12: discount of the objective (21), in [0, 1)."""

    # Updates: lines 11, 13, 15 and 16.
    batch_size: int = 64
    """Line 11: transitions in one gradient step (N)."""
    critic_learning_rate: float = 3e-3
    """Line 13: Adam's learning rate for critics and mixers."""
    actor_learning_rate: float = 1e-3
    """Line 15: Adam's learning rate for the actor; slower than the critics', so that the critics can follow it."""
    actor_gradient: Literal["mixer", "critic"] = "mixer"
    """Line 15: what the actor maximises. mixer: Q_tot. critic: each agent's first critic Q_1, as the paper prints it."""
    actor_penalty: float = 1e-3
    """Line 15: weight, in the actor's loss, of the mean squared action before tanh. It keeps tanh from saturating."""
    actor_delay: int = 2
    """Line 14: critic updates per update of the actor and of the target networks (d)."""
    actor_rest: int = 0
    """Critic updates before the first actor update. For a trained actor (--start-from), which untrained critics would degrade."""
    tau: float = 0.05
    """Line 16: soft-update rate of the target networks."""
    final_rate: float = 1.0
    """Lines 13, 15: final learning rates over the full ones. They fall linearly in the second half of the run."""
    averaging: float = 0.0
    """Weight of the newest parameters in the exponential moving average of the actor that is evaluated and saved. 0: no average."""
    mixes_networks: bool = False
    """Mix the networks of a scenario in one replay buffer and in batches. Otherwise they are trained on in turn."""
    short_episodes: int = 0
    """With mixes_networks: reset every other environment after this many steps, so that first steps are seen more often. 0: never."""

    def __post_init__(self) -> None:
        if not self.hidden_sizes or min(self.hidden_sizes) < 1:
            raise ValueError(f"hidden_sizes must be positive whole numbers, at least one; got {self.hidden_sizes}. Give for example 32 32.")
        for name in ("mixing_size", "mixing_layers", "batch_size", "actor_delay"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}. Give a positive whole number.")
        if self.short_episodes < 0 or (self.short_episodes and not self.mixes_networks):
            raise ValueError(
                f"short_episodes must be 0 or more, and 0 without mixes_networks; got {self.short_episodes}. Give 0, or mix networks."
            )
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
        if not 0.0 <= self.averaging <= 1.0:
            raise ValueError(f"averaging must be a share, from 0 to 1; got {self.averaging}. Give 0 for no average.")
        for name in ("head_scale", "final_rate"):
            if not 0.0 < getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be above 0, and at most 1; got {getattr(self, name)}. Give 1 for the usual.")
        if not 0.0 < self.tau <= 1.0:
            raise ValueError(f"tau must be in (0, 1]; got {self.tau}. Try 0.05.")
        choices_of = {
            "network": ("set", "mlp"),
            "actor_gradient": ("mixer", "critic"),
            "mixer": get_args(Mixer),
            "critic_input": get_args(CriticInput),
            "baseline": get_args(Baseline),
            "warm_up": get_args(WarmUp),
            "mixer_state": get_args(MixerState),
            "num_critics": (1, 2),
            "target": get_args(Target),
        }
        for name, choices in choices_of.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {choices}; got {getattr(self, name)!r}. Choose one of them.")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Length of a training and number of environments.

    Raises:
        ValueError: a field breaks its rule.
    """

    num_steps: int = 1000
    """Vector steps of the training. Each one steps every environment once and updates the critics."""
    num_envs: int = 32
    """Environments that are stepped in parallel."""
    num_updates: int = 2
    """Critic updates after every vector step."""
    warmup_steps: int = 20
    """Vector steps before learning begins, with the actions of warm_up."""
    buffer_size: int = 20_000
    """Transitions in the replay buffer."""

    def __post_init__(self) -> None:
        for name in ("num_steps", "num_envs", "num_updates", "warmup_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}. Give a positive whole number.")
        if self.buffer_size < self.num_envs:
            raise ValueError(
                f"buffer_size must hold at least one transition of every environment; got {self.buffer_size} for "
                f"{self.num_envs} environments. Raise buffer_size or lower num_envs."
            )
