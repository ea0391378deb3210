"""Jobs that workers find by this module's name: they count themselves, fail, wait, or end their own process."""

import os
import signal
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def note(folder: str, name: object) -> int:
    """Write down that a job was begun; which time it is."""
    path = Path(folder, f"begun-{name}")
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")
    return len(path.read_text().splitlines())


def doubled(folder: str, number: int) -> int:
    note(folder, number)
    return 2 * number


def dying(folder: str, number: int, times: int) -> int:
    """Kill the worker so many times before it ends well."""
    if note(folder, number) <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def failing(folder: str, number: int) -> int:
    note(folder, number)
    raise ValueError(f"number {number} is refused")


def waiting(folder: str, number: int) -> None:
    note(folder, number)
    time.sleep(600.0)


class UnreadableError(Exception):
    """Pickled, it cannot be read again."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)


def failing_unreadably(folder: str, number: int) -> int:
    raise UnreadableError("no", " way")


def begun(folder: Path) -> dict[str, list[int]]:
    """Which processes began each job."""
    return {path.name[6:]: [int(pid) for pid in path.read_text().split()] for path in folder.glob("begun-*")}


def is_running(pid: int) -> bool:
    """Whether there is a process that has not ended."""
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_until(holds: Any, seconds: float = 120.0) -> None:
    """Wait for something that another process brings about."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


def measure(settings: Any, policy: Any) -> dict[str, Any]:
    """A point that takes a moment."""
    if note(settings["folder"], settings["x"]) <= settings.get("dies", 0):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(settings.get("seconds", 0.0))
    return {"doubled": 2 * settings["x"]}
