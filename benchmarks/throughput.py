"""How fast the environment is: alone, in a batch, per iteration against the machine's ceilings, and beside its peers.

    python benchmarks/throughput.py            # eight minutes; prints tables, writes throughput.json and throughput.png
    python benchmarks/throughput.py --quick    # some ten seconds, rough

Seconds are processor seconds (see peers.py), but for the comparison of one thread with two, which needs elapsed ones.
"""

import os

# BLAS reads them once, when numpy is first imported.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import itertools
import json
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from ceilings import copy_bandwidth, matmul_flops, read_bandwidth
from device_throughput import torch_step
from matplotlib.figure import Figure
from peers import installed_peers, measure_in_turns, parallel_env_rate, steps_per_second
from rich.console import Console
from rich.table import Table

from multicell_env import PAPER_8X4, PAPER_32X16, MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.blocks import Blocks
from multicell_env.model.negotiation import negotiate

NETWORKS = {"(8, 4, 6)": PAPER_8X4, "(32, 16, 6)": PAPER_32X16, "(32, 16, 12)": replace(PAPER_32X16, num_bands=12)}
"""By (antennas, users per cell, bands); three cells each."""
NO_DRAWS = 10**9
"""Slots of a block that never ends."""
LARGE = 64
"""Environments from which on the cost of a step is to be flat."""


@dataclass(frozen=True)
class Arguments:
    """Measure the environment's speed."""

    output: Path = Path("docs")
    """Where throughput.json and throughput.png go."""
    quick: bool = False
    """Fewer cases and repeats."""


def batched_step(config: NetworkConfig, num_envs: int, num_threads: int = 1) -> Callable[[], object]:
    """One step of a batch with actions that were drawn before, "gain" observations."""
    env = MulticellVectorEnv(num_envs, config, observation="gain", num_threads=num_threads)
    env.reset(seed=0)
    shape = (num_envs, *env.single_action_space.shape)
    actions = itertools.cycle([np.random.default_rng(i).random(shape, dtype=np.float32) for i in range(4)])
    return lambda: env.step(next(actions))


def best_seconds(run: Callable[[], object], *, calls: int = 1, repeats: int = 5, clock: Callable[[], float] = time.process_time) -> float:
    """Shortest time of one call among several runs of `calls`, after one that is not counted."""
    run()
    shortest = float("inf")
    for _ in range(repeats):
        begin = clock()
        for _ in range(calls):
            run()
        shortest = min(shortest, clock() - begin)
    return shortest / calls


def batched_rows(quick: bool) -> Iterator[dict[str, Any]]:
    """Microseconds per environment step for every network, k, batch size, with draws (T = 10) and without."""
    sizes: tuple[int, ...] = (1, 16) if quick else (1, 16, 64, 256, 1024, 4096)
    for (name, network), k, draws in itertools.product(NETWORKS.items(), (0, 5, 20), (False, True)):
        config = replace(network, num_iterations=k, num_slots=10 if draws else NO_DRAWS)
        steps = {size: batched_step(config, size) for size in sizes}
        # Whole blocks, so that every run has its share of draws; about 50 ms at least.
        calls = {size: 10 * max(1, round(0.005 / best_seconds(step, repeats=1))) for size, step in steps.items()}
        best: dict[int, float] = dict.fromkeys(sizes, float("inf"))
        for _ in range(1 if quick else 5):  # in turns, because the machine's speed drifts
            for size, step in steps.items():
                best[size] = min(best[size], best_seconds(step, calls=calls[size], repeats=1))
        for size, seconds in best.items():
            yield {"network": name, "k": k, "draws": draws, "num_envs": size, "us_per_step": 1e6 * seconds / size}


def read_rows(quick: bool) -> Iterator[dict[str, Any]]:
    """Microseconds for reading the cross gains of as many environments once: what a step without negotiation does at least."""
    for (name, network), num_envs in itertools.product(NETWORKS.items(), () if quick else (64, 256, 1024, 4096)):
        size = Blocks(network, 1).gains.cross_gains.nbytes
        yield {"network": name, "num_envs": num_envs, "us_per_env": 1e6 * size / read_bandwidth(num_envs * size)}


def iteration_row(name: str, config: NetworkConfig, num_turns: int) -> dict[str, Any]:
    """One FLWF iteration on one environment, float32: the kernel, the readable equations (float64) and the roofline.

    Counted per iteration: two operations for each cross gain (multiply, add); 25 for each user and band: the INGR's product (1), the level
    (9, root and division as one each) and the lowest (1), two passes of water-filling (8), the answer (6). Bytes: every cross gain read
    once; powers read and written, INGR and 1 / signal gain read.
    """
    blocks = Blocks(config, 1)
    blocks.draw([0], [np.random.default_rng(0)])
    fractions = np.random.default_rng(1).random(blocks.powers.shape, dtype=np.float32)
    pairs = blocks.gains.cross_gains.size
    tokens = blocks.powers.size
    operations, moved = 2 * pairs + 25 * tokens, 4 * (pairs + 4 * tokens)

    opening = fractions / np.maximum(fractions.sum(axis=-2, keepdims=True), 1.0) * blocks.user_budgets[..., None, :]

    def slot(k: int) -> float:
        return best_seconds(lambda: blocks.play_slot(fractions, num_iterations=k), calls=20, repeats=5)

    turns = []
    for _ in range(num_turns):  # in turns, because the machine's speed drifts
        none, twenty, hundred, two_hundred = (slot(k) for k in (0, 20, 100, 200))
        ceiling = max(operations / matmul_flops(repeats=3), moved / copy_bandwidth(max(moved, 16 * 1024), repeats=3))
        readable = best_seconds(lambda: negotiate(opening, blocks.gains, blocks.user_budgets, 20), repeats=2) / 20
        turns.append(((twenty - none) / 20, (two_hundred - hundred) / 100, ceiling, readable))
    kernel, settled, roofline, numpy_reference = np.array(turns).T
    return {
        "network": name,
        "kernel_us": 1e6 * float(np.median(kernel)),
        "settled_us": 1e6 * float(np.median(settled)),
        "numpy_us": 1e6 * float(np.median(numpy_reference)),
        "roofline_us": 1e6 * float(np.median(roofline)),
        "operations": operations,
        "bytes": moved,
        "times_roofline": float(np.median(kernel / roofline)),
        "settled_times_roofline": float(np.median(settled / roofline)),
        "times_faster_than_numpy": float(np.median(numpy_reference / kernel)),
    }


def straightforward_block(config: NetworkConfig, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Signal and cross gains of a block as anybody would first write them, in complex128: the baseline of `draw_row`."""
    cells, users = config.num_cells, config.max_users
    shape = (cells, cells, config.num_bands, config.num_antennas, users)
    h = (generator.standard_normal(shape) + 1j * generator.standard_normal(shape)) * np.sqrt(0.5 * config.mean_gain_matrix)[
        ..., None, None, None
    ]
    own = h[np.arange(cells), np.arange(cells)]
    gram = np.swapaxes(own.conj(), -1, -2) @ own
    beams = own @ np.linalg.inv(gram)
    beams /= np.linalg.norm(beams, axis=-2, keepdims=True)
    heard = np.abs(np.swapaxes(beams.conj(), -1, -2)[:, None] @ h) ** 2
    return np.abs(np.sum(beams.conj() * own, axis=-2)) ** 2, heard


def draw_row(name: str, config: NetworkConfig, num_turns: int) -> dict[str, Any]:
    """Drawing and beamforming one block: ours against the straightforward NumPy in complex128."""
    blocks, generator = Blocks(config, 1), np.random.default_rng(0)
    turns = []
    for _ in range(num_turns):
        ours = best_seconds(lambda: blocks.draw([0], [generator]), calls=5, repeats=4)
        turns.append((ours, best_seconds(lambda: straightforward_block(config, generator), repeats=4)))
    ours, numpy_code = np.array(turns).T
    median_us = [1e6 * float(np.median(times)) for times in (ours, numpy_code)]
    return {"network": name, "ours_us": median_us[0], "numpy_us": median_us[1], "times_faster": float(np.median(numpy_code / ours))}


def peer_rates(quick: bool) -> dict[str, Any]:
    """Steps per second of ours and the peers', measured in turns."""
    batch = {
        f"ours, 1024 envs, k = {k}{', draws' if draws else ''}": lambda seconds, k=k, draws=draws: steps_per_second(
            batched_step(replace(PAPER_8X4, num_iterations=k, num_slots=10 if draws else NO_DRAWS), 1024), seconds, steps_per_call=1024
        )
        for k, draws in ((0, False), (5, False), (5, True))
    }
    if not quick:  # the compiler alone takes from ten seconds to a minute
        batch |= {
            f"ours in torch, 1024 envs, k = 5{', draws' if draws else ''}": lambda seconds, draws=draws: steps_per_second(
                torch_step(replace(PAPER_8X4, num_slots=10 if draws else NO_DRAWS), 1024), seconds, steps_per_call=1024
            )
            for draws in (False, True)
        }
    ours = {
        "ours, PettingZoo, k = 5, resets": lambda seconds: parallel_env_rate(multicell_v0.parallel_env(observation="gain"), seconds)
    } | batch
    effort = {"rounds": 1, "seconds": 0.1} if quick else {"rounds": 5, "seconds": 0.5}
    return {name: rate._asdict() for name, rate in measure_in_turns(ours | installed_peers(), **effort).items()}


def thread_speedup(num_turns: int, **changes: Any) -> float:
    """Elapsed time of one thread over two, 1,024 environments, k = 5; the two measured in turns, the median of the ratios."""
    one, two = (batched_step(replace(PAPER_8X4, **changes), 1024, threads) for threads in (1, 2))
    # Ten calls are a whole block, with its draw.
    times = [[best_seconds(step, calls=10, repeats=4, clock=time.perf_counter) for step in (one, two)] for _ in range(num_turns)]
    return float(np.median([first / second for first, second in times]))


def bytes_per_env() -> dict[str, float]:
    """What one more environment of a batch holds, "gain" observations: all its arrays, from batches of 64 and of 128."""

    def held(config: NetworkConfig, num_envs: int) -> int:
        env = MulticellVectorEnv(num_envs, config, observation="gain")
        arrays = [*vars(env._blocks).values(), *env._blocks.gains, *vars(env._observer).values()]
        return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))

    return {name: (held(config, 128) - held(config, 64)) / 64 for name, config in NETWORKS.items()}


def ratios_of(peers: dict[str, Any]) -> dict[str, float]:
    """Ours over a peer's, by the best of each."""
    pairs = {
        "PettingZoo API over mpe2": ("ours, PettingZoo, k = 5, resets", "mpe2 simple_spread_v3"),
        "PettingZoo API over mobile-env": ("ours, PettingZoo, k = 5, resets", "mobile-env mobile-small-ma-v0"),
        "batched k = 5 over VMAS": ("ours, 1024 envs, k = 5", "vmas simple_spread, 1024 envs"),
        "batched k = 5 with draws over VMAS": ("ours, 1024 envs, k = 5, draws", "vmas simple_spread, 1024 envs"),
        "torch, compiled, over the kernels, k = 5": ("ours in torch, 1024 envs, k = 5", "ours, 1024 envs, k = 5"),
        "torch, compiled, over the kernels, k = 5 with draws": ("ours in torch, 1024 envs, k = 5, draws", "ours, 1024 envs, k = 5, draws"),
        "batched k = 5 over JaxMARL": ("ours, 1024 envs, k = 5", "jaxmarl simple_spread, 1024 envs"),
        "batched k = 5 with draws over JaxMARL": ("ours, 1024 envs, k = 5, draws", "jaxmarl simple_spread, 1024 envs"),
        "batched k = 0 over VMAS": ("ours, 1024 envs, k = 0", "vmas simple_spread, 1024 envs"),
    }
    return {name: peers[ours]["best"] / peers[other]["best"] for name, (ours, other) in pairs.items() if {ours, other} <= set(peers)}


def table(title: str, rows: list[dict[str, Any]]) -> Table:
    """Rows of equal keys as a table."""
    shown = Table(title=title, title_justify="left", box=None, title_style="bold")
    for key in rows[0]:
        shown.add_column(key, justify="left" if isinstance(rows[0][key], str) else "right")
    for row in rows:
        shown.add_row(*(f"{value:,.2f}" if isinstance(value, float) else str(value) for value in row.values()))
    return shown


def batch_table(rows: list[dict[str, Any]], reads: list[dict[str, Any]]) -> Table:
    """Microseconds per environment step, and for reading gains alone; a column for each batch size."""
    sizes = sorted({row["num_envs"] for row in rows})
    times = {(row["network"], row["k"], "T = 10" if row["draws"] else "endless", row["num_envs"]): row["us_per_step"] for row in rows}
    times |= {(row["network"], "-", "gains read once", row["num_envs"]): row["us_per_env"] for row in reads}
    cases = dict.fromkeys(key[:3] for key in times)

    def flatness(case: tuple[str, Any, str]) -> dict[str, float]:
        large = [times[*case, size] for size in sizes if size >= LARGE]
        return {f"longest / shortest from {LARGE}": max(large) / min(large)} if large else {}

    return table(
        "us per environment step, one thread (columns: environments in the batch)",
        [
            {"network": case[0], "k": str(case[1]), "blocks": case[2]}
            | {str(size): times.get((*case, size), "") for size in sizes}
            | flatness(case)
            for case in cases
        ],
    )


def save_picture(rows: list[dict[str, Any]], reads: list[dict[str, Any]], path: Path) -> None:
    """Time per environment step, and for reading gains alone, against the batch size."""
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    axes = figure.subplots(1, len(NETWORKS), sharey=True)
    styles = {0: ("#009E73", "s"), 5: ("#0072B2", "o"), 20: ("#D55E00", "^")}
    for axis, name in zip(axes, NETWORKS, strict=True):
        for (k, (color, marker)), draws in itertools.product(styles.items(), (False, True)):
            points = [(row["num_envs"], row["us_per_step"]) for row in rows if (row["network"], row["k"], row["draws"]) == (name, k, draws)]
            label = f"k = {k}, {'new block every 10 slots' if draws else 'endless blocks'}"
            axis.plot(*zip(*points, strict=True), color=color, marker=marker, linestyle="--" if draws else "-", label=label)
        points = [(row["num_envs"], row["us_per_env"]) for row in reads if row["network"] == name]
        if points:
            axis.plot(*zip(*points, strict=True), color="0.4", marker="x", linestyle=":", label="no step: gains read once")
        axis.set(xscale="log", yscale="log", title=f"(M, U, F) = {name}", xlabel="environments in the batch")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("time per environment step (µs)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.savefig(path, dpi=130)


def main(arguments: Arguments) -> None:
    """Measure, print, save."""
    console = Console(width=130, markup=False, highlight=False)
    if not arguments.output.is_dir():
        raise SystemExit(f"error: --output must be a folder that exists; got {arguments.output}. Make it first.")
    iterations = [iteration_row(name, config, 1 if arguments.quick else 15) for name, config in NETWORKS.items()]
    console.print(table("one FLWF iteration, one environment, float32", iterations))
    draws = [draw_row(name, config, 1 if arguments.quick else 15) for name, config in NETWORKS.items()]
    console.print(table("drawing and beamforming one block", draws))
    peers = peer_rates(arguments.quick)
    console.print(table("steps per second, one thread", [{"what": name, **rate} for name, rate in peers.items()]))
    turns = 1 if arguments.quick else 25
    ratios = ratios_of(peers)
    ratios |= {"two threads over one": thread_speedup(turns, num_slots=NO_DRAWS), "two threads over one, with draws": thread_speedup(turns)}
    console.print(table("ratios", [{"what": name, "ratio": ratio} for name, ratio in ratios.items()]))
    memory = bytes_per_env()
    console.print(table("memory", [{"network": name, "bytes per environment": int(size)} for name, size in memory.items()]))
    rows = list(batched_rows(arguments.quick))
    reads = list(read_rows(arguments.quick))
    console.print(batch_table(rows, reads))
    results = {
        "machine": {"processor": platform.processor() or platform.machine(), "cpus": os.cpu_count(), "python": platform.python_version()},
        "iterations": iterations,
        "draws": draws,
        "peers": peers,
        "ratios": ratios,
        "bytes_per_env": memory,
        "batched": rows,
        "reads": reads,
    }
    (arguments.output / "throughput.json").write_text(json.dumps(results, indent=1) + "\n")
    save_picture(rows, reads, arguments.output / "throughput.png")
    console.print(f"wrote {arguments.output / 'throughput.json'} and {arguments.output / 'throughput.png'}")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
