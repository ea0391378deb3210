"""Large networks are drawn one cell after another, and are what they would be if drawn at once."""

from typing import Any

import numpy as np
import pytest

from multicell_env import links
from multicell_env.blocks import Blocks
from multicell_env.channels.rayleigh import draw_by_cell, draw_channels
from multicell_env.config import NetworkConfig

NETWORKS = [
    NetworkConfig(num_cells=5, num_antennas=5, num_bands=3, num_users=(2, 3, 1, 5, 4)),
    NetworkConfig(num_antennas=3, num_users=3, num_bands=1, mean_gains=((0.5, 0.3, 0.0), (0.2, 2.0, 0.0), (0.7, 0.0, 1.0))),
    NetworkConfig(num_cells=2, num_antennas=8, num_users=8, num_bands=2, dtype="float64"),
    NetworkConfig(num_cells=1),
]


@pytest.mark.parametrize("config", NETWORKS)
def test_a_draw_by_cell_is_the_draw_and_leaves_the_generator_where_it_does(config: NetworkConfig) -> None:
    one, other = (np.random.default_rng(3) for _ in range(2))
    for _ in range(2):  # the second block begins where the first has ended
        own, cross = draw_channels(config, one)
        own_by_cell, crossings = draw_by_cell(config, other)
        by_cell = list(crossings)
        assert own_by_cell.dtype == own.dtype
        assert np.array_equal(own_by_cell, own)
        assert len(by_cell) == config.num_cells
        assert np.array_equal(np.stack(by_cell), cross)
    assert one.bit_generator.state == other.bit_generator.state


@pytest.mark.parametrize("keep_channels", [False, True])
@pytest.mark.parametrize("config", NETWORKS)
def test_blocks_drawn_by_cell_are_those_drawn_at_once(config: NetworkConfig, keep_channels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(num_threads: int) -> Blocks:
        blocks = Blocks(config, 3, keep_channels=keep_channels, num_threads=num_threads)
        blocks.draw([2, 0], [np.random.default_rng(seed) for seed in (2, 0)])
        return blocks

    at_once = drawn(1)
    monkeypatch.setattr(links, "DRAWN_BY_CELL", 0)
    called: list[Any] = []
    monkeypatch.setattr(links, "hear_beams", lambda *arrays, kernel=links.hear_beams: (called.append(1), kernel(*arrays)))
    for num_threads in (1, 2):
        by_cell = drawn(num_threads)
        for name in ("channels", "beamformers", "inverse_gains", "ingr", "slots_left"):
            assert np.array_equal(getattr(by_cell, name), getattr(at_once, name)), name
        for one, other in zip(by_cell.gains[:2], at_once.gains[:2], strict=True):
            assert np.array_equal(one, other)
    assert len(called) == 4 * config.num_cells


def test_usual_networks_are_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "hear_beams", None)
    blocks = Blocks(NetworkConfig(num_cells=12), 1)
    blocks.draw([0], [np.random.default_rng(0)])
    assert blocks.slots_left[0] == 10
