"""Positions of the stations and users of a task's networks."""

from multicell_env.scenarios import Places, draw_places, scenario_named
from multicell_env.tasks.task import DrawnTask, Task


def places_of(task: Task, seed: int) -> Places | None:
    """Positions in the network of a block's seed, in metres; None if the task has mean gains only.

    Args:
        task: The task.
        seed: Seed of the block.
    """
    if not isinstance(task, DrawnTask):
        return None
    of_draws, index = task.draw_of(seed)
    return draw_places(scenario_named(task.scenario), index, of_draws)
