"""Train an actor that allocates power for base stations. Ctrl-C or SIGTERM writes a checkpoint and stops; --resume continues."""

from experiments.command_line import run_command
from experiments.commands.training_command import main

if __name__ == "__main__":
    run_command(main)
