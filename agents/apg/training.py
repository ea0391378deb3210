"""Analytic policy gradient: the actor climbs the rewards themselves, through an environment that can be differentiated.

No critic, no replay and no exploration: what this learner reaches is what its policy class can reach slot by slot.
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
    """What is needed of a batched environment: Gymnasium's vector interface on arrays `[env, agent, ...]`, and rewards with gradients.

    Where it has a `device`, its arrays are torch tensors there, observations and actions of `step` too, and so is the run: then nothing
    leaves the device but the losses.
    """

    num_envs: int

    def reset(self, *, seed: list[int]) -> tuple[np.ndarray | Tensor, object]:
        """Begin an episode in every environment."""
        ...

    def differentiable_rewards(self, actions: Tensor) -> Tensor:
        """Rewards `[env, agent]` that `step` would give for the actions, differentiable in them; nothing moves."""
        ...

    def step(self, actions: Any) -> tuple[np.ndarray | Tensor, object, object, object, object]:
        """Observations and more; an episode that ends is followed by the next one at once."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Where the environments stand, as numbers."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        ...


class APGTraining:
    """A run of the analytic policy gradient that can be stopped after any vector step, saved, and continued bit for bit.

    Myopic: each slot's rewards are climbed by that slot's action alone, because the next observation enters as data.

    Args:
        make_env: Makes one environment, which tells the spaces.
        envs: The same environments in one, differentiable, with automatic resets in the step that ends an episode.
        learner: Hyperparameters.
        seed: Seed of everything.
        pool: The first run of the pool that this one belongs to, where it does: they share one actor, and climb rewards relative to their
            size, so that none counts for more because its rewards are larger. A run may be its own first, by `pool="first"`.

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
        """Where the run is: where its environments are."""
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
        """Of the last vector step; asking for them waits for the device."""
        return {name: float(loss) for name, loss in self._losses.items()}

    def start_from(self, actor: SetActor | MLPActor) -> None:
        """Begin with the weights of another actor.

        Raises:
            ValueError: it is of another shape.
        """
        check_same_shape(actor, self.actor)
        self.actor.load_state_dict(actor.state_dict())

    def act(self) -> Float[Tensor, "env agent *action"]:
        """The actor's actions in the environment's units, with gradients."""
        raw = self.actor(torch.as_tensor(self._observations, device=self.device), self.mask)
        return self._low + self._range * (raw + 1.0) / 2.0

    def step(self) -> None:
        """One vector step and one update of the actor."""
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
        """Everything that the run goes on from, on the host: actor, optimiser, environments and counters."""
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
        """Go on from a saved state.

        Raises:
            KeyError, RuntimeError, TypeError, ValueError: the state is of another network or incomplete.
        """
        self.actor.load_state_dict(state["actor"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.envs.load_state_dict(state["envs"])
        seen, own = state["observations"], self._observations
        self._observations = torch.as_tensor(seen).to(own.device) if isinstance(own, Tensor) else np.array(seen)
        self.steps_done, self._losses = state["steps_done"], dict(state["last_losses"])
