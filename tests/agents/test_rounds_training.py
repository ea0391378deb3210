"""The analytic policy gradient through rounds: what it climbs, how its rate falls, and that it goes on bit for bit."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from checkpoint_files import reread

from agents.apg.config import APGConfig, APGTrainingConfig
from agents.apg.rounds import RoundsTraining
from agents.learner import PoolEnv
from agents.networks import SetActor
from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.scenarios import SCENARIOS, draw_networks

RULES = {"action": "price", "rounds_per_slot": 2, "num_iterations": 0, "measuring_reward": 0.1, "num_slots": 3}
LEARNER = APGConfig(hidden_sizes=(8,), slots_ahead=2, is_centred=False, head_scale=0.1)
LENGTH = APGTrainingConfig(num_steps=20, num_envs=6, num_blocks=12)


def group(scenario, count=3, blocks=4, **rules):
    members = []
    for network in draw_networks(SCENARIOS[scenario], count, 0):
        settings = {"config": replace(network, **{**RULES, **rules}), "observation": "price"}
        members.append(PoolEnv(partial(multicell_v0.parallel_env, **settings), MulticellVectorEnv(blocks, **settings)))
    return members


def training(seed=0, learner=LEARNER, length=LENGTH, scenarios=("unequal-load", "asymmetric")):
    return RoundsTraining([group(name) for name in scenarios], learner, length, seed=seed)


def steps(run, count):
    for _ in range(count):
        run.step()
    return run


def earned(run, actor, turn=0):
    return run.earned(run.games[turn].take(np.arange(len(run.games[turn]))), actor)


def weights(actor):
    return torch.nn.utils.parameters_to_vector(actor.parameters()).detach().numpy()


@pytest.mark.parametrize("fairness", [0.0, 1.0])
def test_what_is_climbed_is_the_reward_that_the_environment_pays(fairness):
    # one network, so that the environment itself can be stepped beside the run
    run = RoundsTraining([group("unequal-load", count=1, dtype="float64", fairness=fairness)], LEARNER, LENGTH)
    members = group("unequal-load", count=1, dtype="float64", fairness=fairness)
    twin = RoundsTraining([members], LEARNER, LENGTH)  # resets its environments as the first run did its own
    env, mask = members[0].stacked_env, torch.from_numpy(twin.env.action_mask)
    observations, paid = env.state(), 0.0
    for _ in range(LEARNER.slots_ahead * RULES["rounds_per_slot"]):
        actions = run.trained(torch.from_numpy(observations.astype(np.float32)), mask).detach().numpy()
        observations, rewards, *_ = env.step(actions)
        paid += rewards.mean()
    assert earned(run, run.trained).item() == pytest.approx(paid, rel=1e-5)


def test_blocks_that_go_on_have_the_slots_that_follow():
    one, two = (training(learner=replace(LEARNER, slots_ahead=ahead), scenarios=("unequal-load",)) for ahead in (1, 2))
    game = one.games[0].take(np.arange(12))
    first, second = (one.earned(game, one.trained).item() for _ in range(2))
    assert first + second == pytest.approx(earned(two, one.trained).item(), rel=1e-5)
    again = one.games[0].take(np.arange(12))
    one.earned(again, one.trained)
    assert one.earned(one.games[0].take(np.arange(12)).at(again.progress()), one.trained).item() == pytest.approx(second, rel=1e-6)


def test_batches_go_on_until_too_few_slots_are_left():
    run = training(learner=replace(LEARNER, slots_ahead=1, going_on=0.999), scenarios=("unequal-load",))
    left = [steps(run, 1)._last[0][1]["slots_left"].tolist()[0] for _ in range(7)]
    assert left == [2, 1, 0, 2, 1, 0, 2]


def test_a_row_does_not_depend_on_the_networks_beside_it():
    run = training()
    alone = [run.earned(run.games[0].take(np.array([row])), run.trained).item() for row in range(12)]
    assert earned(run, run.trained).item() == pytest.approx(np.mean(alone), rel=1e-5)


def test_a_run_begins_with_the_weights_of_another_actor():
    one, other = training(seed=0), training(seed=1)
    other.start_from(one.trained)
    for actor in (other.trained, other.average):
        np.testing.assert_array_equal(weights(actor), weights(one.trained))
    steps(other, 1)
    assert not np.array_equal(weights(other.trained), weights(one.trained))
    with pytest.raises(ValueError, match="the actor to start from must have the shape of the new one"):
        other.start_from(SetActor(9, (4,)))


@pytest.mark.parametrize("fields", [{"restart": True}, {"channel_model": "redraw+estimated"}])
def test_training_climbs_what_is_earned_where_channels_move_and_slots_restart(fields):
    learner, length = replace(LEARNER, averaging=0.2, going_on=0.5), replace(LENGTH, num_steps=60, num_envs=12)
    run = RoundsTraining([group("asymmetric", **fields)], learner, length)
    before = earned(run, run.actor).item()
    assert earned(run, steps(run, 60).actor).item() > 1.005 * before


def test_groups_take_turns_on_losses_relative_to_untilted_prices():
    run = training()
    for turn, reference in ((0, run.references[0]), (1, run.references[1]), (0, run.references[0])):
        assert reference == pytest.approx(earned(run, None, turn).item())
        assert -1.5 < steps(run, 1).last_losses["actor_loss"] < -0.5


def test_training_raises_what_the_average_of_the_weights_earns():
    learner, length = replace(LEARNER, averaging=0.2), replace(LENGTH, num_steps=60, num_envs=12)
    run = training(learner=learner, length=length, scenarios=("asymmetric",))
    before = earned(run, run.actor).item()
    assert earned(run, steps(run, 60).actor).item() > 1.005 * before


def test_training_with_fairness_raises_utility_on_a_scale_of_its_own():
    learner, length = replace(LEARNER, averaging=0.2), replace(LENGTH, num_steps=60, num_envs=12)
    run = RoundsTraining([group("asymmetric", fairness=1.0)], learner, length)
    before = earned(run, run.actor).item()
    assert run.references[0] == pytest.approx(before, rel=0.05)  # no utility is negative here
    assert earned(run, steps(run, 60).actor).item() > 1.005 * before


def test_rewards_around_zero_leave_a_scale():
    noisy = RoundsTraining([group("asymmetric", fairness=1.0, snr_db=-17.6)], LEARNER, LENGTH)
    rewards = noisy._play(noisy.games[0].take(np.arange(12)), None)
    assert min(reward.min() for reward in rewards) < 0.0 < max(reward.max() for reward in rewards)
    assert noisy.references[0] > 1.5 * abs(earned(noisy, None).item())


def test_the_learning_rate_rises_stays_and_falls_to_its_share():
    run = training(learner=replace(LEARNER, rise_steps=4, learning_rate=1e-2), scenarios=("asymmetric",))
    rates = []
    for _ in range(LENGTH.num_steps):
        rates.append(run.learning_rate())
        run.steps_done += 1
    assert rates[:4] == pytest.approx([2.5e-3, 5e-3, 7.5e-3, 1e-2])
    assert rates[4:11] == pytest.approx([1e-2] * 7)
    assert rates[15] == pytest.approx(5e-3)
    run.steps_done = 10 * LENGTH.num_steps
    assert run.learning_rate() == pytest.approx(3e-4)


@pytest.mark.parametrize("before", [1, 2, 5])
def test_a_saved_run_goes_on_bit_for_bit(before):
    learner = replace(LEARNER, slots_ahead=1, going_on=0.7)
    whole = steps(training(learner=learner), before + 4)
    state = reread(steps(training(learner=learner), before).state_dict())
    continued = training(learner=learner)
    continued.load_state_dict(state)
    steps(continued, 4)
    for actor in ("trained", "average"):
        np.testing.assert_array_equal(weights(getattr(continued, actor)), weights(getattr(whole, actor)))
    assert not np.array_equal(weights(whole.trained), weights(whole.average))


def test_a_state_of_other_environments_is_refused():
    with pytest.raises(ValueError, match="the same environments"):
        training(seed=1).load_state_dict(training(seed=0).state_dict())


def test_what_cannot_be_trained_through_slots_is_refused():
    with pytest.raises(ValueError, match="network 'set'"):
        training(learner=replace(LEARNER, network="mlp"), scenarios=("asymmetric",))
    with pytest.raises(ValueError, match="a slot ahead"):
        training(learner=replace(LEARNER, slots_ahead=0))
    with pytest.raises(ValueError, match="a group of environments"):
        RoundsTraining([], LEARNER, LENGTH)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slots_ahead", -1),
        ("going_on", 1.0),
        ("rise_steps", -1),
        ("head_scale", 0.0),
        ("averaging", 1.5),
        ("final_rate", 0.0),
        ("gradient_clip", 0.0),
    ],
)
def test_a_setting_outside_its_range_is_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        APGConfig(**{field: value})


def test_an_uncentred_actor_can_raise_all_bands_together_and_a_centred_one_cannot():
    torch.manual_seed(0)
    observation = torch.randn(2, 3, 9, 6, 4)
    free, bound = (SetActor(9, (8,), is_centred=is_centred) for is_centred in (False, True))
    bound.load_state_dict(free.state_dict())
    level = free.preferences(observation).mean(dim=-2, keepdim=True)
    assert level.abs().max() > 0.01
    torch.testing.assert_close(bound.preferences(observation), free.preferences(observation) - level)


def test_the_preset_plays_the_game_that_it_names():
    from agents.apg.entry import APG
    from experiments.commands.training_arguments import defaults_of

    arguments = defaults_of(APG, "rounds")
    game = NetworkConfig(action="price", rounds_per_slot=5, num_iterations=0, measuring_reward=0.1)
    assert arguments.scenario == game
    assert (arguments.observation, arguments.learner.slots_ahead, arguments.learner.is_centred) == ("price", 2, False)
