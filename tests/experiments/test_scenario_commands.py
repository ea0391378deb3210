"""The command lines on many networks, run as a person runs them."""

import json

import numpy as np
import pytest
from command_lines import ROOT, TINY_LEARNER, final_metrics, refusal, run

from agents.saved_actor import load_actor
from experiments.studies import scenario_comparison
from multicell_env.scenarios import PAPER_SETTINGS, UNSEEN

MANY = ["--scenarios", "unequal-load", "--num-networks", "3"]
APG = ["--algo", "apg", "--num-envs", "4", "--num-steps", "8", "--eval-interval", "4", "--eval-blocks", "2", "--final-blocks", "2"]


@pytest.mark.parametrize("settings", [TINY_LEARNER, APG], ids=["td3mix", "apg"])
def test_a_run_on_many_networks_ends_with_a_table_and_evaluates_on_its_own_scenario(tmp_path, settings):
    done = run(tmp_path, "train.py", "--name", "many", *MANY, *settings)
    assert done.returncode == 0, done.stderr
    assert "networks of the scenario unequal-load, one block each" in done.stdout
    assert float(final_metrics(tmp_path / "runs" / "many")["percent_all_slots"]) > 0.0
    again = run(tmp_path, "evaluate.py", "runs/many", "--num-blocks", "2", "--output", "again")
    assert again.returncode == 0, again.stderr
    results = json.loads((tmp_path / "again" / "results.json").read_text())
    assert results["scenario"] == "unequal-load"
    assert results["num_blocks"] == 2


def test_a_scenario_that_does_not_exist_is_refused_before_anything_is_written(tmp_path):
    for script in ("train.py", "evaluate.py"):
        assert "scenarios must be one of mixture, paper, any-sir" in refusal(tmp_path, script, "--scenarios", "mars")
    assert list(tmp_path.iterdir()) == []


def test_the_actor_for_every_network_ships_small_and_plays_all_named_networks(tmp_path):
    path = ROOT / "agents" / "pretrained" / "generalist.safetensors"
    assert path.stat().st_size < 200_000
    assert load_actor(path).metadata["scenarios"] == "mixture"
    done = run(tmp_path, "evaluate.py", "--generalise", "--num-blocks", "1", "--output", "out", "--acting-slots", "5")
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "out" / "generalise.json").read_text())
    assert set(content) == set(PAPER_SETTINGS) | set(UNSEEN)
    for network in content.values():
        assert {"generalist", "generalist_5", "generalist_opening", "flwf", "reuse", "assignment_bound"} <= set(network["methods"])
        assert np.isfinite(network["methods"]["generalist"]["percent_of_bound"])


def test_a_shipped_actor_plays_by_its_name_on_the_network_that_it_was_trained_on(tmp_path):
    done = run(tmp_path, "evaluate.py", "damped", "--num-blocks", "2")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "results" / "results.json").read_text())["config"]["damping_in_action"]


def test_an_actor_of_a_scenarios_own_is_trained_once_and_played_then(tmp_path, monkeypatch):
    monkeypatch.setattr(scenario_comparison, "OWN_RUNS", tmp_path)
    asked = []

    def train(words, output):
        asked.append(words)
        directory = tmp_path / words[words.index("--name") + 1]
        directory.mkdir()
        (directory / "best.safetensors").touch()
        return 0

    monkeypatch.setattr(scenario_comparison, "run_training", train)
    for _ in range(2):
        assert scenario_comparison._own("small", lambda path: path, ("--num-bands", "3")) == {"own": tmp_path / "own-small"}
    assert asked == [("--runs", str(tmp_path), "--name", "own-small", "--num-bands", "3")]
