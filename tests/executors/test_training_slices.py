"""Trainings elsewhere: directories come back slice by slice, and a training goes on from what came back."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import work

from experiments.executors import training_slices
from experiments.executors.jobs import Workers
from experiments.executors.parents import guarded
from experiments.executors.training_slices import Training, train_elsewhere

FAKE_TRAIN = """
import json, os, signal, sys, time
from pathlib import Path

words = sys.argv[1:]
begun = "--resume" in words
directory = Path(words[words.index("--resume") + 1]) if begun else Path(words[1]) / words[3]
directory.mkdir(exist_ok=True)
if not begun:
    (directory / "config.json").write_text(json.dumps({"arguments": {"runs": words[1], "flags": words[4:]}}))
flags = json.loads((directory / "config.json").read_text())["arguments"]["flags"]
with open(directory / "calls", "a") as file:
    file.write("resumed " if begun else "begun ")
print("said something")
if "--fails" in flags:
    sys.exit(3)
if "--dies" in flags and not os.path.exists(flags[-1]):
    open(flags[-1], "w").close()
    os.kill(os.getpid(), signal.SIGKILL)
if "--long" in flags and not begun:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    time.sleep(600)
(directory / "results.json").touch()
"""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a train.py that only pretends."""
    root = tmp_path / "elsewhere"
    root.mkdir()
    (root / "train.py").write_text(FAKE_TRAIN)
    monkeypatch.setattr(training_slices, "ROOT", root)
    return root


def train(runs: Path, *trainings: Training, seconds: float = 60.0) -> None:
    with ThreadPoolExecutor(2) as executor:
        train_elsewhere(trainings, runs, Workers(executor, 2), seconds=seconds)


def calls(runs: Path, name: str) -> str:
    return (runs / name / "calls").read_text().strip()


@pytest.mark.usefixtures("elsewhere")
def test_directories_come_back_and_what_has_ended_is_not_trained_again(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    for _ in range(2):
        train(runs, Training("a", ("--seed", "1")), Training("b", ("--seed", "2")))
    assert [calls(runs, name) for name in "ab"] == ["begun", "begun"]
    arguments = json.loads((runs / "b" / "config.json").read_text())["arguments"]
    assert arguments == {"runs": str(runs), "flags": ["--seed", "2"]}
    assert (runs / "a.log").read_text() == "said something\n"
    assert sorted(path.name for path in runs.iterdir()) == ["a", "a.log", "b", "b.log"]


@pytest.mark.usefixtures("elsewhere")
def test_a_training_that_takes_longer_than_a_slice_comes_back_and_goes_on(tmp_path: Path) -> None:
    train(tmp_path / "runs", Training("a", ("--long",)), seconds=5.0)
    assert calls(tmp_path / "runs", "a") == "begun resumed"


@pytest.mark.usefixtures("elsewhere")
def test_a_training_that_a_signal_ended_is_tried_again(tmp_path: Path) -> None:
    train(tmp_path / "runs", Training("a", ("--dies", str(tmp_path / "died"))))
    assert calls(tmp_path / "runs", "a") == "begun"


@pytest.mark.usefixtures("elsewhere")
def test_a_training_that_fails_is_named_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"training a must end with a table; it did not \(exit code 3\)\. Read .*a\.log"):
        train(tmp_path / "runs", Training("a", ("--fails",)))


def test_paths_in_the_project_are_those_of_the_workers_checkout(tmp_path: Path, elsewhere: Path) -> None:
    actor = training_slices._Start(Training("a", ("--start-from", "/driver/agents/x")), b"", 60.0, "/driver")
    back = actor()
    training_slices._unpack(back.archive, tmp_path / "a")
    assert json.loads((tmp_path / "a" / "config.json").read_text())["arguments"]["flags"] == ["--start-from", f"{elsewhere}/agents/x"]


def test_a_guarded_script_ends_with_the_pipe_of_its_parent(tmp_path: Path) -> None:
    script = tmp_path / "long.py"
    script.write_text(f"import sys, time; sys.path[:0] = [{str(Path(work.__file__).parent)!r}]; import work; work.waiting(sys.argv[1], 0)")
    process = subprocess.Popen(guarded(str(script), str(tmp_path), patience=0.0), stdin=subprocess.PIPE)
    work.wait_until(lambda: work.begun(tmp_path))
    assert process.poll() is None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=20.0) != 0
    assert sys.executable in guarded(str(script))
