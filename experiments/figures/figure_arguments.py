"""Arguments of `evaluate.py --figure` and `--claims`."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from agents.loading import PRETRAINED
from experiments.command_line import Reporting
from experiments.executors.engines import ClusterArguments
from experiments.figures.paper_figures import FIGURES, PAPER_FIGURES

EXAMPLES = """Examples:
  python evaluate.py --figure all --quick    a first look, a minute or two
  python evaluate.py --figure all --train    as they are in docs/figures; goes on where it was stopped
  python evaluate.py --figure 5 --from docs/figures/figure5.json   whether its numbers come out again"""
FIGURES_FOLDER = Path("docs/figures")
if TYPE_CHECKING:
    FigureNumber = str
else:
    FigureNumber = tyro.extras.literal_type_from_choices((*map(str, FIGURES), "all"))
OWN_FIGURES = "; ".join(f"{number}, {figure.title}" for number, figure in FIGURES.items() if number not in PAPER_FIGURES)
FIGURE_HELP = f"Which figure: the paper's {PAPER_FIGURES[0]} to {PAPER_FIGURES[-1]}, or ours: {OWN_FIGURES}."


@dataclass(frozen=True)
class FigureArguments:
    """Make the paper's figures: tables, and figureN.png, .csv and .json with every setting. Goes on where it was stopped."""

    figure: Annotated[FigureNumber, tyro.conf.arg(help=FIGURE_HELP)]
    """Which figure: a number of `FIGURES`, or all."""
    quick: tyro.conf.FlagCreatePairsOff[bool] = False
    """Few channels, for a first look; the files go to results/quick."""
    num_blocks: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Channels of every point; 200, or 100 of networks with more than 8 users a cell, and a tenth of that with --quick."""
    train: tyro.conf.FlagCreatePairsOff[bool] = False
    """Train what is neither shipped nor trained; otherwise such methods are left out."""
    seed: int | None = None
    """Block i is the one that env.reset(seed=seed + i) draws."""
    source: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """A figure's JSON to measure again by its own settings: the same numbers, or, with another --seed, numbers within the interval."""
    output: Path | None = None
    """Where the files go; docs/figures, or results/quick."""
    actor: Path = PRETRAINED / "td3mix.safetensors"
    """The actor of td3mix and td3mix_opening."""
    runs: Path = Path("runs/figures")
    """Where trainings and finished points are kept."""
    num_workers: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Points measured at once; as many as this machine or the cluster has processors."""
    workers: tyro.conf.OmitArgPrefixes[ClusterArguments] = field(default_factory=ClusterArguments)
    """Where points are measured and what is missing is trained."""
    reporting: tyro.conf.OmitArgPrefixes[Reporting] = field(default_factory=Reporting)
    """What is shown, and where."""


@dataclass(frozen=True)
class ClaimsArguments:
    """Compare the paper's claims with the figures' numbers; writes claims.md, claims.json and claims.png beside the figures."""

    claims: tyro.conf.FlagCreatePairsOff[bool] = False
    """Ask for the claims."""
    figures: Path = FIGURES_FOLDER
    """Where the figures' JSON files are."""
    reporting: tyro.conf.OmitArgPrefixes[Reporting] = field(default_factory=Reporting)
    """What is shown, and where."""
