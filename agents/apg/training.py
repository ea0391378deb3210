"""Analytic policy gradient: gradient ascent on the rewards of a differentiable environment.

There is no critic, no replay and no exploration. The result shows what the policy class can reach if each slot is optimised by itself.
"""

from collections.abc import Callable
from typing import Any, Literal, Protocol

import numpy as np
import torch
from jaxtyping import Float
from pettingzoo import ParallelEnv
from torch import Tensor

from agents.actors import build_actor, joint_mask
from agents.apg.config import APGConfig
from agents.joint import JointEnv
from agents.networks import MLPActor, SetActor, check_same_shape
from agents.on_device.host import on_the_host
from agents.streams import seeds_of_parts


class DifferentiableEnv(Protocol):
    """A vectorised environment with differentiable rewards and Gymnasium's vector interface, with arrays `[env, agent, ...]`.

    If it has a `device`, all its arrays are torch tensors on this device, and the run is on it too. Only the losses are then copied to the
    host.
    """

    num_envs: int
    """Number of environments."""

    def reset(self, *, seed: list[int]) -> tuple[np.ndarray | Tensor, object]:
        """Start an episode in every environment."""
        ...

    def differentiable_rewards(self, actions: Tensor) -> Tensor:
        """Rewards `[env, agent]` that `step` would give for the actions, differentiable in them; no step is played."""
        ...

    def step(self, actions: Any) -> tuple[np.ndarray | Tensor, object, object, object, object]:
        """Observations, rewards, terminations, truncations and infos. If an episode ends, the next one starts in the same step."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """The state of the environments."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a saved state."""
        ...


class APGTraining:
    """A run of the analytic policy gradient that can be stopped after any vector step, saved, and continued bit for bit.

    It is myopic: a slot's rewards are optimised over this slot's actions alone, because gradients do not pass through observations.

    Args:
        make_env: Makes one environment, from which the spaces are read.
        envs: The vectorised environment, which resets in the step that ends an episode.
        learner: Hyperparameters.
        seed: Seed of all random numbers.
        pool: The first run of the pool that this run is a member of. Members share one actor, and their rewards are divided by their size,
            so that none weighs more because its rewards are larger. The first run itself has `pool="first"`.

    Raises:
        ValueError: the environment's spaces do not suit the network.
    """

    def __init__(
        self,
        make_env: Callable[[], ParallelEnv[Any, Any, Any]],
        envs: DifferentiableEnv,
        learner: APGConfig,
        *,
        seed: int = 0,
        pool: "APGTraining | Literal['first'] | None" = None,
    ) -> None:
        torch.manual_seed(seed)
        self.env = JointEnv(make_env())
        self.envs = envs
        self.learner = learner
        self.device = torch.device(getattr(envs, "device", "cpu"))
        """The device of the environments and of the run."""
        self.is_pooled = pool is not None
        self.actor = (
            pool.actor if isinstance(pool, APGTraining) else build_actor(self.env, learner.network, learner.hidden_sizes).to(self.device)
        )
        self.optimizer = (
            pool.optimizer if isinstance(pool, APGTraining) else torch.optim.Adam(self.actor.parameters(), learner.learning_rate)
        )
        mask = joint_mask(self.env)
        self.mask = None if mask is None else mask.to(self.device)
        box = self.env.action_box
        self._low, self._range = (torch.from_numpy(limit).to(self.device) for limit in (box.low, box.high - box.low))
        self._observations, _ = envs.reset(seed=seeds_of_parts(seed, envs.num_envs))
        self.steps_done = 0
        self._losses: dict[str, Tensor | float] = {}

    @property
    def last_losses(self) -> dict[str, float]:
        """Losses of the last vector step. Reading them waits for the device."""
        return {name: float(loss) for name, loss in self._losses.items()}

    def start_from(self, actor: SetActor | MLPActor) -> None:
        """Start from the weights of another actor.

        Raises:
            ValueError: its weights have other shapes.
        """
        check_same_shape(actor, self.actor)
        self.actor.load_state_dict(actor.state_dict())

    def act(self) -> Float[Tensor, "env agent *action"]:
        """The actor's actions within the bounds of the action space, with gradients."""
        raw = self.actor(torch.as_tensor(self._observations, device=self.device), self.mask)
        return self._low + self._range * (raw + 1.0) / 2.0

    def step(self) -> None:
        """Make one vector step and one update of the actor."""
        actions = self.act()
        rewards = self.envs.differentiable_rewards(actions).mean()
        loss = -rewards / rewards.detach().abs().clamp(min=1e-6) if self.is_pooled else -rewards
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        played = actions.detach()
        self._observations = self.envs.step(played if isinstance(self._observations, Tensor) else played.numpy())[0]
        self._losses = {"actor_loss": -rewards.detach()}
        self.steps_done += 1

    def state_dict(self) -> dict[str, Any]:
        """The full state of the run, on the host: actor, optimiser, environments and counters."""
        return on_the_host(
            {
                "actor": self.actor.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "envs": self.envs.state_dict(),
                "observations": self._observations,
                "steps_done": self.steps_done,
                "last_losses": self.last_losses,
            }
        )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a saved state.

        Raises:
            KeyError, RuntimeError, TypeError, ValueError: the state is of another network or incomplete.
        """
        self.actor.load_state_dict(state["actor"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.envs.load_state_dict(state["envs"])
        seen, own = state["observations"], self._observations
        self._observations = torch.as_tensor(seen).to(own.device) if isinstance(own, Tensor) else np.array(seen)
        self.steps_done, self._losses = state["steps_done"], dict(state["last_losses"])
