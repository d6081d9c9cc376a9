"""The `linres` command: one subcommand per file of linres.commands, loaded with argparse alone so --help is quick."""

import _thread
import argparse
import errno
import os
import re
import select
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from linres.commands import book, export, figures, mutate, new, propagate, replay, show, train, verify
from linres.errors import InputError, nearest
from linres.exits import exits_raised, raise_exits
from linres.writing import noting

SHOWN = 3  # replaced files that are named

EPILOG = """examples:
  linres list                      the theorems, a line each
  linres show nesterov-step        one theorem: statement, hypotheses, proof
  linres verify                    check every theorem
  linres verify stacking-residual --level full --json
  linres replay found.json         decide a saved instance again
  linres mutate nesterov-step      change it in every small way: who notices?
  linres new mine                  write a theorem to start from
  linres verify --file mine.py     check the theorems of that file
  linres export nesterov-step --to coq --check
  linres train digits --plot loss.svg
  linres propagate --depth 100     random networks, measured beside predicted
  linres figures rates             draw a figure, measured beside proved
  linres book --open               read the proofs beside the checks that ran

Files that a command writes take the place of those of the same name, whole or
not at all, and it says so on stderr. `linres new` alone wants --force for that.
"""


# What writing fails with: the reader of a pipe has gone, or there is no room.
OUTPUT = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
CHOICE = re.compile(r"invalid choice: '(.*?)' \(choose from (.*)\)", re.DOTALL)


class _Parser(argparse.ArgumentParser):
    """Says a usage error in one line."""

    def error(self, message: str):
        wrong = CHOICE.search(message)
        advice = nearest(wrong[1], wrong[2].replace("'", "").split(", ")) if wrong else ""
        self.exit(2, f"{self.prog}: {' '.join(message.split())}. {advice or f'See {self.prog} --help.'}\n")

    def unknown(self, extra: Sequence[str]):
        """The usage error of arguments that are left over."""
        known = [option for action in self._actions for option in action.option_strings]
        advice = nearest(extra[0].partition("=")[0], known) if extra[0].startswith("-") else ""
        self.exit(2, f"{self.prog}: no argument {extra[0]!r} is known here. {advice or f'See {self.prog} --help.'}\n")


class _Version(argparse.Action):
    """--version; the version is read when asked for."""

    def __init__(self, option_strings, dest, **_):
        super().__init__(option_strings, dest=argparse.SUPPRESS, nargs=0, help="print the version")

    def __call__(self, parser, *_):
        from linres import __version__

        print(f"linres {__version__}")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    top = _Parser(
        prog="linres",
        description="Theory verification for deep linear residual networks.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=_Version)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (show, verify, mutate, new, export, replay, train, propagate, figures, book):
        module.add_parsers(commands)
    return top


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    top = parser()
    arguments, extra = top.parse_known_args(argv)
    if extra:
        [commands] = [action for action in top._actions if isinstance(action, argparse._SubParsersAction)]
        commands.choices[arguments.command].unknown(extra)
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code (2 for bad input, said in one line on stderr)."""
    command = "linres"
    sys.unraisablehook = _raise_interrupts
    try:
        arguments = _parsed(argv)
        command = f"linres {arguments.command}"
        code = _run(arguments)
        sys.stdout.flush()
    except InputError as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in OUTPUT or (error.errno == errno.EPIPE and not _reader_gone()):  # somebody else's code
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # the reader, `head` say, has gone: not an error
            return 0
        print(f"{command}: the output cannot be written: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{command}: interrupted", file=sys.stderr)
        return 130
    return code


def entry() -> int:
    """The command `linres`: `main`, in a process that nothing but its return value gives an exit code to."""
    raise_exits()
    return main()


def _reader_gone() -> bool:
    """Whether nobody reads any more what we write."""
    if not hasattr(select, "poll"):
        return True
    watched = select.poll()
    watched.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in watched.poll(0))


def _run(arguments: argparse.Namespace) -> int:
    """The exit code of the command. InputError where the code of a user's file would end it with one of its own."""
    try:
        with exits_raised(), _replacements_told(arguments.command):
            return arguments.run(arguments)
    except SystemExit as left:
        what = str(left) if str(left).startswith("os._exit") else f"sys.exit({left.code!r})"
        raise InputError(f"the code of a file ended the program by {what}, with nothing known. Mend it.") from None


@contextmanager
def _replacements_told(command: str) -> Iterator[None]:
    """What was replaced is said on stderr, in one line."""
    with noting() as written:
        try:
            yield
        finally:
            replaced = [path for path, there in written.items() if there]
            more = f" and {len(replaced) - SHOWN} more" if len(replaced) > SHOWN else ""
            if replaced:
                print(f"linres {command}: replaced {', '.join(replaced[:SHOWN])}{more}", file=sys.stderr)


def _raise_interrupts(unraisable) -> None:
    """Ctrl-C within a callback of the garbage collector would be lost: have it raised again, once that is over."""
    if unraisable.exc_type is KeyboardInterrupt:
        threading.Timer(0.01, _thread.interrupt_main).start()
    else:
        sys.__unraisablehook__(unraisable)
