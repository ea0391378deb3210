"""Threads that work through a range together.

A step of 1,024 small environments takes a millisecond or two. An executor of `concurrent.futures` needs a tenth of one to hand over a
function that does not need Python's lock, and to hear that it is done; queues need some hundredths, which is mostly waking the
other cores.
"""

import itertools
import os
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from weakref import finalize

SHARES_PER_THREAD = 4
"""Parts of a range that a thread has; one that is done takes what is left of the others', whose cores may be busier."""

Signals = SimpleQueue[None]
Outcomes = list[BaseException | None]
Work = Callable[[int], None]
Tasks = SimpleQueue[tuple[Work, int, Outcomes, Signals] | None]


class ThreadPool:
    """Threads that work through ranges together: the calling one and its helpers, which start with the first range.

    Helpers end with `close`, or when nobody holds the pool any more. A copy of a pool, and a pool in a forked process, begin without
    helpers.

    Args:
        num_threads: How many, with the calling one.
    """

    def __init__(self, num_threads: int) -> None:
        self.num_threads = num_threads
        self._process = 0
        """The process that the helpers are in; a forked one has the pool without them."""

    def share(self, work: Callable[[slice], None], count: int) -> None:
        """Have a range worked through in parts, of which every thread has its own, and then takes the others'.

        Raises:
            BaseException: as from `together`. Nobody begins another part then.
        """
        if self.num_threads == 1 or count == 1:
            work(slice(0, count))
            return
        parts = SHARES_PER_THREAD * self.num_threads
        edges = [count * part // parts for part in range(parts + 1)]
        shares = [slice(*ends) for ends in itertools.pairwise(edges)]
        # Threads take from iterators: a step of one is whole, because it holds Python's lock.
        own = [iter(shares[first : first + SHARES_PER_THREAD]) for first in range(0, parts, SHARES_PER_THREAD)]

        def work_on(thread: int) -> None:
            left = itertools.chain(*own[thread:], *own[:thread])
            try:
                for some in left:
                    if some.start < some.stop:
                        work(some)
            finally:
                for _ in left:  # there are some after a failure alone
                    pass

        self.together(work_on, count)

    def together(self, work: Work, count: int) -> None:
        """Have every thread call `work` with its own number, from 0 on, and wait until all have ended.

        Args:
            work: What to do, best without Python's lock.
            count: Parts that there are to do; no more threads are asked.

        Raises:
            BaseException: what `work` raised, in the calling thread rather than in a helper; Ctrl-C.
        """
        num_threads = min(self.num_threads, count)
        if num_threads < 2:
            work(0)
            return
        if self._process != os.getpid():
            self._start()
        outcomes: Outcomes = []
        signals: Signals = SimpleQueue()
        asked: list[None] = []
        interrupts: list[KeyboardInterrupt] = []
        try:
            # One call that asks and counts, because Python looks for Ctrl-C after every call.
            asked.extend(map(SimpleQueue.put, self._tasks, ((work, thread, outcomes, signals) for thread in range(1, num_threads))))
            work(0)  # in this thread, which would only wait otherwise
        finally:
            # Helpers write what others will write next, so Ctrl-C is heard when they have ended.
            while True:
                try:
                    while len(outcomes) < len(asked):
                        signals.get()  # one for every outcome, after it
                    break
                except KeyboardInterrupt as interrupt:
                    interrupts.append(interrupt)
        for failure in (*interrupts, *outcomes):
            if failure is not None:
                try:
                    raise failure
                finally:
                    del interrupts, outcomes, failure  # its traceback holds this frame, and the frame would hold it

    def close(self) -> None:
        """End the helpers, which start again with the next range; in a forked process there are none to end."""
        own, self._process = self._process == os.getpid(), 0
        if own:
            self._dismiss()
            for helper in self._helpers:
                helper.join()

    def _start(self) -> None:
        self._tasks: list[Tasks] = [SimpleQueue() for _ in range(1, self.num_threads)]
        self._helpers = [
            Thread(target=_help, args=[tasks], name=f"{__name__} {thread}", daemon=True) for thread, tasks in enumerate(self._tasks, 1)
        ]
        self._dismiss = finalize(self, _end, self._tasks)
        self._dismiss.atexit = False  # what else runs at exit may still want them, and daemons end by themselves
        try:
            for helper in self._helpers:
                helper.start()
        except BaseException:
            self._dismiss()
            raise
        self._process = os.getpid()

    def __reduce__(self) -> tuple[type["ThreadPool"], tuple[int]]:
        return ThreadPool, (self.num_threads,)


def _help(tasks: Tasks) -> None:
    """What a helper does; it knows the queue and not the pool, so that the pool can be forgotten."""
    while (task := tasks.get()) is not None:
        work, thread, outcomes, signals = task
        outcome = None
        try:
            work(thread)
        except BaseException as failure:
            outcome = failure
        del task, work  # and with them the arrays that the work was on, before anybody hears of it
        outcomes.append(outcome)
        signals.put(None)
        del outcome, outcomes, signals


def _end(tasks: list[Tasks]) -> None:
    for own in tasks:
        own.put(None)
