"""Compare a trained actor, your own policies and all allocation methods on the same unseen channels."""

from experiments.command_line import run_command
from experiments.commands.evaluation_command import main

if __name__ == "__main__":
    run_command(main)
