"""What `evaluate.py --submit` and `--leaderboard` do."""

from dataclasses import replace
from typing import Any

from experiments.command_line import check_positive
from experiments.leaderboard.arguments import LeaderboardArguments, SubmitArguments
from experiments.leaderboard.page import make_page, submissions_in
from experiments.leaderboard.submission import entry_of, submit
from experiments.leaderboard.task_pages import task_page, with_table
from multicell_env.evaluation.writing import write_text
from multicell_env.tasks.registry import TASKS, task_named


def make_submission(arguments: SubmitArguments) -> dict[str, Any]:
    """Play what is submitted and write its file. Returns what it holds.

    Raises:
        ValueError: there is no such task or method, or a policy is refused.
    """
    if arguments.num_blocks is not None:
        check_positive(num_blocks=arguments.num_blocks)
    entry, tasks = entry_of(arguments.submit), [task_named(name) for name in arguments.task or TASKS]
    if arguments.training_steps is not None:
        entry = replace(entry, training_steps=arguments.training_steps)
    return submit(entry, tasks, arguments.output, arguments.num_blocks)


def make_leaderboard(arguments: LeaderboardArguments) -> dict[str, Any]:
    """Write the page of the leaderboard, and beside it those of the tasks. Returns where the first is.

    Raises:
        ValueError: a file is no submission, there are none, or `tasks.md` has no place for its table.
    """
    files = sorted(arguments.submissions.glob("*.json"))
    if not files:
        raise ValueError(
            f"--submissions must be a directory with files of --submit; got {arguments.submissions} without any. Give another."
        )
    page = arguments.submissions.with_suffix(".md")
    write_text(page, make_page(files))
    print(f"wrote {page}")
    docs, contents = page.parent, submissions_in(files)
    (docs / "tasks").mkdir(exist_ok=True)
    for name, task in TASKS.items():
        write_text(docs / "tasks" / f"{name}.md", task_page(task, contents, docs))
    if (docs / "tasks.md").is_file():
        write_text(docs / "tasks.md", with_table((docs / "tasks.md").read_text()))
    print(f"wrote {docs / 'tasks'}/*.md")
    return {"page": str(page), "submissions": [file.stem for file in files]}
