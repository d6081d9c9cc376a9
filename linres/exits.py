"""Somebody else's code must not end our process as if all were well: `os._exit(0)` in it is raised as SystemExit."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def exits_raised() -> Iterator[None]:
    """Within it os._exit raises SystemExit, which says so, in this process; processes forked from it end as ever."""
    here, leave = os.getpid(), os._exit

    def raised(status: int) -> NoReturn:
        if os.getpid() != here:
            leave(status)
        raise SystemExit(f"os._exit({status!r})")

    os._exit = raised
    try:
        yield
    finally:
        os._exit = leave
