"""Time and memory of networks of many cells: `python benchmarks/large_networks.py`.

Prints the time of a step and of a draw a cell with 19 and with 133 cells of six interferers each, what 5,000 such cells take to be
constructed and reset, and the memory that drawing 250 cells takes that all interfere at (M, U) = (64, 24). Seconds are processor seconds.
Every figure is of a process of its own, those a cell the least of three, because other processes share the caches.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.blocks import Blocks
from multicell_env.networks.mean_gains import SparseGains

SIDES = (1, 2, 3)
"""How far the interferers of a cell are from it on the ring, on both sides."""

CELLS_IN_ALL = 19 * 7 * 8
"""Cells of all blocks together, as many for small networks as for large ones, so that their arrays are as long."""


def ring(num_cells: int) -> SparseGains:
    """Gains of cells on a ring, of which each has six interferers, 10 dB below its own gain."""
    cells = np.arange(num_cells)
    tx = [cells, *((cells + sign * side) % num_cells for side in SIDES for sign in (-1, 1))]
    links: dict[str, Any] = {
        "tx": np.concatenate(tx),
        "rx": np.tile(cells, len(tx)),
        "gains": np.repeat([1.0] + [0.1] * (len(tx) - 1), num_cells),
    }
    return SparseGains(**links)


def fastest(call: Callable[[], object], times: int) -> float:
    """Seconds of the fastest call of several, after one that compiles and fills caches."""
    call()
    taken = []
    for _ in range(times):
        began = time.process_time()
        call()
        taken.append(time.process_time() - began)
    return min(taken)


def per_cell(num_cells: int) -> dict[str, float]:
    """Microseconds of a step and of a draw, over the number of cells."""
    env = MulticellVectorEnv(
        CELLS_IN_ALL // num_cells, num_cells=num_cells, mean_gains=ring(num_cells), observation="gain", num_slots=10**6
    )
    env.reset(seed=0)
    actions = np.random.default_rng(0).random(env.action_space.shape, dtype=np.float32)
    blocks = Blocks(env.config, env.num_envs)
    generators = [np.random.default_rng(seed) for seed in range(env.num_envs)]
    calls = {"step": lambda: env.step(actions), "draw": lambda: blocks.draw(range(env.num_envs), generators)}
    return {f"{name} [us/cell]": 1e6 * fastest(call, 200) / CELLS_IN_ALL for name, call in calls.items()}


def five_thousand() -> dict[str, float]:
    """Seconds to construct and to reset 5,000 cells of six interferers each, and the memory of the whole process; nothing is compiled."""
    multicell_v0.parallel_env(num_cells=8, mean_gains=ring(8), observation="gain").reset(seed=0)
    began = time.process_time()
    env = multicell_v0.parallel_env(num_cells=5000, mean_gains=ring(5000), observation="gain")
    constructed = time.process_time()
    env.reset(seed=0)
    reset = time.process_time()
    return {"construct [s]": constructed - began, "reset [s]": reset - constructed, "peak [GB]": peak()}


def dense() -> dict[str, float]:
    """Seconds and memory of a draw of 250 cells that all interfere, (M, U) = (64, 24), F = 6."""
    fields: dict[str, Any] = {"num_antennas": 64, "num_users": 24}
    Blocks(NetworkConfig(num_cells=2, **fields), 1).draw([0], [np.random.default_rng(0)])
    blocks = Blocks(NetworkConfig(num_cells=250, **fields), 1)
    before, began = peak(), time.process_time()
    blocks.draw([0], [np.random.default_rng(0)])
    return {
        "draw [s]": time.process_time() - began,
        "before [GB]": before,
        "gains drawn [GB]": blocks.gains.cross_gains.nbytes / 1e9,
        "peak beyond these [GB]": peak() - before - blocks.gains.cross_gains.nbytes / 1e9,
    }


def peak() -> float:
    """Most memory that this process has had, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


PARTS: dict[str, Callable[[], dict[str, float]]] = {
    "19 cells": lambda: per_cell(19),
    "133 cells": lambda: per_cell(133),
    "5000 cells": five_thousand,
    "250 cells, all interfere": dense,
}
"""What is measured, each in a process of its own."""
COMPARED = ["19 cells", "133 cells"]
"""What is measured by turns, so many times."""
TIMES = 3


def main() -> None:
    """Print every part, or one as JSON."""
    if len(sys.argv) > 1:
        print(json.dumps(PARTS[sys.argv[1]]()))
        return
    measured: dict[str, dict[str, float]] = {}
    for name in [*COMPARED * TIMES, *(name for name in PARTS if name not in COMPARED)]:
        output = subprocess.run([sys.executable, __file__, name], capture_output=True, text=True, check=True).stdout
        found, before = json.loads(output), measured.get(name)
        measured[name] = found if before is None else {key: min(value, before[key]) for key, value in found.items()}
    for name in PARTS:
        print(f"{name:26s}" + "  ".join(f"{key} {value:.3g}" for key, value in measured[name].items()), flush=True)
    for key in measured[COMPARED[0]]:
        print(f"{key}: 133 cells over 19 {measured['133 cells'][key] / measured['19 cells'][key]:.3f}")


if __name__ == "__main__":
    main()
