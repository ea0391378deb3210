"""What each part of TD3-MIX is worth: variants of it, five seeds each, with equal environment steps.

    python benchmarks/ablations.py                       # trains what is missing, then writes docs/ablations.{json,md,png}
    python benchmarks/ablations.py --num-steps 1000      # another length is another study: its runs lie beside the first's
    python benchmarks/ablations.py --report-only         # the report of what has finished

A run's directory is named by all its flags. One that has finished is never done again, one that was stopped goes on: stop with Ctrl-C
or SIGTERM, which end the running ones with a checkpoint, and start the same command again.
"""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import tyro
from ablations_report import PEERS, write_report
from tqdm import tqdm

from experiments.executors.engines import ClusterArguments, check_cluster, opened
from experiments.executors.parents import guarded
from experiments.executors.training_slices import Training, train_elsewhere

ROOT = Path(__file__).parents[1]

# What to print -> what train.py is told. Names of one group share a panel; equal flags share their runs.
GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "mixer": {"default": (), "mixer-sum": ("--mixer", "sum"), "mixer-none": ("--mixer", "none")},
    "critic": {"default": (), "gradient-critic": ("--actor-gradient", "critic"), "one-critic": ("--num-critics", "1")},
    "network and observation": {
        "default": (),
        "mlp": ("--network", "mlp", "--hidden-sizes", "128", "128"),
        "set-csi": ("--observation", "csi"),
        # As many environments and updates as the others have, because a run is so many vector steps.
        "paper": (
            "--preset",
            "paper",
            "--num-envs",
            "32",
            "--num-updates",
            "2",
            "--eval-interval",
            "50",
            "--warmup-steps",
            "20",
            "--buffer-size",
            "20000",
        ),
    },
    "iterations a slot": {
        "k=5 (default)" if k == 5 else f"k={k}": () if k == 5 else ("--num-iterations", str(k)) for k in (0, 1, 2, 5, 10, 20)
    },
}


@dataclass(frozen=True)
class Arguments:
    """Train variants of TD3-MIX and compare them."""

    num_steps: int = 500
    """Vector steps of each run, 32 environment steps each."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """One run of every variant each."""
    variants: tuple[str, ...] = ()
    """Train and report these alone; all without it."""
    workers: int | None = None
    """Runs at a time, one thread each; 2 on this machine, on a cluster as many as it has processors."""
    where: tyro.conf.OmitArgPrefixes[ClusterArguments] = field(default_factory=ClusterArguments)
    """Where they run. From a cluster a run's directory comes back every quarter of an hour."""
    runs: Path = Path("runs/ablations")
    """Where run directories go."""
    output: Path = Path("docs")
    """Where ablations.json, ablations.md and ablations.png go."""
    peers: Path = PEERS
    """Folder with results of other libraries' algorithms, one JSON file a run; they are shown where it exists."""
    report_only: bool = False
    """Train nothing."""


class Run(NamedTuple):
    """One training: a variant's flags and a seed."""

    flags: tuple[str, ...]
    num_steps: int
    seed: int

    @property
    def words(self) -> tuple[str, ...]:
        """All flags that make it what it is."""
        return (*self.flags, "--num-steps", str(self.num_steps), "--seed", str(self.seed))

    def path(self, runs: Path) -> Path:
        """Its run directory, named by all its flags."""
        return runs / "-".join(word.removeprefix("--") for word in self.words)

    def finished(self, runs: Path) -> bool:
        """Whether it was trained and judged to the end."""
        return (self.path(runs) / "results.json").exists()

    def steps_done(self, runs: Path) -> int:
        """Vector steps up to the last evaluation."""
        try:
            rows = (self.path(runs) / "metrics.csv").read_text().splitlines()
        except FileNotFoundError:
            return 0
        return int(rows[-1].split(",")[0]) if len(rows) > 1 else 0

    def command(self, runs: Path) -> list[str]:
        """What begins it, or goes on with it where there is something to go on with."""
        path = self.path(runs)
        if (path / "config.json").exists():
            return [sys.executable, "train.py", "--resume", str(path)]
        return [sys.executable, "train.py", "--runs", str(runs), "--name", path.name, *self.words]


class Process(Protocol):
    """What is needed of a started command."""

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        ...

    def terminate(self) -> None:
        """Ask it to stop."""
        ...

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        ...


Start = Callable[[list[str], Path], Process]
"""Begins a command whose output goes to a file."""


def start(command: list[str], log: Path) -> Process:
    """Begin a command at the project's root with one thread."""
    with open(log, "ab") as file:
        # A session of its own, because train.py writes its checkpoint at the first signal and gives up at a second one.
        return subprocess.Popen(
            guarded(*command[1:]),
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,  # its end, when this process dies, ends the run with a checkpoint
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def chosen(variants: Sequence[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """The groups with these variants alone; all of them where none is named.

    Raises:
        ValueError: a name is unknown.
    """
    known = {name for group in GROUPS.values() for name in group}
    if unknown := set(variants) - known:
        raise ValueError(f"--variants must be some of {sorted(known)}; got {sorted(unknown)}. Choose among them.")
    picked = {group: {name: flags for name, flags in names.items() if not variants or name in variants} for group, names in GROUPS.items()}
    return {group: names for group, names in picked.items() if names}


def runs_of(groups: dict[str, dict[str, tuple[str, ...]]], num_steps: int, seeds: Iterable[int]) -> list[Run]:
    """Every run once; the first seed of all variants comes first, so that a study that is stopped has something of each."""
    return list(dict.fromkeys(Run(flags, num_steps, seed) for seed in seeds for names in groups.values() for flags in names.values()))


def train_missing(runs: Sequence[Run], folder: Path, workers: int, *, begin: Start = start, pause: float = 1.0) -> list[Run]:
    """Do what is not finished yet, `workers` runs at a time, with a bar that tells the time left.

    An interruption ends the running ones, which write a checkpoint, before it goes on its way.

    Returns:
        Those that ended unfinished. What they said is in the `.log` beside their directory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    waiting = [run for run in runs if not run.finished(folder)]
    done = {run: run.num_steps if run.finished(folder) else run.steps_done(folder) for run in runs}
    running: dict[Run, Process] = {}
    failed: list[Run] = []
    bar = tqdm(
        total=sum(run.num_steps for run in runs),
        initial=sum(done.values()),
        desc="ablations",
        unit="step",
        dynamic_ncols=True,
        smoothing=0.0,  # steps come 50 at once, so only the average tells the time left
    )
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                run = waiting.pop(0)
                running[run] = begin(run.command(folder), _log(run, folder))
            time.sleep(pause)
            for run, process in list(running.items()):
                ended = process.poll() is not None
                if ended:
                    del running[run]
                    _hang_up(process)
                    if not run.finished(folder):
                        failed.append(run)
                steps = run.steps_done(folder)
                bar.update(steps - done[run])
                done[run] = steps
            left = len(waiting) + len(running)
            bar.set_postfix_str(f"{len(runs) - left - len(failed)}/{len(runs)} runs" + (f", {len(failed)} failed" if failed else ""))
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()
            _hang_up(process)
        bar.close()
    return failed


def _hang_up(process: Process) -> None:
    """Close the pipe whose end would have told the process that this one died."""
    if (pipe := getattr(process, "stdin", None)) is not None:
        pipe.close()


def _log(run: Run, folder: Path) -> Path:
    path = run.path(folder)
    return path.with_name(path.name + ".log")


def main(arguments: Arguments) -> int:
    """Train, report. Returns the exit code."""
    groups = chosen(arguments.variants)
    if not arguments.output.is_dir():
        raise ValueError(f"--output must be a folder that exists; got {arguments.output}. Make it first.")
    check_cluster(arguments.where)
    if arguments.workers is not None and arguments.workers < 1:
        raise ValueError(f"--workers must be at least 1; got {arguments.workers}. Give a positive whole number.")
    folder = arguments.runs.resolve()  # train.py runs at the project's root
    failed: list[Run] = []
    if not arguments.report_only:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        runs = runs_of(groups, arguments.num_steps, arguments.seeds)
        if arguments.where.executor == "process":
            failed = train_missing(runs, folder, arguments.workers or 2)
        else:
            trainings = [Training(run.path(folder).name, run.words) for run in runs]
            with opened(arguments.where, arguments.workers) as workers:
                train_elsewhere(trainings, folder, workers, title="ablations")
    for run in failed:
        print(f"error: {run.path(folder).name} ended unfinished; see {_log(run, folder)}", file=sys.stderr)
    paths = {
        group: {name: [Run(flags, arguments.num_steps, seed).path(folder) for seed in arguments.seeds] for name, flags in names.items()}
        for group, names in groups.items()
    }
    command = shlex.join(["python", *(word for word in sys.argv if word != "--report-only")])
    write_report(paths, arguments.output, command, arguments.peers)
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(tyro.cli(Arguments)))
    except ValueError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on")
