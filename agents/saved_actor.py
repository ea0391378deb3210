"""Trained actors as policies, and as files."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch

from agents.files import SAFETENSORS, no_actor, read_header, read_whole, replace
from agents.joint import JointEnv
from agents.networks import MLPActor, SetActor

_FORMAT = 2


class ActorPolicy:
    """A trained actor that acts for all agents of an environment.

    Call it with the observations of all agents, `{agent: array}`, and it returns their actions. Arrays may have leading batch axes, the
    same for every agent. Each agent's action depends on its own observation alone. An actor of the `set` family whose observations
    have a fixed number of planes works for any number of agents, bands and users.

    Args:
        actor: Network from observations to actions in [-1, 1].
        low: Lower bounds of the actions, which broadcast against `[agent, ...]`.
        high: Upper bounds of the actions.
        metadata: Data to save with the actor, for example the configuration of the environment.
        action_shapes: Shape of each agent's action. The `mlp` family needs it, because its shapes are fixed by training.
    """

    batched = True
    """The policy accepts observations of many environments at once."""

    def __init__(
        self,
        actor: SetActor | MLPActor,
        low: np.ndarray,
        high: np.ndarray,
        metadata: Mapping[str, Any],
        action_shapes: Sequence[Sequence[int]] = (),
    ) -> None:
        self.actor = actor.eval()
        self.low = low
        self.high = high
        self.metadata = dict(metadata)
        self.action_shapes = [tuple(shape) for shape in action_shapes]

    @property
    def observation(self) -> str | None:
        """The kind of observation it was trained on, such as "gain"; None if it was not saved."""
        return self.metadata.get("observation")

    @classmethod
    def of(cls, actor: SetActor | MLPActor, env: JointEnv, metadata: Mapping[str, Any]) -> "ActorPolicy":
        """A policy from an actor for this environment. Bounds that are the same for all entries become scalars, which fit any size."""
        low, high = env.action_box.low, env.action_box.high
        if np.all(low == low.flat[0]) and np.all(high == high.flat[0]):
            low, high = np.asarray(low.flat[0]), np.asarray(high.flat[0])
        return cls(actor, low, high, metadata, env.action_shapes)

    @torch.no_grad()
    def __call__(self, observations: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Actions of all agents, float32 `{agent: array}`.

        Raises:
            ValueError: the actor was trained on observations of another shape.
        """
        arrays = [np.asarray(array, dtype=np.float32) for array in observations.values()]
        axes = 3 if isinstance(self.actor, SetActor) else len(self.actor.observation_shape)
        if any(array.ndim < axes for array in arrays):
            raise ValueError(f"observations must have at least {axes} axes; got shapes {[array.shape for array in arrays]}.")
        shapes = [array.shape[array.ndim - axes :] for array in arrays]
        leading = {array.shape[: array.ndim - axes] for array in arrays}
        if len(leading) != 1:
            raise ValueError(f"observations must be given for at least one agent, with the same batch axes for all; got {sorted(leading)}.")
        padded = tuple(int(length) for length in np.max(shapes, axis=0))
        self._check(padded, len(arrays))
        stacked = np.zeros((*arrays[0].shape[: arrays[0].ndim - axes], len(arrays), *padded), dtype=np.float32)
        for index, (array, shape) in enumerate(zip(arrays, shapes, strict=True)):
            stacked[(..., index, *map(slice, shape))] = array
        if isinstance(self.actor, SetActor):
            action_shapes = [(*self.actor.action_planes, *shape[1:]) for shape in shapes]
            mask = _mask(action_shapes) if len(set(shapes)) > 1 else None
        else:
            action_shapes, mask = self.action_shapes, None
        raw = self.actor(torch.from_numpy(stacked), mask).numpy()
        actions = self.low + (self.high - self.low) * (raw + 1.0) / 2.0
        return {
            agent: np.asarray(actions[(..., index, *map(slice, shape))], dtype=np.float32, order="C")
            for index, (agent, shape) in enumerate(zip(observations, action_shapes, strict=True))
        }

    def _check(self, shape: tuple[int, ...], num_agents: int) -> None:
        if isinstance(self.actor, SetActor):
            fits, expected = shape[0] == self.actor.num_planes, f"({self.actor.num_planes}, band, user)"
        else:
            fits = shape == self.actor.observation_shape and num_agents == len(self.action_shapes)
            expected = f"{self.actor.observation_shape} of {len(self.action_shapes)} agents"
        if not fits:
            raise ValueError(
                f"the actor was trained on observations of shape {expected}; got {shape} of {num_agents}. Evaluate it on the network that "
                "it was trained on, or train with network 'set' and observation 'gain', which fit any."
            )


def _mask(shapes: Sequence[tuple[int, ...]]) -> torch.Tensor:
    """False where an agent's array is padded to the largest one."""
    mask = torch.zeros(len(shapes), *np.max(shapes, axis=0).tolist(), dtype=torch.bool)
    for index, shape in enumerate(shapes):
        mask[(index, *map(slice, shape))] = True
    return mask


def save_actor(path: str | os.PathLike[str], policy: ActorPolicy) -> None:
    """Write an actor with everything that is needed to act. An interrupted write leaves the old file.

    The safetensors format can be read in many languages: weights and bounds are tensors, the rest is JSON in the header under `actor`.

    Args:
        path: The file, with the suffix `.safetensors`.
        policy: The actor. Its metadata may be numbers, strings, and lists and dictionaries of these.

    Raises:
        ValueError: the path has another suffix.
    """
    if Path(path).suffix != SAFETENSORS:
        raise ValueError(f"an actor's file must end in {SAFETENSORS}; got {path}. Name it so.")
    actor = policy.actor
    facts = {
        "format": _FORMAT,
        "network": "set" if isinstance(actor, SetActor) else "mlp",
        "arguments": actor.arguments,
        "action_shapes": [list(shape) for shape in policy.action_shapes],
        "metadata": policy.metadata,
    }
    bounds = {"low": torch.as_tensor(policy.low), "high": torch.as_tensor(policy.high)}
    weights = {f"actor.{name}": weight.contiguous() for name, weight in actor.state_dict().items()}
    content = safetensors.torch.save({**bounds, **weights}, {"actor": json.dumps(facts)})
    replace(path, lambda file: file.write(content))


def load_actor(path: str | os.PathLike[str]) -> ActorPolicy:
    """Read an actor that `save_actor` wrote, or a torch file of an earlier version. No code in the file is executed.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or no actor.
    """
    content = _read_safetensors(path) if Path(path).suffix == SAFETENSORS else read_whole(path, weights_only=True)
    try:
        if content["format"] != _FORMAT:
            raise ValueError(f"format {content['format']}")
        actor = _fitting_actor(content)
        return ActorPolicy(actor, content["low"].numpy(), content["high"].numpy(), content["metadata"], content["action_shapes"])
    except (AttributeError, KeyError, IndexError, OverflowError, TypeError, RuntimeError, ValueError) as error:
        # torch adds a line for every weight
        raise no_actor(path, next(iter(str(error).splitlines()), type(error).__name__).rstrip(":.")) from error


def _fitting_actor(content: Mapping[str, Any]) -> SetActor | MLPActor:
    """The actor of a file with its weights. The weights are checked before any memory is allocated for the actor.

    Raises:
        AttributeError, KeyError, IndexError, OverflowError, TypeError, RuntimeError, ValueError: the file's content is not an actor.
    """
    arguments, weights = content["arguments"], content["actor"]
    sizes = arguments["hidden_sizes"]
    if not isinstance(sizes, list) or not 0 < len(sizes) <= len(weights):
        raise ValueError(f"hidden_sizes of {len(weights)} weights, {sizes!r:.80}")
    with torch.device("meta"):  # shapes without memory: a small file may name any size
        actor = {"set": SetActor, "mlp": MLPActor}[content["network"]](**arguments)
    for name, weight in weights.items():
        if not isinstance(weight, torch.Tensor) or weight.dtype != torch.float32 or not bool(weight.isfinite().all()):
            raise ValueError(f"{name} is no array of finite numbers in float32")
    actor.load_state_dict(weights, assign=True)
    return actor


def _read_safetensors(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The content of a file of `save_actor`, in the form of the torch files."""
    facts = read_header(path)
    with safetensors.safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    weights = {name.removeprefix("actor."): tensors.pop(name) for name in list(tensors) if name.startswith("actor.")}
    return {**facts, **tensors, "actor": weights}
