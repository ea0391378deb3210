"""A script of the project somewhere else: the files that it writes come back."""

import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import NamedTuple

from experiments.executors.parents import guarded
from experiments.sources import ROOT


class Written(NamedTuple):
    """What a script left behind."""

    files: dict[str, bytes]
    """By their names."""
    output: str
    """What it said."""


def run_script(script: str, words: Sequence[str]) -> Written:
    """Run a script that writes into `--output FOLDER`, in a process of its own that ends with this one.

    Args:
        script: From the project's root on.
        words: Its command line, without `--output`.

    Raises:
        BrokenExecutor: a signal ended it.
        ValueError: it failed; the message is its last line.
    """
    with tempfile.TemporaryDirectory(prefix="script-") as folder:
        command = guarded(script, *words, "--output", folder, patience=0.0)
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        with process.stdin, process.stdout:
            try:
                output = process.stdout.read().decode(errors="replace")
                code = process.wait()
            finally:
                process.kill()
                process.wait()
        if code < 0:
            raise BrokenExecutor(f"{script} was ended by signal {-code}")
        if code:
            raise ValueError(f"{script} must end well; it did not (exit code {code}): {output.strip().splitlines()[-1:]}")
        return Written({path.name: path.read_bytes() for path in Path(folder).iterdir()}, output)
