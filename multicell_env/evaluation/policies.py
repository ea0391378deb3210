"""What a policy is, how it is asked for the actions of all blocks, and how its errors are told."""

import sysconfig
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, get_args

import numpy as np
from jaxtyping import Float

from multicell_env.arguments import as_array
from multicell_env.observation import Observation, Observer

ROOT = Path(__file__).parents[2]


class Policy(Protocol):
    """Observations of all agents to actions of all agents, as in a PettingZoo loop. Any callable is one.

    It may have attributes:

    * `observation`: what it sees, "gain" (where it has none), "csi" or "price";
    * `batched`: True takes arrays `{agent: [block, ...]}` of all blocks at once, False (where it has none) one block a call;
    * `reset(num_blocks)`: called before the first slot of so many new blocks, so that a policy may keep what it remembers of each. Without
      `reset` a policy must not keep state between calls: it is asked on other blocks too, for a trial and to measure its time.
    """

    def __call__(self, observations: dict[str, np.ndarray], /) -> Mapping[str, np.ndarray]:
        """Actions of all agents."""
        ...


def observation_of(policy: Policy, name: str = "the policy") -> Observation:
    """What a policy sees.

    Args:
        policy: The policy.
        name: What an error calls it.

    Raises:
        ValueError: its attribute `observation` is none of "gain", "csi" and "price".
    """
    sees = getattr(policy, "observation", None) or "gain"
    if sees not in get_args(Observation):
        raise ValueError(f"{name} must see one of {get_args(Observation)}; got observation = {sees!r}. Choose one of them.")
    return sees


def is_batched(policy: Policy) -> bool:
    """Whether a policy takes all blocks at once."""
    return bool(getattr(policy, "batched", False))


def has_reset(policy: Policy) -> bool:
    """Whether a policy is told where blocks begin."""
    return getattr(policy, "reset", None) is not None


def begin(policy: Policy, num_blocks: int) -> None:
    """Tell a policy that new blocks begin, if it has `reset`."""
    if has_reset(policy):
        policy.reset(num_blocks)  # pyright: ignore[reportAttributeAccessIssue] - an attribute that a policy may have


def shown_name(name: str, acting_slots: int | None) -> str:
    """How a policy that acts in so many slots only is called in tables: `NAME_opening` in one, `NAME_3` in three, `NAME` in all (None)."""
    return name if acting_slots is None else f"{name}_opening" if acting_slots == 1 else f"{name}_{acting_slots}"


def decide(policy: Policy, observer: Observer, batched: bool) -> Float[np.ndarray, "block cell *plane band user"]:
    """The policy's actions on all blocks, padded.

    Args:
        policy: Asked once, or once for each block.
        observer: What it sees.
        batched: Whether it takes all blocks at once.

    Raises:
        ValueError: it returns something else than finite actions of the right shapes.
    """
    config, planes = observer.blocks.config, observer.observe()
    agents = {f"bs_{cell}": (cell, int(users)) for cell, users in enumerate(config.users_per_cell)}
    padded = np.zeros((len(planes), config.num_cells, *config.action_shape(config.max_users)))
    for rows in [slice(None)] if batched else range(len(planes)):
        actions: object = policy({agent: planes[rows, cell, ..., :users].copy() for agent, (cell, users) in agents.items()})
        if not isinstance(actions, Mapping) or not set(agents) <= set(actions):
            got = sorted(map(str, actions)) if isinstance(actions, Mapping) else type(actions).__name__
            raise ValueError(
                f"the policy must return a mapping with an action for each of {list(agents)}; got {got}. Return {{agent: action}}."
            )
        for agent, (cell, users) in agents.items():
            target = padded[rows, cell, ..., :users]
            try:
                action = as_array(actions[agent], "an action", target.shape)
            except ValueError as error:
                raise ValueError(
                    f"the policy must return finite actions of shape {target.shape} for {agent}: {error} Give {config.action_entries}."
                ) from error
            is_real = action.dtype.kind in "fiub"
            is_finite = is_real and bool(np.isfinite(action).all())
            if not is_finite or action.shape != target.shape:
                flaw = "" if is_finite else " with NaN or infinity" if is_real else f" of {action.dtype}, which is no real number"
                raise ValueError(
                    f"the policy must return finite actions of shape {target.shape} for {agent}; got shape {action.shape}{flaw}. "
                    f"Give {config.action_entries}, [..., band, user]."
                )
            target[...] = action
    return padded


def in_one_line(error: BaseException) -> str:
    """An error in one line: its kind, its words, and the line of a user's own code in which it arose, where it did."""
    # By name: in a checkout the project's own folders lie beside a user's files.
    libraries = [ROOT / name for name in ("multicell_env", "agents", "experiments")]
    libraries += [Path(sysconfig.get_path(key)) for key in ("stdlib", "purelib", "platlib")]
    theirs = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and not any(Path(frame.filename).is_relative_to(folder) for folder in libraries)
    ]
    words = f"{type(error).__name__}: {' '.join(str(error).split()).rstrip('.')}"
    return f"{words} ({theirs[-1].filename}, line {theirs[-1].lineno})" if theirs else words
