"""Six trainings on clusters, with a worker and a node killed and Ctrl-C between: the same numbers as one after another here."""

import csv
import json
import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import clusters
import driver
import pytest
import work
from safetensors.numpy import load_file
from test_clusters import where_installed

from experiments.executors.training_slices import has_ended

COUNT = 6
SECONDS = 600.0
"""The most that is waited for, on a busy machine."""
ONE_AFTER_ANOTHER = "import sys, json; from experiments.commands.training_command import main; [main(one) for one in json.load(sys.stdin)]"
Learned = tuple[list[dict[str, str]], list[tuple[Any, ...]], dict[str, Any]]


def learned(run: Path) -> Learned:
    """What a training found: its learning curve, all arrays of its last checkpoint, and its closing table, without times."""
    with open(run / "metrics.csv") as file:
        curve = [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]
    table = json.loads((run / "results.json").read_text())["methods"]
    for row in table.values():
        row.pop("ms_per_decision")
    arrays = load_file(run / "checkpoint.safetensors").values()  # numbered in an order of the process's own
    return curve, sorted((str(array.dtype), array.shape, array.tobytes()) for array in arrays), table


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of the same trainings in one process, one after another."""
    folder = tmp_path_factory.mktemp("here")
    words = [["--runs", str(folder), "--name", one.name, *one.flags] for one in driver.trainings(COUNT)]
    clusters.run([sys.executable, "-c", ONE_AFTER_ANOTHER], json.dumps(words))
    return folder


def trainings_in_work(pids: Iterable[int]) -> list[int]:
    """Those processes that train, and have written a row of their learning curve after the first."""
    found = []
    for pid in pids:
        if "train.py" in clusters.command_line(pid):
            curves = list(Path(f"/proc/{pid}/cwd/runs").glob("*/metrics.csv"))
            found += [pid for path in curves if len(path.read_text().splitlines()) > 2]
    return found


def ended(folder: Path) -> int:
    return sum(has_ended(path) for path in (folder / "runs").glob("run?"))


@pytest.mark.cluster
@pytest.mark.parametrize("engine", [where_installed("ray"), where_installed("dask"), where_installed("slurm")])
def test_six_trainings_survive_kills_and_an_interruption_unchanged(tmp_path: Path, engine: str, here: Path) -> None:
    with ExitStack() as stack:
        cluster = None if engine == "slurm" else stack.enter_context(clusters.cluster(engine))
        mark, address = (clusters.new_mark(), "local") if cluster is None else (cluster.mark, cluster.address)

        def first() -> list[int]:
            second = set() if cluster is None else set(clusters.tree_of(cluster.nodes[-1].pid))
            return trainings_in_work(set(clusters.marked(mark)) - second)

        with clusters.driver("train", engine, address, tmp_path, COUNT, mark) as asking:
            work.wait_until(first, SECONDS)
            os.kill(clusters.parent_of(first()[0]), signal.SIGKILL)
            work.wait_until(lambda: ended(tmp_path) >= 2, SECONDS)
            work.wait_until(lambda: trainings_in_work(clusters.marked(mark)), SECONDS)
            family = clusters.tree_of(asking.pid)
            os.killpg(asking.pid, signal.SIGINT)
            begin = time.monotonic()
            assert asking.wait(timeout=60.0) != 0

            def are_left() -> bool:
                ours = [pid for pid in clusters.marked(mark) if cluster is None or "train.py" in clusters.command_line(pid)]
                return any(work.is_running(pid) for pid in {*ours, *family})

            work.wait_until(lambda: not are_left())
            assert time.monotonic() - begin < 10.0
            assert 2 <= ended(tmp_path) < COUNT
        assert "trying again" in (tmp_path / "said").read_text()
        with clusters.driver("train", engine, address, tmp_path, COUNT, mark) as asking:
            if cluster is not None:
                work.wait_until(lambda: trainings_in_work(clusters.tree_of(cluster.nodes[-1].pid)), SECONDS)
                cluster.kill_a_node()
            assert asking.wait(timeout=2 * SECONDS) == 0, (tmp_path / "said").read_text()
    for one in driver.trainings(COUNT):
        found, expected = (learned(folder / one.name) for folder in (tmp_path / "runs", here))
        assert found[0] == expected[0]
        assert found[1] == expected[1]
        assert found[2] == expected[2]
