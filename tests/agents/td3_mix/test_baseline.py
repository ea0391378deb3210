"""Rewards less what the middle of the action space earns on the same episode."""

import numpy as np
import pytest
from games import MeetingGame
from gymnasium.vector import AutoresetMode

from agents.joint import JointEnv, JointVectorEnv
from agents.stacked import StackedVectorEnv
from agents.td3_mix.baseline import BaselinedVectorEnv, with_baseline
from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0

NETWORK = NetworkConfig(num_slots=2, num_bands=3, num_users=2, action="price", rounds_per_slot=2, num_iterations=0, measuring_reward=0.1)
SEEDS = [3, 4]


def singles():
    return JointVectorEnv([JointEnv(multicell_v0.parallel_env(NETWORK, observation="price")) for _ in SEEDS], SEEDS)


def stacked():
    envs = MulticellVectorEnv(2, NETWORK, observation="price", autoreset_mode=AutoresetMode.DISABLED)
    return StackedVectorEnv(envs, SEEDS)


@pytest.mark.parametrize("make", [singles, stacked])
def test_rewards_are_less_what_untilted_prices_earn_on_the_same_block(make):
    env, played, usual = BaselinedVectorEnv(make()), make(), make()
    generator = np.random.default_rng(0)
    for one in (env, played, usual):
        one.reset()
    for _ in range(9):  # two blocks of four rounds, and one round
        actions = generator.uniform(-1.0, 1.0, (2, 3, 3, 2)).astype(np.float32)
        observations, rewards, _, truncated, _ = env.step(actions)
        seen, of_actions, *_ = played.step(actions)
        _, of_middle, *_ = usual.step(np.zeros_like(actions))
        np.testing.assert_array_equal(rewards, of_actions - of_middle)
        np.testing.assert_array_equal(observations.observation, seen.observation)
        assert not np.array_equal(of_actions, of_middle)
        if truncated.any():
            for one in (env, played, usual):
                one.reset(np.flatnonzero(truncated))


def test_the_middle_of_the_action_space_earns_nothing():
    env = BaselinedVectorEnv(stacked())
    env.reset()
    rewards = [env.step(np.zeros((2, 3, 3, 2), np.float32))[1] for _ in range(4)]
    np.testing.assert_array_equal(rewards, np.zeros((4, 2)))


def test_some_environments_can_be_stepped_and_begin_alone():
    env, alone = BaselinedVectorEnv(singles()), BaselinedVectorEnv(singles())
    actions = np.full((2, 3, 3, 2), 0.3, np.float32)
    for one in (env, alone):
        one.reset()
    both = env.step(actions)[1]
    assert alone.step(actions[1:], np.array([1]))[1] == pytest.approx(both[1:])
    assert (len(env), len(env.action_space)) == (2, 2)


class EndsAtWill(MeetingGame):
    """Ends where x is positive."""

    def step(self, actions):
        observations, rewards, ended, over, infos = super().step(actions)
        goes_on = float(actions["left_0"][0]) <= 0.0
        if goes_on:
            self.agents = self.possible_agents[:]
        return observations, rewards, dict.fromkeys(ended, not goes_on), over, infos


def test_episodes_that_end_by_what_is_done_have_no_baseline():
    env = BaselinedVectorEnv(JointVectorEnv([JointEnv(EndsAtWill())], [0]))
    env.reset()
    with pytest.raises(ValueError, match="baseline 'middle' needs episodes that end whatever is done"):
        env.step(np.full((1, 2, 1), 0.5, np.float32))


def test_without_a_baseline_the_environments_are_as_they_are():
    env = singles()
    assert with_baseline(env, "none") is env
    assert isinstance(with_baseline(env, "middle"), BaselinedVectorEnv)
