"""A control variate for rewards: what the middle of the action space earns at the same time."""

import copy
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from tianshou.data import Batch

from agents.joint import JointVectorEnv
from agents.stacked import StackedVectorEnv


class BaselinedVectorEnv:
    """Environments whose rewards are less those of twins that always play the middle of the action space.

        r'_t = r_t(a_0, ..., a_t) - r_t(0, ..., 0)

    Episodes differ in what can be earned in them, often by more than actions do. What is subtracted does not depend on the actions, so the
    same policies are the best ones, and the critics need not learn it. The twins begin every episode with the same seed.

    Args:
        env: The environments, before their first reset. Their episodes end at times that do not depend on actions.
    """

    is_async = False

    def __init__(self, env: JointVectorEnv | StackedVectorEnv) -> None:
        self.env = env
        self.twin = copy.deepcopy(env)
        self._middle = np.stack([(space.low + space.high) / 2.0 for space in env.action_space]).astype(np.float32)  # type: ignore[attr-defined]

    def __len__(self) -> int:
        return len(self.env)

    @property
    def action_space(self) -> list[gymnasium.Space]:
        """Action space of each environment."""
        return self.env.action_space

    def reset(self, env_id: Sequence[int] | np.ndarray | None = None) -> tuple[Batch, np.ndarray]:
        """Begin episodes in some environments, all by default."""
        self.twin.reset(env_id)
        return self.env.reset(env_id)

    def step(
        self, action: np.ndarray, id: Sequence[int] | np.ndarray | None = None
    ) -> tuple[Batch, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Step some environments and their twins, all by default.

        Raises:
            ValueError: an episode ends at another time than its twin's.
        """
        observations, rewards, terminated, truncated, infos = self.env.step(action, id)
        _, usual, *ends, _ = self.twin.step(self._middle if id is None else self._middle[np.asarray(id)], id)
        if not all(np.array_equal(own, other) for own, other in zip((terminated, truncated), ends, strict=True)):
            raise ValueError("baseline 'middle' needs episodes that end whatever is done; got one that does not. Give baseline 'none'.")
        return observations, rewards - usual, terminated, truncated, infos

    def state_dict(self) -> dict[str, Any]:
        """Everything that the environments and their twins go on from."""
        return {"env": self.env.state_dict(), "twin": self.twin.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state.

        Raises:
            KeyError, TypeError, ValueError: it is of other environments.
        """
        self.env.load_state_dict(state["env"])
        self.twin.load_state_dict(state["twin"])

    def close(self) -> None:
        """Close the environments."""
        self.env.close()
        self.twin.close()


def with_baseline(env: JointVectorEnv | StackedVectorEnv, baseline: str) -> Any:
    """The environments themselves for "none", with rewards less a baseline for "middle"."""
    return BaselinedVectorEnv(env) if baseline == "middle" else env
