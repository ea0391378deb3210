"""Numbers that are too large, seeds of every kind, and arrays that are not quite arrays."""

import math

import numpy as np
import pytest
import torch

from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.adapters.joint import joint_policy
from multicell_env.adapters.rows import row_env
from multicell_env.channels.pool import RecordedChannels
from multicell_env.networks.mean_gains import SparseGains

pytestmark = pytest.mark.campaign


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"num_slots": 10**400},
            r"num_slots must be at most 1000000000; got 1000.*\(401 characters\)",
        ),
        ({"num_bands": 10**30}, "num_bands must be at most 100000; got 1000000000000"),
        ({"num_iterations": 10**30}, "num_iterations must be at most 1000000"),
        ({"num_iterations": 2**31}, "num_iterations must be at most"),
        ({"num_cells": 10**6}, "num_cells must be at most 5000"),
        ({"num_users": 10**6, "num_antennas": 10**4}, "num_users must be at most"),
        ({"num_cells": 200, "num_users": 100, "num_antennas": 1000, "num_bands": 1000}, "must fit into memory"),
        ({"num_cells": 50, "num_users": 16, "num_antennas": 32, "num_iterations": 10**5}, "num_iterations must be at most .* Ctrl-C"),
        ({"snr_db": 10**400}, "snr_db must be a number"),
        ({"damping": 10**400}, "damping must be in"),
        ({"fairness": 10**400}, "fairness must be a number"),
        ({"reward": np.zeros(2)}, "reward must be one of"),
        ({"negotiation": ["flwf"]}, "negotiation must be"),
        ({"mean_gains": np.ma.masked_array(np.eye(3), np.eye(3))}, "masked"),
    ],
)
def test_a_network_that_no_machine_plays_is_refused_when_it_is_made(fields, message):
    with pytest.raises(ValueError, match=message):
        NetworkConfig(**fields)


@pytest.mark.parametrize("steps", [math.nan, 2.0, "3", True, None, 10**400])
def test_max_cycles_is_a_whole_number_of_steps(steps):
    for make in (multicell_v0.parallel_env, lambda **settings: MulticellVectorEnv(2, **settings)):
        if steps is None:
            assert make(max_cycles=None).config.num_slots == 10
            continue
        with pytest.raises(ValueError, match=r"max_cycles must be a whole number|num_slots must be at most"):
            make(max_cycles=steps)


def test_max_cycles_of_numpys_integers_counts_rounds_too():
    assert multicell_v0.parallel_env(max_cycles=np.int64(6), rounds_per_slot=2).config.num_slots == 3


@pytest.mark.parametrize("counts", [{"num_envs": 10**30}, {"num_envs": 2, "num_threads": 10**6}])
def test_counts_that_no_machine_has_are_refused(counts):
    with pytest.raises(ValueError, match="must be at most"):
        MulticellVectorEnv(**counts)


def test_both_environments_take_the_same_seeds():
    single, batch = multicell_v0.parallel_env(observation="gain"), MulticellVectorEnv(1, observation="gain")
    for seed in (3, np.int64(3), np.uint8(3), np.array(3), torch.tensor(3)):
        seen, _ = single.reset(seed=seed)
        np.testing.assert_array_equal(np.stack(list(seen.values())), batch.reset(seed=seed)[0][0])
    for seed in (True, np.True_, np.array(True), -1, 1.0, np.array(1.0), "3", {"a": 1}, 1j):
        for env in (single, batch):
            with pytest.raises(ValueError, match="seed must be a whole number of at least 0, or None; got"):
                env.reset(seed=seed)
    for seeds in ([[1, 2], []], [[1]], ["1"], [True], [np.array([1, 2])], [1.5]):
        with pytest.raises(ValueError, match="seed must be a whole number of at least 0, or None; got"):
            batch.reset(seed=seeds)


ARRAYS = {
    "gradients": lambda shape: torch.zeros(shape, requires_grad=True),
    "another device": lambda shape: torch.zeros(shape, device="meta"),
    "masked": lambda shape: np.ma.masked_array(np.zeros(shape), np.ones(shape, bool)),
    "ragged": lambda shape: [[0.0], [0.0, 0.0]],
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_what_is_no_plain_array_of_numbers_is_no_action(kind):
    single, batch = multicell_v0.parallel_env(observation="gain"), MulticellVectorEnv(2, observation="gain")
    single.reset(seed=0)
    batch.reset(seed=0)
    shape = single.action_space("bs_0").shape
    good = {agent: np.zeros(shape) for agent in single.agents}
    message = (
        "masked array" if kind == "masked" else r"must be an array of numbers of shape .*; got .* tensor\.detach\(\)\.cpu\(\)\.numpy\(\)"
    )
    with pytest.raises(ValueError, match=f"bs_1 must .*{message}" if kind == "masked" else message):
        single.step({**good, "bs_1": ARRAYS[kind](shape)})
    with pytest.raises(ValueError, match=message):
        batch.step(ARRAYS[kind](batch.action_space.shape))
    with pytest.raises(ValueError, match=message):
        batch.as_dicts().step({**{agent: np.zeros((2, *shape)) for agent in good}, "bs_1": ARRAYS[kind]((2, *shape))})
    single.step(good)


def test_tensors_without_gradients_and_arrays_without_masked_entries_are_actions():
    single = multicell_v0.parallel_env(observation="gain")
    shape, rewards = single.action_space("bs_0").shape, []
    for kind in (np.asarray, torch.as_tensor, np.ma.masked_array, lambda array: array.tolist()):
        single.reset(seed=0)
        rewards.append(single.step({agent: kind(np.full(shape, 0.1)) for agent in single.agents})[1])
    assert all(reward == rewards[0] for reward in rewards)


@pytest.mark.parametrize("library", [np, torch])
def test_actions_with_gradients_are_refused_in_every_other_shape(library):
    env = MulticellVectorEnv(2, observation="gain")
    env.reset(seed=0)
    for shape in ((), (1,), (4,), (6, 4), (3, 6, 4), (1, 3, 6, 4), (2, 1, 6, 4), (2, 3, 1, 4), (2, 3, 6, 1), (2, 3, 6), (2, 3, 2, 6, 4)):
        with pytest.raises(ValueError, match=r"actions must be real numbers .* of shape \(2, 3, 6, 4\)"):
            env.differentiable_rewards(library.full(shape, 0.1))
    for value in (math.inf, -math.inf, math.nan):
        actions = library.full((2, 3, 6, 4), 0.1)
        actions[0, 0, 0, 0] = value
        with pytest.raises(ValueError, match="must be finite"):
            env.differentiable_rewards(actions)
    assert env.differentiable_rewards(library.full((2, 3, 6, 4), 0.1)).shape == (2, 3)


def test_a_joint_policy_sees_base_stations_by_their_numbers_in_any_order():
    planes = {f"bs_{cell}": np.full((1, 1, 1, 1), float(cell)) for cell in range(12)}
    policy = joint_policy(lambda rows: rows / 10.0)
    in_order = policy(planes)
    by_name = policy({agent: planes[agent] for agent in sorted(planes)})
    assert list(by_name) == list(planes)
    assert {agent: action.tolist() for agent, action in by_name.items()} == {agent: action.tolist() for agent, action in in_order.items()}
    assert len({action.item() for action in in_order.values()}) > 1


@pytest.mark.parametrize(
    ("act", "whose"),
    [
        (lambda: MulticellVectorEnv(2).reset(options={"reset_mask": [[True], [True, False]]}), "reset_mask"),
        (lambda: row_env(2).reset(options={"reset_mask": [[True], [True, False]]}), "reset_mask"),
        (lambda: multicell_v0.parallel_env().reset(options={"channels": [[1.0], [1.0, 2.0]]}), "channels"),
        (lambda: RecordedChannels([[1.0], [1.0, 2.0]]), "channels"),
        (lambda: SparseGains([[0], [0, 1]], (0, 1), (1.0, 1.0)), "tx"),
    ],
)
def test_ragged_lists_are_refused_with_what_they_should_be(act, whose):
    with pytest.raises(ValueError, match=rf"{whose} must be an array of numbers of shape .*; got builtins.list"):
        act()
