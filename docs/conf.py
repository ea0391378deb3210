"""How the site is built: `sphinx-build -W --keep-going -n -b html docs build/docs`. Nothing in it needs a network, to build or to read."""

import re
import shutil
import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent / "_ext")]

from multicell_env import __version__  # noqa: E402 - found by the line above

project = "multicell-env"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "plain_docstrings",
    "mathml",
]
smartquotes_action = "D"  # dashes alone: "gain" is to be copied
exclude_patterns = ["_ext", "_static", "Thumbs.db"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # a part of the README begins at its second level

highlight_language = "text"  # what stands indented in a docstring is an equation

html_theme = "furo"
html_title = "multicell-env"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_copyright = False
toc_object_entries_show_parents = "hide"
copybutton_exclude = ".linenos, .gp, .go, .c1"  # a comment in a console block is for reading

autodoc_default_options = {"members": True, "member-order": "bysource", "show-inheritance": True}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
maximum_signature_line_length = 100
python_use_unqualified_type_names = True
add_module_names = False
napoleon_use_rtype = False
napoleon_use_param = True

nitpick_ignore_regex = [
    # Other libraries' types: their documentation is on the network, which this build does without.
    (
        r"py:.*",
        r"(abc|collections|gymnasium|jaxtyping|matplotlib|numpy|os|pathlib|pettingzoo|PIL|rich|stable_baselines3|tensordict|tianshou|torch|torchrl|typing)\..*",
    ),
    # What jaxtyping writes of them: the type and the names of its axes.
    (r"py:class", r"ndarray|Tensor"),
    # Type variables, which autodoc names and does not list; and kernels, which the reference leaves out.
    (r"py:.*", r"(agents\.learner\.)?(Config|Length)(_contra)?"),
    (r"py:.*", r"multicell_env\.kernels\..*"),
]


def _copy_report(site: Path) -> None:
    """The page of the benchmark goes into the site as it is."""
    (site / "benchmark").mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "docs" / "benchmark" / "report.html", site / "benchmark")


def setup(app: Sphinx) -> None:
    """Add the benchmark's page, and leave out lines for readers on a git host, who see the name of an included file, not what is in it."""
    app.connect("build-finished", lambda app, error: _copy_report(Path(app.outdir)))
    app.connect("source-read", lambda app, name, source: source.insert(0, re.sub(r"(?m)^\(On a git host: .*\n", "", source.pop())))
