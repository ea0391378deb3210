"""Stable-Baselines3: base stations as a native vector environment, its seeds and the ends of its episodes."""

import threading

import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor

from multicell_env import MulticellEnv
from multicell_env.adapters import SB3VecEnv, row_env, sb3_vec_env


def trained(seed: int, **arguments) -> np.ndarray:
    """Weights of a policy after a little training."""
    threads = torch.get_num_threads()
    model = PPO("MlpPolicy", sb3_vec_env(2, reward_scale=30.0, **arguments), n_steps=12, batch_size=36, n_epochs=2, seed=seed, device="cpu")
    model.learn(144)
    torch.set_num_threads(threads)
    return torch.cat([weights.detach().reshape(-1) for weights in model.policy.parameters()]).numpy()


def test_a_base_station_is_the_same_as_in_the_single_environment():
    envs, singles = sb3_vec_env(2, seed=4, reward_scale=10.0), [MulticellEnv(observation="gain") for _ in range(2)]
    observations = envs.reset()
    expected = [env.reset(seed=4 + i)[0] for i, env in enumerate(singles)]
    generator = np.random.default_rng(0)
    for slot in range(10):
        np.testing.assert_array_equal(observations, [own.reshape(-1) for each in expected for own in each.values()])
        actions = generator.uniform(-1.0, 1.0, (6, 24)).astype(np.float32)
        observations, rewards, dones, infos = envs.step(actions)
        fractions = ((actions + 1.0) / 2.0).reshape(2, 3, 6, 4)
        steps = [env.step(dict(zip(env.possible_agents, fractions[i], strict=True))) for i, env in enumerate(singles)]
        expected = [step[0] for step in steps]
        np.testing.assert_allclose(rewards, [reward / 10.0 for step in steps for reward in step[1].values()], rtol=1e-6)
        assert dones.all() == dones.any() == (slot == 9)
    last = np.stack([info["terminal_observation"] for info in infos])
    np.testing.assert_array_equal(last, [own.reshape(-1) for each in expected for own in each.values()])
    assert all(info["TimeLimit.truncated"] for info in infos)
    assert not np.array_equal(last, observations)


def test_a_learners_seed_is_the_environments_too():
    first, again, other = trained(0), trained(0), trained(1)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_seed_gives_the_base_stations_of_an_environment_one_seed():
    envs = sb3_vec_env(2)
    assert envs.seed(5) == [5, 5, 5, 6, 6, 6]
    first, second = envs.reset(), envs.reset()
    assert not np.array_equal(first, second)
    envs.seed(5)
    np.testing.assert_array_equal(envs.reset(), first)
    np.testing.assert_array_equal(sb3_vec_env(2, seed=5).reset(), first)


def test_cells_of_unequal_users_learn_together():
    assert np.isfinite(trained(0, num_users=(2, 4, 3))).all()


def test_an_episodes_return_reaches_the_monitor():
    envs = VecMonitor(sb3_vec_env(1, seed=0))
    envs.reset()
    total = np.zeros(3)
    for _ in range(10):
        _, rewards, _, infos = envs.step(np.zeros((3, 24), np.float32))
        total += rewards
    assert [info["episode"]["r"] for info in infos] == pytest.approx(total.tolist(), rel=1e-5)


def test_closing_twice_is_closing_once():
    before = set(threading.enumerate())
    envs = sb3_vec_env(8, num_threads=2)
    envs.reset()
    envs.step(np.zeros((24, 24)))
    assert set(threading.enumerate()) - before
    envs.close()
    envs.close()
    assert not set(threading.enumerate()) - before


def test_environments_that_wait_for_a_reset_are_refused():
    with pytest.raises(ValueError, match=r"reset automatically; got AutoresetMode.DISABLED"):
        SB3VecEnv(row_env(1, autoreset_mode=AutoresetMode.DISABLED))


def test_attributes_are_those_of_the_rows_that_all_share():
    envs = sb3_vec_env(1)
    assert envs.get_attr("num_cells") == [3, 3, 3]
    assert envs.get_attr("num_cells", indices=0) == [3]
    envs.set_attr("note", 1)
    assert envs.get_attr("note", [0, 2]) == [1, 1]
    assert len(envs.env_method("reset", indices=[1])) == 1
    assert envs.env_is_wrapped(object) == [False] * 3
    assert envs.render_mode is None
