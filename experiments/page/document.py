"""The page as one HTML file: template, style, script and data in one, all that users named as text."""

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
LARGEST = 5_000_000
"""Bytes of a page, at most."""


def document(contents: Mapping[str, Any]) -> str:
    """The whole file.

    Args:
        contents: From `contents`.

    Raises:
        ValueError: it would be larger than `LARGEST`.
    """
    parts = {
        "title": html.escape(contents["title"]),
        "style": (FOLDER / "page.css").read_text(),
        "script": "\n".join((FOLDER / name).read_text() for name in ("drawing.js", "page.js")),
        "data": embedded(contents),
    }
    # In one pass, so that nothing in the data is taken for a place of the template.
    page = re.sub(r"\{\{(\w+)\}\}", lambda place: parts[place[1]], (FOLDER / "page.html").read_text())
    if len(page.encode()) > LARGEST:
        raise ValueError(f"a page must be at most {LARGEST / 1e6:g} MB; got {len(page.encode()) / 1e6:.1f} MB. Play a smaller network.")
    return page


def embedded(contents: Mapping[str, Any]) -> str:
    """JSON that ends no script element and opens none, whatever stands in its strings."""
    text = json.dumps(contents, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def data_of(page: str) -> dict[str, Any]:
    """What a page holds.

    Args:
        page: The text of the file.

    Raises:
        ValueError: it is none of ours.
    """
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, flags=re.DOTALL)
    if found is None:
        raise ValueError("a page must be one that evaluate.py --html wrote; got a text without data. Give such a file.")
    return json.loads(found[1])
