"""train.py on a device: it trains, goes on, and refuses in one line what is not there."""

import json
from pathlib import Path

import pytest
import torch
from command_lines import TRAINING, call

import train
from agents.loading import load

OF_TD3_MIX = ("--warmup-steps", "--batch-size", "--buffer-size")


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch) -> None:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("algo", ["td3mix", "apg"])
def test_a_run_on_a_device_ends_and_goes_on(algo):
    pairs = zip(TRAINING[::2], TRAINING[1::2], strict=True)
    words = [word for pair in pairs if algo == "td3mix" or pair[0] not in OF_TD3_MIX for word in pair]
    code, shown, said = call(train, "--name", "there", "--algo", algo, "--device", "cpu", *words, "--json")
    assert code == 0, said
    steps = json.loads(shown)["steps_done"]
    assert load("runs/there").observation == "gain"
    assert call(train, "--resume", "runs/there", "--num-steps", str(steps + 2), "--quiet")[0] == 0
    assert json.loads(Path("runs/there/config.json").read_text())["arguments"]["device"] == "cpu"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--device somewhere", "--device must be a device that torch has here; got 'somewhere'"),
        ("--device cpu --scenarios mixture", "--device trains td3mix on one network, and apg without slots ahead on drawn networks"),
        ("--device cpu --algo apg --preset rounds", "got batches of several networks. Leave one of them out."),
        ("--device cpu --observation csi", "--device td3mix needs a mixer that reads observations; got --observation csi"),
        ("--device cpu --channel-model redraw", "channel_model must be 'rayleigh' on a device; got 'redraw'"),
        pytest.param(
            "--device cuda",
            "--device must be a device that torch has here; got 'cuda'",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is one"),
        ),
    ],
)
def test_what_a_device_cannot_do_is_refused_in_one_line(words, message):
    code, shown, said = call(train, "--name", "tiny", *words.split())
    assert (code, shown, len(said.splitlines())) == (2, "", 1), said
    assert message in said
    assert not list(Path().iterdir())
