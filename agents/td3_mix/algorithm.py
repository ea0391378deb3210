"""TD3-MIX (Algorithm 1): TD3 with twin critics that are factored over the agents and mixed monotonically."""

import copy
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from tianshou.algorithm.modelfree.ddpg import ActorCriticOffPolicyAlgorithm, ContinuousDeterministicPolicy
from tianshou.algorithm.modelfree.td3 import TD3, TD3TrainingStats
from tianshou.algorithm.optim import TorchOptimizerFactory
from tianshou.data import Batch, ReplayBuffer
from tianshou.exploration import GaussianNoise
from torch import Tensor, nn

from agents.actors import build_actor, joint_mask
from agents.joint import JointEnv
from agents.networks import Mask, MLPActor, SetActor, check_same_shape
from agents.td3_mix.config import TD3MixConfig
from agents.td3_mix.critics import MixedCritic, as_tensor, build_critic, mask_of
from agents.td3_mix.observed_targets import observed_target


class JointPolicy(ContinuousDeterministicPolicy):
    """One actor that all agents share. Within the learner actions are in [-1, 1]; they are scaled for the environment."""

    def __init__(self, actor: nn.Module, env: JointEnv, exploration_noise: float) -> None:
        actor.max_action = 1.0  # type: ignore[assignment] - Tianshou reads the actor's range
        super().__init__(
            actor=cast(Any, actor),
            exploration_noise=GaussianNoise(sigma=exploration_noise),
            action_space=env.action_space,
            action_scaling=True,
            action_bound_method="clip",
        )
        self.mask: Mask
        self.register_buffer("mask", joint_mask(env), persistent=False)

    def forward(self, batch: Any, state: Any = None, model: nn.Module | None = None, **kwargs: Any) -> Any:
        """Actions `[batch, agent, ...]` in [-1, 1]."""
        action = (model or self.actor)(as_tensor(batch.obs["observation"]), mask_of(batch.obs, self.mask))
        return Batch(act=action, state=None)

    def train(self, mode: bool = True) -> "JointPolicy":
        """Set the mode of this module alone, as `TD3Mix.train` does."""
        self.training = mode
        return self

    def add_exploration_noise(self, act: Any, batch: Any) -> Any:
        """Actions with exploration noise, clipped to be feasible, so that the critic sees the actions that are played."""
        return np.clip(super().add_exploration_noise(act, batch), -1.0, 1.0).astype(np.float32)


class TD3Mix(TD3):
    """TD3-MIX, Algorithm 1 of the paper, on any `JointEnv`.

    Tianshou's TD3 with a joint policy and mixed critics. As in Algorithm 1, and unlike TD3: smoothed target actions stay
    feasible, bootstrapping continues through truncation (the objective (21) is not cut at T), and the actor may maximise Q_1 alone.

    The critics learn (Q - offset) / scale. Offset and scale are set once, from the rewards of the first random slots, so that one learning
    rate suits rewards of any size. The normalisation does not change which policy is best.

    Args:
        env: The environment, whose spaces determine the networks.
        config: Hyperparameters.

    Raises:
        ValueError: `network="set"` on an environment whose spaces are not image-like.
    """

    def __init__(self, env: JointEnv, config: TD3MixConfig) -> None:
        actor_adam, critic_adam = (
            TorchOptimizerFactory(torch.optim.Adam, lr=rate, fused=True)
            for rate in (config.actor_learning_rate, config.critic_learning_rate)
        )
        actor = build_actor(env, config.network, config.hidden_sizes, is_centred=config.is_centred)
        scale_head(actor, config.head_scale)
        # TD3's own constructor would make a second critic with targets and an optimiser; the twins are one module here.
        ActorCriticOffPolicyAlgorithm.__init__(
            self,
            policy=JointPolicy(actor, env, config.exploration_noise),
            policy_optim=actor_adam,
            critic=build_critic(env, config),
            critic_optim=critic_adam,
            tau=config.tau,
            gamma=config.gamma,
        )
        self.actor_old = self._add_lagged_network(self.policy.actor)
        self.averaging = config.averaging
        self.average: SetActor | MLPActor | None = copy.deepcopy(actor) if config.averaging > 0.0 else None
        """The actor with the moving average of the weights, if one is kept; it acts in evaluations."""
        self.rates = (config.actor_learning_rate, config.critic_learning_rate)
        self.policy_noise = config.target_noise if config.target_noise_clip > 0 else 0.0  # Tianshou takes a clip of 0 for none
        self.noise_clip = config.target_noise_clip
        self.update_actor_freq = config.actor_delay
        self.target_kind = config.target
        self._cnt = 0
        self.last_actor_loss: Tensor | float = 0.0
        """Loss of the actor's last update."""
        self.actor_rest = config.actor_rest
        self.actor_gradient = config.actor_gradient
        self.actor_penalty = config.actor_penalty
        self.num_critics = config.num_critics
        self.value_offset: Tensor
        self.value_scale: Tensor
        self.register_buffer("value_offset", torch.zeros(()))
        self.register_buffer("value_scale", torch.ones(()))

    def start_from(self, actor: SetActor | MLPActor) -> None:
        """Start from the weights of another actor.

        Raises:
            ValueError: its weights have other shapes.
        """
        check_same_shape(actor, cast(Any, self.policy.actor))
        for own in (self.policy.actor, self.actor_old.module, self.average):
            if own is not None:
                own.load_state_dict(actor.state_dict())

    @property
    def judged_actor(self) -> SetActor | MLPActor:
        """The actor for evaluations: the actor, or the moving average of its weights."""
        return cast(Any, self.policy.actor) if self.average is None else self.average

    def scale_learning_rates(self, share: float) -> None:
        """Set both learning rates to `share` of their full values."""
        for optimiser, rate in zip((self.policy_optim, self.critic_optim), self.rates, strict=True):
            for group in optimiser._optim.param_groups:
                group["lr"] = rate * share

    def train(self, mode: bool = True) -> "TD3Mix":
        """Set the mode of this module alone. No submodule depends on it, and Tianshou switches it at every update."""
        self.training = mode
        return self

    def switch_env(self, env: JointEnv) -> None:
        """Continue in another environment with the same weights. `PoolTraining` checks that they fit, and sets the critics' scale."""
        self.policy.action_space = env.action_space
        readers: list[Any] = [self.policy, self.critic, cast(Any, self.critic_old).module]
        for reader in readers:
            reader.mask = joint_mask(env)

    def calibrate(self, rewards: np.ndarray, *, by_size: bool = False) -> None:
        """Set the critics' offset and scale from rewards of random play: to the mean and spread of the values of such a policy.

        The scale is the standard deviation of the rewards, or with `by_size` a sixth of their root mean square, which is about the same in
        the paper's (8, 4) network. Among several environments, the deviation would give most weight to those with the least varied rewards.
        """
        horizon = {"bootstrap": 1.0 / (1.0 - self.gamma), "one-step": 1.0 + self.gamma, "reward": 1.0}[self.target_kind]
        spread = float(np.sqrt(np.mean(np.square(rewards)))) / 6.0 if by_size else float(np.std(rewards))
        self.value_offset.fill_(float(np.mean(rewards)) * horizon)
        self.value_scale.fill_((spread if spread > 1e-6 else 1.0) * horizon)

    def target_action(self, obs_next: Any) -> Tensor:
        """Target action a' = clip(actor'(s') + clip(noise)): smoothed, and feasible as all actions that the critics see."""
        smoothed: Any = self._target_q_compute_action(Batch(obs=obs_next)).act
        return smoothed.clamp(-1.0, 1.0)

    @torch.no_grad()
    def target(self, batch: Any) -> Float[Tensor, "batch *agent"]:
        """Target "bootstrap": y = sum_b r_b + gamma min(Q'_tot,1, Q'_tot,2)(s', a'), line 12, in the unit of the rewards.

        The value after a terminal state is 0; truncation is not terminal. With the mixer "none" every agent has its own target.
        """
        action = self.target_action(batch.obs_next)
        smallest = self.critic_old(batch.obs_next, action, twins=self.num_critics).amin(dim=0)
        value = self.value_offset + self.value_scale * smallest
        reward, goes_on = (array.view(-1, *[1] * (value.ndim - 1)) for array in (as_tensor(batch.rew), 1.0 - as_tensor(batch.terminated)))
        return reward + self.gamma * goes_on * value

    def _preprocess_batch(self, batch: Any, buffer: ReplayBuffer, indices: np.ndarray) -> Any:
        for name in ("obs", "obs_next"):
            setattr(batch, name, {key: as_tensor(value) for key, value in getattr(batch, name).items()})
        batch.act = as_tensor(batch.act)
        if self.target_kind == "bootstrap":
            target = self.target(batch)
        else:
            rewards, batch.weight = observed_target(batch, buffer, indices, self.gamma if self.target_kind == "one-step" else None)
            target = rewards.view(-1, 1) if cast(MixedCritic, self.critic).mixer == "none" else rewards
        batch.returns = (target - self.value_offset) / self.value_scale
        return batch

    def _update_with_batch(self, batch: Any) -> TD3TrainingStats:
        losses = self.learn_from(batch)
        self.last_actor_loss = float(self.last_actor_loss)
        return TD3TrainingStats(actor_loss=self.last_actor_loss, critic1_loss=losses[0].item(), critic2_loss=losses[-1].item())

    def learn_from(self, batch: Any) -> Float[Tensor, " critic"]:
        """Make one update with transitions that have `returns`, and optionally a `weight` each; returns the critics' losses."""
        errors = (self.critic(batch.obs, batch.act, twins=self.num_critics) - batch.returns).square()
        each = errors.reshape(*errors.shape[:2], -1).mean(dim=2)
        losses = each @ batch.weight if "weight" in batch else each.mean(dim=1)
        self.critic_optim.step(losses.sum())
        self._cnt += 1
        if self._cnt % self.update_actor_freq == 0:
            self.critic.requires_grad_(False)  # the actor's update does not change the critic
            if self._cnt > self.actor_rest:
                loss = self.actor_loss(batch.obs)
                self.policy_optim.step(loss)
                self.last_actor_loss = loss.detach()
                self._move_average()
            self.critic.requires_grad_(True)
            self._update_lagged_network_weights()
        return losses.detach()

    @torch.no_grad()
    def _move_average(self) -> None:
        if self.average is not None:
            for kept, new in zip(self.average.parameters(), self.policy.actor.parameters(), strict=True):
                kept.lerp_(new, self.averaging)

    @torch.no_grad()
    def _update_lagged_network_weights(self) -> None:
        pairs = self._lagged_networks._lagged_network_pairs
        targets, sources = ([weight for pair in pairs for weight in getattr(pair, side).parameters()] for side in ("target", "source"))
        torch._foreach_lerp_(targets, sources, self.tau)  # pyright: ignore[reportPrivateImportUsage]

    def actor_loss(self, obs: Any) -> Tensor:
        """Loss of the actor: -Q_tot of its actions, plus the penalty; -Q_1 of each agent by `actor_gradient` or without a mixer."""
        critic = cast(MixedCritic, self.critic)
        actor: Any = self.policy.actor
        mask = mask_of(obs, cast(JointPolicy, self.policy).mask)
        preferences = actor.preferences(as_tensor(obs["observation"]), mask)
        values = critic.agent_values(obs, torch.tanh(preferences), twins=1)
        objective = critic.mix(values, obs) if self.actor_gradient == "mixer" else values
        real = preferences if mask is None else preferences[mask.expand_as(preferences)]
        return self.actor_penalty * real.square().mean() - objective.mean()


@torch.no_grad()
def scale_head(actor: SetActor | MLPActor, scale: float) -> None:
    """Multiply the weights of the last layer, so that the first actions are nearer to the middle of the action space."""
    head = actor.head if isinstance(actor, SetActor) else actor.layers[-1]
    for weight in head.parameters():
        weight.mul_(scale)
