"""The preset of rounds on several scenarios, trained, resumed and evaluated as a person runs it."""

import json
import shlex

import torch
from command_lines import call

import evaluate
import train
from agents.files import facts_of
from multicell_env.evaluation.users import USER_MEASURES, UTILITY_MEASURES

TINY = (
    "--algo apg --preset rounds --scenarios asymmetric,unequal-load --num-networks 2 --num-blocks 4 --num-envs 2 --hidden-sizes 4 "
    "--eval-interval 2 --eval-blocks 1 --final-blocks 1 --quiet"
)


def average(name):
    return torch.load(f"runs/{name}/checkpoint.pt", weights_only=False)["training"]["average"]


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
