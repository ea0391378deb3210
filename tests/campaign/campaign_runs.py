"""What a campaign does, as often as it is asked for: random networks, wild inputs, long play."""

import gc
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from oracle_game import largest_error
from wild_inputs import ATTACKS, attacked

from multicell_env import MulticellVectorEnv, multicell_v0

TOLERANCES = {"float64": 1e-9, "float32": 2e-4}


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


def _resident() -> float:
    """Megabytes that this process holds."""
    fields = Path("/proc/self/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0]) / 1024.0


def soak(steps: int, kind: str) -> dict[str, Any]:
    """Steps of an environment, of a batch of 16 or of a training, and the slope of the memory after the first tenth.

    Each size is taken after a full collection, which also empties Python's lists of free tuples: of each length up to 2,000 are kept, and a
    training fills them in its first 200,000 steps.
    """
    step = {"single": _single, "vector": _vector, "training": _training}[kind]()
    sizes, places = [], np.linspace(steps // 10, steps, 50).astype(int)
    done = 0
    for place in places:
        while done < place:
            done += step()
        gc.collect()
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
