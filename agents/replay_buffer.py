"""The replay buffer: every observation is stored once, and a checkpoint holds what was stored."""

from typing import Any, cast

import numpy as np
from tianshou.data import Batch, VectorReplayBuffer


class CompactReplayBuffer(VectorReplayBuffer):
    """Tianshou's replay buffer with every observation once, and saved by what it holds instead of by what it could hold.

    What follows a transition is what the next one begins with. Where an episode ended, and after the newest transition of every
    environment, it is kept apart.

    Args:
        total_size: Transitions that it has room for.
        buffer_num: Environments that they come from.
        **kwargs: As for Tianshou's.
    """

    def __init__(self, total_size: int, buffer_num: int, **kwargs: Any) -> None:
        super().__init__(total_size, buffer_num, ignore_obs_next=True, **kwargs)
        self._kept_apart: dict[int, dict[str, np.ndarray]] = {}
        """Observations that follow the transition at an index, where no other transition begins with them."""

    def hasnull(self) -> bool:
        """False. Tianshou's trainer would scan the whole buffer after every step; `JointEnv` refuses such values at their source."""
        return False

    def add(self, batch: Any, buffer_ids: Any = None) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Store one transition of each environment; as Tianshou's."""
        following = batch.obs_next
        ids = np.arange(self.buffer_num) if buffer_ids is None else buffer_ids
        newest = [int(self.last_index[i]) for i in ids]
        added = super().add(batch, buffer_ids)
        for row, (index, before) in enumerate(zip(added[0].tolist(), newest, strict=True)):
            if before in self._kept_apart and not self.done[before]:
                del self._kept_apart[before]
            self._kept_apart[index] = {key: value[row].copy() for key, value in following.items()}
        return added

    def __getitem__(self, index: Any) -> Any:
        """Transitions at an array of indices, with the observations that follow them."""
        batch: Any = super().__getitem__(index)
        for row, at in enumerate(self.sample_indices(0) if isinstance(index, slice) else index):
            if (kept := self._kept_apart.get(int(at))) is not None:
                for key, value in kept.items():
                    batch.obs_next[key][row] = value
        return batch

    def state_dict(self) -> dict[str, Any]:
        """What is stored, and where; not the room that is still free."""
        stored = self.sample_indices(0) if len(self) else np.empty(0, np.int64)
        kept = list(self._kept_apart.values())
        return {
            "stored": stored,
            "transitions": _as_dict(self._meta[stored]) if len(stored) else {},
            "lengths": self._lengths.copy(),
            "last": self.last_index.copy(),
            "kept": np.array(list(self._kept_apart), np.int64),
            "following": {key: np.stack([one[key] for one in kept]) for key in kept[0]} if kept else {},
            "generator": self._random_state.get_state(),
            "parts": [
                {
                    **{name: getattr(part, name) for name in _OF_PARTS},
                    "last": part.last_index.copy(),
                    "generator": part._random_state.get_state(),
                }
                for part in self.buffers
            ],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what was stored.

        Raises:
            KeyError, TypeError, ValueError: it is of another buffer.
        """
        stored, following = state["stored"], state["following"]
        if len(state["parts"]) != self.buffer_num or (len(stored) and not 0 <= stored.min() <= stored.max() < self.maxsize):
            raise ValueError(f"the buffer has {self.buffer_num} parts and room for {self.maxsize}; the saved one is another")
        for part, own in zip(self.buffers, state["parts"], strict=True):
            for name in _OF_PARTS:
                setattr(part, name, own[name])
            part.last_index = own["last"].copy()
            part._random_state.set_state(own["generator"])
        self._lengths, self.last_index = state["lengths"].copy(), state["last"].copy()
        self._random_state.set_state(state["generator"])
        self._kept_apart = {
            int(index): {key: values[row].copy() for key, values in following.items()} for row, index in enumerate(state["kept"])
        }
        if len(stored):
            held = _as_batch(state["transitions"])
            self._meta = cast(Any, _zeros_like(held, self.maxsize))
            self._meta[stored] = held
            self._set_batch_for_children()


_OF_PARTS = ("_insertion_idx", "_size", "_ep_return", "_ep_len", "_ep_start_idx")
"""What each environment's part of the buffer counts."""


def _as_dict(batch: Any) -> dict[str, Any]:
    return {key: _as_dict(value) if isinstance(value, Batch) else value for key, value in batch.items()}


def _as_batch(fields: dict[str, Any]) -> Batch:
    return Batch({key: _as_batch(value) if isinstance(value, dict) else value for key, value in fields.items()})


def _zeros_like(batch: Any, length: int) -> Batch:
    """A batch of the same fields, zero and of another length."""
    return Batch(
        {
            key: _zeros_like(value, length) if isinstance(value, Batch) else np.zeros((length, *value.shape[1:]), value.dtype)
            for key, value in batch.items()
        }
    )
