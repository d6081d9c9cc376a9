"""Kernels on several threads: each works on a part of its own, and writes where no other does.

Kernels compiled with nogil release Python's lock, so that Python's threads do what Numba's prange would, with half of
its compilation and none of its trouble when two threads call at once. How many there are is what Numba is set to:
NUMBA_NUM_THREADS, or numba.set_num_threads.
"""

import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from linres.kernels._jit import config

_TASKS = 4  # for each thread, so that one that is late holds up little


def threads() -> int:
    """How many Numba is set to."""
    return numba.get_num_threads()


def _counter(grows: int) -> Any:
    """An intrinsic: counter[0], for an array (1,) of int64, which grows by so much in the same step.

    What a thread wrote before its step is there for those whose step comes later.
    """

    def typed(context, counter):
        def code(context, builder, signature, arguments):
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            return builder.atomic_rmw("add", array.data, ir.Constant(ir.IntType(64), grows), "acq_rel")

        return types.int64(counter), code

    return intrinsic(typed)


def _plain_following(counter):
    with _LOCK:
        found = counter[0]
        counter[0] = found + 1
    return found


def _plain_so_far(counter):
    return counter[0]


def let_go(counter: Any, count: int) -> None:
    """Have so many more counted, for those who wait for what will not come: an error ended it where it was Python."""
    with _LOCK:
        counter[0] += count


_LOCK = threading.Lock()
following: Any = _plain_following if config.DISABLE_JIT else _counter(1)  # no two threads are given the same number
so_far: Any = _plain_so_far if config.DISABLE_JIT else _counter(0)


@functools.cache
def _pool(count: int, process: int) -> ThreadPoolExecutor:
    """So many threads, started once: that takes as long as a thousand small products. A fork has none of ours."""
    return ThreadPoolExecutor(count)


def at_once(work: Callable[[], Any], count: int) -> list[Any]:
    """What calls of work return, in up to `count` threads, the caller's among them, that share one job out.

    Calls that have not begun when the caller's ends are left out: then nothing is left to do.
    """
    pool = _pool(count - 1, os.getpid()) if count > 1 else None
    others = [_submitted(pool, work) for _ in range(count - 1)] if pool else []
    return [work(), *(other.result() for other in others if not other.cancel())]


class Team:
    """So many threads, the caller's among them, kept as long as this object is."""

    def __init__(self, count: int):
        self.count = count
        self._pool = ThreadPoolExecutor(count - 1) if count > 1 else None

    def each(self, work: Callable[[int], object]) -> None:
        """work(0), ..., work(count - 1), at once; what any of them raises."""
        others = [_submitted(self._pool, work, part) for part in range(1, self.count)] if self._pool else []
        work(0)
        for other in others:
            other.result()


def in_parts(work: Callable[[int, int], object], count: int) -> None:
    """work(begin, end) for parts of range(count) that make it up, on all threads."""
    size = -(-count // (_TASKS * threads())) or 1
    parts = [(begin, min(begin + size, count)) for begin in range(0, count, size)]
    if threads() == 1 or len(parts) < 2:
        for part in parts:
            work(*part)
        return
    with ThreadPoolExecutor(threads()) as pool:
        for done in [_submitted(pool, work, *part) for part in parts]:
            done.result()


def _submitted(pool: ThreadPoolExecutor, work: Callable[..., object], *arguments: int) -> Future:
    """work(*arguments) in the caller's context, to which NumPy's handling of overflow belongs."""
    return pool.submit(copy_context().run, work, *arguments)
