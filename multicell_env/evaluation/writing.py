"""Results on disk, whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_text(path: Path, text: str) -> None:
    """Write a file anew, and have it on the disk: an interruption leaves what was there before, and two writers do not meet.

    Raises:
        OSError: it cannot be written.
    """
    _write(path, lambda file: file.write(text.encode()))


def write_figure(path: Path, figure: "Figure") -> None:
    """Write a picture anew, as `write_text` does, in the format that its suffix names.

    Raises:
        OSError: it cannot be written.
    """
    _write(path, lambda file: figure.savefig(file, format=path.suffix.removeprefix(".")))


def _write(path: Path, write: Callable[[BinaryIO], object]) -> None:
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")  # made here, so that nothing is written through a link
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
            raise type(error)(f"{path} must be written; got: {error.strerror or error}. Make room, or give another place.") from error
        raise
