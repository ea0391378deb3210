"""Percent of the best known by hand, and actors that play their own game beside the others."""

import io
from dataclasses import asdict, replace

import numpy as np
import pytest
from rich.console import Console

from agents.actors import build_actor
from agents.joint import JointEnv
from agents.saved_actor import ActorPolicy
from experiments.studies.against_best_known import against_best_known, print_against_best_known
from experiments.studies.own_game import own_rules, play_own_game
from experiments.studies.scenario_comparison import EVERYWHERE
from multicell_env import NetworkConfig, multicell_v0
from multicell_env.evaluation.playing import draw_blocks, evaluate_policy
from multicell_env.evaluation.results import MethodResult
from multicell_env.scenarios import LARGE, SCENARIOS

GAME = {"action": "price", "rounds_per_slot": 3, "num_iterations": 0, "measuring_reward": 0.1}
NETWORK = NetworkConfig(num_users=(2, 3, 1), num_slots=4)


def result(name, per_slot):
    return MethodResult(name, np.array(per_slot), "own", float("nan"))


RESULTS = [
    result("wmmse", [[10.0, 10.0], [20.0, 20.0]]),
    result("planned", [[8.0, 8.0], [12.0, 12.0]]),
    result("rounds", [[4.0, 12.0], [16.0, 18.0]]),
]


def test_percentages_are_of_the_highest_of_every_block_in_each_part():
    rows = against_best_known(RESULTS)
    # best: first 10, 20; last 12, 20; mean over the slots 10, 20
    expected = {"first": 100 * 20 / 30, "last": 100 * 30 / 32, "mean": 100 * (8 + 17) / 30}
    assert rows["rounds"]["percent_of_best_known"] == pytest.approx(expected)
    assert rows["wmmse"]["percent_of_best_known"]["last"] == pytest.approx(100 * 30 / 32)


def test_the_difference_from_the_plan_is_paired_in_points_of_the_best_known():
    rows = against_best_known(RESULTS)
    points = 100 * np.array([8.0 - 8.0, 17.0 - 12.0]) / 15.0
    half = 1.96 * np.sqrt(((points - points.mean()) ** 2).sum() / 1 / 2)
    assert rows["rounds"]["minus_planned"] == pytest.approx({"mean": points.mean(), "ci95": half})
    assert rows["planned"]["minus_planned"] == {"mean": 0.0, "ci95": 0.0}
    one = against_best_known([result(each.name, each.per_slot[:1]) for each in RESULTS])
    assert one["rounds"]["minus_planned"] == {"mean": 0.0, "ci95": None}


def test_without_wmmse_nothing_is_known_and_without_a_plan_no_difference():
    assert against_best_known(RESULTS[1:]) == {}
    assert against_best_known([RESULTS[0], RESULTS[2]])["rounds"]["minus_planned"] is None


def test_the_table_shows_the_best_mean_first():
    file = io.StringIO()
    print_against_best_known(against_best_known(RESULTS), "title", Console(file=file, width=100))
    assert [line.split()[0] for line in file.getvalue().splitlines()[2:]] == ["wmmse", "rounds", "planned"]
    assert "+16.67" in file.getvalue()


def actor(**fields):
    config = NetworkConfig(**{**GAME, **fields})
    env = JointEnv(multicell_v0.parallel_env(config, observation="price"))
    return ActorPolicy.of(build_actor(env, "set", (8,), is_centred=False), env, {"config": asdict(config), "observation": "price"})


def test_only_an_actor_whose_actions_tilt_prices_has_rules_of_its_own():
    assert own_rules(actor()) == {**GAME, "negotiation": "flwf", "fairness": 0.0}
    assert own_rules(actor(fairness=1.0))["fairness"] == 1.0
    assert own_rules(actor(action="powers")) == {}
    assert own_rules(lambda observations: observations) == {}


def test_an_actor_plays_its_rounds_on_the_blocks_of_the_network():
    policy = actor()
    own = NetworkConfig(num_users=(2, 3, 1), num_slots=4, **GAME)
    always, then = play_own_game("apg", policy, NETWORK, num_blocks=3, seed=7, timed=False)
    assert (always.name, then.name) == ("apg_rounds", "apg_rounds_then_pricing")
    expected = evaluate_policy("any", policy, own, observation="price", num_blocks=3, seed=7, batched=True, timed=False)
    np.testing.assert_array_equal(always.per_slot, expected.per_slot)
    assert always.measurements == then.measurements == (3, ("ingr", "price"))
    for each in (always, then):
        sums = [rates.sum() / 3 for rates in each.user_rates]
        np.testing.assert_allclose(sums, each.per_slot.mean(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(draw_blocks(own, 3, 7).gains.signal_gains, draw_blocks(NETWORK, 3, 7).gains.signal_gains)


def test_pricing_goes_on_from_the_powers_of_the_first_slot():
    policy = actor()
    always, then = play_own_game("apg", policy, NETWORK, num_blocks=3, seed=7, timed=False)
    np.testing.assert_allclose(then.per_slot[:, 0], always.per_slot[:, 0], rtol=1e-5)
    # played by hand: the actor's rounds, then three iterations of pricing a slot in a game of powers
    env = multicell_v0.parallel_env(NetworkConfig(num_users=(2, 3, 1), num_slots=4, **GAME), observation="price")
    observations, infos = env.reset(seed=8)
    for _ in range(3):
        observations, _, _, _, infos = env.step(policy(observations))
    second = NetworkConfig(num_users=(2, 3, 1), num_slots=4, negotiation="pricing", num_iterations=3)
    blocks = draw_blocks(second, 1, 8)
    powers = np.zeros_like(blocks.powers[0])
    for cell, users in enumerate((2, 3, 1)):
        powers[cell, :, :users] = infos[f"bs_{cell}"]["power"]
    fractions = powers / np.maximum(blocks.user_budgets[0][:, None, :], 1e-9)
    rates = [blocks.play_slot(fractions[None], num_iterations=0).mean()]
    rates += [blocks.play_slot(blocks.hold()).mean() for _ in range(3)]
    np.testing.assert_allclose(then.per_slot[1], rates, rtol=1e-4)


@pytest.mark.parametrize("restart", [None, True])
def test_where_channels_move_pricing_goes_on_over_those_of_every_slot(restart):
    moving, untilted = replace(NETWORK, channel_model="redraw", restart=restart), lambda observations: np.zeros_like(observations[:, 0])
    untilted.observation, untilted.stacked = "price", True
    untilted.rules = GAME
    _, then = play_own_game("mine", untilted, moving, num_blocks=2, seed=4, timed=False)
    first = draw_blocks(replace(moving, **untilted.rules), 2, 4)
    for _ in range(3):
        first.play_slot(first.hold())
    blocks = draw_blocks(replace(moving, restart=bool(restart), negotiation="pricing", num_iterations=3), 2, 4)
    fractions = first.powers / np.maximum(blocks.user_budgets[..., None, :], 1e-9)
    rates = [blocks.play_slot(fractions, num_iterations=0).mean(axis=-1)]
    for _ in range(3):
        gains, powers = blocks.gains.signal_gains.copy(), blocks.powers.copy()
        blocks.advance()
        assert not np.array_equal(blocks.gains.signal_gains, gains)
        assert np.array_equal(blocks.powers, powers) == (not restart)
        rates.append(blocks.play_slot(blocks.hold()).mean(axis=-1))
    np.testing.assert_allclose(then.per_slot, np.stack(rates, axis=1), rtol=1e-5)


def test_large_networks_are_played_by_their_names_alone():
    assert set(LARGE) < set(SCENARIOS)
    assert not set(LARGE) & set(EVERYWHERE)


def test_any_policy_that_says_the_rules_of_its_game_is_played_by_them():
    def untilted(observations):
        return {agent: np.zeros((len(planes), *planes.shape[2:])) for agent, planes in observations.items()}

    untilted.observation, untilted.batched = "price", True
    assert own_rules(untilted) == {}
    untilted.rules = {"action": "price", "rounds_per_slot": 3, "num_iterations": 0}
    results = play_own_game("mine", untilted, NetworkConfig(), num_blocks=2, seed=4, timed=False)
    assert [result.name for result in results] == ["mine_rounds", "mine_rounds_then_pricing"]
    blocks = draw_blocks(NetworkConfig(**untilted.rules), 2, 4)
    rates = [blocks.play_slot(blocks.hold()).mean(axis=-1) for _ in range(3)][-1]
    np.testing.assert_allclose(results[0].per_slot[:, 0], rates, rtol=1e-6)


def test_an_actor_plays_by_its_own_fairness_and_pricing_by_that_of_the_network():
    policy, fair = actor(), replace(NETWORK, fairness=1.0)
    plain, weighted = (play_own_game("apg", policy, network, num_blocks=3, seed=7, timed=False) for network in (NETWORK, fair))
    np.testing.assert_array_equal(plain[0].per_slot, weighted[0].per_slot)
    np.testing.assert_array_equal(plain[1].per_slot[:, 0], weighted[1].per_slot[:, 0])
    assert not np.array_equal(plain[1].per_slot, weighted[1].per_slot)
