"""Blocks of a pool of recorded channels are played as they are, each by its seed, alone and among many."""

import copy
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.adapters import flat_env, joint_env, row_env
from multicell_env.allocations.planning import best_plan
from multicell_env.blocks import Blocks
from multicell_env.channels.fading import Fading
from multicell_env.channels.pool import WEAKEST, RecordedChannels, channels_of
from multicell_env.channels.recorded import split_channels
from multicell_env.evaluation import compare, evaluate_allocations, evaluate_policy
from multicell_env.evaluation.playing import draw_blocks, judged_on

NUM_BLOCKS = 20
GAINS = np.array([[2.0, 0.5, 0.1], [0.2, 1.0, 0.0], [0.3, 0.0, 4.0]])
"""Mean gains of the pool's links, `[tx_cell, rx_cell]`."""
FIELDS: dict[str, Any] = {"num_slots": 3, "num_iterations": 2}


def made(num_blocks: int = NUM_BLOCKS, seed: int = 3) -> np.ndarray:
    """A pool of Rayleigh channels `[block, tx_cell, rx_cell, band, antenna, user]`."""
    generator, shape = np.random.default_rng(seed), (num_blocks, 3, 3, 4, 5, 2)
    channels = generator.standard_normal(shape) + 1j * generator.standard_normal(shape)
    return (channels * np.sqrt(GAINS / 2.0)[..., None, None, None]).astype(np.complex64)


ARRAY = made()


@pytest.fixture
def file(tmp_path: Path) -> str:
    np.save(tmp_path / "pool.npy", ARRAY)
    return str(tmp_path / "pool.npy")


def numbers_of(blocks: Blocks, row: int = 0) -> np.ndarray:
    return blocks.gains.signal_gains[row]


def test_the_parts_share_no_block_and_are_the_whole_pool() -> None:
    pool = RecordedChannels(ARRAY)
    parts = [pool.train, pool.validation, pool.test]
    assert [len(part) for part in parts] == [14, 2, 4]
    blocks = [part[i].tobytes() for part in parts for i in range(len(part))]
    assert sorted(blocks) == sorted(block.tobytes() for block in ARRAY)
    assert not np.array_equal(np.concatenate([part._order for part in parts]), np.arange(NUM_BLOCKS))


def test_the_split_is_the_seeds() -> None:
    first, again, other = (RecordedChannels(ARRAY, split_seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.test._order, again.test._order)
    assert not np.array_equal(first.test._order, other.test._order)


@pytest.mark.parametrize(("num_blocks", "sizes"), [(1, (1, 1, 1)), (2, (2, 2, 2)), (3, (1, 1, 1)), (4, (2, 1, 1))])
def test_every_part_of_a_small_pool_has_a_block(num_blocks: int, sizes: tuple[int, int, int]) -> None:
    pool = RecordedChannels(ARRAY[:num_blocks])
    assert (len(pool.train), len(pool.validation), len(pool.test)) == sizes


def test_the_network_has_the_pools_sizes_and_the_mean_gains_of_its_training_part() -> None:
    pool = RecordedChannels(ARRAY)
    config = pool.fitted()
    assert (config.num_cells, config.num_antennas, config.num_users, config.num_bands) == (3, 5, 2, 4)
    expected = np.zeros((3, 3))
    for tx in range(3):
        for rx in range(3):
            powers = [abs(complex(h)) ** 2 for i in range(len(pool.train)) for h in pool.train[i][tx, rx].ravel()]
            expected[tx, rx] = sum(powers) / len(powers)
    np.testing.assert_allclose(config.mean_gain_matrix, expected, rtol=1e-5)
    assert config.interferers.tolist() == [[1, 2], [0, -1], [0, -1]]
    assert pool.test.fitted() == config
    own = replace(config, mean_gains=((1.0, 1.0, 1.0),) * 3)
    assert pool.fitted(own) == own


def test_a_plan_is_made_of_the_pools_mean_gains() -> None:
    apart = ARRAY * np.where(np.eye(3), 1.0, 1e-3)[..., None, None, None]
    assert np.all(best_plan(RecordedChannels(apart).fitted()).fractions > 0.1)
    near = ARRAY * np.where(np.eye(3), 1.0, 10.0)[..., None, None, None]
    fractions = best_plan(RecordedChannels(near).fitted()).fractions
    assert not np.any((fractions[0] > 0.0) & ((fractions[1] > 0.0) | (fractions[2] > 0.0)))


def test_blocks_are_the_recorded_ones_bit_for_bit() -> None:
    pool = RecordedChannels(ARRAY).train
    config = pool.fitted()
    blocks = draw_blocks(config, len(pool), seed=100 * len(pool), channels=pool)
    for row in range(len(pool)):
        own, cross = split_channels(config, pool[row])
        alone = Blocks.of(config, own[None], cross[None])
        for name in ("signal_gains", "cross_gains"):
            assert np.array_equal(getattr(blocks.gains, name)[row], getattr(alone.gains, name)[0]), (row, name)
        assert np.array_equal(blocks.channels[row], alone.channels[0])


def test_consecutive_seeds_play_every_block_once_and_go_on_at_random() -> None:
    pool = RecordedChannels(ARRAY).train
    generators = [np.random.default_rng(seed) for seed in range(7, 7 + len(pool))]
    first = [pool._picked(generator) for generator in generators]
    assert sorted(first) == list(range(len(pool)))
    then = [pool._picked(generator) for generator in generators]
    assert sorted(then) != sorted(first)
    expected = np.random.default_rng(7)
    expected.integers(len(pool))
    assert then[0] == expected.integers(len(pool))


def test_generators_without_a_number_for_a_seed_take_any_block() -> None:
    pool = RecordedChannels(ARRAY)
    spawned = np.random.SeedSequence(3).spawn(40)
    assert len({pool._picked(np.random.default_rng(own)) for own in spawned}) > 10
    assert len({pool._picked(np.random.default_rng([3, i])) for i in range(40)}) > 10


@pytest.mark.parametrize("observation", ["csi", "gain", "price"])
@pytest.mark.parametrize("num_threads", [1, 2])
def test_many_environments_are_single_ones_bit_for_bit(file: str, observation: Any, num_threads: int) -> None:
    vector = MulticellVectorEnv(70, channels=file, observation=observation, num_threads=num_threads, **FIELDS)
    single = multicell_v0.parallel_env(channels=file, observation=observation, **FIELDS)
    planes, _ = vector.reset(seed=40)
    generator = np.random.default_rng(0)
    steps = [generator.random(vector.action_space.shape, dtype=np.float32) for _ in range(7)]
    shown = [planes, *[vector.step(actions) for actions in steps]]
    for env in (0, 33, 69):
        alone, _ = single.reset(seed=40 + env)
        assert all(np.array_equal(alone[agent], planes[env, cell]) for cell, agent in enumerate(single.possible_agents))
        for actions, (seen, rewards, _, over, _) in zip(steps, shown[1:], strict=True):
            alone, paid, _, ended, _ = single.step({agent: actions[env, cell] for cell, agent in enumerate(single.possible_agents)})
            assert list(paid.values()) == rewards[env].tolist()
            if ended["bs_0"]:
                assert over[env]
                alone, _ = single.reset()
            assert all(np.array_equal(alone[agent], seen[env, cell]) for cell, agent in enumerate(single.possible_agents))
    vector.close()


def test_environments_play_on_the_training_part_and_judges_on_the_test_part() -> None:
    pool = RecordedChannels(ARRAY)
    for channels, part, expected in ((ARRAY, "train", 14), (pool, "test", 4), (pool.validation, "train", 2)):
        model: Any = channels_of(channels, part)
        assert len(model) == expected
    config, model, num_blocks = judged_on(None, ARRAY, 200)
    assert (config, num_blocks) == (pool.fitted(), 4)
    assert isinstance(model, RecordedChannels)
    assert model.part == "test"
    assert judged_on(None, pool.train, 5)[2] == 5


def test_allocations_are_evaluated_on_every_block_of_the_test_part_once() -> None:
    pool = RecordedChannels(ARRAY)
    result = evaluate_allocations(channels=pool, methods=("uniform",), timed=False)[0]
    blocks = [Blocks.of(pool.fitted(), *(part[None] for part in split_channels(pool.fitted(), pool.test[i]))) for i in range(4)]
    expected = [one.play_slot(np.full(one.powers.shape, 0.25), num_iterations=0).mean() for one in blocks]
    assert sorted(result.per_slot[:, 0]) == pytest.approx(sorted(expected), rel=1e-5)


def test_a_policy_and_the_table_are_of_the_same_blocks(file: str, tmp_path: Path) -> None:
    def uniform(observations: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {agent: np.full(planes.shape[-2:], 1.0 / planes.shape[-2]) for agent, planes in observations.items()}

    pool = RecordedChannels(file)
    config = replace(pool.fitted(), num_iterations=0)
    played = evaluate_policy("mine", uniform, config, observation="gain", channels=file, timed=False)
    allocated = evaluate_allocations(config, channels=file, methods=("uniform",), timed=False)[0]
    assert played.per_slot[:, 0] == pytest.approx(allocated.per_slot[:, 0], rel=1e-5)
    content = compare({"mine": uniform}, config, channels=file, methods=("uniform", "planned"), quiet=True, output=tmp_path)
    assert content["num_blocks"] == 4
    assert content["channels"] == {"file": file, "axes": list(pool.axes), "part": "test", "num_blocks": 4, "split_seed": 0}
    assert content["methods"]["mine"]["last_slot"]["mean"] == pytest.approx(content["methods"]["uniform"]["last_slot"]["mean"], rel=1e-5)


@pytest.mark.parametrize("make", [flat_env, joint_env, lambda **arguments: row_env(2, **arguments)])
def test_the_forms_of_other_frameworks_take_channels(file: str, make: Any) -> None:
    env = make(channels=file, **FIELDS)
    observations = env.reset(seed=0)[0]
    expected = multicell_v0.parallel_env(channels=file, observation="gain", **FIELDS).reset(seed=0)[0]["bs_0"].ravel()
    first = observations["bs_0"] if isinstance(observations, dict) else observations.reshape(-1)[: expected.size]
    assert np.array_equal(first, expected)


def test_cells_with_fewer_users_ignore_the_entries_beyond() -> None:
    array = ARRAY.copy()
    array[:, :, 1, :, :, 1:] = np.nan
    env = MulticellVectorEnv(3, channels=array, num_users=(2, 1, 2), observation="gain", **FIELDS)
    env.reset(seed=0)
    rewards = env.step(np.full(env.action_space.shape, 0.25))[1]
    assert np.all(np.isfinite(rewards))
    assert env.config.mean_gain_matrix[0, 1] == pytest.approx(np.mean(np.abs(RecordedChannels(ARRAY).train[0:14][:, 0, 1, ..., 0]) ** 2))


def test_what_is_below_every_digit_of_a_recording_counts_as_no_channel() -> None:
    array = ARRAY.copy()
    array[:, 0, 0, 2, :, 1] *= np.sqrt(WEAKEST) / 100.0
    array[:, 0, 0, 2, :, 0] *= np.sqrt(WEAKEST) * 100.0
    pool = RecordedChannels(array)
    own, _ = pool.begin(pool.fitted(), [np.random.default_rng(0)])
    assert not own[0, 0, 2, :, 1].any()
    assert own[0, 0, 2, :, 0].all()


def test_a_link_that_only_other_parts_have_is_not_lost() -> None:
    array = ARRAY.copy()
    pool = RecordedChannels(array)
    array[pool.train._order, 0, 1] = 0.0
    pool = RecordedChannels(array)
    config = pool.fitted()
    assert config.mean_gains is not None
    assert config.mean_gains[0][1] == pytest.approx(WEAKEST * config.mean_gains[1][1])
    assert draw_blocks(config, 4, channels=pool.test).gains.cross_gains[:, 1, 0].any()


@pytest.mark.parametrize(
    ("change", "fields", "message"),
    [
        ((5, 0, 1, 2, 3, 1), {}, "NaN or infinity in block 5 of the array, from cell 0 to user 1 of cell 1. Repair"),
        (None, {"num_cells": 4}, "sizes of the channels, .*'num_cells': 3.*; got num_cells=4. Leave it out"),
        (None, {"num_users": 3}, "got num_users=3"),
        (None, {"num_antennas": 8}, "got num_antennas=8"),
        (None, {"num_bands": 6}, "got num_bands=6"),
        (None, {"mean_gains": np.eye(3).tolist()}, r"some from cell 0 to cell 1, whose mean gain is 0. Give mean_gains\[0\]\[1\] > 0"),
        (None, {"channel_model": "fading+geometric"}, "must not have 'geometric' over recorded channels, .* beside RecordedChannels"),
    ],
)
def test_pools_that_do_not_fit_are_refused_before_a_block_begins(change: Any, fields: dict[str, Any], message: str) -> None:
    array = ARRAY.copy()
    if change is not None:
        array[change] = np.nan
    for make in (multicell_v0.parallel_env, lambda **given: MulticellVectorEnv(2, **given)):
        with pytest.raises(ValueError, match=message):
            make(channels=array, **fields)


def test_channels_beyond_the_reach_of_the_numbers_and_without_own_links_are_refused() -> None:
    with pytest.raises(ValueError, match=r"scaled so that the noise power is 1: in float32 .* cell 2 of the array has -338 dB"):
        multicell_v0.parallel_env(channels=ARRAY * np.float32(1e15), mean_gains=np.ones((3, 3)).tolist())
    array = ARRAY.copy()
    array[:, 1, 1] = 0.0
    with pytest.raises(ValueError, match="got none from cell 1 to its own users in the training part of the array"):
        multicell_v0.parallel_env(channels=array)
    with pytest.raises(TypeError, match="must be a file, an array or a model of channels; got int"):
        multicell_v0.parallel_env(channels=3)


def test_copies_go_on_alike_and_carry_no_channels_from_files(file: str) -> None:
    vector = MulticellVectorEnv(3, channels=file, observation="gain", **FIELDS)
    vector.reset(seed=0)
    assert len(pickle.dumps(RecordedChannels(file))) < ARRAY.nbytes / 10
    actions = np.full(vector.action_space.shape, 0.25)
    for _ in range(2):
        vector.step(actions)
    others = copy.deepcopy(vector), pickle.loads(pickle.dumps(vector))
    expected = vector.step(actions)[0]  # of the blocks that begin in this step
    for other in others:
        assert np.array_equal(other.step(actions)[0], expected)


def test_a_file_that_has_changed_since_is_refused(file: str) -> None:
    kept = pickle.dumps(RecordedChannels(file))
    np.save(file, ARRAY[:5])
    with pytest.raises(ValueError, match=r"must have the 20 blocks that it had; got 5\. Give the old file"):
        pickle.loads(kept)


def test_pools_larger_than_one_reading_have_the_same_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = RecordedChannels(ARRAY).measured
    monkeypatch.setattr("multicell_env.channels.measured.READ_BYTES", 3 * ARRAY[0].nbytes)
    for one, other in zip(RecordedChannels(ARRAY).measured, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_model_of_channels_is_given_as_it_is() -> None:
    config = NetworkConfig(num_slots=3)
    env = multicell_v0.parallel_env(config, channels=Fading(speed_kmh=0.0), observation="gain")
    still = multicell_v0.parallel_env(config, observation="gain")
    assert np.array_equal(env.reset(seed=2)[0]["bs_1"], still.reset(seed=2)[0]["bs_1"])
    results = evaluate_allocations(config, channels=Fading(speed_kmh=30.0), num_blocks=2, methods=("uniform",), timed=False)
    assert not np.allclose(results[0].per_slot[:, 0], results[0].per_slot[:, 1])


def test_the_first_row_is_the_block_that_the_environment_draws() -> None:
    pool = RecordedChannels(ARRAY)
    env = multicell_v0.parallel_env(channels=pool.test, observation="gain")
    env.reset(seed=1_000_003)
    drawn = draw_blocks(env.config, 4, channels=pool.test)
    assert np.array_equal(numbers_of(env._begun_blocks()), numbers_of(drawn, 3))
