"""Channels are Rayleigh with the mean gains of the network, and given ones are checked."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scenarios import ASYMMETRIC, EVERY_CONFIG, SMALL

from multicell_env.blocks import Blocks
from multicell_env.channels.rayleigh import draw_channels, draw_many
from multicell_env.channels.recorded import split_channels
from multicell_env.config import PAPER_8X4, NetworkConfig
from multicell_env.links import DRAWN_AT_ONCE


def dense_from(config, own, cross):
    """The array `[tx_cell, rx_cell, band, antenna, user]` that holds the same channels."""
    dense = np.zeros((config.num_cells, *own.shape), dtype=complex)
    for rx in range(config.num_cells):
        dense[rx, rx] = own[rx]
        for i, tx in enumerate(config.interferers[rx]):
            if tx >= 0:
                dense[tx, rx] = cross[rx, i]
    return dense


@EVERY_CONFIG
def test_shapes_are_cell_interferer_band_antenna_user(config):
    own, cross = draw_channels(config, np.random.default_rng(0))
    trailing = (config.num_bands, config.num_antennas, config.max_users)
    assert own.shape == (config.num_cells, *trailing)
    assert cross.shape == (*config.interferers.shape, *trailing)
    assert own.dtype == cross.dtype == np.complex128


def test_same_seed_same_channels_other_seed_other_channels():
    config = NetworkConfig(**SMALL)
    first, again, other = (draw_channels(config, np.random.default_rng(seed)) for seed in (1, 1, 2))
    for i in range(2):
        assert np.array_equal(first[i], again[i])
        assert not np.any(first[i] == other[i])


@EVERY_CONFIG
def test_blocks_that_are_drawn_one_part_after_another_are_those_drawn_alone(config):
    number = 2 * DRAWN_AT_ONCE + 1
    blocks = Blocks(config, number, keep_channels=True)
    blocks.draw(range(number), [np.random.default_rng(seed) for seed in range(number)])
    for seed in range(number):
        own, cross = draw_channels(config, np.random.default_rng(seed))
        alone = Blocks.of(config, own[None], cross[None])
        assert np.array_equal(blocks.channels[seed], own)
        assert np.array_equal(blocks.gains.cross_gains[seed], alone.gains.cross_gains[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("users", [4, (2, 3, 1)])
def test_what_was_drawn_in_passing_before_does_not_matter(users, dtype):
    config = NetworkConfig(num_antennas=5, num_bands=3, num_users=users, dtype=dtype)
    draw_many(NetworkConfig(), [np.random.default_rng(7)], in_passing=True)
    fresh, passing = (draw_many(config, [np.random.default_rng(seed) for seed in (1, 2)], in_passing=how) for how in (False, True))
    for array, expected in zip(passing, fresh, strict=True):
        assert np.array_equal(array, expected)
        assert array.flags.carray


def test_channels_that_were_drawn_to_be_kept_are_not_written_again():
    kept = draw_many(PAPER_8X4, [np.random.default_rng(1)])
    before = [array.copy() for array in kept]
    for in_passing in (True, False):
        draw_many(PAPER_8X4, [np.random.default_rng(2)], in_passing=in_passing)
    for array, expected in zip(kept, before, strict=True):
        assert np.array_equal(array, expected)


def test_channels_that_blocks_keep_are_not_written_again():
    kept, other = (Blocks(PAPER_8X4, 1, keep_channels=True) for _ in range(2))
    kept.draw([0], [np.random.default_rng(1)])
    before = kept.channels.copy()
    other.draw([0], [np.random.default_rng(2)])
    assert np.array_equal(kept.channels, before)


def test_a_thread_keeps_memory_for_draws_of_usual_size_alone():
    for config, is_kept in ((PAPER_8X4, True), (NetworkConfig(num_antennas=64, num_users=32, num_bands=24), False)):
        (first, _), (second, _) = (draw_many(config, [np.random.default_rng(0)], in_passing=True) for _ in range(2))
        assert np.shares_memory(first, second) == is_kept


def test_no_generator_draws_no_block():
    own, cross = draw_many(PAPER_8X4, [])
    assert (own.shape, cross.shape) == ((0, 3, 6, 8, 4), (0, 3, 2, 6, 8, 4))


def test_own_channels_are_drawn_before_those_from_others():
    numbers = draw_channels(PAPER_8X4, np.random.default_rng(5))
    config = replace(PAPER_8X4, num_cells=1)
    np.testing.assert_array_equal(numbers[0][0], draw_channels(config, np.random.default_rng(5))[0][0])


def test_drawing_reads_only_the_given_generator():
    config = NetworkConfig(**SMALL)
    generator = np.random.default_rng(1)
    first, second = (draw_channels(config, generator) for _ in range(2))
    assert not np.any(first[0] == second[0])
    state = np.random.get_state(legacy=False)  # noqa: NPY002 -- the global state is what must not move
    draw_channels(config, generator)
    assert np.array_equal(state["state"]["key"], np.random.get_state(legacy=False)["state"]["key"])  # noqa: NPY002
    assert state["state"]["pos"] == np.random.get_state(legacy=False)["state"]["pos"]  # noqa: NPY002


@pytest.fixture(scope="module")
def many_channels():
    """Each pair's entries of an asymmetric network: 200 bands of 40 antennas and 20 users are 160,000 per pair."""
    config = NetworkConfig(num_antennas=40, num_users=20, num_bands=200, mean_gains=ASYMMETRIC)
    own, cross = draw_channels(config, np.random.default_rng(5))
    pairs = {(b, b): own[b] for b in range(3)}
    pairs |= {(int(tx), rx): cross[rx, i] for rx, row in enumerate(config.interferers) for i, tx in enumerate(row) if tx >= 0}
    return pairs


def test_mean_channel_energy_per_antenna_is_the_mean_gain(many_channels):
    assert sorted(many_channels) == [(0, 0), (0, 2), (1, 0), (1, 1), (2, 0), (2, 2)]
    for (tx, rx), entries in many_channels.items():
        # |h|^2 is exponential: its standard deviation equals its mean, so the average over n has relative deviation 1/sqrt(n).
        # Five of those leave one false alarm in millions; a gain mistaken for its transpose or root would be off by 30 % or more.
        assert np.mean(np.abs(entries) ** 2) == pytest.approx(ASYMMETRIC[tx][rx], rel=5 / math.sqrt(entries.size)), (tx, rx)


def test_channels_are_circular_gaussian(many_channels):
    for (tx, rx), entries in many_channels.items():
        h = entries.ravel() / math.sqrt(ASYMMETRIC[tx][rx])
        # All sample means below have deviations of at most sqrt(20/n): |h|^4 has mean 2 and variance 24 - 4 = 20.
        tolerance = 5 * math.sqrt(20 / h.size)
        assert abs(np.mean(h)) < tolerance
        assert abs(np.mean(h**2)) < tolerance  # equal variances, uncorrelated parts
        assert np.mean(np.abs(h) ** 4) == pytest.approx(2.0, abs=tolerance)


def test_channels_of_different_pairs_antennas_and_users_are_uncorrelated(many_channels):
    # A sample correlation of n pairs of unit circular Gaussians has deviation 1/sqrt(n).
    def correlation(x, y):
        return abs(np.mean(x * y.conj())) / math.sqrt(np.mean(np.abs(x) ** 2) * np.mean(np.abs(y) ** 2)) * math.sqrt(x.size)

    assert correlation(many_channels[0, 0], many_channels[1, 0]) < 5
    assert correlation(many_channels[1, 0], many_channels[2, 0]) < 5
    own = many_channels[0, 0]
    assert correlation(own[:-1], own[1:]) < 5
    assert correlation(own[:, :-1], own[:, 1:]) < 5
    assert correlation(own[..., :-1], own[..., 1:]) < 5


@EVERY_CONFIG
def test_padded_users_and_padded_interferers_have_zero_channels_and_nobody_else_has(config):
    own, cross = draw_channels(config, np.random.default_rng(0))
    users = np.broadcast_to(config.user_mask[:, None, None, :], own.shape)
    assert np.array_equal(own != 0, users)
    assert np.array_equal(cross != 0, users[:, None] & (config.interferers >= 0)[..., None, None, None])


@EVERY_CONFIG
def test_splitting_a_dense_array_gives_the_drawn_channels_back(config):
    own, cross = draw_channels(config, np.random.default_rng(0))
    dense = dense_from(config, own, cross)
    before = dense.copy()
    split_own, split_cross = split_channels(config, dense)
    assert np.array_equal(split_own, own)
    assert np.array_equal(split_cross, cross)
    assert np.array_equal(dense, before)
    assert not np.shares_memory(split_own, dense)


def test_entries_of_padded_users_are_ignored():
    config = NetworkConfig(**SMALL | {"num_users": (2, 4, 1)})
    own, cross = draw_channels(config, np.random.default_rng(0))
    dense = dense_from(config, own, cross)
    dense[:, 0, :, :, 2:] = np.nan
    dense[:, 2, :, :, 1:] = 7.0
    split_own, split_cross = split_channels(config, dense)
    assert np.array_equal(split_own, own)
    assert np.array_equal(split_cross, cross)


def test_channels_may_come_in_any_numeric_type():
    config = NetworkConfig(**SMALL)
    dense = np.random.default_rng(0).integers(1, 9, (3, 3, 4, 5, 3))
    expected = split_channels(config, dense.astype(np.complex128))
    for dtype in (np.int64, np.float32, np.complex64):
        for given, wanted in zip(split_channels(config, dense.astype(dtype)), expected, strict=True):
            assert given.dtype == np.complex128
            assert np.array_equal(given, wanted)


@pytest.fixture
def dense():
    generator = np.random.default_rng(3)
    return generator.standard_normal((3, 3, 4, 5, 3)) + 1j * generator.standard_normal((3, 3, 4, 5, 3))


def test_wrong_shape_is_refused(dense):
    message = (
        r"channels must be a complex array \[tx_cell, rx_cell, band, antenna, user\] of shape \(3, 3, 4, 5, 3\); got shape %s .*Reorder"
    )
    for wrong, shown in ((dense[:2], r"\(2, 3, 4, 5, 3\)"), (dense.swapaxes(3, 4), r"\(3, 3, 4, 3, 5\)"), (dense[0], r"\(3, 4, 5, 3\)")):
        with pytest.raises(ValueError, match=message % shown):
            split_channels(NetworkConfig(**SMALL), wrong)


def test_what_is_not_numeric_is_refused(dense):
    for wrong, shown in ((dense.astype(str), "<U"), (dense.astype(object), "object"), (dense != 0, "bool")):
        with pytest.raises(ValueError, match=rf"channels must be a complex array .* of {shown}.*Reorder the axes or change"):
            split_channels(NetworkConfig(**SMALL), wrong)


@pytest.mark.parametrize(("value", "shown"), [(np.nan, "nan"), (np.inf, "inf"), (1j * np.inf, "inf")])
def test_a_channel_that_is_not_finite_is_refused_with_its_place(dense, value, shown):
    dense[2, 1, 3, 4, 0] = value
    with pytest.raises(ValueError, match=rf"channels must be finite; got .*{shown}.* at .* = \(2, 1, 3, 4, 0\)\. Repair the recording"):
        split_channels(NetworkConfig(**SMALL), dense)


def test_a_channel_between_cells_that_do_not_interfere_is_refused(dense):
    config = NetworkConfig(**SMALL, mean_gains=ASYMMETRIC)
    dense[0, 1] = dense[2, 1] = 0
    dense[1, 2, 0] = 0
    with pytest.raises(ValueError, match=r"channel from cell 1 to cell 2, whose mean gain is 0\. Give mean_gains\[1\]\[2\] > 0, or zero"):
        split_channels(config, dense)
