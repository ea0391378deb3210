"""Training TD3-MIX on a torch device, with environments, replay buffer and networks there. A step copies nothing to the host."""

import copy
from collections.abc import Callable
from typing import Any, Protocol, cast

import torch
from jaxtyping import Bool, Float
from pettingzoo import ParallelEnv
from tianshou.data import Batch
from torch import Tensor

from agents.joint import JointEnv
from agents.networks import MLPActor, SetActor
from agents.on_device.host import generator_states, on_the_host, set_generator_states
from agents.on_device.replay import TensorReplay
from agents.streams import seeds_of_parts
from agents.td3_mix.algorithm import JointPolicy, TD3Mix
from agents.td3_mix.config import TD3MixConfig, TrainingConfig
from agents.td3_mix.critics import MixedCritic


class TensorEnv(Protocol):
    """A vectorised environment on a device: Gymnasium's vector interface with tensors `[env, agent, ...]`.

    If an episode ends, the next one starts in the same step. The infos then have the last observation as `final_obs`, and the environments
    as `_final_obs`. Episodes end by truncation only, at times that do not depend on actions.
    """

    num_envs: int
    """Number of environments."""
    device: torch.device
    """Device of all tensors."""
    state_is_observation: bool
    """Whether the observations of all agents are the global state."""

    def reset(self, *, seed: list[int]) -> tuple[Tensor, object]:
        """Start an episode in every environment."""
        ...

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """Observations, rewards `[env, agent]`, terminations `[env]`, truncations `[env]` and infos."""
        ...

    def state(self) -> Tensor:
        """Global states `[env, ...]`."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """The state of the environments."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a saved state."""
        ...


class DeviceTraining:
    """A run of TD3-MIX on the device of its environments, which can be stopped after any vector step, saved, and continued bit for bit.

    The algorithm, its hyperparameters and the order of a step are those of `agents.td3_mix.training.Training`, which collects with Tianshou
    in NumPy arrays. The random numbers differ. Losses stay on the device until they are read.

    Args:
        make_env: Makes one environment, from which the spaces are read.
        envs: The vectorised environment, on a device.
        learner: Hyperparameters of TD3-MIX.
        training: Length of the run and number of environments.
        seed: Seed of everything; torch's global generators are seeded with it.

    Raises:
        ValueError: the environment's spaces do not suit the learner, or the mixer reads a state that differs from the observations.
    """

    def __init__(
        self,
        make_env: Callable[[], ParallelEnv[Any, Any, Any]],
        envs: TensorEnv,
        learner: TD3MixConfig,
        training: TrainingConfig,
        *,
        seed: int = 0,
    ) -> None:
        torch.manual_seed(seed)
        self.learner, self.training, self.envs, self.device = learner, training, envs, envs.device
        self.env = JointEnv(make_env(), with_state=learner.mixer_state == "state")
        if self.env.state_box is not None and not envs.state_is_observation and learner.mixer not in ("sum", "none"):
            raise ValueError(
                "on a device the mixer reads what is observed; got observations that are not the environment's state. Give observations "
                "'gain' or 'price', or mixer_state 'observations'."
            )
        self.algorithm = TD3Mix(self.env, learner).to(self.device)
        self.twin: TensorEnv | None = copy.deepcopy(envs) if learner.baseline == "middle" else None
        """Copy of the environments in which the middle of the action space is played, for the baseline."""
        box, seeds = self.env.action_box, seeds_of_parts(seed, envs.num_envs)
        self._low, self._range = (torch.from_numpy(limit).to(self.device) for limit in (box.low, box.high - box.low))
        self._middle = (self._low + 0.5 * self._range).expand(envs.num_envs, *box.shape).contiguous()
        self._observations, _ = envs.reset(seed=seeds)
        if self.twin is not None:
            self.twin.reset(seed=seeds)
        self.replay = TensorReplay(max(1, training.buffer_size // envs.num_envs), envs.num_envs, self.device)
        self.steps_done = 0
        self._losses: dict[str, Tensor | float] = {}

    @property
    def actor(self) -> SetActor | MLPActor:
        """The actor for evaluations."""
        return self.algorithm.judged_actor

    @property
    def last_losses(self) -> dict[str, float]:
        """Losses of the last vector step. Reading them waits for the device."""
        return {name: float(loss) for name, loss in self._losses.items()}

    def collect(self, *, is_random: bool = False) -> None:
        """Make one vector step, with the actor's noisy actions or uniform ones in [-1, 1], and store it."""
        actions = self._random_actions() if is_random else self._noisy_actions()
        observations, rewards, terminated, truncated, infos = self.envs.step(self._low + self._range * (actions + 1.0) / 2.0)
        earned = rewards.sum(dim=-1)
        if self.twin is not None:
            earned = earned - self.twin.step(self._middle)[1].sum(dim=-1)
        ended = (terminated | truncated).to(torch.float32)
        fields = {"observation": self._observations, "following": _ended_with(observations, infos), "action": actions, "reward": earned}
        self.replay.add({**fields, "terminated": terminated.to(torch.float32), "ended": ended})
        self._observations = observations

    def _random_actions(self) -> Float[Tensor, "env agent *action"]:
        return 2.0 * torch.rand(self._middle.shape, device=self.device) - 1.0

    @torch.no_grad()
    def _noisy_actions(self) -> Float[Tensor, "env agent *action"]:
        policy = cast(JointPolicy, self.algorithm.policy)
        actions = policy(Batch(obs={"observation": self._observations})).act
        return (actions + self.learner.exploration_noise * torch.randn_like(actions)).clamp(-1.0, 1.0)

    def warm_up(self) -> None:
        """Fill the replay buffer with random play, or with the actor's actions, and set the critics' scale from its rewards.

        Raises:
            ValueError: the target is "one-step", and every episode was cut off after its first step.
        """
        for _ in range(self.training.warmup_steps):
            self.collect(is_random=self.learner.warm_up == "random")
        if self.learner.target == "one-step" and bool((self.replay.stored("ended") > 0.5).all()):
            raise ValueError(
                "target 'one-step' (22) needs a second step in an episode; got episodes that are cut off after the first. Choose target "
                "'reward', or longer episodes."
            )
        self.algorithm.calibrate(self.replay.stored("reward").cpu().numpy())

    def step(self) -> None:
        """Make one vector step and its updates."""
        if self.replay.num_stored == 0:
            self.warm_up()
        share = max(self.learner.final_rate, min(1.0, 2.0 - 2.0 * self.steps_done / self.training.num_steps))
        self.algorithm.scale_learning_rates(share)
        self.collect()
        for _ in range(self.training.num_updates):
            losses = self.algorithm.learn_from(self._batch())
            self._losses = {"actor_loss": self.algorithm.last_actor_loss, "critic1_loss": losses[0], "critic2_loss": losses[-1]}
        self.steps_done += 1

    def _batch(self) -> Any:
        """A batch of transitions with their targets, for `TD3Mix.learn_from`."""
        algorithm, (fields, places) = self.algorithm, self.replay.draw(self.learner.batch_size)
        batch: Any = Batch(act=fields["action"], rew=fields["reward"], terminated=fields["terminated"])
        batch.obs, batch.obs_next = {"observation": fields["observation"]}, {"observation": fields["following"]}
        if algorithm.target_kind == "bootstrap":
            target = algorithm.target(batch)
        else:
            target = fields["reward"]
            weights = torch.ones_like(target)
            if algorithm.target_kind == "one-step":  # (22), as `observed_target` has it
                reward, is_stored = self.replay.following("reward", places)
                follows = is_stored * (1.0 - fields["ended"])
                target = target + algorithm.gamma * follows * reward
                weights = torch.maximum(follows, fields["terminated"])
            batch.weight = weights / weights.sum().clamp(min=1.0)
            target = target[:, None] if cast(MixedCritic, algorithm.critic).mixer == "none" else target
        batch.returns = (target - algorithm.value_offset) / algorithm.value_scale
        return batch

    def state_dict(self) -> dict[str, Any]:
        """The full state of the run, on the host: networks, optimisers, replay buffer, environments, generators and counters."""
        return on_the_host(
            {
                "algorithm": self.algorithm.state_dict(),
                "updates": self.algorithm._cnt,
                "replay": self.replay.state_dict(),
                "envs": self.envs.state_dict(),
                "twin": None if self.twin is None else self.twin.state_dict(),
                "observations": self._observations,
                "generators": generator_states(self.device),
                "steps_done": self.steps_done,
                "last_losses": self.last_losses,
            }
        )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a saved state.

        Raises:
            KeyError, RuntimeError, TypeError, ValueError: the state is of another network or incomplete.
        """
        self.algorithm.load_state_dict(state["algorithm"])
        self.algorithm._cnt = state["updates"]
        self.replay.load_state_dict(state["replay"])
        self.envs.load_state_dict(state["envs"])
        if self.twin is not None:
            self.twin.load_state_dict(state["twin"])
        self._observations = state["observations"].to(self.device)
        set_generator_states(self.device, state["generators"])
        self.steps_done, self._losses = state["steps_done"], dict(state["last_losses"])
        self.algorithm.last_actor_loss = self._losses.get("actor_loss", 0.0)


def _ended_with(observations: Tensor, infos: dict[str, Tensor]) -> Tensor:
    """The next observations within the same episode."""
    if "final_obs" not in infos:
        return observations
    is_final: Bool[Tensor, " env"] = infos["_final_obs"]
    return torch.where(is_final.view(-1, *[1] * (observations.ndim - 1)), infos["final_obs"], observations)
