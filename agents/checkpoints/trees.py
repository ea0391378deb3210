"""States of runs as files of arrays and JSON, which hold nothing that could be executed."""

import json
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import torch

from agents.files import check_exists, parsed, replace

KEY = "state"
"""Where a file's header has the tree; its leaves name the file's arrays."""
Save = Callable[[np.ndarray], str]


def write_tree(path: str | os.PathLike[str], tree: object) -> None:
    """Write a tree; whole or not at all.

    Args:
        path: Where to.
        tree: Dictionaries, lists and tuples of numbers, text, None, arrays of numbers, and tensors. An array that is in it several times is
            in the file once.

    Raises:
        OSError: it cannot be written.
        TypeError: there is something else in it.
    """
    arrays: dict[str, np.ndarray] = {}
    names: dict[tuple[Any, ...], str] = {}

    def save(array: np.ndarray) -> str:
        place = (array.__array_interface__["data"], array.shape, array.strides, array.dtype.str) if array.size else (len(names),)
        if place not in names:
            names[place] = str(len(names))
            whole = np.ascontiguousarray(array).reshape(array.shape)
            arrays[names[place]] = whole.view(np.finfo(whole.dtype).dtype) if whole.dtype.kind == "c" else whole
        return names[place]

    plain = json.dumps(_plain(tree, save))
    content = safetensors.numpy.save(arrays, {KEY: plain})
    replace(path, lambda file: file.write(content))


def read_tree(path: str | os.PathLike[str]) -> Any:
    """What `write_tree` wrote. Nothing in the file is executed, and no array is larger than the file.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it cannot be read.
        ValueError: the file is damaged, or something else.
    """
    check_exists(path)
    try:
        with safetensors.safe_open(path, framework="np") as file:
            tree = parsed((file.metadata() or {})[KEY])
            return _tree(tree, file.get_tensor)
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise ValueError(
            f"{path} must be a checkpoint that train.py wrote; it is damaged or foreign ({error}). Start a new run."
        ) from error


def _plain(node: Any, save: Save) -> Any:
    if node is None or type(node) in (bool, int, float, str):
        return node
    if isinstance(node, np.ndarray | np.generic) and node.dtype.kind in "biufc":
        kind = "array" if isinstance(node, np.ndarray) else "number"
        return {kind: [save(np.asarray(node)), node.dtype.str if node.dtype.kind == "c" else None]}
    if isinstance(node, torch.Tensor):
        return {"tensor": save(node.detach().cpu().numpy())}
    if isinstance(node, list):
        return [_plain(part, save) for part in node]
    if isinstance(node, tuple):
        return {"tuple": [_plain(part, save) for part in node]}
    if isinstance(node, dict):
        return {"dict": [[_plain(key, save), _plain(value, save)] for key, value in node.items()]}
    raise TypeError(
        f"a checkpoint must be numbers, text and arrays; got {type(node).__name__}. Give the environment state_dict and load_state_dict."
    )


def _tree(node: Any, array_of: Callable[[str], np.ndarray]) -> Any:
    if isinstance(node, list):
        return [_tree(part, array_of) for part in node]
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    if kind == "tuple":
        return tuple(_tree(part, array_of) for part in content)
    if kind == "dict":
        return {_tree(key, array_of): _tree(value, array_of) for key, value in content}
    if kind == "tensor":
        return torch.from_numpy(np.array(array_of(content)))
    name, complex_type = content
    array = np.array(array_of(name))
    if complex_type is not None:
        array = array.view(np.dtype(complex_type))
    return {"array": array, "number": array[()]}[kind]
