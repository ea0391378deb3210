"""The page of the leaderboard, made of the files of submissions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.leaderboard.rules import MOST_ROUNDS, REMEDY, check_submission, read_json
from experiments.leaderboard.scores import NUM_RESAMPLES, REFERENCE, score
from experiments.leaderboard.tables import about, capacity_of, percent_of, table
from multicell_env.tasks.registry import TASKS

INTRODUCTION = f"""# Leaderboard

Methods on the test blocks of all [tasks](tasks.md). This page and those of the tasks are made of the files in `docs/leaderboard`:

```console
python evaluate.py --leaderboard
```

A file is written by

```console
python evaluate.py --submit td3mix
```

What is submitted is a trained actor, as here, an allocation, or `module:callable`, as for [`--policy`](your_algorithm.md). The file is
`results/leaderboard/NAME.json`; add it to `docs/leaderboard` and make the pages again. With `--task NAME` it plays that task alone, and
a file that is there keeps its other tasks.

**The protocol.** Every method plays the same blocks, those of seeds from 1,000,000 on, and acts in every slot. It may take {MOST_ROUNDS}
measurement rounds a slot, and choose by which [rules](tasks.md#what-a-task-fixes) it plays. A policy that has `for_task(name)` is asked for
one policy a task. Training may use any seeds below 1,000,000; `training_steps` says how many environment steps it took.

**The score** is the capacity over all slots in percent of `{REFERENCE}`'s on the same block: the interquartile mean over the blocks of a
task, averaged over the tasks. In brackets is its 95 % interval from {NUM_RESAMPLES} draws of the blocks. `{REFERENCE}` knows all channels,
so that it is a reference and no competitor.
"""


def submissions_in(files: Sequence[Path]) -> list[dict[str, Any]]:
    """What the files of submissions hold.

    Raises:
        ValueError: a file is no submission, or the reference is missing.
    """
    contents = {}
    for file in files:
        content = read_json(file)
        try:
            check_submission(content)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from error
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"{file} must be a whole submission; got something else ({error}). {REMEDY}") from error
        contents[content["name"]] = content
    if REFERENCE not in contents:
        raise ValueError(f"the submissions must have {REFERENCE}, in whose percent they are; got {', '.join(contents)}. Add it.")
    return list(contents.values())


def make_page(files: Sequence[Path]) -> str:
    """The text of the page.

    Args:
        files: Submissions, the reference among them.

    Raises:
        ValueError: a file is no submission, or the reference is missing.
    """
    contents = {content["name"]: content for content in submissions_in(files)}
    reference = contents[REFERENCE]
    order = sorted(contents.values(), key=lambda content: -score(content, reference).percent)
    overall = [
        [content["name"], *_scores(content, reference), *about(list(content["tasks"].values())), _steps(content)] for content in order
    ]
    capacities = [
        [content["name"], *(capacity_of(np.array(content["tasks"][name]["blocks"]["all_slots"])) for name in TASKS)] for content in order
    ]
    parts = [
        INTRODUCTION,
        table(["method", "score, all slots", "score, last slot", "knows", "rounds a slot", "pilots", "training steps"], overall),
        "## By task\n\nAverage cell capacity over all slots, bit/s/Hz: mean over the test blocks ± 95 % confidence interval.\n",
        table(["method", *(f"[`{name}`](tasks/{name}.md)" for name in TASKS)], capacities),
    ]
    return "\n".join(parts)


def _scores(content: Mapping[str, Any], reference: Mapping[str, Any]) -> list[str]:
    scores = [score(content, reference, slots) for slots in ("all_slots", "last_slot")]
    return [percent_of(one) for one in scores]


def _capacities(content: Mapping[str, Any]) -> list[str]:
    return [capacity_of(np.array(content["tasks"][name]["blocks"]["all_slots"])) for name in TASKS]


def _steps(content: Mapping[str, Any]) -> str:
    return "" if content["training_steps"] is None else f"{content['training_steps']:,}"
