"""Refuses whatever a host waits for: values that are looked at, and tensors that become arrays."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class _NothingToTheHost(TorchDispatchMode):
    """Refuses every operation whose answer a host waits for."""

    waits = ("_local_scalar_dense", "item", "nonzero", "is_nonzero", "equal", "masked_select", "unique", "allclose")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        assert name not in self.waits or _is_of_an_optimiser(), name
        if name in ("index", "index_put_", "index_put"):
            assert not any(isinstance(index, torch.Tensor) and index.dtype == torch.bool for index in args[1]), name
        return func(*args, **(kwargs or {}))


def _is_of_an_optimiser() -> bool:
    """Whether one of torch's optimisers asks, which count their steps on the host."""
    frame = sys._getframe()
    while frame is not None and "torch/optim/" not in frame.f_code.co_filename:
        frame = frame.f_back
    return frame is not None


@contextlib.contextmanager
def nothing_to_the_host() -> Iterator[None]:
    """Within it, no value of a tensor may be looked at, and no tensor become an array or move to the host."""

    def refuse(name: str) -> Any:
        def refused(*arguments: Any, **options: Any) -> Any:
            raise AssertionError(name)

        return refused

    with contextlib.ExitStack() as stack:
        for name in ("cpu", "numpy", "tolist", "__array__"):
            stack.enter_context(patch.object(torch.Tensor, name, refuse(name)))
        stack.enter_context(_NothingToTheHost())
        yield
