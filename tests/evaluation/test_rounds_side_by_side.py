"""Negotiations round by round are those that are evaluated, and the picture shows their numbers."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from multicell_env import NetworkConfig
from multicell_env.allocations.simple import random_allocation
from multicell_env.evaluation.animation import Negotiation, follow
from multicell_env.evaluation.playing import draw_blocks, evaluate_allocations, fractions_of, play
from multicell_env.evaluation.rounds import follow_allocation, follow_policy, in_rounds
from multicell_env.evaluation.side_by_side import moments_of, save_picture, side_by_side
from multicell_env.rendering.network_map import map_of
from multicell_env.streams import STARTS, generator

ROOT = Path(__file__).parents[2]
SMALL = NetworkConfig(num_antennas=3, num_users=(1, 2, 2), num_bands=4, num_slots=3, num_iterations=4, dtype="float64")
ROUNDS = NetworkConfig(num_antennas=3, num_users=2, num_bands=4, num_slots=3, num_iterations=0, rounds_per_slot=3, action="price")


def leaning(observations: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Spends by what it measured, so that every round's action is another one."""
    return {agent: np.tanh(0.3 * planes[1] + 0.5) for agent, planes in observations.items()}


def followed() -> dict[str, Negotiation]:
    return {name: follow_allocation(name, SMALL, 5) for name in ("flwf", "pricing")}


def test_iterations_become_rounds_of_their_own() -> None:
    game = in_rounds(SMALL)
    assert (game.rounds_per_slot, game.num_iterations) == (4, 1)
    assert in_rounds(ROUNDS) == ROUNDS


def test_a_policy_in_rounds_has_the_capacities_that_it_is_evaluated_with() -> None:
    for config in (SMALL, ROUNDS):
        capacities = follow_policy(leaning, config, 5, num_blocks=2).capacities
        rounds = in_rounds(config).rounds_per_slot
        expected = play(leaning, draw_blocks(config, 2, 5), "gain")
        np.testing.assert_allclose(capacities[rounds - 1 :: rounds].T, expected, rtol=1e-6)


@pytest.mark.parametrize("config", [SMALL, NetworkConfig(num_iterations=0, num_slots=3, dtype="float64")], ids=["k=4", "k=0"])
@pytest.mark.parametrize("name", ["pricing", "pricing_from_plan", "planned", "uniform"])
def test_an_allocation_in_rounds_has_the_capacities_that_it_is_evaluated_with(name: str, config: NetworkConfig) -> None:
    (result,) = evaluate_allocations(config, num_blocks=2, seed=5, methods=(name,), timed=False)
    capacities = follow_allocation(name, config, 5, num_blocks=2).capacities
    rounds = max(config.num_iterations, 1)
    assert len(capacities) == rounds * config.num_slots
    np.testing.assert_allclose(capacities[rounds - 1 :: rounds].T, result.per_slot, rtol=1e-6)


def test_flwf_makes_one_iteration_a_round_from_the_first_start_of_an_evaluation() -> None:
    blocks = draw_blocks(SMALL, 1, 5)
    opening = random_allocation(blocks.gains, blocks.user_budgets, generator(5, STARTS))
    slow = follow(blocks, fractions_of(opening, blocks), 4)
    rounds = follow_allocation("flwf", SMALL, 5)
    np.testing.assert_allclose(rounds.capacities[:4], slow.capacities[1:], rtol=1e-6)
    np.testing.assert_allclose(rounds.powers[:4], slow.powers[1:], rtol=1e-6)


def test_random_powers_are_drawn_anew_in_every_slot_alone() -> None:
    powers = follow_allocation("random", SMALL, 5).powers
    np.testing.assert_allclose(powers[:4], powers[[0] * 4])
    assert not np.allclose(powers[3], powers[4])


def test_where_channels_move_a_negotiation_opens_in_every_slot() -> None:
    moving = NetworkConfig(num_iterations=2, num_slots=2, channel_model="redraw", dtype="float64")
    (result,) = evaluate_allocations(moving, num_blocks=2, seed=5, methods=("pricing",), timed=False)
    capacities = follow_allocation("pricing", moving, 5, num_blocks=2).capacities
    np.testing.assert_allclose(capacities[1::2].T, result.per_slot, rtol=1e-6)


def test_what_is_shown_are_the_first_rounds_and_the_last_of_the_first_and_last_slot() -> None:
    assert [(moment.step, moment.label) for moment in moments_of(NetworkConfig(rounds_per_slot=5))] == [
        (0, "slot 1, round 1"),
        (1, "slot 1, round 2"),
        (2, "slot 1, round 3"),
        (4, "slot 1, round 5"),
        (49, "slot 10, round 5"),
    ]
    assert [moment.step for moment in moments_of(NetworkConfig())] == [0, 9]
    assert [moment.step for moment in moments_of(NetworkConfig(num_slots=1, rounds_per_slot=2))] == [0, 1]


def test_the_picture_says_every_capacity_and_draws_it_against_the_plans(tmp_path: Path) -> None:
    negotiations, plan = followed(), follow_allocation("planned", SMALL, 5)
    moments = moments_of(in_rounds(SMALL))
    figure = side_by_side("three cells", map_of(SMALL), negotiations, moments, plan)
    shown = [text.get_text() for text in figure.texts]
    assert {"three cells", "planned", *negotiations, *(moment.label for moment in moments)} <= set(shown)
    feet = [axes for axes in figure.axes if [patch for patch in axes.patches if isinstance(patch, Rectangle)]]
    every = [(plan, 0), *((negotiation, moment.step) for moment in moments for negotiation in negotiations.values())]
    capacities = [float(negotiation.capacities[step, 0]) for negotiation, step in every]
    assert [foot.texts[0].get_text() for foot in feet] == [f"{capacity:.1f}" for capacity in capacities]
    for foot, capacity in zip(feet, capacities, strict=True):
        whole, bar = (patch for patch in foot.patches if isinstance(patch, Rectangle))
        assert bar.get_width() / whole.get_width() == pytest.approx(capacity / max(capacities))
        (mark,) = foot.lines
        assert (mark.get_xdata()[0] - bar.get_x()) / bar.get_width() == pytest.approx(capacities[0] / capacity)
    save_picture(figure, tmp_path / "picture.png")
    with Image.open(tmp_path / "picture.png") as picture:
        assert picture.width == 1400
    assert (tmp_path / "picture.png").stat().st_size < 300_000


def test_the_command_draws_any_network_and_refuses_flags_beside_a_scenario(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    main = importlib.import_module("draw_negotiation").main
    path, words = tmp_path / "new" / "picture.png", ["--num-cells", "2", "--num-slots", "2"]
    main([*words, "--output", str(path)])
    rows = [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:6]]
    assert rows == ["flwf", "pricing", "apg_rounds", "planned"]
    assert path.exists()
    with pytest.raises(ValueError, match="--num-cells 2"):
        main([*words, "--scenario", "paper"])
    with pytest.raises(ValueError, match="got other"):
        main(["--methods", "other"])
