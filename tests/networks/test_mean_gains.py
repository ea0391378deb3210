"""Mean gains in every form that they may be given in are the same network."""

import json
import pickle
import subprocess
import sys
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from multicell_env.blocks import Blocks
from multicell_env.channels.rayleigh import draw_channels
from multicell_env.config import NetworkConfig
from multicell_env.networks.mean_gains import MOST_DENSE, SparseGains

GAINS = np.array([[2.0, 0.0, 0.7], [0.5, 0.3, 0.0], [1.5, 0.0, 1.0]])
MANY = MOST_DENSE + 6


class Coordinates:
    """What the game reads of a sparse matrix of SciPy's."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.row, self.col = np.nonzero(matrix)
        self.data = matrix[self.row, self.col]

    def tocoo(self) -> "Coordinates":
        return self


def ring(num_cells: int, reach: float = 0.25) -> np.ndarray:
    """Every cell hears the one before, and is heard by the one after."""
    gains = np.eye(num_cells)
    gains[np.arange(num_cells), (np.arange(num_cells) + 1) % num_cells] = reach
    return gains


def forms(matrix: np.ndarray) -> dict[str, Any]:
    tx, rx = np.nonzero(matrix)
    shuffled = np.random.default_rng(0).permutation(len(tx))
    return {
        "tuples": tuple(map(tuple, matrix.tolist())),
        "lists": matrix.tolist(),
        "array": matrix,
        "links": SparseGains(tx[shuffled], rx[shuffled], matrix[tx, rx][shuffled]),  # pyright: ignore[reportArgumentType]
        "SciPy's": Coordinates(matrix),
    }


@pytest.mark.parametrize("matrix", [GAINS, ring(MANY)], ids=["few", "many"])
def test_all_forms_of_mean_gains_make_equal_networks_with_equal_hashes(matrix: np.ndarray) -> None:
    networks = [NetworkConfig(num_cells=len(matrix), mean_gains=gains) for gains in forms(matrix).values()]
    assert len({*networks}) == 1
    for network in networks:
        assert np.array_equal(network.mean_gain_matrix, matrix)
        assert isinstance(network.mean_gains, SparseGains) == (len(matrix) > MOST_DENSE)
        assert NetworkConfig.from_json(json.loads(json.dumps(asdict(network)))) == network
        assert replace(network, num_bands=2).mean_gains == network.mean_gains


@pytest.mark.parametrize("matrix", [GAINS, ring(MANY)], ids=["few", "many"])
def test_the_table_of_a_network_has_what_its_matrix_has(matrix: np.ndarray) -> None:
    network = NetworkConfig(num_cells=len(matrix), mean_gains=matrix)
    width = max(int(np.count_nonzero(matrix[:, rx])) - 1 for rx in range(len(matrix)))
    for rx in range(len(matrix)):
        heard = [tx for tx in range(len(matrix)) if tx != rx and matrix[tx, rx] > 0]
        assert network.interferers[rx].tolist() == heard + [-1] * (width - len(heard))
        assert network.interferer_gains[rx].tolist() == [matrix[tx, rx] for tx in heard] + [0.0] * (width - len(heard))
        assert network.own_gains[rx] == matrix[rx, rx]


@pytest.mark.parametrize("num_cells", [3, MANY])
def test_gains_of_every_user_scale_that_users_channels_alone(num_cells: int) -> None:
    users = (1, 3, 2) + (2,) * (num_cells - 3)
    plain = NetworkConfig(num_cells=num_cells, num_users=users, mean_gains=ring(num_cells))
    factors = np.random.default_rng(0).uniform(0.1, 10.0, (num_cells, num_cells, 3))
    gains = ring(num_cells)[..., None] * factors
    network = NetworkConfig(num_cells=num_cells, num_users=users, mean_gains=gains)
    assert NetworkConfig.from_json(json.loads(json.dumps(asdict(network)))) == network
    one, each = (draw_channels(config, np.random.default_rng(1)) for config in (plain, network))
    for rx in range(num_cells):
        for user in range(users[rx]):
            np.testing.assert_allclose(each[0][rx, ..., user], one[0][rx, ..., user] * np.sqrt(factors[rx, rx, user]), rtol=1e-6)
            tx = network.interferers[rx, 0]
            np.testing.assert_allclose(each[1][rx, 0, ..., user], one[1][rx, 0, ..., user] * np.sqrt(factors[tx, rx, user]), rtol=1e-6)
        mean = gains[:, rx, : users[rx]].mean(axis=-1)
        np.testing.assert_allclose(network.mean_gain_matrix[:, rx], mean, rtol=1e-14)
        assert network.nominal_powers[rx] == pytest.approx(100.0 / mean[rx])


def test_gains_of_padded_users_are_ignored() -> None:
    gains = np.ones((2, 2, 3))
    gains[:, 0, 1:] = np.nan
    network = NetworkConfig(num_cells=2, num_users=(1, 3), mean_gains=gains)
    assert np.all(network.mean_gain_matrix == 1.0)


def test_a_cell_that_reaches_one_user_of_another_is_its_interferer() -> None:
    gains = np.ones((2, 2, 2))
    gains[0, 1] = 0.0, 1.0
    gains[1, 0] = 0.0, 0.0
    network = NetworkConfig(num_cells=2, num_users=2, mean_gains=gains)
    assert network.interferers.tolist() == [[-1], [0]]
    assert network.mean_gain_matrix.tolist() == [[1.0, 0.5], [0.0, 1.0]]


def test_a_cached_hash_does_not_travel_to_another_process() -> None:
    # Texts hash differently there, so that a kept hash would not be that of an equal network.
    network = NetworkConfig(num_cells=MANY, mean_gains=ring(MANY))
    hash(network)
    code = """
import pickle, sys
network = pickle.loads(sys.stdin.buffer.read())
from dataclasses import replace
assert hash(network) == hash(replace(network)) and network == replace(network)
"""
    subprocess.run([sys.executable, "-c", code], input=pickle.dumps(network), check=True)


def test_hashing_reads_the_fields_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network = NetworkConfig(num_cells=MANY, mean_gains=ring(MANY))
    first = hash(network)
    monkeypatch.setattr(SparseGains, "__hash__", lambda _: pytest.fail("hashed again"))
    assert hash(network) == first


@pytest.mark.parametrize(
    ("links", "message"),
    [
        (([0, 1], [0], [1.0, 1.0]), r"one number for each link.*got shapes \(2,\), \(1,\) and \(2,\)"),
        (([0, 0], [1, 1], [1.0, 1.0]), "given once; got two from cell 0 to cell 1"),
        (([0.5], [0], [1.0]), "numbers of cells from 0 on; got float64"),
        (([-1], [0], [1.0]), "numbers of cells from 0 on"),
    ],
)
def test_links_that_are_none_are_refused(links: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SparseGains(*links)


@pytest.mark.parametrize(
    ("links", "message"),
    [
        (([0, 1, 2, 3], [0, 1, 2, 3], [1.0] * 4), "must be of 3 cells; got cell 3. Raise num_cells"),
        (([0, 1], [0, 1], [1.0] * 2), r"positive on its diagonal .*\[1\.0, 1\.0, 0\.0\]"),
        (([0, 1, 2], [0, 1, 2], [1.0, -1.0, 1.0]), r"non-negative .*got -1\.0 at \[tx_cell, rx_cell\] = \[1, 1\]"),
        (([0, 1, 2], [0, 1, 2], [[1.0, 1.0]] * 3), r"one gain for each link, or 4, one for each user; got shape \(3, 2\)"),
    ],
)
def test_links_that_do_not_fit_the_network_are_refused(links: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NetworkConfig(mean_gains=SparseGains(*links))


def test_a_message_about_many_cells_names_the_first_place() -> None:
    gains = ring(MANY)
    gains[3, 5] = np.inf
    with pytest.raises(ValueError, match=r"got inf at \[tx_cell, rx_cell\] = \[3, 5\]"):
        NetworkConfig(num_cells=MANY, mean_gains=gains)
    gains[3, 5] = gains[4, 4] = 0.0
    with pytest.raises(ValueError, match=r"positive on its diagonal .*got 0 for cell 4\."):
        NetworkConfig(num_cells=MANY, mean_gains=gains)


def test_many_cells_with_few_neighbours_play_what_their_matrix_says() -> None:
    network = NetworkConfig(num_cells=MANY, num_antennas=2, num_users=2, num_bands=2, mean_gains=ring(MANY))
    blocks = Blocks(network, 1)
    blocks.draw([0], [np.random.default_rng(0)])
    powers = np.full((MANY, 2, 2), 50.0)
    blocks.play_slot(np.full((1, MANY, 2, 2), 0.25), num_iterations=0)
    for cell in range(MANY):
        heard = 50.0 * blocks.gains.cross_gains[0, cell, 0].sum(axis=1)
        np.testing.assert_allclose(blocks.ingr[0, cell], (1.0 + heard) / blocks.gains.signal_gains[0, cell], rtol=1e-5)
    np.testing.assert_allclose(blocks.powers[0], powers, rtol=1e-6)
