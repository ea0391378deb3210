"""A team works through a range once, whatever its size; a failure reaches the caller when all threads have ended."""

import _thread
import copy
import gc
import pickle
import signal
import sys
import threading
import time
import weakref
from functools import partial

import numpy as np
import pytest

from multicell_env.kernels.threads import ThreadPool


def helpers() -> set[threading.Thread]:
    """Helpers of all teams."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("multicell_env.kernels.threads")}


def workers(team: ThreadPool) -> set[int]:
    """Threads that work for a team; fails where they are fewer than it says."""
    meeting, present = threading.Barrier(team.num_threads), set()

    def meet(some: slice) -> None:
        if threading.get_ident() not in present:
            present.add(threading.get_ident())
            meeting.wait(60)  # for all others

    team.share(meet, 100)
    return present


@pytest.mark.parametrize("num_threads", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 1000])
def test_every_part_of_a_range_is_worked_on_once(num_threads: int, count: int) -> None:
    team, visits = ThreadPool(num_threads), np.zeros(count, int)

    def visit(some: slice) -> None:
        visits[some] += 1

    for times in (1, 2, 3):
        team.share(visit, count)
        assert np.all(visits == times)
    team.close()


def test_the_calling_thread_and_all_helpers_work() -> None:
    team = ThreadPool(3)
    present = workers(team)
    assert len(present) == 3
    assert threading.get_ident() in present
    team.close()


@pytest.mark.parametrize("count", [1, 2, 3, 100])
def test_the_same_work_is_called_by_all_threads_but_by_no_more_than_it_has_parts(count: int) -> None:
    team, called = ThreadPool(3), []
    meeting = threading.Barrier(min(3, count))

    def work(thread: int) -> None:
        meeting.wait(60)
        called.append((thread, threading.get_ident()))

    team.together(work, count)
    first = sorted(called)
    assert [thread for thread, _ in first] == list(range(min(3, count)))
    assert len({ident for _, ident in first}) == min(3, count)
    called.clear()
    team.together(work, count)
    assert sorted(called) == first  # a thread keeps its number
    team.close()


@pytest.mark.parametrize("in_helper", [True, False])
def test_a_failure_in_any_thread_is_raised_when_all_threads_have_ended(in_helper: bool) -> None:
    team, caller, met = ThreadPool(2), threading.get_ident(), threading.Barrier(2)
    begun, ended = [], []

    def work(some: slice) -> None:
        begun.append(some)
        met.wait(60)  # for the other thread's first part
        if (threading.get_ident() != caller) == in_helper:
            raise ValueError("this part cannot be done")
        time.sleep(0.2)
        ended.append(some)

    with pytest.raises(ValueError, match="this part cannot be done"):
        team.share(work, 8)
    assert len(begun) == 2  # nobody begins another part
    assert len(ended) == 1
    assert len(workers(team)) == 2  # and the team works on
    team.close()


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="only the main thread is interrupted")
def test_an_interrupt_is_heard_when_all_threads_have_ended(request: pytest.FixtureRequest) -> None:
    # A shell's background jobs ignore interrupts from the start.
    request.addfinalizer(partial(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.default_int_handler)))
    team, caller, met = ThreadPool(2), threading.get_ident(), threading.Barrier(2)
    ended = []

    def work(some: slice) -> None:
        if some.start in (0, 4):  # the first of each
            met.wait(60)
        if threading.get_ident() != caller:
            for _ in range(6000):
                if len(ended) == 7:  # the caller does all other parts ...
                    break
                time.sleep(0.01)
            time.sleep(0.1)  # ... and waits by now
            _thread.interrupt_main()
            time.sleep(0.2)
        ended.append(some)

    with pytest.raises(KeyboardInterrupt):
        team.share(work, 8)
    assert sorted(some.start for some in ended) == list(range(8))
    assert len(workers(team)) == 2
    team.close()


@pytest.mark.parametrize("moment", range(1, 12))
def test_no_helper_works_on_when_an_interrupt_is_heard(moment: int) -> None:
    team, lines = ThreadPool(3), []
    begun, ended = [], []
    workers(team)

    def work(thread: int) -> None:
        begun.append(thread)
        if thread > 0:
            time.sleep(0.05)
        ended.append(thread)

    def interrupt(frame, event: str, arg: object):
        if frame.f_code is not ThreadPool.together.__code__ or 0 in begun:  # from then on nothing is asked of helpers
            return None
        if event == "line":
            lines.append(frame.f_lineno)
            if len(lines) == moment:
                raise KeyboardInterrupt
        return interrupt

    sys.settrace(interrupt)
    try:
        team.together(work, 3)
    except KeyboardInterrupt:
        assert len(lines) == moment
    else:
        assert len(lines) < moment  # later than all
    finally:
        sys.settrace(None)
    asked = len(begun)
    assert sorted(begun) == sorted(ended)
    time.sleep(0.01)
    assert len(begun) == asked
    team.close()


def test_helpers_end_when_nobody_holds_the_team() -> None:
    before = helpers()
    team = ThreadPool(3)
    workers(team)
    own = helpers() - before
    assert len(own) == 2
    del team
    gc.collect()
    for helper in own:
        helper.join(60)
        assert not helper.is_alive()


def test_closing_ends_the_helpers_and_the_next_range_starts_others() -> None:
    before, team = helpers(), ThreadPool(3)
    for _ in range(2):
        assert len(workers(team)) == 3
        assert len(helpers() - before) == 2
        team.close()
        assert helpers() <= before
    team.close()  # twice is fine


@pytest.mark.parametrize("fails", [None, "helper", "caller"])
def test_nobody_keeps_what_was_worked_on(fails: str | None) -> None:
    class Held:
        pass

    team, held, caller, met = ThreadPool(2), Held(), threading.get_ident(), threading.Barrier(2)
    gone = threading.Event()
    weakref.finalize(held, gone.set)

    def work(some: slice, held: Held = held) -> None:
        if some.start in (0, 4):  # the first of each
            met.wait(60)
        if ("caller" if threading.get_ident() == caller else "helper") == fails:
            raise ValueError

    gc.disable()  # what is in no cycle is gone without it
    try:
        try:
            team.share(work, 8)
        except ValueError:
            assert fails is not None
        else:
            assert fails is None
        del held, work
        assert gone.wait(60)
    finally:
        gc.enable()
    team.close()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda team: pickle.loads(pickle.dumps(team))])
def test_a_copy_has_helpers_of_its_own(copied) -> None:
    team = ThreadPool(2)
    workers(team)
    own = helpers()
    other = copied(team)
    assert len(workers(other)) == 2
    assert len(helpers() - own) == 1
    team.close()
    assert len(workers(other)) == 2
    other.close()
