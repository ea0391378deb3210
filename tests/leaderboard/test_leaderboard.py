"""Submissions: how they are played and checked, how they are scored, and the page that is made of them."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from command_lines import RULES, call

import evaluate
from experiments.leaderboard.page import make_page
from experiments.leaderboard.rules import check_submission
from experiments.leaderboard.scores import interquartile_mean, score
from experiments.leaderboard.submission import entry_of, play_all
from multicell_env.evaluation.playing import evaluate_allocations
from multicell_env.streams import FIRST_SEED
from multicell_env.tasks.registry import TASKS

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "docs" / "leaderboard").glob("*.json"))
EACH = """

class Each:
    training_steps = 7

    def __call__(self, observations):
        raise RuntimeError("one policy a task")

    def for_task(self, name):
        return {"paper-8x4-v0": spread}[name]


each = Each()
"""


def submission(name="mine", factor=1.0):
    """A submission whose blocks are at a share of numbers that grow from block to block."""
    played = {
        task.name: {
            "seed": FIRST_SEED,
            "blocks": {slots: [factor * (50.0 + block) for block in range(task.num_test_blocks)] for slots in ("last_slot", "all_slots")},
            "ms_per_decision": 0.1,
            "knowledge": "own",
            "measurements": {"rounds_per_slot": 5, "pilots": ["ingr"]},
        }
        for task in TASKS.values()
    }
    return {"format": 1, "name": name, "kind": "policy", "training_steps": None, "tasks": played, "versions": {}}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_of_the_leaderboard_is_a_submission_of_its_name(file):
    content = json.loads(file.read_text())
    check_submission(content)
    assert content["name"] == file.stem


def test_the_page_is_made_of_the_files():
    assert len(FILES) >= 8
    assert (ROOT / "docs" / "leaderboard.md").read_text() == make_page(FILES)


@pytest.mark.parametrize("name", ["flwf", "reuse", "td3mix"])
def test_the_first_blocks_of_a_file_come_out_again(name):
    content = json.loads((ROOT / "docs" / "leaderboard" / f"{name}.json").read_text())
    tasks = [TASKS[task] for task in ("paper-8x4-v0", "asymmetric-v0", "irregular-7-v0")]
    # FLWF's random starts are drawn for all blocks together, of which one network's then have others.
    tasks = tasks[1:] if name == "flwf" else tasks
    for task, played in play_all(entry_of(name), tasks, 2)["tasks"].items():
        for slots, capacities in played["blocks"].items():
            np.testing.assert_allclose(capacities, content["tasks"][task]["blocks"][slots][:2], rtol=1e-4)


def test_an_allocation_is_played_on_the_test_blocks_of_its_task():
    task = TASKS["asymmetric-v0"]
    played = play_all(entry_of("named=pricing"), [task], 2)
    assert (played["name"], played["kind"]) == ("named", "allocation")
    for block in range(2):
        where = {"num_blocks": 1, "seed": FIRST_SEED + block, "timed": False}
        (result,) = evaluate_allocations(task.network_of(FIRST_SEED + block), methods=("pricing",), **where)
        blocks = played["tasks"][task.name]["blocks"]
        assert blocks["last_slot"][block] == pytest.approx(result.per_slot[0, -1], abs=1e-4)
        assert blocks["all_slots"][block] == pytest.approx(result.per_slot[0].mean(), abs=1e-4)


def test_an_actor_plays_by_the_rules_that_it_was_trained_with():
    (played,) = play_all(entry_of("rounds"), [TASKS["asymmetric-v0"]], 1)["tasks"].values()
    assert played["measurements"] == {"rounds_per_slot": 5, "pilots": ["ingr", "price"]}
    assert played["blocks"]["last_slot"][0] > 50.0


def test_a_trial_of_a_policy_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(RULES + EACH)
    words = ["--task", "paper-8x4-v0", "--num-blocks", 2, "--output", "out"]
    for name, steps in (("spread", 5), ("each", 7)):
        flags = ["--training-steps", 5] if name == "spread" else []
        code, shown, said = call(evaluate, "--submit", f"mine.py:{name}", *words, *flags)
        assert code == 0, said
        assert f"wrote out/{name}.json, which is no submission yet: tasks must be paper-8x4-v0, paper-32x16-v0, " in shown
        content = json.loads((tmp_path / "out" / f"{name}.json").read_text())
        assert (content["name"], content["training_steps"]) == (name, steps)
    code, _, said = call(evaluate, "--submit", "nobody", *words)
    assert (code, "module:callable" in said) == (2, True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda one: one.update(format=2), "format must be 1; got 2"),
        (lambda one: one.update(name="a b"), "name must be letters"),
        (lambda one: one.update(kind="magic"), "kind must be one of"),
        (lambda one: one.update(training_steps=-1), "training_steps must be null or"),
        (lambda one: one.pop("versions"), "versions must be"),
        (lambda one: one["tasks"].pop("irregular-7-v0"), "tasks must be paper-8x4-v0"),
        (lambda one: one["tasks"]["paper-8x4-v0"].update(seed=0), "seed of paper-8x4-v0 must be 1000000; got 0"),
        (lambda one: one["tasks"]["irregular-57-v0"]["blocks"]["last_slot"].pop(), "must have 10 blocks; got 9"),
        (lambda one: one["tasks"]["irregular-57-v0"]["blocks"].update(all_slots=[-1.0] * 10), "must be capacities of at least 0; got"),
        (lambda one: one["tasks"]["irregular-57-v0"]["blocks"].update(all_slots=[float("nan")] * 10), "must be capacities"),
        (lambda one: one["tasks"]["paper-8x4-v0"]["measurements"].update(rounds_per_slot=6), "must be from 0 to 5 a slot; got 6"),
        (lambda one: one["tasks"]["paper-8x4-v0"].update(knowledge="all"), "knowledge of paper-8x4-v0 must be known; got 'all'"),
    ],
)
def test_what_is_no_submission_is_refused(change, message):
    content = submission()
    check_submission(content)
    change(content)
    with pytest.raises(ValueError, match=message):
        check_submission(content)


@pytest.mark.parametrize("count", [1, 3, 4, 10, 50])
def test_the_interquartile_mean_leaves_a_quarter_at_both_ends(count):
    numbers = np.random.default_rng(count).normal(size=count)
    left = sorted(numbers.tolist())
    for _ in range(count // 4):
        left = left[1:-1]
    assert interquartile_mean(numbers) == pytest.approx(sum(left) / len(left))


def test_a_score_is_in_percent_of_the_reference_block_by_block():
    reference, half = submission("wmmse"), submission(factor=0.5)
    assert score(half, reference) == pytest.approx((50.0, 50.0, 50.0))
    mixed = copy.deepcopy(half)
    mixed["tasks"]["asymmetric-v0"] = reference["tasks"]["asymmetric-v0"]
    assert score(mixed, reference).percent == pytest.approx(50.0 + 50.0 / len(TASKS))
    noisy = copy.deepcopy(reference)
    random = np.random.default_rng(0)
    for task in noisy["tasks"].values():
        task["blocks"]["all_slots"] = [number * random.uniform(0.8, 1.0) for number in task["blocks"]["all_slots"]]
    percent, low, high = score(noisy, reference)
    assert 85.0 < low < percent < high < 95.0
    assert score(noisy, reference, "last_slot").percent == pytest.approx(100.0)


def test_the_page_stands_in_the_order_of_scores_and_needs_the_reference(tmp_path):
    files = []
    for name, factor in (("b", 0.5), ("wmmse", 1.0), ("a", 0.75)):
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(json.dumps(submission(name, factor)))
    page = make_page(files)
    assert [line.split()[1] for line in page.splitlines() if "\N{NO-BREAK SPACE}to" in line and line.startswith("| ")] == [
        "wmmse",
        "a",
        "b",
    ]
    assert "| a | 75.0 (75.0 to 75.0) | 75.0 (75.0 to 75.0) | own | 5 | INGR |" in page.replace("\N{NO-BREAK SPACE}", " ")
    with pytest.raises(ValueError, match="must have wmmse"):
        make_page(files[:1])
    files[0].write_text("{}")
    with pytest.raises(ValueError, match=r"b\.json: format must be 1"):
        make_page(files)
