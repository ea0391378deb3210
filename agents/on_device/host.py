"""Between a device and the host: what is copied where a run is judged or saved, and generators of random numbers."""

import copy
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


def on_the_host(state: Any) -> Any:
    """The same dictionaries, lists and tuples with their tensors on the host, as a checkpoint holds them."""
    if isinstance(state, Tensor):
        return state.detach().cpu()
    if isinstance(state, dict):
        return {key: on_the_host(value) for key, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(on_the_host(value) for value in state)
    return state


def module_on_the_host(module: Module) -> Module:
    """The module itself where it is on the host, and a copy there otherwise."""
    weight = next(module.parameters(), None)
    return module if weight is None or weight.device.type == "cpu" else copy.deepcopy(module).cpu()


def check_device(device: str) -> None:
    """Refuse a device that torch has not here.

    Raises:
        ValueError: it is such a device.
    """
    try:
        torch.zeros(1, device=device).sum().item()
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        reason = str(error).splitlines()[0].rstrip(".:")
        remedy = "Give cpu, leave it out for the kernels, or install torch for it."
        raise ValueError(f"--device must be a device that torch has here; got {device!r} ({reason}). {remedy}") from error


def generator_states(device: torch.device) -> list[Tensor]:
    """Where torch's global generators stand: the host's, and the device's own where it has one."""
    states = [torch.get_rng_state()]
    return states if device.type == "cpu" else [*states, getattr(torch, device.type).get_rng_state()]


def set_generator_states(device: torch.device, states: list[Tensor]) -> None:
    """Have these generators go on from there."""
    torch.set_rng_state(states[0])
    if device.type != "cpu":
        getattr(torch, device.type).set_rng_state(states[1])
