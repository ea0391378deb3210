"""What --task names: a task, and the network or the scenario that a command line then has."""

from dataclasses import asdict, replace

from experiments.command_line import values_of
from multicell_env.config import NetworkConfig
from multicell_env.tasks.registry import TASKS, task_named
from multicell_env.tasks.task import RULES, Task

TASK_HELP = f"One of the tasks {', '.join(TASKS)}."


def asked_task(argv: list[str]) -> Task | None:
    """The task that a command line names, before the rest of it is read: the defaults of other flags depend on it.

    Raises:
        ValueError: there is no such task.
    """
    names = values_of("--task", argv)
    return task_named(names[-1]) if names else None


def network_of(task: Task, usual: NetworkConfig) -> NetworkConfig:
    """The network of a task with one, by the rules of another network; that other one where networks are drawn."""
    return usual if task.scenario else replace(task.network_of(0), **{rule: getattr(usual, rule) for rule in RULES})


def check_task(task: Task, network: NetworkConfig, usual: NetworkConfig, *, beside: bool) -> None:
    """Refuse what a task says itself.

    Args:
        task: The task.
        network: As the command line says it.
        usual: Without any flags.
        beside: Whether scenarios, channels or something else to play on are given too.

    Raises:
        ValueError: there is something else to play on, or a flag of the network that is no rule.
    """
    if beside:
        raise ValueError(
            f"--task {task.name} says what is played; got --scenarios, --channels, --generalise or --curve beside it. Give one."
        )
    for name, value in asdict(network).items():
        if name not in RULES and value != getattr(usual, name):
            raise ValueError(
                f"--task {task.name} fixes its networks; got --{name.replace('_', '-')} {value} beside it. Leave one of the two out."
            )
