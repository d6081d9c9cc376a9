"""Calls in a forked process, for code that may take for ever or all memory when it is given something large.

The process ends by itself once an answer has used its seconds of the processor, C code included, or has taken far
longer; what it asks of memory beyond an allowance it is denied. With it ends what it started. Where a process cannot
be forked, `POSSIBLE` is false.
"""

import faulthandler
import gc
import os
import select
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

POSSIBLE = hasattr(os, "fork") and hasattr(signal, "setitimer")
MEMORY = 2**29  # bytes that the process may take more than it has
PATIENCE = 20  # seconds waited for each that an answer may use: others may keep the processor busy
LONGEST = 10  # seconds that are waited beyond those at most


class Apart:
    """`function`, called in a process that has whatever there was when it was first asked, until `end`.

    Questions and answers are pickled. `waits` counts the questions that were given up though the process lived: it
    waited for something, a lock that a thread of ours held say.
    """

    def __init__(self, function: Callable[[Any], Any]):
        self.function = function
        self.process: tuple[int, Connection] | None = None
        self.waits = 0

    def ask(self, question: Any, *, seconds: float) -> Any:
        """The answer; None if there is none, since the process died of it or was ended: the next has another.

        OSError if no process can be forked: there are as many as may be, say.
        """
        self.process = self.process or _forked(self.function)
        pipe = self.process[1]
        try:
            pipe.send((question, seconds))
            if pipe.poll(_patience(seconds)):
                return pipe.recv()
            self.waits += 1
        except (EOFError, OSError):
            pass
        self.end()
        return None

    def end(self) -> None:
        """End the process, if there is one, and what it started."""
        if self.process is None:
            return
        pid, pipe = self.process
        self.process = None
        pipe.close()
        with suppress(OSError):  # where SIGCHLD is ignored, or all children are waited for, it may be gone
            os.killpg(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _patience(seconds: float) -> float:
    """How long an answer is waited for that may use so many seconds of the processor."""
    return min(PATIENCE * seconds, LONGEST + seconds)


def _forked(function: Callable[[Any], Any]) -> tuple[int, Connection]:
    ours, theirs = Pipe()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # it is None or closed, or nobody reads it
            stream.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads, whose locks may be held for ever there: then it is ended
        pid = os.fork()
    if pid == 0:
        try:
            _lead()
            ours.close()
            _serve(theirs, function)
        finally:
            os._exit(0)  # without anything that this process would do at its end
    theirs.close()
    _lead(pid)  # whoever of us two comes first
    return pid, ours


def _lead(pid: int = 0) -> None:
    """Have a group for the process and for all that it will start, to be ended together."""
    with suppress(OSError):  # it may have died
        os.setpgid(pid, pid)


def _serve(pipe: Connection, function: Callable[[Any], Any]) -> None:
    """Answer until there are no more questions."""
    gc.disable()  # it would copy all pages that are shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the other, which ends this one
    for ending in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(ending, signal.SIG_DFL)  # which is to end at once
    faulthandler.disable()  # it has nothing to tell, not even how it died
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(null, stream)
    with suppress(RuntimeError):  # as many threads as may be
        threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    _limit_memory()
    with suppress(EOFError, OSError):
        while True:
            question, seconds = pipe.recv()
            signal.setitimer(signal.ITIMER_PROF, seconds)
            signal.setitimer(signal.ITIMER_REAL, 2 * _patience(seconds))  # for nobody ends it if ours was killed
            answer = function(question)
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            pipe.send(answer)


def _end_with(pipe: Connection) -> None:
    """End this process and what it started as soon as the other end is closed: whoever asks may be killed."""
    other = select.poll()
    other.register(pipe.fileno(), 0)  # of nothing but that
    other.poll()
    with suppress(OSError):
        os.killpg(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def _limit_memory() -> None:
    """Where the system says how much there is; and leave no core."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with suppress(OSError, ValueError), open("/proc/self/statm") as statm:
        most = int(statm.read().split()[0]) * resource.getpagesize() + MEMORY
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
