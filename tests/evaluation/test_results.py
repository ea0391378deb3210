"""In percent of what: nothing is above the best known, and the assignment counts as a bound where it is one."""

import numpy as np
import pytest

from experiments.studies.scenario_evaluation import evaluate_networks
from multicell_env.allocations.registry import ALLOCATIONS, METHODS, QUICK_METHODS
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.playing import evaluate_allocations, evaluate_policy
from multicell_env.evaluation.results import MethodResult, as_json, percent_of_best_known, percent_of_bound
from multicell_env.scenarios import LARGE, SCENARIOS, draw_networks

LINKS = {"num_cells": 10, "num_antennas": 1, "num_users": 1, "num_bands": 1}
NETWORKS = {
    **{f"{bands} bands": NetworkConfig(num_antennas=4, num_users=2, num_bands=bands, num_slots=3) for bands in (1, 2, 6, 17, 24, 48)},
    **{f"ten links at {sir_db} dB": NetworkConfig(**LINKS, sir_db=sir_db, num_slots=3) for sir_db in (0.0, 5.0, 10.0)},
    "weak interference": NetworkConfig(sir_db=20.0, num_slots=3),
}


def strongest_band(observations):
    """All on each user's strongest band."""
    return {
        agent: (planes[..., 0, :, :] == planes[..., 0, :, :].max(axis=-2, keepdims=True)) * 1.0 for agent, planes in observations.items()
    }


def saving(observations):
    """Next to nothing until the last slot, which then has the energy of all."""
    return {agent: np.where(planes[..., 2, :, :] > 0.3, 1.0, 1e-3) / planes.shape[-2] for agent, planes in observations.items()}


def constant(name, capacity, **settings):
    return MethodResult(name, np.broadcast_to(capacity, (2, 3)), "own", 0.0, **settings)


def assert_at_most_100(results):
    for slots in ("last_slot", "all_slots"):
        percent = percent_of_best_known(results, slots)
        assert set(percent) == {result.name for result in results}
        assert 98.0 < max(percent.values()) <= 100.0  # not every block has the same best method
        assert all(value > 0.0 for value in percent.values())


@pytest.mark.parametrize("name", NETWORKS)
def test_no_method_is_above_the_best_known(name):
    config = NETWORKS[name]
    results = evaluate_allocations(config, num_blocks=3, timed=False)
    results += [
        evaluate_policy(policy.__name__, policy, config, observation="gain", num_blocks=3, batched=True, timed=False)
        for policy in (strongest_band, saving)
    ]
    assert_at_most_100(results)
    methods = as_json(results, config, 0, 3)["methods"]
    shown = [methods[result.name][f"percent_of_best_known{ending}"] for result in results for ending in ("", "_all_slots")]
    assert max(shown) <= 100.0


@pytest.mark.parametrize("scenario", sorted(set(SCENARIOS) - set(LARGE)))
def test_no_method_is_above_the_best_known_on_networks_of_a_scenario(scenario):
    networks = draw_networks(SCENARIOS[scenario], 1 if scenario in LARGE else 4, seed=1_000_000)
    results = evaluate_networks(
        networks, lambda config, index: evaluate_allocations(config, num_blocks=1, seed=1_000_000 + index, timed=False)
    )
    assert_at_most_100(results)
    assert all(value < 100.05 for value in percent_of_bound(results).values())


def test_the_best_known_of_a_block_is_the_highest_of_all_methods_there():
    first = MethodResult("wmmse", np.array([[1.0, 4.0], [2.0, 2.0]]), "channels", 0.0)
    second = MethodResult("mine", np.array([[3.0, 3.0], [2.0, 4.0]]), "own", 0.0)
    assert percent_of_best_known([first, second]) == pytest.approx({"wmmse": 100 * 3.0 / 4.0, "mine": 100 * 3.5 / 4.0})
    assert percent_of_best_known([first, second], "all_slots") == pytest.approx({"wmmse": 100 * 2.25 / 3.0, "mine": 100.0})


def test_without_wmmse_nothing_is_called_best_known():
    config = NETWORKS["2 bands"]
    results = evaluate_allocations(config, num_blocks=2, methods=QUICK_METHODS, timed=False)
    assert percent_of_best_known(results) == {}
    content = as_json(results, config, 0, 2)["methods"]
    assert content["reuse"]["percent_of_best_known"] is None
    assert content["reuse"]["percent_of_best_known_all_slots"] is None


@pytest.mark.parametrize(("above", "counts"), [(0.0, True), (0.0004, True), (0.0006, False), (1.0, False)])
def test_the_assignment_is_a_bound_while_no_method_is_visibly_above_it(above, counts):
    results = [constant("assignment_bound", 2.0, is_bound=True), constant("mine", 2.0 * (1.0 + above))]
    assert bool(percent_of_bound(results)) == counts
    if counts:
        assert percent_of_bound(results)["mine"] == pytest.approx(100.0 * (1.0 + above))


def test_an_excess_over_the_slots_counts_too():
    sometimes = MethodResult("mine", np.array([[3.0, 1.0], [3.0, 2.0]]), "own", 0.0)
    assert percent_of_bound([constant("assignment_bound", 2.0, is_bound=True), sometimes]) == {}


@pytest.mark.parametrize(("num_bands", "is_bound"), [(2, False), (3, True), (6, True), (17, False)])
def test_the_assignment_is_no_bound_with_fewer_bands_than_cells_or_too_many(num_bands, is_bound):
    config = NetworkConfig(num_antennas=2, num_users=1, num_bands=num_bands, num_slots=1)
    results = evaluate_allocations(config, num_blocks=2, methods=("uniform", "assignment_bound"), timed=False)
    assert any(result.is_bound for result in results) == is_bound
    assert bool(percent_of_bound(results)) == is_bound
    assert (as_json(results, config, 0, 2)["methods"]["uniform"]["percent_of_bound"] is not None) == is_bound


def test_many_networks_have_a_bound_if_all_have_one():
    wide, narrow = (NetworkConfig(num_antennas=2, num_users=1, num_bands=bands, num_slots=1) for bands in (4, 2))
    for networks, is_bound in (((wide, wide), True), ((wide, narrow), False)):
        results = evaluate_networks(
            networks, lambda config, index: evaluate_allocations(config, num_blocks=1, methods=("assignment_bound",), timed=False)
        )
        assert [result.is_bound for result in results] == [is_bound]


def test_results_say_what_somebody_must_know():
    results = evaluate_allocations(NETWORKS["2 bands"], num_blocks=1, timed=False)
    known = {result.name: result.knowledge for result in results}
    assert {name for name, knowledge in known.items() if knowledge == "channels"} >= {"assignment_bound", "fp", "wmmse"}
    assert {name for name, knowledge in known.items() if knowledge == "statistics"} >= {"planned", "pricing_from_plan"}
    assert known == {name: ALLOCATIONS[name].knowledge for name in known}
    assert {name: method["knowledge"] for name, method in as_json(results, NETWORKS["2 bands"], 0, 1)["methods"].items()} == known
    beyond = evaluate_allocations(NETWORKS["17 bands"], num_blocks=1, timed=False)
    assert [result.name for result in beyond] == [name for name in METHODS if ALLOCATIONS[name].is_possible(NETWORKS["17 bands"])]
    assert {result.name for result in beyond if result.knowledge == "channels"} >= {"greedy_assignment", "fp", "wmmse"}
    (mine,) = [evaluate_policy("mine", strongest_band, NETWORKS["2 bands"], observation="gain", num_blocks=1, timed=False)]
    assert mine.knowledge == "own"
