"""The paper's claims: their verdicts follow the numbers, and what is missing is named."""

from typing import Any

import pytest

from experiments.claims import CLAIMS, LARGE, SMALL, Number, as_markdown, verdicts
from experiments.paper_figures import FIGURES, PAPER

METHODS = {"td3mix": 8.5, "td3mix_opening": 8.0, "flwf": 6.0, "td3mix_k0": 1.9, "td3mix_k0_mlp": 2.0, "sswf": 2.1, "random": 2.0}
METHODS |= {"reuse": 7.0, "assignment_bound": 9.0, "uniform": 2.05}


def as_the_paper_says(figure: int, panel: str, x: Any, method: str) -> float:
    """Average cell capacity of a method where every claim holds."""
    value = 10.0 * METHODS[method]
    if figure == 6:
        return value * x / 6 * (0.75 if method in ("td3mix_opening", "flwf") and x == 12 else 1.0)
    if figure == 7:
        return value * (1.0 - 0.01 * x if method.startswith("td3mix_opening") else 1.0 + 0.02 * x)
    if figure == 8 and method == "td3mix_opening":
        return value * (1.0 + (0.02 if panel == SMALL else 0.01) * x)
    return value


def figures(value: Any = as_the_paper_says) -> dict[int, dict[str, Any]]:
    found = {}
    for number in PAPER:
        figure, entries = FIGURES[number], []
        for panel, _ in figure.panels:
            for x, _ in figure.sweep:
                for method in METHODS:
                    mean = value(number, panel, x, method)
                    every = {"mean": mean, "ci95": 0.1}
                    curve = [mean] * 100
                    if number == 9:
                        end = 60.5 if panel == f"{SMALL}, SIR 3 dB" and method == "td3mix_opening" else mean
                        slow = 5.0 if "SIR 3" in panel else 2.0
                        curve = [end * (1.0 - 0.5 ** (iteration / slow)) for iteration in range(1, 101)]
                    result = {"mean": curve, "ci95": [0.1] * 100, "std": [4.0] * 100, "last": every, "all": every}
                    settings = {"num_blocks": 4, "config": {"num_users": 4}}
                    entries.append({"panel": panel, "x": x, "method": method, "settings": settings, "result": result})
        found[number] = {"figure": number, "seed": 0, "command": ["evaluate.py", "--figure", str(number)], "points": entries}
    return found


def disagreeing(value: Any) -> set[str]:
    judged = verdicts(figures(value))
    assert all(verdict.agrees is not None for verdict in judged)
    return {verdict.claim for verdict in judged if not verdict.agrees}


def test_numbers_that_say_what_the_paper_says_agree_with_every_claim() -> None:
    assert disagreeing(as_the_paper_says) == set()


@pytest.mark.parametrize(
    ("changed", "claims"),
    [
        ((5, None, None, "sswf", 1.2), {"C1 SSWF"}),
        ((5, None, "(16, 8)", "td3mix_k0_mlp", 1.3), {"C1 TD3-MIX, paper's network"}),
        ((5, None, "(8, 4)", "td3mix_k0", 2.0), {"C1 TD3-MIX, set network"}),
        ((5, None, "(8, 4)", "flwf", 0.4), {"C1 FLWF"}),
        ((5, None, "(24, 12)", "flwf", 1.4), {"C1 best"}),
        ((5, None, "(32, 16)", "flwf", 1.25), {"C2"}),
        ((6, LARGE, 6, "td3mix_k0_mlp", 2.0), {"C3 F = 6"}),
        ((6, LARGE, 12, "td3mix_k0_mlp", 0.5), {"C3 F = 12"}),
        ((6, SMALL, 6, "td3mix_k0_mlp", 2.2), {"C3 small"}),
        ((6, SMALL, 6, "td3mix_k0", 2.2), {"C3 small, set network"}),
        ((6, LARGE, 3, "flwf", 0.1), {"C3 growth"}),
        ((7, LARGE, 20, "flwf", 0.5), {"C4 others"}),
        ((7, LARGE, 20, "td3mix_opening", 1.3), {"C4 TD3-MIX + FLWF"}),
        ((7, LARGE, 0, "td3mix_k0_mlp", 3.0), {"C4 others", "C4 gap"}),
        ((8, SMALL, 40, "random", 1.1), {"C5 flat"}),
        ((8, SMALL, 40, "td3mix_opening", 0.8), {"C5 rise"}),
    ],
)
def test_a_verdict_flips_when_its_number_does(changed: tuple, claims: set[str]) -> None:
    *where, factor = changed

    def value(*place: Any) -> float:
        there = all(wanted is None or wanted == given for wanted, given in zip(where, place, strict=True))
        return as_the_paper_says(*place) * (factor if there else 1.0)

    assert disagreeing(value) == claims


def test_the_claims_of_convergence_flip_when_the_curves_do() -> None:
    content = figures()
    for entry in content[9]["points"]:
        curve = entry["result"]["mean"]
        entry["result"]["mean"] = [curve[iteration // 4] for iteration in range(100)] if entry["method"] == "td3mix_opening" else curve
    assert {verdict.claim for verdict in verdicts(content) if not verdict.agrees} == {"C6 speed"}
    content = figures()
    for entry in content[9]["points"]:
        if entry["method"] == "flwf":
            entry["result"]["std"] = [200.0 if (SMALL in entry["panel"]) == ("SIR 0" in entry["panel"]) else 0.5] * 100
    # A band so wide that its top is far, at (8, 4), 0 dB and (32, 16), 3 dB; so narrow that half a bit is above its mean, at (8, 4), 3 dB.
    expected = {"C6 end (8, 4), 0 dB", "C6 end (32, 16), 3 dB", "C6 end (8, 4), 3 dB"}
    assert {verdict.claim for verdict in verdicts(content) if not verdict.agrees} == expected


def test_a_claim_without_its_figure_is_not_judged_and_says_which_command_makes_it() -> None:
    judged = verdicts({})
    assert len(judged) == len(CLAIMS)
    for verdict in judged:
        assert verdict.agrees is None
        assert "python evaluate.py --figure " in verdict.why
    table = as_markdown(verdicts(figures()), figures())
    assert f"{len(CLAIMS)} of {len(CLAIMS)} agree" in table
    assert "`python evaluate.py --figure 7`" in table


def test_the_interval_of_a_quotient_is_that_of_many_draws() -> None:
    quotient = Number(8.0, 0.4).over(Number(4.0, 0.3))
    assert quotient.mean == 2.0
    assert quotient.ci95 == pytest.approx(2.0 * (0.05**2 + 0.075**2) ** 0.5)
