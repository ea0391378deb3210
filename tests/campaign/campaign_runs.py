"""What a campaign does, as often as it is asked for: random networks, wild inputs, killed commands, long play."""

import csv
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from oracle_game import largest_error
from wild_inputs import ATTACKS, attacked

from multicell_env import MulticellVectorEnv, multicell_v0

ROOT = Path(__file__).parents[2]
TOLERANCES = {"float64": 1e-9, "float32": 2e-4}
TRAINING = [
    *("--num-slots", "4", "--num-envs", "4", "--num-steps", "60", "--warmup-steps", "4", "--eval-interval", "4", "--eval-blocks", "3"),
    *("--final-blocks", "3", "--hidden-sizes", "8", "--batch-size", "8", "--buffer-size", "200"),
]


def networks(count: int, first: int = 0) -> dict[str, Any]:
    """Random networks against the loops, in both precisions: how many are within the tolerance, and the largest error."""
    found: dict[str, Any] = {}
    for dtype, tolerance in TOLERANCES.items():
        errors = [largest_error(seed, dtype)[0] for seed in range(first, first + count)]
        beyond = [first + row for row, error in enumerate(errors) if not error <= tolerance]
        found[dtype] = {"networks": count, "tolerance": tolerance, "largest_error": max(errors), "beyond": beyond}
    return found


def inputs(count: int, first: int = 0) -> dict[str, Any]:
    """Wild inputs, shared out among the attacks: outcomes of each, and what was neither a result nor a clear error."""
    outcomes: dict[str, Any] = {name: Counter() for name in ATTACKS}
    others = []
    for seed in range(first, first + count):
        name = list(ATTACKS)[seed % len(ATTACKS)]
        try:
            outcomes[name][attacked(name, seed)] += 1
        except AssertionError as error:
            others.append(str(error))
    return {"inputs": count, "outcomes": {name: dict(counts) for name, counts in outcomes.items()}, "others": others}


def _command(*words: str) -> list[str]:
    return [sys.executable, str(ROOT / words[0]), *words[1:]]


def _metrics(run: Path) -> list[dict[str, str]]:
    with open(run / "metrics.csv") as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def kills(count: int, seed: int = 0) -> dict[str, Any]:
    """Trainings that are killed at random moments, resumed and killed again, until they end as one that was left alone does.

    An evaluation is killed at a random moment after each, and made again.
    """
    generator, killed, lost = random.Random(seed), 0, []
    with tempfile.TemporaryDirectory() as folder:
        quiet: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        begun = time.monotonic()
        subprocess.run(_command("train.py", "--name", "whole", *TRAINING), **quiet, check=True)
        seconds, runs, number = time.monotonic() - begun, Path(folder) / "runs", 0
        while killed < count:
            run, number = runs / f"killed{number}", number + 1
            words = ("train.py", "--name", run.name, *TRAINING)
            for _ in range(4):
                process = subprocess.Popen(_command(*words), **quiet)
                try:
                    process.communicate(timeout=generator.uniform(0.2, 1.0) * seconds)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.communicate()
                    killed += 1
                if (run / "config.json").exists():
                    words = ("train.py", "--resume", f"runs/{run.name}")
            last = subprocess.run(_command(*words), **quiet, check=False)
            if last.returncode != 0 or _metrics(run) != _metrics(runs / "whole"):
                lost.append(f"{run.name}: {last.stderr[-300:]}")
            results = run / "results.json"
            before = results.read_text() if results.exists() else ""
            evaluating = subprocess.Popen(_command("evaluate.py", f"runs/{run.name}", "--num-blocks", "5"), **quiet)
            try:
                evaluating.communicate(timeout=generator.uniform(0.2, 1.0) * seconds / 2.0)
            except subprocess.TimeoutExpired:
                evaluating.send_signal(signal.SIGKILL)
                evaluating.communicate()
                killed += 1
            if not results.read_text().rstrip().endswith("}") or not before:
                lost.append(f"{run.name}: results.json is not whole")
    return {"kills": killed, "lost": lost}


def _resident() -> float:
    """Megabytes that this process holds."""
    fields = Path("/proc/self/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0]) / 1024.0


def soak(steps: int, kind: str) -> dict[str, Any]:
    """Steps of an environment, of a batch of 16 or of a training, and the slope of the memory after the first tenth."""
    step = {"single": _single, "vector": _vector, "training": _training}[kind]()
    sizes, places = [], np.linspace(steps // 10, steps, 50).astype(int)
    done = 0
    for place in places:
        while done < place:
            done += step()
        sizes.append(_resident())
    slope = float(np.polyfit(places, sizes, 1)[0]) * 1e6
    return {"kind": kind, "steps": steps, "megabytes": sizes[-1], "megabytes_in_a_million_steps": slope}


def _single() -> Any:
    env = multicell_v0.parallel_env(observation="gain")
    actions = {agent: np.full(env.action_space(agent).shape, 0.1, np.float32) for agent in env.possible_agents}
    env.reset(seed=0)

    def step() -> int:
        if not env.agents:
            env.reset()
        env.step(actions)
        return 1

    return step


def _vector() -> Any:
    env = MulticellVectorEnv(16, observation="gain", num_threads=2)
    actions = np.full(env.action_space.shape, 0.1, np.float32)
    env.reset(seed=0)

    def step() -> int:
        env.step(actions)
        return 16

    return step


def _training() -> Any:
    from agents import TD3MixConfig, Training, TrainingConfig

    length = TrainingConfig(num_steps=10**9, num_envs=16, warmup_steps=4, buffer_size=320)
    batch = MulticellVectorEnv(16, observation="gain", autoreset_mode="DISABLED")
    training = Training(
        lambda: multicell_v0.parallel_env(observation="gain"), TD3MixConfig(hidden_sizes=(8,), batch_size=8), length, stacked_env=batch
    )

    def step() -> int:
        training.step()
        return 16

    return step
