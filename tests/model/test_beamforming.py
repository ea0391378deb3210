"""Zero-forcing beams have norm 1, silence their cell's other users, and their gains are those of the scalar equations."""

import numpy as np
import oracles
import pytest
from scenarios import CONFIGS, EVERY_CONFIG, assert_equal, draw_block, ragged, ragged_cross_gains

from multicell_env.channels.rayleigh import draw_channels
from multicell_env.model.beamforming import MIN_SINE, beamforming_gains, zero_forcing


def random_channels(*shape, seed=0):
    generator = np.random.default_rng(seed)
    return generator.standard_normal(shape) + 1j * generator.standard_normal(shape)


@EVERY_CONFIG
def test_beamformers_are_the_scaled_columns_of_the_pseudo_inverse(config):
    block = draw_block(config, seed=1)
    assert_equal(config, block.beamformers, oracles.beamformers(block.h))


def test_beamformers_keep_ten_digits_at_as_many_users_as_antennas():
    # Square Rayleigh matrices are the worst conditioned ones that the model draws: a hundred of them reach 200.
    channels = random_channels(1, 100, 6, 6)
    assert np.linalg.cond(channels).max() > 150
    for f, beams in enumerate(zero_forcing(channels)[0]):
        np.testing.assert_allclose(beams, oracles.zero_forcing(channels[0, f].tolist()), rtol=1e-10, atol=1e-12)


@EVERY_CONFIG
def test_gains_are_those_of_the_scalar_equations(config):
    block = draw_block(config, seed=2)
    beams = oracles.beamformers(block.h)
    assert_equal(config, block.gains.signal_gains, oracles.signal_gains(block.h, beams))
    expected = oracles.cross_gains(block.h, beams)
    actual = ragged_cross_gains(config, block.gains.cross_gains)
    for tx in range(config.num_cells):
        for rx in range(config.num_cells):
            assert (expected[tx][rx] is None) == (actual[tx][rx] is None)
            if expected[tx][rx] is not None:
                wanted = np.array(expected[tx][rx])
                np.testing.assert_allclose(actual[tx][rx], wanted, rtol=1e-10, atol=1e-12 * wanted.max())


@EVERY_CONFIG
def test_beams_have_norm_1_and_reach_only_their_own_user_of_the_cell(config):
    block = draw_block(config, seed=3)
    norms = np.linalg.norm(block.beamformers, axis=-2)
    np.testing.assert_allclose(norms, np.broadcast_to(config.user_mask[:, None], norms.shape), rtol=1e-12)
    received = np.swapaxes(block.beamformers.conj(), -1, -2) @ block.own
    others = ~np.eye(config.max_users, dtype=bool)
    lengths = np.linalg.norm(block.own, axis=-2)[..., None, :]
    assert np.all(np.abs(received * others) <= 1e-12 * lengths)
    own = np.diagonal(received, axis1=-2, axis2=-1)
    assert np.all(own.real[np.broadcast_to(config.user_mask[:, None], own.shape)] > 0)
    np.testing.assert_allclose(own.imag, 0, atol=1e-12 * lengths.max())


def test_a_lone_users_beam_is_its_matched_filter():
    config = CONFIGS["one user"]
    block = draw_block(config)
    np.testing.assert_allclose(block.beamformers, block.own / np.linalg.norm(block.own, axis=-2, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(block.gains.signal_gains, np.sum(np.abs(block.own) ** 2, axis=-2), rtol=1e-12)


def test_a_users_beam_does_not_depend_on_the_strength_of_any_channel_in_the_cell():
    channels = random_channels(2, 3, 5, 4)
    strengths = np.array([1e-3, 1.0, 50.0, 1e4])
    np.testing.assert_allclose(zero_forcing(channels * strengths), zero_forcing(channels), rtol=1e-10, atol=1e-12)


def test_a_rotation_of_a_base_stations_antennas_changes_no_gain():
    config = CONFIGS["small"]
    block = draw_block(config)
    rotations = np.linalg.qr(random_channels(config.num_cells, config.num_antennas, config.num_antennas))[0]
    own = rotations[:, None] @ block.own
    cross = rotations[config.interferers][:, :, None] @ block.cross
    gains = beamforming_gains(own, cross, zero_forcing(own), config.interferers)
    np.testing.assert_allclose(gains.signal_gains, block.gains.signal_gains, rtol=1e-10)
    np.testing.assert_allclose(gains.cross_gains, block.gains.cross_gains, rtol=1e-10, atol=1e-12 * block.gains.cross_gains.max())


def test_padded_users_have_signal_gain_1_and_neither_send_nor_hear():
    for name in ("unequal users", "asymmetric, unequal users"):
        config = CONFIGS[name]
        block = draw_block(config)
        padded = ~config.user_mask
        assert np.all(np.swapaxes(block.gains.signal_gains, 1, 2)[padded] == 1)
        assert np.all(np.moveaxis(block.beamformers, -1, 1)[padded] == 0)
        for rx, row in enumerate(config.interferers):
            for i, tx in enumerate(row):
                silent = padded[tx][:, None] | padded[rx] if tx >= 0 else np.ones((config.max_users,) * 2, dtype=bool)
                assert np.array_equal(block.gains.cross_gains[rx, i] == 0, np.broadcast_to(silent, block.gains.cross_gains[rx, i].shape))


def test_padding_changes_nothing_for_the_users_of_a_smaller_cell():
    channels = random_channels(1, 4, 5, 2)
    padded = np.concatenate([channels, np.zeros((1, 4, 5, 3))], axis=-1)
    beams = zero_forcing(padded, np.array([[True, True, False, False, False]]))
    np.testing.assert_allclose(beams[..., :2], zero_forcing(channels), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["as many users as antennas", "asymmetric, unequal users", "one cell"])
def test_blocks_of_a_batch_are_independent(name):
    config = CONFIGS[name]
    generator = np.random.default_rng(7)
    drawn = [draw_channels(config, generator) for _ in range(6)]
    own, cross = (np.stack(arrays).reshape(2, 3, *arrays[0].shape) for arrays in zip(*drawn, strict=True))
    beams = zero_forcing(own, config.user_mask)
    gains = beamforming_gains(own, cross, beams, config.interferers, config.user_mask)
    for i, (one_own, one_cross) in enumerate(drawn):
        alone = zero_forcing(one_own, config.user_mask)
        expected = beamforming_gains(one_own, one_cross, alone, config.interferers, config.user_mask)
        np.testing.assert_allclose(beams[i // 3, i % 3], alone, rtol=1e-10, atol=1e-13)
        assert_equal(config, gains.signal_gains[i // 3, i % 3], ragged(config, expected.signal_gains))
        np.testing.assert_allclose(
            gains.cross_gains[i // 3, i % 3], expected.cross_gains, rtol=1e-10, atol=1e-13 * np.max(expected.cross_gains, initial=0)
        )


REFUSED = rf"separate the users .* sine of at least {MIN_SINE:g}; got %s.*Remove the duplicate or zero channel, or serve fewer users"


def with_last_user(of_others):
    """A batch of two blocks, two cells and three bands in which one user of one band has a channel made from the others'."""
    channels = random_channels(2, 2, 3, 5, 4)
    channels[1, 0, 2, :, 3] = of_others(channels[1, 0, 2, :, :3])
    return channels


@pytest.mark.parametrize(
    "of_others",
    [
        pytest.param(lambda h: h[:, 0], id="duplicate"),
        pytest.param(lambda h: (2 - 3j) * h[:, 1], id="multiple"),
        pytest.param(lambda h: h[:, 0] - 2j * h[:, 1] + h[:, 2], id="combination"),
        pytest.param(lambda h: h[:, 0] * (1 + 1e-9 * np.arange(5)), id="near duplicate"),
        pytest.param(lambda h: 0 * h[:, 0], id="zero"),
    ],
)
def test_a_channel_in_the_span_of_the_others_is_refused(of_others):
    with pytest.raises(ValueError, match=REFUSED % r"[\d.e-]+\."):
        zero_forcing(with_last_user(of_others))


def test_all_channels_zero_are_refused():
    with pytest.raises(ValueError, match=REFUSED % "0"):
        zero_forcing(np.zeros((3, 2, 5, 4), dtype=complex))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_channels_that_are_not_finite_are_refused(value):
    with pytest.raises(ValueError, match="channels must"):
        zero_forcing(with_last_user(lambda h: value * np.ones(5)))


def test_more_users_than_antennas_are_refused():
    with pytest.raises(ValueError, match=r"as many antennas as users; got U=5, M=4\. Serve fewer users"):
        zero_forcing(random_channels(2, 3, 4, 5))


@pytest.mark.parametrize(("factor", "accepted"), [(0.5, False), (2.0, True)])
def test_the_refusal_begins_at_the_named_sine(factor, accepted):
    sine = factor * MIN_SINE
    channels = np.zeros((1, 1, 4, 2), dtype=complex)
    channels[0, 0, 0, 0] = 3.0
    channels[0, 0, :2, 1] = np.sqrt(1 - sine**2), 1j * sine
    if accepted:
        np.testing.assert_allclose(zero_forcing(channels)[0, 0, :2, 1], [0, 1j], atol=1e-9)
    else:
        with pytest.raises(ValueError, match=REFUSED % r"5e-07"):
            zero_forcing(channels)
