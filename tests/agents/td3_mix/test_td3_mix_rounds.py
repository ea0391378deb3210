"""TD3-MIX on rounds with price multipliers: mixed networks, what critics read, falling rates, averages, and runs that go on."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from checkpoint_files import reread
from games import MeetingGame
from gymnasium.vector import AutoresetMode

from agents import JointEnv, PoolEnv, PoolTraining, TD3Mix, TD3MixConfig, Training, TrainingConfig
from agents.pool import make_groups_run
from agents.registry import LEARNERS
from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.scenarios import SCENARIOS, draw_networks

RULES = {"action": "price", "rounds_per_slot": 2, "num_iterations": 0, "measuring_reward": 0.1, "num_slots": 3}
LEARNER = TD3MixConfig(
    hidden_sizes=(8,),
    mixer="residual",
    mixing_size=8,
    batch_size=8,
    is_centred=False,
    head_scale=0.1,
    critic_input="meaning",
    warm_up="actor",
    baseline="middle",
    exploration_noise=0.05,
    final_rate=0.1,
    averaging=0.1,
    mixes_networks=True,
    short_episodes=4,
)
LENGTH = TrainingConfig(num_envs=2, num_steps=20, warmup_steps=4, buffer_size=60)
TD3_MIX = LEARNERS["td3mix"]


def group(scenario, count=4, rows=1):
    members = []
    for network in draw_networks(SCENARIOS[scenario], count, 0):
        settings = {"config": replace(network, **RULES), "observation": "price"}
        envs = MulticellVectorEnv(rows, **settings, autoreset_mode=AutoresetMode.DISABLED)
        members.append(PoolEnv(partial(multicell_v0.parallel_env, **settings), envs))
    return members


def training(seed=0, learner=LEARNER, length=LENGTH, scenarios=("unequal-load",)):
    return make_groups_run([group(name) for name in scenarios], learner, length, seed=seed)


def steps(run, count):
    for _ in range(count):
        run.step()
    return run


def weights(module):
    return torch.nn.utils.parameters_to_vector(module.parameters()).detach().numpy().copy()


def algorithm_of(run):
    return (run.members[0] if isinstance(run, PoolTraining) else run).algorithm


@pytest.mark.parametrize("mixer", ["residual", "qmix", "sum"])
@pytest.mark.parametrize("before", [1, 5, 28])  # 28 steps of two rows overfill the buffer; 5 stop in the middle of a slot
def test_a_saved_run_on_mixed_networks_goes_on_bit_for_bit(before, mixer):
    learner = replace(LEARNER, mixer=mixer)
    whole = steps(training(learner=learner), before + 6)
    state = reread(steps(training(learner=learner), before).state_dict())
    continued = training(seed=5, learner=learner)
    continued.load_state_dict(state)
    assert continued.steps_done == before
    np.testing.assert_array_equal(weights(algorithm_of(steps(continued, 6))), weights(algorithm_of(whole)))
    np.testing.assert_array_equal(weights(continued.actor), weights(whole.actor))


@pytest.mark.parametrize("before", [1, 4])
def test_scenarios_of_different_sizes_take_turns_and_go_on_bit_for_bit(before):
    scenarios = ("unequal-load", "asymmetric")
    whole = steps(training(scenarios=scenarios), before + 5)
    assert [member.env.action_box.shape[-1] for member in whole.members] == [8, 4]
    state = reread(steps(training(scenarios=scenarios), before).state_dict())
    continued = training(seed=5, scenarios=scenarios)
    continued.load_state_dict(state)
    np.testing.assert_array_equal(weights(algorithm_of(steps(continued, 5))), weights(algorithm_of(whole)))


def test_units_of_a_scenario_are_those_of_its_first_steps():
    run = training(scenarios=("unequal-load", "asymmetric"))
    units = []
    for _ in range(6):
        run.step()
        algorithm = algorithm_of(run)
        units.append((algorithm.value_offset.item(), algorithm.value_scale.item()))
    assert len(set(units)) == 2
    assert units[:2] * 2 == units[2:]


def test_the_buffer_holds_the_mask_and_the_reward_of_what_was_played():
    run = steps(training(), 3)
    buffer = run.collector.buffer
    stored = buffer[buffer.sample_indices(0)]
    assert set(stored.obs.get_keys()) == {"observation", "mask"}
    users = stored.obs.mask.any(axis=2).sum(axis=-1)
    assert {tuple(sorted(row)) for row in users.tolist()} == {(2, 4, 8)}
    np.testing.assert_allclose(stored.obs.observation[:, :, 2, 0, 0], np.log2(users) - 2.0, rtol=1e-6)
    assert np.abs(stored.rew).max() < 0.2 * np.abs(run.collector.env.twin.env.step(np.zeros(stored.act[:2].shape))[1]).max()


def test_what_is_learned_does_not_depend_on_what_stands_in_padding():
    run = steps(training(), 2)
    buffer = run.collector.buffer
    batch = buffer[buffer.sample_indices(0)]
    algorithm, values = run.algorithm, []
    for fill in (0.0, 0.7):
        act = np.where(batch.obs.mask, batch.act, np.float32(fill))
        with torch.no_grad():
            values.append((algorithm.critic(batch.obs, act), algorithm.actor_loss(batch.obs)))
    torch.testing.assert_close(values[0], values[1])


def test_the_critic_reads_what_an_action_means_with_gradients():
    algorithm = training().algorithm
    obs = {"observation": torch.randn(2, 3, 9, 6, 8)}
    for feature in ("meaning", "action"):
        act = torch.zeros(2, 3, 6, 8, requires_grad=True)
        first = algorithm.critic.critic.encoder.layers[0]
        with torch.no_grad():
            for layer in (first.token, first.over_users, first.over_bands, first.over_both):
                layer.weight[:] = torch.randn_like(layer.weight)
                layer.weight[..., slice(9, 11) if feature == "action" else slice(11, 12)] = 0.0
        algorithm.critic(obs, act).sum().backward()
        assert act.grad.abs().max() > 0.0


def test_learning_rates_stay_and_fall_to_their_share():
    run = training(length=replace(LENGTH, num_steps=8))
    shares = []
    for _ in range(8):
        run.step()
        rates = [optimiser._optim.param_groups[0]["lr"] for optimiser in (run.algorithm.policy_optim, run.algorithm.critic_optim)]
        shares.append([rate / full for rate, full in zip(rates, (LEARNER.actor_learning_rate, LEARNER.critic_learning_rate), strict=True)])
    expected = [1.0, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    np.testing.assert_allclose(shares, np.repeat(expected, 2).reshape(-1, 2))
    run.steps_done = 80
    assert run.rate_share() == LEARNER.final_rate


def test_the_average_follows_the_actor_and_is_what_is_judged():
    run = training(learner=replace(LEARNER, num_critics=1))
    before, algorithm = weights(run.actor), run.algorithm
    np.testing.assert_array_equal(before, weights(algorithm.policy.actor))
    expected, update = before, algorithm._move_average

    def watched():
        nonlocal expected
        update()
        expected = expected + LEARNER.averaging * (weights(algorithm.policy.actor) - expected)

    algorithm._move_average = watched
    steps(run, 5)
    np.testing.assert_allclose(weights(run.actor), expected, rtol=1e-5, atol=1e-7)
    assert not np.array_equal(weights(run.actor), weights(algorithm.policy.actor))
    assert steps(training(learner=replace(LEARNER, averaging=0.0)), 1).actor.head.token.weight is not None


def test_a_run_that_begins_with_an_actor_is_judged_by_it():
    run, other = training(), steps(training(seed=3), 4)
    assert TD3_MIX.start_from is not None
    TD3_MIX.start_from(run, other.actor)
    for own in (run.actor, run.algorithm.policy.actor, run.algorithm.actor_old.module):
        np.testing.assert_array_equal(weights(own), weights(other.actor))


def test_warming_up_with_the_actor_stays_near_it():
    for warm_up, most in (("actor", 0.3), ("random", 1.0)):
        run = training(learner=replace(LEARNER, warm_up=warm_up))
        run.warm_up()
        act = run.collector.buffer.act[run.collector.buffer.sample_indices(0)]
        assert 0.5 * most < np.abs(act).max() <= most


def test_networks_of_a_scenario_are_shared_out_among_the_rows():
    config = replace(LEARNER, mixes_networks=True)
    length = replace(LENGTH, num_envs=64, buffer_size=64)
    assert [TD3_MIX.size_of_each(config, length, count) for count in (1, 16, 64, 256)] == [64, 4, 1, 1]
    assert TD3_MIX.size_of_each(replace(config, mixes_networks=False, short_episodes=0), LENGTH, 16) == LENGTH.num_envs


def test_a_baseline_suits_any_environment():
    learner = TD3MixConfig(network="mlp", hidden_sizes=(8,), baseline="middle")
    run = steps(Training(MeetingGame, learner, TrainingConfig(num_envs=2, warmup_steps=2)), 3)
    rewards = run.collector.buffer.rew[run.collector.buffer.sample_indices(0)]
    assert np.all(rewards <= 2.0 * (1.0 - (1.0 - 0.4**2)) + 1e-6)  # both are paid, and the middle is x = y = 0
    assert np.isfinite(weights(run.algorithm)).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"head_scale": 0.0}, "head_scale must be above 0"),
        ({"final_rate": 1.5}, "final_rate must be above 0, and at most 1"),
        ({"averaging": -0.1}, "averaging must be a share"),
        ({"short_episodes": 5}, "0 without mixes_networks; got 5"),
        ({"short_episodes": -1, "mixes_networks": True}, "short_episodes must be 0 or more"),
        ({"baseline": "best"}, "baseline must be one of"),
        ({"critic_input": "words"}, "critic_input must be one of"),
        ({"warm_up": "cold"}, "warm_up must be one of"),
        ({"mixer": "vdn"}, "mixer must be one of"),
    ],
)
def test_a_setting_that_breaks_its_rule_is_refused_by_name(fields, message):
    with pytest.raises(ValueError, match=message):
        TD3MixConfig(**fields)


@pytest.mark.parametrize("changes", [{"network": "mlp"}, {}])
def test_critics_cannot_read_what_an_environment_does_not_tell(changes):
    game = {"action": "price", "num_iterations": 0} if changes else {}
    env = JointEnv(multicell_v0.parallel_env(NetworkConfig(**game), observation="price"))
    with pytest.raises(ValueError, match="critic_input 'meaning' needs network 'set' and an environment with `action_meaning`"):
        TD3Mix(env, TD3MixConfig(critic_input="meaning", **changes))


def test_the_preset_plays_the_game_that_it_names():
    from experiments.commands.training_arguments import defaults_of

    arguments = defaults_of(TD3_MIX, "rounds")
    assert arguments.scenario == NetworkConfig(action="price", rounds_per_slot=5, num_iterations=0, measuring_reward=0.1)
    learner = arguments.learner
    assert (arguments.observation, learner.baseline, learner.critic_input, learner.is_centred) == ("price", "middle", "meaning", False)
