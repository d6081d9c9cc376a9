"""Work spread over processes: each does one item after the other, and what comes of them is given out in order.

On Linux processes are forked, so that theorems of a file need no pickling; elsewhere each makes the items again. There
is a pipe to each: it ends when the process dies, and the process when it does. Ctrl-C ends all of them.
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

    With one job or one item it is done here. Else what `work` returns is pickled; where nothing is forked, so are
    `work` and `again`, which gives the items once more. say is called with the number of items done and a line.
    What work raises is raised here when its turn has come. InputError if a process dies.
    """
    if min(jobs, len(items)) <= 1:
        for done, item in enumerate(items):
            yield work(item, lambda line, done=done: say(done, line))  # type: ignore[misc]
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

    def death(self) -> InputError:
        self.process.join()
        code = self.process.exitcode
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return InputError(f"the process at item {self.position + 1} died ({how}). With --jobs 1 there is only one.")


class _Pool:
    """The processes, and what came of the items."""

    def __init__(self, work, items, jobs, say, again, method):
        self.say, self.count, self.given, self.done = say, len(items), 0, 0
        self.workers: list[_Worker] = []
        self.ready: dict[int, tuple[str, Any]] = {}  # by position
        context = multiprocessing.get_context(method)
        for _ in range(jobs):
            self.workers.append(_Worker(context, [worker.pipe for worker in self.workers], work, items, again))

    def results(self) -> Iterator[Any]:
        busy = {worker.pipe: worker for worker in self.workers if self._sent(worker)}
        for position in range(self.count):
            while position not in self.ready:
                for pipe in wait([*busy]):
                    if not self._heard(busy[pipe]):
                        del busy[pipe]
            kind, result = self.ready.pop(position)
            if kind == "raised":
                raise result
            yield result

    def _sent(self, worker: _Worker) -> bool:
        """Give the worker the next item; False if there is none."""
        if self.given == self.count:
            return False
        worker.position = self.given
        self.given += 1
        with suppress(OSError):  # it died: reading will say so
            worker.pipe.send(worker.position)
        return True

    def _heard(self, worker: _Worker) -> bool:
        """Take what the worker says; False if it has no more to do."""
        try:
            kind, told = worker.pipe.recv()
        except (EOFError, OSError):
            self.ready[worker.position] = ("raised", worker.death())
            return False
        if kind == "line":
            self.say(self.done, told)
            return True
        self.done += 1
        self.ready[worker.position] = (kind, told)
        return self._sent(worker)

    def end(self) -> None:
        for worker in self.workers:
            worker.process.terminate()
        for worker in self.workers:
            worker.process.join()
            worker.pipe.close()


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
        return "result", work(item, say)
    except (BrokenPipeError, ConnectionResetError):
        raise
    except BaseException as error:  # anybody's code: all of it is for the one that started us
        return "raised", _sendable(error)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


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
