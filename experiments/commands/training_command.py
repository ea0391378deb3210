"""What train.py does. The arguments are checked before torch is imported, which takes seconds."""

from typing import Any

from experiments.command_line import report
from experiments.commands.training_arguments import TrainArguments, explained, new_run, resumed_run


def main(argv: list[str]) -> None:
    """Run the command line."""
    if any(word.split("=")[0] == "--resume" for word in argv):
        given, arguments = resumed_run(argv)
        from experiments.commands.training import resume, run

        arguments, directory, state = resume(given, arguments)
    else:
        arguments = new_run(argv)
        if arguments.explain:
            report(arguments.reporting, lambda: _explain(arguments))
            return
        from experiments.commands.training import begin, run

        directory, state = begin(arguments), None
    report(arguments.reporting, lambda: run(arguments, directory, state))


def _explain(arguments: TrainArguments) -> list[dict[str, Any]]:
    """Print where every setting of a preset comes from; returns the same."""
    rows = explained(arguments)
    for name, value, source in (row.values() for row in rows):
        print(f"{name:<22}{value!s:<14}{source}")
    return rows
