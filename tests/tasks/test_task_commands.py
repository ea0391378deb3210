"""`--task` of train.py and evaluate.py."""

import json
from pathlib import Path

import numpy as np
import pytest
from command_lines import call

import evaluate
import train
from experiments.commands.evaluation_arguments import evaluation
from experiments.commands.training_arguments import new_run
from multicell_env.evaluation.playing import evaluate_allocations
from multicell_env.streams import FIRST_SEED
from multicell_env.tasks.registry import TASKS

BRIEF = ["--num-steps", "2", "--num-envs", "2", "--num-networks", "2", "--eval-interval", "2", "--eval-blocks", "1", "--final-blocks", "2"]


def test_evaluate_plays_the_test_blocks_of_a_task(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, shown, said = call(evaluate, "--task", "asymmetric-v0", "--num-blocks", 2)
    assert code == 0, said
    assert "2 networks of the task asymmetric-v0, one block each" in shown
    content = json.loads(Path("results/results.json").read_text())
    assert (content["task"], content["seed"], content["num_blocks"]) == ("asymmetric-v0", FIRST_SEED, 2)
    of_blocks = [
        evaluate_allocations(TASKS["asymmetric-v0"].network_of(seed), num_blocks=1, seed=seed, methods=("planned",), timed=False)[0]
        for seed in (FIRST_SEED, FIRST_SEED + 1)
    ]
    expected = np.mean([result.per_slot[0] for result in of_blocks], axis=0)
    np.testing.assert_allclose(content["methods"]["planned"]["per_slot"], expected, rtol=1e-6)


def test_a_task_says_what_is_played_how_often_and_by_which_actor():
    several, one = evaluation(["--task", "irregular-57-v0"]), evaluation(["--task", "paper-32x16-v0"])
    assert (several.arguments.num_blocks, several.actor, several.arguments.scenarios) == (10, "generalist", None)
    assert (one.arguments.num_blocks, one.actor, one.arguments.scenario.num_antennas) == (200, "td3mix", 32)
    rounds = evaluation(["rounds", "--task", "unequal-load-v0"]).arguments.scenario
    assert (rounds.users_per_cell.tolist(), rounds.action, rounds.rounds_per_slot) == ([2, 4, 8], "price", 5)
    assert evaluation(["--task", "paper-8x4-v0", "--num-iterations", "3"]).arguments.scenario.num_iterations == 3


def test_training_is_on_the_network_or_the_scenario_of_a_task():
    one, several = new_run(["--task", "unequal-load-v0"]), new_run(["--algo", "apg", "--task", "irregular-7-v0"])
    assert (one.scenario, one.scenarios) == (TASKS["unequal-load-v0"].network_of(0), None)
    assert (several.scenarios, several.trains_on_many) == ("irregular-7", True)
    rounds = new_run(["--algo", "apg", "--preset", "rounds", "--task", "paper-8x4-v0"]).scenario
    assert (rounds.action, rounds.num_antennas) == ("price", 8)


@pytest.mark.parametrize(
    ("script", "words", "message"),
    [
        (evaluate, ["--task", "asymmetric"], "Did you mean asymmetric-v0?"),
        (evaluate, ["--task", "asymmetric-v0", "--sir-db", "3"], "--task asymmetric-v0 fixes its networks; got --sir-db 3.0 beside it"),
        (evaluate, ["--task", "paper-8x4-v0", "--num-users", "3"], "fixes its networks; got --num-users 3 beside it"),
        (evaluate, ["--task", "paper-8x4-v0", "--scenarios", "all"], "--task paper-8x4-v0 determines what is played"),
        (evaluate, ["--task", "paper-8x4-v0", "--curve", "sir"], "--task paper-8x4-v0 determines what is played"),
        (train, ["--task", "paper-8x4-v0", "--scenarios", "paper"], "--task paper-8x4-v0 determines what is played"),
        (train, ["--task", "unequal-load-v0", "--num-bands", "3"], "fixes its networks; got --num-bands 3 beside it"),
        (train, ["--task", "nothing"], "a task must be one of paper-8x4-v0,"),
    ],
)
def test_what_a_task_fixes_is_refused_beside_it(script, words, message):
    code, _, said = call(script, *words)
    assert (code, message in said) == (2, True), said


def test_a_run_on_a_task_is_evaluated_on_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, said = call(train, "--algo", "apg", "--task", "asymmetric-v0", *BRIEF, "--name", "mine")
    assert code == 0, said
    content = json.loads(Path("runs/mine/results.json").read_text())
    assert content["scenario"] == "asymmetric"
    assert json.loads(Path("runs/mine/config.json").read_text())["arguments"]["task"] == "asymmetric-v0"
    assert call(train, "--resume", "runs/mine", "--num-steps", 3)[0] == 0
    code, shown, said = call(evaluate, "runs/mine", "--task", "asymmetric-v0", "--num-blocks", 2, "--json", "--quiet")
    assert code == 0, said
    methods = json.loads(shown)["methods"]
    assert methods["planned"]["per_slot"] == pytest.approx(content["methods"]["planned"]["per_slot"])
