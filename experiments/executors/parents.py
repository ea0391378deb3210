"""Processes that end when whoever started them has died, however it died."""

import multiprocessing
import os
import runpy
import signal
import sys
import threading
import time

PATIENCE = 8.0
"""Seconds that a program has to end by itself after its parent's death."""


def end_with_parent() -> None:
    """End this process, which multiprocessing started, as soon as its parent has died; whatever it is at is of no use any more."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end with parent").start()


def _end_with_input(patience: float) -> None:
    """Ask this process to end when its standard input ends, and end it if it has not after so many seconds."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(patience)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="end with input").start()


def guarded(script: str, *words: str, patience: float = PATIENCE) -> list[str]:
    """The command line that runs a Python script for as long as its standard input, a pipe from whoever starts it, is open.

    The end of the pipe sends it SIGTERM, at which train.py writes a checkpoint; `patience` seconds later it is ended.
    """
    return [sys.executable, "-u", __file__, str(patience), script, *words]


if __name__ == "__main__":
    _end_with_input(float(sys.argv[1]))
    sys.argv = sys.argv[2:]
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")
