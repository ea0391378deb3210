"""`examples/sionna_pool.py`, which makes pools of 3GPP channels, and the small one that is there."""

import importlib.util
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pages import blocks

from examples.run import python_of
from multicell_env.channels.pool import RecordedChannels

ROOT = Path(__file__).parents[2]
POOL = ROOT / "examples" / "umi-3.npz"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """The script as a module; Sionna is imported where channels are made, and nowhere else."""
    spec = importlib.util.spec_from_file_location("sionna_pool", ROOT / "examples" / "sionna_pool.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pool_that_is_there_is_light_and_says_its_network(recwarn: pytest.WarningsRecorder) -> None:
    assert POOL.stat().st_size < 3e6
    with np.load(POOL) as arrays:
        assert arrays["channels"].dtype == np.complex64
    pool = RecordedChannels(POOL)
    config = pool.fitted()
    assert not recwarn.list  # nothing is implausible
    assert pool.sizes == {"num_cells": 3, "num_antennas": 8, "num_users": 4, "num_bands": 6}
    assert len(pool) == 100
    assert config.tx_power_dbm == 44.0
    assert config.noise_dbm == pytest.approx(-174 + 10 * np.log10(5e6) + 9)
    assert np.all(np.diagonal(config.mean_gain_matrix) > config.mean_gain_matrix.max(axis=1, where=~np.eye(3, dtype=bool), initial=0.0))


def test_the_page_takes_what_sionna_returns_to_the_same_pool_in_fifteen_lines() -> None:
    (text,) = [text for language, text in blocks(ROOT / "docs" / "channels.md") if language == "python" and "def from_sionna" in text]
    assert len([line for line in text.splitlines() if line]) <= 15
    with np.load(POOL) as arrays:
        drops = arrays["channels"]
    returned = np.empty((100, 12, 1, 3, 8, 1, 6), np.complex64)  # batch, rx, rx_ant, tx, tx_ant, time, subcarrier
    for cell in range(3):
        for user in range(4):
            returned[:, 4 * cell + user, 0, :, :, 0] = drops[:, :, cell, :, :, user].swapaxes(-1, -2)
    namespace: dict[str, Any] = {"np": np}
    exec(text[text.index("def from_sionna") : text.index("drops =")], namespace)
    pool = RecordedChannels(namespace["from_sionna"](returned, users=4), axes="block,rx_cell,user,tx_cell,antenna,band")
    np.testing.assert_array_equal([pool[block] for block in range(100)], drops)


def test_users_of_a_cell_have_path_losses_of_their_own() -> None:
    with np.load(POOL) as arrays:
        own = np.abs(np.einsum("nbbfmu->nbfmu", arrays["channels"])) ** 2
    spread_db = 10 * np.log10(own.mean(axis=(2, 3))).std(axis=-1)
    assert np.median(spread_db) > 5.0  # Rayleigh channels of one path loss have 0.6 dB


@pytest.mark.parametrize(("cells", "neighbours"), [(3, [2, 2, 2]), (7, [6, 3, 3, 3, 3, 3, 3])])
def test_stations_stand_at_their_distance_and_sectors_face_the_centre(script: ModuleType, cells: int, neighbours: list[int]) -> None:
    places, looks = script.stations(cells, 200.0)
    distances = np.linalg.norm(places[:, None] - places, axis=-1)
    assert np.isclose(distances, 200.0).sum(axis=1).tolist() == neighbours
    assert (looks is None) == (cells == 7)
    if looks is not None:
        towards = np.stack([np.cos(looks), np.sin(looks)], axis=-1)
        np.testing.assert_allclose(places + np.linalg.norm(places, axis=-1, keepdims=True) * towards, 0.0, atol=1e-9)


@pytest.mark.parametrize("cells", [3, 7])
def test_users_stand_in_their_cell_and_not_too_near(script: ModuleType, cells: int) -> None:
    places, looks = script.stations(cells, 200.0)
    away = script.user_places(cells, 50, 200.0, 10.0, 40, np.random.default_rng(0)) - places[:, None]
    distances = np.linalg.norm(away, axis=-1)
    assert 10.0 <= distances.min() < distances.max() <= 200.0 / np.sqrt(3)
    # Uniform over the area: half of the users are in the outer half of it.
    assert np.mean(distances**2 > (10.0**2 + 200.0**2 / 3) / 2) == pytest.approx(0.5, abs=0.03)
    if looks is not None:
        off = np.arctan2(away[..., 1], away[..., 0]) - looks[:, None]
        assert np.abs(np.angle(np.exp(1j * off))).max() <= np.pi / 3 + 1e-9


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--output there.npz", "that is not there yet"),
        ("--output new.npy", "must be a .npz file"),
        ("--output nowhere/new.npz", "in a directory that is"),
        ("--output new.npz --users 9", "--users must be at most --antennas (8), for zero-forcing; got 9"),
        ("--output new.npz --drops 0", "--drops must be at least 1; got 0"),
        ("--output new.npz --seed -1", "--seed must not be negative; got -1"),
        ("--output new.npz --cells 4", "invalid choice: 4"),
    ],
)
def test_what_cannot_be_made_is_refused_and_overwrites_nothing(
    script: ModuleType, words: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.npz").write_text("mine")
    with pytest.raises(SystemExit) as left:
        script.main(words.split())
    assert left.value.code == 2
    assert message in capsys.readouterr().err
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("there.npz", "mine")]


@pytest.mark.release
def test_the_script_makes_the_pool_that_is_there(tmp_path: Path) -> None:
    made = tmp_path / "umi-3.npz"
    words = ["examples/sionna_pool.py", "--drops", "100", "--seed", "100", "--output", str(made)]
    subprocess.run([python_of("sionna_pool"), *words], cwd=ROOT, check=True)
    with np.load(made) as now, np.load(POOL) as before:
        assert now.files == before.files
        for name in now.files:
            np.testing.assert_allclose(now[name], before[name], rtol=1e-3, atol=1e-9)
    assert [path.name for path in tmp_path.iterdir()] == ["umi-3.npz"]
