"""XuanCe's form of the environment; runs where XuanCe is installed, as in build/examples/xuance_mappo."""

import importlib
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from multicell_env.adapters import flat_env

pytest.importorskip("xuance")
EXAMPLES = Path(__file__).parents[2] / "examples"


def test_it_plays_the_flat_environment_of_its_seed_and_ends_with_one_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    form = importlib.import_module("xuance_mappo").XuanceEnv
    env, single = form(Namespace(env_seed=3, env_arguments={"reward_scale": 10.0})), flat_env(reward_scale=10.0)
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
