"""The preset of rounds on several scenarios, trained, resumed and evaluated as a person runs it."""

import csv
import json
import shlex
import shutil

import pytest
import torch
from command_lines import call

import evaluate
import train
from agents.checkpoints.trees import read_tree
from agents.files import facts_of
from agents.loading import load
from agents.run_directory import RunDirectory
from multicell_env.evaluation.users import USER_MEASURES, UTILITY_MEASURES

TINY = (
    "--algo apg --preset rounds --scenarios asymmetric,unequal-load --num-networks 2 --num-blocks 4 --num-envs 2 --hidden-sizes 4 "
    "--batch-growth 1 --eval-interval 2 --eval-blocks 1 --final-blocks 1 --quiet"
)


def average(name):
    return read_tree(f"runs/{name}/checkpoint.safetensors")["training"]["average"]


def test_one_actor_for_several_scenarios_learns_resumes_and_is_compared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, count in (("whole", 4), ("parts", 2)):
        assert call(train, *shlex.split(f"{TINY} --name {name} --num-steps {count}"))[0] == 0
    assert call(train, *shlex.split("--resume runs/parts --num-steps 4 --quiet"))[0] == 0
    for key, weight in average("whole").items():
        assert torch.equal(weight, average("parts")[key])
    facts = facts_of(tmp_path / "runs" / "whole" / "best.safetensors")["metadata"]
    assert (facts["scenarios"], facts["config"]["action"], facts["observation"]) == ("asymmetric,unequal-load", "price", "price")
    results = json.loads((tmp_path / "runs" / "whole" / "unequal-load.json").read_text())
    assert {"apg_rounds", "apg_rounds_then_pricing", "pricing"} <= set(results["methods"])

    code, shown, said = call(evaluate, *shlex.split("runs/whole --scenarios asymmetric,unequal-load --num-blocks 2 --json"))
    assert code == 0, said
    scenarios = json.loads(shown)["scenarios"]
    assert list(scenarios) == ["asymmetric", "unequal-load"]
    for methods in scenarios.values():
        assert {"apg_rounds", "apg_rounds_then_pricing", "pricing", "pricing_from_plan", "planned", "flwf", "reuse"} <= set(methods)
        for row in methods.values():
            assert set(row) == {"percent_of_best_known", "minus_planned", "knowledge", "measurements", *USER_MEASURES}
            assert set(row["percent_of_best_known"]) == {"first", "last", "mean"}
            assert all(0.0 < percent <= 100.0 for percent in row["percent_of_best_known"].values())
        assert methods["apg_rounds"]["measurements"] == {"rounds_per_slot": 5, "pilots": ["ingr", "price"]}
        assert methods["apg_rounds_then_pricing"]["measurements"] == methods["pricing"]["measurements"]
        assert methods["planned"]["minus_planned"] == {"mean": 0.0, "ci95": 0.0}
    assert (tmp_path / "results" / "scenarios" / "scenarios.png").exists()


def test_scenarios_are_judged_by_a_utility_where_fairness_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, shown, said = call(evaluate, *shlex.split("rounds --scenarios asymmetric,unequal-load --fairness 1 --num-blocks 2 --json"))
    assert code == 0, said
    assert "2 networks of the scenario asymmetric, one block each, fairness 1" in " ".join(said.split())
    for methods in json.loads(shown)["scenarios"].values():
        assert all(set(UTILITY_MEASURES) <= set(row) for row in methods.values())
        assert max(row["utility_minus_best_known"]["mean"] for row in methods.values()) <= 0.0
        assert methods["planned"]["utility_minus_planned"] == {"mean": 0.0, "ci95": 0.0}
    stored = json.loads((tmp_path / "results" / "scenarios" / "asymmetric.json").read_text())
    assert stored["config"]["fairness"] == 1.0
    refused = call(evaluate, *shlex.split("rounds --scenarios asymmetric --sir-db 3"))
    assert refused[0] == 2
    assert "got --sir-db 3.0 beside it" in refused[2]


def test_networks_of_several_sizes_fit_no_batch():
    _, _, said = call(train, *shlex.split("--algo apg --preset rounds --scenarios mixture"))
    assert "got the scenario mixture" in said


TD3_MIX = (
    "--algo td3mix --preset rounds --num-networks 2 --num-envs 2 --hidden-sizes 4 --mixing-size 4 --batch-size 4 --warmup-steps 2 "
    "--buffer-size 40 --eval-interval 2 --eval-blocks 1 --final-blocks 1 --quiet"
)


def checkpoint(name):
    return read_tree(f"runs/{name}/checkpoint.safetensors")["training"]


def test_td3_mix_learns_rounds_resumes_and_is_named_in_the_tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save = RunDirectory.save_checkpoint

    def also_copied(directory, state):
        save(directory, state)
        if state["training"]["steps_done"] == 2:  # as a run that is killed here leaves it
            shutil.copytree(directory.path, "runs/parts")

    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "save_checkpoint", also_copied)
        assert call(train, *shlex.split(f"{TD3_MIX} --scenarios unequal-load --name whole --num-steps 4"))[0] == 0
    assert call(train, *shlex.split("--resume runs/parts --quiet"))[0] == 0
    whole, parts = (checkpoint(name) for name in ("whole", "parts"))
    names = [name for name, weight in whole["algorithm"].items() if isinstance(weight, torch.Tensor)]
    assert whole["steps_done"] == parts["steps_done"] == 4
    assert any(name.startswith("average.") for name in names)
    assert all(torch.equal(whole["algorithm"][name], parts["algorithm"][name]) for name in names)
    facts = facts_of(tmp_path / "runs" / "whole" / "best.safetensors")["metadata"]
    assert (facts["scenarios"], facts["config"]["action"], facts["observation"]) == ("unequal-load", "price", "price")
    results = json.loads((tmp_path / "runs" / "whole" / "results.json").read_text())
    assert {"td3mix_rounds", "td3mix_rounds_then_pricing", "pricing"} <= set(results["methods"])


def test_td3_mix_learns_one_actor_for_several_scenarios_and_one_network_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call(train, *shlex.split(f"{TD3_MIX} --scenarios asymmetric,unequal-load --name both --num-steps 4"))[0] == 0
    assert [len(member["collector"]["buffer"]) for member in checkpoint("both")["members"]] == [2 * (2 + 2)] * 2
    assert call(train, *shlex.split(f"{TD3_MIX} --name one --num-steps 2"))[0] == 0


def test_a_run_is_never_below_the_actor_that_it_begins_with(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    usual = TD3_MIX.replace("--hidden-sizes 4 ", "").replace("--eval-blocks 1", "--eval-blocks 3")
    harm = "--actor-learning-rate 0.5 --actor-rest 0 --averaging 1"
    done = call(train, *shlex.split(f"{usual} {harm} --scenarios asymmetric --start-from rounds --name spoilt --num-steps 6"))
    assert done[0] == 0, done[2]
    with open("runs/spoilt/metrics.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["0", "2", "4", "6"]
    assert float(rows[0]["percent_all_slots"]) > float(rows[-1]["percent_all_slots"])
    best, given = load("runs/spoilt"), load("rounds")
    assert best.metadata["step"] == 0
    for kept, own in zip(best.actor.parameters(), given.actor.parameters(), strict=True):
        assert torch.equal(kept, own)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--num-networks 3 --num-envs 2 --buffer-size 3 --scenarios asymmetric,unequal-load", "buffer_size must hold"),
        ("--num-networks 3 --num-envs 4 --scenarios asymmetric", "got 4 rows for 3 networks"),
        ("--scenarios mixture", "got the scenario mixture"),
        ("--observation gain --scenarios asymmetric", "critic_input 'meaning' needs"),
        ("--no-mixes-networks --scenarios asymmetric", "short_episodes must be 0"),
    ],
)
def test_combinations_that_td3_mix_cannot_learn_are_refused_before_a_run_is_made(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, said = call(train, *shlex.split(f"{TD3_MIX} {words}"))
    assert (code, message in said) == (2, True), said
    assert not list(tmp_path.iterdir())
