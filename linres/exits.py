"""Somebody else's code must not end our process as if all were well: `os._exit(0)` in it is raised as SystemExit."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


def raise_exits() -> None:
    """os._exit raises SystemExit, which says so, in this process; processes forked from it end as ever.

    For as long as this one lasts: what it runs at its end must not choose its exit code either.
    """
    here, leave = os.getpid(), os._exit

    def raised(status: int) -> NoReturn:
        if os.getpid() != here:
            leave(status)
        raise SystemExit(f"os._exit({status!r})")

    os._exit = raised


@contextmanager
def exits_raised() -> Iterator[None]:
    """As `raise_exits`, within it."""
    leave = os._exit
    raise_exits()
    try:
        yield
    finally:
        os._exit = leave
