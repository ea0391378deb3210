"""Runs that are stopped, killed or damaged, and how they go on."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command_lines import TINY, command, contents, final_metrics, refusal, run

from agents.checkpoints.trees import read_tree


def wait_for(path: Path, process: subprocess.Popen, seconds: float = 200.0) -> None:
    """Until a file is there; a process that ends before has failed."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, "the run ended before it wrote its checkpoint"
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.05)


def test_a_killed_run_goes_on_from_its_last_checkpoint_to_the_same_end(trained, tmp_path):
    long = [word if word != "12" else "40" for word in TINY]
    whole = run(tmp_path, "train.py", "--name", "whole", *long)
    assert whole.returncode == 0, whole.stderr
    killed = subprocess.Popen(
        command("train.py", "--name", "killed", *long), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(tmp_path / "runs" / "killed" / "checkpoint.safetensors", killed)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    steps = read_tree(tmp_path / "runs" / "killed" / "checkpoint.safetensors")["training"]["steps_done"]
    assert 0 < steps < 40
    resumed = run(tmp_path, "train.py", "--resume", "runs/killed")
    assert resumed.returncode == 0, resumed.stderr
    assert final_metrics(tmp_path / "runs" / "killed") == final_metrics(tmp_path / "runs" / "whole")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_stop_saves_and_says_how_to_go_on(tmp_path, number):
    endless = [word if word != "12" else "100000" for word in TINY]
    process = subprocess.Popen(
        command("train.py", "--name", "stopped", *endless), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for(tmp_path / "runs" / "stopped" / "checkpoint.safetensors", process)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert "python train.py --resume runs/stopped" in output
    state = read_tree(tmp_path / "runs" / "stopped" / "checkpoint.safetensors")
    assert state["training"]["steps_done"] >= 4
    assert f"after {state['training']['steps_done']} steps" in output


@pytest.mark.parametrize(
    ("script", "arguments", "file"),
    [
        ("train.py", ["--resume", "runs/tiny"], "checkpoint.safetensors"),
        ("train.py", ["--resume", "runs/tiny"], "config.json"),
        ("evaluate.py", ["runs/tiny"], "best.safetensors"),
    ],
)
@pytest.mark.parametrize("damage", ["missing", "cut", "nonsense"])
def test_missing_and_damaged_files_are_named_and_nothing_is_lost(copied, script, arguments, file, damage):
    path = copied / "runs" / "tiny" / file
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if damage == "cut" else b"nonsense")
    before = contents(copied)
    said = refusal(copied, script, *arguments)
    assert file in said
    assert ("damaged" in said) or ("there is no" in said)
    assert contents(copied) == before


def test_a_resumed_run_refuses_other_settings(copied):
    said = refusal(copied, "train.py", "--resume", "runs/tiny", "--gamma", "0.7")
    assert "keeps the settings that it has; got --gamma 0.7 beside --resume" in said


def test_a_finished_run_that_gets_more_steps_ends_where_a_longer_run_does(trained, tmp_path):
    shutil.copytree(trained / "runs" / "tiny", tmp_path / "runs" / "short")
    long = [word if word != "12" else "20" for word in TINY]
    whole = run(tmp_path, "train.py", "--name", "whole", *long)
    assert whole.returncode == 0, whole.stderr
    went_on = run(tmp_path, "train.py", "--resume", "runs/short", "--num-steps", "20")
    assert went_on.returncode == 0, went_on.stderr
    assert final_metrics(tmp_path / "runs" / "short") == final_metrics(tmp_path / "runs" / "whole")
    again, made = (
        json.loads((tmp_path / "runs" / name / "config.json").read_text())["arguments"]["training"] for name in ("short", "whole")
    )
    assert again == made  # what a further --resume goes by


def test_a_resumed_run_refuses_fewer_steps_than_it_has_done(copied):
    before = contents(copied)
    assert "of which 12 are done; got 8. Give more." in refusal(copied, "train.py", "--resume", "runs/tiny", "--num-steps", "8")
    assert contents(copied) == before


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_anew(trained, copied):
    directory = copied / "runs" / "tiny"
    for path in directory.iterdir():
        if path.name != "config.json":
            path.unlink()
    done = run(copied, "train.py", "--resume", "runs/tiny")
    assert done.returncode == 0, done.stderr
    assert final_metrics(directory) == final_metrics(trained / "runs" / "tiny")


def test_a_finished_run_whose_best_actor_is_gone_can_be_closed_again(copied):
    (copied / "runs" / "tiny" / "best.safetensors").unlink()
    done = run(copied, "train.py", "--resume", "runs/tiny")
    assert done.returncode == 0, done.stderr
    assert (copied / "runs" / "tiny" / "best.safetensors").exists()
