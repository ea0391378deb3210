"""The map of a network: its places follow its gains, and what it shows has the size of what is measured."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon, Wedge

from multicell_env import NetworkConfig
from multicell_env.networks.deployment import Deployment
from multicell_env.networks.hexagonal import HexagonalDeployment
from multicell_env.rendering.map_drawing import FULL, WEAKEST_DB, draw_cells, draw_links, draw_map, draw_owners, line_width
from multicell_env.rendering.network_map import DIAL, FARTHEST_DB, NetworkMap, map_of, moved_apart, places_by_interference
from multicell_env.rendering.powers import band_colours
from multicell_env.scenarios import SCENARIOS, IrregularDeployment, draw_networks, draw_places


def network_of(gains: np.ndarray, **fields: object) -> NetworkConfig:
    return NetworkConfig(num_cells=len(gains), mean_gains=tuple(map(tuple, gains.tolist())), **fields)  # pyright: ignore[reportArgumentType]


def distances(places: np.ndarray) -> np.ndarray:
    return np.array([[np.hypot(*(one - other)) for other in places] for one in places])


def panel():
    return Figure(figsize=(3.0, 3.0)).subplots()


def test_the_places_of_a_drawn_network_are_those_that_its_gains_come_from() -> None:
    scenario = IrregularDeployment(num_cells=5, num_users=3, shadowing_db=0.0)
    network, places = draw_networks(scenario, 3, 8)[2], draw_places(scenario, 2, 8)
    assert places is not None
    assert np.count_nonzero(network.mean_gain_matrix) > 5
    for tx, rx in np.argwhere(network.mean_gain_matrix > 0.0):
        far = [max(float(np.hypot(*(places.stations[tx] - user))), 35.0) for user in places.users[rx]]
        gain = np.mean([10.0 ** ((-128.1 - 37.6 * np.log10(metres / 1000.0)) / 10.0) for metres in far])
        assert network.mean_gain_matrix[tx, rx] == pytest.approx(gain)


def test_a_scenario_of_gains_has_no_places() -> None:
    assert draw_places(SCENARIOS["asymmetric"], 0, 0) is None


def test_interference_is_what_is_heard_over_the_own_signal_at_nominal_powers() -> None:
    network = network_of(np.array([[1e-9, 1e-10, 0.0], [4e-10, 2e-9, 1e-9], [1e-12, 3e-9, 5e-9]]))
    heard = map_of(network).interference_db
    for tx, rx in np.argwhere(network.mean_gain_matrix > 0.0):
        signal = network.nominal_powers[rx] * network.mean_gain_matrix[rx, rx]
        expected = 10.0 * np.log10(network.nominal_powers[tx] * network.mean_gain_matrix[tx, rx] / signal)
        assert heard[tx, rx] == pytest.approx(expected)
    assert heard[0, 2] == -np.inf


def test_cells_that_fit_a_plane_are_as_far_apart_as_their_decibels_say() -> None:
    places = np.array([[0.0, 0.0], [FARTHEST_DB / 2.0, 0.0], [5.0, 28.0], [38.0, 25.0], [20.0, -28.0]])
    wanted = distances(places)  # where the nearest are half of `FARTHEST_DB` apart, this is the distance of so many decibels below 0
    assert wanted[wanted > 0.0].min() == FARTHEST_DB / 2.0
    assert wanted.max() < 1.5 * FARTHEST_DB
    found = distances(places_by_interference(-wanted))
    np.testing.assert_allclose(found / found.max(), wanted / wanted.max(), atol=0.02)


def test_equal_cells_stand_on_a_circle_in_their_order() -> None:
    places = places_by_interference(map_of(NetworkConfig(num_cells=5)).interference_db)
    np.testing.assert_allclose(np.hypot(*(places - places.mean(axis=0)).T), np.hypot(*(places[0] - places.mean(axis=0))))
    between = distances(places)
    assert all(between[cell, (cell + 1) % 5] == pytest.approx(between[between > 0.0].min()) for cell in range(5))


def test_the_louder_of_two_directions_decides_how_near_cells_are() -> None:
    heard = np.array([[0.0, -30.0, -20.0], [0.0, 0.0, -20.0], [-20.0, -25.0, 0.0]])
    apart = distances(places_by_interference(heard))
    assert apart[0, 1] < 0.7 * apart[0, 2]
    np.testing.assert_allclose(apart, distances(places_by_interference(heard.T)), rtol=1e-6)


@pytest.mark.parametrize("num_cells", [1, 2])
def test_few_cells_and_cells_without_interference_have_places(num_cells: int) -> None:
    network = network_of(np.eye(num_cells))
    assert np.all(np.isfinite(map_of(network).cells))
    figure = panel()
    draw_links(figure, map_of(network))
    draw_cells(figure, map_of(network))
    assert not [patch for patch in figure.patches if isinstance(patch, Polygon)]


def test_cells_that_overlap_are_moved_apart_and_others_stay() -> None:
    places = np.array([[0.0, 0.0], [0.0, 0.0], [0.3, 0.1], [5.0, 5.0]])
    moved = moved_apart(places, 1.0)
    assert distances(moved)[~np.eye(4, dtype=bool)].min() > 0.99
    np.testing.assert_array_equal(moved[3], places[3])


def test_users_move_with_their_cell_and_the_map_lies_on_its_longer_side() -> None:
    scenario = SCENARIOS["irregular-7"]
    for seed in range(4):
        places = draw_places(scenario, 0, seed)
        assert places is not None
        drawn = map_of(draw_networks(scenario, 1, seed)[0], places)
        offsets = np.array(drawn.users) - drawn.cells[:, None]
        metres = places.users - places.stations[:, None]
        np.testing.assert_allclose(offsets / offsets[0, 0, 0], metres / metres[0, 0, 0])
        low, high = drawn.lying.limits
        assert np.diff(high - low) <= 0.0
        np.testing.assert_allclose(distances(drawn.lying.cells), distances(drawn.cells))


def test_a_map_has_as_many_users_as_each_cell_has() -> None:
    network = NetworkConfig(num_users=(2, 8, 4), num_antennas=16)
    assert [len(users) for users in map_of(network).users] == [2, 8, 4]


def test_a_line_is_as_wide_at_each_end_as_the_cell_there_hears_the_other() -> None:
    heard = np.array([[0.0, -5.0, WEAKEST_DB - 1.0], [-15.0, 0.0, -np.inf], [WEAKEST_DB - 1.0, -np.inf, 0.0]])
    figure, cells = panel(), np.array([[0.0, 0.0], [3.0, 4.0], [9.0, 0.0]])
    draw_links(figure, NetworkMap(cells, [np.zeros((0, 2))] * 3, heard))
    (line,) = figure.patches
    assert isinstance(line, Polygon)
    near_first, near_second, end_second, end_first = line.get_xy()[:4]
    assert np.hypot(*(near_first - end_first)) == pytest.approx(line_width(-15.0))
    assert np.hypot(*(near_second - end_second)) == pytest.approx(line_width(-5.0))
    assert line_width(-5.0) > 1.3 * line_width(-15.0)
    np.testing.assert_allclose((near_first + end_first) / 2.0, cells[0], atol=1e-12)
    np.testing.assert_allclose((near_second + end_second) / 2.0, cells[1])


def test_a_sector_has_the_area_of_its_share_and_the_colour_and_place_of_its_band() -> None:
    shares = np.array([[0.4, 0.1, 0.0, 0.5], [0.05, 0.25, 0.6, 0.1], [0.0, 0.001, 0.0, 0.0]])
    figure, network = panel(), map_of(NetworkConfig(num_bands=4))
    draw_owners(figure, network, 4 * shares)  # relative to an even spread
    sectors = [patch for patch in figure.patches if isinstance(patch, Wedge)]
    assert len(sectors) == 8
    for index, sector in enumerate(sectors):
        cell, band = divmod(index, 4)
        np.testing.assert_array_equal(sector.center, network.cells[cell])
        assert (sector.r / DIAL) ** 2 == pytest.approx(min(shares[cell, band] / FULL, 1.0))
        assert (sector.theta1, sector.theta2) == (90.0 - 90.0 * (band + 1), 90.0 - 90.0 * band)
        assert to_hex(sector.get_facecolor()) == band_colours(4)[band].lower()
        is_owner = shares[cell, band] > shares[:, band].sum() - shares[cell, band]
        assert (to_hex(sector.get_edgecolor()) == "#000000") == is_owner


def test_a_silent_cell_has_a_dashed_circle_and_no_sector() -> None:
    figure, network = panel(), map_of(NetworkConfig())
    draw_owners(figure, network, np.array([[1.0] * 6, [0.0] * 6, [0.004] * 6]))
    circles = [patch for patch in figure.patches if isinstance(patch, Circle)]
    assert [circle.get_linestyle() == "solid" for circle in circles] == [True, False, False]
    assert len([patch for patch in figure.patches if isinstance(patch, Wedge)]) == 6


def test_bands_have_different_colours_however_many_there_are() -> None:
    for num_bands in (1, 7, 8, 24):
        assert len(set(band_colours(num_bands))) == num_bands


def test_a_whole_map_has_users_below_the_dials_and_the_numbers_of_agents_above() -> None:
    figure, network = panel(), map_of(NetworkConfig(num_users=(2, 4, 3), num_bands=4))
    draw_map(figure, network, np.ones((3, 4)))
    said = {text.get_text(): text for text in figure.texts}
    assert list(said) == ["0", "1", "2"]
    for cell, text in zip(network.cells, said.values(), strict=True):
        np.testing.assert_allclose(text.get_position(), cell)
    sectors = [patch for patch in figure.patches if isinstance(patch, Wedge)]
    dots = [line for line in figure.lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in dots] == [2, 4, 3]
    assert max(line.get_zorder() for line in figure.lines) < min(sector.get_zorder() for sector in sectors)
    assert min(text.get_zorder() for text in said.values()) > max(sector.get_zorder() for sector in sectors)


def test_the_places_of_hexagons_are_those_that_their_gains_come_from() -> None:
    deployment = Deployment(sectors=3, shadowing_db=0.0)
    scenario = HexagonalDeployment(num_cells=9, num_users=2, deployment=deployment)
    stations, users = scenario.drop(np.random.default_rng(3))
    gains = deployment.drop(9, 2, np.random.default_rng(3))
    sites = stations.reshape(3, 3, 2).mean(axis=1)  # three sectors around each
    np.testing.assert_allclose(np.hypot(*(stations - np.repeat(sites, 3, axis=0)).T), deployment.spacing_m / 4.0)
    for cell in range(9):
        away = users[cell] - sites[cell // 3]
        middle = np.degrees(np.arctan2(*(stations[cell] - sites[cell // 3])[::-1]))
        off = (np.degrees(np.arctan2(away[:, 1], away[:, 0])) - middle + 180.0) % 360.0 - 180.0
        loss_db = 37.6 * np.log10(np.hypot(*away.T).clip(min=35.0) / 250.0) + np.minimum(12.0 * (off / 65.0) ** 2, 30.0)
        np.testing.assert_allclose(10.0 * np.log10(gains[cell, cell]), -loss_db, atol=1e-9)
    assert draw_places(scenario, 0, 5) is not None
