"""Threads that work through a range together.

A step of 1,024 small environments takes a millisecond or two: an executor of `concurrent.futures` needs a tenth of one to hand a function
over and to hear that it is done, two queues need a hundredth of one.
"""

import itertools
import os
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from weakref import finalize

_Task = tuple[Callable[[], None], "SimpleQueue[BaseException | None]"]

SHARES_PER_THREAD = 4
"""Parts that a range is divided into for each thread, so that a thread on a busier core gets fewer of them."""


class Team:
    """Threads that work through ranges together: the calling one and its helpers, which start with the first range.

    Helpers end with `close`, or when nobody holds the team any more. A copy of a team, and a team in a forked process, begin without.

    Args:
        num_threads: How many, with the calling one.
    """

    def __init__(self, num_threads: int) -> None:
        self.num_threads = num_threads
        self._process = 0
        """The process that the helpers are in; a forked one has the team without them."""

    def share(self, work: Callable[[slice], None], count: int) -> None:
        """Have a range worked through in parts, by whichever thread is free; `work` should release the interpreter's lock.

        Raises:
            BaseException: what `work` raised in a thread, when the others have worked through the rest.
        """
        if self.num_threads == 1 or count == 1:
            work(slice(0, count))
            return
        if self._process != os.getpid():
            self._start()
        parts = SHARES_PER_THREAD * self.num_threads
        edges = [count * part // parts for part in range(parts + 1)]
        # Threads take from one iterator: a step of it is whole, because it holds Python's lock.
        shares = iter([slice(*ends) for ends in itertools.pairwise(edges) if ends[0] < ends[1]])

        def work_on() -> None:
            for some in shares:
                work(some)

        ended: SimpleQueue[BaseException | None] = SimpleQueue()
        for _ in self._helpers:
            self._tasks.put((work_on, ended))
        try:
            work_on()  # in this thread, which would only wait otherwise
        finally:
            failures = [ended.get() for _ in self._helpers]
        for failure in failures:
            if failure is not None:
                raise failure

    def close(self) -> None:
        """End the helpers; they start again with the next range."""
        if self._process == os.getpid():
            self._dismiss()
            for helper in self._helpers:
                helper.join()
        self._process = 0

    def _start(self) -> None:
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._helpers = [Thread(target=_help, args=[self._tasks], daemon=True) for _ in range(self.num_threads - 1)]
        for helper in self._helpers:
            helper.start()
        self._dismiss = finalize(self, _end, self._tasks, len(self._helpers))
        self._process = os.getpid()

    def __reduce__(self) -> tuple[type["Team"], tuple[int]]:
        return Team, (self.num_threads,)


def _help(tasks: "SimpleQueue[_Task | None]") -> None:
    """What a helper does; it knows the queue and not the team, so that the team can be forgotten."""
    while (task := tasks.get()) is not None:
        work, ended = task
        try:
            work()
        except BaseException as failure:
            ended.put(failure)
        else:
            ended.put(None)
        del task, work, ended  # and with them the arrays that the work was on


def _end(tasks: "SimpleQueue[_Task | None]", num_helpers: int) -> None:
    for _ in range(num_helpers):
        tasks.put(None)
