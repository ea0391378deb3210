"""Tasks: named, versioned networks with the blocks on which methods are compared, as single and as vector environments."""

from multicell_env.tasks.making import make, make_aec, make_vec
from multicell_env.tasks.registry import TASKS, task_named
from multicell_env.tasks.task import DrawnTask, NetworkTask, Task

__all__ = ["TASKS", "DrawnTask", "NetworkTask", "Task", "make", "make_aec", "make_vec", "task_named"]
