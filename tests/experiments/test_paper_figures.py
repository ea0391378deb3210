"""Figures: every number has its settings, the files agree, and measuring again gives the same."""

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import oracles
import pytest
import tyro
from scenarios import SMALL, ragged, ragged_cross_gains

from evaluate import main
from experiments.command_line import parse
from experiments.figures import paper_figures
from experiments.figures.equilibrium import settle
from experiments.figures.figure_arguments import FIGURE_HELP, FigureArguments
from experiments.figures.figure_command import make_figures
from experiments.figures.figure_files import compare, read_figure, shown
from experiments.figures.measurement import measure, random_draws, random_starts, trajectory
from experiments.figures.paper_figures import FIGURES, FULL, PAPER_FIGURES, Actor, Effort, PaperFigure, points
from multicell_env.allocations.assignment import best_assignment
from multicell_env.allocations.simple import uniform_allocation
from multicell_env.blocks import Blocks
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.playing import draw_blocks
from multicell_env.evaluation.policies import decide
from multicell_env.model.interference import ingr, sum_rates
from multicell_env.model.negotiation import negotiate
from multicell_env.model.waterfilling import opening_powers
from multicell_env.observation import Observer

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
    monkeypatch.setattr(
        "experiments.figures.figure_command.QUICK", Effort(num_blocks=3, num_large_blocks=2, num_starts=2, num_iwf_starts=2)
    )


def made(folder: Path, number: str) -> dict:
    make_figures(FigureArguments(number, quick=True, output=folder, runs=folder / "runs", num_workers=1))
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
    arguments = FigureArguments(number, source=tmp_path / f"figure{number}.json", num_workers=1)
    make_figures(arguments)
    content["points"][0]["result"]["settled"]["mean"] += 1e-4
    (tmp_path / f"figure{number}.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="must be reproduced"):
        make_figures(arguments)


def test_a_figure_averages_over_as_many_channels_as_it_is_told(tiny_figures: None, tmp_path: Path) -> None:
    contents = make_figures(FigureArguments("8", num_blocks=4, output=tmp_path, runs=tmp_path / "runs", num_workers=1))
    assert {entry["settings"]["num_blocks"] for entry in contents["8"]["points"]} == {4}


def test_a_method_without_a_trained_actor_is_left_out_and_named(tiny_figures: None, tmp_path: Path) -> None:
    content = made(tmp_path, "8")
    assert content["left_out"] == ["td3mix_k0_mlp"]
    assert {entry["method"] for entry in content["points"]} == {"td3mix", "flwf"}


def test_another_seed_must_lie_within_the_interval() -> None:
    def result(mean: float) -> dict:
        one = {"mean": mean, "ci95": 3.0}
        return {"mean": [mean], "ci95": [3.0], "std_over_starts": None, "all": one, "settled": one, "iterations": None}

    before = [{"method": "flwf", "panel": "", "x": x, "result": result(100.0)} for x in (1, 2)]
    assert compare(before, [result(100.0), result(100.0)], same_seed=True) == (True, "2 of 2 points are identical")
    assert not compare(before, [result(100.0), result(101.0)], same_seed=True)[0]
    agrees, line = compare(before, [result(104.0), result(105.0)], same_seed=False)
    assert agrees
    assert line.startswith("1 of 2")
    assert not compare(before, [result(100.0), result(109.0)], same_seed=False)[0]


def test_without_the_game_k_is_0_and_large_networks_have_fewer_blocks() -> None:
    actor = Actor("file", "hash", "gain", dict)
    places, left_out = points(
        FIGURES[6], Effort(num_blocks=7, num_large_blocks=5, num_starts=9, num_iwf_starts=3), 1, lambda method, config: actor
    )
    assert not left_out
    assert len(places) == 2 * 4 * len(FIGURES[6].methods)
    for (panel, bands, method), point in places.items():
        config = NetworkConfig.from_json(point.settings["config"])
        assert config.num_bands == bands
        assert config.num_iterations == (0 if "k0" in method else 5)
        assert point.settings["num_blocks"] == (7 if panel.endswith("(8, 4)") else 5)
        assert point.settings["num_starts"] == {"flwf": 9, "iwf": 3, "random": 9}.get(method)


def test_every_figure_has_the_papers_places() -> None:
    assert [x for x, _ in FIGURES[6].sweep] == [3, 6, 9, 12]
    assert [x for x, _ in FIGURES[7].sweep] == [0, 3, 6, 10, 15, 20]
    assert [x for x, _ in FIGURES[8].sweep] == [5, 10, 20, 30, 40]
    sizes = [(config.num_antennas, config.num_users) for _, _, config in paper_figures.networks(FIGURES[5])]
    assert sizes == [(8, 4), (16, 8), (24, 12), (32, 16)]
    assert {(c.num_bands, c.sir_db) for _, _, c in paper_figures.networks(FIGURES[9])} == {(12, 0.0), (12, 3.0)}
    assert (FULL.num_starts, FIGURES[9].channels_per_start) == (100, 20)
    assert {"sswf", "td3mix_k0_mlp", "random", "flwf", "td3mix_opening"} <= set(FIGURES[9].methods)


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
    if opening_only:
        curve = settle(blocks, decide(policy, Observer("gain", blocks), batched=True)).curve[:, :8]
    else:
        curve = trajectory(policy, blocks, "gain", 8)
    assert len(fractions) == (1 if opening_only else 3)
    expected, powers = [], None
    for iteration in range(8):
        if iteration == 0 or (iteration % config.num_iterations == 0 and not opening_only):
            powers = oracles.opening_powers(ragged(config, fractions[iteration // config.num_iterations][0]), budgets)
        powers = oracles.negotiate(powers, *gains, budgets, 1)
        expected.append(np.mean(oracles.sum_rates(powers, oracles.ingr(powers, *gains))))
    np.testing.assert_allclose(curve[0], expected, rtol=1e-9)


def settings_of(method: str, config: NetworkConfig, num_blocks: int, seed: int, **changes: Any) -> dict[str, Any]:
    settings = {"method": method, "config": asdict(config), "num_blocks": num_blocks, "seed": seed, "observation": None, "actor": None}
    return {**settings, "num_iterations": 0, "num_starts": None, "channels_per_start": None, **changes}


def test_the_band_is_the_spread_of_means_over_channels_one_for_each_start() -> None:
    config = NetworkConfig(**SMALL)
    blocks = draw_blocks(config, 6, 7)
    curves = np.array([settle(restarted(blocks), start).curve for start in random_starts(blocks, 4, 7)])
    for channels, sets in ((None, [slice(6)]), (3, [slice(3), slice(3, 6)]), (4, [slice(4)])):
        settings = settings_of("flwf", config, 6, 7, num_iterations=5, num_starts=4, channels_per_start=channels)
        result = measure(settings, None)
        spreads = [curves[:, one].mean(axis=1).std(axis=0, ddof=1) for one in sets]
        expected = np.sqrt(np.mean(np.square(spreads), axis=0))
        np.testing.assert_allclose(result["std_over_starts"], expected[:5], atol=1e-4)
        assert result["settled"]["std_over_starts"] == pytest.approx(expected[-1], abs=1e-4)
        np.testing.assert_allclose(result["mean"], curves.mean(axis=(0, 1))[:5], atol=1e-4)
        np.testing.assert_allclose(result["settled"]["per_block"], curves[..., -1].mean(axis=0), atol=1e-4)
    assert len(np.unique(curves[:, 0, 0])) == 4


def test_the_mean_over_slots_of_a_negotiation_is_that_of_slots_played_one_by_one() -> None:
    config = NetworkConfig(**SMALL | {"num_slots": 4})
    blocks = draw_blocks(config, 2, 7)
    (start,) = random_starts(blocks, 1, 7)
    slots = [blocks.play_slot(start if slot == 0 else blocks.hold()).mean(axis=-1) for slot in range(4)]
    result = measure(settings_of("flwf", config, 2, 7, num_starts=1), None)
    np.testing.assert_allclose(result["mean"], np.mean(slots, axis=1), atol=1e-4)
    np.testing.assert_allclose(result["all"]["per_block"], np.mean(slots, axis=0), atol=1e-4)
    assert result["std_over_starts"] is None


def test_when_blocks_settle_is_counted_over_starts_and_blocks() -> None:
    config = NetworkConfig(**SMALL)
    blocks = draw_blocks(config, 3, 7)
    played = [settle(restarted(blocks), start, negotiation="iwf") for start in random_starts(blocks, 2, 7)]
    iterations = np.concatenate([one.iterations for one in played])
    found = measure(settings_of("iwf", config, 3, 7, num_starts=2), None)["iterations"]
    assert found["not_settled"] == (iterations == 0).sum()
    assert found["settled"] == (iterations > 0).sum()
    assert found["median"] == (np.median(iterations[iterations > 0]) if found["settled"] else None)
    assert found["near"]["mean"] == pytest.approx(np.mean([one.iterations_to(0.01) for one in played]), abs=1e-4)


def test_openings_are_measured_where_they_settle_and_others_in_the_last_slot() -> None:
    config = NetworkConfig(**SMALL)
    blocks = draw_blocks(config, 2, 7)
    fractions = np.random.default_rng(1).random((2, config.num_cells, config.num_bands, config.max_users))

    def policy(observations: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {agent: fractions[:, cell] for cell, agent in enumerate(observations)}

    opened = measure(settings_of("td3mix_opening", config, 2, 7, observation="gain"), policy)
    np.testing.assert_allclose(opened["settled"]["per_block"], settle(blocks, fractions).capacity, atol=1e-4)
    alone = measure(settings_of("td3mix_k0", NetworkConfig(**SMALL | {"num_iterations": 0}), 2, 7, observation="gain"), policy)
    powers = opening_powers(fractions, blocks.user_budgets)
    np.testing.assert_allclose(alone["settled"]["per_block"], sum_rates(powers, ingr(powers, blocks.gains)).mean(axis=-1), atol=1e-4)
    assert alone["iterations"] is None
    level = measure(settings_of("sswf", config, 2, 7, num_iterations=3), None)
    assert level["mean"] == [level["settled"]["mean"]] * 3


def test_random_allocations_have_a_spread_and_the_best_draw_of_every_block() -> None:
    config = NetworkConfig(**SMALL)
    draws = random_draws(draw_blocks(config, 3, 7), 5, 7)
    found = measure(settings_of("random", config, 3, 7, num_starts=5), None)
    assert found["settled"]["std_over_starts"] == pytest.approx(draws.mean(axis=1).std(ddof=1), abs=1e-4)
    np.testing.assert_allclose(found["best_draw"]["per_block"], draws.max(axis=0), atol=1e-4)
    assert found["mean"] == [found["settled"]["mean"]] * config.num_slots
    assert len(np.unique(draws)) == draws.size


def restarted(blocks: Blocks) -> Blocks:
    blocks.restart()
    return blocks


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
        found = measure(settings_of(method, config, 2, 5, num_iterations=4), None)["mean"]
        for iteration in (1, 4):
            powers = negotiate(opening(blocks.gains, blocks.user_budgets), blocks.gains, blocks.user_budgets, iteration)
            expected = sum_rates(powers, ingr(powers, blocks.gains)).mean()
            assert found[iteration - 1] == pytest.approx(expected, abs=1e-4)


def test_a_figure_may_show_percentages_of_one_method() -> None:
    def entry(method: str, mean: float) -> dict:
        settled = {"mean": 2 * mean, "ci95": None, "std_over_starts": None}
        result = {"all": {"mean": mean, "ci95": 2.0, "std_over_starts": None}, "settled": settled, "iterations": None}
        settings = {"num_blocks": 1, "num_starts": None, "config": {"num_users": 4}}
        return {"panel": "p", "x": 0, "method": method, "settings": settings, "result": result}

    assert FIGURES[11].relative_to == "wmmse"
    rows = shown({"figure": 11, "points": [entry("wmmse", 50.0), entry("uniform", 40.0)]})
    assert [(row["mean"], row["ci95"]) for row in rows] == [(100, 4), (80, 4)]


def test_a_figure_of_the_steady_state_has_the_mean_over_slots_beside_it_per_user() -> None:
    numbers = {"settled": 80.0, "all": 60.0}
    result = {key: {"mean": mean, "ci95": 2.0, "std_over_starts": 1.0} for key, mean in numbers.items()}
    result["iterations"] = {"median": 17.0, "not_settled": 3}
    settings = {"num_blocks": 1, "num_starts": 100, "config": {"num_users": 4}}
    (row,) = shown({"figure": 8, "points": [{"panel": "p", "x": 5, "method": "flwf", "settings": settings, "result": result}]})
    assert (row["mean"], row["ci95"], row["std_over_starts"], row["slots_mean"], row["slots_ci95"]) == (20.0, 0.5, 0.25, 15.0, 0.5)
    assert (row["median_iterations"], row["not_settled"], row["num_starts"]) == (17.0, 3, 100)


def test_every_figure_is_asked_for_by_its_number_and_the_help_names_ours() -> None:
    for asked in (*map(str, FIGURES), "all"):
        assert parse(FigureArguments, ["--figure", asked], tyro.MISSING_NONPROP).figure == asked
    assert all(f"{number}, {figure.title}" in FIGURE_HELP for number, figure in FIGURES.items() if number not in PAPER_FIGURES)


def test_a_figure_without_equilibria_is_refused(tmp_path: Path) -> None:
    entry = {"panel": "p", "x": 5, "method": "flwf", "settings": {}, "result": {"all": {"mean": 1.0}}}
    (tmp_path / "figure8.json").write_text(json.dumps({"figure": 8, "points": [entry]}))
    with pytest.raises(ValueError, match="points without an equilibrium"):
        read_figure(tmp_path / "figure8.json")
