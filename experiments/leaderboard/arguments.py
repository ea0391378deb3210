"""Arguments of `evaluate.py --submit` and `--leaderboard`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from experiments.command_line import Reporting

FOLDER = Path("docs/leaderboard")


@dataclass(frozen=True)
class SubmitArguments:
    """Play a method on the test blocks of all tasks, and write the file of its leaderboard submission."""

    submit: Annotated[str, tyro.conf.arg(metavar="POLICY")]
    """module:callable, path/to/file.py:callable, a run directory, a shipped actor, or an allocation. NAME=... in front names it."""
    task: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Play only this task, as a test. Repeat the flag for more tasks."""
    num_blocks: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Play only this number of blocks of each task, as a test."""
    training_steps: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Environment steps of its training, if it has no attribute training_steps."""
    output: Annotated[Path, tyro.conf.arg(metavar="DIRECTORY")] = Path("results/leaderboard")
    """Directory for NAME.json."""
    reporting: tyro.conf.OmitArgPrefixes[Reporting] = field(default_factory=Reporting)
    """What to print, and where."""


@dataclass(frozen=True)
class LeaderboardArguments:
    """Generate docs/leaderboard.md, docs/tasks/ and the table in docs/tasks.md from the submissions in docs/leaderboard."""

    leaderboard: tyro.conf.FlagCreatePairsOff[bool] = False
    """Generate the leaderboard."""
    submissions: Path = FOLDER
    """Directory of submissions. Pages are written to its parent directory."""
    reporting: tyro.conf.OmitArgPrefixes[Reporting] = field(default_factory=Reporting)
    """What to print, and where."""
