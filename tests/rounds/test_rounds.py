"""A slot of R rounds: every round is a step, and the last alone transmits, earns and spends."""

import pickle
import warnings
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.adapters.flat import flat_env
from multicell_env.adapters.rows import row_env
from multicell_env.blocks import Blocks
from multicell_env.evaluation.playing import draw_blocks
from multicell_env.evaluation.playing import play as play_policy

with warnings.catch_warnings():
    # PettingZoo's tests import its connect_four, which warns that it is made in an old way. Nothing of ours.
    warnings.filterwarnings("ignore", "The old environment creation API", DeprecationWarning)
    from pettingzoo.test import parallel_api_test, parallel_seed_test

UNEQUAL: dict[str, Any] = {"num_antennas": 4, "num_users": (2, 4, 1), "num_bands": 5, "num_slots": 2, "rounds_per_slot": 3}
TWO_ROUNDS: dict[str, Any] = {"num_slots": 2, "rounds_per_slot": 2, "action": "price"}
GAMES: dict[str, dict[str, Any]] = {
    "powers": {**UNEQUAL, "num_iterations": 0, "measuring_reward": 0.1},
    "flwf between": {**UNEQUAL, "num_iterations": 1, "reward": "network", "measuring_reward": 0.5},
    "pricing between": {**UNEQUAL, "num_iterations": 2, "negotiation": "pricing", "damping": 0.25},
    "damping in actions": {**UNEQUAL, "num_iterations": 2, "negotiation": "pricing", "damping_in_action": True},
    "multipliers": {**UNEQUAL, "num_iterations": 0, "action": "price", "measuring_reward": 0.1},
    "multipliers, one round": {**UNEQUAL, "num_iterations": 1, "action": "price", "rounds_per_slot": 1},
    "many users": {"num_antennas": 23, "num_users": 21, "num_bands": 3, "num_slots": 2, "rounds_per_slot": 2, "action": "price"},
    "one cell": {
        "num_cells": 1,
        "num_antennas": 3,
        "num_users": 2,
        "num_bands": 4,
        "num_slots": 2,
        "rounds_per_slot": 2,
        "action": "price",
    },
    "errors": {**UNEQUAL, "num_iterations": 0, "action": "price", "measurement_error_db": 3.0},
    "fair multipliers": {**UNEQUAL, "num_iterations": 0, "action": "price", "measuring_reward": 0.1, "fairness": 1.0},
    "fair pricing": {**UNEQUAL, "num_iterations": 2, "negotiation": "pricing", "fairness": 2.0, "reward": "predicted"},
    "fair, one round": {**UNEQUAL, "num_iterations": 1, "rounds_per_slot": 1, "fairness": 0.5},
    "fair with errors": {**UNEQUAL, "num_iterations": 0, "action": "price", "measurement_error_db": 3.0, "fairness": 1.0},
    "errors and powers": {**UNEQUAL, "num_iterations": 0, "measurement_error_db": 1.0},
}
EVERY_GAME = pytest.mark.parametrize("game", [pytest.param(game, id=name) for name, game in GAMES.items()])
EVERY_OBSERVATION = pytest.mark.parametrize("observation", ["gain", "csi", "price"])
LEARNED = {**UNEQUAL, "num_iterations": 0, "observation": "price", "action": "price"}


def actions_of(space: Any, generator: np.random.Generator) -> np.ndarray:
    return generator.uniform(space.low, space.high).astype(np.float32)


def by_agent(env: Any, stacked: np.ndarray) -> dict[str, np.ndarray]:
    return {agent: stacked[cell, ..., : env.config.users_per_cell[cell]] for cell, agent in enumerate(env.possible_agents)}


@EVERY_GAME
@EVERY_OBSERVATION
@pytest.mark.parametrize("num_threads", [1, 2])
def test_environment_i_of_a_batch_is_a_single_environment_bit_for_bit(game: dict[str, Any], observation: Any, num_threads: int) -> None:
    vector = MulticellVectorEnv(3, observation=observation, num_threads=num_threads, **game)
    singles = [multicell_v0.parallel_env(observation=observation, **game) for _ in range(3)]
    observations, infos = vector.reset(seed=[4, 9, 2])
    expected = [env.reset(seed=seed) for env, seed in zip(singles, [4, 9, 2], strict=True)]
    generator, config = np.random.default_rng(0), vector.config
    for step in range(2 * config.num_steps + 1):
        for i, env in enumerate(singles):
            for agent, planes in by_agent(env, observations[i]).items():
                assert np.array_equal(planes, expected[i][0][agent])
                assert env.observation_space(agent).contains(expected[i][0][agent])
                assert set(infos) - {"final_obs", "_final_obs"} == set(expected[i][-1][agent])
            assert np.array_equal(vector.state()[i], env.state())
            assert env.state_space.contains(env.state())
            assert all(np.array_equal(own, env.hold()[agent]) for agent, own in by_agent(env, vector.hold()[i]).items())
        actions = actions_of(vector.action_space, generator)
        observations, rewards, _, truncations, infos = vector.step(actions)
        expected = [env.step(by_agent(env, action)) for env, action in zip(singles, actions, strict=True)]
        over = (step + 1) % config.num_steps == 0
        assert truncations.tolist() == [over] * 3
        for i, env in enumerate(singles):
            assert rewards[i].astype(float).tolist() == list(expected[i][1].values())
            assert all(flag == over for flag in expected[i][3].values())
            assert infos["sum_rate"][i].astype(float).tolist() == [info["sum_rate"] for info in expected[i][4].values()]
            if config.rounds_per_slot > 1:
                assert {info["transmitted"] for info in expected[i][4].values()} == {float(infos["transmitted"][i])}
            if over:
                expected[i] = env.reset()
    vector.close()


def test_the_last_round_alone_transmits_and_is_paid_in_full() -> None:
    env = multicell_v0.parallel_env(**GAMES["powers"])
    env.reset(seed=0)
    generator, paid = np.random.default_rng(0), []
    while env.agents:
        budget = env._begun_blocks().power_budget.copy()
        actions = {agent: 0.1 * actions_of(env.action_space(agent), generator) for agent in env.agents}
        _, rewards, _, _, infos = env.step(actions)
        info = infos["bs_1"]
        paid.append(rewards["bs_1"] / info["sum_rate"])
        unchanged = np.array_equal(env._begun_blocks().power_budget, budget)
        assert unchanged == (info["transmitted"] == 0.0)
    assert paid == pytest.approx([0.1, 0.1, 1.0] * 2, rel=1e-6)


def test_the_network_reward_of_a_measuring_round_is_a_share_too() -> None:
    env = MulticellVectorEnv(2, **GAMES["flwf between"])
    env.reset(seed=0)
    for share in (0.5, 0.5, 1.0):
        _, rewards, _, _, infos = env.step(env.action_space.sample())
        mean = infos["sum_rate"].mean(axis=1, keepdims=True)
        np.testing.assert_allclose(rewards, share * np.repeat(mean, 3, axis=1), rtol=1e-6)


def test_what_is_played_in_measuring_rounds_is_forgotten_by_the_budgets() -> None:
    config = NetworkConfig(**GAMES["powers"])
    rounds, slots = draw_blocks(config, 2, 0), draw_blocks(NetworkConfig(**{**GAMES["powers"], "rounds_per_slot": 1}), 2, 0)
    generator = np.random.default_rng(0)
    for _ in range(2):
        for _ in range(2):
            rounds.play_slot(generator.random(rounds.powers.shape))
        last = generator.random(rounds.powers.shape) / 5
        assert np.array_equal(rounds.play_slot(last), slots.play_slot(last))
        assert np.array_equal(rounds.power_budget, slots.power_budget)


def test_rounds_of_blocks_that_begin_at_different_times_are_their_own() -> None:
    env = MulticellVectorEnv(2, autoreset_mode=AutoresetMode.DISABLED, **LEARNED)
    env.reset(seed=0)
    env.step(np.zeros(env.action_space.shape))
    observations, _ = env.reset(options={"reset_mask": np.array([False, True])})
    np.testing.assert_allclose(observations[:, 0, 7:, 0, 0], [[0.0, 1 / 3], [1.0, 0.0]], rtol=1e-6)
    transmitted = [env.step(np.zeros(env.action_space.shape))[4]["transmitted"].tolist() for _ in range(3)]
    assert transmitted == [[False, False], [True, False], [False, True]]


@EVERY_GAME
@pytest.mark.filterwarnings("ignore:Agents have different observation space sizes:UserWarning")
@pytest.mark.filterwarnings("ignore:Agents have different action space sizes:UserWarning")
@pytest.mark.filterwarnings("ignore:Observations are different shapes:UserWarning")
def test_pettingzoos_tests_pass(game: dict[str, Any]) -> None:
    parallel_api_test(multicell_v0.parallel_env(observation="price", **game), num_cycles=20)
    parallel_seed_test(lambda: multicell_v0.parallel_env(observation="price", **game), num_cycles=10)


def test_the_number_of_steps_is_slots_times_rounds() -> None:
    env = multicell_v0.parallel_env(num_slots=4, rounds_per_slot=3)
    assert (env.max_cycles, env.config.num_steps) == (12, 12)
    assert multicell_v0.parallel_env(max_cycles=6, rounds_per_slot=3).config.num_slots == 2
    assert multicell_v0.parallel_env(NetworkConfig(rounds_per_slot=2), max_cycles=6).config.num_slots == 3
    with pytest.raises(ValueError, match=r"max_cycles.*slots of 3 rounds; got 7.*multiple of 3"):
        multicell_v0.parallel_env(max_cycles=7, rounds_per_slot=3)
    with pytest.raises(ValueError, match=r"max_cycles.*num_slots.*6 and 6"):
        multicell_v0.parallel_env(max_cycles=6, num_slots=6, rounds_per_slot=3)


def test_a_multiplier_of_0_is_what_holds_and_beyond_1_it_is_clipped() -> None:
    env = MulticellVectorEnv(2, **LEARNED)
    assert (env.single_action_space.low.min(), env.single_action_space.high.max()) == (-1.0, 1.0)  # type: ignore[attr-defined]
    assert not env.hold().any()
    results = []
    for largest in (1.0, 7.0):
        env.reset(seed=0)
        signs = np.where(np.random.default_rng(0).random(env.action_space.shape) < 0.5, -1.0, 1.0)
        results.append(env.step(largest * signs)[0])
    assert np.array_equal(*results)


def test_wrong_multipliers_are_refused_in_their_own_words() -> None:
    env = multicell_v0.parallel_env(**LEARNED)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"bs_0.*NaN.*price multipliers in \[-1, 1\]"):
        env.step({agent: np.full(env.action_space(agent).shape, np.nan) for agent in env.agents})


def test_copies_in_the_middle_of_a_slot_play_on_alike() -> None:
    env = MulticellVectorEnv(2, **GAMES["errors"], observation="price")
    env.reset(seed=0)
    env.step(env.action_space.sample())
    twins = [env, deepcopy(env), pickle.loads(pickle.dumps(env))]
    actions = np.random.default_rng(0).uniform(-1, 1, (4, *env.action_space.shape))
    records = [[twin.step(action)[:2] for action in actions] for twin in twins]
    for record in records[1:]:
        for step, expected in zip(record, records[0], strict=True):
            assert all(np.array_equal(*pair) for pair in zip(step, expected, strict=True))


def test_vectors_of_multipliers_are_the_multipliers_themselves() -> None:
    rows, env = row_env(2, **LEARNED), MulticellVectorEnv(2, **LEARNED)
    flat, single = flat_env(**LEARNED), multicell_v0.parallel_env(**LEARNED)
    rows.reset(seed=[0, 1])
    env.reset(seed=[0, 1])
    actions = actions_of(env.action_space, np.random.default_rng(0))
    by_rows = rows.step(actions.reshape(6, -1))
    by_env = env.step(actions)
    np.testing.assert_array_equal(by_rows[1], by_env[1].reshape(-1))
    for some in (flat, single):
        some.reset(seed=0)
    own = by_agent(single, actions[0])
    assert flat.step({agent: action.reshape(-1) for agent, action in own.items()})[1] == single.step(own)[1]
    assert flat.max_cycles == 6


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_rounds_are_drawn_and_slots_are_counted(mode: str) -> None:
    env = multicell_v0.parallel_env(render_mode=mode, **GAMES["multipliers"])
    env.reset(seed=0)
    for played in range(1, 5):
        env.step(env.hold())
        assert env.render() is not None
        assert len(env._rates) == played // 3


def test_transmitting_at_will_ends_a_slot_and_measuring_never_does() -> None:
    blocks = Blocks(NetworkConfig(**GAMES["powers"]), 1)
    blocks.draw([0], [np.random.default_rng(0)])
    silence = np.zeros(blocks.powers.shape)
    for transmit, left, rounds in ((True, 1, 0), (False, 1, 1), (None, 1, 2), (False, 1, 3), (None, 0, 0)):
        blocks.play_slot(silence, transmit=transmit)
        assert (blocks.slots_left[0], blocks.rounds[0]) == (left, rounds)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rounds_per_slot": 0}, "rounds_per_slot must be a whole number of at least 1; got 0"),
        ({"negotiation": "wmmse"}, "negotiation must be 'flwf', 'iwf' or 'pricing'; got 'wmmse'"),
        ({"action": "prices"}, "action must be 'powers' or 'price'; got 'prices'"),
        ({"measuring_reward": 1.5}, r"measuring_reward must be a number within \[0, 1\]; got 1.5"),
        ({"measurement_error_db": -1}, "measurement_error_db must be a number"),
        ({"measurement_error_db": 1.0}, "num_iterations must be 0 with measurement_error_db.*got 5 and 1 dB"),
        ({"action": "price", "damping_in_action": True}, "damping_in_action must be False with action 'price'"),
    ],
)
def test_fields_that_break_a_rule_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NetworkConfig(**fields)


def test_networks_of_json_without_the_fields_are_those_of_the_paper() -> None:
    fields = {name: value for name, value in vars(NetworkConfig()).items() if name in ("num_users", "mean_gains", "sir_db", "num_slots")}
    assert NetworkConfig.from_json(fields) == NetworkConfig()
    assert NetworkConfig(rounds_per_slot=5, negotiation="pricing").describe().endswith(" k=5 R=5 negotiation=pricing")


def test_policies_are_paid_for_slots_and_act_in_every_round() -> None:
    config, seen = NetworkConfig(**GAMES["multipliers"]), []

    def policy(observations: Any) -> dict[str, np.ndarray]:
        seen.append(observations["bs_0"][0, 8, 0, 0])
        return {agent: np.zeros((*planes.shape[:1], *planes.shape[2:])) for agent, planes in observations.items()}

    per_slot = play_policy(policy, draw_blocks(config, 2, 0), "price", batched=True)
    blocks = draw_blocks(config, 2, 0)
    rates = np.stack([blocks.play_slot(blocks.hold()).mean(axis=-1) for _ in range(6)], axis=-1)
    np.testing.assert_allclose(per_slot, rates[:, [2, 5]], rtol=1e-6)
    np.testing.assert_allclose(seen, [0, 1 / 3, 2 / 3] * 2, rtol=1e-6)
    seen.clear()
    assert np.array_equal(play_policy(policy, draw_blocks(config, 2, 0), "price", batched=True, acting_slots=1), per_slot)
    assert len(seen) == 3
