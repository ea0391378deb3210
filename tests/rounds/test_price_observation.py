"""The nine planes of "price" are the scalar ones, bounded, and free of units."""

import math
from dataclasses import replace

import numpy as np
import oracles
import price_oracles
import pytest
from scenarios import EVERY_CONFIG, ragged, ragged_channels

from multicell_env import NetworkConfig
from multicell_env.blocks import Blocks
from multicell_env.channels.rayleigh import draw_channels
from multicell_env.observation import Observer, observation_limits, observe, tilted_shares


def played_blocks(config, num_rounds):
    """Two blocks after some rounds of random multipliers, and their channels."""
    generator = np.random.default_rng(0)
    drawn = [draw_channels(config, generator) for _ in range(2)]
    blocks = Blocks.of(config, *(np.stack(arrays) for arrays in zip(*drawn, strict=True)))
    observer, outputs = Observer("price", blocks), None
    for _ in range(num_rounds):
        outputs = observer.outputs()
        blocks.play_slot(generator.uniform(-1, 1, blocks.powers.shape), outputs=outputs)
    return blocks, drawn, observer, outputs


@EVERY_CONFIG
@pytest.mark.parametrize("num_rounds", [0, 1, 3])
def test_planes_are_the_scalar_ones(config, num_rounds):
    config = replace(config, num_iterations=0, action="price", rounds_per_slot=2)
    blocks, drawn, observer, _ = played_blocks(config, num_rounds)
    planes = observer.observe()
    for i, channels in enumerate(drawn):
        h = ragged_channels(config, *channels)
        w = oracles.beamformers(h)
        signal, cross, powers = oracles.signal_gains(h, w), oracles.cross_gains(h, w), ragged(config, blocks.powers[i].astype(float))
        c, costs, leaked = (
            oracles.ingr(powers, signal, cross),
            price_oracles.prices(powers, signal, cross),
            price_oracles.leakage(signal, cross),
        )
        for b, users in enumerate(config.users_per_cell.tolist()):
            a_bb = config.mean_gain_matrix[b, b]
            p0 = oracles.nominal_power(config.snr_db, a_bb)
            budget = blocks.power_budget[i, b] / users
            for f in range(config.num_bands):
                for u in range(users):
                    expected = [
                        min(max(math.log10(signal[b][f][u] / a_bb), -3.0), 3.0),
                        math.log10(c[b][f][u] / p0) + 2.0,
                        math.log2(users) - 2.0,
                        math.log10(1e-3 + costs[b][f][u] * p0),
                        math.log10(1.0 + p0 * leaked[b][f][u]) - 2.0,
                        math.log10(1e-3 + powers[b][f][u] / budget) + 1.0,
                        powers[b][f][u] / budget,
                        1.0 if num_rounds == 0 else 0.0,
                        (num_rounds % 2) / 2,
                    ]
                    np.testing.assert_allclose(planes[i, b, :, f, u], expected, rtol=1e-5, atol=2e-5)


@EVERY_CONFIG
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_round_writes_what_an_observer_sees_after_it_and_stays_in_bounds(config, dtype):
    config = replace(config, num_iterations=0, action="price", rounds_per_slot=2, dtype=dtype)
    blocks, _, observer, outputs = played_blocks(config, 3)
    assert np.array_equal(outputs.observations, observer.observe())
    assert np.array_equal(outputs.observations, observe("price", blocks))
    assert np.array_equal(outputs.transmitted_powers, blocks.powers)
    for cell in range(config.num_cells):
        assert np.all(np.abs(outputs.observations[:, cell]) <= observation_limits("price", config, cell, padded=True))


def test_planes_do_not_depend_on_the_unit_of_power():
    networks = [
        NetworkConfig(num_iterations=0, mean_gains=tuple(map(tuple, scale * np.array([[1, 0.5], [0.2, 1]]))), num_cells=2)
        for scale in (1.0, 2.0**-20)
    ]
    observed = []
    for config in networks:
        blocks = Blocks(config, 1)
        blocks.draw([0], [np.random.default_rng(0)])
        observer = Observer("price", blocks)
        blocks.play_slot(np.random.default_rng(1).random(blocks.powers.shape))
        observed.append(observer.observe())
    np.testing.assert_allclose(*observed, rtol=1e-5, atol=1e-5)


@EVERY_CONFIG
def test_three_planes_that_stay_are_not_taken_for_those_of_price(config):
    drawn = (array[None] for array in draw_channels(config, np.random.default_rng(0)))
    blocks = Blocks.of(replace(config, negotiation="pricing", num_iterations=2), *drawn)
    usual = Observer("gain", blocks).outputs()
    static = np.concatenate([usual.static_planes + shift for shift in range(3)], axis=2)
    outputs = usual._replace(static_planes=static, observations=np.empty((*static.shape[:2], 5, *static.shape[3:]), np.float32))
    assert not outputs.are_prices
    blocks.play_slot(np.full(blocks.powers.shape, 0.1), outputs=outputs)
    np.testing.assert_array_equal(outputs.observations[:, :, :3], static)
    np.testing.assert_array_equal(outputs.observations[:, :, 3:], Observer("gain", blocks).observe()[:, :, 1:])
    assert Observer("price", blocks).outputs().are_prices


@EVERY_CONFIG
@pytest.mark.parametrize("num_rounds", [0, 1])
def test_what_tilts_mean_is_what_a_slot_of_nominal_budget_then_plays(config, num_rounds):
    blocks, _, observer, _ = played_blocks(replace(config, num_iterations=0, action="price", rounds_per_slot=4), num_rounds)
    before, tilts = observer.observe(), np.random.default_rng(2).uniform(-1, 1, blocks.powers.shape)
    means = tilted_shares(before.astype(np.float64), tilts)
    blocks.play_slot(tilts)
    real = config.user_mask[:, None, None, :] > 0
    np.testing.assert_allclose(means * real, observer.observe()[:, :, 5:7] * real, rtol=1e-3, atol=1e-3)
