"""Tianshou's durations by a clock that nobody sets back."""

import time
from types import SimpleNamespace

from tianshou import trainer
from tianshou.algorithm import algorithm_base
from tianshou.data import collector


def never_go_back() -> None:
    """Have Tianshou measure how long collecting and learning take by the monotonic clock.

    It takes differences of the time of day, refuses negative ones and divides by them; the time of day may be set while a run goes on.
    """
    steady = SimpleNamespace(**{**vars(time), "time": time.monotonic})
    for module in (trainer, algorithm_base, collector):
        module.time = steady  # type: ignore[attr-defined]
