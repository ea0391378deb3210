"""A command that measures points or trains on an executor, in a process of its own that may be interrupted.

python tests/executors/driver.py sweep|train ENGINE ADDRESS FOLDER COUNT; an address of - is none.
"""

import signal
import sys
from pathlib import Path

import work

from experiments.executors.engines import ClusterArguments, Engine, opened
from experiments.executors.training_slices import Training, train_elsewhere
from experiments.sweep import Point, sweep

TRAINED = (
    *("--num-antennas", "2", "--num-users", "2", "--num-bands", "2", "--num-slots", "4"),
    *(
        "--num-steps",
        "400",
        "--eval-interval",
        "100",
        "--num-envs",
        "4",
        "--warmup-steps",
        "4",
        "--eval-blocks",
        "2",
        "--final-blocks",
        "2",
    ),
)
"""Flags of a training of some seconds."""


def points(folder: Path, count: int) -> list[Point]:
    """Points that take half a second each, and note in a folder who measured them."""
    return [Point({"x": x, "folder": str(folder), "seconds": 0.5}) for x in range(count)]


def trainings(count: int) -> list[Training]:
    """Short trainings with seeds of their own."""
    return [Training(f"run{seed}", ("--seed", str(seed), *TRAINED)) for seed in range(count)]


def main(what: str, engine: Engine, address: str, folder: Path, count: int) -> None:
    """Do it on two workers."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells start what runs in the background without it
    with opened(ClusterArguments(engine, None if address == "-" else address), 2) as workers:
        work.wait_until(lambda: getattr(workers.executor, "num_workers", 2) >= 2)  # a node may come later
        if what == "sweep":
            sweep(points(folder, count), work.measure, folder / "found", num_workers=2, executor=workers.executor)
        else:
            train_elsewhere(trainings(count), folder / "runs", workers)


if __name__ == "__main__":
    what, engine, address, folder, count = sys.argv[1:]
    main(what, engine, address, Path(folder), int(count))  # type: ignore[arg-type]
