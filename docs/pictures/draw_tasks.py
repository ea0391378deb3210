"""Draw docs/pictures/tasks/: the network of every task's first test block, and who transmits in which band by the best plan.

python docs/pictures/draw_tasks.py
python docs/pictures/draw_tasks.py --task irregular-7-v0 --method pricing --seed 1000003
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from multicell_env.allocations.registry import METHODS
from multicell_env.evaluation import FIRST_SEED
from multicell_env.evaluation.rounds import follow_allocation
from multicell_env.evaluation.side_by_side import save_picture
from multicell_env.rendering.map_drawing import picture_of
from multicell_env.rendering.network_map import map_of
from multicell_env.tasks import TASKS, task_named
from multicell_env.tasks.places import places_of


@dataclass(frozen=True)
class Arguments:
    """The map of a task's network: cells, users, interference, and who transmits in which band; a PNG file for every task."""

    task: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME", help="Tasks to draw; all by default.")] = tuple(TASKS)
    method: str = "planned"
    """The allocation that is drawn, as it is at the end of the block, by its name in tables."""
    seed: int = FIRST_SEED
    """Of the block that is drawn; by default the first of the test."""
    output: Path = Path("docs/pictures/tasks")
    """Directory for the files, TASK.png."""


def main(arguments: Arguments) -> None:
    """Draw them.

    Raises:
        ValueError: there is no such task or method, or the seed is negative.
    """
    if arguments.method not in METHODS:
        raise ValueError(f"--method must be one of {', '.join(METHODS)}; got {arguments.method!r}. Choose one of them.")
    if arguments.seed < 0:
        raise ValueError(f"--seed must not be negative; got {arguments.seed}. Give 0 or more.")
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name in arguments.task:
        task = task_named(name)
        network = task.network_of(arguments.seed)
        followed = follow_allocation(arguments.method, network, arguments.seed)
        drawn = map_of(network, places_of(task, arguments.seed)).lying
        title = f"{name}, {arguments.method}: {followed.capacities[-1, 0]:.1f} bit/s/Hz"
        save_picture(picture_of(drawn, followed.powers[-1, 0], title), arguments.output / f"{name}.png")
        print(f"wrote {arguments.output / f'{name}.png'}")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
