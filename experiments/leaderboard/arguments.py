"""Arguments of `evaluate.py --submit` and `--leaderboard`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from experiments.command_line import Reporting

FOLDER = Path("docs/leaderboard")


@dataclass(frozen=True)
class SubmitArguments:
    """Play a method on the test blocks of all tasks and write the file of its submission to the leaderboard."""

    submit: Annotated[str, tyro.conf.arg(metavar="POLICY")]
    """module:callable, path/to/file.py:callable, a run directory, the name of a shipped actor, or an allocation; NAME=... names it."""
    task: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Play this task alone, for a trial; again for more."""
    num_blocks: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Play so many blocks of each task, for a trial."""
    training_steps: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Environment steps that it was trained for, where its attribute `training_steps` does not say."""
    output: Annotated[Path, tyro.conf.arg(metavar="DIRECTORY")] = Path("results/leaderboard")
    """Where NAME.json goes."""
    reporting: tyro.conf.OmitArgPrefixes[Reporting] = field(default_factory=Reporting)
    """What is shown, and where."""


@dataclass(frozen=True)
class LeaderboardArguments:
    """Make docs/leaderboard.md, docs/tasks/ and the table of docs/tasks.md of the submissions in docs/leaderboard."""

    leaderboard: tyro.conf.FlagCreatePairsOff[bool] = False
    """Ask for the leaderboard."""
    submissions: Path = FOLDER
    """Where the files of submissions are; the pages are written beside this directory."""
    reporting: tyro.conf.OmitArgPrefixes[Reporting] = field(default_factory=Reporting)
    """What is shown, and where."""
