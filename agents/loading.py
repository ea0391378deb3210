"""Trained actors by name: those that ship with the project, runs, and files."""

import os
from pathlib import Path

from agents.run_directory import RunDirectory
from agents.saved_actor import SAFETENSORS, ActorPolicy, load_actor

PRETRAINED = Path(__file__).with_name("pretrained")
"""Where the actors that ship with the project lie."""


def load(actor: str | os.PathLike[str]) -> ActorPolicy:
    """A trained actor as a policy, from observations of all agents to their actions. No code in the file is executed.

    Args:
        actor: Name of a shipped actor, as in `shipped()`; a run directory that train.py made, whose best actor it is; or a file.

    Raises:
        FileNotFoundError: there is no such actor.
        ValueError: the file is damaged or no actor.
    """
    if isinstance(actor, str) and actor in shipped():
        return load_actor(PRETRAINED / f"{actor}{SAFETENSORS}")
    path = Path(actor)
    if not path.exists() and path.name == str(actor) and not path.suffix:
        raise FileNotFoundError(f"there is no actor {str(actor)!r}. Give one of {shipped()}, a run directory, or a file.")
    return load_actor(RunDirectory(path).best_path if path.is_dir() else path)


def shipped() -> list[str]:
    """Names of the actors that ship with the project."""
    return sorted(path.stem for path in PRETRAINED.glob(f"*{SAFETENSORS}"))
