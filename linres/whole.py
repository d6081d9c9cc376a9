"""Files that are written whole or not at all: a reader never meets half of one, and what was there stays till then."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any


@contextmanager
def opened(path: Any, *, binary: bool = False) -> Iterator[IO[Any]]:
    """A file to write to, text in UTF-8 unless binary, that takes the place of `path` once the block has ended well.

    OSError if it cannot be written, ValueError for a path with a null character; whatever the block raises passes.
    """
    path = os.fspath(path)
    partial = f"{path}.{os.getpid()}.partial"
    try:
        with open(partial, "xb") if binary else open(partial, "x", encoding="utf-8", newline="") as file:
            yield file
        os.replace(partial, path)
    finally:
        with suppress(OSError, ValueError):
            os.unlink(partial)
