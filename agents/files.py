"""Files of actors and runs: written whole or not at all, read without executing anything. Torch is imported where it is used."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import safetensors

SAFETENSORS = ".safetensors"
"""Suffix of actors: files that hold numbers and JSON alone."""


def write_whole(path: str | os.PathLike[str], content: object) -> None:
    """Save with torch so that an interruption leaves either the old file or the new one, never half of one."""
    import torch

    replace(path, lambda file: torch.save(content, file))


def replace(path: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> None:
    """Write a file anew; whole or not at all."""
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    with open(partial, "wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def read_whole(path: str | os.PathLike[str], *, weights_only: bool) -> Any:
    """Load what `write_whole` saved.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged.
    """
    check_exists(path)
    import torch

    try:
        return torch.load(path, weights_only=weights_only, map_location="cpu")
    except Exception as error:  # torch and pickle raise a dozen types for damaged files, and torch advises to load them unsafely
        raise ValueError(
            f"{path} must be a file that train.py saved; it is damaged or foreign. Use another run, or train again."
        ) from error


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a `.safetensors` file of an actor says beside its numbers.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or no actor.
    """
    check_exists(path)
    try:
        with safetensors.safe_open(path, framework="np") as file:
            return json.loads((file.metadata() or {})["actor"])
    except (KeyError, ValueError, safetensors.SafetensorError) as error:
        flaw = f"the file is damaged: {error}" if isinstance(error, safetensors.SafetensorError) else f"it has no {error}"
        raise no_actor(path, flaw) from error


def facts_of(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    """What an actor's file says of it, in either of the two forms that there have been.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or no actor.
    """
    facts = read_header(path) if Path(path).suffix == SAFETENSORS else read_whole(path, weights_only=True)
    if not isinstance(facts, Mapping) or not isinstance(facts.get("metadata"), Mapping):
        raise no_actor(path, "it does not say what it was trained on")
    return facts


def no_actor(path: str | os.PathLike[str], reason: str) -> ValueError:
    """The refusal of a file that is none of an actor."""
    return ValueError(f"{path} must be an actor that train.py saved; got something else ({reason}). Give a run's best{SAFETENSORS}.")


def check_exists(path: str | os.PathLike[str]) -> None:
    """Refuse a file that is not there.

    Raises:
        FileNotFoundError: it is not.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"there is no file {path}. Give a run directory that train.py made, or train one: python train.py --algo td3mix"
        )
