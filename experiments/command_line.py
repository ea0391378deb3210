"""Parsing command lines, reporting errors in one line, and printing results as text or as JSON."""

import contextlib
import difflib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar, get_args, get_type_hints

import tyro

from multicell_env.config import NetworkConfig
from multicell_env.networks.mean_gains import MeanGains, SparseGains, gains_from_json

POSITIONAL, ONE_WAY = (get_args(marked)[1] for marked in (tyro.conf.Positional[str], tyro.conf.FlagCreatePairsOff[bool]))
"""Tyro's markers of positional arguments, and of flags without a `--no-` form."""
Arguments = TypeVar("Arguments")

EXIT_CODES = """Exit codes:
  0    success; also a training that was stopped by Ctrl-C or SIGTERM and has saved its state
  1    an internal error, with a traceback; please report it
  2    an error in the input; one line on standard error gives the reason
  130  interrupted by Ctrl-C, other than in a training
  141  the reader of standard output, such as head, closed it early"""
UNKNOWN = "Unrecognized options: "
"""Start of tyro's message about unknown words."""
NEAR = 0.45
"""Least similarity (`difflib`'s ratio) of a flag to an unknown word for it to be suggested."""


@dataclass(frozen=True)
class Reporting:
    """What to print, and where."""

    quiet: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print errors only: no progress and no tables."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Print the result as JSON to standard output, and everything else to standard error."""


def unknown_words(words: list[str], flags: list[str]) -> str:
    """The error message for unknown words, with the most similar flag if there is one."""
    first = words[0]
    if not first.startswith("-"):
        return f"the command line must consist of flags and their values; got {first!r} beside them. Leave it out, or see --help."
    flag = first.split("=")[0]
    nearest = difflib.get_close_matches(flag, flags, n=1, cutoff=NEAR)
    hint = f"Did you mean {nearest[0]}? --help lists all flags." if nearest else "--help lists all flags."
    return f"unknown flag; got {flag}. {hint}"


def parse(
    kind: type[Arguments],
    argv: list[str],
    defaults: Arguments,
    *,
    examples: str = "",
    refusal: Callable[..., str] = unknown_words,
    others: Mapping[str, Arguments] = MappingProxyType({}),
    modes: Iterable[str] = (),
) -> Arguments:
    """Read a command line into a dataclass.

    Args:
        kind: The dataclass; its docstring and those of its fields are the help.
        argv: Words of the command line.
        defaults: Values of the arguments that are not given.
        examples: Lines to add to the help, below the dataclass's docstring.
        refusal: Makes the error message for unknown words, from these words and all flags.
        others: Defaults that have other flags, by the words that select them, such as "--algo apg". The error message for a flag of these
            names these words.
        modes: Flags that select another command line altogether. They are suggested for similar unknown words.

    Returns:
        The dataclass with the given values.

    Raises:
        ValueError: an unknown flag, or a value of a wrong type. The message is one line.
    """
    registry = tyro.constructors.ConstructorRegistry()

    @registry.primitive_rule
    def _mean_gains(info: tyro.constructors.PrimitiveTypeInfo) -> tyro.constructors.PrimitiveConstructorSpec[MeanGains | None] | None:
        if info.type != MeanGains | None:  # as one type, so that our own error message is shown and not tyro's for a union
            return None
        return tyro.constructors.PrimitiveConstructorSpec(
            nargs=1,
            metavar="JSON",
            instance_from_str=lambda words: None if words[0] == "None" else _gains(words[0]),
            is_instance=lambda value: value is None or isinstance(value, tuple | SparseGains),
            str_from_instance=lambda gains: [
                "None" if gains is None else json.dumps(asdict(gains) if isinstance(gains, SparseGains) else gains)
            ],
        )

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), registry:
            description = "\n\n".join(filter(None, (kind.__doc__, examples, EXIT_CODES)))
            return tyro.cli(kind, args=argv, default=defaults, description=description)
    except SystemExit as left:
        if left.code != 2:
            raise
    message = _in_one_line(said.getvalue())
    if not message.startswith(UNKNOWN.rstrip()):
        raise ValueError(f"{message}. See --help.")
    # tyro answers unknown words with a box that has the help of several flags; it is replaced by one line with the nearest flag.
    unknown = message.removeprefix(UNKNOWN.rstrip()).strip().split(", ")
    flag = unknown[0].split("=")[0].replace("_", "-")
    theirs = [choice for choice, other in others.items() if flag in _flags(kind, other)]
    if theirs:
        raise ValueError(f"{flag} is a flag of {theirs[0]} alone; got it without. Leave it out, or give {theirs[0]}.")
    raise ValueError(refusal(unknown, sorted({*_flags(kind, defaults), *modes, "--help"})))


def _flags(kind: type, defaults: object) -> Iterator[str]:
    """The flags of a dataclass and of nested dataclasses, without the names of groups."""
    hints = get_type_hints(kind, include_extras=True)
    for one in fields(kind):
        usual = one.default_factory() if callable(one.default_factory) else one.default
        value = getattr(defaults, one.name, usual)
        if is_dataclass(value):
            yield from _flags(type(value), value)
            continue
        about = getattr(hints[one.name], "__metadata__", ())
        if POSITIONAL not in about:
            name = next((extra.name for extra in about if getattr(extra, "name", None)), one.name).replace("_", "-")
            yield f"--{name}"
            if isinstance(value, bool) and ONE_WAY not in about:
                yield f"--no-{name}"


def _gains(word: str) -> MeanGains:
    try:
        given = json.loads(word)
        if not isinstance(given, dict) and not (isinstance(given, list) and all(isinstance(row, list) for row in given)):
            raise TypeError
        return gains_from_json(given)
    except (TypeError, ValueError):
        example = "[[1, 0.5], [0.5, 1]]"
        raise ValueError(f"must be a JSON list of lists of numbers, a row for each sending cell, such as {example}; got {word!r}") from None


def _in_one_line(box: str) -> str:
    """The message in tyro's box, without the box, its title, and the help below the first rule."""
    rows = [row.strip("│| ") for row in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()[1:]]
    rows = rows[1:] if rows and re.fullmatch("[─-]+", rows[0]) else rows  # where the terminal knows ASCII alone, the title is underlined
    rule = next((number for number, row in enumerate(rows) if re.fullmatch("[─-]{3,}", row)), len(rows))
    message = re.sub(r" Got errors: .*", "", " ".join(row for row in rows[:rule] if row)).rstrip(".")
    message = re.sub(r"^Error parsing (--\S+): must be ", r"\1 must be ", message)
    # A value that does not fit: a flag's kind stands in its help, the value in quotes at the end of the message.
    if found := re.fullmatch(r"Error parsing (--\S+): .*?\[?('.*?)\]?", message):
        kinds = [row.removeprefix(found[1]).strip() for row in rows[rule:] if row.startswith(f"{found[1]} ")]
        value = found[2] if found[2].endswith("'") else f"{found[2].split()[0]}...'"  # Python cuts long ones
        message = f"{found[1]} must be {kinds[0]}; got {value}" if kinds else message
    return re.sub(r"^Error parsing [a-z]+: ", "", message)


def report(reporting: Reporting, work: Callable[[], object]) -> None:
    """Do the work, and show what it prints, or its result as JSON.

    Args:
        reporting: What to print, and where.
        work: Returns a result for `json.dumps`.
    """
    with contextlib.ExitStack() as stack:
        if reporting.quiet:
            stack.enter_context(contextlib.redirect_stderr(stack.enter_context(open(os.devnull, "w"))))
        if reporting.quiet or reporting.json:
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
        result = work()
    if reporting.json:
        print(json.dumps(result, indent=2, allow_nan=False))


def check_positive(**numbers: int) -> None:
    """Refuse numbers below 1.

    Raises:
        ValueError: a number is below 1.
    """
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 1; got {number}. Give a positive whole number.")


def check_folder(**paths: Path | None) -> None:
    """Refuse output paths that cannot be directories, before anything is computed.

    Raises:
        ValueError: a path is a file, or lies in a file.
    """
    for name, path in paths.items():
        for place in () if path is None else (path, *path.parents):
            if place.exists() and not place.is_dir():
                raise ValueError(f"--{name.replace('_', '-')} must be a directory, existing or new; got {path}, where {place} is a file.")


def check_drawn(flag: str, network: NetworkConfig, usual: NetworkConfig) -> None:
    """Refuse flags of the network if another flag determines the networks.

    Args:
        flag: The flag that determines the networks, such as --scenarios.
        network: The network of the command line.
        usual: The network without any flags.

    Raises:
        ValueError: a field of the network was given.
    """
    for name, value in asdict(network).items():
        if value != getattr(usual, name):
            raise ValueError(
                f"{flag} determines the networks, so no flag may change them; got --{name.replace('_', '-')} {value} beside it. "
                "Leave one of the two out."
            )


def run_command(main: Callable[[list[str]], None]) -> None:
    """Run a command line, and exit with one of the `EXIT_CODES`.

    An error in the input is one line on standard error and exit code 2. An interruption other than in a training exits with 130. If the
    reader of standard output has closed it (`| head`), the exit code is 141, as a shell reports it, without a message.
    """
    sys.stdout, sys.stderr = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: SIM115  (None was closed by the parent process)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # no result is lost because of a character that a terminal cannot show
    try:
        main(sys.argv[1:])
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as error:
        # Rich turns a BrokenPipeError into a SystemExit with a code of its own.
        if not isinstance(error, BrokenPipeError) and not isinstance(error.__context__, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # Python flushes its buffer on exit
        sys.exit(141)
    except (ValueError, OSError) as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        sys.exit(2)
    except MemoryError as error:
        reason = " ".join(str(error).split()) or "no memory is left"
        print(f"error: the computation must fit into memory; {reason}. Give smaller sizes or fewer blocks.", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; files that were written before are complete", file=sys.stderr)
        sys.exit(130)


def printable(words: str) -> str:
    """The text with control characters escaped: names of files may have some, and terminals obey them."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else repr(sign)[1:-1] for sign in words)


def values_of(flag: str, argv: list[str]) -> list[str]:
    """The values of a flag on a command line, in both forms, `--flag value` and `--flag=value`."""
    following = [after for word, after in pairwise(argv) if word == flag]
    return following + [word.split("=", 1)[1] for word in argv if word.startswith(flag + "=")]
