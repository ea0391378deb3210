r"""Docstrings of this project are plain text for a terminal, with Markdown's code spans. This makes reStructuredText of them, for napoleon.

* `name` becomes code, as it is in Markdown (a pair of backticks has no meaning of its own in reStructuredText), and so does a --flag.
* Outside of code, what reStructuredText would take for markup is text: `|w|` is no substitution, `a_` no link, `x*` no emphasis.
* An indented block after an empty line is an equation, and keeps its form.

A constant shows its value where that is short.
"""

import re
from typing import Any

from sphinx.application import Sphinx
from sphinx.util import inspect

SECTIONS = ("Args:", "Returns:", "Raises:", "Source:", "Yields:")
BEFORE_NAPOLEON = 100
CODE = re.compile(r"(`+)(.+?)\1|(?<![\w-])(--[a-z][a-z-]+)")
MARKUP = re.compile(r"([\\|*_])")


LONGEST_VALUE = 80
_described = inspect.object_description


def setup(app: Sphinx) -> dict[str, bool]:
    """Rewrite every docstring that autodoc shows, and shorten values."""
    inspect.object_description = _short_value
    app.connect("autodoc-process-docstring", _process, priority=BEFORE_NAPOLEON)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    lines[:] = as_rst(lines)
    if what in ("attribute", "data", "property"):
        lines[:0] = ["..", ""]  # an empty comment: napoleon reads words before a colon in the first line as a type


def _short_value(value: Any, **words: Any) -> str:
    text = _described(value, **words)
    return text if len(text) <= LONGEST_VALUE else "..."


def as_rst(lines: list[str]) -> list[str]:
    """The lines of a docstring, without its own indentation, as reStructuredText."""
    rst: list[str] = []
    section, depth, equation = "", 0, False
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.strip() in SECTIONS:
            section = line.strip()
        elif line.strip() and not indent:
            section = ""
        after_gap = bool(rst) and not rst[-1].strip()
        if line.strip():
            if not equation and after_gap and indent >= depth + 4 and not section:
                equation = True
                rst += ["::", ""]
            elif equation and indent < 4:
                equation = False
            if not equation:
                depth = indent
        rst.append(line if equation else _escaped(line))
    return rst


def _escaped(line: str) -> str:
    """The text of a line, in which only code spans and the mark of a list are markup."""
    bullet = re.match(r"\s*\* ", line)
    start = bullet.end() if bullet else 0
    text = line[start:]
    parts, end = [line[:start]], 0
    for code in CODE.finditer(text):
        parts += [MARKUP.sub(r"\\\1", text[end : code.start()]), f"``{code[2] or code[3]}``"]
        end = code.end()
    return "".join(parts) + MARKUP.sub(r"\\\1", text[end:])
