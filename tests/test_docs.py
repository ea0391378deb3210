"""What the documents show works: every Python block and every command line, in the order in which a reader meets them.

Python runs as it is printed. Command lines of the page that shows a beginner's way (train, evaluate, resume, load) run on few steps and
blocks; those of the other pages are started, and stopped where their own parser has read them. `pytest -n 0 -m release tests/test_docs.py`
runs every line as it is printed, for hours.
"""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import tyro

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN = ROOT / "docs" / "start.md"
PAGES_WITH_BLOCKS = [page for page in PAGES if re.search(r"(?m)^```(python|console)$", page.read_text())]
FENCE = re.compile(r"(?ms)^(```+)([^\n]*)\n(.*?)^\1$")
NOT_EXECUTED = {
    "text": "what a command prints",
    "bibtex": "for a bibliography",
    "{include}": "a part of the README, which is a page of its own here",
    "{toctree}": "the site's build reads it",
    "{eval-rst}": "the site's build reads it",
}
NOT_RUN = {
    "python3 -m venv": ".ci/run makes an environment and installs into it",
    ". .venv/bin/activate": ".ci/run makes an environment and installs into it",
    "pip install": ".ci/run makes an environment and installs into it",
    "pre-commit install": "it would change the reader's own clone",
    "ruff": ".ci/run",
    "pyright": ".ci/run",
    "sphinx-build": ".ci/run",
    "bash .ci/run": "what would be running it",
    "pytest": "what is running",
}
FEW = {
    "train.py": [
        *("--num-steps", "2", "--num-envs", "2", "--warmup-steps", "1"),
        *("--eval-interval", "2", "--eval-blocks", "1", "--final-blocks", "2"),
    ],
    "evaluate.py": ["--num-blocks", "2"],
}


class ParsedError(BaseException):
    """A command line was read to its end; nothing that a script catches."""


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Language and text of every fenced block."""
    for _, language, text in FENCE.findall(page.read_text()):
        yield language.split(" ")[0], text


def commands(text: str) -> Iterator[list[str]]:
    """The words of every command of a console block."""
    for line in text.replace("\\\n", " ").splitlines():
        for command in line.split(" && "):
            if words := shlex.split(command, comments=True):
                yield words


def run_on_few(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a script of the project in this process, as its command line would be, on few steps and blocks."""
    few = [] if "--resume" in words else FEW[words[0]]  # a resumed run keeps its settings
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", [*words, *few])
        runpy.run_path(str(ROOT / words[0]), run_name="__main__")


def read_only(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Start a script of the project in this process, and stop it where it has read its command line or starts another program."""
    read = tyro.cli

    def read_and_stop(*args, **kwargs) -> object:
        result = read(*args, **kwargs)
        if kwargs.get("return_unknown_args") and result[1]:
            return result  # who asks for what is left refuses it
        raise ParsedError(result)

    def stop(*args, **kwargs) -> None:
        raise ParsedError

    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", words)
        for target in ("tyro.cli", "venv.create", "subprocess.Popen.__init__"):
            patch.setattr(target, read_and_stop if target == "tyro.cli" else stop)
        with pytest.raises(ParsedError):
            runpy.run_path(str(ROOT / words[0]), run_name="__main__")


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project to write in, and the working directory."""
    for folder in ("docs", "agents", "multicell_env", "benchmarks", "examples"):
        if (ROOT / folder).exists():
            shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for script in ROOT.glob("*.py"):
        shutil.copy(script, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", PAGES_WITH_BLOCKS, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_shows_works(page: Path, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    namespace: dict[str, object] = {}
    for language, text in blocks(page):
        if language == "python":
            exec(compile(text, str(page), "exec"), namespace)
        elif language == "console":
            for words in commands(text):
                if words[0] == "python":
                    (run_on_few if page == RUN else read_only)(words[1:], monkeypatch)
                else:
                    assert " ".join(words).startswith(tuple(NOT_RUN)), words


@pytest.mark.release
@pytest.mark.parametrize("page", PAGES_WITH_BLOCKS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_works_as_it_is_printed(page: Path, clone: Path) -> None:
    for name, text in re.findall(r"say `(\w+\.py)`:\n\n```python\n(.*?)```", page.read_text(), flags=re.DOTALL):
        (clone / name).write_text(text)  # what the reader was told to put into a file
    for language, text in blocks(page):
        for words in commands(text) if language == "console" else ():
            if words[0] == "python":
                assert subprocess.run([sys.executable, *words[1:]], cwd=clone, check=False).returncode == 0, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_block_is_of_a_language_that_is_executed_or_has_a_reason_not_to_be(page: Path) -> None:
    assert {language for language, _ in blocks(page)} <= {"python", "console", *NOT_EXECUTED}
    assert page.read_text().count("```") == 2 * len(list(blocks(page)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_shows_python_in_short_blocks() -> None:
    shown = [text for language, text in blocks(ROOT / "README.md") if language == "python"]
    assert len(shown) >= 3
    assert max(len(text.splitlines()) for text in shown) <= 20


def test_a_command_line_with_an_unknown_flag_is_refused(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        read_only(["evaluate.py", "--generalise", "--no-such-flag"], monkeypatch)
    with pytest.raises(SystemExit):
        read_only(["train.py", "--algo", "no-such-algorithm"], monkeypatch)


def test_commands_are_read_from_a_block_as_a_shell_would() -> None:
    text = "python a.py --b 'c d' \\\n    --e   # a comment\n\npip install x && python f.py\n"
    assert list(commands(text)) == [["python", "a.py", "--b", "c d", "--e"], ["pip", "install", "x"], ["python", "f.py"]]


def test_the_machine_runs_what_contributing_says_before_you_push() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text().split("## Before you push")[1]
    (said, *_) = (text for _, language, text in FENCE.findall(section) if language == "console")
    assert (ROOT / ".ci" / "run").read_text().endswith(said)


INTERNAL = {
    *("simd", "slot_kernel", "block_kernel", "version"),  # compiled twins of the equations, and a number
    *("command_line", "figure_command", "figure_files", "paper_figures", "curves", "claims", "measurement", "sweep"),  # the commands
    *("trainings", "provenance", "scenario_figure", "named_policies", "scenario_comparison"),
}


def test_every_module_is_in_the_api_reference_or_internal() -> None:
    files = [path for folder in ("multicell_env", "agents") for path in (ROOT / folder).rglob("[a-z]*.py")]
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files}
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "api").glob("*.md"))
    listed = set(re.findall(r"(?m)^\.\. automodule:: (\S+)$", pages))
    assert listed == modules - {f"multicell_env.{name}" for name in INTERNAL}


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
