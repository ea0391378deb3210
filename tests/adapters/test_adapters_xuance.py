"""XuanCe's form of the environment; runs where XuanCe is installed, as in build/examples/xuance_mappo."""

from argparse import Namespace

import numpy as np
import pytest

pytest.importorskip("xuance")

from multicell_env.adapters import XuanceEnv, flat_env


def test_it_plays_the_flat_environment_of_its_seed_and_ends_with_one_flag() -> None:
    env, single = XuanceEnv(Namespace(env_seed=3, env_arguments={"reward_scale": 10.0})), flat_env(reward_scale=10.0)
    observations, _ = env.reset()
    expected, _ = single.reset(seed=3)
    for slot in range(env.max_episode_steps):
        for agent, row in observations.items():
            np.testing.assert_array_equal(row, expected[agent])
        actions = {agent: space.sample() for agent, space in env.action_space.items()}
        observations, rewards, terminated, truncated, _ = env.step(actions)
        expected, wanted, *_ = single.step(actions)
        assert rewards == wanted
        assert not any(terminated.values())
        assert truncated is (slot == env.max_episode_steps - 1)
    assert env.agents == ["bs_0", "bs_1", "bs_2"]
    other, _ = env.reset()
    assert not np.array_equal(other["bs_0"], observations["bs_0"])
