"""What several files of this folder use: a file of policies, and a tiny run."""

from pathlib import Path

import pytest
from command_lines import RULES, TINY, contents, run


@pytest.fixture
def rules(tmp_path, monkeypatch) -> Path:
    """A working directory with a file of policies."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"rules_{tmp_path.name.replace('-', '_')}.py"  # a module is imported once in a process
    path.write_text(RULES)
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A tiny run, made once for the tests that only look at one."""
    cwd = tmp_path_factory.mktemp("trained")
    done = run(cwd, "train.py", "--algo", "td3mix", "--name", "tiny", *TINY)
    assert done.returncode == 0, done.stderr
    (cwd / "output.txt").write_text(done.stdout)
    return cwd


@pytest.fixture
def copied(trained, tmp_path) -> Path:
    """A copy of the tiny run to damage."""
    for path, content in contents(trained / "runs" / "tiny").items():
        target = tmp_path / "runs" / "tiny" / Path(path).name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return tmp_path
