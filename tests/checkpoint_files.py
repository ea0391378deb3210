"""States of runs as a checkpoint brings them back."""

import tempfile
from pathlib import Path
from typing import Any

from agents.checkpoints.trees import read_tree, write_tree


def reread(state: dict[str, Any]) -> Any:
    """What a file gives of a state."""
    with tempfile.TemporaryDirectory() as folder:
        write_tree(Path(folder) / "state.safetensors", state)
        return read_tree(Path(folder) / "state.safetensors")


def size_of(state: dict[str, Any]) -> int:
    """Bytes that a state takes in a file."""
    with tempfile.TemporaryDirectory() as folder:
        write_tree(Path(folder) / "state.safetensors", state)
        return (Path(folder) / "state.safetensors").stat().st_size
