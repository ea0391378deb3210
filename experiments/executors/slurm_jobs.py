"""Jobs of SLURM as an executor, by submitit."""

import contextlib
import importlib
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future, InvalidStateError
from pathlib import Path
from typing import Any

from experiments.executors.processes import one_thread_each

PAUSE = 0.5
"""Seconds between two looks at the jobs."""
MINUTES = 240
"""Time limit of a job where the environment says no other."""
PATIENCE = 5.0
"""Seconds that cancelled jobs of this machine have before they are ended."""


DELAY = 15.0
"""Seconds after which what a job of another node wrote must be seen here."""


class SlurmJobs(Executor):
    """A job of one processor for every call.

    Partition, account, memory and time limit are what `SBATCH_PARTITION`, `SBATCH_ACCOUNT`, `SBATCH_MEM_PER_CPU` and `SBATCH_TIMELIMIT`
    say.

    Args:
        folder: Where submitit keeps what goes to the jobs and comes from them; all nodes must see it.
        is_local: Whether jobs are processes of this machine instead, for a trial without SLURM.

    Raises:
        ValueError: there is no SLURM.
    """

    is_cluster = True
    num_workers = 64

    def __init__(self, folder: Path, *, is_local: bool = False) -> None:
        submitit: Any = importlib.import_module("submitit")  # an extra

        if not is_local and shutil.which("sbatch") is None:
            raise ValueError(
                "--executor slurm needs SLURM's sbatch on this machine; there is none. Start on a login node, or try it with "
                "--cluster local."
            )
        self._inner = submitit.AutoExecutor(folder.resolve(), cluster="local" if is_local else "slurm")
        self._inner.update_parameters(timeout_min=MINUTES, cpus_per_task=1, name="multicell")
        self._delay = 0.0 if is_local else DELAY
        self._jobs: dict[Future[Any], Any] = {}
        self._lock, self._is_open = threading.Lock(), True
        self._watch = threading.Thread(target=self._look, daemon=True, name="jobs of SLURM")
        self._watch.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a function in a job."""
        future: Future[Any] = Future()
        with one_thread_each(), self._lock:
            self._jobs[future] = self._inner.submit(fn, *args, **kwargs)
        return future

    def _look(self) -> None:
        ended: dict[Future[Any], float] = {}
        while self._is_open:
            time.sleep(PAUSE)
            with self._lock:
                jobs = list(self._jobs.items())
            for future, job in jobs:
                # submitit waits in `result` for the file of a job that died; one thread that looks at all jobs must not.
                if not job.done():
                    continue
                if not job.paths.result_pickle.exists() and time.monotonic() < ended.setdefault(future, time.monotonic()) + self._delay:
                    continue
                with self._lock:
                    self._jobs.pop(future, None)
                _settle(future, job)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Stop looking at jobs; with `cancel_futures` those in work are cancelled."""
        self._is_open = False
        self._watch.join()
        for job in self._jobs.values() if cancel_futures else ():
            job.cancel(check=False)
        end = time.monotonic() + PATIENCE
        for job in self._jobs.values() if cancel_futures else ():
            process = getattr(job, "_process", None)  # of this machine
            while process is not None and process.poll() is None and time.monotonic() < end:
                time.sleep(0.1)
            if process is not None and process.poll() is None:
                process.kill()
        self._jobs.clear()


def _settle(future: Future[Any], job: Any) -> None:
    try:
        if not job.paths.result_pickle.exists():
            raise FileNotFoundError(job.paths.result_pickle)
        result = job.result()
    except Exception as error:  # submitit's own: it died, ran out of time, or was cancelled
        why = BrokenExecutor(f"job {job.job_id} ended without a result ({type(error).__name__}); see {job.paths.stderr}")
        with contextlib.suppress(InvalidStateError):  # an interruption has cancelled it
            future.set_exception(why)
        return
    with contextlib.suppress(InvalidStateError):
        future.set_result(result)
