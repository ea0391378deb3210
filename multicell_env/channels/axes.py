"""Which axis of a recorded array is which, and how its complex numbers are kept."""

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
from jaxtyping import Shaped

AXES = ("block", "tx_cell", "rx_cell", "band", "antenna", "user")
"""The axes of recorded channels, in the order in which they are taken unless named otherwise."""


def named_axes(axes: str | Sequence[str]) -> tuple[str, ...]:
    """Names of axes, from a sequence or from words with commas between.

    Raises:
        ValueError: they are not `AXES` in some order; "block" alone may be missing.
    """
    names = tuple(name.strip() for name in (axes.split(",") if isinstance(axes, str) else axes))
    for name in names:
        if name not in AXES:
            near = get_close_matches(name, AXES, n=1, cutoff=0.4)
            remedy = f"Did you mean {near[0]}?" if near else "Name each axis of the array by one of these."
            raise ValueError(f"axes must be of {', '.join(AXES)}; got {name!r}. {remedy}")
    if len(set(names)) < len(names) or set(AXES) - set(names) - {"block"}:
        raise ValueError(
            f"axes must name each of {', '.join(AXES)} once (block may be missing where there is one); got {', '.join(names)}. "
            "Reshape the array where one of its axes holds two of these."
        )
    return names


def arranged(
    array: Shaped[np.ndarray, "..."], axes: tuple[str, ...] = AXES
) -> Shaped[np.ndarray, "block tx_cell rx_cell band antenna user"]:
    """A recorded array with its axes in the order of `AXES`; a view where it can be one.

    Complex numbers may be two real fields of a compound type, or real and imaginary parts in a last axis of length 2, which has no name.
    Real numbers stay real.

    Args:
        array: The recording.
        axes: Names of its axes; one sample without blocks may leave out the first one.

    Raises:
        ValueError: the numbers are no numbers, there are more or fewer axes than names, one is empty, or there are not as many sending
            cells as receiving ones.
    """
    array = _numbers(array)
    if array.ndim == len(axes) + 1 and array.shape[-1] == 2 and array.dtype.kind != "c":
        array = _joined_parts(array)
    if array.ndim == len(axes) - 1 and axes[0] == "block":
        array = array[None]
    if array.ndim != len(axes):
        raise ValueError(
            f"channels must have the axes {', '.join(axes)} (and real and imaginary parts in a last one where they are not complex); got "
            f"shape {array.shape} of {array.dtype}. Name the axes in their order, or reshape the array."
        )
    names = axes
    if "block" not in names:
        array, names = array[None], ("block", *names)
    array = array.transpose([names.index(name) for name in AXES])
    sizes = dict(zip(AXES, array.shape, strict=True))
    if not array.size:
        raise ValueError(f"channels must have no empty axis; got {sizes}. Leave out what is empty.")
    if sizes["tx_cell"] != sizes["rx_cell"]:
        raise ValueError(
            f"channels must have as many sending cells as receiving ones; got {sizes}. Name the axes in the order of the array: "
            "--channel-axes, or axes=."
        )
    return array


def _numbers(array: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
    """Numbers that are kept as two fields of a compound type, as complex ones; all others as they are."""
    names = array.dtype.names
    if names is not None and len(names) == 2:
        first, second = (array.dtype[field] for field in range(2))
        if first == second and first.kind == "f" and array.dtype.itemsize == 2 * first.itemsize:
            # As a view, so that what lies in a file stays there.
            return array.view(np.dtype(f"{first.byteorder}c{2 * first.itemsize}"))
    if array.dtype.kind not in "fciu":
        raise ValueError(
            f"channels must be complex numbers, or real and imaginary parts; got {array.dtype}. An array of a compound type with two real "
            "fields is read as complex; other types must be converted."
        )
    return array


def _joined_parts(array: Shaped[np.ndarray, "... 2"]) -> Shaped[np.ndarray, "..."]:
    kind = array.dtype
    if kind.kind == "f" and kind.itemsize in (4, 8) and array.strides[-1] == kind.itemsize:
        try:
            return array.view(np.dtype(f"{kind.byteorder}c{2 * kind.itemsize}"))[..., 0]
        except ValueError:  # other axes do not lie as a view needs them
            pass
    real = array.astype(np.result_type(kind, np.float32), copy=False)
    return real[..., 0] + np.complex64(1j) * real[..., 1]
