"""The trainings that the figures need beside the shipped actor, and running those that are missing."""

import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from experiments.executors.engines import PROCESSES, ClusterArguments, opened
from experiments.executors.jobs import Job, Progress, Workers, closing, run_jobs
from experiments.executors.parents import guarded
from experiments.executors.training_slices import Training, train_elsewhere
from experiments.figures.paper_figures import CHANGES, FIGURES, LEARNED, OWN, networks
from multicell_env.config import NetworkConfig

TRAIN = Path(__file__).parents[2] / "train.py"
"""Only the repository has it; a wheel has not."""
PRESETS = {"td3mix_mlp": "paper", "td3mix_k0_mlp": "paper-k0"}
"""Methods of the paper's own network, and the presets of train.py that train them: Algorithm 1, and its baseline without the game."""
LENGTHS = ((32 * 16 * 3, 4800, 2500), (32 * 16 * 6, 3200, 1700), (32 * 16 * 12, 1600, 800))
"""Up to which M U F these presets take how many slots, with how many in the buffer. Full CSI and layers that read it grow with M U F: so a
training takes some minutes on one core at most, and its buffer stays below a gigabyte."""
STARTS = {"own_k0": "k0_set", "own_k5": "td3mix", "own_damped": "damped"}
"""Shipped actors, trained at SIR 0 dB, from which those for other SIRs go on."""
_PIPES: set[IO[bytes]] = set()
"""Standard inputs of the trainings in work, which end with them."""
_STOPPING = threading.Event()
"""Whether trainings are being stopped."""


@dataclass(frozen=True)
class NeededTraining:
    """One run of train.py."""

    name: str
    flags: tuple[str, ...]
    weight: int
    """How long it takes, relative to others."""


def training_of(method: str, config: NetworkConfig) -> NeededTraining | None:
    """The training that a learned method needs for a network; None where the shipped actor plays it.

    The `set` network plays every size, so it is trained once, at (M, U, F) = (8, 4, 6). The paper's MLP takes one size of input, and so is
    trained once for each, as Algorithm 1 prints it: one slot of one network at a time. Both are trained at SIR 0 dB and T = 10, whatever
    they are played on. Actors of their own for a SIR begin where shipped ones
    are, which were trained at SIR 0 dB: from random ones, those at 10 dB never find that cells can part.
    """
    if method == "td3mix_k0":
        return NeededTraining("k0_set", ("--num-iterations", "0", "--final-blocks", "20"), 1000)
    if method in OWN:
        start = TRAIN.parent / "agents" / "pretrained" / f"{STARTS[method]}.safetensors"
        changes = [word for key, value in CHANGES.get(method, {}).items() for word in _flag(key, value)]
        sir = ("--sir-db", f"{config.sir_db:g}")
        length = ("--start-from", str(start), "--actor-rest", "100", "--num-steps", "300", "--final-blocks", "10")
        return NeededTraining(f"{method}_sir{config.sir_db:g}", (*changes, *sir, *length), 300)
    if method not in PRESETS:
        return None
    preset, antennas, users, bands = PRESETS[method], config.num_antennas, config.max_users, config.num_bands
    size = antennas * users * bands
    steps, buffer = next(((steps, buffer) for most, steps, buffer in LENGTHS if size <= most), LENGTHS[-1][1:])
    sizes = ("--num-antennas", f"{antennas}", "--num-users", f"{users}", "--num-bands", f"{bands}")
    length = ("--num-steps", f"{steps}", "--buffer-size", f"{buffer}", "--eval-interval", f"{steps // 2}")
    flags = ("--preset", preset, *sizes, *length, "--eval-blocks", "20", "--final-blocks", "10")
    return NeededTraining(f"{preset}_{antennas}x{users}x{bands}", flags, steps * (2000 + size) // 10_000)


def needed_trainings(numbers: list[int]) -> list[NeededTraining]:
    """All trainings of some figures, the longest first, so that all are finished earliest."""
    found = {}
    for number in numbers:
        for _, _, config in networks(FIGURES[number]):
            for method in set(FIGURES[number].methods) & set(LEARNED):
                if (training := training_of(method, config)) is not None:
                    found[training.name] = training
    return sorted(found.values(), key=lambda training: (-training.weight, training.name))


def train_missing(trainings: Sequence[NeededTraining], runs: Path, where: ClusterArguments = PROCESSES) -> None:
    """Train what has not ended yet, two at once on this machine; a run that was interrupted goes on.

    Args:
        trainings: The longest first.
        runs: Folder of the run directories.
        where: On which workers.

    Raises:
        ValueError: a training failed; its output is beside its run.
        ChildProcessError: workers died at a training.
    """
    missing = [training for training in trainings if not is_trained(training, runs)]
    if not missing:
        return
    if where.executor != "process":
        with opened(where) as workers:
            train_elsewhere([Training(training.name, training.flags) for training in missing], runs, workers)
        return
    runs.mkdir(parents=True, exist_ok=True)
    jobs = [Job(partial(_train, training, runs), f"training {training.name}") for training in missing]
    _STOPPING.clear()
    with closing(_Threads(2)) as pool:
        run_jobs(jobs, lambda job, result: None, Workers(pool, 2), Progress("training", "run"))


class _Threads(ThreadPoolExecutor):
    """Threads that wait for trainings; cancelled, they ask these to write checkpoints."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=cancel_futures)
        if cancel_futures:
            _STOPPING.set()
            for pipe in list(_PIPES):
                pipe.close()
        super().shutdown(wait=wait)


def run_training(words: Sequence[str], output: int | IO[str] | None = None) -> int:
    """Run train.py in a process of its own, and wait for it. When this process is interrupted or dies, it writes a checkpoint and ends.

    Args:
        words: Its command line.
        output: Where it writes to; its standard error goes to the same place. None: where this process writes to.

    Returns:
        Its exit code.

    Raises:
        FileNotFoundError: there is no train.py, because the package was installed without the repository.
    """
    if not TRAIN.exists():
        raise FileNotFoundError(
            f"training needs the repository's train.py; there is no {TRAIN}. Run evaluate.py in a clone of the repository."
        )
    process = subprocess.Popen(
        guarded(str(TRAIN), *words),
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C does not reach it: it ends with its pipe, and a second signal would end it at once
    )
    assert process.stdin is not None
    with process.stdin as pipe:
        _PIPES.add(pipe)
        try:
            if _STOPPING.is_set():
                pipe.close()
            return process.wait()
        finally:
            _PIPES.discard(pipe)
            pipe.close()
            process.wait()


def is_trained(training: NeededTraining, runs: Path) -> bool:
    """Whether a training has ended; its closing table comes last."""
    return (runs / training.name / "results.json").exists()


def _train(training: NeededTraining, runs: Path) -> None:
    directory, log = runs / training.name, runs / f"{training.name}.log"
    begun = (directory / "config.json").exists()
    flags = ("--resume", str(directory)) if begun else ("--runs", str(runs), "--name", training.name, *training.flags)
    with open(log, "a") as file:
        code = run_training(flags, file)
    if code < 0 and not _STOPPING.is_set():
        raise BrokenExecutor(f"training {training.name} was ended by signal {-code}")
    if not is_trained(training, runs):
        raise ValueError(
            f"training {training.name} must end with a table; it did not (exit code {code}). Read {log}, then run the same command again."
        )


def _flag(name: str, value: object) -> tuple[str, ...]:
    """A field as train.py's command line takes it."""
    word = name.replace("_", "-")
    return (f"--{word}",) if value is True else (f"--{word}", str(value))
