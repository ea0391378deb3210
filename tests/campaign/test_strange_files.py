"""Command lines on files that somebody else has changed: one line each, and nothing done."""

import dataclasses
import json

import numpy as np
import pytest
from command_lines import call, refusal

import evaluate
import train
from agents.networks import SetActor
from agents.run_directory import RunDirectory
from agents.saved_actor import ActorPolicy, save_actor
from agents.training_run import Evaluation, TrainingRun
from experiments.command_line import printable
from experiments.commands.training_arguments import TrainArguments, check_name
from multicell_env import NetworkConfig

pytestmark = pytest.mark.campaign
CONFIG = dataclasses.asdict(NetworkConfig())
NO_NAMES = ["a:b", "CON", "con.txt", "a*b?", "a/b", "..", "", " a", "a.", "-a", "\x1b[31m", "n" * 201, 'a"b', "a|b", "LPT1"]


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"config": None},
        {"config": {}},
        {"config": {**CONFIG, "num_cells": "many"}},
        {"config": {**CONFIG, "num_bananas": 3}},
        {"config": {**CONFIG, "num_slots": 10**400}},
        {"config": CONFIG, "algo": 3},
        {"config": CONFIG, "observation": "nonsense"},
        {"config": CONFIG, "observation": ["gain"]},
        {"config": CONFIG, "scenarios": {"a": 1}},
        {"config": CONFIG, "channels": 3},
        {"config": CONFIG, "algo": "\x1b[31mred"},
    ],
    ids=lambda metadata: (
        str({key: value for key, value in metadata.items() if value is not CONFIG})[:60].encode("ascii", "replace").decode()
    ),
)
def test_an_actor_that_does_not_say_what_it_was_trained_on_is_refused_in_a_line(tmp_path, metadata):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text("{}")
    save_actor(run / "best.safetensors", ActorPolicy(SetActor(3, (4,)), np.float32(0), np.float32(1), metadata))
    said = refusal(tmp_path, "evaluate.py", "run")
    assert "run" in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eval_interval", 0),
        ("num_threads", "abc"),
        ("num_threads", True),
        ("seed", -1),
        ("seed", 1.5),
        ("observation", "nonsense"),
        ("scenario", []),
        ("learner", None),
        ("training", {"num_steps": "many"}),
        ("recorded", {"channels": 3}),
        ("runs", None),
        ("algo", ["td3mix"]),
    ],
)
def test_settings_of_a_run_that_no_run_has_are_refused_in_a_line(tmp_path, name, value):
    arguments = {**dataclasses.asdict(TrainArguments()), "runs": "runs"}
    del arguments["reporting"], arguments["explain"]
    RunDirectory.create(tmp_path / "run", {"arguments": {**arguments, name: value}}).release()
    assert "config.json must be what train.py wrote" in refusal(tmp_path, "train.py", "--resume", "run")


def test_a_run_that_another_process_trains_is_not_resumed_beside_it(tmp_path):
    arguments = {**dataclasses.asdict(TrainArguments()), "runs": "runs"}
    del arguments["reporting"], arguments["explain"]
    directory = RunDirectory.create(tmp_path / "run", {"arguments": arguments})
    assert "run must have one writer; another process is training there" in refusal(tmp_path, "train.py", "--resume", "run")
    directory.release()


@pytest.mark.parametrize("metrics", [None, 3, {"all_slots": 1.0}, [3], [{}], [{"step": 1}], [{"all_slots": "1.0"}], [{"all_slots": None}]])
def test_evaluations_in_a_checkpoint_that_are_none_are_refused_with_the_files_name(tmp_path, metrics):
    class Learner:
        def load_state_dict(self, state):
            pass

    evaluation = Evaluation(measure=lambda actor: {}, judge="all_slots", draw=print, describe=str, interval=1)
    arguments = (Learner(), RunDirectory(tmp_path), {"training": {}, "metrics": metrics, "seconds": 0.0}, None, evaluation)
    with pytest.raises(ValueError, match=r"checkpoint\.safetensors must fit the run's config\.json; it does not \(metrics must be"):
        TrainingRun(*arguments, num_steps=1, num_envs=1, metadata={})


@pytest.mark.parametrize("content", ["[]", "3", '{"arguments": 3}', "{}", "\x00", "[" * 10**5, '{"arguments": {"algo": "\\u001b[2J"}}'])
def test_a_configuration_that_is_none_is_refused_in_a_line(tmp_path, content):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text(content)
    assert "config.json must be" in refusal(tmp_path, "train.py", "--resume", "run")


def test_claims_on_figures_with_keys_missing_are_refused_in_a_line(tmp_path):
    figures = tmp_path / "figures"
    figures.mkdir()
    for result in ({"all": {}, "settled": {}, "iterations": None}, {"all": 3, "settled": 3, "iterations": 3}):
        entries = [
            {"panel": panel, "x": x, "method": method, "settings": {}, "result": result}
            for panel in ("SIR 0 dB, F = 6",)
            for x in ("(8, 4)", "(32, 16)")
            for method in ("td3mix_opening", "td3mix_k0_mlp", "sswf", "random", "flwf")
        ]
        (figures / "figure5.json").write_text(json.dumps({"figure": 5, "points": entries}))
        code, _, said = call(evaluate, "--claims", "--figures", figures)
        assert code == 2
        assert "must be those of evaluate.py --figure" in said.splitlines()[-1]
        assert "Traceback" not in said


@pytest.mark.parametrize(
    "name", ["a:b", "CON", "con.txt", "a*b?", "a/b", "..", "", " a", "a.", "-a", "\x1b[31m", "n" * 201, 'a"b', "a|b", "LPT1"]
)
def test_a_run_has_a_name_that_every_system_stores(name):
    with pytest.raises(ValueError, match="--name must be"):
        check_name(name)


@pytest.mark.parametrize("name", ["first", "td3mix-2026.11.22", "größe_1", "a b", "connect", "n" * 200])
def test_usual_names_of_runs_are_taken(name):
    check_name(name)


def test_names_of_files_that_are_too_long_are_refused_in_a_line(tmp_path):
    long = "n" * 5000
    for script, *words in (
        ("evaluate.py", long),
        ("evaluate.py", "--output", long),
        ("evaluate.py", "--channels", f"{long}.npy"),
        ("train.py", "--resume", long),
        ("train.py", "--runs", long),
        ("train.py", "--start-from", long),
    ):
        assert refusal(tmp_path, script, *words)


def test_an_error_shows_no_command_for_the_terminal():
    assert printable("no file \x1b[31mred\n") == "no file \\x1b[31mred\n"
    code, _, said = call(train, "--resume", "\x1b[31m")
    assert code == 2
    assert "\x1b" not in said
