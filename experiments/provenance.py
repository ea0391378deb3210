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
    try:
        command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        commit = None
    return {
        "command": sys.argv,
        "git_commit": commit,
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
