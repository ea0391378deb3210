"""How long TD3-MIX learns until it reaches 95, 98 and 99 % of the assignment bound, with the defaults of train.py.

    python benchmarks/training.py                      # (8, 4) and (32, 16), seeds 0 to 4
    python benchmarks/training.py --network 8x4 --seeds 0 1 2

Elapsed seconds of learning, random play at the beginning included; what evaluation takes here is left out, and so is compiling, which
happens once. Percent: the last slot's average cell capacity on train.py's validation blocks, every 10 vector steps.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import tyro
from gymnasium.vector import AutoresetMode
from rich.console import Console
from throughput import table

from agents.saved_actor import ActorPolicy
from agents.td3_mix.config import TD3MixConfig, TrainingConfig
from agents.td3_mix.training import Training
from experiments.studies.scenario_evaluation import Validation
from multicell_env import PAPER_8X4, PAPER_32X16, MulticellVectorEnv, NetworkConfig, multicell_v0

NETWORKS = {"8x4": PAPER_8X4, "32x16": PAPER_32X16}
MARKS = (95.0, 98.0, 99.0)
VALIDATION_SEED, VALIDATION_BLOCKS = 2_000_000, 100


@dataclass(frozen=True)
class Arguments:
    """Measure how fast TD3-MIX learns."""

    network: Literal["8x4", "32x16", "all"] = "all"
    """Antennas and users per cell."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """One run each."""
    max_steps: int = 1000
    """Vector steps after which a run is given up."""
    output: Path = Path("docs/training.json")
    """Where the numbers go."""


class Stopwatch:
    """Elapsed time inside some functions of an object, which are replaced by timed ones."""

    def __init__(self, target: Any, *names: str) -> None:
        self.seconds = 0.0
        for name in names:
            setattr(target, name, self._timed(getattr(target, name)))

    def _timed(self, function: Any) -> Any:
        def timed(*arguments: Any, **named: Any) -> Any:
            begin = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.seconds += time.perf_counter() - begin

        return timed


def learn(config: NetworkConfig, seed: int, max_steps: int) -> dict[str, Any]:
    """One run until the last mark is reached."""
    validation = Validation([config], VALIDATION_BLOCKS, VALIDATION_SEED, "gain")
    settings = TrainingConfig()
    many = MulticellVectorEnv(settings.num_envs, config, observation="gain", autoreset_mode=AutoresetMode.DISABLED)
    training = Training(
        lambda: multicell_v0.parallel_env(config, observation="gain"), TD3MixConfig(), settings, seed=seed, stacked_env=many
    )
    # Forward passes of critics and actors, backward passes, optimiser and target networks.
    learning = Stopwatch(training.algorithm, "_preprocess_batch", "_update_with_batch")
    seconds, reached = 0.0, {}
    while training.steps_done < max_steps and len(reached) < len(MARKS):
        begin = time.perf_counter()
        training.step()
        seconds += time.perf_counter() - begin
        if training.steps_done % 10 == 0:
            percent = validation.measure(ActorPolicy.of(training.actor, training.env, {}))["percent_of_bound"]
            reached |= {mark: (seconds, training.steps_done) for mark in MARKS if percent >= mark and mark not in reached}
    row: dict[str, Any] = {"seed": seed}
    for mark in MARKS:
        row[f"s to {mark:.0f} %"], row[f"steps to {mark:.0f} %"] = reached.get(mark, (None, max_steps))
    return row | {"ms a step": 1000.0 * seconds / training.steps_done, "% not learning": 100.0 * (1.0 - learning.seconds / seconds)}


def main(arguments: Arguments) -> None:
    """Learn, print, save."""
    torch.set_num_threads(1)  # as train.py does
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    console = Console(width=120, markup=False, highlight=False)
    names = list(NETWORKS) if arguments.network == "all" else [arguments.network]
    results = {}
    for name in names:
        warm_up = MulticellVectorEnv(1, NETWORKS[name], observation="gain")  # compiles, or finds what was compiled
        warm_up.reset()
        warm_up.step(np.zeros((1, *warm_up.single_action_space.shape), np.float32))
        rows = [learn(NETWORKS[name], seed, arguments.max_steps) for seed in arguments.seeds]
        median = {key: float(np.median(np.array([row[key] for row in rows], float))) for key in rows[0]} | {"seed": "median"}
        console.print(table(f"{name}, one torch thread", [*rows, median]))
        results[name] = rows
    arguments.output.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n")
    console.print(f"wrote {arguments.output}")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
