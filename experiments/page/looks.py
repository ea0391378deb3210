"""How methods look on the page: the styles of the pictures in the words of SVG, and colours that are read on a dark ground too."""

from collections.abc import Sequence
from typing import Any

from matplotlib.colors import to_hex, to_rgb

from multicell_env.evaluation.pictures import style_of

DASHES = {"-": "", "--": "7 4", "-.": "7 3 2 3", ":": "2 3"}
"""Dashes by Matplotlib's names, pixels."""
LIGHT_ENOUGH = 0.3
"""Relative luminance of a colour on a dark ground, at least."""


def look_of(name: str, others: Sequence[str]) -> dict[str, Any]:
    """A method's label, its colours on light and on dark ground, its marker (None for none) and the dashes of its line.

    Args:
        name: The method's.
        others: All methods beside it, as for `style_of`.
    """
    style = style_of(name, others)
    dashes = style.get("linestyle", "-")
    return {
        "label": style["label"],
        "light": style["color"],
        "dark": on_dark(style["color"]),
        "marker": style.get("marker"),
        "dashes": DASHES[dashes] if isinstance(dashes, str) else " ".join(str(2 * length) for length in dashes[1]),
    }


def on_dark(colour: str) -> str:
    """The colour, or as much of white in it as makes it `LIGHT_ENOUGH`."""
    for tenths in range(11):
        red, green, blue = ((1.0 - tenths / 10.0) * part + tenths / 10.0 for part in to_rgb(colour))
        mixed = red, green, blue
        if luminance(mixed) >= LIGHT_ENOUGH:
            return to_hex(mixed)
    return "#ffffff"


def luminance(colour: Sequence[float]) -> float:
    """Relative luminance of red, green and blue in [0, 1].

    Source: W3C, Web Content Accessibility Guidelines 2.1, "relative luminance".
    """
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
