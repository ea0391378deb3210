"""Training one learner on several environments of different sizes."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from pettingzoo import ParallelEnv

from agents.apg import APGConfig, APGTraining
from agents.joint import JointEnv
from agents.networks import MLPActor, SetActor, check_same_shape
from agents.td3_mix import TD3MixConfig, build_actor, build_critic
from agents.training import Training, TrainingConfig, check_memory


class PoolEnv(NamedTuple):
    """One environment of a pool, as `Training` or `APGTraining` takes it."""

    make_env: Callable[[], ParallelEnv[Any, Any, Any]]
    """Makes one environment."""
    stacked_env: Any = None
    """`num_envs` of them in one: a `StackedEnv`, or None, for TD3-MIX; a `DifferentiableEnv` for the analytic policy gradient."""


class PoolTraining:
    """A training run on several environments by turns: a step in the first, then in the second, and so on.

    One learner, with weights that fit every environment (those of the `set` family do). With TD3-MIX every environment has a collector, a
    share of the replay buffer and warm-up steps of its own.

    Args:
        pool: The environments.
        learner: Hyperparameters of TD3-MIX or of the analytic policy gradient.
        training: With TD3-MIX, the width in each environment; `buffer_size` is divided among them.
        seed: Seed of everything.

    Raises:
        ValueError: the pool is empty, or an environment would need weights of other shapes.
    """

    def __init__(
        self, pool: Sequence[PoolEnv], learner: TD3MixConfig | APGConfig, training: TrainingConfig | None = None, *, seed: int = 0
    ) -> None:
        check_pool([JointEnv(member.make_env()) for member in pool], learner, training)
        self.members: list[Any] = []
        for member, own in zip(pool, np.random.SeedSequence(seed).generate_state(len(pool)).tolist(), strict=True):
            settings: dict[str, Any] = {"seed": own, "pool": self.members[0] if self.members else "first"}
            if isinstance(learner, APGConfig):
                run: Any = APGTraining(member.make_env, member.stacked_env, learner, **settings)
            else:
                whole = training or TrainingConfig()
                share = dataclasses.replace(whole, buffer_size=whole.buffer_size // len(pool))
                run = Training(member.make_env, learner, share, stacked_env=member.stacked_env, **settings)
            self.members.append(run)
        self.actor, self.env = self.members[0].actor, self.members[0].env
        self.algorithm: Any = getattr(self.members[0], "algorithm", None)
        """What the members share; None with the analytic policy gradient, which has nothing but the actor and its optimiser."""
        self.steps_done = 0
        self.last_losses: dict[str, float] = {}

    def step(self) -> None:
        """One vector step in the environment whose turn it is, and its updates."""
        member = self.members[self.steps_done % len(self.members)]
        member.step()
        self.last_losses = member.last_losses
        self.steps_done += 1

    def state_dict(self) -> dict[str, Any]:
        """Everything that the run goes on from. What the members share is there once for each, and once in a file."""
        states = [member.state_dict() for member in self.members]
        return {"members": states, "steps_done": self.steps_done, "last_losses": self.last_losses}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state.

        Raises:
            KeyError, RuntimeError, ValueError: the state is of another pool or incomplete.
        """
        for member, own in zip(self.members, state["members"], strict=True):
            member.load_state_dict(own)
        self.steps_done, self.last_losses = state["steps_done"], state["last_losses"]


def check_pool(
    envs: Sequence[JointEnv],
    learner: TD3MixConfig | APGConfig,
    training: TrainingConfig | None = None,
    start: SetActor | MLPActor | None = None,
) -> None:
    """Refuse a pool that cannot be trained on, before any work starts. One environment is a pool too.

    Args:
        envs: One of each environment.
        learner: Hyperparameters.
        training: With TD3-MIX, length and width of the run.
        start: An actor to begin with.

    Raises:
        ValueError: the pool is empty, an environment would need weights of other shapes, the replay buffer is too large or too small, or
            the actor to begin with has another shape.
    """
    if not envs:
        raise ValueError("the pool must have at least one environment; got none. Give some.")
    if training is not None and training.buffer_size < training.num_envs * len(envs):
        raise ValueError(
            f"buffer_size must hold at least one transition of every environment; got {training.buffer_size} for {len(envs)} times "
            f"{training.num_envs} environments. Raise buffer_size or lower num_envs."
        )
    first = _weight_shapes(envs[0], learner)
    for env in envs:
        if training is not None:
            check_memory(env, training)  # as if the largest had the whole buffer
        if _weight_shapes(env, learner) != first:
            raise ValueError(
                f"all environments of a pool must fit the same weights; got observations of {envs[0].observation_box.shape} and "
                f"{env.observation_box.shape}. Choose network 'set' and observations with a fixed number of planes."
            )
    if start is not None:
        check_same_shape(start, build_actor(envs[0], learner.network, learner.hidden_sizes))


def _weight_shapes(env: JointEnv, learner: TD3MixConfig | APGConfig) -> list[tuple[str, tuple[int, ...]]]:
    networks: list[Any] = [build_actor(env, learner.network, learner.hidden_sizes)]
    networks += [build_critic(env, learner)] if isinstance(learner, TD3MixConfig) else []
    return [(name, tuple(weight.shape)) for network in networks for name, weight in network.named_parameters()]
