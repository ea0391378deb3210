"""A method played on the test blocks of all tasks, as one JSON file."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from agents.loading import load, shipped
from agents.saved_actor import ActorPolicy
from experiments.leaderboard.rules import FORMAT, check_submission, read_json
from experiments.named_policies import named_policies
from experiments.provenance import provenance
from experiments.studies.scenario_evaluation import evaluate_networks
from multicell_env.allocations.registry import METHODS
from multicell_env.config import NetworkConfig
from multicell_env.evaluation.comparison import play_policy
from multicell_env.evaluation.playing import evaluate_allocations
from multicell_env.evaluation.policies import AnyPolicy
from multicell_env.evaluation.policies.trial import try_policy
from multicell_env.evaluation.results import MethodResult
from multicell_env.evaluation.writing import write_text
from multicell_env.streams import FIRST_SEED
from multicell_env.tasks.registry import TASKS
from multicell_env.tasks.task import RULES, Task

DIGITS = 5
"""Decimals of a block's capacity in the file."""
TIMED = 3
"""Test networks on which the time of decisions is measured."""
Play = Callable[[Task, NetworkConfig, dict[str, Any]], MethodResult]
"""Plays blocks of a network of a task; the last argument is as keyword arguments of `evaluate_allocations`."""


@dataclass(frozen=True)
class Entry:
    """A method that is submitted."""

    name: str
    kind: str
    """"policy", "actor" or "allocation"."""
    play: Play
    training_steps: int | None = None
    """Environment steps that it was trained for, as it says itself; None where it does not say."""


def entry_of(word: str) -> Entry:
    """What `--submit` names: an allocation, a trained actor (shipped, a run or a file), or `module:callable`; `NAME=` before it names it.

    Raises:
        ValueError: it is none of these.
        FileNotFoundError: there is no such actor.
    """
    name, _, what = word.rpartition("=")
    if what in METHODS:
        return Entry(name or what, "allocation", lambda task, network, where: _allocated(what, task, network, where))
    if what in shipped() or Path(what).exists():
        actor = load(what)
        return Entry(name or Path(what).stem, "actor", _plays(actor))
    ((own, named),) = named_policies([word]).items()
    return Entry(own, "policy", _plays(named, named.call), getattr(named.call, "training_steps", None))


def play_all(entry: Entry, tasks: Sequence[Task], num_blocks: int | None = None) -> dict[str, Any]:
    """Play an entry on the test blocks of tasks.

    Args:
        entry: The method.
        tasks: The tasks.
        num_blocks: Blocks of each, at most; all of them by default.

    Returns:
        What its file holds.
    """
    played = {}
    for task in tasks:
        count = min(task.num_test_blocks, num_blocks or task.num_test_blocks)
        result = _play(entry, task, count)
        blocks = {slots: np.round(result.of_blocks(slots), DIGITS).tolist() for slots in ("last_slot", "all_slots")}
        played[task.name] = {
            "seed": FIRST_SEED,
            "blocks": blocks,
            "ms_per_decision": None if np.isnan(result.ms_per_decision) else result.ms_per_decision,
            "knowledge": result.knowledge,
            "measurements": result.measurements._asdict(),
        }
    about = {"format": FORMAT, "name": entry.name, "kind": entry.kind, "training_steps": entry.training_steps}
    return json.loads(json.dumps({**about, "tasks": played, **provenance()}))


def submit(entry: Entry, tasks: Sequence[Task], folder: Path, num_blocks: int | None = None) -> dict[str, Any]:
    """Play an entry and write `NAME.json`; it is checked where all blocks of all tasks were played.

    Where some tasks alone are played on all of their blocks, a file of this name keeps its other tasks.

    Args:
        entry: The method.
        tasks: The tasks.
        folder: Where the file goes.
        num_blocks: As for `play_all`.

    Returns:
        What the file holds.
    """
    content = play_all(entry, tasks, num_blocks)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{content['name']}.json"
    played = content["tasks"]
    if num_blocks is None and set(played) != set(TASKS) and file.exists():
        content = _added(content, read_json(file))
    write_text(file, json.dumps(content, allow_nan=False) + "\n")
    for name, task in played.items():
        every = task["blocks"]["all_slots"]
        print(f"{name:18} {np.mean(every):8.2f} bit/s/Hz over all slots of {len(every)} blocks")
    try:
        check_submission(content)
        print(f"wrote {file}")
    except ValueError as error:
        print(f"wrote {file}, which is no submission yet: {error}")
    return content


def _added(content: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """A file with some tasks played anew, each of which says with what it was made."""
    if before.get("kind") != content["kind"] or not isinstance(before.get("tasks"), dict):
        raise ValueError(f"the file of {content['name']} must be of kind {content['kind']}; got {before.get('kind')}. Move it away.")
    made = {name: content[name] for name in ("command", "git_commit", "python", "versions")}
    tasks = before["tasks"] | {name: {**task, **made} for name, task in content["tasks"].items()}
    return {**before, "tasks": {name: tasks[name] for name in TASKS if name in tasks}}


def _play(entry: Entry, task: Task, count: int) -> MethodResult:
    if task.scenario is None:
        return entry.play(task, task.network_of(FIRST_SEED), {"num_blocks": count, "seed": FIRST_SEED, "timed": True})

    def play_one(network: NetworkConfig, index: int) -> list[MethodResult]:
        return [entry.play(task, network, {"num_blocks": 1, "seed": FIRST_SEED + index, "timed": index < TIMED})]

    (result,) = evaluate_networks([task.network_of(FIRST_SEED + block) for block in range(count)], play_one)
    return result


def _allocated(name: str, task: Task, network: NetworkConfig, where: Mapping[str, Any]) -> MethodResult:
    results = evaluate_allocations(network, methods=(name,), **where)
    if not results:
        raise ValueError(f"a submission must play all tasks; {name} is not possible on {task.name}. Submit another method.")
    return results[0]


def _plays(policy: AnyPolicy, said_by: Any = None) -> Play:
    tried: set[str] = set()

    def play(task: Task, network: NetworkConfig, where: dict[str, Any]) -> MethodResult:
        of_task = getattr(said_by, "for_task", None)
        own: AnyPolicy = policy if of_task is None else of_task(task.name)
        game = replace(network, **_rules(own if said_by is None or of_task is not None else said_by))
        if task.name not in tried:
            try_policy("submitted", own, game)
            tried.add(task.name)
        return play_policy("submitted", own, game, **where)

    return play


def _rules(policy: Any) -> dict[str, Any]:
    """By what rules a policy plays: those that an actor was trained with, or what a policy has in its `rules`; else the task's."""
    if isinstance(policy, ActorPolicy):
        trained = asdict(NetworkConfig.from_json(policy.metadata["config"])) if "config" in policy.metadata else {}
        return {name: trained[name] for name in RULES if name in trained}
    return dict(getattr(policy, "rules", {}))
