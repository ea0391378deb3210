"""The pages of the project: their fenced blocks, and the commands in those."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("agents", "benchmarks", "docs", "examples", "multicell_env", "tests")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])
LOOP = re.compile(r"(?ms)^for (\w+) in ([^;\n]+); do\n(.*?)^done$")
FENCE = re.compile(r"(?ms)^(```+)([^\n]*)\n(.*?)^\1$")


def name(page: Path) -> str:
    """Where it is in the project."""
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Language and text of every fenced block."""
    for _, language, text in FENCE.findall(page.read_text()):
        yield language.split(" ")[0], text


def unrolled(text: str) -> str:
    """A text with the turns of a shell's loops one after another."""
    return LOOP.sub(lambda loop: "".join(re.sub(rf"\${loop[1]}\b", turn, loop[3]) for turn in loop[2].split()), text)


def commands(text: str) -> Iterator[list[str]]:
    """The words of every command of a console block."""
    for line in unrolled(text).replace("\\\n", " ").splitlines():
        for command in line.split(" && "):
            if words := shlex.split(command, comments=True):
                yield words
