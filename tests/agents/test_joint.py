"""The joint view: one Gymnasium environment for all agents of a ParallelEnv."""

import gymnasium
import numpy as np
import pytest
from games import MeetingGame, ShapedGame
from gymnasium.spaces import Box, Discrete
from gymnasium.utils.env_checker import check_env
from mpe2 import simple_spread_v3

from agents.joint import JointEnv, JointVectorEnv
from multicell_env import multicell_v0


@pytest.mark.parametrize("observation", ["gain", "csi"])
@pytest.mark.parametrize("num_users", [4, (2, 4, 1)])
def test_gymnasiums_own_checks_pass(observation, num_users):
    check_env(JointEnv(multicell_v0.parallel_env(observation=observation, num_users=num_users)), skip_render_check=True)


def test_gymnasiums_own_checks_pass_on_an_environment_that_we_did_not_write():
    env = JointEnv(simple_spread_v3.parallel_env(continuous_actions=True))
    observation, _ = env.reset(seed=0)
    assert env.observation_space["observation"].shape == (3, 18)
    assert env.observation_space["state"].shape == (54,)
    assert observation["observation"].dtype == np.float32


def test_arrays_stand_in_the_order_of_possible_agents():
    env = multicell_v0.parallel_env(observation="gain")
    joint = JointEnv(env)
    observation, _ = joint.reset(seed=3)
    alone, _ = multicell_v0.parallel_env(observation="gain").reset(seed=3)
    np.testing.assert_array_equal(observation["observation"], np.stack([alone[agent] for agent in env.possible_agents]))


def test_the_reward_is_the_sum_and_each_agents_own_is_in_the_info():
    joint = JointEnv(multicell_v0.parallel_env(observation="gain"))
    joint.reset(seed=0)
    _, reward, terminated, truncated, info = joint.step(joint.action_space.sample())
    assert reward == pytest.approx(info["rewards"].sum())
    assert len(info["rewards"]) == 3
    assert not terminated
    assert not truncated


def test_smaller_agents_are_padded_and_their_padding_never_reaches_the_environment():
    env = multicell_v0.parallel_env(observation="gain", num_users=(2, 4, 1))
    joint = JointEnv(env)
    assert joint.action_space.shape == (3, 6, 4)
    np.testing.assert_array_equal(joint.action_mask.sum(axis=(1, 2)), [12, 24, 6])
    observation, _ = joint.reset(seed=0)
    assert np.all(observation["observation"][2, :, :, 1:] == 0)
    action = joint.action_space.sample()
    same = np.where(joint.action_mask, action, 0.0)
    first = joint.step(action)
    joint.reset(seed=0)
    second = joint.step(same)
    np.testing.assert_array_equal(first[0]["observation"], second[0]["observation"])


def test_the_end_of_a_block_is_a_truncation_and_not_a_termination():
    joint = JointEnv(multicell_v0.parallel_env(observation="gain", num_slots=2))
    joint.reset(seed=0)
    assert joint.step(joint.action_space.sample())[2:4] == (False, False)
    assert joint.step(joint.action_space.sample())[2:4] == (False, True)


def test_a_terminal_end_is_a_termination():
    joint = JointEnv(MeetingGame())
    joint.reset(seed=0)
    assert joint.step(joint.action_space.sample())[2:4] == (True, False)


def test_an_agent_that_has_left_gets_zeros_until_the_last_one_leaves():
    class OneLeavesEarly(MeetingGame):
        def step(self, actions):
            assert set(actions) == set(self.agents), "an action for an agent that has left"
            agents = self.agents
            self.agents = ["right_0"] if len(agents) == 2 else []
            ends = {agent: agent not in self.agents for agent in agents}
            return (
                {agent: self.observations()[agent] for agent in agents},
                dict.fromkeys(agents, 1.0),
                ends,
                dict.fromkeys(agents, False),
                {agent: {} for agent in agents},
            )

    joint = JointEnv(OneLeavesEarly())
    joint.reset(seed=0)
    _, reward, terminated, _, _ = joint.step(np.zeros((2, 1)))
    assert (reward, terminated) == (2.0, False)
    observation, reward, terminated, _, info = joint.step(np.zeros((2, 1)))
    assert (reward, terminated) == (1.0, True)
    np.testing.assert_array_equal(observation["observation"][0], 0.0)
    np.testing.assert_array_equal(info["rewards"], [0.0, 1.0])


@pytest.mark.parametrize(
    ("spaces", "message"),
    [
        ({"action_space": lambda agent: Discrete(3)}, "must be Box"),
        ({"action_space": lambda agent: Box(-np.inf, np.inf, (1,))}, "bounded.*clip_actions"),
        ({"action_space": lambda agent: Box(0, 1, (0,))}, "something to choose.*without 0"),
        ({"observation_space": lambda agent: Box(0, 1, (2,) if agent == "left_0" else (2, 2))}, "pad_observations_v0"),
        ({"action_space": lambda agent: Box(0, 1, (2,) if agent == "left_0" else (2, 2))}, "pad_action_space_v0"),
    ],
)
def test_spaces_that_cannot_be_joined_are_refused_with_a_remedy(spaces, message):
    env = MeetingGame()
    for name, space in spaces.items():
        setattr(env, name, space)
    with pytest.raises(ValueError, match=message):
        JointEnv(env)


@pytest.mark.parametrize("shapes", [((), ()), ((0,), (2,))])
def test_actions_of_one_number_and_empty_ones_reach_their_agents_in_their_shape(shapes):
    joint = JointEnv(ShapedGame(*shapes))
    assert joint.action_mask.sum() == 2
    joint.reset(seed=0)
    best = np.zeros(joint.action_box.shape)
    best[joint.action_mask] = MeetingGame.BEST
    assert joint.step(best)[1] == pytest.approx(2.0)


def test_rewards_that_are_not_finite_are_refused():
    class Broken(MeetingGame):
        def step(self, actions):
            observations, rewards, *rest = super().step(actions)
            return observations, dict.fromkeys(rewards, float("nan")), *rest

    joint = JointEnv(Broken())
    joint.reset(seed=0)
    with pytest.raises(ValueError, match="finite"):
        joint.step(np.zeros((2, 1)))


def test_a_vector_of_joint_environments_plays_what_each_would_play_alone():
    def make() -> JointEnv:
        return JointEnv(multicell_v0.parallel_env(observation="gain", num_slots=3))

    vector, alone = JointVectorEnv([make(), make()], seeds=[5, 6]), make()
    observations, _ = vector.reset()
    expected, _ = alone.reset(seed=6)
    np.testing.assert_array_equal(observations["observation"][1], expected["observation"])
    actions = np.stack([space.sample() for space in vector.action_space])
    for _ in range(3):
        observations, rewards, _, truncated, _ = vector.step(actions)
        expected, reward, _, over, _ = alone.step(actions[1])
        np.testing.assert_array_equal(observations["observation"][1], expected["observation"])
        assert rewards[1] == reward
        assert truncated[1] == over
    again, _ = vector.reset([1])
    assert again["observation"].shape[0] == 1
    np.testing.assert_array_equal(again["observation"][0], alone.reset()[0]["observation"])


def test_the_joint_view_is_a_gymnasium_environment():
    assert issubclass(JointEnv, gymnasium.Env)
