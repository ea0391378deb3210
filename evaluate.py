"""Play a trained actor, any policies and every allocation on the same unseen channels: one table, `results.json` and `comparison.png`."""

from experiments.command_line import run_command
from experiments.commands.evaluation_command import main

if __name__ == "__main__":
    run_command(main)
