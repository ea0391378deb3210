r"""Equations as MathML, written when the site is built: every browser of today shows it, with no script and no network.

docutils, which Sphinx stands on, translates LaTeX to MathML. It knows no `\tag{15}`, which is how an equation says its number in the paper:
the number is set at the right margin here. LaTeX that docutils does not understand is a warning, and so ends the build.
"""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)
TAG = re.compile(r"\\tag\{([^}]*)\}")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer `mathml`."""
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _inline(writer: Any, node: nodes.math) -> None:
    writer.body.append(_translate(node, as_block=False))
    raise nodes.SkipNode


def _display(writer: Any, node: nodes.math_block) -> None:
    tag = TAG.search(node.astext())
    number = f'<span class="eqno">({tag[1]})</span>' if tag else ""
    writer.body.append(f'<div class="math">{_translate(node, as_block=True)}{number}</div>\n')
    raise nodes.SkipNode


def _translate(node: nodes.Element, *, as_block: bool) -> str:
    latex = TAG.sub("", node.astext()).strip()
    try:
        return tex2mathml(latex, as_block=as_block)
    except MathError as error:
        logger.warning("this equation cannot be shown: %s (%s). Write it in LaTeX that docutils knows.", latex, error, location=node)
        return ""
