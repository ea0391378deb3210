"""Commands that are killed at random moments and begun again, until they end as one does that was left alone."""

import csv
import importlib.util
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import clusters

ROOT = Path(__file__).parents[2]
TRAINING = [
    *("--num-slots", "4", "--num-envs", "4", "--num-steps", "60", "--warmup-steps", "4", "--eval-interval", "4", "--eval-blocks", "3"),
    *("--final-blocks", "3", "--hidden-sizes", "8", "--batch-size", "8", "--buffer-size", "200"),
]
COMPILING = """
from multicell_env import MulticellVectorEnv
import numpy
env = MulticellVectorEnv(2, observation="gain")
env.reset(seed=0)
print(env.step(numpy.full(env.action_space.shape, 0.1, numpy.float32))[1].tolist())
"""
"""Compiles all that a step needs, where the folder of compiled functions is empty."""
SWEEP = ("evaluate.py", "--figure", "5", "--quick", "--num-blocks", "2", "--num-workers", "2", "--output", "figures", "--runs", "points")
NUM_KILLS = 4
"""Of one and the same work, at most."""
PATIENCE = 180.0
"""Seconds that what a killed command has started may take to end; Ray's own agents, which measure nothing, take more than one minute."""


@dataclass(frozen=True)
class Work:
    """One kind of command.

    Args:
        words: As it is begun.
        outcome: What it leaves in its folder, or None before it has ended; times are left out.
        begun: What is there once it can go on.
        again: As it is begun where that is there; by default as before.
        variables: Of its environment. `{folder}` is the folder.
    """

    words: tuple[str, ...]
    outcome: Callable[[Path], Any]
    begun: str = "nothing"
    again: tuple[str, ...] | None = None
    variables: dict[str, str] = field(default_factory=dict)


def _timeless(value: Any) -> Any:
    """Without what a clock or a calendar says."""
    if isinstance(value, dict):
        is_time = ("seconds", "milliseconds", "ms", "date", "time", "when", "command")
        return {key: _timeless(part) for key, part in value.items() if not any(word in key.split("_") for word in is_time)}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


def _json(place: str) -> Callable[[Path], Any]:
    return lambda folder: _timeless(json.loads((folder / place).read_text())) if (folder / place).exists() else None


def _metrics(folder: Path) -> Any:
    if not (folder / "runs/one/results.json").exists():
        return None
    with open(folder / "runs/one/metrics.csv") as file:
        return [_timeless(row) for row in csv.DictReader(file)]


def _printed(folder: Path) -> Any:
    return (folder / "printed").read_text() or None


def works() -> dict[str, Work]:
    """Each kind of command that runs for longer than a moment."""
    found = {
        "training": Work(("train.py", "--name", "one", *TRAINING), _metrics, "runs/one/config.json", ("train.py", "--resume", "runs/one")),
        "evaluation": Work(("evaluate.py", "--num-blocks", "40", "--output", "results"), _json("results/results.json")),
        "sweep": Work(SWEEP, _json("figures/figure5.json")),
        "compiling": Work(("-c", COMPILING), _printed, variables={"NUMBA_CACHE_DIR": "{folder}/compiled", "PYTHONPATH": str(ROOT)}),
    }
    if importlib.util.find_spec("ray") is not None:
        found["sweep on Ray"] = Work((*SWEEP, "--executor", "ray"), found["sweep"].outcome)
    return found


def begin(work: Work, words: tuple[str, ...], folder: Path) -> subprocess.Popen[str]:
    """Begin the work in its folder, whose path marks all of its processes."""
    command = [sys.executable, *((str(ROOT / words[0]), *words[1:]) if words[0] != "-c" else words)]
    variables = {name: value.format(folder=folder) for name, value in work.variables.items()}
    environment = {**os.environ, **variables, clusters.MARK: str(folder)}
    with open(folder / "printed", "w") as printed:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=printed, stderr=subprocess.PIPE, text=True)


def killed_until_done(work: Work, folder: Path, seconds: float, generator: random.Random) -> tuple[int, str]:
    """Kill the work some times, then let it end; how often it was killed, and what its last process said where it failed."""
    killed, words = 0, work.words
    for _ in range(NUM_KILLS):
        process = begin(work, words, folder)
        try:
            process.communicate(timeout=generator.uniform(0.05, 0.7) * seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
            end = time.monotonic() + PATIENCE
            while left := clusters.marked(str(folder)):
                if time.monotonic() > end:
                    return killed, f"processes {left} outlive the killed command"
                time.sleep(0.1)
            process.communicate()
        if work.again is not None and (folder / work.begun).exists():
            words = work.again
    last = begin(work, words, folder)
    said = last.communicate()[1]
    return killed, said if last.returncode != 0 else ""


def kills(count: int, seed: int = 0) -> dict[str, Any]:
    """Every kind of work in turns, killed at random moments, until there were so many kills: their numbers, and what ended otherwise."""
    generator, killed, lost = random.Random(seed), Counter[str](), []
    with tempfile.TemporaryDirectory() as everything:
        expected, seconds = {}, {}
        for name, work in works().items():
            (folder := Path(everything) / name).mkdir()
            since = time.monotonic()
            said = (process := begin(work, work.words, folder)).communicate()[1]
            seconds[name], expected[name] = time.monotonic() - since, work.outcome(folder)
            if process.returncode != 0 or expected[name] is None:
                raise RuntimeError(f"{name} fails without a kill: {said[-500:]}")
        number = 0
        while killed.total() < count:
            for name, work in works().items():
                number += 1
                (folder := Path(everything) / f"{name} {number}").mkdir()
                times, said = killed_until_done(work, folder, seconds[name], generator)
                killed[name] += times
                if said or work.outcome(folder) != expected[name]:
                    lost.append(f"{name} {number}: {said[-300:] or 'ended otherwise'}")
    left_out = [] if "sweep on Ray" in expected else ["sweep on Ray: ray is not installed"]
    return {"kills": killed.total(), "of": dict(killed), "lost": lost, "left_out": left_out}
