"""Arrays in files: NumPy's, MATLAB's and HDF5, mapped into memory where the format allows it."""

import errno
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Shaped

Array = Shaped[np.ndarray, "..."]
EXTRA = "pip install 'multicell-env[files]'"
"""Command that installs the libraries for MATLAB's files and HDF5."""
POWERS = ("tx_power_dbm", "noise_dbm")
"""Numbers that a file may have beside its channels: the fields of `NetworkConfig` for absolute powers, dBm."""


def read_array(source: str | Path, num_axes: int) -> Array:
    """Read an array from `FILE` or `FILE:KEY`.

    `.npy` and HDF5 without compression are memory-mapped. MATLAB's files are v5 to v7.3. In v7.3 (HDF5) axes are stored in reverse; the
    order is restored. Trailing axes of length 1, which MATLAB drops, are added again.

    Args:
        source: A file, and after a colon the name of an array, which is needed if there are several.
        num_axes: Number of axes that the array must have, for MATLAB's files.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file of another format, or no such array in it.
        ModuleNotFoundError: SciPy or h5py is needed and not installed.
    """
    path, key = split_key(source)
    if not path.is_file():
        raise FileNotFoundError(
            f"channels must be in a file; got {str(path)!r}, which is not a file. Give FILE, or FILE:KEY for one of its arrays."
        )
    suffix = path.suffix.lower()
    if suffix == ".npy":
        if key is not None:
            raise ValueError(f"{path} holds one array, which has no name; got {key!r}. Leave out :{key}.")
        with _whole(path):
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            if isinstance(array, np.ndarray):
                return array
            array.close()
            raise RefusedError(f"{path} must hold one array; got an archive of arrays. Name it {path.stem}.npz.")
    if suffix == ".npz":
        with _whole(path), open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            return arrays[_chosen(path, key, dict.fromkeys(arrays.files, ()), lambda name: arrays[name].shape)]
    if suffix not in (".mat", ".h5", ".hdf5"):
        raise ValueError(f"channels must be in .npy, .npz, .mat, .h5 or .hdf5; got {path}. Save them as one of these.")
    array = _of_hdf5(path, key, suffix == ".mat") if _is_hdf5(path) else _of_matlab(path, key)
    return array.reshape(*array.shape, *[1] * (num_axes - array.ndim)) if suffix == ".mat" else array


def read_powers(source: str | Path) -> dict[str, float | tuple[float, ...]]:
    """The numbers of `POWERS` in a file beside its channels, dBm; empty if one of them is missing, and for `.npy`.

    Args:
        source: As for `read_array`.
    """
    path, _ = split_key(source)
    with _whole(path):
        if path.suffix.lower() == ".npz":
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                found = {name: arrays[name] for name in POWERS if name in arrays.files}
        elif path.suffix.lower() == ".npy":
            found = {}
        elif _is_hdf5(path):
            with _needed("h5py", path).File(path, "r") as file:
                found = {name: file[name][()] for name in POWERS if name in file}
        else:
            loaded = _needed("scipy.io", path).loadmat(path, variable_names=POWERS)
            found = {name: loaded[name] for name in POWERS if name in loaded}
        numbers = {name: tuple(np.ravel(value).astype(float).tolist()) for name, value in found.items()}
    return {name: each[0] if len(each) == 1 else each for name, each in numbers.items()} if len(numbers) == len(POWERS) else {}


def split_key(source: str | Path) -> tuple[Path, str | None]:
    """File and key of `FILE:KEY`. The name of an existing file may contain a colon; it then has no key."""
    if isinstance(source, Path) or Path(source).exists() or ":" not in source:
        return Path(source), None
    file, key = source.rsplit(":", 1)
    return Path(file), key


class RefusedError(ValueError):
    """A file that is intact, but not what is required."""


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """Turn the many errors that libraries raise for damaged files into one ValueError. Errors of the system are unchanged."""
    try:
        yield
    except (MemoryError, ModuleNotFoundError, RefusedError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None and error.errno != errno.EINVAL:
            raise
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
        raise ValueError(f"{path} must be a whole file of arrays of numbers; got something else ({reason}). Save it again.") from error


def _is_hdf5(path: Path) -> bool:
    with open(path, "rb") as file:
        start = file.read(520)
    return b"\x89HDF\r\n\x1a\n" in (start[:8], start[512:520])  # MATLAB's header takes the first 512 bytes


def _chosen(path: Path, key: str | None, names: Mapping[str, Any], shape: Callable[[str], tuple[int, ...]]) -> str:
    """The name of the array: `key`, or that of the only array beside `POWERS`."""
    names = {name: value for name, value in names.items() if name not in POWERS}
    if key is None and len(names) == 1:
        return next(iter(names))
    if key is None or key not in names:
        listed = ", ".join(f"{name} {shape(name)}" for name in names) or "none"
        raise RefusedError(f"channels must be one array of {path}; got {key!r} of: {listed}. Name it: {path}:KEY.")
    return key


def _of_matlab(path: Path, key: str | None) -> Array:
    """An array of a MATLAB file up to v7."""
    io = _needed("scipy.io", path)
    with _whole(path):
        shapes = {name: shape for name, shape, _ in io.whosmat(path)}
        name = _chosen(path, key, shapes, shapes.__getitem__)
        return io.loadmat(path, variable_names=[name])[name]


def _of_hdf5(path: Path, key: str | None, is_matlab: bool) -> Array:
    """An array of an HDF5 file, such as a MATLAB file of v7.3."""
    h5py = _needed("h5py", path)
    names: list[str] = []
    with _whole(path), h5py.File(path, "r") as file:
        file.visit_links(names.append)  # `visititems` does not terminate on some damaged files
        own = [name for name in names if isinstance(file.get(name, getlink=True), h5py.HardLink)]
        found = {name: file[name] for name in own if file.get(name, getclass=True) is h5py.Dataset}
        dataset = found[_chosen(path, None if key is None else key.strip("/"), found, lambda name: found[name].shape)]
        if dataset.dtype.hasobject:  # text, references, arrays of any length: mapped, the file's bytes would be addresses in memory
            raise RefusedError(
                f"channels must be numbers; got {dataset.name} of {path}, with objects of variable size. Save it as numbers."
            )
        reverses = is_matlab or "MATLAB_class" in dataset.attrs
        offset = None if dataset.chunks or dataset.is_virtual or dataset.external else dataset.id.get_offset()
        where: dict[str, Any] = {"dtype": dataset.dtype, "shape": dataset.shape, "offset": offset}
        array = dataset[()] if offset is None else np.memmap(path, mode="r", **where)
    return array.T if reverses else array


def _needed(name: str, path: Path) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        library = name.split(".")[0]
        raise ModuleNotFoundError(f"{path} is read with {library}; got none. Install it: {EXTRA}.", name=library) from error
