"""The command lines on recorded channels, run as a person runs them."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from command_lines import TINY_LEARNER, call, final_metrics, refusal

import evaluate
import train
from agents.loading import load
from agents.run_directory import RunDirectory
from multicell_env.channels.pool import RecordedChannels

AXES = "block,rx_cell,user,tx_cell,antenna,band"
ROUNDS = ["--algo", "apg", "--preset", "rounds", "--num-steps", "4", "--eval-interval", "2", "--eval-blocks", "2", "--final-blocks", "2"]
QUIET = ["--quiet", "--json"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two pools: `near.npy`, and `far.npz` with its axes in another order, and parts instead of complex numbers."""
    generator = np.random.default_rng(0)
    near, far = (generator.standard_normal((20, *shape, 2)) for shape in ((3, 3, 4, 4, 2), (2, 3, 2, 4, 5)))
    np.save(tmp_path / "near.npy", near[..., 0] + 1j * near[..., 1])
    np.savez(tmp_path / "far.npz", h=far)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def played(*words: str) -> dict:
    code, out, err = call(evaluate, *words, *QUIET)
    assert code == 0, err
    return json.loads(out)


def trained(*words: str) -> dict:
    code, out, err = call(train, *words, *QUIET)
    assert code == 0, err
    return json.loads(out)


def test_a_pool_is_evaluated_with_channels_that_move_and_are_estimated(folder: Path) -> None:
    text = "fading:speed_kmh=30+estimated:error_db=-10"
    moving, still = (played("--channels", "near.npy", *words) for words in (("--channel-model", text), ()))
    assert moving["config"]["channel_model"] == text
    assert moving["methods"]["reuse"] != still["methods"]["reuse"]
    code, _, err = call(evaluate, "--channels", "near.npy", "--channel-model", "geometric", *QUIET)
    assert (code, "over recorded channels" in err) == (2, True)


def test_a_pool_is_evaluated_on_its_test_part_with_a_table_and_a_picture(folder: Path) -> None:
    content = played("--channels", "near.npy")
    config = content["config"]
    assert (config["num_cells"], config["num_antennas"], config["num_users"], config["num_bands"]) == (3, 4, 2, 4)
    np.testing.assert_allclose(config["mean_gains"], RecordedChannels("near.npy").fitted().mean_gain_matrix)
    assert content["num_blocks"] == 4
    assert content["channels"]["part"] == "test"
    assert {"td3mix", "apg_rounds", "apg_rounds_then_pricing", "planned", "wmmse", "wmmse_from_pricing"} <= set(content["methods"])
    assert (folder / "results" / "comparison.png").stat().st_size > 10_000


def test_axes_are_named_and_several_pools_have_a_table_each(folder: Path) -> None:
    with np.load("far.npz") as arrays:
        np.save("far.npy", (arrays["h"][..., 0] + 1j * arrays["h"][..., 1]))
    with pytest.raises(ValueError, match="as many sending cells as receiving ones"):
        RecordedChannels("far.npz:h")
    one = played("--channels", "far.npz:h", "--channel-axes", AXES, "--num-blocks", "2", "--output", "one")
    assert one["config"]["num_users"] == 3
    both = played("--channels", "far.npz:h", "--channels", "far.npy", "--channel-axes", AXES, "--num-blocks", "2")
    tables = both["channels"]
    assert list(tables) == ["far-h", "far"]
    for name in tables:
        assert tables[name]["methods"]["uniform"]["last_slot"] == one["methods"]["uniform"]["last_slot"]
        assert {path.name for path in (folder / "results").glob(f"{name}.*")} == {f"{name}.json", f"{name}.png"}


def test_a_run_on_a_pool_is_judged_on_its_other_parts_and_resumes(folder: Path) -> None:
    done = trained("--channels", "near.npy", "--name", "one", *TINY_LEARNER)
    assert done["channels"] == RecordedChannels("near.npy").test.description
    assert RunDirectory(folder / "runs" / "one").config()["arguments"]["recorded"] == {"channels": ["near.npy"], "channel_axes": None}
    assert done["num_blocks"] == 4
    metrics = final_metrics(folder / "runs" / "one")
    again = played("runs/one")
    assert again["methods"]["td3mix"]["last_slot"] == done["methods"]["td3mix"]["last_slot"]
    assert again["channels"] == done["channels"]
    assert trained("--resume", "runs/one")["steps_done"] == 12
    assert final_metrics(folder / "runs" / "one") == metrics


def test_one_actor_for_rounds_learns_on_pools_and_scenarios_together(folder: Path) -> None:
    with np.load("far.npz") as arrays:
        np.save("far.npy", arrays["h"].transpose(0, 3, 1, 5, 4, 2, 6))
    pools = ["--channels", "near.npy", "--channels", "far.npy"]
    size = ["--num-networks", "2", "--num-blocks", "8", "--num-envs", "4"]
    done = trained("--scenarios", "paper", *pools, "--name", "mix", *ROUNDS, *size)
    assert list(done["scenarios"]) == ["paper", "near", "far"]
    for table in done["scenarios"].values():
        assert {"apg_rounds", "apg_rounds_then_pricing", "pricing"} <= set(table["methods"])
    alone = played("runs/mix", "--channels", "near.npy", "--num-blocks", "2", "--output", "alone")
    assert alone["methods"]["apg_rounds"]["last_slot"] == done["scenarios"]["near"]["methods"]["apg_rounds"]["last_slot"]
    assert {path.name for path in (folder / "alone").iterdir()} == {"results.json", "comparison.png"}


def test_pools_are_also_trained_on_where_they_move(folder: Path) -> None:
    size = ["--num-networks", "2", "--num-blocks", "8", "--num-envs", "4", "--final-blocks", "2"]
    models = ["--also-moving", "redraw", "--also-moving", "fading:speed_kmh=30+estimated:error_db=-20"]
    done = trained("--channels", "near.npy", *models, "--name", "moving", *ROUNDS, *size)
    assert "apg_rounds" in done["methods"]
    run = RunDirectory(folder / "runs" / "moving")
    assert run.config()["arguments"]["also_moving"] == ["redraw", "fading:speed_kmh=30+estimated:error_db=-20"]
    assert len(run.load_checkpoint()["training"]["references"]) == 3
    assert load("runs/moving").metadata["also_moving"] == run.config()["arguments"]["also_moving"]
    assert trained("--resume", "runs/moving")["steps_done"] == done["steps_done"]


def test_td3_mix_learns_in_rounds_on_pools_and_scenarios_together(folder: Path) -> None:
    np.save("other.npy", np.load("near.npy")[::-1])
    pools = ["--channels", "near.npy", "--channels", "other.npy", "--scenarios", "asymmetric", "--num-networks", "2"]
    done = trained("--preset", "rounds", *pools, "--name", "mix", *TINY_LEARNER, "--final-blocks", "2", "--eval-blocks", "2")
    assert done["steps_done"] == 12
    assert list(done["scenarios"]) == ["asymmetric", "near", "other"]
    for table in done["scenarios"].values():
        assert {"td3mix_rounds", "td3mix_rounds_then_pricing", "pricing"} <= set(table["methods"])


@pytest.mark.parametrize(
    ("script", "words", "message"),
    [
        ("evaluate.py", "--channels near.npy --num-cells 4", "'num_cells': 3, .*; got num_cells=4"),
        ("train.py", "--channels near.npy --num-bands 6", "got num_bands=6"),
        ("train.py", "--channels near.npy --sir-db 3", "got --sir-db 3 beside --channels"),
        ("evaluate.py", "--channels none.npy", "got 'none.npy', which is not a file"),
        ("evaluate.py", "--channels near.npy --scenarios paper", "--channels are played without --scenarios"),
        ("evaluate.py", "--channels near.npy --channels near.npy", "files with different names, .* got near, near"),
        ("train.py", "--channels near.npy --channels other.npy --num-users 2", "--num-users 2 beside it"),
        ("train.py", "--also-moving redraw", "--also-moving moves the pools of --channels; got 'redraw' without"),
        ("train.py", "--channels near.npy --also-moving correlated --algo apg --preset rounds", "must not have 'correlated'"),
        ("train.py", f"--channel-axes {AXES}", "names the axes of --channels; got block,rx_cell"),
        ("evaluate.py", "--channels near.npy --channel-axes block,tx", "got 'tx'. Did you mean tx_cell"),
    ],
)
def test_flags_that_contradict_the_channels_are_refused(folder: Path, script: str, words: str, message: str) -> None:
    np.save("other.npy", np.load("near.npy"))
    said = refusal(folder, script, *words.split())
    assert re.search(message, said), said
    assert not (folder / "runs").exists()
