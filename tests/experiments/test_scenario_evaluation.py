"""Judging on many networks: every network's own results, joined, and none counted for more because it is larger."""

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from experiments.studies.generalisation_table import print_generalisation
from experiments.studies.scenario_evaluation import Validation, evaluate_networks
from multicell_env.allocations.assignment import best_assignment
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.playing import draw_blocks, evaluate_allocations, play
from multicell_env.model.interference import spectral_efficiency

NETWORKS = (
    NetworkConfig(num_slots=3, num_bands=4),
    NetworkConfig(num_slots=3, num_bands=3, num_cells=2, num_users=(2, 1)),
    NetworkConfig(num_slots=3, num_bands=5, num_antennas=16, num_users=8),
)


def some(config, index):
    return evaluate_allocations(config, num_blocks=2, seed=10 * index, methods=("uniform", "flwf", "assignment_bound"))


def uniform(observations):
    return {agent: np.full(planes.shape[:-3] + planes.shape[-2:], 1.0 / planes.shape[-2]) for agent, planes in observations.items()}


def test_every_networks_blocks_are_in_the_joined_results_in_their_order():
    joined = {result.name: result for result in evaluate_networks(NETWORKS, some)}
    assert list(joined) == [result.name for result in some(NETWORKS[0], 0)]
    for index, config in enumerate(NETWORKS):
        for result in some(config, index):
            np.testing.assert_array_equal(joined[result.name].per_slot[2 * index : 2 * index + 2], result.per_slot)
    spreads = [result.std_over_starts for index, config in enumerate(NETWORKS) for result in some(config, index) if result.name == "flwf"]
    assert joined["flwf"].std_over_starts == pytest.approx(np.mean(spreads))
    assert joined["assignment_bound"].knowledge == "channels"
    assert joined["uniform"].std_over_starts is None


def test_a_method_that_some_network_lacks_is_left_out():
    wide = NetworkConfig(num_slots=3, num_bands=17)
    joined = evaluate_networks(
        [NETWORKS[0], wide], lambda config, index: evaluate_allocations(config, num_blocks=1, methods=("uniform", "assignment_bound"))
    )
    assert [result.name for result in joined] == ["uniform"]


@pytest.mark.parametrize("networks", [[], [NetworkConfig(num_slots=3), NetworkConfig(num_slots=4)]])
def test_networks_that_do_not_belong_together_are_refused(networks):
    with pytest.raises(ValueError, match="same number of slots; got"):
        evaluate_networks(networks, some)


def test_validation_averages_over_networks_what_each_gives_alone():
    measured = Validation(NETWORKS, 2, 7, "gain").measure(uniform)
    means, percent = [], []
    for index, config in enumerate(NETWORKS):
        blocks = draw_blocks(config, 2, 7 + index)
        bound = best_assignment(blocks.gains, blocks.user_budgets).sum_rates.mean()
        capacities = play(uniform, blocks, "gain", batched=True)
        means.append([capacities[:, 0].mean(), capacities[:, -1].mean(), capacities.mean()])
        percent.append([100.0 * capacities[:, -1].mean() / bound, 100.0 * capacities.mean() / bound])
    expected = [*np.mean(means, axis=0), *np.mean(percent, axis=0)]
    names = ("first_slot", "last_slot", "all_slots", "percent_of_bound", "percent_all_slots")
    assert measured == pytest.approx(dict(zip(names, expected, strict=True)))


def test_validation_without_a_bound_still_measures():
    validation = Validation([NetworkConfig(num_slots=2, num_bands=17)], 1, 0, "csi")
    assert validation.bound is None
    measured = validation.measure(uniform)
    assert measured["last_slot"] > 0.0
    assert np.isnan(measured["percent_of_bound"])


def test_validation_of_fair_networks_has_the_utility_of_average_rates():
    networks = [replace(config, fairness=1.0) for config in NETWORKS]
    measured, expected = Validation(networks, 2, 7, "gain").measure(uniform), []
    for index, config in enumerate(networks):
        blocks, slots = draw_blocks(config, 2, 7 + index), []
        for _ in range(3):
            blocks.play_slot(np.full(blocks.powers.shape, 1.0 / config.num_bands))
            slots.append(spectral_efficiency(blocks.powers, blocks.ingr)[:, config.user_mask])
        expected.append(np.log(0.1 + np.mean(slots, axis=0)).mean())
    assert measured["utility"] == pytest.approx(np.mean(expected), rel=1e-5)


def test_the_table_of_networks_of_all_sizes_is_never_cut():
    file = io.StringIO()
    console = Console(file=file, width=30, force_terminal=True, color_system=None)
    print_generalisation({"a-network-with-a-long-name": some(NETWORKS[0], 0)}, console, 3)
    assert "…" not in file.getvalue()
    assert "a-network-with-a-long-name" in file.getvalue()
