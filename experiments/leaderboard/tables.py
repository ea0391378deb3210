"""What tables of the leaderboard and of tasks are made of."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from experiments.leaderboard.scores import Score
from multicell_env.evaluation.results import summary
from multicell_env.evaluation.tables import PILOT_WORDS

NO_BREAK = "\N{NO-BREAK SPACE}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)) + "\n"


def about(played: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a method knows, how often it measures and by which pilots, on some tasks of a submission."""
    rounds = max(task["measurements"]["rounds_per_slot"] for task in played)
    pilots = sorted({PILOT_WORDS[pilot] for task in played for pilot in task["measurements"]["pilots"]})
    return [played[0]["knowledge"], str(rounds), ", ".join(pilots) or "none"]


def capacity_of(capacities: Float[np.ndarray, " block"]) -> str:
    """Mean and 95 % confidence interval, which a narrow column keeps in one line."""
    whole = summary(capacities)
    return f"{whole['mean']:.1f} ± {whole['ci95']:.1f}".replace(" ", NO_BREAK)


def percent_of(one: Score) -> str:
    """A score and its interval, which a narrow column keeps in one line."""
    return f"{one.percent:.1f} " + f"({one.low:.1f} to {one.high:.1f})".replace(" ", NO_BREAK)
