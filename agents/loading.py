"""Trained actors by name: shipped actors, run directories and files. Torch is imported only when an actor is loaded."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.files import SAFETENSORS, facts_of
from agents.run_directory import RunDirectory

if TYPE_CHECKING:
    from agents.saved_actor import ActorPolicy

PRETRAINED = Path(__file__).with_name("pretrained")
"""Folder of the actors that are shipped with the project."""


def load(actor: str | os.PathLike[str]) -> "ActorPolicy":
    """Load a trained actor as a policy that maps observations of all agents to their actions. No code in the file is executed.

    Args:
        actor: Name of a shipped actor, as in `shipped()`; a run directory of train.py, whose best actor is loaded; or a file.

    Raises:
        FileNotFoundError: there is no such actor.
        ValueError: the file is damaged, or is not an actor.
    """
    path = locate(actor)
    from agents.saved_actor import load_actor

    return load_actor(path)


def metadata_of(actor: str | os.PathLike[str]) -> dict[str, Any]:
    """The metadata of an actor, such as the configuration of its environment.

    Arguments and errors as those of `load`.
    """
    return dict(facts_of(locate(actor))["metadata"])


def locate(actor: str | os.PathLike[str]) -> Path:
    """The file of an actor.

    Args:
        actor: As for `load`.

    Raises:
        FileNotFoundError: there is no actor of this name.
    """
    if isinstance(actor, str) and actor in shipped():
        return PRETRAINED / f"{actor}{SAFETENSORS}"
    path = Path(actor)
    if not path.exists() and path.name == str(actor) and not path.suffix:
        raise FileNotFoundError(f"there is no actor {str(actor)!r}. Give one of {shipped()}, a run directory, or a file.")
    return RunDirectory(path).best_path if path.is_dir() else path


def shipped() -> list[str]:
    """Names of the actors that are shipped with the project."""
    return sorted(path.stem for path in PRETRAINED.glob(f"*{SAFETENSORS}"))
