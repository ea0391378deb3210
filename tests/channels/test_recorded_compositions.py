"""Recorded channels as the model of a composition: estimated, moved from slot to slot, and refused where that means nothing."""

import math
from typing import Any

import numpy as np
import pytest

from multicell_env import MulticellVectorEnv, NetworkConfig, multicell_v0
from multicell_env.blocks import Blocks
from multicell_env.channels.fading import Fading
from multicell_env.channels.pool import RecordedChannels
from multicell_env.channels.registry import composition
from multicell_env.evaluation import evaluate_allocations

FIELDS: dict[str, Any] = {"num_slots": 4, "num_iterations": 2}
MOVING = ["redraw", "fading:speed_kmh=30", "fading:speed_kmh=30+estimated:error_db=-10", "redraw+estimated"]


def made(num_blocks: int = 20, seed: int = 3, num_bands: int = 4, blocked: bool = True) -> np.ndarray:
    """A pool whose users differ in their gains, `[block, tx_cell, rx_cell, band, antenna, user]`; one hears nothing in a band."""
    generator, shape = np.random.default_rng(seed), (num_blocks, 2, 2, num_bands, 5, 3)
    channels = generator.standard_normal(shape) + 1j * generator.standard_normal(shape)
    channels *= np.exp(generator.normal(0.0, 1.0, (num_blocks, 2, 2, 1, 1, 3)))
    if blocked:
        channels[:, :, 1, 2, :, 0] = 0.0
    return channels.astype(np.complex64)


ARRAY = made()


def drawn(text: str, pool: RecordedChannels, seeds: Any = range(3), **fields: Any) -> Blocks:
    blocks = Blocks(pool.fitted(NetworkConfig(**pool.sizes, channel_model=text, **FIELDS | fields)), 3, keep_channels=True, channels=pool)
    blocks.draw(range(3), [np.random.default_rng(seed) for seed in seeds])
    return blocks


@pytest.mark.parametrize("text", ["fading:speed_kmh=0", "estimated:error_db=-inf", "fading:speed_kmh=0+estimated:error_db=-inf"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_speed_and_no_error_are_the_recorded_game_bit_for_bit(text: str, dtype: Any) -> None:
    envs = [MulticellVectorEnv(3, channels=ARRAY, channel_model=model, restart=True, dtype=dtype, **FIELDS) for model in (text, "rayleigh")]
    assert np.array_equal(*(env.reset(seed=4)[0] for env in envs))
    for _ in range(3):
        actions = np.random.default_rng(0).uniform(0.0, 0.4, envs[0].action_space.shape).astype(np.float32)
        for one, other in zip(*(env.step(actions)[:2] for env in envs), strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize("observation", ["gain", "csi", "price"])
@pytest.mark.parametrize("text", ["rayleigh", "estimated:error_db=-10", *MOVING])
def test_a_vector_plays_what_single_environments_play_bit_for_bit(text: str, observation: Any) -> None:
    vector = MulticellVectorEnv(3, channels=ARRAY, channel_model=text, observation=observation, num_threads=2, **FIELDS)
    singles = [multicell_v0.parallel_env(channels=ARRAY, channel_model=text, observation=observation, **FIELDS) for _ in range(3)]
    observations, _ = vector.reset(seed=7)
    for i, single in enumerate(singles):
        assert np.array_equal(observations[i], np.stack(list(single.reset(seed=7 + i)[0].values())))
    for slot in range(3):
        actions = np.random.default_rng(slot).uniform(0.0, 0.3, vector.action_space.shape).astype(np.float32)
        observations, rewards, *_, infos = vector.step(actions)
        for i, single in enumerate(singles):
            seen, earned, *_, told = single.step(dict(zip(single.agents, actions[i], strict=True)))
            assert np.array_equal(observations[i], np.stack(list(seen.values())))
            assert rewards[i].tolist() == list(earned.values())
            for cell, info in enumerate(told.values()):
                assert np.array_equal(infos["blocked"][i, cell], info["blocked"])
                assert np.array_equal(infos["power"][i, cell], info["power"])


@pytest.mark.parametrize("text", ["estimated:error_db=-10", *MOVING])
def test_who_hears_nothing_in_a_band_stays_without_a_beam_there(text: str) -> None:
    blocks = drawn(text, RecordedChannels(ARRAY))
    expected = np.zeros(blocks.blocked.shape, bool)
    expected[:, 1, 2, 0] = True
    for _ in range(3):
        assert np.array_equal(blocks.blocked, expected)
        assert np.all(blocks.gains.signal_gains[:, 1, 2, 0] < 1e-8)
        assert not blocks.gains.cross_gains[:, 1, :, 2, :, 0].any()
        assert np.all(np.isfinite(blocks.play_slot(np.full(blocks.powers.shape, 0.25))))
        blocks.advance()


def test_estimates_of_recorded_channels_leak_as_the_channels_say() -> None:
    pool = RecordedChannels(made(blocked=False))
    blocks, truly = drawn("estimated:error_db=-10", pool, dtype="float64"), drawn("rayleigh", pool, dtype="float64")
    e, h, g, w = 0.1, truly.channels, blocks.channels, blocks.beamformers
    for block, cell, user in np.ndindex(3, 2, 3):
        level = np.mean(np.abs(h[block, cell, ..., user]) ** 2)
        error = np.mean(np.abs(g[block, cell, ..., user] - math.sqrt(1.0 - e) * h[block, cell, ..., user]) ** 2)
        assert 0.4 * e < error / level < 2.0 * e  # 20 numbers
        for band, sender in np.ndindex(4, 3):
            heard = abs(sum(w[block, cell, band, m, sender].conj() * h[block, cell, band, m, user] for m in range(5))) ** 2
            is_own = sender == user
            found = (
                blocks.gains.signal_gains[block, cell, band, user]
                if is_own
                else blocks.gains.cross_gains[block, cell, -1, band, sender, user]
            )
            assert found == pytest.approx(heard, rel=1e-9)


def test_recorded_channels_fade_by_jakes_and_keep_each_links_power() -> None:
    pool, fading = RecordedChannels(made(num_bands=400, blocked=False)), Fading(speed_kmh=60.0, slot_ms=1.0)
    blocks = drawn("fading:speed_kmh=60,slot_ms=1", pool, num_slots=10)
    first = blocks.channels.copy()
    was, rho = first, fading.correlation
    assert 0.3 < rho < 0.9
    levels = np.mean(np.abs(first) ** 2, axis=(2, 3))
    for slot in range(1, 6):
        blocks.play_slot(np.zeros(blocks.powers.shape))
        blocks.advance()
        now = blocks.channels.copy()
        # 2,000 numbers of each user: a mean of |h|^2 has a deviation of 2.2 %.
        np.testing.assert_allclose(np.mean(np.abs(now) ** 2, axis=(2, 3)), levels, rtol=0.12)
        for before, expected in ((was, rho), (first, rho**slot)):
            products = np.mean(now * before.conj(), axis=(2, 3)) / levels
            np.testing.assert_allclose(products.mean(), expected, atol=0.02)
            np.testing.assert_allclose(products, np.full(products.shape, expected), atol=0.12)
        was = now


def test_a_redraw_plays_another_recorded_block_in_every_slot() -> None:
    pool = RecordedChannels(ARRAY)
    blocks = drawn("redraw", pool, seeds=range(5, 8))
    recorded = np.stack([pool[i] for i in range(len(pool))])[:, [0, 1], [0, 1]]
    played = []
    for _ in range(4):
        played.append([np.flatnonzero((recorded == block).all(axis=(1, 2, 3, 4))).tolist() for block in blocks.channels])
        blocks.play_slot(np.zeros(blocks.powers.shape))
        blocks.advance()
    assert all(len(found) == 1 for slot in played for found in slot)
    assert played[0] == [[5], [6], [7]]
    assert len({found[0] for slot in played for found in slot}) > 6


def test_methods_are_compared_on_recorded_channels_that_move_and_are_estimated() -> None:
    names = ("sswf", "reuse", "uniform")
    still, moving, blind = (
        {
            row.name: row
            for row in evaluate_allocations(
                NetworkConfig(**RecordedChannels(ARRAY).sizes, channel_model=text, **FIELDS), channels=ARRAY, methods=names, timed=False
            )
        }
        for text in ("rayleigh", "fading:speed_kmh=100", "estimated:error_db=0")
    )
    for name in names:
        assert np.array_equal(still[name].per_slot[:, 0], moving[name].per_slot[:, 0])
        assert not np.array_equal(still[name].per_slot[:, 1], moving[name].per_slot[:, 1])
        assert blind[name].per_slot.mean() < 0.8 * still[name].per_slot.mean()


@pytest.mark.parametrize(
    ("text", "channels", "message"),
    [
        ("correlated", RecordedChannels(ARRAY), "must not have 'correlated' over recorded channels, which have correlated antennas"),
        ("redraw+correlated+geometric", RecordedChannels(ARRAY), "must not have 'correlated' and 'geometric' over recorded channels"),
        ("fading", Fading(), "channel_model must be 'rayleigh' .the default. where channels are given; got 'fading' beside Fading"),
    ],
)
def test_what_means_nothing_over_given_channels_is_refused(text: str, channels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        composition(text, channels)


def test_a_given_model_takes_what_is_laid_over_the_one_that_it_names() -> None:
    text, fields = "geometric+correlated+estimated", {"num_cells": 3, **FIELDS}
    given = MulticellVectorEnv(2, channels=Fading(speed_kmh=30.0), channel_model=text, **fields)
    named = MulticellVectorEnv(2, channel_model=f"fading:speed_kmh=30+{text}", **fields)
    assert np.array_equal(given.reset(seed=1)[0], named.reset(seed=1)[0])
    actions = np.full(given.action_space.shape, 0.1, np.float32)
    for one, other in zip(given.step(actions)[:2], named.step(actions)[:2], strict=True):
        assert np.array_equal(one, other)
