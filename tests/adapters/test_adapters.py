"""The environment in the forms that other frameworks take: the same game, and policies that find their way back."""

import re
import sys
import warnings

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from multicell_env import adapters, multicell_v0
from multicell_env.adapters import flat_env, flat_policy, joint_env, joint_policy
from multicell_env.evaluation.comparison import compare
from multicell_env.evaluation.playing import draw_blocks, play

with warnings.catch_warnings():
    # PettingZoo's tests import its connect_four, which warns that it is made in an old way. Nothing of ours.
    warnings.filterwarnings("ignore", "The old environment creation API", DeprecationWarning)
    from pettingzoo.test import parallel_api_test

SHAPES = [{}, {"num_users": (2, 4, 3)}, {"damping_in_action": True}, {"num_users": (2, 4, 3), "damping_in_action": True}]


@pytest.mark.filterwarnings("ignore:Agents have different:UserWarning", "ignore:Observations are different shapes:UserWarning")
@pytest.mark.parametrize("arguments", SHAPES)
def test_the_flat_environment_passes_pettingzoos_test(arguments):
    parallel_api_test(flat_env(**arguments), num_cycles=30)


@pytest.mark.parametrize("arguments", SHAPES)
def test_the_flat_environment_plays_the_same_game(arguments):
    plain, flat = multicell_v0.parallel_env(observation="gain", **arguments), flat_env(reward_scale=10.0, **arguments)
    expected, _ = plain.reset(seed=3)
    observations, _ = flat.reset(seed=3)
    generator = np.random.default_rng(0)
    while plain.agents:
        fractions = {agent: generator.random(plain.action_space(agent).shape) for agent in plain.agents}
        flats = {agent: 2.0 * fraction.reshape(-1) - 1.0 for agent, fraction in fractions.items()}
        expected, rewards, *_ = plain.step(fractions)
        observations, scaled, *_ = flat.step(flats)
        for agent, own in expected.items():
            np.testing.assert_allclose(observations[agent], own.reshape(-1), rtol=1e-6)  # (x + 1) / 2 rounds
            assert scaled[agent] == pytest.approx(rewards[agent] / 10.0, rel=1e-6)
    assert flat.agents == []


def test_the_joint_environment_passes_gymnasiums_check():
    check_env(joint_env(num_users=(2, 4, 3)), skip_render_check=True)


def test_the_joint_environments_reward_is_the_average_cell_capacity():
    joint, flat = joint_env(reward_scale=10.0), flat_env()
    joint.reset(seed=1)
    flat.reset(seed=1)
    action = np.random.default_rng(0).uniform(-1.0, 1.0, 72)
    _, reward, *_ = joint.step(action)
    _, rewards, *_ = flat.step(dict(zip(flat.possible_agents, np.split(action, 3), strict=True)))
    assert reward == pytest.approx(np.mean(list(rewards.values())) / 10.0)


@pytest.mark.parametrize("arguments", SHAPES)
def test_policies_of_vectors_play_what_they_play_in_their_environment(arguments):
    env, joint = flat_env(**arguments), joint_env(**arguments)
    generator = np.random.default_rng(0)
    weights = {
        agent: generator.normal(size=(space.shape[0], env.action_space(agent).shape[0])) for agent, space in env.observation_spaces.items()
    }

    def act(agent, rows):
        return np.tanh(rows @ weights[agent])

    def act_jointly(rows):
        parts = np.split(rows, np.cumsum([len(own) for own in weights.values()])[:-1], axis=1)
        return np.concatenate([act(agent, part) for agent, part in zip(weights, parts, strict=True)], axis=1)

    observations, _ = env.reset(seed=7)
    capacities = []
    while env.agents:
        observations, rewards, *_ = env.step({agent: act(agent, row[None])[0] for agent, row in observations.items()})
        capacities.append(np.mean(list(rewards.values())))
    for policy in (flat_policy(act), joint_policy(act_jointly)):
        played = play(policy, draw_blocks(env.env.config, 2, 7), "gain", batched=policy.batched)
        np.testing.assert_allclose(played[0], capacities, rtol=1e-3)  # float32, and the game repeats small differences
    observation, _ = joint.reset(seed=7)
    assert joint.step(act_jointly(observation[None])[0])[1] == pytest.approx(capacities[0], rel=1e-3)


def test_an_actor_that_returns_another_shape_is_told_which():
    policy = flat_policy(lambda agent, rows: np.zeros((len(rows), 5)))
    with pytest.raises(ValueError, match=r"\(2, 24\).*got \(2, 5\) for bs_0"):
        compare({"odd": policy}, num_blocks=2, methods=())


@pytest.mark.parametrize("shape", [(2, 70), (2, 216), (72,)])
def test_a_controller_that_returns_another_shape_is_told_which(shape):
    policy = joint_policy(lambda rows: np.zeros(shape))
    with pytest.raises(ValueError, match=rf"here \(2, 72\).*got {re.escape(str(shape))}"):
        compare({"odd": policy}, num_blocks=2, methods=())


@pytest.mark.parametrize("actions", [None, [0.0], {"bs_0": np.zeros(24)}, dict.fromkeys(("bs_0", "bs_1", "bs_2"), np.full(24, "x"))])
def test_what_are_no_actions_is_refused_as_by_the_environment(actions):
    env = flat_env()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"actions must be a mapping|the action of bs_0 must be finite real numbers"):
        env.step(actions)


def test_a_framework_that_is_not_installed_is_named_with_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "multicell_env.adapters.sb3", None)
    with pytest.raises(ModuleNotFoundError, match=r"sb3_vec_env needs its framework; got none .* examples/requirements"):
        _ = adapters.sb3_vec_env
    assert "sb3_vec_env" in dir(adapters)


def test_a_reward_scale_that_is_not_positive_is_refused():
    for scale in (0, -1.0, np.inf, np.nan, "ten"):
        with pytest.raises(ValueError, match="reward_scale must be positive and finite; got"):
            flat_env(reward_scale=scale)


def test_the_flat_environment_takes_vectors_alone_and_a_refusal_changes_nothing():
    env = flat_env()
    env.reset(seed=0)
    good = {agent: np.zeros(24) for agent in env.agents}
    for bad in (np.zeros((6, 4)), np.full(24, np.nan), np.zeros(23), np.full(24, "much")):
        with pytest.raises(ValueError, match=r"bs_1 must be finite real numbers of shape \(24,\); got .* Give numbers in \[-1, 1\]"):
            env.step({**good, "bs_1": bad})
    rewards = env.step(good)[1]
    env.reset(seed=0)
    assert env.step(good)[1] == rewards
