"""Kernels on several threads: every part is done, once, and what goes wrong in one is heard of."""

import threading

import numba
import numpy as np
import pytest

from linres.kernels._jit import compiled
from linres.kernels._threads import Team, at_once, following, in_parts, threads


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 1000])
def test_parts_make_up_the_whole(count):
    found = []
    in_parts(lambda begin, end: found.extend(range(begin, end)), count)
    assert sorted(found) == list(range(count))


def test_one_thread_works_where_numba_is_set_to_one():
    before, found = numba.get_num_threads(), set()
    numba.set_num_threads(1)
    try:
        in_parts(lambda begin, end: found.add(threading.get_ident()), 100)
        assert threads() == 1
    finally:
        numba.set_num_threads(before)
    assert found == {threading.get_ident()}


def test_a_team_works_at_once():
    everybody = threading.Barrier(3, timeout=20)  # broken, were they to work one after the other
    found = []
    Team(3).each(lambda part: (everybody.wait(), found.append(part)))
    assert sorted(found) == [0, 1, 2]


def test_threads_that_share_a_job_take_every_number_once():
    @compiled(nogil=True)
    def taken(turn, found):
        number = following(turn)
        while number < len(found):
            found[number] += 1
            number = following(turn)
        return number

    turn, found = np.zeros(1, dtype=np.int64), np.zeros(1_000_000)
    taken(np.full(1, len(found)), found)
    last = at_once(lambda: taken(turn, found), 3)
    assert np.all(found == 1)
    assert set(last) <= set(range(len(found), len(found) + 3)) and turn[0] == len(found) + len(last)


def test_a_call_that_has_not_begun_is_left_out():
    hold = threading.Event()
    blocked = threading.Thread(target=lambda: at_once(lambda: hold.wait(20) and 1, 2))  # holds the other thread
    blocked.start()
    try:
        assert at_once(lambda: 7, 2) == [7]
    finally:
        hold.set()
        blocked.join()


@pytest.mark.parametrize("part", [0, 1])
def test_an_error_in_a_part_is_raised(part):
    def work(number):
        if number == part:
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        Team(2).each(work)
    with pytest.raises(ArithmeticError):
        in_parts(lambda begin, end: work(part), 10)


def test_kernels_without_the_lock_let_other_threads_run():
    @compiled(nogil=True)
    def long(count):
        total = 0.0
        for i in range(count):
            total += np.sin(total + i)
        return total

    long(1)
    ticks, over = [], threading.Event()

    def tick(part):
        if part:
            while not over.wait(0.002):
                ticks.append(part)
            return
        long(30_000_000)
        ticks.append("done")
        over.set()

    Team(2).each(tick)
    assert ticks.index("done") > 3  # at most one turn, had the kernel kept the lock


def test_all_threads_handle_overflow_as_the_caller_does():
    def overflow(*_):
        np.float64(1e300) * np.float64(1e300)

    with np.errstate(over="raise"):
        for run in (lambda: in_parts(overflow, 2), lambda: Team(2).each(lambda part: part and overflow())):
            with pytest.raises(FloatingPointError):
                run()
    with np.errstate(over="ignore"):
        in_parts(overflow, 2)
