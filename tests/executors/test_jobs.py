"""Jobs on processes: a dead worker's job is tried again, what fails is named, the others finish, and nothing outlives the parent."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import work

from experiments.executors import jobs as jobs_module
from experiments.executors.jobs import HERE, ForeignCodeError, Job, Progress, Workers, closing, results_of, run_jobs
from experiments.executors.processes import Processes


def jobs_of(folder: Path, *calls: partial[int]) -> list[Job]:
    return [Job(partial(call.func, str(folder), *call.args), f"job {call.args[0]}") for call in calls]


def results(folder: Path, *calls: partial[int], num_workers: int = 2) -> list[int]:
    with closing(Processes(num_workers)) as executor:
        return results_of(jobs_of(folder, *calls), Workers(executor, num_workers), Progress())


def test_a_worker_that_dies_twice_is_replaced_twice_and_its_job_done(tmp_path: Path) -> None:
    found = results(tmp_path, *(partial(work.doubled, number) for number in range(4)), partial(work.dying, 7, 2))
    assert found == [0, 2, 4, 6, 14]
    begun = work.begun(tmp_path)
    assert len(set(begun["7"])) == 3
    assert all(len(begun[str(number)]) == 1 for number in range(4))


def test_a_job_whose_workers_die_three_times_is_named_and_the_others_finish(tmp_path: Path) -> None:
    with pytest.raises(ChildProcessError, match=r"workers died at job 7 \(BrokenExecutor: a process died with exit code -9\)"):
        results(tmp_path, partial(work.dying, 7, 9), *(partial(work.doubled, number) for number in range(3)))
    assert {name: len(pids) for name, pids in work.begun(tmp_path).items()} == {"7": 3, "0": 1, "1": 1, "2": 1}


@pytest.mark.parametrize("num_workers", [None, 2])
def test_what_fails_is_named_is_not_tried_again_and_the_others_finish(tmp_path: Path, num_workers: int | None) -> None:
    jobs = jobs_of(tmp_path, partial(work.failing, 5), partial(work.doubled, 1), partial(work.failing, 6), partial(work.doubled, 2))
    found = {}

    def run(workers: Workers) -> None:
        with pytest.raises(ValueError, match="is refused") as failure:
            run_jobs(jobs, lambda job, result: found.__setitem__(job.name, result), workers)
        notes = "\n".join(failure.value.__notes__)
        assert all(f"job {number}" in notes for number in (5, 6))

    if num_workers is None:
        run(HERE)
    else:
        with closing(Processes(num_workers)) as executor:
            run(Workers(executor, num_workers))
    assert found == {"job 1": 2, "job 2": 4}
    assert {name: len(pids) for name, pids in work.begun(tmp_path).items()} == {"5": 1, "1": 1, "6": 1, "2": 1}


def test_an_error_that_cannot_be_read_again_is_told_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="UnreadableError: no way"):
        results(tmp_path, partial(work.failing_unreadably, 1))


def test_an_executor_that_stays_broken_ends_with_an_error_and_not_in_a_circle(tmp_path: Path) -> None:
    with ProcessPoolExecutor(1) as executor, pytest.raises(ChildProcessError, match=r"job 3 or job 4|job 4 or job 3"):
        results_of(jobs_of(tmp_path, partial(work.dying, 3, 9), partial(work.doubled, 4)), Workers(executor, 1), Progress())


def test_what_is_to_be_done_next_of_a_job_is_done(tmp_path: Path) -> None:
    found = []

    def finish(job: Job, result: int) -> Job | None:
        found.append(result)
        return Job(partial(work.doubled, str(tmp_path), result), "next") if result < 20 else None

    run_jobs(jobs_of(tmp_path, partial(work.doubled, 3)), finish)
    assert found == [6, 12, 24]


def test_a_worker_with_other_code_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere(Executor):
        """A cluster whose workers have another checkout."""

        is_cluster = True

        def submit(self, fn, /, *args, **kwargs):
            future: Future[object] = Future()
            with monkeypatch.context() as patch:
                patch.setattr(jobs_module, "_digest", lambda: "other")
                future.set_result(fn(*args, **kwargs))
            return future

    with pytest.raises(ForeignCodeError, match=r"got a worker with other\. Check out the same commit"):
        results_of(jobs_of(tmp_path, partial(work.doubled, 1), partial(work.doubled, 2)), Workers(Elsewhere(), 1), Progress())
    assert work.begun(tmp_path) == {}


def test_processes_have_one_thread_each_and_leave_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    with Processes(1) as executor:
        assert [executor.submit(os.getenv, name).result() for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")] == ["1", "1"]
    assert (os.environ["OMP_NUM_THREADS"], os.environ.get("MKL_NUM_THREADS")) == ("7", None)


def test_a_result_or_a_call_that_cannot_be_pickled_is_an_error_of_its_own() -> None:
    with Processes(1) as executor:
        with pytest.raises(TypeError, match="must be one that can be pickled"):
            executor.submit(threading.Lock).result()
        with pytest.raises((AttributeError, TypeError, RuntimeError)):
            executor.submit(lambda: 1).result()
        assert executor.submit(int, "3").result() == 3


KILLED = """
import sys
sys.path[:0] = {paths!r}
from functools import partial
import work
from experiments.executors.jobs import *
from experiments.executors.processes import Processes
if __name__ == "__main__":
    with closing(Processes(2)) as executor:
        results_of([Job(partial(work.waiting, {folder!r}, n), str(n)) for n in range(4)], Workers(executor, 2), Progress())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_a_driver_however_it_ends(tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "driver.py"
    script.write_text(KILLED.format(paths=[str(work.ROOT), str(Path(work.__file__).parent)], folder=str(tmp_path)))
    driver = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL)
    work.wait_until(lambda: len(work.begun(tmp_path)) == 2)
    pids = [pid for one in work.begun(tmp_path).values() for pid in one]
    assert all(map(work.is_running, pids))
    driver.send_signal(number)
    assert driver.wait(timeout=60.0) != 0
    work.wait_until(lambda: not any(map(work.is_running, pids)), seconds=10.0)
    assert len(work.begun(tmp_path)) == 2
