"""Functions of tensors as one program of `torch.compile` each."""

import warnings
from collections.abc import Callable
from typing import Any

import torch


def one_program(function: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    """The function without a break, compiled at its first call for the shapes that it is called with.

    Args:
        function: A function of tensors.
        device: Where they are.
    """
    # On a processor, what is compared and summed several times is computed once and kept.
    options: dict[str, Any] = {"unroll_reductions_threshold": 1, "realize_reads_threshold": 1} if device.type == "cpu" else {}
    program = torch.compile(function, fullgraph=True, dynamic=False, options=options)

    def run(*arguments: Any) -> Any:
        with warnings.catch_warnings():
            # What is cached is which library an array is of. Nothing of ours.
            warnings.filterwarnings("ignore", "Dynamo detected a call to a `functools.lru_cache`", UserWarning)
            return program(*arguments)

    return run
