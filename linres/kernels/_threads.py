"""Kernels on several threads: each works on a part of its own, and writes where no other does.

Kernels compiled with nogil release Python's lock, so that Python's threads do what Numba's prange would, with half of
its compilation and none of its trouble when two threads call at once. How many there are is what Numba is set to:
NUMBA_NUM_THREADS, or numba.set_num_threads.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context

import numba

_TASKS = 4  # for each thread, so that one that is late holds up little


def threads() -> int:
    """How many Numba is set to."""
    return numba.get_num_threads()


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
