"""Results of methods, absolute and in percent of the best known result and of the assignment bound."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from multicell_env.allocations.registry import BEST_KNOWN, PLAN, Knowledge, Pilot
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.users import rate_percentiles, user_measures, utilities

Slots = Literal["last_slot", "all_slots"]
"""The last slot of a block, or the mean over its slots."""


class Measurements(NamedTuple):
    """Measurements of a method in a slot before it transmits, without the channel estimation for beamforming."""

    rounds_per_slot: int = 0
    """Number of measurement rounds: iterations of the negotiation, or rounds in which a policy acts."""
    pilots: tuple[Pilot, ...] = ()
    """Pilots in each round."""


NOTHING_MEASURED = Measurements()


@dataclass(frozen=True)
class MethodResult:
    """Results of one method.

    Capacities are average cell capacities, (19)/B, in bit/s/Hz.
    """

    name: str
    """Name of the method."""
    per_slot: Float[np.ndarray, "block slot"]
    """Capacity of every block in every slot, averaged over random starts."""
    knowledge: Knowledge
    """Required knowledge."""
    ms_per_decision: float
    """Median time, ms, to decide one slot of one block for all base stations, with negotiation. NaN if not measured."""
    std_over_starts: float | None = None
    """Standard deviation over random starts of the last slot's capacity, averaged over blocks; None for a single start."""
    is_bound: bool = False
    """Whether this is the best exclusive assignment, with at least as many bands as cells."""
    acting_slots: int | None = None
    """Number of first slots in which a policy acted, before the negotiation continued without it; None for all."""
    user_rates: tuple[Float[np.ndarray, "start user"], ...] = ()
    """For every block, the average rate over the slots of each user of all cells, bit/s/Hz, for each random start."""
    measurements: Measurements = NOTHING_MEASURED
    """Measurement rounds and pilots. Prior knowledge is in `knowledge`."""

    @property
    def last_slot(self) -> dict[str, float]:
        """Mean and half-width of the 95 % confidence interval over blocks, in the last slot; NaN for one block."""
        return summary(self.of_blocks("last_slot"))

    @property
    def all_slots(self) -> dict[str, float]:
        """Mean and half-width of the 95 % confidence interval over blocks, averaged over the slots."""
        return summary(self.of_blocks("all_slots"))

    def of_blocks(self, slots: Slots) -> Float[np.ndarray, " block"]:
        """Capacity of every block, bit/s/Hz."""
        return self.per_slot[:, -1] if slots == "last_slot" else self.per_slot.mean(axis=1)


def as_json(results: Iterable[MethodResult], config: NetworkConfig, seed: int, num_blocks: int, **settings: Any) -> dict[str, Any]:
    """Results with all settings that are needed to reproduce them, in JSON's types.

    Args:
        results: Results on the same blocks.
        config: The network.
        seed: Seed of the first block.
        num_blocks: Number of blocks.
        **settings: Other settings to store.
    """
    results = list(results)
    of_bound, of_best, of_best_all = (
        percent_of_bound(results),
        percent_of_best_known(results),
        percent_of_best_known(results, "all_slots"),
    )
    of_users = utility_measures(results, config.fairness)
    methods = {
        result.name: {
            "last_slot": _json_numbers(result.last_slot),
            "all_slots": _json_numbers(result.all_slots),
            "per_slot": result.per_slot.mean(axis=0).tolist(),
            "percent_of_bound": of_bound.get(result.name),
            "percent_of_best_known": of_best.get(result.name),
            "percent_of_best_known_all_slots": of_best_all.get(result.name),
            "ms_per_decision": None if np.isnan(result.ms_per_decision) else result.ms_per_decision,
            "knowledge": result.knowledge,
            "measurements": result.measurements._asdict(),
            **user_measures(result.user_rates),
            **({"user_rate_percentiles": rate_percentiles(result.user_rates)} if result.user_rates else {}),
            **of_users.get(result.name, {}),
            "std_over_starts": result.std_over_starts,
        }
        for result in results
    }
    return {"config": _json_numbers(asdict(config)), "seed": seed, "num_blocks": num_blocks, **settings, "methods": methods}


def _json_numbers(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields in JSON's types: NaN becomes null, and infinity a string."""
    unknown = {
        key: None if np.isnan(value) else str(value) for key, value in fields.items() if isinstance(value, float) and not np.isfinite(value)
    }
    return {**fields, **unknown}


def percent_of_best_known(results: Iterable[MethodResult], slots: Slots = "last_slot") -> dict[str, float]:
    """Mean capacity in percent of the mean of the best known, by name; at most 100. Empty without WMMSE.

    The best known of a block is the highest of all these results on it: of WMMSE, of the assignment, and of every other method. It is
    taken separately for the last slot and for the mean over the slots.

    Args:
        results: Results on the same blocks.
        slots: "last_slot" or "all_slots".
    """
    results = list(results)
    if not any(result.name == BEST_KNOWN for result in results):
        return {}
    best = np.max([result.of_blocks(slots) for result in results], axis=0)
    return {result.name: _percent(result.of_blocks(slots), best) for result in results}


def percent_of_bound(results: Iterable[MethodResult], slots: Slots = "last_slot") -> dict[str, float]:
    """Mean capacity in percent of the assignment bound, by name; empty if there is no useful bound.

    The best exclusive assignment bounds only allocations in which no two cells share a band. It is used as a bound if each cell can have
    a band of its own (`MethodResult.is_bound`), and if no result exceeds it by 0.05 %, the resolution of tables. Otherwise sharing bands
    is better.

    Args:
        results: Results on the same blocks.
        slots: "last_slot" or "all_slots".
    """
    results = list(results)
    bounds = [result for result in results if result.is_bound]
    if not bounds:
        return {}
    percents = {
        key: {result.name: _percent(result.of_blocks(key), bounds[0].of_blocks(key)) for result in results}
        for key in ("last_slot", "all_slots")
    }
    is_exceeded = any(percent >= 100.05 for of_slots in percents.values() for percent in of_slots.values())
    return {} if is_exceeded else percents[slots]


def utility_measures(results: Iterable[MethodResult], fairness: float) -> dict[str, dict[str, Any]]:
    """The alpha-fair utility of users' average rates, mean over users; in nats for alpha = 1.

    The best known of a block is the highest of all results on it, as for capacities.

    Args:
        results: Results on the same blocks. Those without users' rates are left out.
        fairness: alpha; with 0 the result is empty.

    Returns:
        By name: `utility`, `utility_minus_planned` and `utility_minus_best_known`, each with `mean` and `ci95` (None for one block).
        Differences are paired by block. They are None without the plan, or without WMMSE.
    """
    blocks = {result.name: utilities(result.user_rates, fairness) for result in results if result.user_rates} if fairness > 0.0 else {}
    best = np.max(list(blocks.values()), axis=0) if BEST_KNOWN in blocks else None
    references = {"utility_minus_planned": blocks.get(PLAN), "utility_minus_best_known": best}
    return {
        name: {
            "utility": _json_numbers(summary(of_blocks)),
            **{key: None if reference is None else _json_numbers(summary(of_blocks - reference)) for key, reference in references.items()},
        }
        for name, of_blocks in blocks.items()
    }


def _percent(capacities: Float[np.ndarray, " block"], reference: Float[np.ndarray, " block"]) -> float:
    # Division first: a quotient of at most 1 is never rounded above 1.
    return 100.0 * float(np.mean(capacities) / np.mean(reference))


def summary(capacities: Float[np.ndarray, " block"]) -> dict[str, float]:
    """Mean and half-width of the 95 % confidence interval; NaN for one block."""
    count = len(capacities)
    ci95 = float(1.96 * np.std(capacities, ddof=1) / np.sqrt(count)) if count > 1 else float("nan")
    return {"mean": float(np.mean(capacities)), "ci95": ci95}
