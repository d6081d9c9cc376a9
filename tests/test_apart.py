"""Calls in a process of their own: what answers, what dies of the question, and that nothing is left of it."""

import io
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from linres.rungs import apart as module
from linres.rungs.apart import MEMORY, POSSIBLE, Apart

pytestmark = pytest.mark.skipif(not POSSIBLE, reason="no process can be forked")


@pytest.fixture
def apart():
    """Makes them, and ends them."""
    made = []

    def make(function):
        made.append(Apart(function))
        return made[-1]

    yield make
    for each in made:
        each.end()


def survives(each):
    """Whether another question is answered."""
    return each.ask(2, seconds=1.0) == 4


def test_answers_come_from_one_process_that_is_another(apart):
    processes = apart(lambda _: os.getpid())
    first, second = (processes.ask(None, seconds=1.0) for _ in range(2))
    assert first == second != os.getpid()


def test_what_it_changes_is_not_changed_here(apart):
    seen = []
    growing = apart(lambda k: seen.append(k) or len(seen))
    assert [growing.ask(k, seconds=1.0) for k in range(3)] == [1, 2, 3]
    assert seen == []


def test_an_endless_loop_ends_when_its_seconds_are_used(apart):
    def double(k):
        while k < 0:
            pass
        return 2 * k

    each, start = apart(double), time.process_time()
    assert each.ask(-1, seconds=0.05) is None
    assert time.process_time() - start < 1
    assert survives(each)


def test_so_does_one_in_c(apart):
    each = apart(lambda k: 2 * k if k > 0 else sum(itertools.repeat(1)))
    assert each.ask(-1, seconds=0.05) is None
    assert survives(each)


def test_one_that_only_waits_is_not_waited_for(apart):
    each, start = apart(lambda k: 2 * k if k > 0 else time.sleep(100)), time.perf_counter()
    assert each.ask(-1, seconds=0.01) is None
    assert time.perf_counter() - start < 10
    assert survives(each)


def test_more_memory_than_is_allowed_is_refused(apart):
    """Only it says so: as soon as it asks for it, and not once the machine has no more."""
    def double(k):
        try:
            return 2 * k if k > 0 else len(bytearray(2 * MEMORY))
        except MemoryError:
            return "refused"

    each = apart(double)
    if sys.platform.startswith("linux"):
        assert each.ask(-1, seconds=5.0) == "refused"
    assert survives(each)


@pytest.mark.parametrize("end", [lambda: os._exit(0), lambda: sys.exit(1), os.abort, lambda: 1 // 0])
def test_one_that_dies_is_replaced_by_another_and_says_nothing(apart, capfd, end):
    each = apart(lambda k: 2 * k if k > 0 else end())
    assert each.ask(-1, seconds=1.0) is None
    assert survives(each)
    assert capfd.readouterr() == ("", "")


def test_nothing_is_left_of_it(apart):
    each = apart(lambda _: os.getpid())
    number = each.ask(None, seconds=1.0)
    each.end()
    each.end()
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


def gone(number):
    """Whether the process ends within some seconds; one whose parent died may stay for others to wait for."""
    for _ in range(200):
        try:
            os.kill(number, 0)
            if Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="zombies are told apart by /proc")
@pytest.mark.parametrize("end", ["waits", "dies"])
def test_nothing_is_left_of_what_it_started(apart, tmp_path, end):
    """Not even of what ignores that its parent died."""
    def start(_):
        other = subprocess.Popen(["sleep", "100"])
        (tmp_path / "number").write_text(str(other.pid))
        return other.wait() if end == "waits" else os.abort()

    assert apart(start).ask(None, seconds=0.05) is None
    assert gone(int((tmp_path / "number").read_text()))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="zombies are told apart by /proc")
def test_it_ends_with_whoever_asks_and_so_does_what_it_started(tmp_path):
    path = tmp_path / "number"
    asking = os.fork()
    if asking == 0:
        try:
            Apart(lambda _: path.write_text(str(subprocess.Popen(["sleep", "100"]).pid)) and time.sleep(100)).ask(
                None, seconds=1.0)
        finally:
            os._exit(0)
    while not (path.exists() and path.read_text()):
        time.sleep(0.01)
    os.kill(asking, signal.SIGKILL)
    os.waitpid(asking, 0)
    assert gone(int(path.read_text()))


def test_one_that_waits_ends_by_itself_if_nobody_ends_it(apart, monkeypatch):
    """For whoever asked may have been killed."""
    monkeypatch.setattr(module, "_patience", lambda _: 0.1)
    each = apart(lambda _: time.sleep(100))
    end, each.end = each.end, lambda: None
    assert each.ask(None, seconds=1.0) is None
    assert os.waitstatus_to_exitcode(os.waitpid(each.process[0], 0)[1]) == -signal.SIGALRM
    each.end = end


def test_those_that_only_waited_are_counted(apart):
    each = apart(lambda k: 2 * k if k > 0 else time.sleep(100) if k else os.abort())
    assert [each.ask(k, seconds=0.01) for k in (0, -1)] == [None, None]
    assert each.waits == 1


def test_children_may_be_waited_for_by_somebody_else(apart):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        each = apart(lambda k: 2 * k if k > 0 else os.abort())
        assert survives(each)
        assert each.ask(-1, seconds=1.0) is None
        assert survives(each)
        each.end()
    finally:
        signal.signal(signal.SIGCHLD, before)


@pytest.mark.parametrize("closed", [False, True])
def test_there_may_be_nowhere_to_print_to(apart, monkeypatch, closed):
    stream = io.StringIO()
    stream.close()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, stream if closed else None)
    assert survives(apart(lambda k: 2 * k))


def test_too_many_processes_are_told_of(apart, monkeypatch):
    def fork():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    with pytest.raises(BlockingIOError):
        apart(lambda k: 2 * k).ask(2, seconds=1.0)
