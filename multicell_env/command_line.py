"""Reading command lines, and refusing wrong ones in one line."""

import json
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any, TypeVar

import tyro

MeanGains = tuple[tuple[float, ...], ...]
Arguments = TypeVar("Arguments")


def parse(kind: type[Arguments], argv: list[str], defaults: Arguments) -> Arguments:
    """Read a command line into a dataclass."""
    registry = tyro.constructors.ConstructorRegistry()

    @registry.primitive_rule
    def _mean_gains(info: tyro.constructors.PrimitiveTypeInfo) -> tyro.constructors.PrimitiveConstructorSpec[Any] | None:
        if info.type != MeanGains:
            return None
        return tyro.constructors.PrimitiveConstructorSpec(
            nargs=1,
            metavar="JSON",
            instance_from_str=lambda words: tuple(tuple(float(gain) for gain in row) for row in json.loads(words[0])),
            is_instance=lambda value: isinstance(value, tuple),
            str_from_instance=lambda gains: [json.dumps(gains)],
        )

    with registry:
        return tyro.cli(kind, args=argv, default=defaults, description=kind.__doc__)


def check_positive(**numbers: int) -> None:
    """Refuse numbers below 1.

    Raises:
        ValueError: one is.
    """
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 1; got {number}. Give a positive whole number.")


def run_command(main: Callable[[list[str]], None]) -> None:
    """Run a command line. A refusal is one line on standard error and exit code 2; an interruption outside of training exits with 130."""
    try:
        main(sys.argv[1:])
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; what was written before is whole", file=sys.stderr)
        sys.exit(130)


def values_of(flag: str, argv: list[str]) -> list[str]:
    """What follows a flag on a command line, in either of its two forms."""
    following = [after for word, after in pairwise(argv) if word == flag]
    return following + [word.split("=", 1)[1] for word in argv if word.startswith(flag + "=")]
