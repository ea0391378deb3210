"""How the site is built: `sphinx-build -W --keep-going -n -b html docs build/docs`. Nothing in it needs a network, to build or to read."""

import re
import shutil
import sys
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent / "_ext")]

from internal_modules import INTERNAL  # noqa: E402 - found by the line above

from multicell_env import __version__  # noqa: E402 - as well

project = "multicell-env"
release = version = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "plain_docstrings",
    "mathml",
]
smartquotes_action = "D"  # dashes alone: "gain" is to be copied
exclude_patterns = ["_ext", "_static", "Thumbs.db"]

nb_execution_mode = "off"  # the notebook keeps its outputs; tests run it
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
    # Type variables, which autodoc names and does not list; and what is internal, which the reference leaves out.
    (r"py:.*", r"(agents\.learner\.)?(Config|Length|StackedEnv)(_contra)?"),
    (r"py:.*", rf"(multicell_env\.kernels|{'|'.join(map(re.escape, INTERNAL))})\..*"),
]


TOUR = ("../examples/tour.ipynb", "tour.ipynb")
"""The notebook in the project, and its copy in the site, which git ignores."""
NOTEBOOK, COPY = (Path(__file__).parent / path for path in TOUR)
if not COPY.exists() or COPY.read_bytes() != NOTEBOOK.read_bytes():
    shutil.copy(NOTEBOOK, COPY)


def as_on_the_site(app: Sphinx, name: str, source: list[str]) -> None:
    """A page as the site shows it: links to the notebook lead to its page, and lines for readers on a git host are left out.

    Those see the name of an included file, not what is in it.
    """
    source[0] = re.sub(r"(?m)^\(On a git host: .*\n", "", source[0].replace(f"({TOUR[0]})", f"({TOUR[1]})"))


def add_report(app: Sphinx, error: Exception | None) -> None:
    """The page of the benchmark goes into the site as it is."""
    folder = Path(app.outdir) / "benchmark"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "docs" / "benchmark" / "report.html", folder)


def setup(app: Sphinx) -> None:
    """Connect what rewrites and adds pages."""
    app.connect("source-read", as_on_the_site)
    app.connect("build-finished", add_report)
