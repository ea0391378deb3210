"""Steps per second through TorchRL: the batched environment of `multicell_env.adapters` beside TorchRL's own wrapper of the single one.

    python benchmarks/torchrl_throughput.py      # a minute; prints a table, writes docs/torchrl_throughput.json

Each is driven by TorchRL's `rollout` with random actions, over several blocks with their resets. A step moves all base stations of one
environment. Seconds are processor seconds of one thread; all are measured in turns, and medians over the turns are compared.
"""

import os

# OpenMP and BLAS read them once, when torch or numpy is first imported.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import json
import platform
import statistics
import time
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import tyro

from multicell_env import multicell_v0
from multicell_env.adapters import torchrl_env


@dataclass(frozen=True)
class Arguments:
    """Measure steps per second through TorchRL."""

    output: Path = Path("docs")
    """Where torchrl_throughput.json goes."""
    num_envs: tuple[int, ...] = (1, 32, 1024)
    """Batch sizes of the batched environment."""
    num_slots: int = 100
    """Slots of one rollout: ten blocks."""
    repeats: int = 9
    """Turns."""


def wrapped() -> Any:
    """TorchRL's own wrapper of the single environment, with everything that the batched one gives."""
    from torchrl.envs import PettingZooWrapper

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PettingZoo in TorchRL is tested using version", UserWarning)
        return PettingZooWrapper(multicell_v0.parallel_env(observation="gain"), return_state=True)


def steps_per_second(env: Any, num_slots: int) -> float:
    """Environment steps of one rollout in a second of processor time."""
    begin = time.process_time()
    steps = env.rollout(num_slots, break_when_any_done=False).numel()
    return steps / (time.process_time() - begin)


def main(arguments: Arguments) -> None:
    """Measure, print, save."""
    if not arguments.output.is_dir():
        raise SystemExit(f"error: --output must be a folder that exists; got {arguments.output}. Make it first.")
    torch.set_num_threads(1)
    baseline = "PettingZooWrapper, one environment"
    envs = {baseline: wrapped()} | {f"torchrl_env({size})": torchrl_env(size, seed=0) for size in arguments.num_envs}
    for env in envs.values():
        env.rollout(20, break_when_any_done=False)
    turns = [{name: steps_per_second(env, arguments.num_slots) for name, env in envs.items()} for _ in range(arguments.repeats)]
    rows = [
        {
            "environment": name,
            "steps_per_second": statistics.median(turn[name] for turn in turns),
            "times_wrapper": statistics.median(turn[name] / turn[baseline] for turn in turns),
        }
        for name in envs
    ]
    print(f"{'environment':36}{'steps/s':>12}{'x wrapper':>12}")
    for row in rows:
        print(f"{row['environment']:36}{row['steps_per_second']:>12,.0f}{row['times_wrapper']:>12.1f}")
    content = {
        "machine": {"processor": platform.processor() or platform.machine(), "cpus": os.cpu_count(), "python": platform.python_version()},
        "packages": {package: version(package) for package in ("torchrl", "tensordict", "torch", "pettingzoo", "numpy")},
        "num_slots": arguments.num_slots,
        "repeats": arguments.repeats,
        "rows": rows,
    }
    path = arguments.output / "torchrl_throughput.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"wrote {path}")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
