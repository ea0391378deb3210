"""Hyperparameters of TD3-MIX, and how long and on how much at a time it is trained."""

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
    """Hyperparameters of TD3-MIX. Lines are those of Algorithm 1.

    Raises:
        ValueError: a field breaks its rule; the message gives the value, the rule and the remedy.
    """

    # Networks: line 2.
    network: Literal["set", "mlp"] = "set"
    """Line 2. set: weights shared over bands and users, for image-like spaces. mlp: the paper's, for any Box."""
    hidden_sizes: tuple[int, ...] = (32, 32)
    """Line 2: width of each hidden layer of actor and critics; the last one is the width of what the mixer reads, too."""
    is_centred: bool = True
    """Whether a user's preferences are centred over the bands (set). False where their common level has a meaning, as of prices."""
    head_scale: float = 1.0
    """What the weights of the actor's last layer begin at, relative to the usual; below 1 it begins near the middle of the actions."""
    critic_input: CriticInput = "action"
    """Line 2. meaning: critics read, beside an action, what the environment says that it means (network set)."""
    mixer: Mixer = "qmix"
    """Line 2. qmix: a monotonic network makes Q_tot. residual: one with bounded weights beside the sum. sum: Q_tot is the sum of the
    agents' values (VDN). none: each is a Q_tot."""
    mixing_size: int = 32
    """Line 2: width of the mixer's hidden layers."""
    mixing_layers: int = 1
    """Line 2: hidden layers of the mixer, and of the network that reads the state for it."""
    mixer_state: MixerState = "state"
    """Lines 12, 13. state: the mixer reads the environment's global state. observations: what all agents observe, S_t (20)."""
    num_critics: Literal[1, 2] = 2
    """Line 12. 2: the smaller of the twins sets the target. 1: the first does, alone."""

    # Exploration and target: lines 7, 11 and 12.
    warm_up: WarmUp = "random"
    """Line 6. What plays before learning begins. random: any actions. actor: the actor, with noise."""
    baseline: Baseline = "none"
    """Line 12. middle: rewards are less what the middle of the action space earns in the same step of the same episode."""
    exploration_noise: float = 0.3
    """Line 7: standard deviation (sigma) of the noise on collected actions, on a scale where actions span [-1, 1]."""
    target_noise: float = 0.2
    """Line 11: standard deviation (sigma) of the target policy smoothing, on the same scale."""
    target_noise_clip: float = 0.5
    """Line 11: largest target policy smoothing (c), on the same scale."""
    target: Target = "bootstrap"
    """bootstrap: line 12. one-step: (22), this slot's reward and the next one's. reward: this slot's alone, without gamma."""
    gamma: float = 0.5
    """Line 12: discount of the objective (21), in [0, 1)."""

    # Updates: lines 11, 13, 15 and 16.
    batch_size: int = 64
    """Line 11: transitions in one gradient step (N)."""
    critic_learning_rate: float = 3e-3
    """Line 13: Adam's learning rate for critics and mixers."""
    actor_learning_rate: float = 1e-3
    """Line 15: Adam's learning rate for the actor; slower than the critics', so that it follows values that are known by then."""
    actor_gradient: Literal["mixer", "critic"] = "mixer"
    """Line 15. mixer: the actor climbs Q_tot. critic: it climbs the agents' first critic Q_1, as it is printed."""
    actor_penalty: float = 1e-3
    """Line 15: weight of the mean squared action before tanh in the actor's loss; keeps actions off corners where gradients vanish."""
    actor_delay: int = 2
    """Line 14: critic updates for one update of the actor and the target networks (d)."""
    actor_rest: int = 0
    """Critic updates before the actor moves at all; for an actor that is good already (--start-from), which fresh critics would spoil."""
    tau: float = 0.05
    """Line 16: step of the target networks."""
    final_rate: float = 1.0
    """Lines 13, 15: where the learning rates end, relative to their full values; from half of the run on they fall linearly."""
    averaging: float = 0.0
    """Share of the newest weights in a moving average of the actor that is evaluated and saved; 0 evaluates the actor itself."""
    mixes_networks: bool = False
    """Whether the networks of a scenario fill one replay buffer side by side. Otherwise they take turns."""
    short_episodes: int = 0
    """With mixed networks: steps after which every other row begins anew, so that beginnings are seen more often; 0 for none."""

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
    """How long and on how many environments to train.

    Raises:
        ValueError: a field breaks its rule.
    """

    num_steps: int = 1000
    """Vector steps to learn from; each steps every environment once and updates the critics."""
    num_envs: int = 32
    """Environments stepped side by side."""
    num_updates: int = 2
    """Critic updates after every vector step."""
    warmup_steps: int = 20
    """Vector steps of random actions before learning begins."""
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
