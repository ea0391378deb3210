"""What train.py says before it makes a run or goes on with one, and where it trains nonetheless."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command_lines import ROOT, TRAINING, call

import train
from agents.checkpoints.trees import write_tree


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch) -> None:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)


def refused(words: str) -> str:
    """What train.py says in one line where it refuses, with exit code 2."""
    code, shown, said = call(train, *shlex.split(words))
    assert (code, shown, len(said.splitlines())) == (2, "", 1)
    return said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--network mlp",
            "which is network mlp, observation_shape [3, 6, 4], action_shape [6, 4], hidden_sizes [32, 32]; got network set,",
        ),
        ("--observation csi", "num_planes 34, hidden_sizes [32, 32], action_planes []; got network set, num_planes 3,"),
        ("--hidden-sizes 16", "Give its network, hidden_sizes, observations and actions, or choose another actor."),
        (
            "--hidden-sizes 16 --scenarios mixture",
            "hidden_sizes [16], action_planes []; got network set, num_planes 3, hidden_sizes [32, 32]",
        ),
        ("--damping-in-action", "action_planes [2]; got network set, num_planes 3, hidden_sizes [32, 32], action_planes []."),
    ],
)
def test_an_actor_of_another_shape_is_no_start(words, message):
    assert message in refused(f"--start-from td3mix --name tiny {words}")
    assert not list(Path().iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--seed 4294967296", "--seed must be from 0 to 4294967295; got 4294967296. Give one of these."),
        (
            "--name ''",
            "--name must be a file name that is valid on every system; got ''. Leave it out for date and time",
        ),
        ("--name=", "--name must be a file name that is valid on every system; got ''."),
        (
            "--algo apg --num-updates 3",
            "--num-updates is a flag of --algo td3mix alone; got it without. Leave it out, or give --algo td3mix.",
        ),
        ("--algo apg --buffer_size=10", "--buffer-size is a flag of --algo td3mix alone"),
        ("--learning-rate 1e-3", "--learning-rate is a flag of --algo apg alone"),
        ("--algo apg --learning-rat 1e-3", "Did you mean --learning-rate?"),
    ],
)
def test_what_no_run_can_have_is_refused_with_a_remedy(words, message):
    assert message in refused(words)
    assert not list(Path().iterdir())


def test_a_foreign_checkpoint_is_refused_and_standard_error_may_be_closed():
    words = [sys.executable, str(ROOT / "train.py"), "--name", "tiny", *TRAINING]
    done = subprocess.run(["sh", "-c", f"exec {shlex.join(words)} 2>&-"], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "td3mix_opening" in done.stdout
    checkpoint, files = Path("runs/tiny/checkpoint.safetensors"), set(Path().rglob("*"))
    for content in ([1], {"training": [1]}, {"training": {"steps_done": "many"}}):
        write_tree(checkpoint, content)
        message = f"{checkpoint} must be a checkpoint that train.py wrote; it is damaged or foreign. Start a new run."
        assert message in refused("--resume runs/tiny --num-steps 20")
        assert set(Path().rglob("*")) == files
