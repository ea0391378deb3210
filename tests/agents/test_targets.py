"""What the critics learn, and what the mixer reads: line 12 of Algorithm 1, (22), and the slot's reward alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_td3_mix import SMALL, game, without_qmix
from tianshou.data import Batch

from agents import JointEnv, TD3Mix, TD3MixConfig
from agents.replay_buffer import CompactReplayBuffer
from agents.td3_mix.observed_targets import observed_target
from multicell_env import multicell_v0


@pytest.mark.parametrize(("target", "horizon"), [("bootstrap", 10.0), ("one-step", 1.9), ("reward", 1.0)])
def test_calibration_counts_as_many_rewards_as_the_target_does(target, horizon):
    algorithm = TD3Mix(game(), replace(SMALL, target=target))
    algorithm.calibrate(np.array([1.0, 3.0]))
    assert (algorithm.value_offset.item(), algorithm.value_scale.item()) == pytest.approx((2.0 * horizon, horizon))


def filled_buffer(num_envs: int = 2) -> CompactReplayBuffer:
    """Two environments, five slots each: after the third, the first is cut off and the second ends."""
    buffer = CompactReplayBuffer(20, num_envs)
    observation = np.tile(np.eye(2, dtype=np.float32), (num_envs, 1, 1))
    for slot in range(5):
        ends = [slot == 2] * num_envs
        buffer.add(
            Batch(
                obs={"observation": observation},
                obs_next={"observation": observation},
                act=np.zeros((num_envs, 2, 1), np.float32),
                rew=np.array([slot + 1.0, 10.0 * (slot + 1)]),
                terminated=np.array([False, ends[1]]),
                truncated=np.array([ends[0], False]),
            )
        )
    return buffer


def test_the_one_step_target_is_this_slots_reward_and_the_next_ones():
    buffer, indices = filled_buffer(), np.array([0, 1, 2, 3, 4, 10, 11, 12, 13, 14])
    target, weight = observed_target(buffer[indices], buffer, indices, 0.9)
    known = [0, 1, 3, 5, 6, 7, 8]  # not where the first environment was cut off, and not the newest of each
    np.testing.assert_allclose(target[known], [1 + 1.8, 2 + 2.7, 4 + 4.5, 10 + 18, 20 + 27, 30, 40 + 45], rtol=1e-6)
    np.testing.assert_allclose(weight, [1 / 7 if i in known else 0.0 for i in range(10)], rtol=1e-6)


def test_the_reward_target_is_the_slots_own_reward_wherever_it_ends():
    buffer, indices = filled_buffer(), np.array([2, 4, 12])
    target, weight = observed_target(buffer[indices], buffer, indices, None)
    np.testing.assert_allclose(target, [3.0, 5.0, 30.0])
    np.testing.assert_allclose(weight, 1 / 3)


@pytest.mark.parametrize("target", ["one-step", "reward"])
@pytest.mark.parametrize("mixer", ["qmix", "none"])
def test_critics_learn_the_target_that_was_chosen_and_only_where_it_is_known(target, mixer):
    algorithm = without_qmix(mixer=mixer, target=target)
    buffer, indices = filled_buffer(), np.array([1, 2])
    batch = algorithm._preprocess_batch(buffer[indices], buffer, indices)
    values = 2.0 + 3.0 * algorithm.critic(batch.obs, batch.act)
    errors = (values - torch.tensor([2.0 + 0.9 * 3.0, 0.0] if target == "one-step" else [2.0, 3.0]).view(2, *[1] * (values.ndim - 2))) / 3.0
    expected = errors.square()[:, :1].flatten(1).mean(dim=1) if target == "one-step" else errors.square().flatten(1).mean(dim=1)
    stats = algorithm._update_with_batch(batch)
    assert [stats.critic1_loss, stats.critic2_loss] == pytest.approx(expected.tolist(), rel=1e-5)


@pytest.mark.parametrize("network", ["set", "mlp"])
@pytest.mark.parametrize("mixer_state", ["state", "observations"])
def test_the_mixer_reads_the_state_that_was_chosen(network, mixer_state):
    config = TD3MixConfig(network=network, hidden_sizes=(8, 8), mixing_layers=2, mixer_state=mixer_state)
    env = JointEnv(multicell_v0.parallel_env(num_antennas=3, num_users=2, num_bands=2))
    critic = TD3Mix(env, config).critic
    obs = {key: torch.from_numpy(value)[None].requires_grad_() for key, value in env.reset(seed=0)[0].items()}
    critic.mix(torch.randn(2, 1, 3), obs).sum().backward()
    read, other = ("state", "observation") if mixer_state == "state" else ("observation", "state")
    assert obs[other].grad is None
    assert torch.all(obs[read].grad.abs().amax(dim=(0, 1, 3, 4)) > 0.0)  # in every plane
