"""The pages of the tasks are what the registry and the submissions say, and what they show works."""

import json
import re
from pathlib import Path

import pytest

from experiments.leaderboard.page import submissions_in
from experiments.leaderboard.scores import score
from experiments.leaderboard.submission import entry_of, submit
from experiments.leaderboard.task_pages import task_page, with_table
from multicell_env import make_vec
from multicell_env.tasks.registry import TASKS

DOCS = Path(__file__).parents[2] / "docs"
FILES = sorted((DOCS / "leaderboard").glob("*.json"))


def test_every_task_has_its_page_and_no_other_one_is_there() -> None:
    assert {page.stem for page in (DOCS / "tasks").glob("*.md")} == set(TASKS)
    page = (DOCS / "tasks.md").read_text()
    assert with_table(page) == page


@pytest.mark.parametrize("name", TASKS)
def test_a_page_is_made_of_the_registry_and_the_submissions(name: str) -> None:
    page = (DOCS / "tasks" / f"{name}.md").read_text()
    assert task_page(TASKS[name], submissions_in(FILES), DOCS) == page
    (block,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    made: dict = {}
    exec(block, made)
    observation = made["observations"]["bs_0"]
    (own, of_all) = re.search(r'observation `"gain"` \| ([^|;]*)[^|]*\| ([^|]*) \|', page).groups()
    assert own.strip() == str(observation.shape)
    assert of_all.replace("E", "2") == str(make_vec(name, 2).reset(seed=0)[0].shape)


@pytest.mark.parametrize("name", ["hex-57-v0", "paper-8x4-v0"])
def test_baselines_are_means_over_the_test_blocks_beside_their_scores(name: str) -> None:
    page = (DOCS / "tasks" / f"{name}.md").read_text().replace("\N{NO-BREAK SPACE}", " ")
    reference = json.loads((DOCS / "leaderboard" / "wmmse.json").read_text())
    for file in FILES:
        content = json.loads(file.read_text())
        blocks = content["tasks"][name]["blocks"]["last_slot"]
        row = re.search(rf"(?m)^\| {file.stem} \| [^|]*\| ([\d.]+) ± [\d.]+ \|.* ([\d.]+) \(", page)
        assert float(row[1]) == pytest.approx(sum(blocks) / len(blocks), abs=0.051)
        alone = [{"tasks": {name: one["tasks"][name]}} for one in (content, reference)]
        assert float(row[2]) == pytest.approx(score(*alone).percent, abs=0.051)


def test_a_page_shows_the_picture_of_its_task_where_there_is_one(tmp_path: Path) -> None:
    contents, task = submissions_in(FILES), TASKS["asymmetric-v0"]
    assert "![" not in task_page(task, contents, tmp_path)
    picture = tmp_path / "pictures" / "tasks" / "asymmetric-v0.png"
    picture.parent.mkdir(parents=True)
    picture.touch()
    assert "![The network](../pictures/tasks/asymmetric-v0.png)" in task_page(task, contents, tmp_path)
    with pytest.raises(ValueError, match="once each; got another page"):
        with_table("# Tasks\n")


def test_a_task_is_added_to_a_file_that_keeps_its_others(tmp_path: Path) -> None:
    file = tmp_path / "uniform.json"
    before = json.loads((DOCS / "leaderboard" / "uniform.json").read_text())
    task, kept = "umi-3-v0", {name: played for name, played in before["tasks"].items() if name != "umi-3-v0"}
    file.write_text(json.dumps({**before, "tasks": kept}))
    submit(entry_of("uniform"), [TASKS[task]], tmp_path)
    after = json.loads(file.read_text())
    assert list(after["tasks"]) == list(TASKS)
    assert after["tasks"][task]["blocks"] == before["tasks"][task]["blocks"]
    assert {name: after["tasks"][name] for name in kept} == kept
    assert after["versions"] == before["versions"]
    file.write_text(json.dumps({**before, "kind": "policy"}))
    with pytest.raises(ValueError, match="must be of kind allocation; got policy"):
        submit(entry_of("uniform"), [TASKS[task]], tmp_path)
