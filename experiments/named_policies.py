"""Policies that a command line names as `module:callable` or `file.py:callable`."""

import difflib
import functools
import importlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import cloudpickle

from multicell_env.evaluation.policies import AnyPolicy, Policy, as_policy, in_one_line, is_stacked, shown_name
from multicell_env.observation import Observation

ACTING_SLOTS = 3
"""How many slots a policy acts in before it leaves the negotiation alone, in the mode between every slot and the first alone."""


def modes(acting_slots: int = ACTING_SLOTS) -> dict[str, int | None]:
    """How many slots a policy acts in, None being all, by what its name then ends in."""
    return {shown_name("", slots): slots for slots in (None, acting_slots, 1)}


class NamedPolicy:
    """A policy that says itself what it sees and takes.

    Args:
        call: From observations of all agents to their actions, or a torch module.
        observation: What it sees.
        batched: Whether it takes arrays `{agent: [block, ...]}` of all blocks at once.
    """

    def __init__(self, call: AnyPolicy, observation: Observation, batched: bool) -> None:
        self.call, self.observation, self.batched = as_policy(call), observation, batched
        self.stacked = is_stacked(self.call)
        self.reset, self.seed = (getattr(call, attribute, None) for attribute in ("reset", "seed"))

    def __call__(self, observations: Any) -> Any:
        """Actions of all agents, or of all rows."""
        return self.call(observations)

    def __reduce__(self) -> tuple[Callable[[bytes], Any], tuple[bytes]]:
        """Pickled with the code of its module, which other machines have not."""
        return _unpickled, (cloudpickle.dumps((self.call, self.observation, self.batched)),)


def _unpickled(content: bytes) -> NamedPolicy:
    return NamedPolicy(*cloudpickle.loads(content))


def named_policies(
    words: Iterable[str], *, taken: Collection[str] = (), observation: Observation = "gain", batched: bool = False
) -> dict[str, NamedPolicy]:
    """Policies by their names: the callable's own, or what stands before `=`.

    Importing a module runs it. A module is looked for in the working directory too.

    Args:
        words: Each `module:callable`, `path/to/file.py:callable` or `name=module:callable`.
        taken: Names of other methods.
        observation: What a callable without an attribute `observation` sees.
        batched: Whether a callable without an attribute `batched` takes all blocks at once.

    Raises:
        ValueError: there is no such module or attribute, the module raises, it is no callable, or its name is another method's.
    """
    found: dict[str, NamedPolicy] = {}
    for word in words:
        given, _, target = word.rpartition("=")
        module, _, attribute = target.rpartition(":")
        if not module or not attribute:
            raise ValueError(
                f"a policy must be module:callable or path/to/file.py:callable; got {word!r}. Name the callable after a colon."
            )
        call = _callable(module, attribute)
        name = given or getattr(call, "__name__", attribute.split(".")[-1]).strip("<>")
        if not re.fullmatch(r"[\w.+-]+", name):
            raise ValueError(f"a policy's name must be letters, digits and _ . + -; got {name!r}. Choose another: NAME={target}.")
        others = {*taken, *(other + ending for other in found for ending in modes())}
        if clash := {name + ending for ending in modes()} & others:
            raise ValueError(f"a policy must have a name of its own; got {name!r} beside {sorted(clash)}. Choose another: NAME={target}.")
        found[name] = NamedPolicy(call, getattr(call, "observation", observation), getattr(call, "batched", batched))
    return found


def _callable(module: str, attribute: str) -> Policy:
    names, value = attribute.split("."), _module(module)
    if "site-packages" not in str(getattr(value, "__file__", "")):
        cloudpickle.register_pickle_by_value(value)
    for name in names:
        if not hasattr(value, name):
            near = difflib.get_close_matches(name, [other for other in vars(value) if not other.startswith("_")], n=1)
            remedy = f"Did you mean {near[0]}?" if near else "Define it there."
            raise ValueError(f"a policy must be defined in its module; got {name!r}, which {module} has not. {remedy}")
        value = getattr(value, name)
    if inspect.isclass(value):
        raise ValueError(f"a policy must be a callable from observations to actions; got the class {attribute}. Name an instance of it.")
    if not callable(value):
        raise ValueError(f"a policy must be a callable from observations to actions; got {attribute} = {value!r:.60}. Name a function.")
    return cast(Policy, value)


@functools.cache
def _module(name: str) -> ModuleType:
    path = Path(name)
    is_file = path.suffix == ".py" or len(path.parts) > 1
    if is_file and not path.is_file():
        raise ValueError(f"a policy's module must exist; got {name}, which is no file. Give path/to/file.py:callable.")
    # Behind everything else, so that a file of the same name hides no module of a library.
    folder = str(path.parent.resolve()) if is_file else os.getcwd()
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        return _of_file(path) if is_file else importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or (name != error.name and not name.startswith(f"{error.name}.")):
            raise ValueError(f"policy module {name} must import; it raised {in_one_line(error)}. Install what it needs.") from error
        raise ValueError(
            f"a policy's module must exist; got {name}, which is neither in {folder} nor installed. Give module:callable or "
            "path/to/file.py:callable."
        ) from error
    except (Exception, SystemExit) as error:
        raise ValueError(f"policy module {name} must import; it raised {in_one_line(error)}. Correct it there.") from error


def _of_file(path: Path) -> ModuleType:
    name = path.stem if path.stem not in sys.modules else f"{path.stem}_{abs(hash(path.resolve()))}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles look for it there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
