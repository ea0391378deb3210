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

How well methods do on the test blocks of all [tasks](tasks.md), and how to submit one.

**Submit.** A submission is a trained actor, as here, an allocation, or `module:callable`, as for [`--policy`](your_algorithm.md):

```console
python evaluate.py --submit td3mix
```

writes `results/leaderboard/NAME.json`. With `--task NAME` it plays only that task, and an existing file keeps its other tasks. Add the
file to `docs/leaderboard` and regenerate this page and those of the tasks:

```console
python evaluate.py --leaderboard
```

**Protocol.** Every method plays the same blocks (seeds from 1,000,000 on) and acts in every slot. It may use up to {MOST_ROUNDS}
measurement rounds a slot, and choose the [settings](tasks.md#what-a-task-fixes) that a task leaves open. If a policy has
`for_task(name)`, that function returns the policy for each task. Training may use any seeds below 1,000,000; `training_steps` is the
number of environment steps. Learners of other frameworks that are trained on `paper-8x4-v0` alone are compared on its test blocks under
[Frameworks](frameworks.md#examples).

**Score.** The capacity over all slots in percent of that of `{REFERENCE}` on the same block: the interquartile mean over the blocks of
a task, averaged over the tasks. In brackets is the 95 % bootstrap interval from {NUM_RESAMPLES} resamples of the blocks. `{REFERENCE}`
knows all channels; it is a reference and not a competitor.

**Columns.** `knows`: own measurements, statistics (mean gains and loads of all cells), or all channels. `pilots`: what is measured in
each round, the interference-plus-noise-to-gain ratio (INGR) and [prices](negotiation.md#what-a-price-is). [Allocations and
bounds](allocations.md) describes the methods.
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
