"""What a submission to the leaderboard must be."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.files import parsed
from multicell_env.streams import FIRST_SEED
from multicell_env.tasks.registry import TASKS

FORMAT = 1
"""Version of the form of submissions."""
KINDS = ("policy", "actor", "allocation")
PILOTS = ("ingr", "price")
REMEDY = "python evaluate.py --submit POLICY writes such files."
MOST_ROUNDS = 5
"""Measurement rounds of a slot that a method may take, as many as iterations of the tasks' own negotiation."""


def read_json(file: Path) -> dict[str, Any]:
    """What a file holds.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        content = parsed(file.read_text())
    except ValueError as error:
        raise ValueError(f"{file} must be a submission's JSON; got something else ({error}). {REMEDY}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file} must be a submission's JSON object; got {type(content).__name__}. {REMEDY}")
    return content


def check_submission(content: Mapping[str, Any]) -> None:
    """Refuse what is no submission.

    Args:
        content: What a file of `evaluate.py --submit` holds.

    Raises:
        ValueError: a field is missing or breaks its rule, or blocks of a task are missing.
    """
    _must(content.get("format") == FORMAT, "format", f"be {FORMAT}", content.get("format"))
    name = content.get("name")
    _must(isinstance(name, str) and re.fullmatch(r"[\w.+-]+", name) is not None, "name", "be letters, digits and _ . + -", name)
    _must(content.get("kind") in KINDS, "kind", f"be one of {KINDS}", content.get("kind"))
    steps = content.get("training_steps")
    _must(steps is None or (type(steps) is int and steps >= 0), "training_steps", "be null or a whole number of at least 0", steps)
    _must(isinstance(content.get("versions"), Mapping), "versions", "be those of the packages", content.get("versions"))
    tasks = content.get("tasks")
    is_whole = isinstance(tasks, Mapping) and set(tasks) == set(TASKS)
    _must(is_whole, "tasks", f"be {', '.join(TASKS)}", list(tasks) if isinstance(tasks, Mapping) else tasks)
    for task in TASKS.values():
        _check_task(task.name, content["tasks"][task.name], task.num_test_blocks)


def _check_task(name: str, played: Mapping[str, Any], num_blocks: int) -> None:
    _must(played.get("seed") == FIRST_SEED, f"seed of {name}", f"be {FIRST_SEED}", played.get("seed"))
    for slots in ("last_slot", "all_slots"):
        blocks = played.get("blocks", {}).get(slots, [])
        _must(len(blocks) == num_blocks, f"{slots} of {name}", f"have {num_blocks} blocks", len(blocks))
        wrong = [capacity for capacity in blocks if not (type(capacity) is float and math.isfinite(capacity) and capacity >= 0.0)]
        _must(not wrong, f"{slots} of {name}", "be capacities of at least 0", wrong[:1])
    rounds = played.get("measurements", {}).get("rounds_per_slot")
    is_round = type(rounds) is int and 0 <= rounds <= MOST_ROUNDS
    _must(is_round, f"measurement rounds of {name}", f"be from 0 to {MOST_ROUNDS} a slot", rounds)
    pilots = played["measurements"].get("pilots")
    _must(isinstance(pilots, list) and all(pilot in PILOTS for pilot in pilots), f"pilots of {name}", f"be of {PILOTS}", pilots)
    _must(played.get("knowledge") in ("own", "statistics", "channels"), f"knowledge of {name}", "be known", played.get("knowledge"))


def _must(holds: bool, field: str, rule: str, got: object) -> None:
    if not holds:
        raise ValueError(f"{field} must {rule}; got {got!r}. {REMEDY}")
