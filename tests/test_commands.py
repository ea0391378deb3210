"""The command lines, run as a person runs them: what they leave on disk, and how they refuse."""

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from test_command_line import ROOT, call

import evaluate
import train

TINY_LEARNER = [
    *("--num-envs", "4", "--num-steps", "12", "--warmup-steps", "4", "--eval-interval", "4"),
    *("--eval-blocks", "5", "--final-blocks", "5", "--hidden-sizes", "8", "--batch-size", "8", "--buffer-size", "200"),
]
TINY = ["--num-slots", "4", *TINY_LEARNER]
METHODS = {"td3mix", "td3mix_opening", "flwf", "iwf", "sswf", "uniform", "random", "reuse", "planned", "assignment_bound"}


def command(script: str, *arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / script), *map(str, arguments)]


def run(cwd: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(script, *arguments), cwd=cwd, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A tiny run, made once for the tests that only look at one."""
    cwd = tmp_path_factory.mktemp("trained")
    done = run(cwd, "train.py", "--algo", "td3mix", "--name", "tiny", *TINY)
    assert done.returncode == 0, done.stderr
    (cwd / "output.txt").write_text(done.stdout)
    return cwd


def final_metrics(directory: Path) -> dict[str, str]:
    with open(directory / "metrics.csv") as file:
        row = list(csv.DictReader(file))[-1]
    del row["seconds"]
    return row


def contents(directory: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()}


def refusal(cwd: Path, script: str, *arguments: str) -> str:
    """What a command line says in one line where it refuses, with exit code 2. In this process: another takes seconds to import torch."""
    with contextlib.chdir(cwd):
        code, shown, said = call({"train.py": train, "evaluate.py": evaluate}[script], *arguments)
    assert (code, shown, len(said.splitlines())) == (2, "", 1)
    return said


def test_a_run_leaves_everything_that_it_promised(trained):
    directory = trained / "runs" / "tiny"
    names = {path.name for path in directory.iterdir()}
    expected = {
        "config.json",
        "metrics.csv",
        "checkpoint.pt",
        "best.pt",
        "best.safetensors",
        "learning_curve.png",
        "results.json",
        "comparison.png",
    }
    assert expected <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    config = json.loads((directory / "config.json").read_text())
    assert config["arguments"]["training"]["num_envs"] == 4
    assert config["arguments"]["seed"] == 0
    assert set(config["versions"]) >= {"torch", "tianshou", "numpy", "pettingzoo"}
    assert "git_commit" in config
    with open(directory / "metrics.csv") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["4", "8", "12"]
    for name in METHODS:
        assert name in (trained / "output.txt").read_text()


def test_results_json_has_the_published_form(trained):
    results = json.loads((trained / "runs" / "tiny" / "results.json").read_text())
    assert set(results["methods"]) == METHODS
    assert results["num_blocks"] == 5
    assert results["config"]["num_slots"] == 4
    for method in results["methods"].values():
        assert {"mean", "ci95"} <= set(method["last_slot"])
        assert {"mean", "ci95"} <= set(method["all_slots"])
        assert len(method["per_slot"]) == 4
        assert method["per_slot"][-1] == pytest.approx(method["last_slot"]["mean"])
        assert np.mean(method["per_slot"]) == pytest.approx(method["all_slots"]["mean"])
        assert method["ms_per_decision"] > 0
    bound = results["methods"]["assignment_bound"]
    assert bound["percent_of_bound"] == pytest.approx(100.0)
    assert bound["knowledge"] == "channels"
    assert results["methods"]["td3mix"]["knowledge"] == "own"
    assert results["methods"]["flwf"]["std_over_starts"] > 0


def test_a_run_of_apg_has_the_same_form_and_can_be_resumed(tmp_path):
    arguments = ["--num-slots", "4", "--num-envs", "4", "--num-steps", "12", "--eval-interval", "4", "--eval-blocks", "5"]
    done = run(tmp_path, "train.py", "--algo", "apg", "--name", "tiny", "--final-blocks", "5", "--hidden-sizes", "8", *arguments)
    assert done.returncode == 0, done.stderr
    directory = tmp_path / "runs" / "tiny"
    metrics = final_metrics(directory)
    results = json.loads((directory / "results.json").read_text())
    assert set(results["methods"]) == METHODS - {"td3mix", "td3mix_opening"} | {"apg", "apg_opening"}
    resumed = run(tmp_path, "train.py", "--resume", "runs/tiny")
    assert resumed.returncode == 0, resumed.stderr
    assert final_metrics(directory) == metrics
    assert metrics["step"] == "12"


def test_evaluating_twice_gives_the_same_numbers(trained):
    outputs = []
    for name in ("first", "second"):
        done = run(trained, "evaluate.py", "runs/tiny", "--num-blocks", "5", "--output", name)
        assert done.returncode == 0, done.stderr
        methods = json.loads((trained / name / "results.json").read_text())["methods"]
        outputs.append({key: {k: v for k, v in value.items() if k != "ms_per_decision"} for key, value in methods.items()})
    assert outputs[0] == outputs[1]
    assert set(outputs[0]) == METHODS | {"fp", "wmmse"}
    closing = json.loads((trained / "runs" / "tiny" / "results.json").read_text())["methods"]
    assert outputs[0]["td3mix"]["last_slot"] == closing["td3mix"]["last_slot"]


def test_evaluating_without_a_run_plays_the_actor_that_ships(tmp_path):
    done = run(tmp_path, "evaluate.py", "--num-blocks", "5")
    assert done.returncode == 0, done.stderr
    assert "td3mix_opening" in done.stdout
    assert (tmp_path / "results" / "comparison.png").stat().st_size > 10_000
    shipped = ROOT / "agents" / "pretrained" / "td3mix.safetensors"
    assert shipped.stat().st_size < 200_000


def test_the_shipped_actor_plays_on_a_network_of_another_size(tmp_path):
    done = run(tmp_path, "evaluate.py", "--num-blocks", "3", "--num-cells", "2", "--num-users", "2", "5", "--num-bands", "4")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "results" / "results.json").read_text())["config"]["num_users"] == [2, 5]


def test_a_run_that_exists_is_never_overwritten(trained):
    before = contents(trained / "runs")
    done = run(trained, "train.py", "--name", "tiny", *TINY)
    assert "runs/tiny exists, and runs are never overwritten. Give another --name" in done.stderr
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert contents(trained / "runs") == before


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
    wait_for(tmp_path / "runs" / "killed" / "checkpoint.pt", killed)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    steps = torch.load(tmp_path / "runs" / "killed" / "checkpoint.pt", weights_only=False)["training"]["steps_done"]
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
    wait_for(tmp_path / "runs" / "stopped" / "checkpoint.pt", process)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert "python train.py --resume runs/stopped" in output
    state = torch.load(tmp_path / "runs" / "stopped" / "checkpoint.pt", weights_only=False)
    assert state["training"]["steps_done"] >= 4
    assert f"after {state['training']['steps_done']} steps" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train.py", "--num-users", "9"], "got U=9, M=8. Raise num_antennas or lower num_users."),
        (["train.py", "--buffer-size", "2000000000"], "buffer_size must fit in memory; 2000000000 transitions"),
        (["train.py", "--algo", "apg", "--gamma", "0.5"], "--gamma"),
        (["train.py", "--algo", "apg", "--preset", "paper"], "--preset paper holds hyperparameters of td3mix; got --algo apg."),
        (["train.py", "--gamma", "1"], "gamma must be in [0, 1)"),
        (["train.py", "--seed", "-1"], "--seed must be from 0 to 4294967295; got -1. Give one of these."),
        (["train.py", "--eval-interval", "0"], "--eval-interval must be at least 1; got 0."),
        (["train.py", "--mean-gains", "[[1, 2]]"], "got shape (1, 2) for 3 cells"),
        (
            ["train.py", "--resume", "runs/none"],
            "there is no run in runs/none (config.json is missing). Give a directory that train.py made.",
        ),
        (["evaluate.py", "--num-blocks", "0"], "--num-blocks must be at least 1; got 0."),
    ],
)
def test_wrong_command_lines_are_refused_before_anything_is_written(tmp_path, arguments, message):
    assert message in refusal(tmp_path, *arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def copied(trained, tmp_path) -> Path:
    """A copy of the tiny run to damage."""
    for path, content in contents(trained / "runs" / "tiny").items():
        target = tmp_path / "runs" / "tiny" / Path(path).name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(
    ("script", "arguments", "file"),
    [
        ("train.py", ["--resume", "runs/tiny"], "checkpoint.pt"),
        ("train.py", ["--resume", "runs/tiny"], "config.json"),
        ("evaluate.py", ["runs/tiny"], "best.pt"),
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
    (copied / "runs" / "tiny" / "best.pt").unlink()
    done = run(copied, "train.py", "--resume", "runs/tiny")
    assert done.returncode == 0, done.stderr
    assert (copied / "runs" / "tiny" / "best.pt").exists()


def test_the_place_for_the_output_is_not_taken_for_the_run(copied):
    shutil.copytree(copied / "runs" / "tiny", copied / "runs" / "other")
    (copied / "runs" / "other" / "best.pt").unlink()
    done = run(copied, "evaluate.py", "--num-blocks", "2", "--output", "runs/other", "runs/tiny")
    assert done.returncode == 0, done.stderr


def test_evaluating_on_another_network_leaves_the_runs_own_results(copied):
    before = (copied / "runs" / "tiny" / "results.json").read_bytes()
    done = run(copied, "evaluate.py", "runs/tiny", "--num-blocks", "1", "--num-users", "3", "--sir-db", "inf")
    assert done.returncode == 0, done.stderr
    assert (copied / "runs" / "tiny" / "results.json").read_bytes() == before
    results = json.loads((copied / "results" / "results.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert results["methods"]["td3mix"]["last_slot"]["ci95"] is None
    assert results["config"]["sir_db"] == "inf"


@pytest.mark.parametrize("name", ["a/b", "..", "../a"])
def test_a_name_with_a_path_in_it_is_refused(tmp_path, name):
    assert "--name must be a plain name" in refusal(tmp_path, "train.py", "--name", name)


def test_nothing_is_loaded_from_an_actor_file_that_would_run_code(tmp_path, copied):
    class Exploit:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "hacked"),)

    torch.save({"format": 1, "network": Exploit()}, copied / "runs" / "tiny" / "best.pt")
    refusal(copied, "evaluate.py", "runs/tiny")
    assert not (tmp_path / "hacked").exists()
