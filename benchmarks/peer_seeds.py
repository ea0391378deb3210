"""Several runs of peer_algorithms.py, each in a process of its own, on this machine or on a cluster."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from experiments.executors.engines import ClusterArguments, opened
from experiments.executors.jobs import Job, Progress, run_jobs
from experiments.executors.scripts import Written, run_script


def run_seeds(words: Sequence[str], seeds: Sequence[int], output: Path, where: ClusterArguments, num_workers: int | None) -> None:
    """Run every seed whose files come back to a folder.

    Args:
        words: The command line of all, without seed and output.
        seeds: One run each.
        output: Where the files go.
        where: On which workers.
        num_workers: Runs at a time; 1 on this machine, on a cluster as many as it has processors.
    """
    output.mkdir(parents=True, exist_ok=True)

    def finish(job: Job, written: Written) -> None:
        for name, content in written.files.items():
            (output / name).write_bytes(_as_written_here(content, output) if name.endswith(".json") else content)
        print(written.output.strip().splitlines()[-1])

    script = "benchmarks/peer_algorithms.py"
    jobs = [Job(partial(run_script, script, (*words, "--seed", str(seed))), f"{words[0]}, seed {seed}") for seed in seeds]
    with opened(where, num_workers, usual=1) as workers:
        run_jobs(jobs, finish, workers, Progress("peers", "run"))


def words_of(arguments: Any) -> tuple[str, ...]:
    """The command line of one run, without seed and output."""
    names = ("num_steps", "settings", "rounds", "num_blocks")
    given = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    return (arguments.algorithm, *(word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))))


def _as_written_here(content: bytes, output: Path) -> bytes:
    """A result as the same run on this machine would have written it."""
    result = json.loads(content)
    if isinstance(result.get("arguments"), Mapping):
        result["arguments"]["output"] = str(output)
        return json.dumps(result, indent=1, allow_nan=False).encode() + b"\n"
    return content
