"""Training runs: reproducible, and continued bit for bit from any step."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from games import MeetingGame, ShapedGame

from agents import ActorPolicy, TD3MixConfig, Training, TrainingConfig
from multicell_env import multicell_v0

LEARNER = TD3MixConfig(hidden_sizes=(8,), mixing_size=8, batch_size=8)


def training(seed: int = 0, learner: TD3MixConfig = LEARNER, **changes) -> Training:
    settings = {"num_envs": 3, "num_steps": 30, "warmup_steps": 4, "buffer_size": 60, **changes}
    return Training(lambda: multicell_v0.parallel_env(observation="gain", num_slots=4), learner, TrainingConfig(**settings), seed=seed)


def steps(run: Training, count: int) -> Training:
    for _ in range(count):
        run.step()
    return run


def weights(run: Training) -> np.ndarray:
    return torch.nn.utils.parameters_to_vector(run.algorithm.parameters()).detach().numpy()


def test_the_same_seed_trains_the_same_networks_bit_for_bit_and_another_does_not():
    first, second, other = (weights(steps(training(seed), 6)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("shapes", [((), ()), ((0,), (2,))])
def test_actions_of_one_number_and_empty_ones_can_be_learned(shapes):
    learner = TD3MixConfig(network="mlp", hidden_sizes=(8,), batch_size=8)
    run = steps(Training(lambda: ShapedGame(*shapes), learner, TrainingConfig(num_envs=3, warmup_steps=4, buffer_size=60)), 3)
    actions = ActorPolicy.of(run.actor, run.env, {})(ShapedGame(*shapes).observations())
    assert {agent: action.shape for agent, action in actions.items()} == ShapedGame(*shapes).shapes


@pytest.mark.parametrize("before", [1, 5, 25])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"network": "mlp", "mixer_state": "observations", "mixing_layers": 2, "actor_gradient": "critic"},
        {"target": "one-step"},
        {"target": "reward", "mixer": "none"},
    ],
    ids=str,
)
def test_a_saved_run_goes_on_bit_for_bit_as_if_it_had_not_been_stopped(tmp_path, before, options):
    # 25 steps of 3 environments overfill the buffer of 60 transitions, 5 do not; 1 and 5 stop in the middle of blocks of 4 slots
    learner = replace(LEARNER, **options)
    whole = weights(steps(training(learner=learner), before + 7))
    file = tmp_path / "state"
    torch.save(steps(training(learner=learner), before).state_dict(), file)
    continued = training(seed=5, learner=learner)
    continued.load_state_dict(torch.load(file, weights_only=False))
    assert continued.steps_done == before
    np.testing.assert_array_equal(weights(steps(continued, 7)), whole)


def test_a_checkpoint_holds_what_the_buffer_holds_and_not_what_it_could(tmp_path):
    sizes = []
    for buffer_size in (60, 6000):
        file = tmp_path / "state"
        torch.save(steps(training(buffer_size=buffer_size), 1).state_dict(), file)
        sizes.append(file.stat().st_size)
    # Tianshou keeps two indices of 8 bytes for every place; a transition of this environment takes more than 1,000 bytes
    assert sizes[1] - sizes[0] < 20 * (6000 - 60)


@pytest.mark.parametrize("count", [3, 25])  # the second overfills the buffer
def test_what_follows_a_stored_slot_is_what_the_environment_showed_then(count):
    run, shown = training(), {}
    step = run.collector.env.step

    def watched(*args):
        result = step(*args)
        for observation, reward in zip(result[0].observation, result[1], strict=True):
            shown[reward] = observation.copy()  # no two slots have the same reward
        return result

    run.collector.env.step = watched
    steps(run, count)
    buffer = run.collector.buffer
    stored = buffer[buffer.sample_indices(0)]
    assert len(stored) == min(60, 3 * (4 + count))
    assert stored.truncated.sum() >= 3
    for i in range(len(stored)):
        np.testing.assert_array_equal(stored.obs_next["observation"][i], shown[stored.rew[i]])
    assert "state" in stored.obs
    np.testing.assert_array_equal(stored.obs_next["state"], stored.obs_next["observation"])  # of the gain planes


def test_observations_are_stored_once_and_the_state_only_where_the_mixer_reads_it():
    run = steps(training(learner=replace(LEARNER, mixer_state="observations")), 6)
    buffer = run.collector.buffer
    assert set(buffer._meta.get_keys()) >= {"obs", "act", "rew"}
    assert "obs_next" not in buffer._meta.get_keys()
    assert list(buffer.obs.get_keys()) == ["observation"]
    ends = int(buffer.done[buffer.sample_indices(0)].sum())
    newest = int((~buffer.done[buffer.last_index]).sum())
    assert len(buffer._kept_apart) == ends + newest


def test_a_one_step_target_needs_a_second_step():
    def one_slot_blocks():
        return multicell_v0.parallel_env(observation="gain", num_slots=1)

    run = Training(one_slot_blocks, replace(LEARNER, target="one-step"), TrainingConfig(num_envs=2))
    with pytest.raises(ValueError, match=r"needs a second step in an episode; got .* Choose target 'reward', or longer episodes"):
        run.step()


def test_learning_begins_after_random_play_that_sets_the_critics_scale():
    run = steps(training(), 1)
    rewards = run.collector.buffer.rew[run.collector.buffer.sample_indices(0)][: 3 * 4]
    assert len(run.collector.buffer) == 3 * (4 + 1)
    assert run.algorithm.value_scale.item() > 0.1 * rewards.std()
    assert run.algorithm.value_offset.item() == pytest.approx(rewards.mean() / (1 - LEARNER.gamma), rel=0.5)


def test_every_environment_plays_blocks_of_its_own():
    run = training()
    observations = run.collector._pre_collect_obs_RO["observation"]
    assert not np.array_equal(observations[0], observations[1])


def test_it_trains_on_environments_that_end_at_every_step():
    run = Training(MeetingGame, TD3MixConfig(network="mlp", hidden_sizes=(8,)), TrainingConfig(num_envs=2, warmup_steps=2))
    assert np.isfinite(weights(steps(run, 3))).all()


@pytest.mark.parametrize("name", ["num_steps", "num_envs", "num_updates", "warmup_steps"])
def test_lengths_below_one_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1; got 0"):
        TrainingConfig(**{name: 0})


def test_a_buffer_that_cannot_hold_one_transition_of_each_environment_is_refused():
    with pytest.raises(ValueError, match=r"buffer_size .* got 5 for 32 environments\. Raise buffer_size"):
        TrainingConfig(buffer_size=5)
