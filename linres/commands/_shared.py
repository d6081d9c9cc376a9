"""What commands that compute have in common: numbers on the command line, errors by option, progress, JSON."""

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linres.errors import InputError


def integer(text: str) -> int:
    """An option's integer; argparse says what is wrong with others."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"should be an integer, got {text!r}") from None


def real(text: str) -> float:
    """An option's number, nan and inf among them: whose option it is refuses those."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"should be a number, got {text!r}") from None


FILE = "of this Python file, which is run; may be given more than once"


def named(arguments: argparse.Namespace) -> list[Any]:
    """The theorems that NAME and --file name, as `linres.loading.pick` has them. InputError where neither is given."""
    from linres.errors import InputError
    from linres.loading import pick

    if not arguments.names and not arguments.file:
        raise InputError("NAME or --file FILE should be given. `linres list` prints the names.")
    return pick(arguments.names, arguments.file)


def make_folder(option: str, folder: str) -> None:
    """InputError, which names the option, unless there is a folder to write in or one can be made."""
    from linres.errors import InputError, refuse

    call, remedy = f"{option} {folder!r}", "Choose another folder."
    try:
        os.makedirs(folder, exist_ok=True)
    except FileExistsError:
        raise refuse(call, "a folder", "a file", remedy) from None
    except (OSError, ValueError) as error:  # ValueError: a name that no folder can have
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{call} cannot be made: {why}. {remedy}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{call} cannot be written to: no permission. {remedy}")


@contextmanager
def naming(option: str, subject: str) -> Iterator[None]:
    """Errors that begin with the subject begin with the option."""
    from linres.errors import InputError

    try:
        yield
    except InputError as error:
        raise InputError(str(error).replace(subject, option, 1)) from None


BOTH = re.compile(r"\([a-z_]+=[^()]*?, (--[^()]*)\)")


def as_typed(error: "InputError") -> "InputError":
    """The error with the options alone where it names an argument of Python and an option, (argument=x, --option x)."""
    from linres.errors import InputError

    return InputError(BOTH.sub(r"(\1)", str(error)))


@contextmanager
def progress(command: str, words: Callable[..., str]) -> Iterator["Progress | None"]:
    """What shows how far long work is, in the words for what it is told; None unless stderr is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    shown = Progress(command, words)
    try:
        yield shown
    finally:
        shown.erase()


class Progress:
    """One line on stderr, from the first second of the work on and twice a second."""

    ERASE = "\r\x1b[K"

    def __init__(self, command: str, words: Callable[..., str]):
        self.command, self.words = command, words
        self.due = time.monotonic() + 1
        self.shown = False

    def __call__(self, *told) -> None:
        now = time.monotonic()
        if now >= self.due:
            self.due = now + 0.5
            self.shown = True
            print(f"{self.ERASE}linres {self.command}: {self.words(*told)}", end="", file=sys.stderr, flush=True)

    def erase(self) -> None:
        if self.shown:
            print(self.ERASE, end="", file=sys.stderr, flush=True)


def as_json(report: dict) -> str:
    """In one line, with null for numbers that are not finite."""
    import json

    return json.dumps(_finite(report), allow_nan=False)


def _finite(value):
    """value with null for every number that JSON has no word for."""
    import math

    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
