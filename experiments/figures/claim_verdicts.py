"""Verdicts on the paper's claims, and the table and JSON of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiments.figures.claim_numbers import Capacities, MissingError, Numbers, Outcome
from experiments.figures.claims import CLAIMS, Claim

INTRODUCTION = (
    "Every claim of section V of the paper, in its words, beside our number. `python evaluate.py --claims` writes this page from the "
    "figures' JSON. Our numbers are equilibria, or the last slot of methods that do not negotiate, with 95 % intervals over channels, "
    "paired where channels are equal. A claim holds if all intervals are in the claimed region, and fails if one is outside. The "
    "verdict by the mean over the slots is added where it differs. TD3-MIX is the paper's baseline, without the game and with the "
    "paper's network; FLWF is forward-looking water-filling, SSWF selfish single-user water-filling."
)


@dataclass(frozen=True)
class Verdict:
    """One claim beside our numbers."""

    claim: Claim
    numbers: Numbers
    """At the equilibrium; empty where a figure or a method is missing."""
    outcome: Outcome
    over_slots: Numbers
    """The same, of means over the slots; empty where the claim is about the negotiation itself."""
    outcome_over_slots: Outcome | None
    missing: str = ""
    """What is missing, and which command makes it."""


def verdicts(figures: Mapping[int, Mapping[str, Any]]) -> list[Verdict]:
    """Judge every claim.

    Args:
        figures: What the figures' JSON files hold, by number; a claim whose figure is missing is not judged.
    """
    settled, over_slots, judged = Capacities(figures), Capacities(figures, "all"), []
    for claim in CLAIMS:
        try:
            numbers = claim.measure(settled)
            others = claim.measure(over_slots) if claim.figure < 9 else {}
        except MissingError as missing:
            judged.append(Verdict(claim, {}, "not measured", {}, None, str(missing)))
            continue
        outcome = claim.region.judge(numbers.values())
        judged.append(Verdict(claim, numbers, outcome, others, claim.region.judge(others.values()) if others else None))
    return judged


def as_json(judged: list[Verdict]) -> list[dict[str, Any]]:
    """The verdicts as JSON keeps them; an end of a region that is infinite is null."""
    return [
        {
            **{key: getattr(verdict.claim, key) for key in ("name", "figure", "quote", "what", "claimed")},
            "region": [end if math.isfinite(end) else None for end in verdict.claim.region],
            "ours": _in_json(verdict.numbers),
            "outcome": verdict.outcome,
            "ours_over_slots": _in_json(verdict.over_slots),
            "outcome_over_slots": verdict.outcome_over_slots,
            "missing": verdict.missing,
        }
        for verdict in judged
    ]


def as_markdown(judged: list[Verdict], figures: Mapping[int, Mapping[str, Any]]) -> str:
    """The verdicts as a table, with the commands that made the figures."""
    counts = {outcome: sum(verdict.outcome == outcome for verdict in judged) for outcome in ("holds", "fails", "undecided")}
    made = list(dict.fromkeys(f"`{_command(content)}` (seed {content['seed']})" for _, content in sorted(figures.items())))
    return "\n".join(
        [
            "# The paper's claims and our numbers",
            "",
            f"{INTRODUCTION} Of {len(judged)} claims {counts['holds']} hold, {counts['fails']} fail, {counts['undecided']} are undecided.",
            "",
            "![Our intervals beside what the paper claims](claims.png)",
            "",
            "| claim in the paper's words | claimed | ours | verdict |",
            "|---|---|---|---|",
            *(_row(verdict) for verdict in judged),
            "",
            f"Figures made by {'; '.join(made)}." if made else "No figure is made yet.",
            "",
        ]
    )


def _row(verdict: Verdict) -> str:
    claim = verdict.claim
    words = f'{claim.name}, figure {claim.figure}: "{claim.quote}"'
    if verdict.missing:
        return f"| {words} | {claim.what}: {claim.claimed} | {verdict.missing} | not measured |"
    said = verdict.outcome if verdict.outcome == "holds" else f"**{verdict.outcome}**"
    if verdict.outcome_over_slots not in (None, verdict.outcome):
        said += f"; mean over the slots {verdict.outcome_over_slots}: {_listed(verdict.over_slots)}"
    return f"| {words} | {claim.what}: {claim.claimed} | {_listed(verdict.numbers)} | {said} |"


def _listed(numbers: Numbers) -> str:
    return "; ".join(f"{name}: {number}" for name, number in numbers.items())


def _in_json(numbers: Numbers) -> dict[str, dict[str, float]]:
    return {name: {"mean": round(number.mean, 6), "ci95": round(number.ci95, 6)} for name, number in numbers.items()}


def _command(content: Mapping[str, Any]) -> str:
    return " ".join(["python", "evaluate.py", *content["command"][1:]])
