"""Environments of one shape in one batch: every row is its environment alone, and rows go on to others when episodes begin."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from agents.stacked import StackedVectorEnv
from agents.streams import seeds_of_parts
from agents.td3_mix.mixed import MixedEnv
from multicell_env import MulticellVectorEnv
from multicell_env.scenarios import SCENARIOS, draw_networks

RULES = {"action": "price", "rounds_per_slot": 2, "num_iterations": 0, "num_slots": 2}
STEPS = 4
"""Of a block: two rounds in each of two slots."""


def networks(count, scenario="unequal-load"):
    return [replace(network, **RULES) for network in draw_networks(SCENARIOS[scenario], count, 0)]


def env_of(network, rows=1):
    return MulticellVectorEnv(rows, network, observation="price", autoreset_mode=AutoresetMode.DISABLED)


def mask_of(network):
    return np.broadcast_to(network.user_mask[:, None], (network.num_cells, network.num_bands, network.max_users))


def mixed(count=4, rows=1, num_envs=2, **options):
    drawn = networks(count)
    return MixedEnv([env_of(network, rows) for network in drawn], num_envs, [mask_of(network) for network in drawn], **options), drawn


def begun(env, seeds=(7, 8)):
    return env.reset(seed=list(seeds), options={"reset_mask": np.ones(env.num_envs, dtype=bool)})[0]


def tilts(shape, seed=0):
    return np.random.default_rng(seed).uniform(-0.2, 0.2, shape).astype(np.float32)


def test_every_row_is_its_environment_alone_and_goes_on_to_the_next_one():
    env, drawn = mixed()
    shown = begun(env)
    for turn in range(3):  # seat 0 plays networks 0, 2 and 0 again
        for seat in range(2):
            network = drawn[(2 * turn + seat) % 4]
            if turn < 2:
                alone = env_of(network)
                observations, _ = alone.reset(seed=[seeds_of_parts((7, 8)[seat], 2)[turn]])
                np.testing.assert_array_equal(shown[seat], observations[0])
            np.testing.assert_array_equal(env.action_mask[seat], mask_of(network))
        for step in range(STEPS):
            actions = tilts((2, *env.single_action_space.shape), step)
            shown, rewards, terminated, truncated, _ = env.step(actions)
            if turn == 0:
                assert rewards.shape == (2, 3)
            np.testing.assert_array_equal(env.state(), shown)
            assert truncated.all() == (step == STEPS - 1)
            assert not terminated.any()
        shown = env.reset(seed=[None, None], options={"reset_mask": np.ones(2, dtype=bool)})[0]


def test_rewards_are_those_of_the_environments():
    env, drawn = mixed(count=2)
    begun(env)
    alone = [env_of(network) for network in drawn]
    for seat, one in enumerate(alone):
        one.reset(seed=[seeds_of_parts((7, 8)[seat], 1)[0]])
    for step in range(STEPS):
        actions = tilts((2, *env.single_action_space.shape), step)
        observations, rewards, *_ = env.step(actions)
        for seat, one in enumerate(alone):
            own, paid, *_ = one.step(actions[seat : seat + 1])
            np.testing.assert_array_equal(observations[seat], own[0])
            np.testing.assert_array_equal(rewards[seat], paid[0])


def test_an_environment_with_several_rows_has_a_seat_of_as_many():
    env, drawn = mixed(count=2, rows=2, num_envs=4)
    begun(env, (1, 2, 3, 4))
    for row in range(4):
        np.testing.assert_array_equal(env.action_mask[row], mask_of(drawn[row // 2]))
    assert len({env.state()[row].tobytes() for row in range(4)}) == 4


def test_the_mask_is_none_where_it_is_the_same_everywhere():
    drawn = networks(2, "asymmetric")
    env = MixedEnv([env_of(network) for network in drawn], 2, [mask_of(network) for network in drawn])
    begun(env)
    assert env.action_mask is None
    assert set(StackedVectorEnv(env, [1, 2]).reset()[0].get_keys()) == {"observation"}


def test_observations_of_a_batch_have_the_mask_of_what_was_played():
    env, drawn = mixed()
    collected = StackedVectorEnv(env, [7, 8])
    first, _ = collected.reset()
    for _ in range(STEPS):
        last, *_ = collected.step(tilts((2, *env.single_action_space.shape)))
    following, _ = collected.reset(np.arange(2))
    for batch, played in ((first, drawn[:2]), (last, drawn[:2]), (following, drawn[2:])):
        np.testing.assert_array_equal(batch.mask, np.stack([mask_of(network) for network in played]))


def test_every_other_seat_begins_anew_after_a_short_episode():
    env, _ = mixed(short_episodes=3)
    begun(env)
    ends = []
    for _ in range(12):
        *_, truncated, _ = env.step(tilts((2, *env.single_action_space.shape)))
        ends.append(truncated.tolist())
        if truncated.any():
            env.reset(options={"reset_mask": truncated})
    assert [row for row, _ in ends] == [step % 3 == 2 for step in range(12)]
    assert [row for _, row in ends] == [step % 4 == 3 for step in range(12)]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_goes_on_alike(copied):
    env, _ = mixed()
    begun(env)
    env.step(tilts((2, *env.single_action_space.shape)))
    other = copied(env)
    for step in range(STEPS + 2):
        ends = []
        for one in (env, other):
            observations, rewards, _, truncated, _ = one.step(tilts((2, *env.single_action_space.shape), step))
            ends.append((observations, rewards))
            if truncated.any():
                one.reset(options={"reset_mask": truncated})
        for mine, others in zip(*ends, strict=True):
            np.testing.assert_array_equal(mine, others)


@pytest.mark.parametrize(("count", "rows", "num_envs"), [(2, 1, 4), (3, 2, 5)])
def test_rows_that_cannot_be_shared_out_are_refused(count, rows, num_envs):
    with pytest.raises(ValueError, match=rf"got {num_envs} rows for {count} networks"):
        mixed(count, rows, num_envs)


def test_environments_of_other_sizes_are_refused():
    drawn = [*networks(1), *networks(1, "asymmetric")]
    with pytest.raises(ValueError, match="must have the same spaces"):
        MixedEnv([env_of(network) for network in drawn], 2, [mask_of(network) for network in drawn])


def test_a_batch_of_no_environments_is_refused():
    with pytest.raises(ValueError, match="got 2 rows for 0 networks"):
        MixedEnv([], 2, [])
