"""Training one learner on several environments of different sizes."""

from collections.abc import Sequence
from typing import Any

from agents.joint import JointEnv
from agents.learner import LearnerRun, PoolEnv
from agents.networks import MLPActor, SetActor, check_same_shape
from agents.registry import learner_of
from agents.streams import seeds_of_parts


class PoolTraining:
    """A training run on several environments by turns: a step in the first, then in the second, and so on.

    One learner, with weights that fit every environment (those of the `set` family do). With TD3-MIX every environment has a collector, a
    share of the replay buffer and warm-up steps of its own.

    Args:
        pool: The environments.
        config: Hyperparameters of a learner in `agents.registry`.
        length: Its length and width in each environment, by default the learner's own. TD3-MIX divides `buffer_size` among them.
        seed: Seed of everything.

    Raises:
        ValueError: the pool is empty, or an environment would need weights of other shapes.
    """

    def __init__(self, pool: Sequence[PoolEnv], config: object, length: object | None = None, *, seed: int = 0) -> None:
        learner = learner_of(config)
        length = learner.length() if length is None else length
        check_pool([JointEnv(member.make_env()) for member in pool], config, length)
        share, self.members = learner.share(length, len(pool)), list[LearnerRun]()
        for member, own in zip(pool, seeds_of_parts(seed, len(pool)), strict=True):
            self.members.append(learner.make_run(member, config, share, seed=own, first=self.members[0] if self.members else "first"))
        self.env = self.members[0].env
        self.steps_done = 0
        self.last_losses: dict[str, float] = {}

    @property
    def actor(self) -> SetActor | MLPActor:
        """What the members share."""
        return self.members[0].actor

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


def check_pool(envs: Sequence[JointEnv], config: object, length: object | None = None, start: SetActor | MLPActor | None = None) -> None:
    """Refuse a pool that cannot be trained on, before any work starts. One environment is a pool too.

    Args:
        envs: One of each environment.
        config: Hyperparameters of a learner in `agents.registry`.
        length: Length and width of the run; None leaves what they decide unchecked.
        start: An actor to begin with.

    Raises:
        ValueError: the pool is empty, an environment would need weights of other shapes, the learner refuses the run's length (TD3-MIX: the
            replay buffer is too large or too small), or the actor to begin with has another shape.
    """
    if not envs:
        raise ValueError("the pool must have at least one environment; got none. Give some.")
    if length is not None:
        learner_of(config).check(envs, config, length)
    first = _weight_shapes(envs[0], config)
    for env in envs:
        if _weight_shapes(env, config) != first:
            raise ValueError(
                f"all environments of a pool must fit the same weights; got observations of {envs[0].observation_box.shape} and "
                f"{env.observation_box.shape}. Choose network 'set' and observations with a fixed number of planes."
            )
    if start is not None:
        check_same_shape(start, learner_of(config).build_actor(envs[0], config))


def _weight_shapes(env: JointEnv, config: object) -> list[tuple[str, tuple[int, ...]]]:
    learner = learner_of(config)
    networks = (learner.build_actor(env, config), *learner.build_critics(env, config))
    return [(name, tuple(weight.shape)) for network in networks for name, weight in network.named_parameters()]


def make_groups_run(groups: Sequence[Sequence[PoolEnv]], config: object, length: object, *, seed: int = 0) -> LearnerRun:
    """A run whose batches mix the environments of each group; the groups take turns.

    Args:
        groups: Environments with arrays of one shape in each group.
        config: Hyperparameters of a learner that mixes environments.
        length: Its length and width.
        seed: Seed of everything.

    Raises:
        ValueError: the learner mixes no environments.
    """
    learner = learner_of(config)
    if learner.make_groups_run is not None:
        return learner.make_groups_run(groups, config, length, seed=seed)
    if learner.join_groups is None:
        raise ValueError(f"batches of different environments need a learner that mixes them; got {learner.name}. Give each alone.")
    pool = learner.join_groups(groups, config, length)
    return learner.make_run(pool[0], config, length, seed=seed) if len(pool) == 1 else PoolTraining(pool, config, length, seed=seed)
