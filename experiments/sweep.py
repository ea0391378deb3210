"""Many measurements in parallel processes, each written down when it is finished and never made twice."""

import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from multicell_env.evaluation.policies import Policy

Result = dict[str, Any]
"""What a measurement found: numbers, text, and lists and dictionaries of them."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")

PRESENTING = (
    "animation.py",
    "claim_numbers.py",
    "claim_verdicts.py",
    "claims.py",
    "claims_picture.py",
    "command_line.py",
    "comparison.py",
    "curves.py",
    "figure_command.py",
    "figure_files.py",
    "figures.py",
    "named_policies.py",
    "paper_figures.py",
    "provenance.py",
    "rendering.py",
    "scenario_comparison.py",
    "scenario_evaluation.py",
    "scenario_figure.py",
    "scenarios.py",
    "sweep.py",
    "tables.py",
    "trainings.py",
)


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


Measure = Callable[[Mapping[str, Any], Policy | None], Result]
"""Settings and the policy that they name to a result; a function of a module, so that other processes find it."""


def sweep(
    points: Sequence[Point], measure: Measure, cache: str | os.PathLike[str], *, num_workers: int = 2, title: str = ""
) -> list[Result]:
    """Measure all points; those that the cache holds are read from it.

    A finished point is written at once, by the process that measured it, so a sweep that was interrupted goes on where it stood. An
    interruption lets the points in work finish first.

    Args:
        points: What to measure, the longest first if some are much longer.
        measure: Measures one point.
        cache: Folder with one file for each finished point. What else decides results, such as the code, belongs into its name.
        num_workers: Processes, each with one thread; one measures in this process.
        title: What the progress bar says.

    Returns:
        The results in the order of the points.
    """
    folder = Path(cache)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {point.key: folder / f"{point.key}.json" for point in points}
    missing = {point.key: point for point in points if not paths[point.key].exists()}
    bar = tqdm(total=len(paths), initial=len(paths) - len(missing), desc=title, unit="point", dynamic_ncols=True)
    try:
        if num_workers == 1:
            for key, point in missing.items():
                _finish(point, measure, paths[key])
                bar.update()
        elif missing:
            _in_processes(missing, measure, paths, min(num_workers, len(missing)), bar)
    finally:
        bar.close()
    return [json.loads(paths[point.key].read_text())["result"] for point in points]


def _in_processes(missing: Mapping[str, Point], measure: Measure, paths: Mapping[str, Path], num_workers: int, bar: Any) -> None:
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads of numerical libraries in an unknown state
    with _one_thread_each(), ProcessPoolExecutor(num_workers, context, initializer=_ignore_interruptions) as pool:
        futures = [pool.submit(_finish, point, measure, paths[key]) for key, point in missing.items()]
        try:
            for future in as_completed(futures):
                future.result()
                bar.update()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _finish(point: Point, measure: Measure, path: Path) -> None:
    result = measure(point.settings, None if point.make_policy is None else point.make_policy())
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps({"settings": point.settings, "result": result}, allow_nan=False) + "\n")
    os.replace(partial, path)


def _ignore_interruptions() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; this one finishes its point


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


def digest_of_sources() -> str:
    """A hash of this package's code but for what only presents results: results of other code are other results."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.name not in PRESENTING:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
