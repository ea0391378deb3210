"""Networks with fairness on both command lines: trained, judged by utility, and evaluated as a person does it."""

import csv
import json
import shlex

from command_lines import TINY_LEARNER, call

import evaluate
import train
from agents.files import facts_of

TINY = (
    "--algo apg --preset rounds --fairness 1 --scenarios asymmetric,unequal-load --num-networks 2 --num-blocks 4 --num-envs 2 "
    "--hidden-sizes 4 --num-steps 4 --eval-interval 2 --eval-blocks 1 --final-blocks 1 --quiet"
)


def test_an_actor_of_fair_networks_is_trained_judged_and_compared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, said = call(train, *shlex.split(f"{TINY} --name fair"))
    assert code == 0, said
    facts = facts_of(tmp_path / "runs" / "fair" / "best.safetensors")
    assert facts["metadata"]["config"]["fairness"] == 1.0
    with open(tmp_path / "runs" / "fair" / "metrics.csv") as file:
        assert all(0.0 < float(row["utility"]) < 6.0 for row in csv.DictReader(file))
    closing = json.loads((tmp_path / "runs" / "fair" / "asymmetric.json").read_text())
    assert closing["config"]["fairness"] == 1.0

    # Its own fairness is the default of its evaluation, an actor without any plays by its own rules beside the methods with.
    for words, fairness in (("runs/fair", 1.0), ("runs/fair --fairness 0", 0.0), ("rounds --fairness 1", 1.0)):
        code, shown, said = call(evaluate, *shlex.split(f"{words} --scenarios asymmetric --num-blocks 2 --output out --json"))
        assert code == 0, said
        assert json.loads(shown)["config"]["fairness"] == fairness
        assert {"apg_rounds", "apg_rounds_then_pricing", "pricing"} <= set(json.loads(shown)["methods"])
    code, shown, said = call(evaluate, *shlex.split("runs/fair --scenarios asymmetric,unequal-load --num-blocks 2 --json"))
    assert code == 0, said
    assert list(json.loads(shown)["scenarios"]) == ["asymmetric", "unequal-load"]
    assert json.loads((tmp_path / "results" / "scenarios" / "asymmetric.json").read_text())["config"]["fairness"] == 1.0


def test_td3_mix_learns_on_a_fair_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    game = "--fairness 1 --action price --observation price --num-iterations 0 --rounds-per-slot 2 --num-slots 2"
    code, _, said = call(train, *shlex.split(game), *TINY_LEARNER, "--name", "td3", "--quiet")
    assert code == 0, said
    assert facts_of(tmp_path / "runs" / "td3" / "best.safetensors")["metadata"]["config"]["fairness"] == 1.0


def test_named_networks_have_the_fairness_that_they_have():
    _, _, said = call(evaluate, *shlex.split("--generalise --fairness 1"))
    assert "--generalise determines the networks" in said
    assert "--fairness 1.0" in said
