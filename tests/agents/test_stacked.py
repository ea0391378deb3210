"""A batched environment collects what its single environments would collect one by one."""

from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from agents.joint import JointEnv, JointVectorEnv
from agents.stacked import StackedVectorEnv
from agents.td3_mix.config import TD3MixConfig, TrainingConfig
from agents.td3_mix.training import Training
from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0

CONFIG = NetworkConfig(num_antennas=4, num_users=3, num_bands=4, num_slots=3)
SEEDS = [5, 9, 2]


def batch(num_envs: int, observation: Any = "gain", **changes: Any) -> MulticellVectorEnv:
    return MulticellVectorEnv(num_envs, CONFIG, observation=observation, **{"autoreset_mode": AutoresetMode.DISABLED, **changes})


@pytest.mark.parametrize("observation", ["gain", "csi"])
def test_it_gives_the_collector_what_single_environments_give(observation: Any) -> None:
    stacked = StackedVectorEnv(batch(3, observation), SEEDS)
    joint = JointVectorEnv([JointEnv(multicell_v0.parallel_env(CONFIG, observation=observation)) for _ in SEEDS], SEEDS)
    assert len(stacked) == len(joint) == 3
    assert all(
        np.array_equal(ours.sample(), theirs.sample()) for ours, theirs in zip(stacked.action_space, joint.action_space, strict=True)
    )
    state = "state" if observation == "csi" else "observation"

    def same(ours: Any, theirs: Any) -> bool:
        return np.array_equal(ours["observation"], theirs["observation"]) and np.array_equal(ours[state], theirs["state"])

    assert same(stacked.reset()[0], joint.reset()[0])
    generator = np.random.default_rng(0)
    for _ in range(2):
        for _ in range(CONFIG.num_slots):
            action = generator.random((3, *joint.action_space[0].shape), dtype=np.float32)
            (ours, reward, terminated, truncated, infos), (theirs, *expected, _) = stacked.step(action), joint.step(action)
            assert same(ours, theirs)
            np.testing.assert_allclose(reward, expected[0], rtol=1e-6)
            assert np.array_equal(terminated, expected[1])
            assert np.array_equal(truncated, expected[2])
            assert len(infos) == 3
        assert truncated.all()
        for chosen in ([2, 0], [1]):
            assert same(stacked.reset(chosen)[0], joint.reset(chosen)[0])


def test_training_on_a_batch_is_training_on_its_environments() -> None:
    settings = TrainingConfig(num_envs=3, warmup_steps=4, num_updates=1, buffer_size=300)
    learner = TD3MixConfig(hidden_sizes=(4,), mixing_size=4, batch_size=8)
    runs = [
        Training(lambda: multicell_v0.parallel_env(CONFIG, observation="gain"), learner, settings, seed=1, stacked_env=stacked)
        for stacked in (batch(3), None)
    ]
    for run in runs:
        run.warm_up()
    (ours, theirs) = (run.collector.buffer[run.collector.buffer.sample_indices(0)] for run in runs)
    assert len(ours) == 12
    assert np.array_equal(ours.obs["observation"], theirs.obs["observation"])
    assert np.array_equal(ours.obs_next["observation"], theirs.obs_next["observation"])
    assert np.array_equal(ours.act, theirs.act)
    np.testing.assert_allclose(ours.rew, theirs.rew, rtol=1e-6)
    assert np.array_equal(ours.truncated, theirs.truncated)


def test_environments_that_reset_themselves_are_refused() -> None:
    with pytest.raises(ValueError, match=r"autoreset_mode=AutoresetMode\.DISABLED"):
        StackedVectorEnv(batch(3, autoreset_mode=AutoresetMode.SAME_STEP), SEEDS)


def test_only_all_environments_step_together() -> None:
    stacked = StackedVectorEnv(batch(3), SEEDS)
    stacked.reset()
    with pytest.raises(ValueError, match="all 3 environments step together; got 2"):
        stacked.step(np.zeros((2, 3, 4, 3), np.float32), id=[0, 1])


def test_numbers_that_are_not_finite_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    env = batch(3)
    stacked = StackedVectorEnv(env, SEEDS)
    stacked.reset()
    observations, rewards, *rest = env.step(np.full((3, 3, 4, 3), 0.2, np.float32))
    for broken in ((observations * np.nan, rewards, *rest), (observations, rewards * np.inf, *rest)):
        monkeypatch.setattr(env, "step", lambda actions, broken=broken: broken)
        with pytest.raises(ValueError, match="finite"):
            stacked.step(np.zeros((3, 3, 4, 3), np.float32))
