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
  python evaluate.py --figure all --train    as in docs/figures; continues an interrupted run
  python evaluate.py --figure 5 --from docs/figures/figure5.json   check that its numbers are reproduced"""
FIGURES_FOLDER = Path("docs/figures")
if TYPE_CHECKING:
    FigureNumber = str
else:
    FigureNumber = tyro.extras.literal_type_from_choices((*map(str, FIGURES), "all"))
OWN_FIGURES = "; ".join(f"{number}, {figure.title}" for number, figure in FIGURES.items() if number not in PAPER_FIGURES)
FIGURE_HELP = f"Number of the figure: the paper's {PAPER_FIGURES[0]} to {PAPER_FIGURES[-1]}, or additional ones: {OWN_FIGURES}."


@dataclass(frozen=True)
class FigureArguments:
    """Reproduce the paper's figures as tables, and as figureN.png, .csv and .json with all settings. An interrupted run continues."""

    figure: Annotated[FigureNumber, tyro.conf.arg(help=FIGURE_HELP)]
    """Number of the figure, from `FIGURES`, or all."""
    quick: tyro.conf.FlagCreatePairsOff[bool] = False
    """Use few channels, for a first look. Files are written to results/quick."""
    num_blocks: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Number of blocks per point. Default: 200, or 100 for more than 8 users per cell; a tenth of this with --quick."""
    train: tyro.conf.FlagCreatePairsOff[bool] = False
    """Train actors that are neither shipped nor trained yet. Otherwise their methods are left out."""
    seed: int | None = None
    """Block i is the one that env.reset(seed=seed + i) draws."""
    source: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """JSON file of a figure to measure again with its settings. Numbers must be equal, or with another --seed within the intervals."""
    output: Path | None = None
    """Directory for the files; docs/figures, or results/quick with --quick."""
    actor: Path = PRETRAINED / "td3mix.safetensors"
    """The actor of td3mix and td3mix_opening."""
    runs: Path = Path("runs/figures")
    """Directory for trainings and measured points."""
    num_workers: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """Number of points measured in parallel. Default: the number of processors of this machine or of the cluster."""
    workers: tyro.conf.OmitArgPrefixes[ClusterArguments] = field(default_factory=ClusterArguments)
    """Where points are measured and actors are trained."""
    reporting: tyro.conf.OmitArgPrefixes[Reporting] = field(default_factory=Reporting)
    """What to print, and where."""


@dataclass(frozen=True)
class ClaimsArguments:
    """Compare the paper's claims with the figures' numbers. Writes claims.md, claims.json and claims.png into the figures' directory."""

    claims: tyro.conf.FlagCreatePairsOff[bool] = False
    """Compare the claims."""
    figures: Path = FIGURES_FOLDER
    """Directory of the figures' JSON files."""
    reporting: tyro.conf.OmitArgPrefixes[Reporting] = field(default_factory=Reporting)
    """What to print, and where."""
