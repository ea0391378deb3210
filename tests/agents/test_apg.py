"""The analytic policy gradient: it climbs the environment's own rewards, learns at once, and goes on bit for bit."""

import numpy as np
import pytest
import torch
from checkpoint_files import reread
from games import MeetingGame

from agents import APGConfig, APGTraining
from multicell_env import MulticellVectorEnv, multicell_v0
from multicell_env.tensors import TorchVectorEnv

UNEQUAL = {"num_users": (2, 4, 1), "num_slots": 3}


def training(seed=0, num_envs=4, observation="gain", learner=None, **overrides):
    learner = learner or APGConfig(hidden_sizes=(8,), learning_rate=1e-2)
    envs = MulticellVectorEnv(num_envs, observation=observation, **overrides)
    return APGTraining(lambda: multicell_v0.parallel_env(observation=observation, **overrides), envs, learner, seed=seed)


def weights(run):
    return torch.nn.utils.parameters_to_vector(run.actor.parameters()).detach().numpy()


def steps(run, count):
    for _ in range(count):
        run.step()
    return run


def losses(run, count):
    return [steps(run, 1).last_losses["actor_loss"] for _ in range(count)]


@pytest.mark.parametrize("reward", ["cell", "network", "predicted", "user"])
@pytest.mark.parametrize("overrides", [{"num_iterations": 0}, {}, UNEQUAL, {"damping": 0.3, "num_cells": 1}], ids=str)
def test_the_loss_is_minus_the_mean_reward_that_the_same_actions_earn(overrides, reward):
    run, env = (training(dtype="float64", reward=reward, **overrides) for _ in range(2))
    for _ in range(4):
        actions = run.act().detach()
        foreseen = run.envs.differentiable_rewards(actions)
        run.step()
        _, rewards, *_ = env.envs.step(actions.numpy())
        assert run.last_losses["actor_loss"] == pytest.approx(-rewards.mean(), rel=1e-10)
        np.testing.assert_allclose(foreseen, rewards, rtol=1e-9)
        assert env.envs.action_space.contains(actions.numpy())


@pytest.mark.parametrize(("network", "observation"), [("set", "gain"), ("set", "csi"), ("mlp", "gain")])
def test_a_few_steps_raise_the_rate_of_the_negotiated_slots(network, observation):
    learner = APGConfig(network=network, hidden_sizes=(16,), learning_rate=1e-2)
    run = training(num_envs=8, observation=observation, learner=learner, num_slots=2, num_antennas=4, num_users=2)
    begin = np.mean(losses(run, 4))
    steps(run, 60)
    assert np.mean(losses(run, 4)) < 1.03 * begin


def test_without_negotiation_it_is_plain_ascent_of_the_rate():
    run = training(num_envs=8, num_iterations=0, sir_db=0.0)
    begin = np.mean(losses(run, 10))
    steps(run, 80)
    assert np.mean(losses(run, 10)) < 1.2 * begin


def test_the_same_seed_trains_the_same_actor_bit_for_bit_and_another_does_not():
    first, second, other = (weights(steps(training(seed, **UNEQUAL), 5)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("before", [1, 3, 5])
def test_a_saved_run_goes_on_bit_for_bit_as_if_it_had_not_been_stopped(before):
    # blocks have 3 slots: 1 and 5 stop in the middle of one
    whole = weights(steps(training(**UNEQUAL), before + 7))
    state = reread(steps(training(**UNEQUAL), before).state_dict())
    continued = training(seed=5, **UNEQUAL)
    continued.load_state_dict(state)
    assert continued.steps_done == before
    np.testing.assert_array_equal(weights(steps(continued, 7)), whole)


class MeetingEnvs:
    """Eight meeting games in one, with rewards that can be differentiated."""

    num_envs = 8

    def reset(self, *, seed):
        assert len(set(seed)) == self.num_envs
        return np.tile(np.eye(2, dtype=np.float32), (self.num_envs, 1, 1)), {}

    def differentiable_rewards(self, actions):
        x, y = actions[:, 0], actions[:, 1]
        reward = 1.0 - (x - 0.4) ** 2 - (x + y) ** 2
        return torch.cat([reward, reward], dim=1) / 2.0

    def step(self, actions):
        return *self.reset(seed=range(self.num_envs)), None, None, None


def test_it_finds_the_known_optimum_of_an_environment_that_is_not_ours():
    run = APGTraining(MeetingGame, MeetingEnvs(), APGConfig(network="mlp", hidden_sizes=(16,), learning_rate=1e-2))
    steps(run, 400)
    np.testing.assert_allclose(run.act()[0, :, 0].detach().numpy(), MeetingGame.BEST, atol=0.01)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"network": "cnn"}, "network must be 'set' or 'mlp'; got 'cnn'"),
        ({"hidden_sizes": ()}, r"hidden_sizes must be positive whole numbers, at least one; got \(\)"),
        ({"learning_rate": 0.0}, "learning_rate must be finite and positive; got 0.0"),
    ],
)
def test_wrong_hyperparameters_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        APGConfig(**wrong)


def test_nothing_is_foreseen_before_there_is_a_block():
    with pytest.raises(RuntimeError, match=r"have no block to play.*call reset"):
        MulticellVectorEnv(2).differentiable_rewards(torch.zeros(2, 3, 6, 4))


def test_a_run_on_tensors_learns_there_and_goes_on_bit_for_bit():
    learner, rules = APGConfig(hidden_sizes=(8,), learning_rate=1e-2), {"num_iterations": 0, "observation": "gain", **UNEQUAL}

    def on_tensors():
        return APGTraining(lambda: multicell_v0.parallel_env(**rules), TorchVectorEnv(4, **rules), learner)

    run, twin = on_tensors(), on_tensors()
    for _ in range(2):
        actions = run.act().detach()
        run.step()
        rewards = twin.envs.step(actions)[1]
        assert run.last_losses["actor_loss"] == pytest.approx(-rewards.mean().item(), rel=1e-5)
    other = on_tensors()
    other.load_state_dict(reread(run.state_dict()))
    assert np.array_equal(weights(steps(run, 3)), weights(steps(other, 3)))
    assert np.mean(losses(run, 40)[-4:]) < np.mean(losses(on_tensors(), 4))
