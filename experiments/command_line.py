"""Reading command lines, refusing wrong ones in one line, and showing results to a person or to a script."""

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
"""How tyro marks what is no flag, and flags without a `--no-` form."""
Arguments = TypeVar("Arguments")

EXIT_CODES = """Exit codes:
  0    done, or a training stopped as asked (Ctrl-C, SIGTERM) with everything saved
  1    an error of ours: a traceback; please report it
  2    refused what was given, with one line on standard error that says why
  130  interrupted outside of training
  141  whoever read the output, as head does, left before its end"""
UNKNOWN = "Unrecognized options: "
"""How tyro begins to speak of words that stand for nothing."""
NEAR = 0.45
"""How much a flag must be like a word to be offered for it: the share of letters in common, in order."""


@dataclass(frozen=True)
class Reporting:
    """What is shown, and where."""

    quiet: tyro.conf.FlagCreatePairsOff[bool] = False
    """Show neither progress nor tables; errors still."""
    json: tyro.conf.FlagCreatePairsOff[bool] = False
    """Write the result as JSON to standard output, and everything else to standard error."""


def unknown_words(words: list[str], flags: list[str]) -> str:
    """A refusal of words that stand for nothing, with the nearest of all flags where there is one."""
    first = words[0]
    if not first.startswith("-"):
        return f"the command line must be flags and their values; got {first!r} beside them. Leave it out, or see --help."
    flag = first.split("=")[0]
    nearest = difflib.get_close_matches(flag, flags, n=1, cutoff=NEAR)
    hint = f"Did you mean {nearest[0]}? --help lists all." if nearest else "--help lists all."
    return f"a flag must be one that there is; got {flag}. {hint}"


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
        defaults: Values of what is not given.
        examples: Lines for the help, below the dataclass's docstring.
        refusal: What to say of words that stand for nothing, given them and all flags.
        others: Defaults that bring other flags, by the words that choose them; flags that only these bring are refused as theirs.
        modes: Flags that choose another command line altogether, to be offered for a word that is near.

    Raises:
        ValueError: a flag that there is not, or a value that does not fit; in one line.
    """
    registry = tyro.constructors.ConstructorRegistry()

    @registry.primitive_rule
    def _mean_gains(info: tyro.constructors.PrimitiveTypeInfo) -> tyro.constructors.PrimitiveConstructorSpec[MeanGains | None] | None:
        if info.type != MeanGains | None:  # as one type, so that what is wrong is said by us and not by a union
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
    # tyro answers unknown words with the help of several flags, drawn in a box; one line with the nearest flag says it.
    unknown = message.removeprefix(UNKNOWN.rstrip()).strip().split(", ")
    flag = unknown[0].split("=")[0].replace("_", "-")
    theirs = [choice for choice, other in others.items() if flag in _flags(kind, other)]
    if theirs:
        raise ValueError(f"{flag} is a flag of {theirs[0]} alone; got it without. Leave it out, or give {theirs[0]}.")
    raise ValueError(refusal(unknown, sorted({*_flags(kind, defaults), *modes, "--help"})))


def _flags(kind: type, defaults: object) -> Iterator[str]:
    """The flags of a dataclass, those of dataclasses in it included, whose names stand without their group's."""
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
    """What a parser said in a box, without the box, its title, and the help below the first rule."""
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
    """Do the work and show what it prints, or its result as JSON, as was asked for.

    Args:
        reporting: What was asked for.
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
        ValueError: one is.
    """
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 1; got {number}. Give a positive whole number.")


def check_folder(**paths: Path | None) -> None:
    """Refuse places for files that cannot be directories, before anything is computed for them.

    Raises:
        ValueError: one is a file, or in a file.
    """
    for name, path in paths.items():
        for place in () if path is None else (path, *path.parents):
            if place.exists() and not place.is_dir():
                raise ValueError(f"--{name.replace('_', '-')} must be a directory or one to be made; got {path}, where {place} is a file.")


def check_drawn(flag: str, network: NetworkConfig, usual: NetworkConfig) -> None:
    """Refuse flags of a network where networks are drawn or named.

    Args:
        flag: What says which networks there are.
        network: As the command line says it.
        usual: Without any flags.

    Raises:
        ValueError: one of the network's fields was given.
    """
    for name, value in asdict(network).items():
        if value != getattr(usual, name):
            raise ValueError(
                f"{flag} says which networks there are, so that no flag may change them; got --{name.replace('_', '-')} {value} beside it. "
                "Leave one of the two out."
            )


def run_command(main: Callable[[list[str]], None]) -> None:
    """Run a command line. A refusal is one line on standard error and exit code 2; an interruption outside of training exits with 130.

    Where whoever reads the output has left (`| head`), it exits with 141, as a shell reports it, and says nothing.
    """
    sys.stdout, sys.stderr = (stream or open(os.devnull, "w") for stream in (sys.stdout, sys.stderr))  # noqa: SIM115  (None was closed by whoever started us)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # no result is lost for a sign that a terminal cannot show
    try:
        main(sys.argv[1:])
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as error:
        # Rich turns the one into the other, with a code of its own.
        if not isinstance(error, BrokenPipeError) and not isinstance(error.__context__, BrokenPipeError):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered must go somewhere when Python exits
        sys.exit(141)
    except (ValueError, OSError) as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        sys.exit(2)
    except MemoryError as error:
        reason = " ".join(str(error).split()) or "no room is left"
        print(f"error: what was asked for must fit into memory; {reason}. Ask for less.", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted; what was written before is whole", file=sys.stderr)
        sys.exit(130)


def printable(words: str) -> str:
    """Words without signs that a terminal takes for commands, which names of files may have."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else repr(sign)[1:-1] for sign in words)


def values_of(flag: str, argv: list[str]) -> list[str]:
    """What follows a flag on a command line, in either of its two forms."""
    following = [after for word, after in pairwise(argv) if word == flag]
    return following + [word.split("=", 1)[1] for word in argv if word.startswith(flag + "=")]
