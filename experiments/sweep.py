"""Many measurements in parallel, each written down when it is finished and never made twice."""

import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from multicell_env.evaluation.policies import Policy

Result = dict[str, Any]
"""What a measurement found: numbers, text, and lists and dictionaries of them."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Point:
    """One measurement."""

    settings: Mapping[str, Any]
    """Everything that decides the result, as JSON keeps it."""
    make_policy: Callable[[], Policy] | None = None
    """Loads the policy that the settings name, in the process that plays it; must be picklable."""

    @property
    def key(self) -> str:
        """Name of the point: a hash of its settings."""
        return hashlib.sha256(json.dumps(self.settings, sort_keys=True, allow_nan=False).encode()).hexdigest()[:24]

    def __str__(self) -> str:
        plain = {name: value for name, value in self.settings.items() if isinstance(value, str | int | float)}
        return f"point {self.key} ({', '.join(f'{name} {value}' for name, value in plain.items())})"


Measure = Callable[[Mapping[str, Any], Policy | None], Result]
"""Settings and the policy that they name to a result; a function of a module, so that other processes find it."""


def sweep(
    points: Sequence[Point],
    measure: Measure,
    cache: str | os.PathLike[str],
    *,
    num_workers: int = 2,
    title: str = "",
    executor: Executor | None = None,
) -> list[Result]:
    """Measure all points; those that the cache holds are read from it.

    Workers return results, and this process writes each as soon as it comes: what is finished is kept, whatever ends the sweep, and the
    next one goes on from there. Where a measurement fails, those in work finish first; an interruption (Ctrl-C) ends them at once.

    Args:
        points: What to measure, the longest first if some are much longer.
        measure: Measures one point.
        cache: Folder with one file for each finished point. What else decides results, such as the code, belongs into its name.
        num_workers: Points in work at once. Without an executor each is in a process of its own with one thread, and one is measured in
            this process.
        title: What the progress bar says.
        executor: Where to measure, for example on other machines; it is left open. Its workers need nothing but the points and `measure`.

    Returns:
        The results in the order of the points.

    Raises:
        ChildProcessError: a worker died, for example because memory ran out.
    """
    folder = Path(cache)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {point.key: folder / f"{point.key}.json" for point in points}
    missing = {point.key: point for point in points if not paths[point.key].exists()}
    bar = tqdm(total=len(paths), initial=len(paths) - len(missing), desc=title, unit="point", dynamic_ncols=True)

    def finish(point: Point, result: Result) -> None:
        _write(paths[point.key], {"settings": point.settings, "result": result})
        bar.update()

    try:
        if executor is not None:
            _measure_in(executor, list(missing.values()), measure, num_workers, finish)
        elif num_workers == 1 or not missing:
            for point in missing.values():
                with _named(point):
                    finish(point, _measured(point, measure))
        else:
            with _processes(min(num_workers, len(missing))) as pool:
                _measure_in(pool, list(missing.values()), measure, num_workers, finish)
    finally:
        bar.close()
    return [json.loads(paths[point.key].read_text())["result"] for point in points]


def _measure_in(
    executor: Executor, points: Sequence[Point], measure: Measure, num_workers: int, finish: Callable[[Point, Result], None]
) -> None:
    # No more points are handed out than are in work: those of a worker that died can be named then, and an interruption leaves none behind.
    waiting, in_work = list(reversed(points)), dict[Future[Result], Point]()

    def collect(done: set[Future[Result]]) -> list[tuple[Point, BaseException]]:
        failed = []
        for future, point in [(future, in_work.pop(future)) for future in done]:
            if future.cancelled():
                continue
            if (error := future.exception()) is None:
                finish(point, future.result())
            else:
                failed.append((point, error))
        return failed

    failed: list[tuple[Point, BaseException]] = []
    try:
        while (waiting or in_work) and not failed:
            while waiting and len(in_work) < num_workers:
                in_work[executor.submit(_measured, waiting[-1], measure)] = waiting[-1]
                waiting.pop()
            failed = collect(wait(in_work, return_when=FIRST_COMPLETED).done)
        failed += collect(wait(in_work).done)
    except BrokenExecutor as error:  # a worker died while a point was handed out
        failed += collect(wait(in_work).done) or [(waiting[-1], error)]
    except BaseException:
        for future in in_work:
            future.cancel()
        collect({future for future in in_work if future.done()})
        raise
    if failed:
        _raise(failed)


def _raise(failed: Sequence[tuple[Point, BaseException]]) -> None:
    if all(isinstance(error, BrokenExecutor) for _, error in failed):
        names = " or ".join(str(point) for point, _ in failed)
        raise ChildProcessError(
            f"a worker must live until its point is measured; one died at {names}. What is finished is kept: start again, with fewer "
            "workers where memory ran out."
        ) from failed[0][1]
    point, error = next((point, error) for point, error in failed if not isinstance(error, BrokenExecutor))
    with _named(point):
        raise error


def _measured(point: Point, measure: Measure) -> Result:
    return measure(point.settings, None if point.make_policy is None else point.make_policy())


@contextmanager
def _named(point: Point) -> Iterator[None]:
    """Errors say at which point they arose."""
    try:
        yield
    except Exception as error:
        error.add_note(f"while {point} was measured")
        raise


def _write(path: Path, content: Mapping[str, Any]) -> None:
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps(content, allow_nan=False) + "\n")
    os.replace(partial, path)


@contextmanager
def _processes(num_workers: int) -> Iterator[Executor]:
    """Processes of one thread each, none of which outlives an interruption."""
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads of numerical libraries in an unknown state
    others = set(multiprocessing.active_children())
    with _one_thread_each(), ProcessPoolExecutor(num_workers, context, initializer=_ignore_interruptions) as pool:
        try:
            yield pool
        except Exception:
            raise
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
            raise


def _ignore_interruptions() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the first one ends the others


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Libraries read these variables when they are loaded, so they must stand before a process starts."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
