"""The interface of policies, and their attributes."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast, get_args

import numpy as np

from multicell_env.evaluation.policies.modules import is_module
from multicell_env.observation import Observation


class Policy(Protocol):
    """A callable from observations of all agents to their actions, as in a PettingZoo loop. Actions may be tensors.

    Optional attributes:

    * `observation`: the observation that it takes, "gain" (default), "csi" or "price";
    * `batched`: True to take arrays `{agent: [block, ...]}` of all blocks at once, False (default) to take one block per call;
    * `stacked`: True to take and return one array for all cells of all blocks (see `RowPolicy`); it is then batched. The default is True
      for torch modules, which get a tensor, and False for others;
    * `reset(num_blocks)`: called before the first slot of `num_blocks` new blocks, so that a policy may keep state for each. A policy that
      takes one block at a time plays each block to its end before the next starts. A policy without `reset` must not keep state between
      calls, because it is also called on other blocks, for a test and to measure its time;
    * `seed(number)`: called before `reset`, so that a random policy is reproducible.
    """

    def __call__(self, observations: dict[str, np.ndarray], /) -> Mapping[str, np.ndarray]:
        """Actions of all agents, `{agent: action}`."""
        ...


class RowPolicy(Protocol):
    """A policy with `stacked` True, from an array `[row, plane, band, user]` to actions `[row, band, user]` or `[row, 2, band, user]`.

    Row b B + c is cell c of block b, with B cells. If cells have different numbers of users, rows are padded to the largest, as
    `MulticellVectorEnv` pads them, and actions of padded users are ignored.
    """

    def __call__(self, planes: Any, /) -> Any:
        """Actions of all rows."""
        ...


AnyPolicy = Policy | RowPolicy | Callable[[Any], Any]
"""Anything that can be played: a policy, a policy of rows, or a torch module."""


def observation_of(policy: AnyPolicy, name: str = "the policy") -> Observation:
    """The observation that a policy takes.

    Args:
        policy: The policy.
        name: Its name in error messages.

    Raises:
        ValueError: its attribute `observation` is not "gain", "csi" or "price".
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
    """Whether a policy has `reset`."""
    return callable(getattr(policy, "reset", None))


def has_seed(policy: AnyPolicy) -> bool:
    """Whether a policy has `seed`."""
    return callable(getattr(policy, "seed", None))


def begin(policy: AnyPolicy, num_blocks: int, seed: int) -> None:
    """Seed and reset a policy before new blocks.

    Args:
        policy: The policy. Its `seed` and `reset` are called if it has them.
        num_blocks: Number of blocks.
        seed: Seed of its random numbers.
    """
    if has_seed(policy):
        policy.seed(seed)  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess] - an attribute that a policy may have
    if has_reset(policy):
        policy.reset(num_blocks)  # pyright: ignore[reportAttributeAccessIssue, reportFunctionMemberAccess] - as above


def shown_name(name: str, acting_slots: int | None) -> str:
    """Name in tables of a policy that acts in `acting_slots` slots: `NAME_opening` for 1, `NAME_3` for 3, `NAME` for all (None)."""
    return name if acting_slots is None else f"{name}_opening" if acting_slots == 1 else f"{name}_{acting_slots}"
