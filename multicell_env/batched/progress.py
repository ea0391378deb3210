"""Saving and restoring the state of a vectorised environment."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from multicell_env.channels.pool import RecordedChannels
from multicell_env.config import NetworkConfig
from multicell_env.kernels.running import BlockRunner

GIVEN = NetworkConfig | RecordedChannels | BlockRunner
"""Types of constructor arguments, which do not change and are not saved."""
Generators = dict[int, np.random.Generator]


class Progress:
    """Adds `state_dict` and `load_state_dict` to a vectorised environment.

    The state is all arrays, numbers and random generators in the attributes of the environment and of its parts. They are found by
    inspection, so that an array added to a part is saved too. Constructor arguments are not saved.
    """

    def state_dict(self) -> dict[str, Any]:
        """The full state of the environments: copies of arrays, numbers, and the states of random generators."""
        arrays, numbers, generators = _found(self)
        unique = {id(own): own for rows in generators.values() for own in rows.values()}
        index = {key: number for number, key in enumerate(unique)}
        return {
            "arrays": {path: array.copy() for path, array in arrays.items()},
            "numbers": {path: getattr(part, name) for path, (part, name) in numbers.items()},
            "generators": [own.bit_generator.state for own in unique.values()],
            "rows": {path: {row: index[id(own)] for row, own in rows.items()} for path, rows in generators.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state, so that the environments continue from it bit for bit.

        Args:
            state: From `state_dict` of environments with the same constructor arguments.

        Raises:
            KeyError, TypeError: `state` is not such a dict.
            ValueError: it is the state of environments with other arguments. These environments are then unchanged.
        """
        arrays, numbers, generators = _found(self)
        saved = {path: np.asarray(array) for path, array in state["arrays"].items()}
        for path in sorted({*arrays, *saved}):
            own, new = arrays.get(path), saved.get(path)
            if own is None or new is None or (own.shape, own.dtype) != (new.shape, new.dtype):
                shapes = " and ".join("none" if array is None else f"{array.dtype} {array.shape}" for array in (own, new))
                raise ValueError(f"the state must be of the same environments; {path} is {shapes}. Make them as they were.")
        if set(numbers) != set(state["numbers"]) or set(generators) != set(state["rows"]):
            raise ValueError("the state must be of the same environments; it has other parts. Make them as they were.")
        restored = [_generator(own) for own in state["generators"]]
        rows = {path: {int(row): restored[index] for row, index in of.items()} for path, of in state["rows"].items()}
        for path, array in arrays.items():
            array[...] = saved[path]
        for path, (part, name) in numbers.items():
            setattr(part, name, type(getattr(part, name))(state["numbers"][path]))
        for path, own in generators.items():
            own.clear()
            own.update(rows[path])


def _generator(state: dict[str, Any]) -> np.random.Generator:
    generator = np.random.Generator(np.random.PCG64())
    generator.bit_generator.state = state
    return generator


def _found(root: object) -> tuple[dict[str, np.ndarray], dict[str, tuple[Any, str]], dict[str, Generators]]:
    """Arrays, numbers (with their owner and name) and generators of rows, each by its path from the root."""
    arrays, numbers, generators = dict[str, np.ndarray](), dict[str, tuple[Any, str]](), dict[str, Generators]()
    seen, waiting = set[int](), [("", root)]
    while waiting:
        path, part = waiting.pop()
        for name, value in _attributes(part):
            place = f"{path}.{name}".lstrip(".")
            if type(value) in (bool, int) and not isinstance(part, tuple):
                numbers[place] = (part, name)
            elif isinstance(value, dict) and name in ("_generators", "_errors"):
                generators[place] = value
            elif id(value) not in seen:
                seen.add(id(value))
                if isinstance(value, np.ndarray):
                    # Integer arrays in tuples are indices of interferers. They do not change; copying can drop their read-only flag.
                    if value.flags.writeable and value.dtype.kind in ("bfc" if isinstance(part, tuple) else "biufc"):
                        arrays[place] = value
                elif _is_part(value):
                    waiting.append((place, value))
    return arrays, numbers, generators


def _attributes(part: object) -> Iterator[tuple[str, Any]]:
    if isinstance(part, tuple):
        yield from ((str(number), value) for number, value in enumerate(part))
    else:
        yield from vars(part).items()


def _is_part(value: object) -> bool:
    """Whether a value holds state that changes as blocks are played: tuples of arrays, and unfrozen objects of this package."""
    if isinstance(value, tuple):
        return True
    frozen = getattr(getattr(value, "__dataclass_params__", None), "frozen", False)
    return (
        type(value).__module__.startswith("multicell_env.") and hasattr(value, "__dict__") and not frozen and not isinstance(value, GIVEN)
    )
