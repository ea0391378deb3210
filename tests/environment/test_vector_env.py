"""Many environments in one are the single environment many times: bit for bit, in any number, with any threads."""

import math
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0

NETWORKS: dict[str, dict[str, Any]] = {
    "paper": {},
    "unequal users": {"num_antennas": 4, "num_users": (2, 4, 1), "num_bands": 5, "num_slots": 3},
    "many users": {"num_antennas": 23, "num_users": 21, "num_bands": 3, "num_slots": 2},
    "lopsided": {
        "num_antennas": 7,
        "num_users": (3, 5, 6),
        "num_bands": 4,
        "num_slots": 3,
        "mean_gains": ((0.5, 0.3, 0.0), (0.2, 2.0, 0.0), (0.7, 0.0, 1.0)),
    },
    "no negotiation": {"num_antennas": 4, "num_users": 3, "num_bands": 3, "num_slots": 4, "num_iterations": 0},
    "no interference": {"num_antennas": 3, "num_users": 2, "num_bands": 4, "num_slots": 3, "sir_db": math.inf},
    "one cell": {"num_cells": 1, "num_antennas": 3, "num_users": 2, "num_bands": 4, "num_slots": 3, "reward": "network"},
}


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS.keys())
def config(request: pytest.FixtureRequest) -> NetworkConfig:
    return NetworkConfig(**request.param)


def actions_of(env: MulticellVectorEnv, generator: np.random.Generator) -> np.ndarray:
    return generator.random(env.action_space.shape, dtype=np.float32)


def single_step(env: Any, action: np.ndarray) -> tuple[Any, ...]:
    users = env.config.users_per_cell
    return env.step({agent: action[cell, :, : users[cell]] for cell, agent in enumerate(env.possible_agents)})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("observation", ["gain", "csi"])
def test_environment_i_of_a_batch_is_a_single_environment_bit_for_bit(config: NetworkConfig, observation: Any, dtype: Any) -> None:
    vector = MulticellVectorEnv(5, config, observation=observation, dtype=dtype)
    singles = [multicell_v0.parallel_env(config, observation=observation, dtype=dtype) for _ in range(5)]
    seeds = [11, 3, 999, 4, 5]
    observations, _ = vector.reset(seed=seeds)
    expected = [env.reset(seed=seed)[0] for env, seed in zip(singles, seeds, strict=True)]
    generator = np.random.default_rng(0)
    for _ in range(2 * config.num_slots):  # through one automatic reset, and up to the next
        assert_same_observations(config, observations, expected)
        assert np.array_equal(vector.state(), np.stack([env.state() for env in singles]))
        actions = actions_of(vector, generator)
        observations, rewards, terminations, truncations, infos = vector.step(actions)
        steps = [single_step(env, action) for env, action in zip(singles, actions, strict=True)]
        expected = [step[0] for step in steps]
        for i, (_, single_rewards, _, single_truncations, single_infos) in enumerate(steps):
            assert rewards[i].astype(float).tolist() == list(single_rewards.values())
            assert truncations[i] == single_truncations["bs_0"]
            assert not terminations[i]
            for cell, info in enumerate(single_infos.values()):
                assert np.array_equal(infos["power"][i, cell, :, : info["power"].shape[1]], info["power"])
                assert infos["sum_rate"][i, cell] == np.float64(info["sum_rate"])
        assert ("final_obs" in infos) == truncations.any()
        if truncations.all():
            assert_same_observations(config, infos["final_obs"], expected)
            assert infos["_final_obs"].all()
            expected = [env.reset()[0] for env in singles]


def assert_same_observations(config: NetworkConfig, stacked: np.ndarray, expected: list[dict[str, np.ndarray]]) -> None:
    assert stacked.dtype == np.float32
    for own, single in zip(stacked, expected, strict=True):
        for cell, (users, observation) in enumerate(zip(config.users_per_cell, single.values(), strict=True)):
            assert np.array_equal(own[cell, ..., :users], observation)


def test_neither_the_batch_size_nor_the_threads_change_a_number(config: NetworkConfig) -> None:
    played = {}
    for size, threads in ((1, 1), (3, 1), (37, 1), (37, 2), (37, 5)):
        env = MulticellVectorEnv(size, config, observation="gain", num_threads=threads)
        env.reset(seed=7)
        actions = np.random.default_rng(1).random((config.num_slots + 1, 37, *env.single_action_space.shape), dtype=np.float32)
        played[size, threads] = [env.step(action[:size]) for action in actions]
    for (size, _), steps in played.items():
        for step, reference in zip(steps, played[37, 1], strict=True):
            assert np.array_equal(step[0], reference[0][:size])
            assert np.array_equal(step[1], reference[1][:size])
            assert np.array_equal(step[4]["power"], reference[4]["power"][:size])


def test_observations_and_actions_lie_in_their_spaces(config: NetworkConfig) -> None:
    for kind in ("gain", "csi"):
        env = MulticellVectorEnv(4, config, observation=kind)
        env.action_space.seed(0)
        observations, _ = env.reset(seed=0)
        for _ in range(config.num_slots + 1):
            assert observations in env.observation_space
            assert observations[0] in env.single_observation_space
            observations, *_ = env.step(env.action_space.sample())


def test_a_mask_resets_some_and_leaves_the_others_alone() -> None:
    env, other = (MulticellVectorEnv(3, observation="gain", num_slots=4, autoreset_mode=AutoresetMode.DISABLED) for _ in range(2))
    for each in (env, other):
        each.reset(seed=[1, 2, 3])
    generator = np.random.default_rng(0)
    first, second = actions_of(env, generator), actions_of(env, generator)
    env.step(first)
    other.step(first)
    observations, infos = env.reset(seed=[None, 50, None], options={"reset_mask": np.array([False, True, False])})
    assert np.array_equal(observations[1], MulticellVectorEnv(1, observation="gain").reset(seed=50)[0][0])
    assert not infos["power"][1].any()
    after, untouched = env.step(second), other.step(second)
    for i in (0, 2):
        assert np.array_equal(after[0][i], untouched[0][i])
    assert not np.array_equal(after[0][1], untouched[0][1])


def test_without_autoreset_an_ended_block_waits_for_its_reset() -> None:
    env = MulticellVectorEnv(3, observation="gain", num_slots=2, autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=0)
    actions = np.full(env.action_space.shape, 0.1, np.float32)
    env.step(actions)
    env.reset(options={"reset_mask": np.array([True, False, False])})
    _, _, _, truncations, infos = env.step(actions)
    assert truncations.tolist() == [False, True, True]
    assert "final_obs" not in infos
    with pytest.raises(RuntimeError, match=r"2 environments have no block.*\[1, 2\]"):
        env.step(actions)
    env.reset(options={"reset_mask": truncations})
    env.step(actions)


def test_with_autoreset_only_the_ended_environments_begin_anew() -> None:
    env = MulticellVectorEnv(2, observation="gain", num_slots=3)
    env.reset(seed=0)
    actions = np.full(env.action_space.shape, 0.1, np.float32)
    env.step(actions)
    env.reset(options={"reset_mask": np.array([False, True])})
    env.step(actions)
    observations, _, _, truncations, infos = env.step(actions)
    assert truncations.tolist() == infos["_final_obs"].tolist() == [True, False]
    assert not np.array_equal(infos["final_obs"][0], observations[0])
    assert np.array_equal(infos["final_obs"][1], observations[1])


def test_a_seed_begins_the_same_blocks_and_none_goes_on_with_others() -> None:
    env = MulticellVectorEnv(3, observation="gain")
    first, _ = env.reset(seed=5)
    going_on, _ = env.reset()
    again, _ = env.reset(seed=5)
    assert np.array_equal(first, again)
    assert not np.any(np.all(first == going_on, axis=(1, 2, 3, 4)))
    assert not np.array_equal(first[0], first[1])
    assert np.array_equal(first[1], MulticellVectorEnv(1, observation="gain").reset(seed=6)[0][0])
    unseeded = [MulticellVectorEnv(2, observation="gain").reset()[0] for _ in range(2)]
    assert not np.array_equal(*unseeded)


def test_what_was_handed_out_stays_as_it_was() -> None:
    env = MulticellVectorEnv(2, observation="gain", num_slots=2)
    given = [env.reset(seed=0)]
    copies = [given[0][0].copy()]
    for _ in range(3):
        step = env.step(np.full(env.action_space.shape, 0.2, np.float32))
        given.append((step[0], step[4]))
        copies.append(step[0].copy())
        step[4]["power"][:] = -1.0  # nobody's business but the receiver's
    for (observations, _), copy in zip(given, copies, strict=True):
        assert np.array_equal(observations, copy)


def test_the_dict_face_shows_the_same_arrays_by_agent(config: NetworkConfig) -> None:
    stacked = MulticellVectorEnv(4, config, observation="gain")
    dicts = MulticellVectorEnv(4, config, observation="gain").as_dicts()
    expected, (observations, infos) = stacked.reset(seed=3)[0], dicts.reset(seed=3)
    users = dict(zip(stacked.possible_agents, config.users_per_cell, strict=True))
    generator = np.random.default_rng(2)
    for _ in range(config.num_slots):
        for cell, agent in enumerate(dicts.agents):
            assert np.array_equal(observations[agent], expected[:, cell, ..., : users[agent]])
            assert observations[agent][0] in dicts.observation_spaces[agent]
        action = actions_of(stacked, generator)
        expected, rewards, _, over, stacked_infos = stacked.step(action)
        observations, own, _, truncations, infos = dicts.step(
            {agent: action[:, cell, :, : users[agent]] for cell, agent in enumerate(dicts.agents)}
        )
        for cell, agent in enumerate(dicts.agents):
            assert np.array_equal(own[agent], rewards[:, cell])
            assert np.array_equal(truncations[agent], over)
            assert np.array_equal(infos[agent]["power"], stacked_infos["power"][:, cell, :, : users[agent]])
            assert np.array_equal(infos[agent]["sum_rate"], stacked_infos["sum_rate"][:, cell])
    for cell, agent in enumerate(dicts.agents):
        assert np.array_equal(infos[agent]["final_obs"], stacked_infos["final_obs"][:, cell, ..., : users[agent]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda actions: actions[:1], "shape"),
        (lambda actions: np.where(np.arange(actions.size).reshape(actions.shape) == 90, np.nan, actions), "environment 1"),
        (lambda actions: np.where(np.arange(actions.size).reshape(actions.shape) == 3, np.inf, actions), "environment 0"),
        (lambda actions: actions.astype(complex), "complex"),
    ],
)
def test_bad_actions_are_refused_and_change_nothing(change: Any, message: str) -> None:
    env, other = (MulticellVectorEnv(2, observation="gain") for _ in range(2))
    env.reset(seed=0)
    other.reset(seed=0)
    good = np.full(env.action_space.shape, 0.3, np.float32)
    with pytest.raises(ValueError, match=message):
        env.step(change(good))
    assert np.array_equal(env.step(good)[0], other.step(good)[0])


def test_values_outside_of_the_space_are_clipped_however_large() -> None:
    env, other = (MulticellVectorEnv(1, observation="gain", num_iterations=0) for _ in range(2))
    env.reset(seed=0)
    other.reset(seed=0)
    wild = np.where(np.arange(72).reshape(1, 3, 6, 4) % 3 == 0, 1e300, -5.0)
    assert np.array_equal(env.step(wild)[0], other.step((wild > 0).astype(np.float32))[0])


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="num_envs"):
        MulticellVectorEnv(0)
    with pytest.raises(ValueError, match="num_threads"):
        MulticellVectorEnv(2, num_threads=0)
    for mode in ("SAME", None, 1, ["SAME_STEP"]):
        with pytest.raises(ValueError, match="autoreset_mode must be one of"):
            MulticellVectorEnv(2, autoreset_mode=mode)
    with pytest.raises(TypeError, match="num_slots"):
        MulticellVectorEnv(2, num_slot=3)
    env = MulticellVectorEnv(2)
    with pytest.raises(RuntimeError, match="reset"):
        env.step(np.zeros(env.action_space.shape, np.float32))
    with pytest.raises(RuntimeError, match="reset"):
        env.state()
    with pytest.raises(ValueError, match="2 environments"):
        env.reset(seed=[1, 2, 3])
    with pytest.raises(ValueError, match="reset_mask"):
        env.reset(options={"reset_mask": np.array([1, 0])})
    with pytest.raises(ValueError, match="bs_1"):
        env.as_dicts().step({"bs_0": np.zeros((2, 6, 4))})
