"""The replay buffer: every observation is stored once, and a checkpoint holds what was stored."""

from copy import copy
from typing import Any, cast

import numpy as np
from tianshou.data import Batch, VectorReplayBuffer


class CompactReplayBuffer(VectorReplayBuffer):
    """Tianshou's replay buffer with every observation once, and pickled by what it holds instead of by what it could hold.

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

    def __getstate__(self) -> dict[str, Any]:
        children = [copy(child) for child in self.buffers]
        for child in children:
            child._meta = Batch()  # views of the whole, made again on loading
        return {**vars(self), "buffers": children, "_meta": self._meta[self.sample_indices(0)] if len(self) else Batch()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({"_kept_apart": {}, **state, "buffers": np.array(state["buffers"], dtype=object)})
        held, self._meta = self._meta, cast(Any, _zeros_like(self._meta, self.maxsize))
        if len(self) > 0:
            self._meta[self.sample_indices(0)] = held
            self._set_batch_for_children()


def _zeros_like(batch: Any, length: int) -> Batch:
    """A batch of the same fields, zero and of another length."""
    return Batch(
        {
            key: _zeros_like(value, length) if isinstance(value, Batch) else np.zeros((length, *value.shape[1:]), value.dtype)
            for key, value in batch.items()
        }
    )
