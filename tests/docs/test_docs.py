"""The pages and the site: links, languages of blocks, what CONTRIBUTING says, the API reference, equations.

`test_docs_runs.py` runs what the pages show.
"""

import re
import runpy
from pathlib import Path

import pytest
from pages import FENCE, PAGES, ROOT, blocks, name

NOT_EXECUTED = {
    "text": "what a command prints",
    "bibtex": "for a bibliography",
    "matlab": "MATLAB is not installed",
    "{include}": "a part of the README, which is a page of its own here",
    "{toctree}": "the site's build reads it",
    "{eval-rst}": "the site's build reads it",
}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_block_is_of_a_language_that_is_executed_or_has_a_reason_not_to_be(page: Path) -> None:
    assert {language for language, _ in blocks(page)} <= {"python", "console", *NOT_EXECUTED}
    assert page.read_text().count("```") == 2 * len(list(blocks(page)))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_that_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_shows_python_in_short_blocks() -> None:
    shown = [text for language, text in blocks(ROOT / "README.md") if language == "python"]
    assert len(shown) >= 3
    assert max(len(text.splitlines()) for text in shown) <= 20


def test_the_machine_runs_what_contributing_says_before_you_push() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text().split("## Before you push")[1]
    (said, *_) = (text for _, language, text in FENCE.findall(section) if language == "console")
    assert (ROOT / ".ci" / "run").read_text().endswith(said)


INTERNAL = runpy.run_path(str(ROOT / "docs" / "_ext" / "internal_modules.py"))["INTERNAL"]
PAGE_OF = {"multicell_env": "environment", "batched": "environment", "rendering": "environment"}
"""Pages of the API reference that are not called as their folder."""


def is_internal(module: str) -> bool:
    """The compiled twins of the equations, a number, and what `docs/_ext` says."""
    return module.startswith("multicell_env.kernels.") or module == "multicell_env.version" or module in INTERNAL


def test_every_module_is_on_its_folders_page_of_the_api_reference_or_internal() -> None:
    files = [path for package in ("multicell_env", "agents") for path in (ROOT / package).rglob("[a-z]*.py")]
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files}
    assert modules >= set(INTERNAL)
    pages = {page.stem: page.read_text() for page in (ROOT / "docs" / "api").glob("*.md")}
    listed = {(stem, module) for stem, text in pages.items() for module in re.findall(r"(?m)^\.\. automodule:: (\S+)$", text)}
    folders = {module: module.removeprefix("multicell_env.").split(".")[0] for module in modules if not is_internal(module)}
    folders = {module: "multicell_env" if module == f"multicell_env.{folder}" else folder for module, folder in folders.items()}
    assert listed == {(PAGE_OF.get(folder, folder), module) for module, folder in folders.items()}
    assert set(re.findall(r"(?m)^(\w+)$", pages["index"].split("toctree")[1])) == set(pages) - {"index"}


def test_the_site_warns_of_an_equation_that_it_cannot_show(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    nodes = pytest.importorskip("docutils.nodes")
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    import mathml

    warned: list[str] = []
    monkeypatch.setattr(mathml.logger, "warning", lambda *args, **kwargs: warned.append(args[1]))
    assert "<mfrac>" in mathml._translate(nodes.math_block("", r"\frac{c}{p} \tag{7}"), as_block=True)
    assert mathml._translate(nodes.math_block("", r"\nosuchcommand"), as_block=True) == ""
    assert warned == [r"\nosuchcommand"]


def test_docstrings_keep_their_equations_code_and_bars_on_the_site(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    from plain_docstrings import as_rst

    lines = [
        "What `it` does to |w|.",
        "",
        "    p_f = a * b",
        "",
        "* `x`: of a_, --flag",
        "",
        "Args:",
        "    x: A `U_b`,",
        "        wrapped.",
    ]
    expected = ["What ``it`` does to \\|w\\|.", "", "::", "", "    p_f = a * b", "", "* ``x``: of a\\_, ``--flag``", ""]
    assert as_rst(lines) == [*expected, "Args:", "    x: A ``U_b``,", "        wrapped."]


def test_the_page_of_the_paper_names_code_and_tests_that_exist_and_is_short() -> None:
    page = (ROOT / "docs" / "paper.md").read_text()
    rows = re.findall(r"(?m)^\| [^|]+ \| [^|]+ \| (`[^|]+`) \| (`test_[^|]+`) \|$", page)
    assert len(rows) >= 12
    sources = "".join(
        path.read_text() for folder in ("multicell_env", "agents", "experiments", "tests") for path in (ROOT / folder).rglob("*.py")
    )
    for named in re.findall(r"`([\w.]+)`", " ".join(cell for row in rows for cell in row)):
        assert re.search(rf"(?m)^\s*(def|class) {named.split('.')[-1]}\b|^\s*{named}: ", sources), named
    prose = re.sub(r"(?m)^\|.*$", "", page)
    assert len(prose.split()) <= 1500
    equations = set(map(int, re.findall(r"\((\d+)\)", " ".join(re.findall(r"(?m)^\| ([^|]+) \|", page)))))
    assert equations == set(range(1, 24))
