"""Processes of this machine as an executor: one that dies is replaced, and none outlives this process."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from queue import SimpleQueue
from typing import Any

from experiments.executors.parents import end_with_parent

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
_STARTING = threading.Lock()
"""Variables of the environment belong to the whole process, so processes start one after another."""


class Processes(Executor):
    """Processes of one thread each.

    Where one dies, its job alone ends with `BrokenExecutor`, and another process takes its place; a `ProcessPoolExecutor` would lose all
    jobs and be broken from then on.

    Args:
        num_workers: Processes.
    """

    def __init__(self, num_workers: int) -> None:
        self._threads = ThreadPoolExecutor(num_workers)
        self._idle: SimpleQueue[_Worker | None] = SimpleQueue()
        self._workers = set[_Worker]()
        for _ in range(num_workers):
            self._idle.put(None)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a picklable function in one of the processes."""
        return self._threads.submit(self._call, fn, args, kwargs)

    def _call(self, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        worker = self._idle.get()
        try:
            if worker is None:
                worker = _Worker()
                self._workers.add(worker)
            return worker.call(function, arguments, named)
        except BrokenExecutor:
            self._workers.discard(worker)  # type: ignore[arg-type]
            worker = None
            raise
        finally:
            self._idle.put(worker)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes: when their jobs are done, or now with `cancel_futures`."""
        if cancel_futures:
            self._threads.shutdown(wait=False, cancel_futures=True)
            for worker in list(self._workers):
                worker.process.kill()
        self._threads.shutdown(wait=wait)
        for worker in list(self._workers) if wait else ():
            worker.end()


class _Worker:
    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy the threads of numerical libraries in an unknown state
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with _STARTING, one_thread_each():
            self.process.start()
        theirs.close()  # the worker alone holds that end, so that its death closes the pipe

    def call(self, function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        message = ForkingPickler.dumps((function, arguments, named))
        try:
            self.connection.send_bytes(message)
            is_result, value = self.connection.recv()
        except (EOFError, OSError) as error:
            self.process.join()
            self.connection.close()
            raise BrokenExecutor(f"a process died with exit code {self.process.exitcode}") from error
        if is_result:
            return value
        raise value

    def end(self) -> None:
        self.connection.close()
        self.process.join()


def _serve(connection: Connection) -> None:
    """What a worker does: one call after another, until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the first one ends the others
    end_with_parent()
    while True:
        try:
            function, arguments, named = connection.recv()
        except EOFError:
            return
        except Exception as error:  # what was sent cannot be read here
            connection.send((False, error))
            continue
        try:
            answer = True, function(*arguments, **named)
        except Exception as error:
            answer = False, error
        try:
            connection.send(answer)
        except Exception as error:  # what was found cannot be pickled
            connection.send((False, TypeError(f"a result must be one that can be pickled; it cannot ({error})")))


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Libraries read these variables when they are loaded, so they must stand before a process starts."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
