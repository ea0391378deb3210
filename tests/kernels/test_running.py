"""Gains that are fetched ahead change no bit, and are where a slot would wait for them."""

from dataclasses import replace

import numpy as np
import pytest

from multicell_env import PAPER_8X4, PAPER_32X16, NetworkConfig
from multicell_env.blocks import Blocks
from multicell_env.kernels.running import BlockRunner

VECTORS_OF_EVERY_WIDTH = NetworkConfig(num_antennas=30, num_users=29, num_bands=3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("config", [PAPER_8X4, replace(PAPER_32X16, num_bands=3), VECTORS_OF_EVERY_WIDTH])
def test_prefetching_gains_changes_no_bit(config, dtype, monkeypatch):
    def play(prefetches):
        monkeypatch.setattr(BlockRunner, "prefetches", lambda *_: prefetches)
        blocks = Blocks(replace(config, dtype=dtype), 3)
        blocks.draw(range(3), [np.random.default_rng(seed) for seed in range(3)])
        generator = np.random.default_rng(3)
        rates = [blocks.play_slot(generator.random(blocks.powers.shape)) for _ in range(3)]
        return rates, blocks.powers, blocks.ingr, blocks.log_ingr, blocks.log_budget, blocks.power_budget

    for one, other in zip(play(None), play(True), strict=True):
        np.testing.assert_array_equal(one, other)


def test_gains_are_prefetched_where_no_cache_keeps_them_and_a_slot_waits_for_them():
    def prefetches(config, num_blocks, k):
        blocks = Blocks(config, num_blocks)
        return blocks.runner.prefetches(blocks._arrays, k) is not None

    assert [prefetches(PAPER_32X16, 512, k) for k in (0, 1, 5, 20)] == [False, True, True, False]
    assert not prefetches(PAPER_32X16, 32, 5)
    assert not prefetches(PAPER_8X4, 4096, 5)
    assert not prefetches(NetworkConfig(num_cells=1), 4096, 5)  # nobody interferes
