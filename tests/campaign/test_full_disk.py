"""A disk that is full while a training runs: a small file system of its own, where the system lets one be made."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from killed_commands import ROOT, TRAINING

pytestmark = pytest.mark.campaign


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 kB."""
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(tmp_path)], check=False) if os.geteuid() == 0 else None
    if made is None or made.returncode != 0:
        pytest.skip("only root may mount a file system, and not everywhere")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="needs tmpfs")
def test_a_training_on_a_full_disk_ends_with_one_line_and_goes_on_when_there_is_room(disk: Path) -> None:
    def train(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "train.py"), *words, "--quiet"], cwd=disk, text=True, capture_output=True, check=False
        )

    stopped = train("--name", "one", *TRAINING)
    assert stopped.returncode == 2
    assert stopped.stderr.startswith("error: runs/one/")
    assert "must be written; got: No space left on device" in stopped.stderr
    assert stopped.stderr.count("\n") == 1
    subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
    resumed = train("--resume", "runs/one")
    assert resumed.returncode == 0, resumed.stderr
    assert not [path.name for path in (disk / "runs/one").iterdir() if path.suffix == ".partial"]
    assert (disk / "runs/one/results.json").exists()
