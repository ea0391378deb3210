"""How the errors of a policy are told."""

import sysconfig
import traceback
from pathlib import Path

ROOT = Path(__file__).parents[2]


def in_one_line(error: BaseException) -> str:
    """An error in one line: its kind, its words, and the line of a user's own code in which it arose, where it did."""
    # By name: in a checkout the project's own folders lie beside a user's files.
    libraries = [ROOT / name for name in ("multicell_env", "agents", "experiments")]
    libraries += [Path(sysconfig.get_path(key)) for key in ("stdlib", "purelib", "platlib")]
    theirs = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and not any(Path(frame.filename).is_relative_to(folder) for folder in libraries)
    ]
    words = f"{type(error).__name__}: {' '.join(str(error).split()).rstrip('.')}"
    return f"{words} ({theirs[-1].filename}, line {theirs[-1].lineno})" if theirs else words
