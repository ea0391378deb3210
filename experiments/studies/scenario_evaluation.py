"""Judging methods on many networks: each method's blocks of all of them together, and a fixed set of blocks for choosing an actor."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from experiments.executors.jobs import HERE, Job, Progress, Workers, results_of
from multicell_env.allocations.assignment import MAX_BANDS, best_assignment
from multicell_env.blocks import Blocks
from multicell_env.channels.model import ChannelModel
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.playing import draw_blocks, error_streams, play
from multicell_env.evaluation.policies import Policy
from multicell_env.evaluation.results import MethodResult
from multicell_env.model.fairness import alpha_fair_utility
from multicell_env.observation import Observation

Evaluate = Callable[[NetworkConfig, int], Sequence[MethodResult]]
"""All methods on one network, given its index too, which makes a good offset of the block's seed."""
CHUNKS = 4
"""Parts for every worker into which networks are cut: enough that none waits long for another."""


def evaluate_networks(networks: Sequence[NetworkConfig], evaluate: Evaluate, workers: Workers = HERE) -> list[MethodResult]:
    """Every method's results on one block of every network, joined by the method's name.

    Methods that some network does not have (the assignment bound, beyond `MAX_BANDS` bands) are left out: a mean over a part of
    the networks would compare with nothing.

    Args:
        networks: Networks with the same number of slots, for example from `draw_networks`.
        evaluate: Evaluates all methods on one network; picklable where workers are other processes.
        workers: Where.

    Returns:
        Results in the order of the first network's; times and spreads over starts are medians and means over the networks.

    Raises:
        ValueError: no network, or their numbers of slots differ.
    """
    if len({config.num_slots for config in networks}) != 1:
        raise ValueError(
            f"networks must be at least one, with the same number of slots; got {sorted({config.num_slots for config in networks})}. "
            "Give such networks."
        )
    numbered = list(enumerate(networks))
    if workers.executor is None:
        of_networks = _evaluated(evaluate, numbered)
    else:
        size = max(1, round(len(numbered) / (CHUNKS * workers.num_workers)))
        chunks = [numbered[first : first + size] for first in range(0, len(numbered), size)]
        jobs = [Job(partial(_evaluated, evaluate, chunk), f"networks {chunk[0][0]} to {chunk[-1][0]}") for chunk in chunks]
        of_networks = [results for found in results_of(jobs, workers, Progress("playing", "part")) for results in found]
    common = [name for name in of_networks[0] if all(name in results for results in of_networks)]
    return [_joined([results[name] for results in of_networks]) for name in common]


def _evaluated(evaluate: Evaluate, numbered: Sequence[tuple[int, NetworkConfig]]) -> list[dict[str, MethodResult]]:
    return [{result.name: result for result in evaluate(config, index)} for index, config in numbered]


def _joined(results: Sequence[MethodResult]) -> MethodResult:
    spreads = [result.std_over_starts for result in results if result.std_over_starts is not None]
    return MethodResult(
        results[0].name,
        np.concatenate([result.per_slot for result in results]),
        results[0].knowledge,
        _median_of_known([result.ms_per_decision for result in results]),
        float(np.mean(spreads)) if spreads else None,
        all(result.is_bound for result in results),
        results[0].acting_slots,
        tuple(rates for result in results for rates in result.user_rates),
        results[0].measurements,
    )


def _median_of_known(times: Sequence[float]) -> float:
    known = [time for time in times if not np.isnan(time)]
    return float(np.median(known)) if known else float("nan")


class Validation:
    """Fixed blocks of one or many networks on which actors are compared while they learn.

    Args:
        networks: The networks.
        num_blocks: Blocks of each.
        seed: Block i of network n is the one that `env.reset(seed=seed + n + i)` draws.
        observation: What the actor sees.
        channels: Where the channels of each network come from, None being the model that it names; that for all by default.
    """

    def __init__(
        self,
        networks: Sequence[NetworkConfig],
        num_blocks: int,
        seed: int,
        observation: Observation,
        channels: Sequence[ChannelModel | None] | None = None,
    ) -> None:
        self.networks, self.num_blocks, self.seed = list(networks), num_blocks, seed
        self.channels = [None] * len(self.networks) if channels is None else list(channels)
        self.observation: Observation = observation
        self._bounds: list[float] | None = None
        if all(config.num_bands <= MAX_BANDS for config in networks):
            self._bounds = [float(self._bound(index)) for index in range(len(networks))]

    @property
    def bound(self) -> float | None:
        """The assignment bound's average cell capacity, mean over the networks, bit/s/Hz; None beyond `MAX_BANDS` bands."""
        return None if self._bounds is None else float(np.mean(self._bounds))

    def measure(self, policy: Policy) -> dict[str, float]:
        """Average cell capacity in the first slot, in the last and over all, mean over the networks.

        Capacities are in bit/s/Hz; those of the last slot and of all slots in percent of each network's bound too, NaN without bounds.
        With fairness, `utility` is that of the users' average rates, the mean over the users of a network.
        """
        played = [self._play(policy, index) for index in range(len(self.networks))]
        means = np.array([capacities for capacities, _ in played])
        percent = np.full_like(means, np.nan) if self._bounds is None else 100.0 * means / np.array(self._bounds)[:, None]
        (first, last, every), (_, of_last, of_every) = means.mean(axis=0).tolist(), percent.mean(axis=0).tolist()
        utilities = [utility for _, utility in played if utility is not None]
        utility = {"utility": float(np.mean(utilities))} if utilities else {}
        capacities = {"first_slot": first, "last_slot": last, "all_slots": every}
        return {**capacities, "percent_of_bound": of_last, "percent_all_slots": of_every, **utility}

    def _play(self, policy: Policy, index: int) -> tuple[tuple[float, float, float], float | None]:
        """Capacity in the first slot, in the last and over all, and with fairness the utility."""
        blocks = self._blocks(index)
        errors = error_streams(self.networks[index], self.num_blocks, self.seed + index)
        capacities = play(policy, blocks, self.observation, batched=True, errors=errors)
        means = float(capacities[:, 0].mean()), float(capacities[:, -1].mean()), float(capacities.mean())
        if blocks.user_rates is None:
            return means, None
        users = blocks.user_rates if blocks.served is None else blocks.served
        utility = alpha_fair_utility(users.running().average_before(), blocks.config.fairness)
        return means, float(utility[:, blocks.network.user_mask].mean(dtype=np.float64))

    def _bound(self, index: int) -> float:
        blocks = self._blocks(index)
        return float(best_assignment(blocks.gains, blocks.user_budgets).sum_rates.mean())

    def _blocks(self, index: int) -> Blocks:
        keeps = self.observation == "csi"
        return draw_blocks(self.networks[index], self.num_blocks, self.seed + index, keep_channels=keeps, channels=self.channels[index])
