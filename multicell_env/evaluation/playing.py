"""Comparing methods on equal channels: every allocation, and any policy, on the same unseen blocks."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float

from multicell_env.allocations.planning import MAX_CELLS, planned_allocation
from multicell_env.allocations.simple import MAX_BANDS, best_assignment, random_allocation, reuse_allocation, uniform_allocation
from multicell_env.allocations.wmmse import fractional_programming, wmmse
from multicell_env.blocks import Blocks
from multicell_env.config import Negotiation, NetworkConfig
from multicell_env.model.interference import ingr, sum_rates
from multicell_env.model.waterfilling import selfish_water_fill
from multicell_env.observation import Observation, Observer

Policy = Callable[[dict[str, np.ndarray]], Mapping[str, np.ndarray]]
"""Observations of all agents to actions of all agents, as in a PettingZoo loop."""

Clock = Callable[[Callable[[Blocks], Any]], float]
"""Measures the time of a decision on one block, ms."""

FIRST_SEED = 1_000_000
"""Seed of the first unseen block: block i of an evaluation is what `env.reset(seed=seed + i)` draws."""
NUM_STARTS = 5
"""Random starts per block for the negotiations that begin at random."""
QUICK_METHODS = ("flwf", "iwf", "sswf", "uniform", "random", "reuse", "planned", "assignment_bound")
"""Allocations that take next to no time; `best_known` needs WMMSE too."""
METHODS = (*QUICK_METHODS, "fp", "wmmse")
"""All that `evaluate_allocations` plays."""


@dataclass(frozen=True)
class MethodResult:
    """How one method did.

    Capacities are average cell capacities, (19)/B, in bit/s/Hz.
    """

    name: str
    per_slot: Float[np.ndarray, "block slot"]
    """Capacity of every block in every slot; the mean over starts where there are several."""
    needs_global_knowledge: bool
    """Whether somebody must know the channels of all cells."""
    ms_per_decision: float
    """Time to decide one slot of one block for all base stations, median; negotiation included. NaN where it was not measured."""
    std_over_starts: float | None = None
    """Spread over random starts of the last slot's capacity, mean over blocks; None where there is one start."""

    @property
    def last_slot(self) -> dict[str, float]:
        """Mean and half-width of the 95 % confidence interval over blocks, in the last slot. One block has no interval: NaN."""
        return summary(self.per_slot[:, -1])

    @property
    def all_slots(self) -> dict[str, float]:
        """Mean and half-width of the 95 % confidence interval over blocks, averaged over the slots."""
        return summary(self.per_slot.mean(axis=1))


def draw_blocks(config: NetworkConfig, num_blocks: int, seed: int = FIRST_SEED, *, keep_channels: bool = True) -> Blocks:
    """Unseen blocks; block i is the one that `env.reset(seed=seed + i)` draws. Observation "csi" needs them to keep their channels.

    Raises:
        ValueError: fewer than one block.
    """
    if num_blocks < 1:
        raise ValueError(f"num_blocks must be at least 1; got {num_blocks}. Give a positive whole number.")
    blocks = Blocks(config, num_blocks, keep_channels=keep_channels)
    blocks.draw(np.arange(num_blocks), [np.random.default_rng(seed + block) for block in range(num_blocks)])
    return blocks


def play(
    policy: Policy,
    blocks: Blocks,
    observation: Observation,
    *,
    batched: bool = False,
    opening_only: bool = False,
    acting_slots: int | None = None,
) -> Float[np.ndarray, "block slot"]:
    """Average cell capacity of a policy in every slot, bit/s/Hz.

    Args:
        policy: Called with the observations of all agents, returns their actions.
        blocks: Fresh blocks; they are played to their end.
        observation: What the policy sees.
        batched: True calls it once a slot with arrays `{agent: [block, ...]}`; False once for each block.
        opening_only: True lets it act in the first slot only; then the negotiation goes on from where it stands (the paper's online
            algorithm).
        acting_slots: How many slots it acts in, before the negotiation goes on like that; all by default, 1 with `opening_only`.
    """
    rounds, last = blocks.config.rounds_per_slot, 1 if opening_only else acting_slots or blocks.config.num_slots
    capacities, observer = [], Observer(observation, blocks)
    for step in range(blocks.config.num_steps):
        actions = decide(policy, observer, batched) if step < last * rounds else blocks.hold()
        capacities.append(blocks.play_slot(actions).mean(axis=-1, dtype=np.float64))
    return np.stack(capacities[rounds - 1 :: rounds], axis=-1)


def evaluate_policy(
    name: str,
    policy: Policy,
    config: NetworkConfig,
    *,
    observation: Observation,
    num_blocks: int = 200,
    seed: int = FIRST_SEED,
    batched: bool = False,
    opening_only: bool = False,
    acting_slots: int | None = None,
    timed: bool = True,
) -> MethodResult:
    """Play any policy on the unseen blocks that `evaluate_allocations` plays on.

    Arguments as for `play`; without `timed`, the time of a decision is NaN, and nothing is played a second time to measure it.
    """
    modes: dict[str, Any] = {"batched": batched, "opening_only": opening_only, "acting_slots": acting_slots}
    per_slot = play(policy, draw_blocks(config, num_blocks, seed), observation, **modes)

    def play_one(block: Blocks) -> None:
        block.play_slot(decide(policy, Observer(observation, block), batched))

    return MethodResult(name, per_slot, False, _median_ms(play_one, config, seed) if timed else np.nan)


def evaluate_allocations(
    config: NetworkConfig, *, num_blocks: int = 200, seed: int = FIRST_SEED, methods: Collection[str] = METHODS, timed: bool = True
) -> list[MethodResult]:
    """Play the allocations that are not learned.

    FLWF and IWF begin at `NUM_STARTS` random starts per block and make k iterations a slot (5 where the network's own k is 0). The
    assignment bound is left out beyond `MAX_BANDS` bands, the plan beyond `MAX_CELLS` cells. `fp` is one climb of `wmmse`, which takes the
    best of several: their steps are the same.

    Args:
        config: The network.
        num_blocks: Unseen blocks to play.
        seed: Block i is the one that `env.reset(seed=seed + i)` draws.
        methods: Which of `METHODS`. What a method does depends on no other.
        timed: Whether to measure the time of a decision, which takes 16 of each; NaN otherwise.

    Raises:
        ValueError: fewer than one block, or an unknown method.
    """
    if unknown := sorted(set(methods) - set(METHODS)):
        raise ValueError(f"methods must be some of {METHODS}; got {unknown}. Leave them out.")
    blocks = draw_blocks(config, num_blocks, seed)
    clock: Clock = partial(_median_ms, config=config, seed=seed) if timed else lambda decide: np.nan
    play: dict[str, Callable[[], MethodResult]] = {
        "flwf": lambda: _negotiated("flwf", blocks, seed, clock),
        "iwf": lambda: _negotiated("iwf", blocks, seed, clock),
        "sswf": lambda: _static("sswf", selfish_water_fill, blocks, clock),
        "uniform": lambda: _static("uniform", uniform_allocation, blocks, clock),
        "random": lambda: _random(blocks, seed, clock),
        "reuse": lambda: _static("reuse", reuse_allocation, blocks, clock),
        "planned": lambda: _static("planned", lambda gains, budgets: planned_allocation(gains, budgets, config), blocks, clock),
        "assignment_bound": lambda: _static("assignment_bound", lambda *known: best_assignment(*known).powers, blocks, clock, True),
        "fp": lambda: _static("fp", lambda *known: fractional_programming(*known).powers, blocks, clock, True),
        "wmmse": lambda: _static("wmmse", lambda *known: wmmse(*known).powers, blocks, clock, True),
    }
    impossible = {"assignment_bound"} if config.num_bands > MAX_BANDS else set()
    impossible |= {"planned"} if config.num_cells > MAX_CELLS else set()
    return [play[name]() for name in METHODS if name in methods and name not in impossible]


def as_json(results: Iterable[MethodResult], config: NetworkConfig, seed: int, num_blocks: int, **settings: Any) -> dict[str, Any]:
    """Results with every setting that is needed to make them again."""
    results = list(results)
    of_bound, of_best = percent_of_bound(results), percent_of_best_known(results)
    methods = {
        result.name: {
            "last_slot": _json_numbers(result.last_slot),
            "all_slots": _json_numbers(result.all_slots),
            "per_slot": result.per_slot.mean(axis=0).tolist(),
            "percent_of_bound": of_bound.get(result.name),
            "percent_of_best_known": of_best.get(result.name),
            "ms_per_decision": None if np.isnan(result.ms_per_decision) else result.ms_per_decision,
            "needs_global_knowledge": result.needs_global_knowledge,
            "std_over_starts": result.std_over_starts,
        }
        for result in results
    }
    return {"config": _json_numbers(asdict(config)), "seed": seed, "num_blocks": num_blocks, **settings, "methods": methods}


def _json_numbers(fields: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows no NaN, which becomes null, and no infinity, which becomes its name."""
    unknown = {
        key: None if np.isnan(value) else str(value) for key, value in fields.items() if isinstance(value, float) and not np.isfinite(value)
    }
    return {**fields, **unknown}


def percent_of_bound(results: Iterable[MethodResult]) -> dict[str, float]:
    """Last slot's capacity in percent of the assignment bound, by name; empty without the bound."""
    results = list(results)
    return _percent(results, [result for result in results if result.name == "assignment_bound"])


def percent_of_best_known(results: Iterable[MethodResult]) -> dict[str, float]:
    """Last slot's capacity in percent of the best known, by name; empty without WMMSE.

    The best known of a block is the higher one of WMMSE's best climb and of the assignment bound.
    """
    results = list(results)
    references = [result for result in results if result.name in ("assignment_bound", "wmmse")]
    return _percent(results, references if any(result.name == "wmmse" for result in references) else [])


def _percent(results: list[MethodResult], references: list[MethodResult]) -> dict[str, float]:
    """Last slot's capacity in percent of the highest reference of each block, means over blocks."""
    if not references:
        return {}
    best = float(np.max([result.per_slot[:, -1] for result in references], axis=0).mean())
    return {result.name: 100.0 * result.last_slot["mean"] / best for result in results}


def summary(capacities: Float[np.ndarray, " block"]) -> dict[str, float]:
    """Mean and half-width of the 95 % confidence interval; NaN for one block."""
    count = len(capacities)
    ci95 = float(1.96 * np.std(capacities, ddof=1) / np.sqrt(count)) if count > 1 else float("nan")
    return {"mean": float(np.mean(capacities)), "ci95": ci95}


def decide(policy: Policy, observer: Observer, batched: bool) -> np.ndarray:
    """The policy's actions on all blocks, padded."""
    config, planes = observer.blocks.config, observer.observe()
    agents = {f"bs_{cell}": (cell, int(users)) for cell, users in enumerate(config.users_per_cell)}
    padded = np.zeros((len(planes), config.num_cells, *config.action_shape(config.max_users)))
    for rows in [slice(None)] if batched else range(len(planes)):
        actions: Any = policy({agent: planes[rows, cell, ..., :users].copy() for agent, (cell, users) in agents.items()})
        if not isinstance(actions, Mapping) or not set(agents) <= set(actions):
            got = sorted(map(str, actions)) if isinstance(actions, Mapping) else type(actions).__name__
            raise ValueError(
                f"the policy must return a mapping with an action for each of {list(agents)}; got {got}. Return {{agent: action}}."
            )
        for agent, (cell, users) in agents.items():
            target = padded[rows, cell, ..., :users]
            try:
                action = np.asarray(actions[agent])
            except ValueError:  # ragged lists
                action = np.empty(0, dtype=object)
            is_real = action.dtype.kind in "fiub"
            is_finite = is_real and bool(np.isfinite(action).all())
            if not is_finite or action.shape != target.shape:
                flaw = "" if is_finite else " with NaN or infinity" if is_real else f" of {action.dtype}, which is no real number"
                raise ValueError(
                    f"the policy must return finite actions of shape {target.shape} for {agent}; got shape {action.shape}{flaw}. "
                    "Give fractions [..., band, user] in [0, 1]."
                )
            target[...] = action
    return padded


def _static(name: str, allocate: Callable[..., np.ndarray], blocks: Blocks, clock: Clock, needs_global: bool = False) -> MethodResult:
    """A method that decides by the channels alone, and so the same in every slot."""
    rates = _capacity(allocate(blocks.gains, blocks.user_budgets), blocks)
    per_slot = np.repeat(rates[:, None], blocks.config.num_slots, axis=1)
    return MethodResult(name, per_slot, needs_global, clock(lambda one: allocate(one.gains, one.user_budgets)))


def _random(blocks: Blocks, seed: int, clock: Clock) -> MethodResult:
    generator = np.random.default_rng([seed, 1])

    def draw(some: Blocks) -> np.ndarray:
        return random_allocation(some.gains, some.user_budgets, generator)

    per_slot = np.stack([_capacity(draw(blocks), blocks) for _ in range(blocks.config.num_slots)], axis=-1)
    return MethodResult("random", per_slot, False, clock(draw))


def _negotiated(name: Negotiation, blocks: Blocks, seed: int, clock: Clock) -> MethodResult:
    """FLWF or IWF from random starts, k iterations a slot."""
    generator = np.random.default_rng([seed, 2])
    num_iterations = blocks.config.num_iterations or 5

    def iterate(some: Blocks, fractions: np.ndarray) -> np.ndarray:
        return some.play_slot(fractions, num_iterations=num_iterations, negotiation=name, transmit=True).mean(axis=-1, dtype=np.float64)

    starts = []
    for _ in range(NUM_STARTS):
        blocks.restart()
        opening = random_allocation(blocks.gains, blocks.user_budgets, generator)
        slots = [iterate(blocks, fractions_of(opening, blocks))]
        slots += [iterate(blocks, blocks.hold()) for _ in range(1, blocks.config.num_slots)]
        starts.append(np.stack(slots, axis=-1))
    blocks.restart()
    stacked = np.stack(starts)
    ms = clock(lambda one: iterate(one, fractions_of(uniform_allocation(one.gains, one.user_budgets), one)))
    return MethodResult(name, stacked.mean(axis=0), False, ms, float(stacked[..., -1].std(axis=0, ddof=1).mean()))


def fractions_of(powers: np.ndarray, blocks: Blocks) -> np.ndarray:
    """Powers as fractions of each user's slot budget."""
    budgets = blocks.user_budgets[..., None, :]
    return np.divide(powers, budgets, out=np.zeros(powers.shape), where=budgets > 0)


def _capacity(powers: np.ndarray, blocks: Blocks) -> Float[np.ndarray, " block"]:
    return sum_rates(powers, ingr(powers, blocks.gains)).mean(axis=-1)


def _median_ms(decide: Callable[[Blocks], Any], config: NetworkConfig, seed: int, repeats: int = 15) -> float:
    """Median time of a decision on one block, after one call that warms caches."""
    block = draw_blocks(config, 1, seed)
    times = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        decide(block)
        times.append(time.perf_counter() - begin)
    return 1000.0 * float(np.median(times[1:]))
