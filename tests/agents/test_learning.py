"""TD3-MIX learns: a game with a known optimum, and an environment that we did not write."""

import numpy as np
import pytest
import torch
from games import MeetingGame
from mpe2 import simple_spread_v3

from agents import JointEnv, TD3MixConfig, Training, TrainingConfig


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def test_it_finds_the_known_optimum_of_a_one_step_cooperative_game():
    learner = TD3MixConfig(network="mlp", hidden_sizes=(32, 32), critic_learning_rate=2e-3, actor_learning_rate=2e-3, exploration_noise=0.2)
    training = Training(MeetingGame, learner, TrainingConfig(num_envs=8, num_steps=1000, buffer_size=4000), seed=0)
    for _ in range(1000):
        training.step()
    with torch.no_grad():
        actions = training.algorithm.policy.actor(torch.eye(2)[None], None).flatten().numpy()
    np.testing.assert_allclose(actions, MeetingGame.BEST, atol=0.1)
    x, y = actions
    assert 1.0 - (x - 0.4) ** 2 - (x + y) ** 2 > 0.98


def mean_returns(act, episodes: int) -> np.ndarray:
    env = JointEnv(simple_spread_v3.parallel_env(continuous_actions=True))
    returns = []
    for episode in range(episodes):
        observation, _ = env.reset(seed=10_000 + episode)
        total, over = 0.0, False
        while not over:
            observation, reward, terminated, truncated, _ = env.step(act(observation, env))
            total, over = total + reward, terminated or truncated
        returns.append(total)
    return np.array(returns)


def test_without_a_change_it_learns_an_environment_that_we_did_not_write():
    learner = TD3MixConfig(network="mlp", hidden_sizes=(64, 64), gamma=0.95, critic_learning_rate=1e-3, tau=0.01, exploration_noise=0.6)
    training = Training(lambda: simple_spread_v3.parallel_env(continuous_actions=True), learner, TrainingConfig(num_envs=8, num_steps=1500))
    for _ in range(1500):
        training.step()

    def trained(observation, env):
        with torch.no_grad():
            raw = training.algorithm.policy.actor(torch.from_numpy(observation["observation"])[None], None).numpy()
        return training.algorithm.policy.map_action(raw)[0]

    generator = np.random.default_rng(0)
    episodes = 100
    learned = mean_returns(trained, episodes)
    random = mean_returns(lambda observation, env: generator.random(env.action_space.shape, dtype=np.float32), episodes)
    standard_error = np.sqrt(learned.var(ddof=1) / episodes + random.var(ddof=1) / episodes)
    assert learned.mean() - random.mean() > 3.0 * standard_error
