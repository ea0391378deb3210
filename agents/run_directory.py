"""A run on disk: settings, metrics, checkpoint and best actor; nothing in it is ever overwritten by another run."""

import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.files import SAFETENSORS, read_whole, write_whole

BEST = f"best{SAFETENSORS}"
"""The best actor's file in a run."""


class RunDirectory:
    """The directory of one training run.

    Args:
        path: Where it is.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, path: str | os.PathLike[str], config: Mapping[str, Any]) -> "RunDirectory":
        """Make a new one with its settings in `config.json`.

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
        directory._write_config(config)
        return directory

    @property
    def config_path(self) -> Path:
        """Settings of the run."""
        return self.path / "config.json"

    @property
    def checkpoint_path(self) -> Path:
        """Everything that the run goes on from. Holds pickled objects: load only your own."""
        return self.path / "checkpoint.pt"

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
        try:
            return json.loads(self.config_path.read_text())
        except ValueError as error:
            raise ValueError(
                f"{self.config_path} must be JSON that train.py wrote; it is damaged ({error}). Use another run, or train again."
            ) from error

    def change_argument(self, name: str, value: object) -> None:
        """Change one of the settings that the run goes on with."""
        config = self.config()
        self._write_config({**config, "arguments": {**config["arguments"], name: value}})

    def _write_config(self, config: Mapping[str, Any]) -> None:
        partial = self.config_path.with_suffix(".partial")
        partial.write_text(json.dumps(config, indent=2) + "\n")
        os.replace(partial, self.config_path)

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint; an interruption leaves the last one."""
        write_whole(self.checkpoint_path, dict(state))

    def load_checkpoint(self) -> dict[str, Any] | None:
        """The last checkpoint; None where the run was stopped before it wrote one, and so begins anew.

        Raises:
            FileNotFoundError: there was one, and it is gone.
            ValueError: it is damaged, or something else.
        """
        if not self.checkpoint_path.exists() and not self.metrics_path.exists():
            return None
        state = read_whole(self.checkpoint_path, weights_only=False)
        training = state.get("training") if isinstance(state, dict) else None
        if not isinstance(training, dict) or not isinstance(training.get("steps_done"), int):
            raise ValueError(f"{self.checkpoint_path} must be a checkpoint that train.py wrote; it is damaged or foreign. Start a new run.")
        return state

    def write_metrics(self, rows: list[dict[str, float]]) -> None:
        """Write all rows anew; whole or not at all."""
        partial = self.metrics_path.with_suffix(".partial")
        with open(partial, "w", newline="") as file:
            # The first evaluation has no losses yet.
            writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys(name for row in rows for name in row)), restval="")
            writer.writeheader()
            writer.writerows(rows)
        os.replace(partial, self.metrics_path)
