"""The page of the leaderboard, made of the files of submissions."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.leaderboard.rules import MOST_ROUNDS, check_submission
from experiments.leaderboard.scores import NUM_RESAMPLES, REFERENCE, score
from multicell_env.evaluation.results import summary
from multicell_env.evaluation.tables import PILOT_WORDS
from multicell_env.tasks.registry import TASKS

INTRODUCTION = f"""# Leaderboard

Methods on the test blocks of all [tasks](tasks.md). This page is made of the files in `docs/leaderboard`:

```console
python evaluate.py --leaderboard
```

A file is written by

```console
python evaluate.py --submit td3mix
```

What is submitted is a trained actor, as here, an allocation, or `module:callable`, as for [`--policy`](your_algorithm.md). The file is
`results/leaderboard/NAME.json`; add it to `docs/leaderboard` and make the page again.

**The protocol.** Every method plays the same blocks, those of seeds from 1,000,000 on, and acts in every slot. It may take {MOST_ROUNDS}
measurement rounds a slot, and choose by which [rules](tasks.md#what-a-task-fixes) it plays. A policy that has `for_task(name)` is asked for
one policy a task. Training may use any seeds below 1,000,000; `training_steps` says how many environment steps it took.

**The score** is the capacity over all slots in percent of `{REFERENCE}`'s on the same block: the interquartile mean over the blocks of a
task, averaged over the tasks. In brackets is its 95 % interval from {NUM_RESAMPLES} draws of the blocks. `{REFERENCE}` knows all channels,
so that it is a reference and no competitor.
"""


def make_page(files: Sequence[Path]) -> str:
    """The text of the page.

    Args:
        files: Submissions, the reference among them.

    Raises:
        ValueError: a file is no submission, or the reference is missing.
    """
    contents = {}
    for file in files:
        content = json.loads(file.read_text())
        try:
            check_submission(content)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from error
        contents[content["name"]] = content
    if REFERENCE not in contents:
        raise ValueError(f"the submissions must have {REFERENCE}, in whose percent they are; got {', '.join(contents)}. Add it.")
    reference = contents[REFERENCE]
    order = sorted(contents.values(), key=lambda content: -score(content, reference).percent)
    overall = [[content["name"], *_scores(content, reference), *_about(content)] for content in order]
    capacities = [[content["name"], *(_capacity(content["tasks"][name]) for name in TASKS)] for content in order]
    parts = [
        INTRODUCTION,
        _table(["method", "score, all slots", "score, last slot", "knows", "rounds a slot", "pilots", "training steps"], overall),
        "## By task\n\nAverage cell capacity over all slots, bit/s/Hz: mean over the test blocks ± 95 % confidence interval.\n",
        _table(["method", *(f"`{name}`" for name in TASKS)], capacities),
    ]
    return "\n".join(parts)


def _scores(content: Mapping[str, Any], reference: Mapping[str, Any]) -> list[str]:
    scores = [score(content, reference, slots) for slots in ("all_slots", "last_slot")]
    return [f"{one.percent:.1f} ({one.low:.1f} to {one.high:.1f})" for one in scores]


def _about(content: Mapping[str, Any]) -> list[str]:
    played = list(content["tasks"].values())
    rounds = max(task["measurements"]["rounds_per_slot"] for task in played)
    pilots = sorted({PILOT_WORDS[pilot] for task in played for pilot in task["measurements"]["pilots"]})
    steps = content["training_steps"]
    return [played[0]["knowledge"], str(rounds), ", ".join(pilots) or "none", "" if steps is None else f"{steps:,}"]


def _capacity(task: Mapping[str, Any]) -> str:
    whole = summary(np.array(task["blocks"]["all_slots"]))
    return f"{whole['mean']:.1f} ± {whole['ci95']:.1f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)) + "\n"
