"""A replay buffer of tensors on a device of torch."""

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


class TensorReplay:
    """The newest vector steps of environments that step together; a transition is drawn without a copy to the host.

    Args:
        num_steps: Vector steps that it has room for.
        num_envs: Environments of a vector step.
        device: Where it is.
    """

    def __init__(self, num_steps: int, num_envs: int, device: torch.device) -> None:
        self.num_steps, self.num_envs, self.device = num_steps, num_envs, device
        self.num_stored = 0
        """Vector steps that it holds."""
        self._newest = -1
        self._fields: dict[str, Tensor] = {}

    def add(self, fields: Mapping[str, Float[Tensor, "env *shape"]]) -> None:
        """Store one transition of each environment, in place of the oldest where there is no room."""
        if not self._fields:
            self._fields = {name: torch.zeros((self.num_steps, *value.shape), device=self.device) for name, value in fields.items()}
        self._newest = (self._newest + 1) % self.num_steps
        self.num_stored = min(self.num_stored + 1, self.num_steps)
        for name, value in fields.items():
            self._fields[name][self._newest] = value

    def stored(self, name: str) -> Float[Tensor, "step env *shape"]:
        """One field of all transitions."""
        return self._fields[name][: self.num_stored]

    def draw(self, count: int) -> tuple[dict[str, Float[Tensor, "transition *shape"]], Int[Tensor, " transition"]]:
        """Transitions at random, with repetition, by torch's global generator.

        Returns:
            Their fields, and where they are among all.
        """
        places = torch.randint(self.num_stored * self.num_envs, (count,), device=self.device)
        return {name: self._at(name, places) for name in self._fields}, places

    def following(self, name: str, places: Int[Tensor, " transition"]) -> tuple[Float[Tensor, "transition *shape"], Tensor]:
        """A field of what the same environments did next, and 1 where that is stored, else 0; episodes may have ended between."""
        steps = places // self.num_envs
        after = (steps + 1) % self.num_steps * self.num_envs + places % self.num_envs
        return self._at(name, after % (self.num_stored * self.num_envs)), (steps != self._newest).to(torch.float32)

    def _at(self, name: str, places: Int[Tensor, " transition"]) -> Float[Tensor, "transition *shape"]:
        return self._fields[name].flatten(0, 1)[places]

    def state_dict(self) -> dict[str, Any]:
        """What is stored, and where the newest is."""
        return {"fields": {name: self.stored(name).clone() for name in self._fields}, "newest": self._newest}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what was stored.

        Raises:
            KeyError, RuntimeError, ValueError: it is of another buffer.
        """
        self._newest, self._fields = state["newest"], {}
        for name, values in state["fields"].items():
            if values.shape[0] > self.num_steps or values.shape[1] != self.num_envs:
                raise ValueError(f"the buffer has room for {self.num_steps} steps of {self.num_envs}; got {tuple(values.shape[:2])}")
            self.num_stored = len(values)
            self._fields[name] = torch.zeros((self.num_steps, *values.shape[1:]), device=self.device)
            self._fields[name][: self.num_stored] = values.to(self.device)
