"""Where the stations and users of a task's networks stand."""

from multicell_env.scenarios import Places, draw_places, scenario_named
from multicell_env.tasks.task import DrawnTask, Task


def places_of(task: Task, seed: int) -> Places | None:
    """Where the stations and users of the network of a block's seed stand; None where nothing but mean gains says it.

    Args:
        task: The task.
        seed: Of the block.
    """
    if not isinstance(task, DrawnTask):
        return None
    of_draws, index = task.draw_of(seed)
    return draw_places(scenario_named(task.scenario), index, of_draws)
