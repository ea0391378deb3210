"""The command lines, run as a person runs them: what they leave on disk, and how they refuse."""

import csv
import json
import os
import shutil

import numpy as np
import pytest
import torch
from command_lines import ROOT, TINY, contents, final_metrics, refusal, run

from multicell_env import NetworkConfig
from multicell_env.allocations.registry import ALLOCATIONS, QUICK_METHODS

METHODS = {"td3mix", "td3mix_opening", *(name for name in QUICK_METHODS if ALLOCATIONS[name].is_possible(NetworkConfig()))}


def test_a_run_leaves_everything_that_it_promised(trained):
    directory = trained / "runs" / "tiny"
    names = {path.name for path in directory.iterdir()}
    expected = {
        "config.json",
        "metrics.csv",
        "checkpoint.safetensors",
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
        assert [row["step"] for row in csv.DictReader(file)] == ["0", "4", "8", "12"]
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


def test_the_place_for_the_output_is_not_taken_for_the_run(copied):
    shutil.copytree(copied / "runs" / "tiny", copied / "runs" / "other")
    (copied / "runs" / "other" / "best.safetensors").unlink()
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
    assert "--name must be a file name that is valid" in refusal(tmp_path, "train.py", "--name", name)


def test_nothing_is_loaded_from_an_actor_file_that_would_run_code(tmp_path, copied):
    class Exploit:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "hacked"),)

    torch.save({"format": 1, "network": Exploit()}, copied / "runs" / "tiny" / "best.pt")
    (copied / "runs" / "tiny" / "best.safetensors").unlink()
    assert "best.pt" in refusal(copied, "evaluate.py", "runs/tiny")
    assert not (tmp_path / "hacked").exists()
