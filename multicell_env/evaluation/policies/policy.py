"""What a policy is, and what it says of itself."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast, get_args

import numpy as np

from multicell_env.evaluation.policies.modules import is_module
from multicell_env.observation import Observation


class Policy(Protocol):
    """Observations of all agents to actions of all agents, as in a PettingZoo loop. Any callable is one; actions may be tensors.

    It may have attributes:

    * `observation`: what it sees, "gain" (where it has none), "csi" or "price";
    * `batched`: True takes arrays `{agent: [block, ...]}` of all blocks at once, False (where it has none) one block a call;
    * `stacked`: True takes and returns one array for all cells of all blocks instead (see `RowPolicy`), and is batched; where it has none,
      True for a torch module, which gets a tensor, and False for anything else;
    * `reset(num_blocks)`: called before the first slot of so many new blocks, so that a policy may keep what it remembers of each. A policy
      that takes one block at a time plays one block to its end before the next begins. Without `reset` a policy must not keep state between
      calls: it is asked on other blocks too, for a trial and to measure its time;
    * `seed(number)`: called before `reset`, so that a policy that draws random numbers draws the same ones again.
    """

    def __call__(self, observations: dict[str, np.ndarray], /) -> Mapping[str, np.ndarray]:
        """Actions of all agents."""
        ...


class RowPolicy(Protocol):
    """A policy whose `stacked` is True: one array `[row, plane, band, user]` to actions `[row, band, user]`, or `[row, 2, band, user]`.

    Row b B + c is cell c of block b, with B cells. Where cells have different numbers of users, rows are padded to the largest, as
    `MulticellVectorEnv` pads them, and actions of padded users are ignored.
    """

    def __call__(self, planes: Any, /) -> Any:
        """Actions of all rows."""
        ...


AnyPolicy = Policy | RowPolicy | Callable[[Any], Any]
"""Whatever is played: a policy, one of rows, or a torch module."""


def observation_of(policy: AnyPolicy, name: str = "the policy") -> Observation:
    """What a policy sees.

    Args:
        policy: The policy.
        name: What an error calls it.

    Raises:
        ValueError: its attribute `observation` is none of "gain", "csi" and "price".
    """
    sees: Any = getattr(policy, "observation", None)
    sees = "gain" if sees is None else sees
    if not isinstance(sees, str) or sees not in get_args(Observation):
        raise ValueError(f"{name} must see one of {get_args(Observation)}; got observation = {sees!r}. Choose one of them.")
    return cast(Observation, sees)


def is_stacked(policy: AnyPolicy) -> bool:
    """Whether a policy takes one array of rows for all cells of all blocks."""
    return bool(getattr(policy, "stacked", is_module(policy)))


def is_batched(policy: AnyPolicy) -> bool:
    """Whether a policy takes all blocks at once."""
    return bool(getattr(policy, "batched", False)) or is_stacked(policy)


def has_reset(policy: AnyPolicy) -> bool:
    """Whether a policy is told where blocks begin."""
    return callable(getattr(policy, "reset", None))


def has_seed(policy: AnyPolicy) -> bool:
    """Whether a policy lets its random numbers be seeded."""
    return callable(getattr(policy, "seed", None))


def begin(policy: AnyPolicy, num_blocks: int, seed: int) -> None:
    """Tell a policy that new blocks begin.

    Args:
        policy: Its `seed` and its `reset` are called, where it has them.
        num_blocks: How many blocks.
        seed: Of its random numbers.
    """
    if has_seed(policy):
        policy.seed(seed)  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess] - an attribute that a policy may have
    if has_reset(policy):
        policy.reset(num_blocks)  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess] - as above


def shown_name(name: str, acting_slots: int | None) -> str:
    """How a policy that acts in so many slots only is called in tables: `NAME_opening` in one, `NAME_3` in three, `NAME` in all (None)."""
    return name if acting_slots is None else f"{name}_opening" if acting_slots == 1 else f"{name}_{acting_slots}"
