"""Cutting weak links leaves the rest as it is, and rates change by no more than is said."""

import math
from dataclasses import replace

import numpy as np
import pytest

from multicell_env.blocks import Blocks
from multicell_env.config import NetworkConfig
from multicell_env.networks.weak_links import without_weak_links


def network(num_cells: int, *, of_users: bool = False) -> NetworkConfig:
    """Cells on a line, whose gains fall by 12 dB from one to the next."""
    distance = np.abs(np.arange(num_cells)[:, None] - np.arange(num_cells))
    gains = 10.0 ** (-1.2 * distance)
    if of_users:
        gains = gains[..., None] * 10.0 ** np.random.default_rng(0).uniform(-1.0, 1.0, (num_cells, num_cells, 3))
    return NetworkConfig(num_cells=num_cells, num_users=3, num_bands=2, snr_db=10.0, mean_gains=gains)


@pytest.mark.parametrize("of_users", [False, True])
@pytest.mark.parametrize("level_db", [-2.0, 5.0, 20.0])
def test_a_link_is_cut_where_no_user_receives_the_level(level_db: float, of_users: bool) -> None:
    config = network(6, of_users=of_users)
    cut = without_weak_links(config, level_db)
    gains = np.array(config.mean_gains).reshape(6, 6, -1)
    num_cut = 0
    for rx in range(6):
        lost = np.zeros(3)
        for tx in range(6):
            arrives = 3 * config.nominal_powers[tx] * gains[tx, rx]  # the budget of three users in two bands, half of it in each
            is_cut = tx != rx and max(arrives) < 10 ** (-level_db / 10)
            assert (tx in cut.network.interferers[rx]) == (tx != rx and not is_cut)
            num_cut += is_cut
            lost = lost + arrives * is_cut
        assert cut.errors[rx] == pytest.approx(math.log2(1 + max(lost)))
    assert 0 < cut.num_cut == num_cut < 30
    stays = cut.network.mean_gain_matrix > 0
    np.testing.assert_allclose(cut.network.mean_gain_matrix[stays], config.mean_gain_matrix[stays], rtol=1e-14)


def test_without_links_below_the_level_the_network_stays() -> None:
    config = network(4)
    cut = without_weak_links(config, 100.0)
    assert (cut.num_cut, cut.network, cut.errors.tolist()) == (0, config, [0.0] * 4)


def test_mean_rates_rise_by_no_more_than_is_said_and_by_some_of_it() -> None:
    config = network(6)
    cut = without_weak_links(config, 0.0)
    rates = []
    # The same channels on the links that stay: the other ones are silenced in the blocks of the full network.
    blocks = Blocks(config, 400)
    blocks.draw(range(400), [np.random.default_rng(seed) for seed in range(400)])
    stays = [[tx in cut.network.interferers[rx] for tx in row] for rx, row in enumerate(config.interferers)]
    for is_cut in (False, True):
        if is_cut:
            blocks.gains.cross_gains[:, ~np.array(stays)] = 0.0
        blocks.restart()
        rates.append(blocks.play_slot(np.full(blocks.powers.shape, 0.5), num_iterations=0).mean(axis=0))
    rise = (rates[1] - rates[0]) / (3 * 2)
    assert np.all(rise <= cut.errors)
    assert np.all(rise > 0.1 * cut.errors)


def test_a_network_given_by_its_sir_is_cut_too() -> None:
    config = NetworkConfig(num_cells=4, sir_db=40.0)
    cut = without_weak_links(config, 0.0)
    assert cut.num_cut == 12
    assert cut.network == replace(config, mean_gains=np.eye(4))
    assert cut.errors == pytest.approx([math.log2(1 + 3 * 4 * 0.01)] * 4)
