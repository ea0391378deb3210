"""What a learner is: configurations, what it can do, and how a run of it is made. Importing this imports no torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, Protocol, TypeVar

from pettingzoo import ParallelEnv

if TYPE_CHECKING:
    from tianshou.utils import BaseLogger
    from torch import nn

    from agents.apg.training import DifferentiableEnv
    from agents.joint import JointEnv
    from agents.networks import MLPActor, SetActor
    from agents.on_device.td3_mix import TensorEnv
    from agents.stacked import StackedEnv

Config = TypeVar("Config")
Length = TypeVar("Length")
Config_contra = TypeVar("Config_contra", contravariant=True)
Length_contra = TypeVar("Length_contra", contravariant=True)


class Setting(NamedTuple):
    """One setting of a preset."""

    value: Any
    """What the preset takes."""
    source: str
    """Where it is from, or why this value where its source prints none."""


class PoolEnv(NamedTuple):
    """One environment that is trained on, alone or in a pool."""

    make_env: Callable[[], ParallelEnv[Any, Any, Any]]
    """Makes one environment."""
    stacked_env: "StackedEnv | TensorEnv | DifferentiableEnv | None" = None
    """`num_envs` of them in one: a `StackedEnv`, a `TensorEnv`, or None, for TD3-MIX; a `DifferentiableEnv` for the analytic policy
    gradient. The run is on its `device` where it has one."""


class LearnerRun(Protocol):
    """A run that can be stopped after any vector step, saved, and continued bit for bit."""

    env: "JointEnv"
    """The environment, or the first of several."""
    steps_done: int
    """Vector steps so far."""

    @property
    def last_losses(self) -> dict[str, float]:
        """Of the last vector step, by name."""
        ...

    @property
    def actor(self) -> "SetActor | MLPActor":
        """What acts."""
        ...

    def step(self) -> None:
        """One vector step and its updates."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything that the run goes on from."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state.

        Raises:
            KeyError, RuntimeError, ValueError: the state is of another run or incomplete.
        """
        ...


class MakeRun(Protocol[Config_contra, Length_contra]):
    """Makes a run of a learner on one environment."""

    def __call__(
        self,
        member: PoolEnv,
        config: Config_contra,
        length: Length_contra,
        *,
        seed: int,
        first: LearnerRun | Literal["first"] | None = None,
        logger: "BaseLogger | None" = None,
    ) -> LearnerRun:
        """A run of its own, or, where `first` is the first run of a pool or says that this is it, a member that shares its weights."""
        ...


class MakeGroupsRun(Protocol[Config_contra, Length_contra]):
    """Makes a run of a learner whose batches mix the environments of a group."""

    def __call__(self, groups: Sequence[Sequence[PoolEnv]], config: Config_contra, length: Length_contra, *, seed: int) -> LearnerRun:
        """A run in which the groups take turns. The environments of a group have arrays of one shape."""
        ...


@dataclass(frozen=True, kw_only=True)
class Learner(Generic[Config, Length]):
    """A learner's entry in `agents.registry`."""

    name: str
    """On the command line and in files."""
    summary: str
    """What it is, in a line of the help."""
    config: type[Config]
    """Its hyperparameters: a frozen dataclass that refuses wrong values, with the fields `network` and `hidden_sizes`."""
    length: type[Length]
    """How long and on how much at a time it trains: a frozen dataclass with the fields `num_steps` and `num_envs`."""
    make_run: MakeRun[Config, Length]
    """Makes a run."""
    build_actor: "Callable[[JointEnv, Config], SetActor | MLPActor]"
    """A fresh actor for an environment."""
    build_critics: "Callable[[JointEnv, Config], Sequence[nn.Module]]" = lambda env, config: ()
    """Fresh networks for an environment beside the actor; environments of one pool need the same weights."""
    check: Callable[["Sequence[JointEnv]", Config, Length], None] = lambda envs, config, length: None
    """Refuses, by a ValueError, environments on which a run of this length cannot be made."""
    check_groups: Callable[[Config, Length, int, int], None] = lambda config, length, groups, size: None
    """Refuses, by a ValueError, so many groups of so many environments where batches mix them."""
    share: Callable[[Length, int], Length] = lambda length, count: length
    """What each of several environments of a pool takes of the whole."""
    start_from: "Callable[[LearnerRun, SetActor | MLPActor], None] | None" = None
    """Lets a fresh run begin with another actor; None where the learner begins with a random one only."""
    make_groups_run: MakeGroupsRun[Config, Length] | None = None
    """Makes a run whose batches mix environments, where the learner has such a run of its own."""
    join_groups: Callable[[Sequence[Sequence[PoolEnv]], Config, Length], Sequence[PoolEnv]] | None = None
    """Makes one environment of each group, where the learner trains on mixed batches as it does on a pool."""
    mixes_environments: Callable[[Config], bool] = lambda config: False
    """Whether the hyperparameters ask for batches that mix environments."""
    size_of_each: Callable[[Config, Length, int], int] = lambda config, length, count: length.num_envs  # pyright: ignore
    """How many of each of so many environments are needed in one."""
    is_differentiable: bool = False
    """Whether its environments give rewards with gradients, and reset themselves in the step that ends an episode."""
    presets: Mapping[str, Mapping[str, Setting]] = field(default_factory=lambda: MappingProxyType({}))
    """Named settings beside the defaults."""


def values_for(settings: Mapping[str, Setting], kind: type) -> dict[str, Any]:
    """Values of those settings that are fields of a dataclass."""
    return {field.name: settings[field.name].value for field in fields(kind) if field.name in settings}


def explain(settings: Mapping[str, Setting], used: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where every setting of a preset comes from.

    Args:
        settings: The preset.
        used: Values that are in use, by the same names.

    Returns:
        A row for each, with `setting`, `value` (in use) and `source`; where the command line has changed the value, the source says so.
    """
    return [
        {
            "setting": name,
            "value": used[name],
            "source": setting.source if used[name] == setting.value else f"changed: the preset has {setting.value}, {setting.source}",
        }
        for name, setting in settings.items()
    ]


def check_rows(num_envs: int, count: int, rows: int) -> None:
    """Refuse rows that cannot be shared out.

    Args:
        num_envs: Rows in all.
        count: How many environments there are.
        rows: Rows of each.

    Raises:
        ValueError: they cannot.
    """
    if not rows or num_envs % rows or num_envs // rows > count:
        raise ValueError(
            f"num_envs must be at most the number of networks, or a multiple of it; got {num_envs} rows for {count} networks. "
            "Give --num-networks so many, or more."
        )
