"""Rewards: what users get, what they predict (18), and shares of the mean over all users."""

import numpy as np
import oracles
import pytest
from scenarios import EVERY_CONFIG, assert_equal, draw_block, draw_powers, ragged
from test_blocks import draw_blocks, draw_fractions, variant

from multicell_env import MulticellVectorEnv, multicell_v0
from multicell_env.differentiable import DifferentiableGame
from multicell_env.model.interference import ingr
from multicell_env.model.waterfilling import believed_ingr
from multicell_env.rewards import play_for_rewards

UNEQUAL = {"num_antennas": 4, "num_users": (2, 4, 1), "num_slots": 3, "dtype": "float64"}


@EVERY_CONFIG
def test_the_belief_is_that_of_the_scalar_equations(config):
    block = draw_block(config)
    last, powers = draw_powers(config, seed=1), draw_powers(config, seed=2)
    c = ingr(last, block.gains)
    believed = believed_ingr(powers, last, c, block.gains.signal_gains)
    lists = [ragged(config, array) for array in (powers, last, c)]
    expected = [
        [[oracles.believed_ingr(*numbers) for numbers in zip(*bands, strict=True)] for bands in zip(*cell, strict=True)]
        for cell in zip(*lists, block.signal, strict=True)
    ]
    assert_equal(config, believed, expected)


def test_a_belief_never_falls_below_the_noise_over_the_gain():
    last, gain = np.zeros((1, 1)), np.full((1, 1), 2.0)
    measured = np.full((1, 1), 3.0)  # phi = -sqrt(3 / 6)
    for power, expected in ((1.0, 3.0 - 0.5**0.5), (3.0, 3.0 - 3.0 * 0.5**0.5), (4.0, 0.5), (1e6, 0.5)):
        assert believed_ingr(np.full((1, 1), power), last, measured, gain).item() == pytest.approx(expected)


@EVERY_CONFIG
@pytest.mark.parametrize("num_iterations", [1, 3])
def test_predicted_rewards_are_those_of_the_scalar_game_in_every_slot(config, num_iterations):
    config = variant(config, num_iterations=num_iterations, reward="predicted")
    blocks, _ = draw_blocks(config, 2)
    for slot in range(3):
        fractions = draw_fractions(config, 2, seed=slot, largest=0.9) - 0.3
        budgets = [ragged(config, of_block) for of_block in blocks.user_budgets]
        _, rewards = play_for_rewards(blocks, fractions)
        for i in range(2):
            signal = ragged(config, blocks.gains.signal_gains[i])
            opening = oracles.opening_powers(ragged(config, fractions[i]), budgets[i])
            cross = cross_gains_of(config, blocks, i)
            expected = oracles.predicted_sum_rates(opening, signal, cross, budgets[i], num_iterations, config.damping)
            np.testing.assert_allclose(rewards[i], expected, rtol=1e-10)


def cross_gains_of(config, blocks, i):
    heard = [[None] * config.num_cells for _ in range(config.num_cells)]
    for rx, tx_cells in enumerate(config.interferers):
        for at, tx in enumerate(tx_cells):
            if tx >= 0:
                users = config.users_per_cell
                heard[tx][rx] = blocks.gains.cross_gains[i, rx, at, :, : users[tx], : users[rx]].tolist()
    return heard


def test_a_preview_leaves_the_block_where_it_was():
    config = variant(draw_blocks_config(), num_iterations=3)
    blocks, _ = draw_blocks(config, 2)
    blocks.play_slot(draw_fractions(config, 2))
    names = ("slots_left", "rounds", "powers", "ingr", "log_ingr", "prices", "power_budget", "log_budget")
    before = [getattr(blocks, name).copy() for name in names]
    powers, measured = blocks.preview(draw_fractions(config, 2, seed=1), 2)
    for name, array in zip(names, before, strict=True):
        assert np.array_equal(getattr(blocks, name), array), name
    assert not np.array_equal(powers, blocks.powers)
    np.testing.assert_allclose(measured, ingr(powers, blocks.gains), rtol=1e-12)


def draw_blocks_config():
    return multicell_v0.parallel_env(**UNEQUAL).config


@pytest.mark.parametrize("reward", ["predicted", "user"])
@pytest.mark.parametrize("overrides", [{}, {"num_iterations": 0}, {"damping_in_action": True}], ids=str)
def test_another_reward_changes_nothing_but_the_rewards(reward, overrides):
    envs = [multicell_v0.parallel_env(**UNEQUAL, **overrides, reward=each) for each in ("cell", reward)]
    observations = [env.reset(seed=3)[0] for env in envs]
    generator = np.random.default_rng(0)
    for _ in range(3):
        for agent in observations[0]:
            assert np.array_equal(observations[0][agent], observations[1][agent])
        actions = {agent: generator.random(envs[0].action_space(agent).shape) for agent in envs[0].possible_agents}
        (plain, rates, *_, infos), (other, rewards, *_, other_infos) = (env.step(actions) for env in envs)
        observations = [plain, other]
        for agent in rates:
            assert np.array_equal(infos[agent]["power"], other_infos[agent]["power"])
            assert infos[agent]["sum_rate"] == other_infos[agent]["sum_rate"] == rates[agent]
        if reward == "user":
            assert list(rewards.values()) == pytest.approx([rate / 7 for rate in rates.values()])
        else:
            assert (rewards == rates) == (overrides.get("num_iterations") == 0)  # where nobody moves, nobody predicts


@pytest.mark.parametrize("num_users", [1, (2, 4, 1), 8])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_predicted_rewards_of_a_batch_are_those_of_single_environments_bit_for_bit(num_users, dtype):
    network = {"num_antennas": 8, "num_users": num_users, "num_bands": 12, "num_slots": 3, "reward": "predicted", "dtype": dtype}
    vector = MulticellVectorEnv(5, observation="gain", num_threads=2, **network)
    singles = [multicell_v0.parallel_env(observation="gain", **network) for _ in range(5)]
    vector.reset(seed=[7, 8, 9, 10, 11])
    for seed, env in enumerate(singles, start=7):
        env.reset(seed=seed)
    generator = np.random.default_rng(0)
    for _ in range(3):
        actions = generator.random(vector.action_space.shape, dtype=np.float32)
        rewards = vector.step(actions)[1]
        assert rewards.dtype == np.dtype(dtype)
        for own, env, action in zip(rewards, singles, actions, strict=True):
            users = env.config.users_per_cell
            given = env.step({agent: action[cell, :, : users[cell]] for cell, agent in enumerate(env.possible_agents)})[1]
            assert own.astype(float).tolist() == list(given.values())


@pytest.mark.parametrize("reward", ["cell", "network", "predicted", "user"])
def test_foreseen_rewards_are_those_that_are_played(reward):
    config = variant(draw_blocks_config(), num_iterations=3, reward=reward)
    blocks, _ = draw_blocks(config, 2)
    for slot in range(2):
        fractions = draw_fractions(config, 2, seed=slot)
        foreseen = DifferentiableGame(blocks, "gain").rewards(fractions)
        np.testing.assert_allclose(play_for_rewards(blocks, fractions)[1], foreseen, rtol=1e-9)
