"""Figures: every number has its settings, the files agree, and measuring again gives the same."""

import csv
import dataclasses
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from agents import load as load_actor
from evaluate import FigureArguments, main, make_figures
from experiments import paper_figures
from experiments.figure_files import compare, shown
from experiments.measurement import flwf_trajectories, measure, trajectory
from experiments.paper_figures import FIGURES, Actor, Effort, PaperFigure, points
from multicell_env.allocations.simple import best_assignment, uniform_allocation
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.playing import draw_blocks
from multicell_env.model.interference import ingr, sum_rates
from multicell_env.model.negotiation import negotiate
from tests import oracles
from tests.scenarios import SMALL, ragged, ragged_cross_gains

TINY = {"num_antennas": 2, "num_users": 2, "num_bands": 2, "num_slots": 3}
SLOTS = PaperFigure(
    "Tiny",
    "bands F",
    tuple((f, {**TINY, "num_bands": f}) for f in (2, 3)),
    (("tiny", {}),),
    ("td3mix", "flwf", "td3mix_k0_mlp"),
    per_user=True,
)
ITERATIONS = PaperFigure("Tiny", "FLWF iterations", ((None, TINY),), (("tiny", {}),), ("td3mix_opening", "flwf", "reuse"), num_iterations=7)


@pytest.fixture
def tiny_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FIGURES, 8, SLOTS)
    monkeypatch.setitem(FIGURES, 9, ITERATIONS)
    monkeypatch.setattr("experiments.figure_command.QUICK", Effort(num_blocks=3, num_large_blocks=2, num_starts=2))


def made(folder: Path, number: str) -> dict:
    make_figures(FigureArguments(number, quick=True, output=folder, runs=folder / "runs", num_workers=1), load_actor)  # type: ignore[arg-type]
    return json.loads((folder / f"figure{number}.json").read_text())


@pytest.mark.parametrize("number", ["8", "9"])
def test_a_figure_is_written_with_its_settings_and_comes_out_again(tiny_figures: None, tmp_path: Path, number: str) -> None:
    content = made(tmp_path, number)
    assert (tmp_path / f"figure{number}.png").stat().st_size > 10_000
    with open(tmp_path / f"figure{number}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{key: "" if row[key] is None else str(row[key]) for key in rows[0]} for row in shown(content)]
    assert len(rows) == {"8": 4, "9": 21}[number]
    assert {"seed", "git_commit", "versions", "command", "sources"} <= set(content)
    for entry in content["points"]:
        assert (entry["settings"]["actor"] is None) == (not entry["method"].startswith("td3mix"))
    arguments = FigureArguments(number, source=tmp_path / f"figure{number}.json", num_workers=1)  # type: ignore[arg-type]
    make_figures(arguments, load_actor)
    content["points"][0]["result"]["all"]["mean"] += 1e-9
    (tmp_path / f"figure{number}.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="must come out again"):
        make_figures(arguments, load_actor)


def test_a_figure_averages_over_as_many_channels_as_it_is_told(tiny_figures: None, tmp_path: Path) -> None:
    contents = make_figures(FigureArguments("8", num_blocks=4, output=tmp_path, runs=tmp_path / "runs", num_workers=1), load_actor)
    assert {entry["settings"]["num_blocks"] for entry in contents["8"]["points"]} == {4}


def test_a_method_without_a_trained_actor_is_left_out_and_named(tiny_figures: None, tmp_path: Path) -> None:
    content = made(tmp_path, "8")
    assert content["left_out"] == ["td3mix_k0_mlp"]
    assert {entry["method"] for entry in content["points"]} == {"td3mix", "flwf"}


def test_another_seed_must_lie_within_the_interval() -> None:
    def result(mean: float) -> dict:
        return {"mean": [mean], "ci95": [3.0], "std": None, "last": {}, "all": {"mean": mean, "ci95": 3.0}}

    before = [{"method": "flwf", "panel": "", "x": x, "result": result(100.0)} for x in (1, 2)]
    assert compare(before, [result(100.0), result(100.0)], same_seed=True) == (True, "2 of 2 points are identical")
    assert not compare(before, [result(100.0), result(101.0)], same_seed=True)[0]
    agrees, line = compare(before, [result(104.0), result(105.0)], same_seed=False)
    assert agrees
    assert line.startswith("1 of 2")
    assert not compare(before, [result(100.0), result(109.0)], same_seed=False)[0]


def test_without_the_game_the_network_has_no_iterations_and_large_networks_have_fewer_blocks() -> None:
    actor = Actor("file", "hash", "gain", dict)
    places, left_out = points(FIGURES[6], Effort(num_blocks=7, num_large_blocks=5), 1, lambda method, config: actor)
    assert not left_out
    assert len(places) == 2 * 4 * len(FIGURES[6].methods)
    for (panel, bands, method), point in places.items():
        config = NetworkConfig.from_json(point.settings["config"])
        assert config.num_bands == bands
        assert config.num_iterations == (0 if "k0" in method else 5)
        assert point.settings["num_blocks"] == (7 if panel.endswith("(8, 4)") else 5)


def test_every_figure_has_the_papers_places() -> None:
    assert [x for x, _ in FIGURES[6].sweep] == [3, 6, 9, 12]
    assert [x for x, _ in FIGURES[7].sweep] == [0, 3, 6, 10, 15, 20]
    assert [x for x, _ in FIGURES[8].sweep] == [5, 10, 20, 30, 40]
    sizes = [(config.num_antennas, config.num_users) for _, _, config in paper_figures.networks(FIGURES[5])]
    assert sizes == [(8, 4), (16, 8), (24, 12), (32, 16)]
    assert {(c.num_bands, c.sir_db) for _, _, c in paper_figures.networks(FIGURES[9])} == {(12, 0.0), (12, 3.0)}


@pytest.mark.parametrize("opening_only", [True, False])
def test_a_trajectory_is_the_negotiation_iteration_by_iteration(opening_only: bool) -> None:
    config = NetworkConfig(**{**SMALL, "num_slots": 4})
    generator, fractions = np.random.default_rng(0), []

    def policy(observations):
        shape = (1, config.num_bands, config.max_users)
        fractions.append(np.stack([generator.random(shape) for _ in observations], axis=1))
        return {agent: fractions[-1][:, cell] for cell, agent in enumerate(observations)}

    blocks = draw_blocks(config, 1, 7)
    gains = ragged(config, blocks.gains.signal_gains[0]), ragged_cross_gains(config, blocks.gains.cross_gains[0])
    budgets = ragged(config, blocks.user_budgets[0])
    capacities = trajectory(policy, blocks, "gain", 8, opening_only=opening_only)
    assert len(fractions) == (1 if opening_only else 3)
    expected, powers = [], None
    for iteration in range(8):
        if iteration == 0 or (iteration % config.num_iterations == 0 and not opening_only):
            powers = oracles.opening_powers(ragged(config, fractions[iteration // config.num_iterations][0]), budgets)
        powers = oracles.negotiate(powers, *gains, budgets, 1)
        expected.append(np.mean(oracles.sum_rates(powers, oracles.ingr(powers, *gains))))
    np.testing.assert_allclose(capacities[0], expected, rtol=1e-9)


def test_the_band_spreads_over_starts_and_blocks() -> None:
    config = NetworkConfig(**SMALL)
    starts = flwf_trajectories(draw_blocks(config, 3, 7), 4, 5, 7)
    settings = {"method": "flwf", "config": dataclasses.asdict(config), "num_blocks": 3, "seed": 7, "num_iterations": 5, "num_starts": 4}
    result = measure(settings, None)
    np.testing.assert_allclose(result["std"], starts.reshape(12, 5).std(axis=0, ddof=1))
    np.testing.assert_allclose(result["mean"], starts.mean(axis=(0, 1)))
    assert len(np.unique(starts[:, 0, 0])) == 4


@pytest.mark.parametrize("argv", [["--figure", "4"], ["--figure"], ["--figure", "5", "--damping", "0.5"], ["--claims", "--seed", "1"]])
def test_wrong_arguments_are_refused(argv: list[str]) -> None:
    with pytest.raises(ValueError, match="--help"):
        main(argv)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--figure", "5", "--seed", "-1"], "--seed"),
        (["--figure", "5", "--from", "nowhere.json"], "nowhere"),
        (["--figure", "5", "--from", "nowhere.json", "--quick", "--num-blocks", "3"], "got --quick, --num-blocks. Leave that out."),
        (["--figure", "5", "--num-workers", "0"], "at least 1"),
        (["--figure", "5", "--num-blocks", "0"], "at least 1"),
    ],
)
def test_wrong_values_are_refused_before_anything_is_measured(argv: list[str], message: str) -> None:
    with pytest.raises((ValueError, OSError), match=message):
        main(argv)


def test_flwf_from_given_openings_is_the_games_own_trajectory() -> None:
    config = NetworkConfig(**TINY, sir_db=6.0, dtype="float64")
    blocks = draw_blocks(config, 2, 5)
    for method, opening in (
        ("flwf_from_uniform", uniform_allocation),
        ("flwf_from_assignment", lambda *known: best_assignment(*known).powers),
    ):
        settings = {"method": method, "config": asdict(config), "seed": 5, "num_blocks": 2, "num_iterations": 4, "num_starts": None}
        found = measure(settings, None)["mean"]
        for iteration in (1, 4):
            powers = negotiate(opening(blocks.gains, blocks.user_budgets), blocks.gains, blocks.user_budgets, iteration)
            expected = sum_rates(powers, ingr(powers, blocks.gains)).mean()
            assert found[iteration - 1] == pytest.approx(expected, rel=1e-9)


def test_a_figure_may_show_percentages_of_one_method() -> None:
    def entry(method: str, mean: float) -> dict:
        result = {"all": {"mean": mean, "ci95": 2.0}, "last": {"mean": 2 * mean, "ci95": None}}
        return {"panel": "p", "x": 0, "method": method, "settings": {"num_blocks": 1, "config": {"num_users": 4}}, "result": result}

    assert FIGURES[11].relative_to == "wmmse"
    rows = shown({"figure": 11, "points": [entry("wmmse", 50.0), entry("uniform", 40.0)]})
    assert [(row["mean"], row["ci95"], row["last_mean"], row["last_ci95"]) for row in rows] == [(100, 4, 200, None), (80, 4, 160, None)]
