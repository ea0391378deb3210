"""What a stored result depends on, and which commit it was made with."""

import shutil
import subprocess
from pathlib import Path

import pytest

from experiments.provenance import commit_of
from experiments.sources import MEASURING, PACKAGES, ROOT, closure, digest_of_sources


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the sources to edit."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.nb*"))
    return tmp_path


@pytest.mark.parametrize(
    ("file", "decides"),
    [
        ("agents/networks.py", True),
        ("agents/set_linear.py", True),
        ("multicell_env/model/waterfilling.py", True),
        ("multicell_env/kernels/simd.py", True),
        ("experiments/figures/equilibrium.py", True),
        ("multicell_env/version.py", False),
        ("multicell_env/evaluation/tables.py", False),
        ("agents/td3_mix/algorithm.py", False),
        ("experiments/figures/curves.py", False),
    ],
)
def test_an_edit_discards_points_where_it_can_change_them(project: Path, file: str, decides: bool) -> None:
    before = digest_of_sources(root=project)
    with open(project / file, "a") as source:
        source.write("# edited\n")
    assert (digest_of_sources(root=project) != before) == decides


def test_a_new_import_counts_wherever_it_stands(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents/__init__.py").write_text("from agents import other\n")
    for name in ("a", "b", "c", "other"):
        (tmp_path / f"agents/{name}.py").write_text("")
    (tmp_path / "agents/a.py").write_text("def late():\n    from agents.b import x\nimport agents.c, numpy\nfrom agents.missing import y\n")
    assert closure(["agents/a.py"], tmp_path) == {"agents/a.py", "agents/b.py", "agents/c.py"}
    (tmp_path / "agents/b.py").write_text("from agents import load, c\n")
    assert closure(["agents/a.py"], tmp_path) == {f"agents/{name}.py" for name in ("a", "b", "c", "__init__", "other")}


def test_what_makes_a_point_is_there() -> None:
    assert set(MEASURING) <= closure(MEASURING)
    assert all((ROOT / path).is_file() for path in closure(MEASURING))


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    return subprocess.run(["git", "-C", str(folder), *identity, *words], check=True, capture_output=True, text=True).stdout.strip()


def test_a_commit_is_that_of_the_checkout_that_tracks_the_file(tmp_path: Path) -> None:
    file = tmp_path / "site-packages" / "provenance.py"
    file.parent.mkdir()
    file.touch()
    assert commit_of(file) is None
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "somebody's own")
    assert commit_of(file) is None
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "tracked")
    assert commit_of(file) == git(tmp_path, "rev-parse", "HEAD")
    assert commit_of(tmp_path / "nowhere" / "file.py") is None
