"""What users hear (7) and what they get (6a), (18) are the scalar equations."""

import math

import numpy as np
import oracles
import pytest
from scenarios import CONFIGS, EVERY_CONFIG, assert_equal, block_of, draw_block, draw_gains, draw_powers, ragged

from multicell_env.model.interference import ingr, spectral_efficiency, sum_rates
from multicell_env.model.types import Gains


@EVERY_CONFIG
def test_ingr_is_interference_plus_noise_over_signal_gain(config):
    block, powers = draw_block(config), draw_powers(config)
    assert_equal(config, ingr(powers, block.gains), oracles.ingr(ragged(config, powers), block.signal, block.heard))


@EVERY_CONFIG
def test_rates_are_log2_of_1_plus_power_over_ingr_summed_over_bands(config):
    block, powers = draw_block(config, seed=1), draw_powers(config, seed=1)
    c = ingr(powers, block.gains)
    expected = ragged(config, powers), ragged(config, c)
    assert_equal(config, spectral_efficiency(powers, c), oracles.rates(*expected))
    np.testing.assert_allclose(sum_rates(powers, c), oracles.sum_rates(*expected), rtol=1e-10)


@pytest.mark.parametrize("ratio", [1e-14, 1e-9, 1e-5, 1.0, 1e5, 1e14])
def test_rates_keep_ten_digits_however_weak_or_strong_the_signal(ratio):
    powers, c = np.full((1, 2, 1), ratio), np.ones((1, 2, 1))
    np.testing.assert_allclose(spectral_efficiency(powers, c), 2 * math.log1p(ratio) / math.log(2), rtol=1e-10)


@EVERY_CONFIG
def test_where_nobody_transmits_users_hear_the_noise_alone(config):
    gains = draw_block(config).gains
    silence = np.zeros(gains.signal_gains.shape)
    np.testing.assert_allclose(ingr(silence, gains), 1.0 / gains.signal_gains, rtol=1e-15)
    assert np.all(sum_rates(silence, ingr(silence, gains)) == 0)


@EVERY_CONFIG
def test_a_cells_powers_reach_exactly_the_cells_that_it_interferes_with(config):
    gains = draw_block(config).gains
    silence = np.zeros(gains.signal_gains.shape)
    for tx in range(config.num_cells):
        for f in range(config.num_bands):
            loud = silence.copy()
            loud[tx, f, 0] = 5.0
            change = ingr(loud, gains) - ingr(silence, gains)
            for rx in range(config.num_cells):
                heard = np.zeros((config.num_bands, config.max_users), dtype=bool)
                heard[f] = (tx in config.interferers[rx]) & config.user_mask[rx]
                assert np.array_equal(change[rx] > 0, heard), (tx, rx, f)
                assert np.all(change[rx][~heard] == 0), (tx, rx, f)


def test_interference_of_several_transmitters_adds_up():
    config = CONFIGS["small"]
    gains = draw_block(config).gains
    first, second = draw_powers(config, seed=1), draw_powers(config, seed=2)
    noise = 1.0 / gains.signal_gains
    alone = (ingr(powers, gains) - noise for powers in (first, second))
    np.testing.assert_allclose(ingr(first + 3 * second, gains) - noise, next(alone) + 3 * next(alone), rtol=1e-10)


def test_renaming_the_cells_renames_what_they_hear():
    config = CONFIGS["small"]
    gains, powers = draw_block(config).gains, draw_powers(config)
    new_cells = np.array([2, 0, 1])  # cell b of the renamed network is cell new_cells[b] of the old one
    cross, old_cross = np.empty_like(gains.cross_gains), gains.cross_gains
    for rx in range(3):
        for i, tx in enumerate(gains.interferers[rx]):
            old_row = gains.interferers[new_cells[rx]].tolist()
            cross[rx, i] = old_cross[new_cells[rx], old_row.index(new_cells[tx])]
    renamed = Gains(gains.signal_gains[new_cells], cross, gains.interferers)
    np.testing.assert_allclose(ingr(powers[new_cells], renamed), ingr(powers, gains)[new_cells], rtol=1e-12)


def test_what_padded_users_do_is_heard_by_nobody():
    config = CONFIGS["asymmetric, unequal users"]
    gains, powers = draw_block(config).gains, draw_powers(config)
    noisy = np.where(config.user_mask[:, None, :], powers, 1e6)
    np.testing.assert_allclose(ingr(noisy, gains), ingr(powers, gains), rtol=1e-15)


@pytest.mark.parametrize("name", ["small", "one cell", "asymmetric, unequal users"])
def test_blocks_of_a_batch_are_independent(name):
    config = CONFIGS[name]
    gains = draw_gains(config, 4)
    powers = np.stack([draw_powers(config, seed) for seed in range(4)])
    together = ingr(powers, gains)
    rates = sum_rates(powers, together)
    for i in range(4):
        alone = ingr(powers[i], block_of(gains, i))
        np.testing.assert_allclose(together[i], alone, rtol=1e-12)
        np.testing.assert_allclose(rates[i], sum_rates(powers[i], alone), rtol=1e-12)
    two_axes = Gains(*(a.reshape(2, 2, *a.shape[1:]) for a in gains[:2]), gains.interferers)
    np.testing.assert_allclose(
        ingr(powers.reshape(2, 2, *powers.shape[1:]), two_axes), together.reshape(2, 2, *together.shape[1:]), rtol=1e-12
    )


@pytest.mark.parametrize(("value", "shown"), [(-0.25, r"\[-0\.25, "), (np.nan, "nan"), (np.inf, r", inf\]"), (-np.inf, r"\[-inf, ")])
def test_powers_that_are_negative_or_not_finite_are_refused(value, shown):
    gains, powers = draw_block(CONFIGS["small"]).gains, draw_powers(CONFIGS["small"])
    powers[1, 2, 0] = value
    with pytest.raises(
        ValueError, match=rf"powers must be finite and non-negative .*got .*{shown}.*\. Convert decibels by 10\*\*\(dB/10\)"
    ):
        ingr(powers, gains)
