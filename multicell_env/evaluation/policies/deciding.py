"""Asking a policy for the actions of all blocks."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from multicell_env.config_checks import as_array
from multicell_env.evaluation.policies.modules import as_policy, without_gradients
from multicell_env.evaluation.policies.policy import AnyPolicy, RowPolicy, is_stacked
from multicell_env.observation import Observer

Actions = Float[np.ndarray, "block cell *plane band user"]


def decide(policy: AnyPolicy, observer: Observer, batched: bool) -> Actions:
    """The policy's actions on all blocks, padded.

    Args:
        policy: Asked once, or once for each block.
        observer: What it sees.
        batched: Whether it takes all blocks at once; a policy that is stacked always does.

    Raises:
        ValueError: it returns something else than finite actions of the right shapes.
    """
    asked: Any = as_policy(policy)
    if is_stacked(asked):
        return _of_rows(asked, observer)
    config, planes = observer.blocks.config, observer.observe()
    agents = {f"bs_{cell}": (cell, int(users)) for cell, users in enumerate(config.users_per_cell)}
    padded = np.zeros((len(planes), config.num_cells, *config.action_shape(config.max_users)))
    for rows in [slice(None)] if batched else range(len(planes)):
        actions: object = asked({agent: planes[rows, cell, ..., :users].copy() for agent, (cell, users) in agents.items()})
        if not isinstance(actions, Mapping) or not set(agents) <= set(actions):
            got = sorted(map(str, actions)) if isinstance(actions, Mapping) else type(actions).__name__
            raise ValueError(
                f"the policy must return a mapping with an action for each of {list(agents)}; got {got}. Return {{agent: action}}."
            )
        for agent, (cell, users) in agents.items():
            target = padded[rows, cell, ..., :users]
            target[...] = _checked(actions[agent], target.shape, f"for {agent}", config.action_entries)
    return padded


def _of_rows(policy: RowPolicy, observer: Observer) -> Actions:
    config, planes = observer.blocks.config, observer.observe()
    shape = config.action_shape(config.max_users)
    actions = policy(planes.reshape(-1, *planes.shape[2:]))
    rows = _checked(actions, (planes.shape[0] * planes.shape[1], *shape), "for all rows", config.action_entries)
    users = config.user_mask.reshape(config.num_cells, *(1,) * (len(shape) - 1), config.max_users)
    return np.where(users, rows.reshape(*planes.shape[:2], *shape), 0.0)


def _checked(given: Any, shape: tuple[int, ...], whose: str, entries: str) -> np.ndarray:
    action = as_array(without_gradients(given), f"the policy's action {whose}", shape)
    is_real = action.dtype.kind in "fiub"
    is_finite = is_real and bool(np.isfinite(action).all())
    if not is_finite or action.shape != shape:
        flaw = "" if is_finite else " with NaN or infinity" if is_real else f" of {action.dtype}, which is no real number"
        raise ValueError(
            f"the policy must return finite actions of shape {shape} {whose}; got shape {action.shape}{flaw}. Give {entries}, "
            "[..., band, user]."
        )
    return action
