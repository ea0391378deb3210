"""The interface of learners: their configuration, capabilities and runs. Importing this module does not import torch."""

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
    """The value of the preset."""
    source: str
    """Its source, or the reason for the value if no source gives one."""


class PoolEnv(NamedTuple):
    """One environment to train on, alone or in a pool."""

    make_env: Callable[[], ParallelEnv[Any, Any, Any]]
    """Makes one environment."""
    stacked_env: "StackedEnv | TensorEnv | DifferentiableEnv | None" = None
    """A vectorised environment of `num_envs` copies. For TD3-MIX: a `StackedEnv`, a `TensorEnv`, or None. For the analytic policy gradient:
    a `DifferentiableEnv`. The run is on its `device` if it has one."""


class LearnerRun(Protocol):
    """A run that can be stopped after any vector step, saved, and continued bit for bit."""

    env: "JointEnv"
    """The environment, or the first of several."""
    steps_done: int
    """Vector steps so far."""

    @property
    def last_losses(self) -> dict[str, float]:
        """The losses of the last vector step, by name."""
        ...

    @property
    def actor(self) -> "SetActor | MLPActor":
        """The actor in training."""
        ...

    def step(self) -> None:
        """Make one vector step and its updates."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """The full state of the run, for `load_state_dict`."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a saved state.

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
        """An independent run; or a member of a pool, which shares the weights of `first`. For the first member `first` is "first"."""
        ...


class MakeGroupsRun(Protocol[Config_contra, Length_contra]):
    """Makes a run of a learner whose batches mix the environments of a group."""

    def __call__(self, groups: Sequence[Sequence[PoolEnv]], config: Config_contra, length: Length_contra, *, seed: int) -> LearnerRun:
        """A run that trains on the groups in turn. The environments of a group have arrays of the same shape."""
        ...


@dataclass(frozen=True, kw_only=True)
class Learner(Generic[Config, Length]):
    """A learner's entry in `agents.registry`."""

    name: str
    """The name on the command line and in files."""
    summary: str
    """A one-line description for the help text."""
    config: type[Config]
    """The class of its hyperparameters: a frozen dataclass that refuses wrong values, with the fields `network` and `hidden_sizes`."""
    length: type[Length]
    """The class of the length of a training: a frozen dataclass with the fields `num_steps` and `num_envs`."""
    make_run: MakeRun[Config, Length]
    """Makes a run."""
    build_actor: "Callable[[JointEnv, Config], SetActor | MLPActor]"
    """Makes an untrained actor for an environment."""
    build_critics: "Callable[[JointEnv, Config], Sequence[nn.Module]]" = lambda env, config: ()
    """Makes the other untrained networks for an environment. Environments of one pool must have the same ones."""
    check: Callable[["Sequence[JointEnv]", Config, Length], None] = lambda envs, config, length: None
    """Raises a ValueError if a run of this length cannot be made on the environments."""
    check_groups: Callable[[Config, Length, int, int], None] = lambda config, length, groups, size: None
    """Raises a ValueError if batches cannot mix this number of groups of this number of environments."""
    share: Callable[[Length, int], Length] = lambda length, count: length
    """The length for each of several environments of a pool."""
    start_from: "Callable[[LearnerRun, SetActor | MLPActor], None] | None" = None
    """Copies another actor into a new run; None if the learner can start from a random actor only."""
    make_groups_run: MakeGroupsRun[Config, Length] | None = None
    """Makes a run whose batches mix environments, if the learner has such a run."""
    join_groups: Callable[[Sequence[Sequence[PoolEnv]], Config, Length], Sequence[PoolEnv]] | None = None
    """Joins each group into one environment, if the learner trains on mixed batches in the same way as on a pool."""
    mixes_environments: Callable[[Config], bool] = lambda config: False
    """Whether the hyperparameters select batches that mix environments."""
    size_of_each: Callable[[Config, Length, int], int] = lambda config, length, count: length.num_envs  # pyright: ignore
    """Number of copies of each of `count` environments in a vectorised environment."""
    is_differentiable: bool = False
    """Whether it needs environments with differentiable rewards, which reset in the step that ends an episode."""
    presets: Mapping[str, Mapping[str, Setting]] = field(default_factory=lambda: MappingProxyType({}))
    """Named presets, in addition to the defaults."""


def values_for(settings: Mapping[str, Setting], kind: type) -> dict[str, Any]:
    """The values of those settings that are fields of a dataclass."""
    return {field.name: settings[field.name].value for field in fields(kind) if field.name in settings}


def explain(settings: Mapping[str, Setting], used: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The settings of a preset with their values and sources.

    Args:
        settings: The preset.
        used: The values in use, by the same names.

    Returns:
        A row for each, with `setting`, `value` (in use) and `source`. If the command line has changed the value, the source says so.
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
    """Refuse a number of environments that cannot be divided among the networks.

    Args:
        num_envs: Total number of rows.
        count: Number of networks.
        rows: Rows of each network.

    Raises:
        ValueError: the number of rows is neither at most the number of networks nor a multiple of it.
    """
    if not rows or num_envs % rows or num_envs // rows > count:
        raise ValueError(
            f"num_envs must be at most the number of networks, or a multiple of it; got {num_envs} rows for {count} networks. "
            "Give --num-networks as many, or more."
        )
