"""One point of a figure: a method on a network, slot by slot or iteration by iteration, and where its negotiation settles."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from experiments.figures.equilibrium import MOST_ITERATIONS, settle
from multicell_env import streams
from multicell_env.allocations.assignment import best_assignment
from multicell_env.allocations.simple import random_allocation, uniform_allocation
from multicell_env.blocks import Blocks
from multicell_env.config import Negotiation, NetworkConfig
from multicell_env.evaluation.playing import draw_blocks, evaluate_allocations, evaluate_policy, fractions_of
from multicell_env.evaluation.policies import Policy, decide
from multicell_env.evaluation.results import summary
from multicell_env.model.interference import ingr, sum_rates
from multicell_env.observation import Observation, Observer

OPENINGS = {"flwf_from_assignment": lambda *known: best_assignment(*known).powers, "flwf_from_uniform": uniform_allocation}
"""Openings from which FLWF is followed, beside random ones."""
FROM_RANDOM = ("flwf", "iwf")
"""Negotiations that begin at random starts."""
NEAR = 0.01
"""Share of its end within which a capacity counts as there."""
DIGITS = 4
"""Decimals of a capacity in bit/s/Hz that are kept; its interval is a hundred times as wide at least."""


def measure(settings: Mapping[str, Any], policy: Policy | None) -> dict[str, Any]:
    """Play one method as a point's settings say.

    Args:
        settings: `method`; `config`, the fields of a `NetworkConfig`; `seed`, `num_blocks`; `observation` of a policy or None;
            `num_iterations`, how many to show one by one, or 0 to show slots; `num_starts`, how many random starts or random allocations;
            `channels_per_start`, over how many blocks each is averaged for their spread, or None for all.
        policy: The policy that the settings name, for a learned method. A method whose name ends in `_opening` acts once.

    Returns:
        Average cell capacity in bit/s/Hz. After every slot or iteration: `mean`; `ci95`, the half-width of the 95 % interval over blocks;
        and `std_over_starts`, by `spread_over_starts`. In one number, with `per_block`, the mean over starts in every block: `all`, the
        mean over slots or iterations; `settled`, where the negotiation settles or, for a method that does not iterate, the last slot.
        `iterations` says when it settled: `median` and `p90` over blocks and starts, how many did (`settled`) and how many had not after
        the most iterations (`not_settled`), and after how many a block's capacity stays within 1 % of its end (`near`, with its interval);
        None where nothing iterates. Random allocations have `best_draw` too, the best one of every block.
    """
    config = NetworkConfig.from_json(settings["config"])
    method, opening_only = settings["method"], settings["method"].endswith("_opening")
    shown, seed = settings["num_iterations"], settings["seed"]
    acts_while_iterating = policy is not None and bool(shown and config.num_iterations)
    if method in (*FROM_RANDOM, *OPENINGS, "random") or opening_only or acts_while_iterating:
        blocks = draw_blocks(config, settings["num_blocks"], seed)
        if method == "random":
            draws = random_draws(blocks, settings["num_starts"], seed)
            levels = np.repeat(draws[..., None], shown or config.num_slots, axis=-1)
            return {**_described(levels, settings["channels_per_start"]), "best_draw": _in_one(draws.max(axis=0)[None])}
        if policy is not None and not opening_only:
            return _described(trajectory(policy, blocks, settings["observation"], shown)[None])
        rule: Negotiation = "iwf" if method == "iwf" else "flwf"
        return _negotiated(blocks, _openings(blocks, settings, policy), shown, settings["channels_per_start"], rule)
    played: dict[str, Any] = {"num_blocks": settings["num_blocks"], "seed": seed, "timed": False}
    if policy is None:
        (result,) = evaluate_allocations(config, methods=(method,), **played)
    else:
        result = evaluate_policy(method, policy, config, observation=settings["observation"], batched=True, **played)
    # Without iterations a method is a level line in a figure of iterations: the last slot's.
    return _described((np.repeat(result.per_slot[:, -1:], shown, axis=1) if shown else result.per_slot)[None])


def trajectory(policy: Policy, blocks: Blocks, observation: Observation, num_iterations: int) -> Float[np.ndarray, "block iteration"]:
    """Average cell capacity after every single FLWF iteration of a policy that acts in every slot, bit/s/Hz.

    Args:
        policy: Opens every slot, which has k >= 1 iterations.
        blocks: Fresh blocks.
        observation: What the policy sees.
        num_iterations: Iterations to play, over as many slots as they need.
    """
    observer, k, capacities = Observer(observation, blocks), blocks.config.num_iterations, []
    for iteration in range(num_iterations):
        fractions = blocks.hold() if iteration % k else decide(policy, observer, batched=True)
        rates = blocks.play_slot(fractions, num_iterations=1, transmit=iteration % k == k - 1)
        capacities.append(rates.mean(axis=-1, dtype=np.float64))
    return np.stack(capacities, axis=-1)


def random_draws(blocks: Blocks, num_draws: int, seed: int) -> Float[np.ndarray, "draw block"]:
    """Average cell capacity of random allocations, bit/s/Hz: all blocks of one draw after another."""
    generator, draws = streams.generator(seed, streams.FIGURE_DRAWS), []
    for _ in range(num_draws):
        powers = random_allocation(blocks.gains, blocks.user_budgets, generator)
        draws.append(sum_rates(powers, ingr(powers, blocks.gains)).mean(axis=-1, dtype=np.float64))
    return np.stack(draws)


def random_starts(blocks: Blocks, num_starts: int, seed: int) -> list[np.ndarray]:
    """Random openings of all blocks, as fractions of the users' budgets; FLWF and IWF begin at the same."""
    generator = streams.generator(seed, streams.FIGURE_STARTS)
    return [fractions_of(random_allocation(blocks.gains, blocks.user_budgets, generator), blocks) for _ in range(num_starts)]


def _openings(blocks: Blocks, settings: Mapping[str, Any], policy: Policy | None) -> list[np.ndarray]:
    if policy is not None:
        return [decide(policy, Observer(settings["observation"], blocks), batched=True)]
    if settings["method"] in FROM_RANDOM:
        return random_starts(blocks, settings["num_starts"], settings["seed"])
    return [fractions_of(OPENINGS[settings["method"]](blocks.gains, blocks.user_budgets), blocks)]


def _negotiated(
    blocks: Blocks, openings: Sequence[np.ndarray], num_iterations: int, channels_per_start: int | None, rule: Negotiation
) -> dict[str, Any]:
    """The negotiation alone, from one or more openings.

    Undamped, it spends the whole budget in every slot, so budgets stay nominal (5), and slot t ends where iteration k t does.
    """
    config = blocks.config
    k = config.num_iterations or 5
    longest = max(MOST_ITERATIONS, num_iterations, k * config.num_slots)
    curves, capacities, iterations, near = [], [], [], []
    for opening in openings:
        blocks.restart()
        negotiation = settle(blocks, opening, negotiation=rule, most_iterations=longest)
        shown = slice(num_iterations) if num_iterations else slice(k - 1, k * config.num_slots, k)
        curves.append(negotiation.curve[:, shown].copy())  # a view would keep the whole curve
        capacities.append(negotiation.capacity.copy())
        iterations.append(negotiation.iterations)
        near.append(negotiation.iterations_to(NEAR))
    settled = np.concatenate(iterations)
    return {
        **_described(np.stack(curves), channels_per_start),
        "settled": _in_one(np.stack(capacities), channels_per_start),
        "iterations": {**_when(settled), "near": _plain(summary(np.mean(near, axis=0)))},
    }


def spread_over_starts(capacities: Float[np.ndarray, "start block"], channels_per_start: int | None = None) -> float:
    """Standard deviation of means over blocks, one for each start; of several sets of blocks the root mean square of theirs."""
    num_starts, num_blocks = capacities.shape
    size = min(channels_per_start or num_blocks, num_blocks)
    means = capacities[:, : num_blocks // size * size].reshape(num_starts, -1, size).mean(axis=-1)
    return float(np.sqrt(means.var(axis=0, ddof=1).mean()))


def _when(iterations: np.ndarray) -> dict[str, Any]:
    settled = iterations[iterations > 0]
    median, p90 = (float(np.quantile(settled, share)) if len(settled) else None for share in (0.5, 0.9))
    return {"median": median, "p90": p90, "settled": len(settled), "not_settled": len(iterations) - len(settled)}


def _plain(numbers: Mapping[str, float | None]) -> dict[str, float | None]:
    """Numbers for JSON, which knows no NaN: one block has no interval."""
    return {key: None if value is None or np.isnan(value) else round(value, DIGITS) for key, value in numbers.items()}


def _described(capacities: Float[np.ndarray, "start block time"], channels_per_start: int | None = None) -> dict[str, Any]:
    columns = [_in_one(capacities[..., time], channels_per_start) for time in range(capacities.shape[-1])]
    stds = [column["std_over_starts"] for column in columns]
    return {
        "mean": [column["mean"] for column in columns],
        "ci95": [column["ci95"] for column in columns],
        "std_over_starts": None if len(capacities) == 1 else stds,
        "all": _in_one(capacities.mean(axis=-1), channels_per_start),
        "settled": columns[-1],
        "iterations": None,
    }


def _in_one(capacities: Float[np.ndarray, "start block"], channels_per_start: int | None = None) -> dict[str, Any]:
    """A capacity of every start in every block, in few numbers."""
    per_block = capacities.mean(axis=0)
    std = spread_over_starts(capacities, channels_per_start) if len(capacities) > 1 else None
    return {
        **_plain({**summary(per_block), "std_over_starts": std}),
        "per_block": [round(float(value), DIGITS) for value in per_block],
    }
