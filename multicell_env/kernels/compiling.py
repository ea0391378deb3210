"""How functions are compiled, and when a compiled one may be used again."""

import hashlib
import pickle
import sys
from collections.abc import Callable
from functools import cache, partial
from inspect import getfile
from pathlib import Path
from typing import Any

import numba
from numba.core import config as numba_config
from numba.core.caching import IndexDataCacheFile

config: Any = numba_config


def _compiled(options: dict[str, Any], function: Callable[..., Any]) -> Any:
    # Vectors (kernels/simd.py) exist in compiled code alone, so there is no other way to run these functions.
    before, config.DISABLE_JIT = config.DISABLE_JIT, 0
    try:
        return numba.njit(**options)(function)
    finally:
        config.DISABLE_JIT = before
        if before:
            say_once("NUMBA_DISABLE_JIT has no effect here: these functions exist compiled alone")


_ALONE = {"error_model": "numpy", "nogil": True}
_CALLED = {**_ALONE, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
inner: Any = partial(_compiled, {**_CALLED, "forceinline": True, "_nrt": False})
"""What kernels call: compiled into them. It may not make arrays, and so does not count who holds them, which costs as much as a loop."""
inner_call: Any = partial(_compiled, _CALLED)
"""What kernels call where inlining is left to the compiler."""


def compiled_entry(function: Callable[..., Any]) -> Any:
    """A function that Python calls: compiled at its first call, without the interpreter's lock, and kept for the next process.

    What was kept is used again only as long as the function's file and all files of this folder, which it is compiled from, are the same.
    Where it is damaged, or there is no room for it, the function is compiled as if there were nothing.
    """
    try:
        dispatcher = _compiled({**_ALONE, "cache": True}, function)
    except RuntimeError:  # there is no place to keep it: a read-only installation without a home
        return _compiled(_ALONE, function)
    file = dispatcher._cache._cache_file
    # By itself, Numba looks at the time and size of the function's own file.
    stamp = (_digest(getfile(function)), _digest_of_folder())
    dispatcher._cache._cache_file = _KeptFile(file._cache_path, f"{file._index_name.removesuffix('.nbi')}.checked", stamp)
    return dispatcher


def is_kept(dispatcher: Any) -> bool:
    """Whether the next process finds what is compiled now."""
    return isinstance(getattr(getattr(dispatcher, "_cache", None), "_cache_file", None), _KeptFile) and not _KeptFile.has_failed


class _KeptFile(IndexDataCacheFile):
    """Numba's files of what was compiled, each with a digest in front: numbers that are not code must not be run as code."""

    has_failed = False
    """Whether something could not be written."""

    def load(self, key: Any) -> Any:
        """What was compiled for a signature; None where nothing whole is kept."""
        name = self._load_index().get(key)
        return None if name is None else self._read(self._data_path(name))

    def save(self, key: Any, data: Any) -> None:
        """Keep what was compiled for a signature, where there is room."""
        try:
            super().save(key, data)
        except OSError as error:
            type(self).has_failed = True
            say_once(f"what is compiled cannot be kept in {self._cache_path} ({error.strerror}). Give a folder by NUMBA_CACHE_DIR")

    def _load_index(self) -> dict[Any, str]:
        version, stamp, overloads = self._read(self._index_path) or (None, None, {})
        return overloads if (version, stamp) == (self._version, self._source_stamp) else {}

    def _save_index(self, overloads: dict[Any, str]) -> None:
        self._write(self._index_path, (self._version, self._source_stamp, overloads))

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), data)

    def _write(self, path: str, content: Any) -> None:
        pickled = self._dump(content)
        with self._open_for_write(path) as file:
            file.write(hashlib.sha256(pickled).digest() + pickled)

    def _read(self, path: str) -> Any:
        """What is in a file; None where there is none, it is damaged, or another version of numba kept it."""
        try:
            kept = Path(path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            say_once(f"what was compiled before cannot be read ({path}: {error.strerror}), and is compiled again")
            return None
        if hashlib.sha256(kept[32:]).digest() != kept[:32]:
            say_once(f"what was compiled before is damaged ({path}), and is compiled again")
            return None
        try:
            return pickle.loads(kept[32:])
        except (AttributeError, ImportError):  # another version of numba kept it, with types that this one does not have
            return None


@cache
def say_once(message: str) -> None:
    """A line on standard error, the same one never again."""
    print(f"multicell_env: {message}.", file=sys.stderr)


def _digest(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@cache
def _digest_of_folder() -> str:
    return hashlib.sha256("".join(map(_digest, sorted(Path(__file__).parent.glob("*.py")))).encode()).hexdigest()
