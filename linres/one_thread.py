"""BLAS and LAPACK on one thread, so that a run has the same bits whatever number of threads they are allowed.

With several they divide large matrices between them, and sum in another order.
"""

import threading
from contextlib import ContextDecorator
from functools import cache
from typing import Any


class _OneThread(ContextDecorator):
    """BLAS has one thread inside `with`, in the whole process, and what it had before once all have left.

    As a decorator: while the function runs.
    """

    def __init__(self):
        self.lock, self.inside = threading.Lock(), 0
        self.before: Any = None

    def __enter__(self):
        with self.lock:
            self.inside += 1
            if self.inside == 1:
                self.before = _libraries().limit(limits=1, user_api="blas")

    def __exit__(self, *_):
        with self.lock:
            self.inside -= 1
            if self.inside == 0:
                self.before.restore_original_limits()


@cache
def _libraries():
    """The BLAS that NumPy has loaded."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


one_thread = _OneThread()
