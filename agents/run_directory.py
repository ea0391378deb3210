"""A run on disk: settings, metrics, checkpoint and best actor; nothing in it is ever overwritten by another run."""

import csv
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from agents.files import PARTIAL, SAFETENSORS, check_exists, parsed, replace

BEST = f"best{SAFETENSORS}"
"""The best actor's file in a run."""


class RunDirectory:
    """The directory of one training run.

    Args:
        path: Where it is.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = FileLock(self.path / ".lock", thread_local=False)

    def hold(self) -> None:
        """Be the only one that writes here, until `release` or the end of the process; what a killed process left half written goes.

        Raises:
            BlockingIOError: another process trains here.
        """
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise BlockingIOError(
                f"{self.path} must have one writer; another process is training there. Wait for it, or stop it: it saves what it has."
            ) from None
        for partial in self.path.glob(f".*{PARTIAL}"):
            partial.unlink(missing_ok=True)

    def release(self) -> None:
        """Let others write here."""
        self._lock.release()

    @classmethod
    def create(cls, path: str | os.PathLike[str], config: Mapping[str, Any]) -> "RunDirectory":
        """Make a new one with its settings in `config.json`, and hold it.

        Raises:
            FileExistsError: something is there already.
        """
        directory = cls(path)
        try:
            directory.path.mkdir(parents=True)
        except FileExistsError:
            raise FileExistsError(
                f"{path} exists, and runs are never overwritten. Give another --name, or continue it: --resume {path}"
            ) from None
        directory.hold()
        directory._write_config(config)
        return directory

    @property
    def config_path(self) -> Path:
        """Settings of the run."""
        return self.path / "config.json"

    @property
    def checkpoint_path(self) -> Path:
        """Everything that the run goes on from: numbers and text, of which nothing is executed."""
        return self.path / f"checkpoint{SAFETENSORS}"

    @property
    def best_path(self) -> Path:
        """The best actor so far; a torch file in runs of earlier versions, which have no other."""
        path, earlier = self.path / BEST, self.path / "best.pt"
        return earlier if earlier.exists() and not path.exists() else path

    @property
    def metrics_path(self) -> Path:
        """One row for every evaluation."""
        return self.path / "metrics.csv"

    def config(self) -> dict[str, Any]:
        """Settings of the run.

        Raises:
            FileNotFoundError: this is no run directory.
            ValueError: the file is damaged.
        """
        if not self.config_path.is_file():
            raise FileNotFoundError(
                f"there is no run in {self.path} ({self.config_path.name} is missing). Give a directory that train.py made."
            )
        check_exists(self.config_path)
        try:
            config = parsed(self.config_path.read_text())
            if not isinstance(config, dict):
                raise ValueError("it has no fields")
            return config
        except ValueError as error:
            raise ValueError(
                f"{self.config_path} must be JSON that train.py wrote; it is damaged ({error}). Use another run, or train again."
            ) from error

    def change_argument(self, name: str, value: object) -> None:
        """Change one of the settings that the run goes on with."""
        config = self.config()
        self._write_config({**config, "arguments": {**config["arguments"], name: value}})

    def _write_config(self, config: Mapping[str, Any]) -> None:
        text = json.dumps(config, indent=2) + "\n"
        replace(self.config_path, lambda file: file.write(text.encode()))

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint; an interruption leaves the last one."""
        from agents.checkpoints.trees import write_tree  # which imports torch

        write_tree(self.checkpoint_path, dict(state))

    def load_checkpoint(self) -> dict[str, Any] | None:
        """The last checkpoint; None where the run was stopped before it wrote one, and so begins anew.

        Raises:
            FileNotFoundError: there was one, and it is gone.
            OSError: it cannot be read.
            ValueError: it is damaged, of an earlier version, or something else.
        """
        pickled = self.path / "checkpoint.pt"
        if pickled.exists() and not self.checkpoint_path.exists():
            raise ValueError(
                f"{pickled} is of an earlier version, whose checkpoints could execute code when they were read; it is not opened. Start a "
                f"new run, if you like from its best actor: --start-from {self.path}."
            )
        if not self.checkpoint_path.exists() and not self.metrics_path.exists():
            return None
        from agents.checkpoints.trees import read_tree

        state = read_tree(self.checkpoint_path)
        training = state.get("training") if isinstance(state, dict) else None
        if not isinstance(training, dict) or not isinstance(training.get("steps_done"), int):
            raise ValueError(f"{self.checkpoint_path} must be a checkpoint that train.py wrote; it is damaged or foreign. Start a new run.")
        return state

    def write_metrics(self, rows: list[dict[str, float]]) -> None:
        """Write all rows anew; whole or not at all."""
        text = io.StringIO(newline="")
        # The first evaluation has no losses yet.
        writer = csv.DictWriter(text, fieldnames=list(dict.fromkeys(name for row in rows for name in row)), restval="")
        writer.writeheader()
        writer.writerows(rows)
        replace(self.metrics_path, lambda file: file.write(text.getvalue().encode()))
