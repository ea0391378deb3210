"""A team works through a range once, whatever its size, and hides no failure."""

import copy
import gc
import pickle
import threading
import time
import weakref

import numpy as np
import pytest

from multicell_env.threads import Team


@pytest.mark.parametrize("num_threads", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [0, 1, 2, 7, 1000])
def test_every_part_of_a_range_is_worked_on_once(num_threads: int, count: int) -> None:
    team, visits = Team(num_threads), np.zeros(count, int)

    def visit(some: slice) -> None:
        visits[some] += 1

    for times in (1, 2, 3):
        team.share(visit, count)
        assert np.all(visits == times)
    team.close()


def test_the_calling_thread_and_all_helpers_work() -> None:
    team, meeting, workers = Team(3), threading.Barrier(3), set()

    def meet(some: slice) -> None:
        if threading.get_ident() not in workers:
            workers.add(threading.get_ident())
            meeting.wait(60)  # for two others: passes only if three threads are here

    team.share(meet, 12)
    assert len(workers) == 3
    assert threading.get_ident() in workers
    team.close()


@pytest.mark.parametrize("in_helper", [True, False])
def test_a_failure_in_any_thread_is_raised_when_all_threads_have_ended(in_helper: bool) -> None:
    team, caller, met = Team(2), threading.get_ident(), threading.Barrier(2)
    ended = []

    def work(some: slice) -> None:
        if some.start < 2:  # the first part of each thread
            met.wait(60)
            if (threading.get_ident() != caller) == in_helper:
                raise ValueError("this part cannot be done")
        time.sleep(0.02)
        ended.append(some)

    with pytest.raises(ValueError, match="this part cannot be done"):
        team.share(work, 8)
    assert len(ended) == 7  # the other thread did the rest
    team.share(ended.append, 8)
    assert len(ended) == 15  # and the team works on
    team.close()


def test_helpers_end_when_nobody_holds_the_team() -> None:
    before = set(threading.enumerate())
    team = Team(3)
    team.share(lambda some: None, 9)
    helpers = set(threading.enumerate()) - before
    assert len(helpers) == 2
    del team
    gc.collect()
    for helper in helpers:
        helper.join(60)
        assert not helper.is_alive()


def test_helpers_do_not_keep_what_they_worked_on() -> None:
    class Held:
        pass

    team, held = Team(2), Held()
    gone = threading.Event()
    weakref.finalize(held, gone.set)
    team.share(lambda some, held=held: None, 8)
    del held
    gc.collect()
    assert gone.wait(60)
    team.close()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda team: pickle.loads(pickle.dumps(team))])
def test_a_copy_has_helpers_of_its_own(copied) -> None:
    team = Team(2)
    team.share(lambda some: None, 8)
    other, parts = copied(team), []
    team.close()
    other.share(parts.append, 8)
    assert sorted(some.start for some in parts) == list(range(8))
    other.close()
    other.close()  # twice is fine
