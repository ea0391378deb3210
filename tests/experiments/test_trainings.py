"""Trainings for the figures: the longest first, none twice, and an interrupted one goes on."""

from itertools import pairwise
from pathlib import Path

import pytest

from experiments.figures import trainings
from experiments.figures.trainings import NeededTraining, needed_trainings, train_missing, training_of
from multicell_env.config import PAPER_8X4, PAPER_32X16, NetworkConfig

FAKE_TRAIN = """
import sys
from pathlib import Path

words = sys.argv[1:]
begun = "--resume" in words
directory = Path(words[words.index("--resume") + 1]) if begun else Path(words[1]) / words[3]
directory.mkdir(exist_ok=True)
(directory / "config.json").write_text(" ".join(words[4:]))
with open(directory / "calls", "a") as file:
    file.write("resumed " if begun else "begun ")
if begun or "--stops" not in words:
    (directory / "results.json").touch()
"""


def test_the_set_network_is_trained_once_and_the_papers_once_for_each_size() -> None:
    found = needed_trainings([5, 6, 7, 8, 9])
    names = [training.name for training in found]
    assert len(set(names)) == len(names)
    assert names.count("k0_set") == 1
    assert {"paper-k0_8x4x6", "paper-k0_16x8x6", "paper-k0_32x16x12", "paper_32x16x6"} <= set(names)
    assert names[0] == "paper-k0_32x16x3"
    assert [training.weight for training in found] == sorted((training.weight for training in found), reverse=True)
    assert [training.name for training in needed_trainings([9])] == ["paper-k0_32x16x12", "paper-k0_8x4x12", "k0_set"]
    assert needed_trainings([10]) == []
    assert training_of("td3mix", PAPER_8X4) is None
    assert training_of("td3mix_k0", PAPER_8X4) == training_of("td3mix_k0", PAPER_32X16)


def test_the_papers_networks_are_trained_by_presets_large_ones_for_fewer_slots() -> None:
    small, large = NetworkConfig(num_iterations=0), NetworkConfig(num_antennas=32, num_users=16, num_bands=12, num_iterations=0)
    flags = {method: training_of(method, PAPER_8X4).flags for method in ("td3mix_mlp", "td3mix_k0_mlp")}  # type: ignore[union-attr]
    assert [words[:2] for words in flags.values()] == [("--preset", "paper"), ("--preset", "paper-k0")]
    steps = [dict(pairwise(training_of("td3mix_k0_mlp", config).flags))["--num-steps"] for config in (small, large)]  # type: ignore[union-attr]
    assert steps == ["4800", "1600"]
    assert ("--num-bands", "12") in set(pairwise(training_of("td3mix_k0_mlp", large).flags))  # type: ignore[union-attr]


def test_actors_of_a_sirs_own_start_from_shipped_ones_and_differ_in_the_game_alone() -> None:
    flags = {method: training_of(method, NetworkConfig(sir_db=10.0)).flags for method in ("own_k0", "own_k5", "own_damped")}  # type: ignore[union-attr]
    starts = {method: Path(words[words.index("--start-from") + 1]) for method, words in flags.items()}
    assert all(start.exists() for start in starts.values())
    assert len(set(starts.values())) == 3
    assert flags["own_k0"][:2] == ("--num-iterations", "0")
    assert flags["own_damped"][0] == "--damping-in-action"
    assert all(("--sir-db", "10") in set(pairwise(words)) for words in flags.values())
    assert len([training for training in needed_trainings([11]) if training.name.startswith("own_")]) == 18


def test_a_training_that_ended_is_not_repeated_and_one_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "train.py"
    script.write_text(FAKE_TRAIN)
    monkeypatch.setattr(trainings, "TRAIN", script)
    whole, stopped = NeededTraining("whole", ("--seed", "3"), 1), NeededTraining("stopped", ("--stops",), 1)
    runs = tmp_path / "runs"
    with pytest.raises(ValueError, match=r"training stopped .* Read .*stopped\.log"):
        train_missing([whole, stopped], runs)
    train_missing([whole, stopped], runs)
    train_missing([whole, stopped], runs)
    assert (runs / "whole" / "calls").read_text() == "begun "
    assert (runs / "whole" / "config.json").read_text() == "--seed 3"
    assert (runs / "stopped" / "calls").read_text() == "begun resumed "
