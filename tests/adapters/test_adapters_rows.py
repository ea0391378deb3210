"""Base stations as rows of a vector environment: the same game, and what Gymnasium and Tianshou ask of it."""

import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from tianshou.algorithm.modelfree.ddpg import ContinuousDeterministicPolicy
from tianshou.data import Collector, VectorReplayBuffer
from tianshou.utils.net.common import Net
from tianshou.utils.net.continuous import ContinuousActorDeterministic

from multicell_env import MulticellVectorEnv
from multicell_env.adapters import TianshouVectorEnv, flat_policy, row_env, tianshou_env
from multicell_env.evaluation.playing import draw_blocks, play

ROOT = Path(__file__).parents[2]
SHAPES = [{}, {"observation": "csi"}, {"num_users": (2, 4, 3)}, {"num_users": (2, 4, 3), "damping_in_action": True}]


@pytest.mark.parametrize("arguments", SHAPES)
def test_rows_play_the_game_of_the_vector_environment(arguments):
    rows, plain = row_env(2, seed=5, reward_scale=10.0, **arguments), MulticellVectorEnv(2, **{"observation": "gain", **arguments})
    real = plain.config.user_mask[:, None, None, :]
    expected, _ = plain.reset(seed=5)
    observations, _ = rows.reset()
    np.testing.assert_array_equal(observations, (expected * real).reshape(6, -1))
    generator = np.random.default_rng(0)
    for slot in range(25):
        actions = generator.uniform(-1.0, 1.0, rows.action_space.shape).astype(np.float32)
        expected, rewards, _, truncations, infos = plain.step(((actions + 1.0) / 2.0).reshape(plain.action_space.shape))
        observations, scaled, terminated, truncated, own = rows.step(actions)
        np.testing.assert_array_equal(observations, (expected * real).reshape(6, -1))
        np.testing.assert_allclose(scaled, rewards.reshape(-1) / 10.0, rtol=1e-6)
        np.testing.assert_array_equal(own["sum_rate"], infos["sum_rate"].reshape(-1))
        np.testing.assert_array_equal(truncated, np.repeat(truncations, 3))
        assert not terminated.any()
        assert truncated.all() == (slot % 10 == 9)
        if truncated.all():
            np.testing.assert_array_equal(own["final_obs"], (infos["final_obs"] * real).reshape(6, -1))
        assert rows.observation_space.contains(observations)


def test_rows_differ_between_seeds_and_repeat_for_one():
    first, again, other = (row_env(2).reset(seed=seed)[0] for seed in (1, 1, 7))
    np.testing.assert_array_equal(first, again)
    assert not np.isin(first, other).all()
    np.testing.assert_array_equal(row_env(2, seed=7).reset()[0], other)


def test_a_seed_is_for_one_reset():
    rows = row_env(1, seed=3)
    first, second = rows.reset()[0], rows.reset()[0]
    assert not np.array_equal(first, second)


def test_environments_of_a_mask_begin_anew_and_others_go_on():
    rows = row_env(2, seed=0, autoreset_mode=AutoresetMode.DISABLED)
    rows.reset()
    before, *_ = rows.step(np.zeros(rows.action_space.shape, np.float32))
    after, _ = rows.reset(options={"reset_mask": np.repeat([True, False], 3)})
    np.testing.assert_array_equal(after[3:], before[3:])
    assert (after[:3] != before[:3]).any(axis=1).all()


def test_rows_of_one_environment_are_reset_together():
    rows = row_env(2, seed=0)
    with pytest.raises(ValueError, match=r"reset together; got \[True, False, False\] for environment 1"):
        rows.reset(options={"reset_mask": np.array([False, False, False, True, False, False])})
    with pytest.raises(ValueError, match=r"bool array of shape \(6,\); got bool of shape \(2,\)"):
        rows.reset(options={"reset_mask": np.array([True, False])})


def test_actions_of_another_shape_are_refused():
    rows = row_env(2, seed=0)
    rows.reset()
    with pytest.raises(ValueError, match=r"shape \(6, 24\); got \(2, 3, 24\)"):
        rows.step(np.zeros((2, 3, 24)))


@pytest.mark.parametrize("arguments", SHAPES[2:])
def test_a_policy_of_padded_rows_plays_what_it_plays_in_its_environment(arguments):
    rows = row_env(2, seed=7, **arguments)
    weights = np.random.default_rng(0).normal(size=(rows.single_observation_space.shape[0], rows.single_action_space.shape[0]))
    observations, _ = rows.reset()
    played = play(
        flat_policy(lambda agent, own: np.tanh(own @ weights), padded=True), draw_blocks(rows.env.config, 2, 7), "gain", batched=True
    )
    for slot in range(10):
        observations, rewards, *_ = rows.step(np.tanh(observations @ weights))
        np.testing.assert_allclose(played[:, slot], rewards.reshape(2, 3).mean(axis=1), rtol=1e-3)  # float32 in another order


def test_tianshous_collector_gathers_whole_blocks_of_the_same_game():
    envs, plain = tianshou_env(2, seed=3), MulticellVectorEnv(2, observation="gain")
    preprocess = Net(state_shape=72, hidden_sizes=[4])
    policy = ContinuousDeterministicPolicy(
        actor=ContinuousActorDeterministic(preprocess_net=preprocess, action_shape=24, max_action=1.0),
        action_space=envs.action_space[0],
        action_scaling=False,
        action_bound_method=None,
    )
    buffer = VectorReplayBuffer(6 * 25, 6)
    collector = Collector(policy, cast(Any, envs), buffer)
    collector.reset()
    collector.collect(n_step=6 * 25, random=True)
    collected = buffer[buffer.sample_indices(0)]
    by_slot = {key: np.asarray(collected[key]).reshape(6, 25, -1) for key in ("obs", "act", "rew", "obs_next", "truncated", "terminated")}
    seen, _ = plain.reset(seed=3)
    for slot in range(25):
        np.testing.assert_array_equal(by_slot["obs"][:, slot], seen.reshape(6, -1))
        fractions = (by_slot["act"][:, slot] + 1.0) / 2.0
        seen, rewards, _, truncated, infos = plain.step(fractions.reshape(2, 3, 6, 4))
        last = infos["final_obs"] if truncated.all() else seen
        np.testing.assert_array_equal(by_slot["obs_next"][:, slot], last.reshape(6, -1))
        np.testing.assert_allclose(by_slot["rew"][:, slot, 0], rewards.reshape(-1), rtol=1e-6)
        np.testing.assert_array_equal(by_slot["truncated"][:, slot, 0], np.repeat(truncated, 3))
    assert not by_slot["terminated"].any()


def test_tianshous_seed_is_that_of_the_next_reset():
    envs = tianshou_env(2)
    assert envs.seed(3) == [3, 3, 3, 4, 4, 4]
    first, second = envs.reset()[0], envs.reset()[0]
    np.testing.assert_array_equal(first, tianshou_env(2, seed=3).reset()[0])
    assert not np.array_equal(first, second)
    assert envs.seed() == [None] * 6


def test_rows_load_no_framework():
    code = """
import sys
from multicell_env.adapters import row_env
row_env(1, seed=0).reset()
print(sorted({name.split('.')[0] for name in sys.modules} & {'torch', 'torchrl', 'tianshou', 'stable_baselines3', 'benchmarl'}))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stderr


def test_environments_that_reset_themselves_are_not_for_a_collector():
    with pytest.raises(ValueError, match=r"leave resets to the collector; got AutoresetMode.SAME_STEP"):
        TianshouVectorEnv(row_env(1))
    with pytest.raises(ValueError, match=r"all 3 rows step together; got 1"):
        tianshou_env(1, seed=0).step(np.zeros((1, 24)), id=[0])
