"""Trainings on machines that share no disk with whoever wants them: a run's directory goes there, learns for a while, and comes back."""

import io
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from agents.run_directory import RunDirectory
from experiments.executors.jobs import Job, Progress, Workers, run_jobs
from experiments.executors.parents import guarded
from experiments.sources import ROOT

SECONDS = 900.0
"""How long a training runs before its directory comes back, and it goes on wherever there is room: the most that a death costs."""
POLL = 0.2
_OWNER: ContextVar[str] = ContextVar("owner", default="")
_RUNNING: dict[str, set["subprocess.Popen[bytes]"]] = defaultdict(set)
"""Trainings in work in this process, by whoever sent them."""


class Training(NamedTuple):
    """A run of train.py."""

    name: str
    """Of its directory."""
    flags: Sequence[str]
    """Of train.py; paths in the project are those of the worker's own checkout."""


class Slice(NamedTuple):
    """What came back of a training."""

    archive: bytes
    """The run's directory, as tar; empty where there is none."""
    log: str
    code: int


@dataclass(frozen=True)
class _Start:
    """A training for some seconds, where the worker is."""

    training: Training
    archive: bytes
    seconds: float
    root: str
    """The project, where the training was asked for."""

    def __call__(self) -> Slice:
        name = self.training.name
        with tempfile.TemporaryDirectory(prefix="training-") as folder:
            path = Path(folder, "runs", name)
            path.parent.mkdir()
            if self.archive:
                _unpack(self.archive, path)
                words = ["--resume", f"runs/{name}"]
            else:
                flags = [word.replace(self.root, str(ROOT)) if word.startswith(self.root) else word for word in self.training.flags]
                words = ["--runs", "runs", "--name", name, *flags]
            with open(Path(folder, "log"), "w+") as log:
                code = _run(guarded(str(ROOT / "train.py"), *words, patience=0.0), folder, log, self.seconds)
                if code < 0:
                    raise BrokenExecutor(f"training {name} was ended by signal {-code}")
                log.seek(0)
                return Slice(_packed(path) if (path / "config.json").exists() else b"", log.read(), code)


def _run(command: list[str], folder: str, log: Any, seconds: float) -> int:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    # The pipe to its standard input is ours alone: when this process dies, the training notices, and ends.
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    _RUNNING[_OWNER.get()].add(process)
    try:
        end = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < end:
            time.sleep(POLL)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)  # it writes a checkpoint
        return process.wait()
    finally:
        process.kill()
        process.communicate()  # closes the pipe
        _RUNNING[_OWNER.get()].discard(process)


def owned(owner: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call a function whose trainings `end_trainings(owner)` ends."""
    _OWNER.set(owner)
    return function(*arguments, **named)


def end_trainings(owner: str) -> None:
    """End what an owner's calls train in this process."""
    for process in list(_RUNNING[owner]):
        process.kill()


def train_elsewhere(
    trainings: Sequence[Training], runs: Path, workers: Workers, *, seconds: float = SECONDS, title: str = "training"
) -> None:
    """Train what has not ended yet, on workers that need no disk of ours; one that was begun goes on.

    Each run's directory comes back every `seconds`, and replaces the one that was there. What a training said is in `NAME.log`.

    Args:
        trainings: The longest first.
        runs: Folder of the run directories.
        workers: Where.
        seconds: How long a training runs at a time.
        title: What the progress bar says.

    Raises:
        ValueError: a training ended without its closing table.
        ChildProcessError: workers died at a training.
    """
    runs.mkdir(parents=True, exist_ok=True)
    missing = {training.name: training for training in trainings if not has_ended(runs / training.name)}

    def job(training: Training) -> Job:
        directory = runs / training.name
        archive = _packed(directory) if (directory / "config.json").exists() else b""
        return Job(_Start(training, archive, seconds, str(ROOT)), training.name)

    def finish(job: Job, back: Slice) -> Job | None:
        assert isinstance(job.call, _Start)
        name, directory = job.name, runs / job.name
        with open(runs / f"{name}.log", "a") as log:
            log.write(back.log)
        if back.archive:
            _replace(directory, back.archive)
            RunDirectory(directory).change_argument("runs", str(runs))
        if has_ended(directory):
            return None
        if back.code or not back.archive:
            raise ValueError(
                f"training {name} must end with a table; it did not (exit code {back.code}). Read {runs / name}.log, then go on the "
                "same way."
            )
        return replace(job, call=replace(job.call, archive=back.archive))

    jobs = [job(training) for training in missing.values()]
    run_jobs(jobs, finish, workers, Progress(title, "run", len(trainings)))


def has_ended(directory: Path) -> bool:
    """Whether a training has ended; its closing table comes last."""
    return (directory / "results.json").exists()


def _packed(directory: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(directory.iterdir()):
            tar.add(path, path.name)
    return buffer.getvalue()


def _unpack(archive: bytes, directory: Path) -> None:
    directory.mkdir()
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(directory, filter="data")


def _replace(directory: Path, archive: bytes) -> None:
    """Put what came back in a directory's place; an interruption leaves one of the two, whole."""
    partial, before = (directory.with_name(f".{directory.name}.{word}") for word in ("partial", "before"))
    for path in (partial, before):
        shutil.rmtree(path, ignore_errors=True)
    _unpack(archive, partial)
    if directory.exists():
        directory.rename(before)
    partial.rename(directory)
    shutil.rmtree(before, ignore_errors=True)
