"""Train an actor to open the negotiation of base stations. Ctrl-C or SIGTERM write a checkpoint and stop; --resume continues."""

from experiments.command_line import run_command
from experiments.commands.training_command import main

if __name__ == "__main__":
    run_command(main)
