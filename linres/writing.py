"""Files written whole or not at all: into a temporary file beside the target, which then takes its place.

A file that is there is replaced, as is usual for outputs that users name; commands say so, see `noting`.
"""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any

from linres.errors import InputError, refuse

_noted: ContextVar[dict[str, bool] | None] = ContextVar("_noted", default=None)


@contextmanager
def noting() -> Iterator[dict[str, bool]]:
    """The paths that are written by `whole` within it, each once, with whether a file was there before."""
    noted: dict[str, bool] = {}
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


@contextmanager
def whole(path: str, mode: str, label: str, *, remedy: str = "", **keywords: Any) -> Iterator[Any]:
    """A file to write in, at `path` once the block ends; where it raises, what was at `path` stays as it was.

    mode, keywords: as for `open`, the mode with an "x". label: what messages call the file. InputError if the path
    cannot be written, with the remedy.
    """
    partial = f"{path}.{os.getpid()}.partial"
    try:
        try:
            file = open(partial, mode, **keywords)  # noqa: SIM115 (closed below)
        except ValueError as error:  # a null character in the path
            raise _unwritable(label, str(error), remedy) from None
        try:
            with file:
                yield file
            there = os.path.lexists(path)
            os.replace(partial, path)
            _note(path, there)
        finally:
            with suppress(OSError):
                os.unlink(partial)
    except OSError as error:
        raise _unwritable(label, error.strerror or str(error), remedy) from None


def _note(path: str, replaced: bool) -> None:
    noted = _noted.get()
    if noted is not None:
        noted.setdefault(path, replaced)


def _unwritable(label: str, why: str, remedy: str = "") -> InputError:
    return InputError(f"{label} cannot be written: {why}. {remedy}".rstrip())


def require_writable(path: str, label: str, suffixes: Collection[str]) -> str:
    """The suffix of the path, in lower case; InputError unless a file at `path` can be expected to be written.

    It has to end in one of the suffixes, and be in a directory that can be written to.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in suffixes:
        *most, last = suffixes
        got = repr(suffix) if suffix else "no suffix"
        raise refuse(label, f"one that ends in {', '.join(most)} or {last}", got)
    directory = os.path.dirname(path) or "."
    if not os.path.isdir(directory):
        raise _unwritable(label, f"there is no directory {directory!r}")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise _unwritable(label, f"no permission in {directory!r}")
    if os.path.isdir(path):
        raise _unwritable(label, "it is a directory")
    return suffix
