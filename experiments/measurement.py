"""One point of a figure: a method on a network, slot by slot or iteration by iteration."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from multicell_env.allocations.simple import best_assignment, random_allocation, uniform_allocation
from multicell_env.blocks import Blocks
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.playing import Policy, decide, draw_blocks, evaluate_allocations, evaluate_policy, fractions_of, summary
from multicell_env.observation import Observation, Observer

OPENINGS = {"flwf_from_assignment": lambda *known: best_assignment(*known).powers, "flwf_from_uniform": uniform_allocation}
"""Openings from which FLWF is followed, beside random ones."""


def measure(settings: Mapping[str, Any], policy: Policy | None) -> dict[str, Any]:
    """Play one method as a point's settings say.

    Args:
        settings: `method`; `config`, the fields of a `NetworkConfig`; `seed`, `num_blocks`; `observation` of a policy or None;
            `num_iterations`, how many to show one by one, or 0 to show slots; `num_starts`, how many random starts then.
        policy: The policy that the settings name, for a learned method. A method whose name ends in `_opening` acts once.

    Returns:
        Average cell capacity in bit/s/Hz after every slot or iteration: `mean` and `ci95` over blocks, `std` over blocks and random
        starts; `last` and `all` (their mean) with the half-width of the 95 % interval over blocks; and `ms_per_decision`.
    """
    config = NetworkConfig.from_json(settings["config"])
    blocks = {"num_blocks": settings["num_blocks"], "seed": settings["seed"]}
    method, opening_only = settings["method"], settings["method"].endswith("_opening")
    ms_per_decision = None
    if settings["num_iterations"] and (policy is not None or method.startswith("flwf")):
        drawn = draw_blocks(config, **blocks)
        if method in OPENINGS:
            opening = fractions_of(OPENINGS[method](drawn.gains, drawn.user_budgets), drawn)
            capacities = _iterate(drawn, opening, settings["num_iterations"])[None]
        elif policy is None:
            capacities = flwf_trajectories(drawn, settings["num_starts"], settings["num_iterations"], settings["seed"])
        else:
            capacities = trajectory(policy, drawn, settings["observation"], settings["num_iterations"], opening_only=opening_only)[None]
    else:
        if policy is None:
            (played,) = evaluate_allocations(config, **blocks, methods=(method,))
        else:
            played = evaluate_policy(
                method, policy, config, observation=settings["observation"], batched=True, opening_only=opening_only, **blocks
            )
        capacities, ms_per_decision = played.per_slot[None], played.ms_per_decision
        if settings["num_iterations"]:  # a method that does not iterate is a level line
            capacities = np.repeat(capacities[..., :1], settings["num_iterations"], axis=-1)
    return {**_described(capacities), "ms_per_decision": ms_per_decision}


def trajectory(
    policy: Policy, blocks: Blocks, observation: Observation, num_iterations: int, *, opening_only: bool
) -> Float[np.ndarray, "block iteration"]:
    """Average cell capacity of a policy after every single FLWF iteration, bit/s/Hz.

    Args:
        policy: Opens the first slot; every k iterations, where the next slot begins, it acts again.
        blocks: Fresh blocks of a network with k >= 1.
        observation: What the policy sees.
        num_iterations: Iterations to play, over as many slots as they need.
        opening_only: True lets it act in the first slot only.
    """
    observer, every = Observer(observation, blocks), num_iterations if opening_only else blocks.config.num_iterations
    capacities = []
    for iteration in range(num_iterations):
        fractions = blocks.hold() if iteration % every else decide(policy, observer, batched=True)
        capacities.append(blocks.play_slot(fractions, num_iterations=1).mean(axis=-1, dtype=np.float64))
    return np.stack(capacities, axis=-1)


def flwf_trajectories(blocks: Blocks, num_starts: int, num_iterations: int, seed: int) -> Float[np.ndarray, "start block iteration"]:
    """Average cell capacity after every single FLWF iteration from random starts, bit/s/Hz."""
    generator, starts = np.random.default_rng([seed, 3]), []
    for _ in range(num_starts):
        blocks.restart()
        opening = fractions_of(random_allocation(blocks.gains, blocks.user_budgets, generator), blocks)
        starts.append(_iterate(blocks, opening, num_iterations))
    return np.stack(starts)


def _iterate(blocks: Blocks, opening: np.ndarray, num_iterations: int) -> Float[np.ndarray, "block iteration"]:
    """Average cell capacity after every single FLWF iteration from an opening, bit/s/Hz."""
    capacities = [blocks.play_slot(opening, num_iterations=1).mean(axis=-1, dtype=np.float64)]
    for _ in range(1, num_iterations):
        capacities.append(blocks.play_slot(blocks.hold(), num_iterations=1).mean(axis=-1, dtype=np.float64))
    return np.stack(capacities, axis=-1)


def _described(capacities: Float[np.ndarray, "start block time"]) -> dict[str, Any]:
    per_block = capacities.mean(axis=0)
    columns = [summary(column) for column in per_block.T]
    many = capacities.shape[0] * capacities.shape[1] > 1
    return {
        "mean": [column["mean"] for column in columns],
        "ci95": [_known(column["ci95"]) for column in columns],
        "std": capacities.std(axis=(0, 1), ddof=1).tolist() if many else None,
        "last": {name: _known(value) for name, value in columns[-1].items()},
        "all": {name: _known(value) for name, value in summary(per_block.mean(axis=1)).items()},
    }


def _known(value: float) -> float | None:
    """JSON knows no NaN: one block has no interval."""
    return None if np.isnan(value) else value
