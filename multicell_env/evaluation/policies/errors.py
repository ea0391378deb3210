"""Errors of policies, told in one line."""

import contextlib
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path

from multicell_env.evaluation.policies.policy import AnyPolicy, is_batched, is_stacked

ROOT = Path(__file__).parents[3]


def in_one_line(error: BaseException) -> str:
    """An error in one line: its kind, its words, and the line of a user's own code in which it arose, where it did."""
    # By name: in a checkout the project's own folders lie beside a user's files.
    libraries = [ROOT / name for name in ("multicell_env", "agents", "experiments")]
    libraries += [Path(sysconfig.get_path(key)) for key in ("stdlib", "purelib", "platlib")]
    theirs = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and not any(Path(frame.filename).is_relative_to(folder) for folder in libraries)
    ]
    words = f"{type(error).__name__}: {' '.join(str(error).split()).rstrip('.')}"
    return f"{words} ({theirs[-1].filename}, line {theirs[-1].lineno})" if theirs else words


@contextlib.contextmanager
def told_of(name: str, policy: AnyPolicy) -> Iterator[None]:
    """Errors say whose they are, in one line, and with what the policy was called.

    Args:
        name: The policy's.
        policy: The policy.

    Raises:
        ValueError: anything was raised.
    """
    try:
        yield
    except ValueError as error:
        raise ValueError(f"policy {name!r}: {in_one_line(error).removeprefix('ValueError: ')}") from error
    except (Exception, SystemExit) as error:
        raise ValueError(f"policy {name!r} must return actions; it raised {in_one_line(error)}. {_called_with(policy)}") from error


def _called_with(policy: AnyPolicy) -> str:
    if is_stacked(policy):
        return (
            "It was called with one array [row, plane, band, user] of all cells of all blocks; one that takes {agent: array} says "
            "stacked = False."
        )
    axes = "[block, plane, band, user]" if is_batched(policy) else "[plane, band, user]"
    return f"It was called with {{agent: array {axes}}}; one that takes an array [row, plane, band, user] of all cells says stacked = True."
