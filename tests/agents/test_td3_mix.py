"""TD3-MIX against Algorithm 1."""

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from games import MeetingGame
from tianshou.data import Batch
from tianshou.utils.torch_utils import policy_within_training_step

from agents import JointEnv, TD3Mix, TD3MixConfig, Training, TrainingConfig

SMALL = TD3MixConfig(network="mlp", hidden_sizes=(16,), mixing_size=8, batch_size=16, gamma=0.9, tau=0.01)


def game() -> JointEnv:
    return JointEnv(MeetingGame())


def transitions(algorithm: TD3Mix, count: int = 16) -> Batch:
    generator = np.random.default_rng(0)
    observation = np.tile(np.eye(2, dtype=np.float32), (count, 1, 1))
    return Batch(
        obs={"observation": observation},
        obs_next={"observation": observation},
        act=generator.uniform(-1, 1, (count, 2, 1)).astype(np.float32),
        rew=generator.normal(size=count),
        terminated=np.arange(count) % 2 == 0,
        truncated=np.arange(count) % 2 == 1,
        done=np.ones(count, dtype=bool),
    )


@pytest.fixture
def algorithm() -> TD3Mix:
    torch.manual_seed(0)
    return TD3Mix(game(), SMALL)


def test_the_target_is_what_one_computes_by_hand(algorithm):
    algorithm.policy_noise = 0.0
    algorithm.value_offset.fill_(2.0)
    algorithm.value_scale.fill_(3.0)
    batch = transitions(algorithm)
    target = algorithm.target(batch)
    for i in range(len(batch)):
        observation = torch.from_numpy(batch.obs_next.observation[i : i + 1])
        action = algorithm.actor_old(observation, None)
        first, second = algorithm.critic_old({"observation": observation}, action).flatten().tolist()
        following = 2.0 + 3.0 * min(first, second)
        expected = batch.rew[i] + (0.0 if batch.terminated[i] else SMALL.gamma * following)
        assert target[i].item() == pytest.approx(expected, rel=1e-5)


def test_bootstrapping_continues_through_truncation_and_stops_at_termination(algorithm):
    batch = transitions(algorithm)
    algorithm.value_offset.fill_(100.0)
    target = algorithm.target(batch).numpy()
    np.testing.assert_allclose(target[batch.terminated], batch.rew[batch.terminated], rtol=1e-6)
    assert np.all(target[batch.truncated] > batch.rew[batch.truncated] + 50.0)


def test_the_smaller_twin_sets_the_target(algorithm):
    algorithm.policy_noise = 0.0
    batch = transitions(algorithm)
    before = algorithm.target(batch)
    with torch.no_grad():
        algorithm.critic_old.module.mixer.last_bias[-1].bias[1] += 1000.0
    alone = algorithm.target(batch)
    with torch.no_grad():
        algorithm.critic_old.module.mixer.last_bias[-1].bias[1] -= 2000.0
    lowered = algorithm.target(batch)
    going_on = torch.from_numpy(batch.truncated)
    assert torch.all(alone >= before)
    assert torch.all(lowered[going_on] < before[going_on] - 500.0)


def test_target_actions_are_smoothed_and_feasible(algorithm):
    algorithm.policy_noise, algorithm.noise_clip = 5.0, 5.0
    batch = transitions(algorithm)
    action = algorithm.target_action(batch.obs_next)
    clean = algorithm.actor_old(torch.from_numpy(batch.obs_next.observation), None)
    assert action.abs().max() <= 1.0
    assert (action == 1.0).any()
    assert not torch.allclose(action, clean)


def test_target_smoothing_is_clipped(algorithm):
    algorithm.policy_noise, algorithm.noise_clip = 5.0, 0.1
    batch = transitions(algorithm)
    clean = algorithm.actor_old(torch.from_numpy(batch.obs_next.observation), None)
    assert (algorithm.target_action(batch.obs_next) - clean).abs().max() <= 0.1 + 1e-6


def test_a_smoothing_clip_of_zero_means_no_smoothing():
    algorithm = TD3Mix(game(), TD3MixConfig(network="mlp", hidden_sizes=(16,), target_noise=5.0, target_noise_clip=0.0))
    batch = transitions(algorithm)
    clean = algorithm.actor_old(torch.from_numpy(batch.obs_next.observation), None)
    torch.testing.assert_close(algorithm.target_action(batch.obs_next), clean)


def test_stored_actions_are_what_the_environment_played():
    training = Training(MeetingGame, TD3MixConfig(network="mlp", hidden_sizes=(8,), exploration_noise=3.0), TrainingConfig(num_envs=2))
    training.collector.collect(n_step=40)
    stored = training.collector.buffer.act[training.collector.buffer.sample_indices(0)][..., 0]
    played = np.concatenate([env.env.played for env in training.collector.env.envs])
    assert np.abs(stored).max() <= 1.0
    assert np.any(np.abs(stored) == 1.0), "the noise must reach the bounds for this test to mean something"
    np.testing.assert_allclose(np.sort(stored, axis=0), np.sort(played, axis=0), atol=1e-6)


def one_update(algorithm: TD3Mix) -> None:
    with policy_within_training_step(algorithm.policy):
        algorithm._update_with_batch(algorithm._preprocess_batch(transitions(algorithm), None, None))


def weights(module: torch.nn.Module) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(module.parameters()).detach().clone()


def test_actor_and_targets_move_at_every_second_critic_update(algorithm):
    moved = []
    for _ in range(4):
        before = weights(algorithm.critic), weights(algorithm.policy.actor), weights(algorithm.critic_old)
        one_update(algorithm)
        after = weights(algorithm.critic), weights(algorithm.policy.actor), weights(algorithm.critic_old)
        moved.append([not torch.equal(old, new) for old, new in zip(before, after, strict=True)])
    assert moved == [[True, False, False], [True, True, True]] * 2


def test_an_actor_that_rests_moves_only_after_its_critic_updates():
    learner = TD3Mix(game(), TD3MixConfig(network="mlp", hidden_sizes=(8,), actor_rest=3))
    for moves in (False, False, False, True):
        before = weights(learner.policy.actor)
        one_update(learner)
        assert (not torch.equal(before, weights(learner.policy.actor))) == moves


def test_a_learner_that_starts_from_an_actor_plays_and_aims_like_it():
    first, second = (TD3Mix(game(), TD3MixConfig(network="mlp", hidden_sizes=(8,))) for _ in range(2))
    second.start_from(first.policy.actor)
    assert torch.equal(weights(first.policy.actor), weights(second.policy.actor))
    assert torch.equal(weights(first.policy.actor), weights(second.actor_old))
    with pytest.raises(ValueError, match="must have the shape of the new one"):
        TD3Mix(game(), TD3MixConfig(network="mlp", hidden_sizes=(9,))).start_from(first.policy.actor)


def test_targets_make_an_exact_polyak_step(algorithm):
    pairs = (
        ("actor_old", algorithm.policy.actor),
        ("critic_old", algorithm.critic),
    )
    before = {name: weights(getattr(algorithm, name)) for name, _ in pairs}
    one_update(algorithm)
    one_update(algorithm)
    for name, source in pairs:
        expected = SMALL.tau * weights(source) + (1.0 - SMALL.tau) * before[name]
        torch.testing.assert_close(weights(getattr(algorithm, name)), expected, rtol=1e-6, atol=1e-7)


def test_the_twins_begin_apart(algorithm):
    for name, parameter in algorithm.critic.named_parameters():
        assert not torch.allclose(*parameter), name


def test_each_twin_minimises_its_own_squared_error_and_moves_as_if_it_were_alone(algorithm):
    batch = algorithm._preprocess_batch(transitions(algorithm), cast(Any, None), np.array([]))
    first = algorithm.critic(batch.obs, batch.act, twins=1)
    torch.testing.assert_close(first, algorithm.critic(batch.obs, batch.act)[:1])
    (first[0] - batch.returns).square().mean().backward()
    alone = [parameter.grad.clone() for parameter in algorithm.critic.parameters()]
    algorithm.critic.zero_grad()
    stats = algorithm._update_with_batch(batch)
    assert stats.critic1_loss == pytest.approx((first[0] - batch.returns).square().mean().item(), rel=1e-5)
    for parameter, gradient in zip(algorithm.critic.parameters(), alone, strict=True):
        torch.testing.assert_close(parameter.grad[0], gradient[0])
        assert gradient[1].abs().max() == 0.0 < parameter.grad[1].abs().max()


@pytest.mark.parametrize("actor_gradient", ["mixer", "critic"])
def test_the_actors_gradient_takes_the_way_that_was_chosen(actor_gradient):
    torch.manual_seed(0)
    algorithm = TD3Mix(game(), TD3MixConfig(network="mlp", hidden_sizes=(16,), actor_gradient=actor_gradient, actor_penalty=0.0))
    obs = {"observation": torch.eye(2).expand(4, 2, 2)}
    action = algorithm.policy.actor(obs["observation"], None)
    total, each = algorithm.critic(obs, action)[0].mean(), algorithm.critic.agent_values(obs, action)[0].mean()
    loss = algorithm.actor_loss(obs)
    assert loss.item() == pytest.approx(-(total if actor_gradient == "mixer" else each).item(), rel=1e-5)
    loss.backward()
    through_mixer = [parameter.grad is not None for parameter in algorithm.critic.mixer.parameters()]
    assert all(through_mixer) == any(through_mixer) == (actor_gradient == "mixer")


def without_qmix(**changes: Any) -> TD3Mix:
    torch.manual_seed(0)
    algorithm = TD3Mix(game(), replace(SMALL, **changes))
    algorithm.policy_noise = 0.0
    algorithm.value_offset.fill_(2.0)
    algorithm.value_scale.fill_(3.0)
    return algorithm


def test_the_sum_mixer_is_the_sum_of_the_agents_values_whatever_the_state():
    algorithm = without_qmix(mixer="sum")
    batch = transitions(algorithm)
    shares = (2.0 + 3.0 * algorithm.critic.agent_values(batch.obs, batch.act)) / 2  # each agent's share of the offset and the scale
    torch.testing.assert_close(2.0 + 3.0 * algorithm.critic(batch.obs, batch.act), shares[..., 0] + shares[..., 1])
    assert algorithm.target(batch).shape == (16,)
    assert {name.split(".")[0] for name, _ in algorithm.critic.named_parameters()} == {"critic"}


def test_without_a_mixer_every_agents_own_value_predicts_the_teams_return():
    algorithm = without_qmix(mixer="none")
    batch = transitions(algorithm)
    values = algorithm.critic_old.module.agent_values(batch.obs_next, algorithm.target_action(batch.obs_next))
    target = algorithm.target(batch)
    for i, agent in np.ndindex(16, 2):
        following = 2.0 + 3.0 * min(values[:, i, agent].tolist())
        expected = batch.rew[i] + (0.0 if batch.terminated[i] else SMALL.gamma * following)
        assert target[i, agent].item() == pytest.approx(expected, rel=1e-5)
    batch = algorithm._preprocess_batch(batch, cast(Any, None), np.array([]))
    errors = algorithm.critic.agent_values(batch.obs, batch.act) - (target - 2.0) / 3.0
    loss = algorithm._update_with_batch(batch).critic2_loss
    assert loss == pytest.approx(errors[1].square().mean().item(), rel=1e-5)


def test_without_a_mixer_the_actor_climbs_each_agents_own_value():
    algorithm = without_qmix(mixer="none", actor_penalty=0.0)
    obs = {"observation": torch.eye(2).expand(4, 2, 2)}
    values = algorithm.critic.agent_values(obs, algorithm.policy.actor(obs["observation"], None), twins=1)
    assert algorithm.actor_loss(obs).item() == pytest.approx(-values.mean().item(), rel=1e-5)


@pytest.mark.parametrize("mixer", ["qmix", "sum", "none"])
def test_a_single_critic_sets_the_target_alone_and_learns_alone(mixer):
    algorithm = without_qmix(mixer=mixer, num_critics=1)
    batch = transitions(algorithm)
    first, second = 2.0 + 3.0 * algorithm.critic_old(batch.obs_next, algorithm.target_action(batch.obs_next))
    assert torch.any(second < first), "the second must be the smaller somewhere for this test to mean something"
    rewards, ends = (torch.from_numpy(array).float().view(-1, *[1] * (first.ndim - 1)) for array in (batch.rew, batch.terminated))
    torch.testing.assert_close(algorithm.target(batch), rewards + SMALL.gamma * (1.0 - ends) * first)
    before = [parameter.detach().clone() for parameter in algorithm.critic.parameters()]
    one_update(algorithm)
    for old, new in zip(before, algorithm.critic.parameters(), strict=True):
        assert torch.equal(old[1], new[1])
    assert any(not torch.equal(old[0], new[0]) for old, new in zip(before, algorithm.critic.parameters(), strict=True))


def test_the_actor_is_penalised_for_actions_far_beyond_the_bounds():
    torch.manual_seed(0)
    algorithm = TD3Mix(game(), TD3MixConfig(network="mlp", hidden_sizes=(16,), actor_penalty=0.5))
    obs = {"observation": torch.eye(2).expand(4, 2, 2)}
    penalised = algorithm.actor_loss(obs)
    algorithm.actor_penalty = 0.0
    expected = 0.5 * algorithm.policy.actor.preferences(obs["observation"]).square().mean()
    assert (penalised - algorithm.actor_loss(obs)).item() == pytest.approx(expected.item(), rel=1e-4)


def test_calibration_puts_the_value_of_random_play_at_zero_and_its_spread_at_one(algorithm):
    rewards = np.random.default_rng(0).normal(50.0, 4.0, 1000)
    algorithm.calibrate(rewards)
    horizon = 1.0 / (1.0 - SMALL.gamma)
    assert algorithm.value_offset.item() == pytest.approx(rewards.mean() * horizon, rel=1e-5)
    assert algorithm.value_scale.item() == pytest.approx(rewards.std() * horizon, rel=1e-5)
    algorithm.calibrate(np.full(10, 7.0))
    assert algorithm.value_scale.item() == pytest.approx(horizon)
