"""How functions are compiled, and when a compiled one may be used again."""

import hashlib
from collections.abc import Callable
from functools import cache
from inspect import getfile
from pathlib import Path
from typing import Any

import numba

_njit: Any = numba.njit

inner: Any = _njit(error_model="numpy", nogil=True, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)
"""What kernels call: compiled into them. It may not make arrays, and so does not count who holds them, which costs as much as a loop."""
inner_call: Any = _njit(error_model="numpy", nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
"""What kernels call where inlining is left to the compiler."""


def compiled_entry(function: Callable[..., Any]) -> Any:
    """A function that Python calls: compiled at its first call, without the interpreter's lock, and kept for the next process.

    What was kept is used again only as long as the function's file and all files of this folder, which it is compiled from, are the same.
    """
    try:
        dispatcher: Any = _njit(error_model="numpy", nogil=True, cache=True)(function)
    except RuntimeError:  # there is no place to keep it: a read-only installation without a home
        return _njit(error_model="numpy", nogil=True)(function)
    # By itself, Numba looks at the time and size of the function's own file.
    dispatcher._cache._cache_file._source_stamp = (_digest(getfile(function)), _digest_of_folder())
    return dispatcher


def _digest(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@cache
def _digest_of_folder() -> str:
    return hashlib.sha256("".join(map(_digest, sorted(Path(__file__).parent.rglob("*.py")))).encode()).hexdigest()
