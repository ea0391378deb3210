"""Curves of an actor: what their numbers are, what they leave on disk, and what is refused."""

import json
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
from command_lines import call, refusal

import evaluate
from agents.loading import load
from experiments.commands.evaluation_arguments import CurveName
from experiments.studies import actor_curves
from experiments.studies.actor_curves import CURVES, Asked
from experiments.studies.own_game import own_network, play_own_game
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.comparison import play_policy
from multicell_env.evaluation.playing import evaluate_allocations
from multicell_env.scenarios import draw_networks, scenario_named

SEED = 5


def asked(*scenarios, num_blocks=2):
    return Asked("apg", load("rounds"), num_blocks, SEED, scenarios)


def by_x(points):
    return {point["x"]: point for point in points}


def test_the_command_line_knows_every_curve():
    assert set(get_args(CurveName)) == set(CURVES)


def test_rounds_are_in_percent_of_the_best_of_every_network(monkeypatch):
    monkeypatch.setattr(actor_curves, "MEASUREMENTS", (1, 3))
    points, _ = actor_curves.rounds_panels(asked("asymmetric"))["asymmetric"]
    assert set(points) == {"apg_rounds", "apg_rounds_then_pricing", "pricing", "flwf", "planned"}
    capacities = []
    for index, network in enumerate(draw_networks(scenario_named("asymmetric"), 2, SEED)):
        where: dict[str, Any] = {"num_blocks": 1, "seed": SEED + index}
        of = {(result.name, 0): result for result in evaluate_allocations(network, methods=("wmmse", "planned"), **where)}
        for count in (1, 3):
            played = play_own_game("apg", load("rounds"), network, rounds_per_slot=count, **where)
            played += evaluate_allocations(replace(network, num_iterations=count), methods=("flwf", "pricing"), **where)
            of |= {(result.name, count): result for result in played}
        capacities.append({key: result.per_slot.mean() for key, result in of.items()})
    best = np.mean([max(of_network.values()) for of_network in capacities])
    for name in ("apg_rounds", "apg_rounds_then_pricing", "flwf", "pricing"):
        for count in (1, 3):
            expected = 100 * np.mean([of_network[name, count] for of_network in capacities]) / best
            assert by_x(points[name])[count]["mean"] == pytest.approx(expected), (name, count)
    assert by_x(points["planned"])[1] == {**by_x(points["planned"])[3], "x": 1}


def test_the_sir_is_judged_by_the_better_of_uniform_power_and_the_plan(monkeypatch):
    monkeypatch.setattr(actor_curves, "SIRS_DB", (0.0, 40.0))
    monkeypatch.setattr(actor_curves, "SIZES", ((4, 2),))
    points, more = actor_curves.sir_panels(asked())["(M, U) = (4, 2)"]
    for sir_db, better in zip((0.0, 40.0), more["better"], strict=True):
        network = NetworkConfig(num_antennas=4, num_users=2, sir_db=sir_db)
        where: dict[str, Any] = {"num_blocks": 2, "seed": SEED}
        both = {
            result.name: result.of_blocks("all_slots") for result in evaluate_allocations(network, methods=("uniform", "planned"), **where)
        }
        reference = max(both.values(), key=np.mean)
        assert better["capacity"] == pytest.approx(reference.mean())
        actor = play_own_game("apg", load("rounds"), network, **where)[0].of_blocks("all_slots")
        gains = 100 * (actor - reference) / reference.mean()
        point = by_x(points["apg_rounds"])[sir_db]
        assert point["mean"] == pytest.approx(gains.mean())
        assert point["ci95"] == pytest.approx(1.96 * gains.std(ddof=1) / np.sqrt(2))


def test_errors_cost_what_the_same_blocks_lose_by_them(monkeypatch):
    monkeypatch.setattr(actor_curves, "ERRORS_DB", (0.0, 6.0))
    points, more = actor_curves.error_panels(asked("asymmetric"))["asymmetric"]
    assert set(points) == {"apg_rounds", "apg_rounds_opening", "untilted"}
    assert all(by_x(each)[0.0]["mean"] == 0.0 for each in points.values())
    losses = []
    for index, network in enumerate(draw_networks(scenario_named("asymmetric"), 2, SEED)):
        game = own_network(load("rounds"), network)
        wrong = replace(game, measurement_error_db=6.0)
        right, lost = (play_policy("one", load("rounds"), each, num_blocks=1, seed=SEED + index).per_slot.mean() for each in (game, wrong))
        assert right != lost
        losses.append(lost - right)
    assert by_x(points["apg_rounds"])[6.0]["mean"] == pytest.approx(100 * np.mean(losses) / more["best_known"])


def test_the_interval_of_a_share_is_that_of_leaving_blocks_out():
    generator = np.random.default_rng(0)
    best = generator.uniform(50, 100, 300)
    some = best * generator.uniform(0.8, 1.0, 300)
    shares = np.array([100 * np.delete(some, i).mean() / np.delete(best, i).mean() for i in range(300)])
    jackknife = 1.96 * np.sqrt(299 / 300 * np.sum((shares - shares.mean()) ** 2))
    assert actor_curves._share(1, some, best)["ci95"] == pytest.approx(jackknife, rel=0.01)


def test_a_curve_is_printed_drawn_and_written(tmp_path, monkeypatch):
    monkeypatch.setattr(actor_curves, "MEASUREMENTS", (1, 2))
    monkeypatch.chdir(tmp_path)
    flags = ("--scenarios", "paper,asymmetric", "--num-blocks", "1", "--seed", "3")
    code, shown, said = call(evaluate, "rounds", "--curve", "rounds", *flags, "--output", "out", "--json")
    assert code == 0, said
    content = json.loads(shown)
    assert content == json.loads((tmp_path / "out" / "curve_rounds.json").read_text())
    assert (content["curve"], content["seed"], content["num_blocks"], list(content["panels"])) == ("rounds", 3, 1, ["paper", "asymmetric"])
    assert content["panels"]["paper"]["methods"]["flwf"][0]["ci95"] is None
    assert "paper: mean over the slots [% of best known]" in said
    assert (tmp_path / "out" / "curve_rounds.png").stat().st_size > 10_000


def test_what_is_no_curve_of_one_actor_is_refused(tmp_path):
    assert "got td3mix, whose actions are powers" in refusal(tmp_path, "evaluate.py", "generalist", "--curve", "rounds")
    assert "sir is on the paper's networks" in refusal(tmp_path, "evaluate.py", "--curve", "sir", "--scenarios", "irregular-7")
    assert "is of one actor" in refusal(tmp_path, "evaluate.py", "--curve", "errors", "--generalise")
    assert "no flag may change them" in refusal(tmp_path, "evaluate.py", "--curve", "errors", "--num-bands", "4")
    assert list(tmp_path.iterdir()) == []
