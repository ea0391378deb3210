"""Many jobs on any executor: one whose worker dies is tried again, one that fails is named, and the others finish."""

import functools
import pickle
import sys
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tqdm import tqdm

from experiments.sources import digest_of_sources

TRIES = 3
"""How often a job is begun whose workers die."""
CODE_ROOTS = (
    "experiments/executors/training_slices.py",
    "experiments/figures/measurement.py",
    "experiments/studies/scenario_comparison.py",
)
"""Files whose sources, with all that they import, must be the same where a job runs."""


class ForeignCodeError(ValueError):
    """A worker has other code than whoever sends it jobs, so that its results would be others."""


class Workers(NamedTuple):
    """Where jobs run, and how many at once."""

    executor: Executor | None = None
    """None: this process, one after another."""
    num_workers: int = 1
    """Jobs in work at once."""

    @property
    def are_elsewhere(self) -> bool:
        """Whether the workers may be on other machines, with other files."""
        return getattr(self.executor, "is_cluster", False)


HERE = Workers()
"""This process."""


@dataclass(frozen=True, eq=False)
class Job:
    """Something to do that needs nothing but itself."""

    call: Callable[[], Any]
    """Picklable where a job goes to another process."""
    name: str
    """What errors call it."""


@dataclass(frozen=True)
class Progress:
    """What the progress bar says."""

    title: str = ""
    unit: str = "point"
    total: int | None = None
    """Jobs in all, with those that were done before; as many as there are by default."""


@dataclass
class _Outcome:
    """What a job returned, or what it raised: an executor's own errors are then those of its workers alone."""

    result: Any = None
    error: Exception | None = None


@dataclass
class _State:
    waiting: deque[Job]
    in_work: dict[Future[_Outcome], Job] = field(default_factory=dict)
    tries: Counter[Job] = field(default_factory=Counter)
    failed: list[tuple[Job, BaseException]] = field(default_factory=list)
    died: list[tuple[Job, BaseException]] = field(default_factory=list)


def run_jobs(
    jobs: Sequence[Job],
    finish: Callable[[Job, Any], Job | None],
    workers: Workers = HERE,
    progress: Progress = Progress(),
) -> None:
    """Do all jobs, and hand each result to `finish` in this process as soon as it comes.

    A job whose worker dies is tried again, `TRIES` times in all. One that raises would raise again, and is not. Either is named at once,
    and raised when the others have finished. An interruption cancels what is in work.

    Args:
        jobs: What to do, the longest first if some are much longer.
        finish: Takes a job and its result; it may return what is to be done next of it.
        workers: Where. The executor is left open.
        progress: What the bar says.

    Raises:
        ChildProcessError: workers died at some jobs.
        ForeignCodeError: a worker of a cluster has other code; the others are cancelled.
        Exception: what a job raised, with its name; the notes name all others.
    """
    state = _State(deque(jobs))
    total = len(jobs) if progress.total is None else progress.total
    with tqdm(total=total, initial=total - len(jobs), desc=progress.title, unit=progress.unit, dynamic_ncols=True) as bar:

        def say(line: str) -> None:
            bar.write(line, file=sys.stderr)

        def take(job: Job, outcome: _Outcome) -> None:
            if isinstance(outcome.error, ForeignCodeError):
                raise outcome.error  # no other job would end better
            if outcome.error is not None:
                state.failed.append((job, outcome.error))
                say(f"{job.name} failed: {_described(outcome.error)}")
            elif (following := finish(job, outcome.result)) is not None:
                state.waiting.appendleft(following)
            else:
                bar.update()

        if workers.executor is None:
            while state.waiting:
                job = state.waiting.popleft()
                take(job, _done_here(job))
        else:
            _run_in(workers.executor, workers.num_workers, state, take, say)
    _raise(state)


def _run_in(executor: Executor, num_workers: int, state: _State, take: Callable[[Job, _Outcome], None], say: Callable[[str], None]) -> None:
    code = _digest() if getattr(executor, "is_cluster", False) else None

    def collect(done: set[Future[_Outcome]]) -> None:
        for future, job in [(future, state.in_work.pop(future)) for future in done]:
            error = CancelledError() if future.cancelled() else future.exception()
            if error is None:
                take(job, future.result())
                continue
            state.tries[job] += 1
            if state.tries[job] < TRIES:
                state.waiting.append(job)
                say(f"{job.name}: its worker died ({_described(error)}); trying again")
            else:
                state.died.append((job, error))
                say(f"{job.name}: its workers died {TRIES} times ({_described(error)}); it is given up")

    try:
        while state.waiting or state.in_work:
            # No more jobs are handed out than are in work, so that an interruption leaves none behind.
            while state.waiting and len(state.in_work) < num_workers:
                job = state.waiting.popleft()
                state.in_work[_handed_out(executor, job, code)] = job
            collect(wait(state.in_work, return_when=FIRST_COMPLETED).done)
    except BaseException:
        for future in state.in_work:
            future.cancel()
        for future in [future for future in state.in_work if future.done() and not future.cancelled() and future.exception() is None]:
            take(state.in_work.pop(future), future.result())  # what came before the interruption is kept
        raise


def _handed_out(executor: Executor, job: Job, code: str | None) -> Future[_Outcome]:
    try:
        return executor.submit(_attempt, job.call, code)
    except BrokenExecutor as error:  # an executor that does not mend itself
        future: Future[_Outcome] = Future()
        future.set_exception(error)
        return future


def _done_here(job: Job) -> _Outcome:
    try:
        return _Outcome(job.call())
    except Exception as error:
        return _Outcome(error=error)


def _attempt(call: Callable[[], Any], code: str | None) -> _Outcome:
    """Do a job where it was sent to."""
    try:
        if code is not None and code != _digest():
            raise ForeignCodeError(
                f"workers must have the same code as the process that sends jobs, {code}; got a worker with {_digest()}. Check out the "
                "same commit on every node, and restart its workers."
            )
        return _Outcome(call())
    except BrokenExecutor:  # a process of the job's own died, as a worker does
        raise
    except Exception as error:
        return _Outcome(error=_that_travels(error))


@functools.cache
def _digest() -> str:
    return digest_of_sources(CODE_ROOTS)


def _that_travels(error: Exception) -> Exception:
    """An error as it can be pickled and read again, with the place where it was raised."""
    shown = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(f"raised in a worker:\n{shown}")
    return error


def _described(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200].rstrip(": ")


def _raise(state: _State) -> None:
    if state.failed:
        (job, error), *others = state.failed
        others = [f"{other.name} failed too: {_described(reason)}" for other, reason in others + state.died]
        error.__notes__ = [f"while {job.name} was in work", *others, *getattr(error, "__notes__", ())]
        raise error
    if state.died:
        names = " or ".join(job.name for job, _ in state.died)
        raise ChildProcessError(
            f"a worker must live until its job is done; workers died at {names} ({_described(state.died[0][1])}). "
            "What is finished is kept: start again, with fewer workers where memory ran out."
        ) from state.died[0][1]


def results_of(jobs: Sequence[Job], workers: Workers, progress: Progress) -> list[Any]:
    """The results of jobs, in their order. Errors as those of `run_jobs`."""
    found: dict[Job, Any] = {}
    run_jobs(jobs, found.__setitem__, workers, progress)
    return [found[job] for job in jobs]


@contextmanager
def closing(executor: Executor) -> Iterator[Executor]:
    """An executor that is shut down at the end, and what is in work with it."""
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)
