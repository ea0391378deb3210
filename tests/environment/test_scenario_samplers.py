"""Networks drawn from scenarios: inside their ranges, seeded, and physical."""

import numpy as np
import pytest

from experiments.studies.scenario_comparison import EVERYWHERE
from multicell_env.config import NetworkConfig
from multicell_env.networks.deployment import Deployment
from multicell_env.scenarios import (
    LARGE,
    SCENARIOS,
    AsymmetricInterference,
    IrregularDeployment,
    Mixture,
    UnequalLoad,
    draw_networks,
)


def test_the_papers_scenario_is_its_network_every_time():
    assert set(draw_networks(SCENARIOS["paper"], 3, 0)) == {NetworkConfig()}


@pytest.mark.parametrize("name", sorted(set(SCENARIOS) - {"paper"}))
def test_the_same_seed_draws_the_same_networks_and_another_draws_others(name):
    scenario = SCENARIOS[name]
    first, second, other = (draw_networks(scenario, 4, seed) for seed in (5, 5, 6))
    assert first == second
    assert first != other
    assert len(set(first)) > 1
    assert draw_networks(scenario, 2, 5) == first[:2]


@pytest.mark.parametrize("name", [name for name in LARGE if name.startswith("irregular")])
def test_in_large_networks_every_cell_hears_a_few_others(name):
    network = draw_networks(SCENARIOS[name], 1, 0)[0]
    assert network.num_cells == int(name.rpartition("-")[2])
    assert network.interferers.shape[1] < network.num_cells / 3


def test_the_mixture_draws_every_choice_and_nothing_else():
    scenario = Mixture(num_cells=(2, 5), num_users=(3, 7), num_bands=(4, 9), num_iterations=(0, 6), sir_db=(-1.0, 2.0))
    networks = draw_networks(scenario, 200, 0)
    for name in ("num_cells", "num_users", "num_bands", "num_iterations"):
        assert {getattr(network, name) for network in networks} == set(getattr(scenario, name))
    assert all(network.num_antennas == 2 * network.max_users for network in networks)
    sir_db = np.array([network.sir_db for network in networks])
    assert -1.0 <= sir_db.min() < -0.9
    assert 1.9 < sir_db.max() <= 2.0


def test_unequal_loads_change_their_order_from_network_to_network():
    orders = {network.num_users for network in draw_networks(UnequalLoad(), 100, 0)}
    assert len(orders) == 6
    assert all(sorted(order) == [2, 4, 8] for order in map(list, orders))


def test_asymmetric_gains_fill_their_range_and_differ_in_both_directions():
    gains = np.array([network.mean_gains for network in draw_networks(AsymmetricInterference(), 200, 0)])
    assert np.all(gains[:, range(3), range(3)] == 1.0)
    off = 10.0 * np.log10(gains[:, ~np.eye(3, dtype=bool)])
    assert -20.0 <= off.min() < -19.5
    assert 2.5 < off.max() <= 3.0
    assert off.mean() == pytest.approx(-8.5, abs=1.0)  # the range's middle; its standard error here is 0.2 dB
    assert not np.any(gains[:, 0, 1] == gains[:, 1, 0])


def test_users_stand_in_a_ring_around_their_station_and_stations_in_the_square():
    scenario = IrregularDeployment(num_cells=12, num_users=50)
    stations, users = scenario.drop(np.random.default_rng(0))
    assert stations.shape == (12, 2)
    assert stations.min() >= 0.0
    assert stations.max() <= scenario.spacing * np.sqrt(12)
    radius = np.linalg.norm(users - stations[:, None], axis=-1)
    assert scenario.min_distance <= radius.min() < 40.0
    assert 145.0 < radius.max() <= scenario.max_distance
    # Uniform over an area, half of the users are beyond the root mean square of the two radii.
    assert np.mean(radius > np.sqrt((35.0**2 + 150.0**2) / 2.0)) == pytest.approx(0.5, abs=0.07)


def test_the_path_loss_is_the_tables_and_falls_by_37_6_db_a_decade():
    scenario = IrregularDeployment(num_cells=1, num_users=3, shadowing_db=0.0)
    users = np.array([[[1000.0, 0.0], [0.0, 100.0], [1.0, 0.0]]])
    gains_db = 10.0 * np.log10(scenario.path_gains(np.zeros((1, 2)), users, np.random.default_rng(0)))
    nearest = -128.1 - 37.6 * np.log10(0.035)  # 1 m counts as 35 m
    np.testing.assert_allclose(gains_db, [[[-128.1, -90.5, nearest]]])


def test_shadowing_has_the_spread_that_it_says_for_every_link():
    scenario = IrregularDeployment(num_cells=40, num_users=50, shadowing_db=8.0)
    places = scenario.drop(np.random.default_rng(0))
    without = IrregularDeployment(num_cells=40, num_users=50, shadowing_db=0.0).path_gains(*places, np.random.default_rng(1))
    shadowing = 10.0 * np.log10(scenario.path_gains(*places, np.random.default_rng(1)) / without)
    assert shadowing.shape == (40, 40, 50)
    assert shadowing.std() == pytest.approx(8.0, rel=0.02)
    assert np.corrcoef(shadowing[0].ravel(), shadowing[1].ravel())[0, 1] == pytest.approx(0.0, abs=0.08)


def test_nearer_stations_are_heard_more_strongly_in_the_mean():
    scenario = IrregularDeployment(num_cells=12)
    near, far = [], []
    for seed in range(50):
        generator = np.random.default_rng(seed)
        stations, users = scenario.drop(generator)
        gains_db = 10.0 * np.log10(scenario.path_gains(stations, users, generator))
        distance = np.linalg.norm(stations[:, None, None] - users, axis=-1)
        near += gains_db[distance < 200.0].tolist()
        far += gains_db[distance > 400.0].tolist()
    assert np.mean(near) - np.mean(far) > 37.6 * np.log10(2.0)


@pytest.mark.parametrize("num_cells", [7, 12])
def test_dropped_pairs_are_below_the_noise_and_kept_ones_are_not(num_cells):
    scenario = IrregularDeployment(num_cells=num_cells)
    dropped = kept = 0
    for network in draw_networks(scenario, 30, 0):
        gains = network.mean_gain_matrix
        budgets = network.users_per_cell * network.num_bands * 10.0 ** (network.snr_db / 10.0) / np.diagonal(gains)
        received = budgets[:, None] * gains / network.num_bands
        off = ~np.eye(num_cells, dtype=bool)
        assert np.all((received[off] == 0.0) | (received[off] >= 1.0))
        dropped, kept = dropped + np.sum(received[off] == 0.0), kept + np.sum(received[off] > 0.0)
    assert dropped > 0
    assert kept > 0


def test_what_is_dropped_was_below_the_noise():
    # The same generator draws the same places, so that the whole matrix is known.
    scenario = IrregularDeployment(num_cells=7)
    for seed in range(20):
        generator = np.random.default_rng(seed)
        whole = scenario.path_gains(*scenario.drop(generator), generator).mean(axis=-1)
        gains = scenario.sample(np.random.default_rng(seed)).mean_gain_matrix
        np.testing.assert_array_equal(gains[gains > 0], whole[gains > 0])
        received = scenario.num_users * 100.0 * whole / np.diagonal(whole)[:, None]  # SNR 20 dB for each user of the interferer
        assert np.all(received[gains == 0] < 1.0)


def test_a_sampler_of_ones_own_is_a_scenario_too():
    class Fixed:
        def sample(self, generator: np.random.Generator) -> NetworkConfig:
            return NetworkConfig(num_bands=int(generator.integers(2, 9)))

    assert len({network.num_bands for network in draw_networks(Fixed(), 50, 0)}) == 7


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Mixture(num_bands=()), r"num_bands must offer at least one choice; got \(\)"),
        (lambda: Mixture(sir_db=(3.0, 1.0)), r"sir_db must be the lowest and the highest value, in this order; got \(3.0, 1.0\)"),
        (lambda: AsymmetricInterference(cross_gain_db=(0.0, float("nan"))), r"cross_gain_db must be .* nan\)\. Swap them"),
        (lambda: IrregularDeployment(min_distance=200.0), r"got 300.0, 200.0 and 150.0\. Give metres"),
        (lambda: IrregularDeployment(shadowing_db=-1.0), r"shadowing_db must not be negative; got -1.0"),
        (lambda: draw_networks(Mixture(), 0, 0), r"num_networks must be at least 1; got 0"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_hexagons_have_sectors_that_wrap_and_users_with_gains_of_their_own():
    network = SCENARIOS["hex-57"].sample(np.random.default_rng(3))
    assert (network.num_cells, network.num_antennas, network.max_users) == (57, 8, 4)
    dropped = Deployment(sectors=3).drop(57, 4, np.random.default_rng(3))
    gains = np.array(network.mean_gains)
    np.testing.assert_array_equal(gains[gains > 0], dropped[gains > 0])
    own = network.gain_table.own
    assert np.all(np.ptp(own, axis=1) > 0)
    # A link stays where a user receives it within 10 dB of the noise, from a station that spreads its budget evenly.
    received = network.nominal_budgets[:, None] / network.num_bands * dropped.max(axis=-1)
    assert np.array_equal(network.mean_gain_matrix > 0, (received >= 0.1) | np.eye(57, dtype=bool))
    # No cell is at an edge: the first sector of every site hears about as many as the others.
    heard = np.array([np.count_nonzero(draw.interferers >= 0, axis=1) for draw in draw_networks(SCENARIOS["hex-57"], 30, 0)])
    by_site = heard.mean(axis=0).reshape(19, 3).mean(axis=1)
    assert np.ptp(by_site) < 0.35 * by_site.mean()


def test_large_scenarios_are_scenarios_that_are_not_among_all():
    assert set(LARGE) < set(SCENARIOS)
    assert not set(LARGE) & set(EVERYWHERE)
    assert SCENARIOS["irregular-133"].sample(np.random.default_rng(0)).num_cells == 133
