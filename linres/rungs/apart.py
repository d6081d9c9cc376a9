"""Calls in a forked process, for code that may take for ever or all memory when it is given something large.

The process ends by itself once an answer has used its seconds of the processor, C code included; what it asks of memory
beyond an allowance it is denied. Where a process cannot be forked, `POSSIBLE` is false.
"""

import faulthandler
import gc
import os
import signal
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

POSSIBLE = hasattr(os, "fork") and hasattr(signal, "setitimer")
MEMORY = 2**29  # bytes that the process may take more than it has
PATIENCE = 20  # seconds waited for each that an answer may use: others may keep the processor busy


class Apart:
    """`function`, called in a process that has whatever there was when it was first asked, until `end`.

    Questions and answers are pickled.
    """

    def __init__(self, function: Callable[[Any], Any]):
        self.function = function
        self.process: tuple[int, Connection] | None = None

    def ask(self, question: Any, *, seconds: float) -> Any:
        """The answer; None if there is none, since the process died of it or was ended: the next has another."""
        try:
            if self.process is None:
                self.process = _forked(self.function)
            pipe = self.process[1]
            pipe.send((question, seconds))
            if pipe.poll(PATIENCE * seconds):
                return pipe.recv()
        except (EOFError, OSError):
            pass
        self.end()
        return None

    def end(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            pid, pipe = self.process
            self.process = None
            pipe.close()
            os.kill(pid, signal.SIGKILL)  # it is not waited for yet, and so nobody else has this number
            os.waitpid(pid, 0)


def _forked(function: Callable[[Any], Any]) -> tuple[int, Connection]:
    ours, theirs = Pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads, whose locks may be held for ever there: then it is ended
        pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            _serve(theirs, function)
        finally:
            os._exit(0)  # without anything that this process would do at its end
    theirs.close()
    return pid, ours


def _serve(pipe: Connection, function: Callable[[Any], Any]) -> None:
    """Answer until there are no more questions."""
    gc.disable()  # it would copy all pages that are shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the other, which ends this one
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # which is to end at once
    faulthandler.disable()  # it has nothing to tell, not even how it died
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(null, stream)
    _limit_memory()
    with suppress(EOFError, OSError):
        while True:
            question, seconds = pipe.recv()
            signal.setitimer(signal.ITIMER_PROF, seconds)
            answer = function(question)
            signal.setitimer(signal.ITIMER_PROF, 0)
            pipe.send(answer)


def _limit_memory() -> None:
    """Where the system says how much there is; and leave no core."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with suppress(OSError, ValueError), open("/proc/self/statm") as statm:
        most = int(statm.read().split()[0]) * resource.getpagesize() + MEMORY
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
