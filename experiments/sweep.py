"""Many measurements in parallel, each written down when it is finished and never made twice."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from agents.files import parsed
from experiments.executors.jobs import HERE, Job, Progress, Workers, closing, run_jobs
from experiments.executors.processes import Processes
from multicell_env.evaluation.policies import Policy
from multicell_env.evaluation.writing import write_text

Result = dict[str, Any]
"""What a measurement found: numbers, text, and lists and dictionaries of them."""


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
    next one goes on from there. A point whose worker dies is measured again, three times in all; one that fails is named, and the others
    finish. An interruption (Ctrl-C) ends them at once.

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
        ChildProcessError: workers died at some points, for example because memory ran out.
        ValueError: a file of the cache is damaged; nothing is measured then.
    """
    folder = Path(cache)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {point.key: folder / f"{point.key}.json" for point in points}
    missing = {point.key: point for point in points if not paths[point.key].exists()}
    for key in paths.keys() - missing.keys():
        _read(paths[key])  # what is damaged is told before hours of measuring
    jobs = {Job(partial(_measured, point.settings, point.make_policy, measure), str(point)): point for point in missing.values()}

    def finish(job: Job, result: Result) -> None:
        content = {"settings": jobs[job].settings, "result": result}
        write_text(paths[jobs[job].key], json.dumps(content, allow_nan=False) + "\n")

    run = partial(run_jobs, list(jobs), finish, progress=Progress(title, total=len(paths)))
    if executor is not None:
        run(Workers(executor, num_workers))
    elif num_workers == 1 or not jobs:
        run(HERE)
    else:
        processes = min(num_workers, len(jobs))
        with closing(Processes(processes)) as own:
            run(Workers(own, processes))
    return [_read(paths[point.key]) for point in points]


def _read(path: Path) -> Result:
    try:
        return parsed(path.read_text())["result"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} must be a point that was measured; it is damaged ({error}). Delete it: it is measured again.") from error


def _measured(settings: Mapping[str, Any], make_policy: Callable[[], Policy] | None, measure: Measure) -> Result:
    return measure(settings, None if make_policy is None else make_policy())
