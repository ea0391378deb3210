"""The paper's presets: what the command takes is what the table says, and the table says where each setting is from."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path

import pytest
from command_lines import call

import train
from agents.learner import explain
from agents.registry import LEARNERS
from agents.td3_mix.paper_preset import NOT_PRINTED, PAPER, PAPER_K0, PRESETS, is_printed
from experiments.commands.training_arguments import TrainArguments, defaults_of

PRINTED = {
    "hidden_sizes": (128, 128),
    "mixing_size": 128,
    "mixing_layers": 2,
    "critic_learning_rate": 1e-3,
    "actor_learning_rate": 1e-3,
    "gamma": 0.99,
    "batch_size": 16,
    "num_critics": 2,
    "actor_gradient": "critic",
    "mixer": "qmix",
    "mixer_state": "observations",
    "observation": "csi",
    "num_envs": 1,
    "num_updates": 1,
    "num_cells": 3,
    "snr_db": 20.0,
}
"""What sections IV and V and Algorithm 1 print for both presets."""
OPEN = {"num_iterations", "exploration_noise", "target_noise_clip", "actor_delay", "tau", "buffer_size", "num_steps"}
"""What the paper leaves open: k, sigma, c, d, tau, and how long and on how much to train."""


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch) -> None:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)


def settings_of(arguments: TrainArguments) -> dict:
    own = asdict(arguments)
    parts = [own.pop(name) for name in ("learner", "training", "scenario")]
    return {**own, **parts[0], **parts[1], **parts[2]}


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_takes_its_tables_values_and_the_defaults_elsewhere(preset):
    usual, taken = (settings_of(defaults_of(LEARNERS["td3mix"], name)) for name in ("default", preset))
    table = PRESETS[preset]
    assert {name: taken[name] for name in table} == {name: setting.value for name, setting in table.items()}
    assert {name for name in taken if taken[name] != usual[name]} <= {*table, "preset"}


@pytest.mark.parametrize("preset", PRESETS)
def test_everything_that_the_paper_prints_is_in_the_table_as_printed(preset):
    table = PRESETS[preset]
    for name, value in PRINTED.items():
        assert table[name].value == value
        assert is_printed(table[name]), name
    assert {name for name in OPEN if is_printed(table[name])} == ({"num_iterations"} if preset == "paper-k0" else set())
    assert all(setting.source.removeprefix(NOT_PRINTED).strip() for setting in table.values())


def test_both_sigmas_are_one_value():
    assert PAPER["exploration_noise"].value == PAPER["target_noise"].value


def test_the_baseline_differs_in_negotiation_reward_and_target_alone():
    differing = {name: setting.value for name, setting in PAPER_K0.items() if setting.value != PAPER[name].value}
    assert differing == {"num_iterations": 0, "reward": "user", "target": "reward"}


@pytest.mark.parametrize("preset", PRESETS)
def test_explaining_a_preset_prints_every_setting_and_trains_nothing(preset):
    code, shown, said = call(train, "--preset", preset, "--explain")
    assert (code, said) == (0, "")
    lines = shown.splitlines()
    assert [line.split()[0] for line in lines] == list(PRESETS[preset])
    for line, setting in zip(lines, PRESETS[preset].values(), strict=True):
        assert str(setting.value) in line
        assert line.endswith(setting.source)
    assert not list(Path().iterdir())


def test_a_setting_that_the_command_line_changes_is_said_to_be_changed():
    rows = json.loads(call(train, *shlex.split("--preset paper --explain --json --gamma 0.5"))[1])
    by_name = {row["setting"]: row for row in rows}
    assert by_name["gamma"] == {"setting": "gamma", "value": 0.5, "source": f"changed: the preset has 0.99, {PAPER['gamma'].source}"}
    assert by_name["tau"]["source"] == PAPER["tau"].source


def test_without_a_preset_of_the_paper_there_is_nothing_to_explain():
    code, shown, said = call(train, "--explain")
    assert (code, shown) == (2, "")
    assert said == "error: --explain is for a preset; got none. Give --preset paper or --preset paper-k0 or --preset rounds.\n"


@pytest.mark.parametrize("preset", PRESETS)
def test_a_run_keeps_the_explanation_learns_and_goes_on(preset):
    small = (
        "--num-antennas 3 --num-users 2 --num-bands 2 --warmup-steps 12 --eval-blocks 2 --final-blocks 2 --hidden-sizes 8 8 --mixing-size 8"
    )
    code, _, said = call(train, *shlex.split(f"--preset {preset} --name tiny --num-steps 6 {small} --quiet"))
    assert (code, said) == (0, "")
    config = json.loads(Path("runs/tiny/config.json").read_text())
    assert [row["setting"] for row in config["explained"]] == list(PRESETS[preset])
    given = json.loads(json.dumps(explain(PRESETS[preset], {name: setting.value for name, setting in PRESETS[preset].items()})))
    changed = {"num_antennas", "num_users", "num_bands", "warmup_steps", "num_steps", "hidden_sizes", "mixing_size"}
    assert [row for row in config["explained"] if row["setting"] not in changed] == [row for row in given if row["setting"] not in changed]
    assert call(train, *shlex.split("--resume runs/tiny --num-steps 9 --quiet"))[0] == 0
    assert len(Path("runs/tiny/metrics.csv").read_text().splitlines()) == 4  # a head, and steps 0, 6 and 9
