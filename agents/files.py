"""Files of actors and runs: written whole or not at all, read without executing anything. Torch is imported where it is used."""

import contextlib
import json
import os
import secrets
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import safetensors

SAFETENSORS = ".safetensors"
"""Suffix of actors: files that hold numbers and JSON alone."""


PARTIAL = ".partial"
"""Suffix of files that are being written; what has it and is left over belongs to a process that was killed."""


def replace(path: str | os.PathLike[str], write: Callable[[BinaryIO], object]) -> None:
    """Write a file anew; whole or not at all, and on the disk when this returns.

    Raises:
        OSError: it cannot be written, for example because the disk is full; what was there before is as it was.
    """
    path = Path(path)
    # A name that nobody else has, in a file that is made here: no other writer meets this one, and nothing is written through a link.
    partial = path.with_name(f".{secrets.token_hex(8)}{PARTIAL}")
    try:
        with open(partial, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            raise type(error)(
                f"{path} must be written; got: {reason}. The earlier file is unchanged. Free disk space if necessary, and continue."
            ) from error
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk too, where the system has folders opened."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)


def read_whole(path: str | os.PathLike[str], *, weights_only: bool) -> Any:
    """Load what torch saved.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read.
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
            return parsed((file.metadata() or {})["actor"])
    except (KeyError, ValueError, safetensors.SafetensorError) as error:
        flaw = f"the file is damaged: {error}" if isinstance(error, safetensors.SafetensorError) else f"it has no {error}"
        raise no_actor(path, flaw) from error


def parsed(text: str) -> Any:
    """JSON that somebody else may have written.

    Raises:
        ValueError: it is none, it is nested too deep, or its text has signs that a terminal would take for commands.
    """
    try:
        content = json.loads(text)
        check_printable(content)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    return content


def check_printable(content: object) -> None:
    """Refuse text that would do something to a terminal which shows it.

    Raises:
        ValueError: there is such text in the content.
    """
    if isinstance(content, str) and any(unicodedata.category(sign) == "Cc" and sign not in "\n\t" for sign in content):
        raise ValueError(f"it has text with control characters, {content[:40]!r}")
    if isinstance(content, Mapping):
        check_printable(list(content.keys()))
        check_printable(list(content.values()))
    elif isinstance(content, list | tuple):
        for part in content:
            check_printable(part)


def facts_of(path: str | os.PathLike[str]) -> Mapping[str, Any]:
    """What an actor's file says of it, in either of the two forms that there have been.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or no actor.
    """
    facts = read_header(path) if Path(path).suffix == SAFETENSORS else read_whole(path, weights_only=True)
    if not isinstance(facts, Mapping) or not isinstance(facts.get("metadata"), Mapping):
        raise no_actor(path, "it does not say what it was trained on")
    try:
        check_printable(facts["metadata"])
    except (RecursionError, ValueError) as error:
        raise no_actor(path, str(error)) from error
    return facts


def no_actor(path: str | os.PathLike[str], reason: str) -> ValueError:
    """The refusal of a file that is none of an actor."""
    return ValueError(f"{path} must be an actor that train.py saved; got something else ({reason}). Give a run's best{SAFETENSORS}.")


def check_exists(path: str | os.PathLike[str]) -> None:
    """Refuse a file that is not there, or that may not be read.

    Raises:
        FileNotFoundError: it is not there.
        OSError: it may not be read, which says nothing of what is in it.
    """
    try:
        with open(path, "rb"):
            return
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise FileNotFoundError(
            f"there is no file {path}. Give a run directory that train.py made, or train one: python train.py --algo td3mix"
        ) from None
    except OSError as error:
        raise type(error)(f"{path} must be readable; got: {error.strerror}. It may well be whole: change its permissions.") from error
