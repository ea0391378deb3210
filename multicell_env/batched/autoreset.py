"""The autoreset mode: when an environment whose block has ended starts the next one."""

from typing import Any

from gymnasium.vector import AutoresetMode


def checked_mode(mode: Any) -> AutoresetMode:
    """The mode that a mode, its name ("SAME_STEP") or its value ("SameStep") stands for.

    Raises:
        ValueError: there is no such mode.
    """
    for known in AutoresetMode:
        if mode is known or (isinstance(mode, str) and mode in (known.name, known.value)):
            return known
    names = ", ".join(known.name for known in AutoresetMode)
    raise ValueError(f"autoreset_mode must be one of AutoresetMode's {names}, or its name; got {mode!r:.80}. Choose one of them.")
