"""One learner on several environments: each learns as it would alone, and a run goes on bit for bit."""

import numpy as np
import pytest
import torch
from checkpoint_files import reread
from games import MeetingGame
from gymnasium.vector import AutoresetMode

from agents import APGConfig, PoolEnv, PoolTraining, TD3MixConfig, TrainingConfig
from multicell_env import MulticellVectorEnv, multicell_v0
from multicell_env.config import NetworkConfig

LEARNER = TD3MixConfig(hidden_sizes=(8,), mixing_size=8, batch_size=8)
NETWORKS = (
    NetworkConfig(num_slots=4),
    NetworkConfig(num_slots=4, num_cells=2, num_users=(1, 3), num_bands=5),
    NetworkConfig(num_slots=4, num_cells=4, num_users=2, num_bands=3, num_iterations=1),
)


def make(config: NetworkConfig, observation="gain"):
    return lambda: multicell_v0.parallel_env(config, observation=observation)


def pool_of(networks=NETWORKS, seed=0, *, stacked=False, learner=LEARNER, **changes) -> PoolTraining:
    training = TrainingConfig(**{"num_envs": 3, "num_steps": 30, "warmup_steps": 4, "buffer_size": 90, **changes})
    envs = [
        PoolEnv(make(config), MulticellVectorEnv(3, config, observation="gain", autoreset_mode=AutoresetMode.DISABLED) if stacked else None)
        for config in networks
    ]
    return PoolTraining(envs, learner, training, seed=seed)


def steps(run: PoolTraining, count: int) -> PoolTraining:
    for _ in range(count):
        run.step()
    return run


def weights(run: PoolTraining) -> np.ndarray:
    return torch.nn.utils.parameters_to_vector(run.members[0].algorithm.parameters()).detach().numpy()


def test_environments_take_turns_and_each_fills_its_own_buffer():
    run = steps(pool_of(), 5)
    assert [member.steps_done for member in run.members] == [2, 2, 1]
    assert [len(member.collector.buffer) for member in run.members] == [3 * (4 + 2), 3 * (4 + 2), 3 * (4 + 1)]
    shapes = [member.collector.buffer.act.shape[1:] for member in run.members]
    assert shapes == [(3, 6, 4), (2, 5, 3), (4, 3, 2)]
    assert np.isfinite(weights(run)).all()


def test_every_turn_moves_the_weights_that_all_share():
    run = steps(pool_of(), 3)
    assert all(member.algorithm is run.members[0].algorithm for member in run.members)
    for _ in range(3):
        before = weights(run)
        assert not np.array_equal(before, weights(steps(run, 1)))


def test_offset_and_scale_are_those_of_the_environment_whose_turn_it_is():
    # 16 users earn many times what 2 users earn.
    run = steps(pool_of((NetworkConfig(num_antennas=32, num_users=16), NetworkConfig(num_users=2))), 2)
    horizon, units = 1 / (1 - LEARNER.gamma), []
    for member in run.members * 2:
        buffer = member.collector.buffer
        rewards = buffer.rew[buffer.sample_indices(0)].copy()
        run.step()
        units.append((run.members[0].algorithm.value_offset.item(), run.members[0].algorithm.value_scale.item()))
        size = np.sqrt(np.mean(rewards**2))
        assert units[-1] == pytest.approx((rewards.mean() * horizon, size * horizon / 6.0), rel=1e-5)
    assert units[0][0] > 2.0 * units[1][0]
    assert units[0] != units[2]


def test_padding_is_that_of_the_environment_whose_turn_it_is():
    run = pool_of()
    for mask in (None, (2, 5, 3), None):
        run.step()
        algorithm = run.members[0].algorithm
        for reader in (algorithm.policy, algorithm.critic, algorithm.critic_old.module):
            assert (None if reader.mask is None else tuple(reader.mask.shape)) == mask
    assert run.members[1].collector.buffer.act[:, 0, :, 1:].any()  # entries of padded users are free; nobody reads them


@pytest.mark.parametrize("before", [1, 4, 32])
def test_a_saved_run_goes_on_bit_for_bit_as_if_it_had_not_been_stopped(before):
    # after 1 step two of the three environments have not begun; 32 steps overfill a share of 30 transitions
    whole = weights(steps(pool_of(stacked=True), before + 7))
    state = reread(steps(pool_of(stacked=True), before).state_dict())
    continued = pool_of(seed=5, stacked=True)
    continued.load_state_dict(state)
    assert continued.steps_done == before
    np.testing.assert_array_equal(weights(steps(continued, 7)), whole)


def apg_pool(seed=0) -> PoolTraining:
    envs = [PoolEnv(make(config), MulticellVectorEnv(3, config, observation="gain")) for config in NETWORKS]
    return PoolTraining(envs, APGConfig(hidden_sizes=(8,)), seed=seed)


def actor_weights(run: PoolTraining) -> np.ndarray:
    return torch.nn.utils.parameters_to_vector(run.actor.parameters()).detach().numpy()


@pytest.mark.parametrize("before", [1, 7])
def test_a_pool_of_policy_gradients_shares_one_actor_and_goes_on_bit_for_bit(before):
    run = steps(apg_pool(), before)
    assert all(member.actor is run.actor for member in run.members)
    state = reread(run.state_dict())
    begun, whole = actor_weights(run), actor_weights(steps(run, 5))
    assert not np.array_equal(begun, whole)
    continued = apg_pool(seed=5)
    continued.load_state_dict(state)
    np.testing.assert_array_equal(actor_weights(steps(continued, 5)), whole)


def test_the_same_seed_trains_the_same_networks_bit_for_bit_and_another_does_not():
    first, second, other = (weights(steps(pool_of(seed=seed), 4)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_a_checkpoint_holds_the_shared_weights_once(tmp_path):
    sizes = []
    for count in (1, 3):
        file = tmp_path / "state"
        learner = TD3MixConfig(hidden_sizes=(128, 128))
        torch.save(pool_of(NETWORKS[:1] * count, learner=learner).state_dict(), file)
        sizes.append(file.stat().st_size)
    assert sizes[1] < 1.5 * sizes[0]


@pytest.mark.parametrize(
    ("make_pool", "message"),
    [
        (lambda: PoolTraining([], LEARNER, TrainingConfig()), "at least one environment; got none"),
        (lambda: pool_of(learner=TD3MixConfig(network="mlp")), r"fit the same weights; got .*\(3, 3, 6, 4\) and \(2, 3, 5, 3\)"),
        (lambda: pool_of(buffer_size=8), "got 8 for 3 times 3 environments"),
    ],
)
def test_a_pool_that_cannot_be_trained_on_is_refused(make_pool, message):
    with pytest.raises(ValueError, match=message):
        make_pool()


def test_csi_of_different_antennas_does_not_fit_one_network():
    envs = [PoolEnv(make(NetworkConfig(num_antennas=antennas), "csi")) for antennas in (8, 16)]
    with pytest.raises(ValueError, match="observations with a fixed number of planes"):
        PoolTraining(envs, LEARNER, TrainingConfig())


def test_any_environment_can_be_in_a_pool():
    learner = TD3MixConfig(network="mlp", hidden_sizes=(8,))
    run = PoolTraining([PoolEnv(MeetingGame), PoolEnv(MeetingGame)], learner, TrainingConfig(num_envs=2, warmup_steps=2))
    assert np.isfinite(weights(steps(run, 3))).all()
