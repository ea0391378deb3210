"""What single users got: measured by hand, kept by every method, and shown in tables and files."""

import io
from dataclasses import replace

import fairness_oracles
import numpy as np
import pytest
import user_oracles
from rich.console import Console

from experiments.studies.scenario_evaluation import evaluate_networks
from multicell_env import NetworkConfig, multicell_v0
from multicell_env.allocations.registry import ALLOCATIONS
from multicell_env.evaluation.playing import draw_blocks, evaluate_allocations, evaluate_policy, measurements_of
from multicell_env.evaluation.results import MethodResult, as_json, utility_measures
from multicell_env.evaluation.tables import print_table, print_users
from multicell_env.evaluation.users import USER_MEASURES, UTILITY_MEASURES, user_measures
from multicell_env.model.fairness import RATE_FLOOR
from multicell_env.model.interference import ingr, spectral_efficiency

UNEQUAL = NetworkConfig(num_antennas=4, num_users=(1, 3, 2), num_bands=3, num_slots=4)
METHODS = ("flwf", "pricing", "pricing_from_plan", "random", "reuse", "planned", "assignment_bound", "wmmse")


def strongest_band(observations):
    return {
        agent: (planes[..., 0, :, :] == planes[..., 0, :, :].max(axis=-2, keepdims=True)) * 1.0 for agent, planes in observations.items()
    }


def test_the_measures_are_those_of_scalar_loops_over_blocks_of_any_size():
    generator = np.random.default_rng(0)
    blocks = [generator.exponential(2.0, size) * (generator.random(size) < 0.8) for size in (3, 5, 12, 1)]
    measures = user_measures([rates[None] for rates in blocks])
    assert list(measures) == list(USER_MEASURES)
    assert measures["users_below_0.1"] == pytest.approx(user_oracles.percent_below(blocks, 0.1))
    assert measures["fifth_percentile"] == pytest.approx(user_oracles.fifth_percentile(blocks))
    busy = [rates + 0.2 for rates in blocks]
    measures = user_measures([rates[None] for rates in busy])
    assert measures["jain"] == pytest.approx(user_oracles.jain(busy))
    assert measures["geometric_mean"] == pytest.approx(user_oracles.geometric_mean(busy, RATE_FLOOR))


def test_equal_rates_are_their_own_mean_and_wholly_fair_and_one_for_all_is_not():
    equal = user_measures([np.full((1, 4), 3.0)])
    assert equal == pytest.approx({"users_below_0.1": 0.0, "fifth_percentile": 3.0, "jain": 1.0, "geometric_mean": 3.0})
    one = user_measures([np.array([[8.0, 0.0, 0.0, 0.0]])])
    assert (one["users_below_0.1"], one["jain"]) == (75.0, pytest.approx(0.25))
    nobody = user_measures([np.zeros((1, 4))])
    assert nobody == pytest.approx({"users_below_0.1": 100.0, "fifth_percentile": 0.0, "jain": 1.0, "geometric_mean": 0.0})
    assert user_measures(()) == {}


def test_starts_are_measured_one_by_one_and_not_their_mean():
    turns = np.array([[4.0, 0.0], [0.0, 4.0]])
    assert user_measures([turns])["users_below_0.1"] == 50.0
    assert user_measures([turns])["jain"] == pytest.approx(0.5)


@pytest.mark.parametrize("config", [UNEQUAL, replace(UNEQUAL, channel_model="redraw")], ids=["still", "moving"])
def test_every_methods_users_add_up_to_its_capacity(config):
    results = evaluate_allocations(config, num_blocks=3, methods=METHODS, timed=False)
    results.append(evaluate_policy("mine", strongest_band, config, observation="gain", num_blocks=3, timed=False))
    assert [result.name for result in results[:-1]] == [name for name in ALLOCATIONS if name in METHODS]
    for result in results:
        starts = ALLOCATIONS[result.name].num_starts if result.name in ALLOCATIONS else 1
        assert [rates.shape for rates in result.user_rates] == [(starts, 6)] * 3  # padding is left out
        sums = [rates.sum(axis=-1).mean() / config.num_cells for rates in result.user_rates]
        np.testing.assert_allclose(sums, result.per_slot.mean(axis=1), rtol=1e-5)


def test_a_policys_users_have_the_rates_of_the_powers_that_transmit():
    config = replace(UNEQUAL, rounds_per_slot=2, num_iterations=1)
    result = evaluate_policy("mine", strongest_band, config, observation="gain", num_blocks=2, seed=5, timed=False)
    env, gains = multicell_v0.parallel_env(config, observation="gain"), draw_blocks(config, 2, 5).gains
    for block in range(2):
        observations, _ = env.reset(seed=5 + block)
        slots = []
        for step in range(config.num_steps):
            observations, _, _, _, infos = env.step(strongest_band(observations))
            if step % 2:
                powers = np.zeros(gains.signal_gains.shape)
                for cell, users in enumerate(config.users_per_cell):
                    powers[:, cell, :, :users] = infos[f"bs_{cell}"]["power"]
                slots.append(spectral_efficiency(powers, ingr(powers, gains))[block][config.user_mask])
        np.testing.assert_allclose(result.user_rates[block][0], np.mean(slots, axis=0), rtol=1e-4)


def test_an_allocations_users_have_the_rates_of_its_powers():
    (result,) = evaluate_allocations(UNEQUAL, num_blocks=2, methods=("reuse",), timed=False)
    blocks = draw_blocks(UNEQUAL, 2)
    powers = ALLOCATIONS["reuse"].allocate(blocks.gains, blocks.user_budgets, UNEQUAL, np.random.default_rng(0))
    rates = spectral_efficiency(powers, ingr(powers, blocks.gains))
    for block in range(2):
        expected = [rates[block, cell, user] for cell, users in enumerate(UNEQUAL.users_per_cell) for user in range(users)]
        np.testing.assert_allclose(result.user_rates[block][0], expected, rtol=1e-6)


def test_networks_with_other_numbers_of_users_are_measured_together():
    networks = [UNEQUAL, replace(UNEQUAL, num_users=(1, 1, 2))]
    (joined,) = evaluate_networks(
        networks, lambda config, index: evaluate_allocations(config, num_blocks=1, methods=("flwf",), timed=False)
    )
    assert [rates.shape for rates in joined.user_rates] == [(5, 6), (5, 4)]
    assert joined.measurements == (5, ("ingr",))


def test_rows_say_how_many_measurement_rounds_and_which_pilots_they_take():
    config = replace(UNEQUAL, num_iterations=3)
    results = {result.name: result for result in evaluate_allocations(config, num_blocks=1, methods=METHODS, timed=False)}
    taken = {name: result.measurements for name, result in results.items()}
    assert taken["flwf"] == (3, ("ingr",))
    assert taken["pricing"] == taken["pricing_from_plan"] == (3, ("ingr", "price"))
    assert all(taken[name] == (0, ()) for name in ("random", "reuse", "planned", "assignment_bound", "wmmse"))
    assert as_json(results.values(), config, 0, 1)["methods"]["pricing"]["measurements"] == {
        "rounds_per_slot": 3,
        "pilots": ("ingr", "price"),
    }
    (without,) = evaluate_allocations(replace(UNEQUAL, num_iterations=0), num_blocks=1, methods=("flwf",), timed=False)
    assert without.measurements == (5, ("ingr",))


@pytest.mark.parametrize(
    ("observation", "rules", "expected"),
    [
        ("gain", {}, (5, ("ingr",))),
        ("csi", {"num_iterations": 0}, (1, ("ingr",))),
        ("price", {"num_iterations": 0, "rounds_per_slot": 5}, (5, ("ingr", "price"))),
        ("gain", {"num_iterations": 0, "action": "price"}, (1, ("ingr", "price"))),
        ("gain", {"num_iterations": 2, "rounds_per_slot": 3, "negotiation": "pricing"}, (6, ("ingr", "price"))),
        ("gain", {"num_iterations": 0, "negotiation": "pricing"}, (1, ("ingr",))),
    ],
)
def test_a_policy_takes_the_measurements_of_its_game_and_of_what_it_sees(observation, rules, expected):
    assert measurements_of(observation, replace(UNEQUAL, **rules)) == expected


def test_tables_and_files_show_users_and_measurements():
    results = evaluate_allocations(UNEQUAL, num_blocks=2, methods=METHODS, timed=False)
    file = io.StringIO()
    console = Console(file=file, width=200)
    print_table(results, UNEQUAL, console)
    print_users(results, console)
    shown, users = file.getvalue().split("users: average rates over a block")
    lines = {line.split()[0]: line.rstrip() for line in shown.splitlines() if line.strip()}
    assert lines["flwf"].endswith("own measurements: 5 INGR")
    assert lines["pricing_from_plan"].endswith("statistics of all: 5 INGR + price")
    assert lines["wmmse"].endswith("channels of all")
    methods = as_json(results, UNEQUAL, 0, 2)["methods"]
    rows = {line.split()[0]: line.split()[1:] for line in users.splitlines() if line.strip()}
    for name in METHODS:
        measures = [methods[name][key] for key in USER_MEASURES]
        np.testing.assert_allclose([float(number) for number in rows[name]], measures, atol=0.051)


UTILITIES = [
    MethodResult("wmmse", np.ones((2, 3)), "channels", 0.0, user_rates=(np.array([[4.0, 4.0]]), np.array([[9.0, 1.0, 4.0]]))),
    MethodResult("planned", np.ones((2, 3)), "statistics", 0.0, user_rates=(np.array([[3.0, 3.0]]), np.array([[5.0, 5.0, 5.0]]))),
    MethodResult("mine", np.ones((2, 3)), "own", 0.0, user_rates=(np.array([[4.0, 0.0], [2.0, 3.0]]), np.array([[0.5, 8.0, 1.0]] * 2))),
]
"""Two blocks of two and three users; `mine` has two starts."""


def utility_by_hand(result, alpha):
    return [np.mean([[fairness_oracles.utility(rate, alpha) for rate in start] for start in rates]) for rates in result.user_rates]


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_utilities_are_a_user_and_their_differences_paired(alpha):
    measures = utility_measures(UTILITIES, alpha)
    by_hand = {result.name: utility_by_hand(result, alpha) for result in UTILITIES}
    best = [max(utility[block] for utility in by_hand.values()) for block in range(2)]
    assert best == [by_hand["wmmse"][0], by_hand["planned"][1]]
    for name, row in measures.items():
        for key, reference in (("utility", [0.0, 0.0]), ("utility_minus_planned", by_hand["planned"]), ("utility_minus_best_known", best)):
            first, second = (value - other for value, other in zip(by_hand[name], reference, strict=True))
            assert row[key] == pytest.approx({"mean": (first + second) / 2, "ci95": 1.96 * abs(first - second) / 2}, abs=1e-12)


def test_utilities_need_fairness_and_differences_need_what_they_are_from():
    assert utility_measures(UTILITIES, 0.0) == {}
    alone = utility_measures(UTILITIES[2:], 1.0)["mine"]
    assert alone["utility_minus_planned"] is alone["utility_minus_best_known"] is None
    one_block = [replace(result, user_rates=result.user_rates[:1]) for result in UTILITIES]
    assert utility_measures(one_block, 1.0)["planned"]["utility_minus_planned"] == {"mean": 0.0, "ci95": None}


def test_a_network_with_fairness_shows_utilities_and_says_who_is_blind():
    config = replace(UNEQUAL, fairness=1.0)
    results = evaluate_allocations(config, num_blocks=2, timed=False)
    file = io.StringIO()
    print_users(results, Console(file=file, width=250), fairness=1.0)
    shown = " ".join(file.getvalue().split())
    assert "utility - planned - best known" in shown
    assert "blind to fairness: " in shown
    for name in ("flwf", "reuse", "assignment_bound"):
        assert name in shown.split("blind to fairness: ")[1]
    for name in ("planned", "wmmse", "fp", "pricing"):
        assert name not in shown.split("blind to fairness: ")[1].replace(",", "").split()
    methods = as_json(results, config, 0, 2)["methods"]
    order = [line.split()[0] for line in file.getvalue().splitlines() if line.split()[0] in methods]
    assert sorted(order, key=lambda name: -methods[name]["utility"]["mean"]) == order
    assert set(UTILITY_MEASURES) <= set(methods["wmmse"])
    plain = as_json(evaluate_allocations(UNEQUAL, num_blocks=1, methods=("reuse",), timed=False), UNEQUAL, 0, 1)
    assert not set(UTILITY_MEASURES) & set(plain["methods"]["reuse"])


def test_no_method_is_fairer_than_the_best_known_and_wmmse_is_next_to_it():
    config = replace(UNEQUAL, fairness=1.0)
    measures = utility_measures(evaluate_allocations(config, num_blocks=4, timed=False), 1.0)
    gaps = {name: row["utility_minus_best_known"]["mean"] for name, row in measures.items()}
    assert max(gaps.values()) <= 0.0
    assert gaps["wmmse"] > -0.02
    assert gaps["wmmse"] > gaps["planned"] > gaps["flwf"]
    assert gaps["pricing"] > gaps["flwf"]


def test_a_result_without_users_has_no_row():
    file = io.StringIO()
    print_users([MethodResult("mine", np.ones((2, 3)), "own", 0.0)], Console(file=file))
    assert file.getvalue() == ""
