"""Channels come from every kind of file as they were saved, with axes by name, and what does not fit is told."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy import io

from multicell_env.channels.axes import AXES, arranged, named_axes
from multicell_env.channels.files import read_array
from multicell_env.channels.pool import RecordedChannels
from multicell_env.config import NetworkConfig

SHAPE = (4, 2, 2, 3, 5, 2)
"""Blocks, cells, cells, bands, antennas, users."""


@pytest.fixture
def pool() -> np.ndarray:
    generator = np.random.default_rng(1)
    return (generator.standard_normal(SHAPE) + 1j * generator.standard_normal(SHAPE)).astype(np.complex64)


def parts(array: np.ndarray) -> np.ndarray:
    return np.stack([array.real, array.imag], axis=-1)


def compound(array: np.ndarray, names: tuple[str, str]) -> np.ndarray:
    fields = np.empty(array.shape, [(name, np.float32) for name in names])
    fields[names[0]], fields[names[1]] = array.real, array.imag
    return fields


def saved(folder: Path, kind: str, array: np.ndarray) -> str:
    """A file of a kind, as the programs that write it lay it out."""
    path = folder / f"pool.{kind.split('-')[0]}"
    if kind == "npy":
        np.save(path, array)
    elif kind == "npz":
        np.savez(path, h=array)
    elif kind == "mat":
        io.savemat(path, {"h": array})
    elif kind == "mat-v73":
        with h5py.File(path, "w", userblock_size=512) as file:  # MATLAB's header stands in the first 512 bytes, and axes are reversed
            file.create_dataset("h", data=compound(array, ("real", "imag")).T).attrs["MATLAB_class"] = np.bytes_("single")
    elif kind == "h5-packed":
        with h5py.File(path, "w") as file:
            file.create_dataset("drops/h", data=array, compression="gzip")
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("drops/h", data=array)
    return str(path)


KINDS = ["npy", "npz", "mat", "mat-v73", "h5", "hdf5", "h5-packed"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_every_kind_holds_the_channels_that_were_saved(tmp_path: Path, pool: np.ndarray, kind: str) -> None:
    path = saved(tmp_path, kind, pool)
    read = RecordedChannels(path)
    assert np.array_equal(read._blocks, pool)
    key = {"npy": "", "h5": ":drops/h", "hdf5": ":drops/h", "h5-packed": ":/drops/h"}.get(kind, ":h")
    assert np.array_equal(RecordedChannels(path + key)._blocks, pool)


@pytest.mark.parametrize(("kind", "is_mapped"), [("npy", True), ("h5", True), ("mat-v73", True), ("h5-packed", False), ("npz", False)])
def test_what_a_format_lets_stay_in_its_file_stays_there(tmp_path: Path, pool: np.ndarray, kind: str, is_mapped: bool) -> None:
    array: Any = RecordedChannels(saved(tmp_path, kind, pool))._blocks
    while array.base is not None and not isinstance(array, np.memmap):
        array = array.base
    assert isinstance(array, np.memmap) == is_mapped


def test_matlab_drops_the_last_axes_of_length_1_and_they_come_back(tmp_path: Path, pool: np.ndarray) -> None:
    one_user = pool[..., :1]
    io.savemat(tmp_path / "one.mat", {"h": one_user[..., 0]})
    assert np.array_equal(RecordedChannels(tmp_path / "one.mat")._blocks, one_user)


@pytest.mark.parametrize("kind", KINDS)
def test_real_and_imaginary_parts_in_a_last_axis_are_complex(tmp_path: Path, pool: np.ndarray, kind: str) -> None:
    if kind == "mat-v73":
        with h5py.File(tmp_path / "pool.mat", "w", userblock_size=512) as file:
            file["h"] = parts(pool).T
        path = str(tmp_path / "pool.mat")
    else:
        path = saved(tmp_path, kind, parts(pool))
    assert np.array_equal(RecordedChannels(path)._blocks, pool)


def test_parts_of_whole_numbers_and_across_memory_are_complex_too(pool: np.ndarray) -> None:
    whole = np.round(10 * parts(pool)).astype(np.int16)
    assert np.array_equal(arranged(whole), whole[..., 0] + 1j * whole[..., 1])
    assert np.array_equal(arranged(np.asfortranarray(parts(pool))), pool)
    assert arranged(parts(pool.astype(np.complex128))).dtype == np.complex128


@pytest.mark.parametrize("names", [("r", "i"), ("real", "imag"), ("re", "im")])
def test_a_compound_type_of_two_real_fields_is_complex(pool: np.ndarray, names: tuple[str, str]) -> None:
    assert np.array_equal(arranged(compound(pool, names)), pool)


def test_axes_in_another_order_are_brought_into_ours_without_a_copy(pool: np.ndarray) -> None:
    names = ("rx_cell", "user", "tx_cell", "antenna", "block", "band")
    other = np.ascontiguousarray(pool.transpose([AXES.index(name) for name in names]))
    back = arranged(other, named_axes("rx_cell, user,tx_cell,antenna,block,band"))
    assert np.array_equal(back, pool)
    assert np.shares_memory(back, other)


def test_a_sample_without_blocks_is_a_pool_of_one(pool: np.ndarray) -> None:
    assert np.array_equal(arranged(pool[1]), pool[1:2])
    assert np.array_equal(arranged(pool[1].swapaxes(2, 4), named_axes("tx_cell,rx_cell,user,antenna,band")), pool[1:2])


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ("block,tx_cell,rx_cell,band,antena,user", r"got 'antena'\. Did you mean antenna\?"),
        (
            "block,tx_cell,rx_cell,band,antenna",
            "must name each of block, .*, user once .* got block, tx_cell, rx_cell, band, antenna. Reshape",
        ),
        ("block,tx_cell,tx_cell,rx_cell,band,antenna,user", "must name each of"),
    ],
)
def test_wrong_names_of_axes_are_refused(axes: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        named_axes(axes)


def test_arrays_that_are_no_channels_are_refused(pool: np.ndarray) -> None:
    for wrong, message in (
        (pool[0, 0], r"must have the axes block, .* got shape \(2, 3, 5, 2\) of complex64\. Name the axes"),
        (pool.swapaxes(2, 3), r"as many sending cells as receiving ones; got .*'rx_cell': 3.*--channel-axes"),
        (pool[:0], r"must have no empty axis; got {'block': 0"),
        (pool.astype(str), "must be complex numbers, or real and imaginary parts; got <U"),
    ):
        with pytest.raises(ValueError, match=message):
            arranged(wrong)


def test_what_is_missing_in_a_file_is_told_with_what_there_is(tmp_path: Path, pool: np.ndarray) -> None:
    np.savez(tmp_path / "two.npz", a=pool, b=pool[:1])
    for source, message in (
        ("two.npz", r"must be one array of .*two\.npz; got None of: a \(4, 2, 2, 3, 5, 2\), b \(1, 2, 2, 3, 5, 2\)\. Name it: .*:KEY"),
        ("two.npz:c", "got 'c' of: a"),
        ("pool.npy:h", r"holds one array, which has no name; got 'h'\. Leave out :h"),
        ("pool.csv", r"must be in \.npy, \.npz, \.mat, \.h5 or \.hdf5; got .*pool\.csv"),
        ("text.mat", r"text\.mat must be a whole file of arrays of numbers; got something else"),
    ):
        (tmp_path / "pool.csv").write_text("1,2")
        (tmp_path / "text.mat").write_text("1,2" * 100)
        np.save(tmp_path / "pool.npy", pool)
        with pytest.raises(ValueError, match=message):
            read_array(f"{tmp_path}/{source}", 6)
    with pytest.raises(FileNotFoundError, match=r"must be in a file; got .*none\.npy', which is not a file"):
        read_array(tmp_path / "none.npy", 6)


@pytest.mark.parametrize("kind", ["npz", "mat", "mat-v73", "h5"])
def test_powers_that_a_file_keeps_are_those_of_its_network(tmp_path: Path, pool: np.ndarray, kind: str) -> None:
    numbers = {"tx_power_dbm": 44.0, "noise_dbm": 0.0}
    if kind in ("npz", "mat"):
        {"npz": lambda path, **arrays: np.savez(path, **arrays), "mat": lambda path, **arrays: io.savemat(path, arrays)}[kind](
            tmp_path / f"pool.{kind}", h=10.0 * pool, **numbers
        )
        path = str(tmp_path / f"pool.{kind}")
    else:
        path = saved(tmp_path, kind, 10.0 * pool)
        with h5py.File(path, "a") as file:
            for name, number in numbers.items():
                file[name] = np.full((1, 1), number)
    read = RecordedChannels(path)
    assert read.powers == numbers
    config = read.fitted()
    assert (config.tx_power_dbm, config.noise_dbm) == (44.0, 0.0)
    np.testing.assert_allclose(config.nominal_budgets, 10.0**4.4)
    assert read.fitted(replace(config, tx_power_dbm=30.0)).tx_power_dbm == 30.0
    assert read.fitted(NetworkConfig(**read.sizes, snr_db=10.0)).tx_power_dbm is None


def test_a_file_whose_own_name_has_a_colon_is_found(tmp_path: Path, pool: np.ndarray) -> None:
    np.save(tmp_path / "a:b.npy", pool)
    assert np.array_equal(read_array(f"{tmp_path}/a:b.npy", 6), pool)


@pytest.mark.parametrize(("kind", "library"), [("mat", "scipy"), ("h5", "h5py")])
def test_a_library_that_is_missing_is_named(
    tmp_path: Path, pool: np.ndarray, kind: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, kind, pool)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ModuleNotFoundError, match=rf"is read with {library}; got none\. Install it: .*multicell-env\[files\]"):
        read_array(path, 6)
