"""Steps per second of the environment on a device of torch, beside the kernels on the processor.

    python benchmarks/device_throughput.py             # on every device that is there; prints a table, writes docs/device_throughput.json
    python benchmarks/device_throughput.py --device cuda --num-envs 1024 16384 262144

A step moves all base stations of one environment, with actions that were made before. On a processor seconds are processor seconds of one
thread, and elsewhere elapsed ones until the device has ended. All are measured in turns; the best of each is compared.
"""

import os

# OpenMP and BLAS read them once, when torch or numpy is first imported.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import itertools
import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import tyro

from multicell_env import PAPER_8X4, MulticellVectorEnv, NetworkConfig
from multicell_env.tensors import TorchVectorEnv

NO_DRAWS = 10**9
"""Slots of a block that never ends."""


@dataclass(frozen=True)
class Arguments:
    """Measure steps per second on devices of torch."""

    output: Path = Path("docs")
    """Where device_throughput.json goes."""
    device: tuple[str, ...] = ()
    """Devices; all that are there by default."""
    num_envs: tuple[int, ...] = (1024,)
    """Batch sizes."""
    num_iterations: int = 5
    """k."""
    num_threads: int = 1
    """Threads of the kernels."""
    repeats: int = 5
    """Turns."""
    ways: tuple[Literal["compiled", "eager"], ...] = ("compiled", "eager")
    """How a step runs on a device."""


def torch_step(config: NetworkConfig, num_envs: int, *, device: str = "cpu", compiled: bool = True) -> Callable[[], object]:
    """One step of a batch on a device, with actions that were drawn before, "gain" observations."""
    env = TorchVectorEnv(num_envs, config, observation="gain", device=device, compiled=compiled)
    env.reset(seed=0)
    shape = (num_envs, *env.single_action_space.shape)
    drawn = [torch.from_numpy(np.random.default_rng(i).random(shape, dtype=np.float32)).to(device) for i in range(4)]
    actions = itertools.cycle(drawn)
    return lambda: env.step(next(actions))


def kernel_step(config: NetworkConfig, num_envs: int, num_threads: int) -> Callable[[], object]:
    """The same by the kernels."""
    env = MulticellVectorEnv(num_envs, config, observation="gain", num_threads=num_threads)
    env.reset(seed=0)
    shape = (num_envs, *env.single_action_space.shape)
    actions = itertools.cycle([np.random.default_rng(i).random(shape, dtype=np.float32) for i in range(4)])
    return lambda: env.step(next(actions))


def seconds_of(step: Callable[[], object], calls: int, device: str, num_threads: int) -> float:
    """Seconds of so many steps."""
    clock = time.process_time if device == "cpu" and num_threads == 1 else time.perf_counter
    begin = clock()
    for _ in range(calls):
        step()
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    return clock() - begin


def devices() -> tuple[str, ...]:
    """Those that are there."""
    return ("cpu", *(("cuda",) if torch.cuda.is_available() else ()), *(("mps",) if torch.backends.mps.is_available() else ()))


def main(arguments: Arguments) -> None:
    """Measure, print, save."""
    if not arguments.output.is_dir():
        raise SystemExit(f"error: --output must be a folder that exists; got {arguments.output}. Make it first.")
    rows: list[dict[str, Any]] = []
    for num_envs, draws in itertools.product(arguments.num_envs, (False, True)):
        config = replace(PAPER_8X4, num_iterations=arguments.num_iterations, num_slots=10 if draws else NO_DRAWS)
        steps = {("cpu", "kernels"): kernel_step(config, num_envs, arguments.num_threads)}
        for device, way in itertools.product(arguments.device or devices(), arguments.ways):
            steps[device, way] = torch_step(config, num_envs, device=device, compiled=way == "compiled")
        best = dict.fromkeys(steps, float("inf"))
        calls = max(20, min(500, 20480 // num_envs // 10 * 10))  # whole blocks, so that every run has its share of draws
        for turn, ((device, way), step) in itertools.product(range(arguments.repeats + 1), steps.items()):
            seconds = seconds_of(step, calls, device, arguments.num_threads)
            if turn > 0:  # the first one compiles
                best[device, way] = min(best[device, way], seconds / calls / num_envs)
        for (device, way), seconds in best.items():
            row = {"device": device, "way": way, "num_envs": num_envs, "draws": draws, "steps_per_second": 1.0 / seconds}
            rows.append({**row, "times_kernels": best["cpu", "kernels"] / seconds})
    print(f"{'device':8}{'way':10}{'envs':>8}  {'blocks':10}{'steps/s':>14}{'x kernels':>12}")
    for row in rows:
        blocks, rate, ratio = "10 slots" if row["draws"] else "endless", row["steps_per_second"], row["times_kernels"]
        print(f"{row['device']:8}{row['way']:10}{row['num_envs']:>8}  {blocks:10}{rate:>14,.0f}{ratio:>12.2f}")
    names = {device: torch.cuda.get_device_name(device) for device in arguments.device or devices() if device.startswith("cuda")}
    content = {
        "machine": {"processor": platform.processor() or platform.machine(), "cpus": os.cpu_count(), **names},
        "packages": {package: version(package) for package in ("torch", "numpy", "numba")},
        "num_iterations": arguments.num_iterations,
        "num_threads": arguments.num_threads,
        "rows": rows,
    }
    path = arguments.output / "device_throughput.json"
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"wrote {path}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(tyro.cli(Arguments))
