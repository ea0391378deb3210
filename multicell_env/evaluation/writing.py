"""Results on disk, whole or not at all."""

import contextlib
import os
import secrets
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write a file anew, and have it on the disk: an interruption leaves what was there before, and two writers do not meet.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(f".{secrets.token_hex(8)}.partial")  # made here, so that nothing is written through a link
    try:
        with open(partial, "xb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise type(error)(f"{path} must be written; got: {error.strerror or error}. Make room, or give another place.") from error
        raise
