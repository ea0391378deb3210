"""With what a result was made: command, commit, versions."""

import importlib.metadata
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("multicell-env", "array-api-compat", "gymnasium", "numpy", "numba", "pettingzoo", "tianshou", "torch")


def provenance() -> dict[str, Any]:
    """Command, git commit, Python and versions of packages; None for what is not known."""
    return {
        "command": sys.argv,
        "git_commit": commit_of(Path(__file__)),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
    }


def commit_of(file: Path) -> str | None:
    """Commit of the checkout that a file belongs to; None where no checkout tracks it.

    A file that is installed below somebody's own repository, as in a virtual environment there, is none of that repository's.
    """
    try:
        _git(file, "ls-files", "--error-unmatch", file.name)
        return _git(file, "rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(file: Path, *words: str) -> str:
    return subprocess.run(["git", "-C", str(file.parent), *words], capture_output=True, text=True, check=True).stdout.strip()


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
