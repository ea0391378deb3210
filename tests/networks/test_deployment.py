"""Deployments: hexagons that repeat without an edge, users uniform over the area of their cell, path loss, sectors and shadowing."""

import math
from typing import Any

import numpy as np
import pytest

from multicell_env.networks.deployment import Deployment

REPEATING = (1, 3, 4, 7, 9, 12, 13, 16, 19, 21)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("num_sites", REPEATING)
def test_every_site_of_hexagons_that_wrap_has_six_neighbours_one_spacing_away(num_sites: int) -> None:
    sites, copies = Deployment(spacing_m=200.0).sites(num_sites, generator())
    assert sites.shape == (num_sites, 2)
    assert copies.shape == (7, 2)
    everywhere = (sites[:, None] + copies).reshape(-1, 2)
    for site in sites:
        away = np.sort(np.linalg.norm(everywhere - site, axis=1))
        np.testing.assert_allclose(away[:7], [0.0] + [200.0] * 6, atol=1e-9)
        assert num_sites == 1 or away[7] > 300.0  # no place is taken twice


@pytest.mark.parametrize("num_sites", REPEATING)
def test_all_sites_of_hexagons_that_wrap_see_the_same_distances(num_sites: int) -> None:
    deployment = Deployment()
    sites, copies = deployment.sites(num_sites, generator())
    distance, _ = deployment.sight(sites, copies, sites[:, None])
    assert np.allclose(np.sort(distance[:, :, 0], axis=0), np.sort(distance[:, :1, 0], axis=0))
    np.testing.assert_allclose(distance[:, :, 0], distance[:, :, 0].T, atol=1e-9)


def test_without_wrapping_the_nearest_sites_are_taken_and_there_is_an_edge() -> None:
    sites, copies = Deployment(wraps=False, spacing_m=1.0).sites(7, generator())
    np.testing.assert_allclose(np.sort(np.linalg.norm(sites, axis=1)), [0.0] + [1.0] * 6, atol=1e-12)
    assert copies.tolist() == [[0.0, 0.0]]
    assert len(Deployment(wraps=False).sites(5, generator())[0]) == 5


@pytest.mark.parametrize("sectors", [1, 3])
def test_users_are_uniform_over_the_area_that_is_nearest_to_their_cell(sectors: int) -> None:
    deployment = Deployment(sectors=sectors, spacing_m=1.0)
    sites, _ = deployment.sites(1, generator())
    users = deployment.users(sites, 20_000, generator(1))
    assert users.shape == (sectors, 20_000, 2)
    # The hexagon around the site: nobody is nearer to one of the six neighbours.
    neighbours = np.array([[math.cos(a), math.sin(a)] for a in np.arange(6) * math.pi / 3])
    assert np.all(users @ neighbours.T <= 0.5 + 1e-12)
    # A third of the area of the hexagon, sqrt(3)/2, is within 0.3028 of the site; five standard errors of a share.
    radius = math.sqrt(math.sqrt(3) / 2 / 3 / math.pi)
    share = np.mean(np.linalg.norm(users, axis=-1) < radius)
    assert share == pytest.approx(1 / 3, abs=5 * math.sqrt(2 / 9 / (sectors * 20_000)))
    for cell, own in enumerate(users):
        assert np.linalg.norm(own, axis=-1).max() > 0.55  # a corner is at 0.577
        angles = np.degrees(np.arctan2(own[:, 1], own[:, 0])) - deployment.directions(sectors)[cell]
        off = (angles + 180) % 360 - 180
        assert np.abs(off).max() == pytest.approx(180 / sectors, abs=0.5)
        # Half of them on either side of the middle of their third.
        assert np.mean(np.mod(off, 120) < 60) == pytest.approx(0.5, abs=0.02)


def test_random_sites_fill_their_square_and_users_a_disc_around_them() -> None:
    deployment = Deployment(layout="random", spacing_m=100.0)
    sites, copies = deployment.sites(400, generator())
    assert 0.0 <= sites.min() < 30.0
    assert 1970.0 < sites.max() <= 2000.0
    assert sorted(map(tuple, copies.tolist())) == [(x, y) for x in (-2000.0, 0.0, 2000.0) for y in (-2000.0, 0.0, 2000.0)]
    away = deployment.users(sites, 50, generator(1)) - sites[:, None]
    radius = np.linalg.norm(away, axis=-1)
    assert radius.max() <= 50.0
    assert np.mean(radius < 50.0 / math.sqrt(2.0)) == pytest.approx(0.5, abs=0.02)


def test_the_nearest_copy_of_a_random_site_is_heard() -> None:
    deployment = Deployment(layout="random", spacing_m=100.0)
    sites, copies = deployment.sites(4, generator(3))
    users = deployment.users(sites, 3, generator(4))
    distance, angle = deployment.sight(sites, copies, users)
    for tx in range(4):
        for rx in range(4):
            for user in range(3):
                options = [
                    (users[rx, user, 0] - sites[tx, 0] + x, users[rx, user, 1] - sites[tx, 1] + y)
                    for x in (-200.0, 0.0, 200.0)
                    for y in (-200.0, 0.0, 200.0)
                ]
                x, y = min(options, key=lambda away: math.hypot(*away))
                assert distance[tx, rx, user] == pytest.approx(math.hypot(x, y))
                assert angle[tx, rx, user] == pytest.approx(math.degrees(math.atan2(y, x)))


def test_gains_follow_the_path_loss_law_for_every_user() -> None:
    deployment = Deployment(shadowing_db=0.0, exponent=3.5, spacing_m=300.0, min_distance_m=40.0)
    gains = deployment.drop(7, 5, generator(2))
    sites, copies = deployment.sites(7, generator())
    users = deployment.users(sites, 5, generator(2))
    for tx in range(7):
        for rx in range(7):
            for user in range(5):
                distance = min(math.dist(users[rx, user], sites[tx] - copy) for copy in copies)
                assert gains[tx, rx, user] == pytest.approx((max(distance, 40.0) / 150.0) ** -3.5)


def test_sectors_attenuate_as_the_antenna_of_the_table() -> None:
    plain, sectored = (Deployment(shadowing_db=0.0, sectors=sectors) for sectors in (1, 3))
    gains = sectored.drop(21, 6, generator(2))
    sites, copies = sectored.sites(7, generator())
    users = sectored.users(sites, 6, generator(2))
    distance, angle = plain.sight(sites, copies, users)
    seen = set()
    for tx in range(21):
        for rx in range(21):
            for user in range(6):
                path_db = -37.6 * math.log10(max(distance[tx // 3, rx, user], 35.0) / 250.0)
                off = abs(angle[tx // 3, rx, user] - (30.0 + 120.0 * (tx % 3))) % 360.0
                off = min(off, 360.0 - off)
                attenuation = min(12.0 * (off / 65.0) ** 2, 30.0)
                seen.add(attenuation == 30.0)
                assert 10 * math.log10(gains[tx, rx, user]) == pytest.approx(path_db - attenuation)
    assert seen == {True, False}


def test_a_sectors_own_users_hear_it_best_without_shadowing() -> None:
    gains = Deployment(shadowing_db=0.0, sectors=3).drop(57, 20, generator())
    cells = np.arange(57)
    assert np.all(gains.argmax(axis=0) == cells[:, None])


def test_shadowing_has_its_spread_and_its_correlation_between_sites() -> None:
    deployment = Deployment(shadowing_db=6.0, site_correlation=0.3)
    draws = deployment.shadowing(3, (100, 400), generator()).reshape(3, -1)
    # A variance and a correlation of n numbers have relative errors of sqrt(2/n) and 1/sqrt(n).
    np.testing.assert_allclose(draws.std(axis=1), 6.0, rtol=5 * math.sqrt(0.5 / 40_000))
    np.testing.assert_allclose(np.corrcoef(draws)[~np.eye(3, dtype=bool)], 0.3, atol=5 / math.sqrt(40_000))


def test_sectors_of_a_site_share_their_shadowing() -> None:
    with_shadowing, without = (Deployment(sectors=3, shadowing_db=s).drop(9, 4, generator(7)) for s in (8.0, 0.0))
    shadowing_db = 10 * np.log10(with_shadowing / without)
    np.testing.assert_allclose(shadowing_db[0], shadowing_db[1], atol=1e-9)
    assert np.abs(shadowing_db[0] - shadowing_db[3]).min() > 1e-3


def test_a_user_at_the_reference_distance_has_a_gain_of_1() -> None:
    deployment = Deployment(spacing_m=400.0, shadowing_db=0.0)
    distance, _ = deployment.sight(np.zeros((1, 2)), np.zeros((1, 2)), np.array([[[0.0, 200.0]]]))
    assert distance == pytest.approx(np.full((1, 1, 1), deployment.spacing_m / 2))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"layout": "squares"}, "layout must be 'hexagons' or 'random'; got 'squares'"),
        ({"sectors": 2}, "sectors must be 1 or 3; got 2"),
        ({"wraps": 1}, "wraps must be True or False; got 1"),
        ({"spacing_m": 0.0}, "spacing_m must be a number of more than 0; got 0.0"),
        ({"min_distance_m": -1.0}, "min_distance_m must be a number of more than 0"),
        ({"shadowing_db": math.nan}, "shadowing_db must be a number of at least 0; got nan"),
        ({"exponent": True}, "exponent must be a number of at least 0; got True"),
        ({"site_correlation": 1.5}, r"site_correlation must be within \[0, 1\]; got 1.5"),
    ],
)
def test_deployments_that_cannot_be_are_refused(fields: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Deployment(**fields)


def test_cells_that_do_not_fit_their_deployment_are_refused() -> None:
    with pytest.raises(ValueError, match="num_cells must be a multiple of 3 with three sectors; got 8"):
        Deployment(sectors=3).num_sites(8)
    with pytest.raises(ValueError, match=r"hexagons wrap around with 1, 3, 4, 7, .* sites; got 5"):
        Deployment().num_sites(5)
    assert Deployment(wraps=False).num_sites(5) == 5
    assert Deployment(layout="random").num_sites(5) == 5
    assert Deployment(sectors=3).num_sites(57) == 19
