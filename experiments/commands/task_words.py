"""The flag --task: a task, and the network or scenario that it selects."""

from dataclasses import asdict, replace

from experiments.command_line import values_of
from multicell_env.config import NetworkConfig
from multicell_env.tasks.registry import TASKS, task_named
from multicell_env.tasks.task import RULES, Task

TASK_HELP = f"One of the tasks {', '.join(TASKS)}."


def asked_task(argv: list[str]) -> Task | None:
    """The task of a command line, read before the other flags, whose defaults depend on it.

    Raises:
        ValueError: there is no such task.
    """
    names = values_of("--task", argv)
    return task_named(names[-1]) if names else None


def network_of(task: Task, usual: NetworkConfig) -> NetworkConfig:
    """The network of a task with the rules of `usual`; `usual` itself if the task draws networks."""
    return usual if task.scenario else replace(task.network_of(0), **{rule: getattr(usual, rule) for rule in RULES})


def check_task(task: Task, network: NetworkConfig, usual: NetworkConfig, *, beside: bool) -> None:
    """Refuse flags for what a task determines.

    Args:
        task: The task.
        network: The network of the command line.
        usual: The network without any flags.
        beside: Whether scenarios, channels or other networks to play on are given too.

    Raises:
        ValueError: something else to play on is given, or a network flag that is not a rule of the game.
    """
    if beside:
        raise ValueError(
            f"--task {task.name} determines what is played; got --scenarios, --channels, --generalise or --curve beside it. Give one."
        )
    for name, value in asdict(network).items():
        if name not in RULES and value != getattr(usual, name):
            raise ValueError(
                f"--task {task.name} fixes its networks; got --{name.replace('_', '-')} {value} beside it. Leave one of the two out."
            )
