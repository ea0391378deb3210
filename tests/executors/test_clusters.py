"""The same results from every executor, also where workers and nodes are killed: clusters of two nodes on loopback addresses."""

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import work

from experiments.executors import engines
from experiments.executors.engines import ClusterArguments, check_cluster, opened
from experiments.executors.jobs import Workers
from experiments.sweep import Point, sweep

NODES = ("127.0.0.2", "127.0.0.3")
BIN = Path(sys.executable).parent


def has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def points(folder: Path, count: int, seconds: float = 0.0) -> list[Point]:
    return [Point({"x": x, "folder": str(folder), "seconds": seconds}) for x in range(count)]


@contextmanager
def processes(*commands: list[str]) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Commands in sessions of their own, which are ended by their ids with all that they started."""
    paths = os.pathsep.join([str(work.ROOT), str(Path(work.__file__).parent)])
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_worker_niceness": "0"}
    quiet |= {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    started = []
    try:
        for command in commands:
            started.append(
                subprocess.Popen(
                    command, env={**os.environ, **quiet, "PYTHONPATH": paths}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            )
        yield started
    finally:
        for process in reversed(started):
            kill_tree(process.pid)
            process.wait()


def kill_tree(pid: int) -> None:
    """SIGKILL a process and all that descends from it."""
    below: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        below.setdefault(parent, []).append(int(path.parent.name))
    tree = [pid]
    for one in tree:
        tree += below.get(one, [])
    for one in tree:
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            continue


def free_port() -> int:
    with socket.socket() as found:
        found.bind((NODES[0], 0))
        return found.getsockname()[1]


def commands(engine: str, port: int, folder: str) -> tuple[list[str], str, list[list[str]]]:
    """How a head and its nodes are started, and the address."""
    address = f"{NODES[0]}:{port}"
    if engine == "ray":
        start = [str(BIN / "ray"), "start", "--num-cpus", "1", "--block"]
        head = [*start, "--head", "--node-ip-address", NODES[0], "--port", str(port), "--include-dashboard", "false", "--temp-dir", folder]
        return head, address, [[*start, "--address", address, "--node-ip-address", NODES[1]]]
    head = [str(BIN / "dask"), "scheduler", "--host", NODES[0], "--port", str(port), "--no-dashboard"]
    worker = [str(BIN / "dask"), "worker", f"tcp://{address}", "--nthreads", "1", "--no-dashboard", "--host"]
    return head, f"tcp://{address}", [[*worker, node] for node in NODES]


def listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex((NODES[0], port)) == 0


def connected(arguments: ClusterArguments, stack: ExitStack) -> Workers:
    """Workers of a cluster that may still be starting."""
    found = []

    def try_once() -> bool:
        with contextlib.suppress(ValueError):
            found.append(stack.enter_context(opened(arguments)))
        return bool(found)

    work.wait_until(try_once)
    return found[0]


@pytest.mark.cluster
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("engine", "module"), [("ray", "ray"), ("dask", "distributed")])
def test_a_cluster_that_loses_a_worker_and_a_node_finds_what_one_process_finds(tmp_path: Path, engine: engines.Engine, module: str) -> None:
    if not has(module):
        pytest.skip(f"{module} is not installed")
    port = free_port()
    folder = tempfile.mkdtemp(prefix="ray-")  # sockets need a short path, and a cluster of the user's is another one
    head, address, nodes = commands(engine, port, folder)
    expected = sweep(points(tmp_path, 24, 0.5), work.measure, tmp_path / "here", num_workers=1)
    for path in tmp_path.glob("begun-*"):
        path.unlink()
    with processes(head):
        work.wait_until(lambda: listens(port))
        with processes(*nodes) as started, ExitStack() as stack:
            workers = connected(ClusterArguments(engine, address), stack)
            assert workers.executor is not None
            work.wait_until(lambda: workers.executor.num_workers >= 2)  # type: ignore[union-attr]
            killed = []

            def measured() -> list[Path]:
                return list((tmp_path / "there").glob("*.json"))

            def kill_in_time() -> None:
                work.wait_until(lambda: len(measured()) >= 4)
                pids = sorted({pid for one in work.begun(tmp_path).values() for pid in one if work.is_running(pid)})
                killed.append(pids[0])
                os.kill(pids[0], signal.SIGKILL)
                work.wait_until(lambda: len(measured()) >= 8)
                kill_tree(started[-1].pid)
                killed.append(started[-1].pid)

            killer = threading.Thread(target=kill_in_time)
            killer.start()
            found = sweep(points(tmp_path, 24, 0.5), work.measure, tmp_path / "there", num_workers=2, executor=workers.executor)
            killer.join()
    shutil.rmtree(folder, ignore_errors=True)
    assert found == expected
    assert len(killed) == 2


@pytest.mark.skipif(not has("submitit"), reason="submitit is not installed")
@pytest.mark.filterwarnings("default")
def test_jobs_of_submitit_find_what_one_process_finds_also_where_one_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "SLURM_FOLDER", tmp_path / "slurm")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(work.ROOT), str(Path(work.__file__).parent)]))
    wanted = [*points(tmp_path, 1), Point({"x": 5, "folder": str(tmp_path), "dies": 1})]
    with opened(ClusterArguments("slurm", "local"), 2) as workers:
        found = sweep(wanted, work.measure, tmp_path / "there", num_workers=2, executor=workers.executor)
    assert found == [{"doubled": 0}, {"doubled": 10}]
    assert {name: len(pids) for name, pids in work.begun(tmp_path).items()} == {"0": 1, "5": 2}
    (one, other) = sorted((tmp_path / "there").iterdir())
    assert {json.loads(path.read_text())["result"]["doubled"] for path in (one, other)} == {0, 10}


@pytest.mark.parametrize(("engine", "module"), engines.MODULES.items())
def test_an_engine_that_is_not_installed_is_refused_with_the_line_that_installs_it(
    engine: engines.Engine, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=rf"needs {module}.*pip install -c constraints\.txt -e '\.\[train,{engine}\]'"):
        check_cluster(ClusterArguments(engine))


def test_an_address_without_a_cluster_is_refused() -> None:
    with pytest.raises(ValueError, match="--cluster goes with --executor ray, dask or slurm; got host:1 alone"):
        check_cluster(ClusterArguments(cluster="host:1"))
