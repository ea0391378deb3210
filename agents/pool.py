"""Training one TD3-MIX learner on several environments of different sizes."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from pettingzoo import ParallelEnv

from agents.joint import JointEnv
from agents.stacked import StackedEnv
from agents.td3_mix import TD3MixConfig, build_actor, build_critic
from agents.training import Training, TrainingConfig, check_memory


class PoolEnv(NamedTuple):
    """One environment of a pool, as `Training` takes it."""

    make_env: Callable[[], ParallelEnv[Any, Any, Any]]
    """Makes one environment."""
    stacked_env: StackedEnv | None = None
    """`TrainingConfig.num_envs` of them in one, where there is such a thing."""


class PoolTraining:
    """A training run on several environments by turns: a vector step and its updates in the first, then in the second, and so on.

    One learner, with weights that fit every environment (those of the `set` family do). Every environment has a collector, a share of
    the replay buffer and warm-up steps of its own. The critics' offset and scale are those of the rewards that its buffer holds: none
    counts for more because its rewards are larger, and the critics need not guess from an observation which environment it is from.

    Args:
        pool: The environments.
        learner: Hyperparameters of TD3-MIX.
        training: Length of the run over all environments, and width in each; `buffer_size` is divided among them.
        seed: Seed of everything.

    Raises:
        ValueError: the pool is empty, or an environment would need weights of other shapes.
    """

    def __init__(self, pool: Sequence[PoolEnv], learner: TD3MixConfig, training: TrainingConfig, *, seed: int = 0) -> None:
        check_pool([JointEnv(member.make_env()) for member in pool], learner, training)
        share = dataclasses.replace(training, buffer_size=training.buffer_size // len(pool))
        seeds = np.random.SeedSequence(seed).generate_state(len(pool)).tolist()
        self.members: list[Training] = []
        for member, own in zip(pool, seeds, strict=True):
            algorithm = self.members[0].algorithm if self.members else None
            self.members.append(Training(member.make_env, learner, share, seed=own, stacked_env=member.stacked_env, algorithm=algorithm))
        self.algorithm, self.actor = self.members[0].algorithm, self.members[0].actor
        self.env = self.members[0].env
        self.steps_done = 0
        self.last_losses: dict[str, float] = {}

    def step(self) -> None:
        """One vector step in the environment whose turn it is, and its updates."""
        turn = self.steps_done % len(self.members)
        member, algorithm = self.members[turn], self.algorithm
        algorithm.enter(member.env)
        buffer = member.collector.buffer
        if len(buffer) == 0:
            member.warm_up()
        algorithm.calibrate(buffer.rew[buffer.sample_indices(0)], by_size=True)
        member.step()
        self.last_losses = member.last_losses
        self.steps_done += 1

    def state_dict(self) -> dict[str, Any]:
        """Everything that the run goes on from. What the members share is there once for each, and once in a file."""
        return {
            "members": [member.state_dict() for member in self.members],
            "steps_done": self.steps_done,
            "last_losses": self.last_losses,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state.

        Raises:
            KeyError, RuntimeError, ValueError: the state is of another pool or incomplete.
        """
        for member, own in zip(self.members, state["members"], strict=True):
            member.load_state_dict(own)
        self.steps_done, self.last_losses = state["steps_done"], state["last_losses"]


def check_pool(envs: Sequence[JointEnv], learner: TD3MixConfig, training: TrainingConfig) -> None:
    """Refuse a pool that cannot be trained on, before any work starts.

    Raises:
        ValueError: the pool is empty, an environment would need weights of other shapes, or the replay buffer is too large or too small.
    """
    if not envs:
        raise ValueError("the pool must have at least one environment; got none. Give some.")
    if training.buffer_size < training.num_envs * len(envs):
        raise ValueError(
            f"buffer_size must hold at least one transition of every environment; got {training.buffer_size} for {len(envs)} times "
            f"{training.num_envs} environments. Raise buffer_size or lower num_envs."
        )
    first = _weight_shapes(envs[0], learner)
    for env in envs:
        check_memory(env, training)  # as if the largest had the whole buffer
        if _weight_shapes(env, learner) != first:
            raise ValueError(
                f"all environments of a pool must fit the same weights; got observations of {envs[0].observation_box.shape} and "
                f"{env.observation_box.shape}. Choose network 'set' and observations with a fixed number of planes."
            )


def _weight_shapes(env: JointEnv, learner: TD3MixConfig) -> list[tuple[str, tuple[int, ...]]]:
    networks = build_actor(env, learner.network, learner.hidden_sizes), build_critic(env, learner)
    return [(name, tuple(weight.shape)) for network in networks for name, weight in network.named_parameters()]
