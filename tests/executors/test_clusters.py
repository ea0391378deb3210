"""The same results from every executor, also where workers and nodes are killed: clusters of two nodes on loopback addresses."""

import importlib.util
import json
import os
import signal
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import clusters
import pytest
import work

from experiments.executors import engines
from experiments.executors.engines import ClusterArguments, check_cluster, opened
from experiments.executors.slurm_jobs import SlurmJobs
from experiments.sweep import Point, sweep


def has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def where_installed(engine: engines.Engine, *others: str) -> Any:
    """An engine as a parameter of tests that are skipped without it."""
    module = engines.MODULES.get(engine, "pytest")
    return pytest.param(engine, *others, marks=pytest.mark.skipif(not has(module), reason=f"{module} is not installed"))


ENGINES = [where_installed("ray"), where_installed("dask")]
OWN = [where_installed("process", "-"), where_installed("ray", "local"), where_installed("dask", "-"), where_installed("slurm", "local")]
"""Engines that start what they need by themselves, and by which address."""


def points(folder: Path, count: int, seconds: float = 0.0) -> list[Point]:
    return [Point({"x": x, "folder": str(folder), "seconds": seconds}) for x in range(count)]


def begun_on(folder: Path) -> set[int]:
    """Workers that have begun a point and live."""
    return {pid for pids in work.begun(folder).values() for pid in pids if work.is_running(pid)}


def found(folder: Path) -> dict[int, int]:
    """What was written of each point."""
    contents = [json.loads(path.read_text()) for path in (folder / "found").glob("*.json")]
    return {content["settings"]["x"]: content["result"]["doubled"] for content in contents}


@pytest.mark.cluster
@pytest.mark.parametrize("engine", ENGINES)
def test_a_sweep_whose_worker_and_node_are_killed_finds_all_points(tmp_path: Path, engine: str) -> None:
    with clusters.cluster(engine) as cluster, clusters.driver("sweep", engine, cluster.address, tmp_path, 24, cluster.mark) as driver:

        def workers_of(is_second: bool) -> list[int]:
            second = clusters.tree_of(cluster.nodes[-1].pid)
            return [pid for pid in begun_on(tmp_path) if (pid in second) == is_second]

        work.wait_until(lambda: len(found(tmp_path)) >= 2 and workers_of(False) and workers_of(True))
        os.kill(workers_of(False)[0], signal.SIGKILL)
        work.wait_until(lambda: len(found(tmp_path)) >= 6)
        cluster.kill_a_node()
        assert len(found(tmp_path)) < 24
        assert driver.wait(timeout=600.0) == 0, (tmp_path / "said").read_text()
    assert found(tmp_path) == {x: 2 * x for x in range(24)}
    assert max(len(pids) for pids in work.begun(tmp_path).values()) > 1


@pytest.mark.cluster
@pytest.mark.parametrize(("engine", "address"), OWN)
def test_an_interrupted_sweep_leaves_no_process_and_goes_on_when_called_again(tmp_path: Path, engine: str, address: str) -> None:
    mark = clusters.new_mark()
    with clusters.driver("sweep", engine, address, tmp_path, 12, mark) as driver:
        work.wait_until(lambda: len(found(tmp_path)) >= 3)
        family = clusters.tree_of(driver.pid)
        os.killpg(driver.pid, signal.SIGINT)  # as a terminal does
        begin = time.monotonic()
        assert driver.wait(timeout=60.0) != 0
        work.wait_until(lambda: not [pid for pid in {*family, *clusters.marked(mark)} if work.is_running(pid)])
        assert time.monotonic() - begin < 10.0
    before = found(tmp_path)
    assert 3 <= len(before) < 12
    with clusters.driver("sweep", engine, address, tmp_path, 12, mark) as driver:
        assert driver.wait(timeout=600.0) == 0, (tmp_path / "said").read_text()
    assert found(tmp_path) == {x: 2 * x for x in range(12)}
    assert {len(pids) for x, pids in work.begun(tmp_path).items() if int(x) in before} == {1}


@pytest.mark.cluster
@pytest.mark.parametrize(("engine", "address"), OWN[:3])  # jobs of Slurm outlive who asked for them, as its users want
def test_a_killed_sweep_leaves_no_process_and_goes_on_when_called_again(tmp_path: Path, engine: str, address: str) -> None:
    mark = clusters.new_mark()
    with clusters.driver("sweep", engine, address, tmp_path, 12, mark) as driver:
        work.wait_until(lambda: len(found(tmp_path)) >= 3)
        family = clusters.tree_of(driver.pid)
        assert len(family) > 2
        os.kill(driver.pid, signal.SIGKILL)
        assert driver.wait(timeout=60.0) == -signal.SIGKILL
        work.wait_until(lambda: not begun_on(tmp_path), seconds=20.0)
        # Ray's own agents, which measure nothing, notice after more than a minute.
        work.wait_until(lambda: not [pid for pid in {*family, *clusters.marked(mark)} if work.is_running(pid)], seconds=180.0)
    before = found(tmp_path)
    assert 3 <= len(before) < 12
    with clusters.driver("sweep", engine, address, tmp_path, 12, mark) as driver:
        assert driver.wait(timeout=600.0) == 0, (tmp_path / "said").read_text()
    assert found(tmp_path) == {x: 2 * x for x in range(12)}


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


@pytest.mark.skipif(not has("submitit"), reason="submitit is not installed")
def test_a_job_without_a_result_is_broken_at_once_and_holds_up_no_other(tmp_path: Path) -> None:
    def wait_as_submitit_does() -> None:
        raise AssertionError("submitit waits a quarter of a minute here")

    paths = SimpleNamespace(result_pickle=tmp_path / "none", stderr=tmp_path / "err")
    job = SimpleNamespace(done=lambda: True, paths=paths, job_id="7", result=wait_as_submitit_does)
    with SlurmJobs(tmp_path, is_local=True) as executor:
        executor._inner = SimpleNamespace(submit=lambda *_: job)
        error = executor.submit(int).exception(timeout=10.0)
    assert isinstance(error, BrokenExecutor)
    assert "job 7 ended without a result (FileNotFoundError)" in str(error)


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
