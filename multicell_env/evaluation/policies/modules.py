"""Torch modules as policies, also scripted ones. Torch is not imported here, because a user's module has imported it."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float


def is_module(policy: object) -> bool:
    """Whether a policy is a torch module or a scripted function."""
    torch: Any = sys.modules.get("torch")
    return torch is not None and isinstance(policy, torch.nn.Module | torch.jit.ScriptFunction)


def as_policy(policy: Callable[[Any], Any]) -> Any:
    """A torch module as a `ModulePolicy`. Other policies, and modules with `stacked` False, are returned unchanged."""
    return ModulePolicy(policy) if is_module(policy) and getattr(policy, "stacked", True) else policy


class ModulePolicy:
    """A torch module as a policy for all cells of all blocks, in evaluation mode and without gradients.

    It is called with a tensor of rows `[row, plane, band, user]`, with the dtype and device of its first parameter, and returns a
    tensor `[row, band, user]`.

    Args:
        module: The module. Its attributes `observation`, `reset` and `seed` are used.
    """

    stacked = True
    """The policy takes the rows of all cells of all blocks."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.observation = getattr(module, "observation", None)
        self.reset, self.seed = (getattr(module, name, None) for name in ("reset", "seed"))

    def __call__(self, planes: Float[np.ndarray, "row plane band user"]) -> Any:
        """Actions of all rows, a tensor."""
        torch, module = sys.modules["torch"], self.module
        is_function = not isinstance(module, torch.nn.Module)
        parameter = None if is_function else next(module.parameters(), None)
        rows = torch.from_numpy(planes)
        if parameter is not None:
            rows = rows.to(parameter.device, parameter.dtype if parameter.is_floating_point() else None)
        in_training = [] if is_function else [part for part in module.modules() if part.training]
        try:
            for part in in_training:
                part.training = False
            with torch.no_grad():
                return module(rows)
        finally:
            for part in in_training:
                part.training = True


def without_gradients(action: Any) -> Any:
    """An action that NumPy can read, also from tensors with gradients and on other devices."""
    if is_tensor(action):
        action = action.detach().cpu()
        action = action.double() if action.is_floating_point() else action  # NumPy has no bfloat16
    return action


def is_tensor(value: object) -> bool:
    """Whether a value is a torch tensor."""
    torch: Any = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)
