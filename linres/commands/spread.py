"""Work spread over processes, and what comes of them given out in order.

On Linux each item has a process of its own, forked: theorems of a file need no pickling, what one item imports or
changes is not there for the next, and code that ends its process ends no other. Elsewhere a process does one item after
the other, and makes the items again; for one job it is this process. There is a pipe to each: it ends when the process
dies, and the process when it does. Ctrl-C ends all of them.
"""

import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from linres.errors import InputError
from linres.exits import exits_raised

Say = Callable[[str], None]
METHOD = "fork" if sys.platform.startswith("linux") else "spawn"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(
    work: Callable[[Any, Say], Any], items: Sequence[Any], jobs: int, say: Callable[[int, str], None], *,
    again: Callable[[], Sequence[Any]], method: str = METHOD,
) -> Iterator[Any]:
    """work(item, say) of each item, in the order of the items, each as soon as all before it are there.

    What `work` returns is pickled; where nothing is forked, so are `work` and `again`, which gives the items once more,
    unless there is one job or one item: that is done here. say is called with the number of items done and a line.
    What work raises is raised here when its turn has come. InputError if a process dies, which names the item if that
    has a name.
    """
    if method != "fork" and min(jobs, len(items)) <= 1:
        for done, item in enumerate(items):
            with exits_raised():
                result = work(item, lambda line, done=done: say(done, line))  # type: ignore[misc]
            yield result
        return
    pool = _Pool(work, items, min(jobs, len(items)), say, again, method)
    try:
        yield from pool.results()
    finally:
        pool.end()


class _Worker:
    """A process, the pipe to it, and the position of the item that it is at."""

    def __init__(self, context: Any, ends: Sequence[Connection], work: Any, items: Any, again: Any):
        self.pipe, theirs = context.Pipe()
        forked = context.get_start_method() == "fork"
        inherited = (*ends, self.pipe) if forked else ()
        arguments = (theirs, inherited, work, items if forked else None, again)
        self.process = context.Process(target=_serve, args=arguments)
        self.process.start()
        theirs.close()  # so that ours ends when the process does
        self.position = -1

    def give(self, position: int) -> None:
        self.position = position
        with suppress(OSError):  # it died: reading will say so
            self.pipe.send(position)

    def death(self) -> str:
        """How it died."""
        self.process.join()
        code = self.process.exitcode
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def end(self) -> None:
        self.process.terminate()
        self.process.join()
        self.pipe.close()


class _Pool:
    """The processes, and what came of the items."""

    def __init__(self, work, items, jobs, say, again, method):
        self.work, self.items, self.again, self.say, self.jobs = work, items, again, say, jobs
        self.context = multiprocessing.get_context(method)
        self.one_each = method == "fork"  # a fork costs little, and each begins as all others do
        self.given, self.done = 0, 0
        self.busy: dict[Any, _Worker] = {}  # by pipe
        self.ready: dict[int, tuple[str, Any]] = {}  # by position

    def results(self) -> Iterator[Any]:
        for _ in range(self.jobs):
            self._employ()
        for position in range(len(self.items)):
            while position not in self.ready:
                for pipe in wait([*self.busy]):
                    self._hear(self.busy[pipe])
            kind, result = self.ready.pop(position)
            if kind == "raised":
                raise result
            yield result

    def _employ(self, worker: _Worker | None = None) -> None:
        """Give the worker the next item, or a new one if none is given; if there is none left the worker may go."""
        if self.given < len(self.items):
            worker = worker or _Worker(self.context, [*self.busy], self.work, self.items, self.again)
            self.busy[worker.pipe] = worker
            self.given += 1
            worker.give(self.given - 1)
        elif worker is not None:
            self._dismiss(worker)

    def _dismiss(self, worker: _Worker) -> None:
        self.busy.pop(worker.pipe).end()

    def _hear(self, worker: _Worker) -> None:
        """Take what the worker says."""
        try:
            kind, told = worker.pipe.recv()
        except (EOFError, OSError):
            what = f"the process of {self._called(worker.position)} {worker.death()}, with nothing known."
            self.ready[worker.position] = ("raised", InputError(what))
            self._dismiss(worker)
            return
        if kind == "line":
            self.say(self.done, told)
            return
        self.done += 1
        self.ready[worker.position] = (kind, told)
        if self.one_each:
            self._dismiss(worker)
            self._employ()
        else:
            self._employ(worker)

    def _called(self, position: int) -> str:
        return getattr(self.items[position], "name", f"item {position + 1}")

    def end(self) -> None:
        for worker in [*self.busy.values()]:
            self._dismiss(worker)


def _serve(pipe: Connection, inherited: Sequence[Connection], work: Any, items: Any, again: Any) -> None:
    """What a process does: the items whose positions come through the pipe, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that started us, and it ends us
    for end in inherited:  # else a pipe would not end with the process that made it
        end.close()
    if items is None:
        with redirect_stdout(sys.stderr):
            items = again()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            position = pipe.recv()
            pipe.send(_outcome(work, items[position], lambda line: pipe.send(("line", line))))


def _outcome(work: Any, item: Any, say: Say) -> tuple[str, Any]:
    try:
        with exits_raised():
            return "result", work(item, say)
    except (BrokenPipeError, ConnectionResetError):
        raise
    except BaseException as error:  # anybody's code: all of it is for the one that started us
        return "raised", _sendable(error)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, ValueError):  # it is None, or was closed
                stream.flush()


def _sendable(error: BaseException) -> BaseException:
    """The error with its traceback as a note; another that says the same if it cannot be sent."""
    text = "".join(traceback.format_exception(error))
    if isinstance(error, InputError):
        return error
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # somebody else's class
        return RuntimeError(text)
    error.add_note(text)
    return error
