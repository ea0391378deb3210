"""The paper's claims: their verdicts follow the numbers, and what is missing is named."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.figures.claim_numbers import Capacities, Capacity, Number, Region
from experiments.figures.claim_verdicts import as_json, as_markdown, verdicts
from experiments.figures.claims import CLAIMS, LARGE, SMALL
from experiments.figures.claims_picture import save_claims
from experiments.figures.paper_figures import FIGURES, PAPER_FIGURES

METHODS = {"td3mix_opening": 8.0, "flwf": 6.0, "td3mix_k0": 1.9, "td3mix_k0_mlp": 2.05, "sswf": 2.1, "random": 2.0}
NEGOTIATED = ("td3mix_opening", "flwf")


def as_the_paper_says(figure: int, panel: str, x: Any, method: str) -> float:
    """Average cell capacity of a method where every claim holds."""
    value = 10.0 * METHODS[method]
    if figure == 6 and method in NEGOTIATED:
        value *= (0.75 if x == 12 else 1.0) * (0.9 if panel == SMALL else 1.0)
    if figure == 6:
        return value * x / 6
    if figure == 7:
        return value * (1.0 - 0.01 * x if method == "td3mix_opening" else 1.0 + 0.02 * x)
    if figure == 8 and method == "td3mix_opening":
        return value * (1.0 + (0.02 if panel == SMALL else 0.01) * x)
    return value


def entry(mean: float) -> dict[str, Any]:
    """Four blocks that differ by a thousandth."""
    return {
        "mean": mean,
        "ci95": 0.001 * mean,
        "std_over_starts": 4.0,
        "per_block": [mean * (1 + 1e-3 * d) for d in (-1.0, 1.0, -0.5, 0.5)],
    }


def figures(value: Any = as_the_paper_says, over_slots: Any = None) -> dict[int, dict[str, Any]]:
    found = {}
    for number in PAPER_FIGURES:
        figure, entries = FIGURES[number], []
        for panel, _ in figure.panels:
            for x, _ in figure.sweep:
                for method in METHODS:
                    mean = value(number, panel, x, method)
                    near = {"mean": 30.0 if "SIR 3" in panel else 15.0, "ci95": 2.0}
                    result = {"settled": entry(mean), "all": entry((over_slots or value)(number, panel, x, method))}
                    result |= {"iterations": {"near": near}, "best_draw": entry(1.05 * mean)}
                    entries.append({"panel": panel, "x": x, "method": method, "settings": {}, "result": result})
        found[number] = {"figure": number, "seed": 0, "command": ["evaluate.py", "--figure", str(number)], "points": entries}
    return found


def changed_by(changed: tuple) -> Any:
    """The paper's numbers with one of them, or some, multiplied by a factor."""
    *where, factor = changed

    def value(*place: Any) -> float:
        there = all(wanted is None or wanted == given for wanted, given in zip(where, place, strict=True))
        return as_the_paper_says(*place) * (factor if there else 1.0)

    return value


def failing(found: dict[int, dict[str, Any]]) -> set[str]:
    judged = verdicts(found)
    assert {verdict.outcome for verdict in judged} <= {"holds", "fails"}
    return {verdict.claim.name for verdict in judged if verdict.outcome == "fails"}


def test_numbers_that_say_what_the_paper_says_make_every_claim_hold() -> None:
    assert failing(figures()) == set()


FLIPS = [
    ((5, None, None, "sswf", 1.2), {"C1 SSWF"}),
    ((5, None, None, "random", 0.8), {"C1 SSWF", "C1 TD3-MIX"}),
    ((5, None, "(16, 8)", "td3mix_k0_mlp", 1.3), {"C1 TD3-MIX", "C1 DRL alone"}),
    ((5, None, "(8, 4)", "td3mix_k0", 2.0), {"C1 set network"}),
    ((5, None, "(8, 4)", "flwf", 0.4), {"C1 FLWF"}),
    ((5, None, "(32, 16)", "flwf", 1.25), {"C2"}),
    ((6, LARGE, 9, "flwf", 0.3), {"C3 beyond"}),
    ((6, SMALL, 3, "flwf", 0.1), {"C3 growth", "C3 beyond"}),
    ((6, SMALL, 9, "td3mix_opening", 1.3), {"C3 size"}),
    ((6, LARGE, 6, "td3mix_k0_mlp", 0.7), {"C3 F = 6"}),
    ((6, LARGE, 12, "td3mix_k0_mlp", 0.5), {"C3 F = 12"}),
    ((6, SMALL, 12, "td3mix_k0_mlp", 1.5), {"C3 small"}),
    ((7, LARGE, 20, "flwf", 0.5), {"C4 others"}),
    ((7, LARGE, 20, "td3mix_opening", 1.3), {"C4 falls"}),
    ((7, LARGE, 10, "td3mix_opening", 1.3), {"C4 falls"}),
    ((7, LARGE, 0, "sswf", 3.0), {"C4 others", "C4 gap"}),
    ((8, SMALL, 40, "random", 1.1), {"C5 flat"}),
    ((8, SMALL, 40, "td3mix_opening", 0.6), {"C5 rise", "C5 size"}),
    ((8, LARGE, 40, "td3mix_opening", 1.6), {"C5 size"}),
    ((9, f"{LARGE}, SIR 3 dB", None, "td3mix_opening", 0.76), {"C6 top"}),
    ((9, f"{SMALL}, SIR 3 dB", None, "td3mix_opening", 0.7), {"C6 mean"}),
    ((9, f"{SMALL}, SIR 3 dB", None, "td3mix_opening", 0.75), set()),
]


@pytest.mark.parametrize(("changed", "claims"), FLIPS)
def test_a_verdict_flips_when_its_number_does(changed: tuple, claims: set[str]) -> None:
    assert failing(figures(changed_by(changed))) == claims


def test_claims_of_convergence_and_of_exploration_flip_with_their_numbers() -> None:
    def slow(panel: str) -> float:
        return 60.0 if "SIR 0" in panel else 30.0

    content, explored = figures(), figures()
    for one in content[9]["points"]:
        one["result"]["iterations"]["near"]["mean"] = slow(one["panel"])
    for one in explored[9]["points"]:
        one["result"]["best_draw"] = entry(1.5 * one["result"]["settled"]["mean"])
    assert failing(content) == {"C6 speed", "C6 slower"}
    assert failing(explored) == {"C6 random"}


def test_every_claim_has_been_made_to_fail_by_some_number() -> None:
    assert set().union(*(claims for _, claims in FLIPS)) | {"C6 speed", "C6 slower", "C6 random"} == {claim.name for claim in CLAIMS}


def test_the_equilibrium_decides_and_another_verdict_of_the_mean_over_slots_is_told() -> None:
    flat = changed_by((5, None, "(32, 16)", "flwf", 1.3))
    (verdict,) = [one for one in verdicts(figures(flat, over_slots=as_the_paper_says)) if one.claim.name == "C2"]
    assert (verdict.outcome, verdict.outcome_over_slots) == ("fails", "holds")
    table = as_markdown([verdict], {})
    assert "**fails**; mean over the slots holds: (32, 16): 1.333" in table
    (verdict,) = [one for one in verdicts(figures()) if one.claim.name == "C2"]
    assert "over the slots holds" not in as_markdown([verdict], {})


@pytest.mark.parametrize(
    ("numbers", "outcome"),
    [
        ([Number(1.5, 0.4), Number(1.2, 0.1)], "holds"),
        ([Number(1.5, 0.4), Number(1.05, 0.1)], "undecided"),
        ([Number(1.5, 0.4), Number(0.8, 0.1)], "fails"),
        ([Number(1.0, 0.0)], "fails"),
        ([Number(2.5, 0.1)], "fails"),
    ],
)
def test_a_claim_holds_within_its_region_and_fails_outside(numbers: list[Number], outcome: str) -> None:
    assert Region(1.0, 2.0).judge(numbers) == outcome


def test_a_claim_without_its_figure_is_not_judged_and_says_which_command_makes_it() -> None:
    judged = verdicts({})
    assert len(judged) == len(CLAIMS) <= 25
    for verdict in judged:
        assert verdict.outcome == "not measured"
        assert "python evaluate.py --figure " in verdict.missing
    table = as_markdown(verdicts(figures()), figures())
    assert f"Of {len(CLAIMS)} claims {len(CLAIMS)} hold" in table
    assert "`python evaluate.py --figure 7` (seed 0)" in table
    assert table.count('"\n') == 0
    assert sum(line.startswith("| C") for line in table.splitlines()) == len(CLAIMS)
    assert json.loads(json.dumps(as_json(verdicts(figures())), allow_nan=False))[0]["outcome"] == "holds"


def test_the_intervals_of_paired_capacities_are_those_of_many_draws() -> None:
    generator = np.random.default_rng(0)
    shared = generator.normal(10.0, 1.0, (4000, 50))
    ours, other = 2.0 * shared + generator.normal(0.0, 0.3, shared.shape), shared + generator.normal(0.0, 0.1, shared.shape)
    pairs = [(Capacity(one), Capacity(two)) for one, two in zip(ours, other, strict=True)]
    quotients = [one.over(two) for one, two in pairs]
    differences = [one.minus(two).number for one, two in pairs]
    for found in (quotients, differences):
        spread = 1.96 * np.std([number.mean for number in found])
        assert np.mean([number.ci95 for number in found]) == pytest.approx(spread, rel=0.04)
    assert np.mean([number.mean for number in quotients]) == pytest.approx(2.0, abs=0.001)


def test_the_interval_of_an_independent_quotient_adds_relative_errors() -> None:
    quotient = Number(8.0, 0.4).over(Number(4.0, 0.3))
    assert quotient.mean == 2.0
    assert quotient.ci95 == pytest.approx(2.0 * (0.05**2 + 0.075**2) ** 0.5)


def test_capacities_are_those_of_the_place_that_is_asked_for() -> None:
    found = Capacities(figures())
    assert found(7, LARGE, 10, "td3mix_opening").number.mean == pytest.approx(72.0)
    assert found.places(6, SMALL) == [3, 6, 9, 12]


@pytest.mark.parametrize("found", [figures(), {}, figures(changed_by((7, LARGE, 20, "flwf", 0.5)))])
def test_the_picture_is_drawn_whatever_is_measured(found: dict[int, dict[str, Any]], tmp_path: Path) -> None:
    save_claims(verdicts(found), tmp_path / "claims.png")
    assert (tmp_path / "claims.png").stat().st_size > 20_000
