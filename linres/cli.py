"""The `linres` command: one subcommand per file of linres.commands, loaded with argparse alone so --help is quick."""

import argparse
import os
import sys

from linres.commands import show, train, verify
from linres.errors import InputError

EPILOG = """examples:
  linres list                         the theorems, a line each
  linres show nesterov-step           one theorem: statement, hypotheses, proof
  linres verify                       check every theorem
  linres verify stacking-residual --level full --json
  linres train digits --plot loss.svg
"""


class _Parser(argparse.ArgumentParser):
    """Says a usage error in one line."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message}. See {self.prog} --help.\n")


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
    for module in (show, verify, train):
        module.add_parsers(commands)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code (2 for bad input, said in one line on stderr)."""
    arguments = parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except InputError as error:
        print(f"linres {arguments.command}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, `head` say, has gone: not an error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print(f"linres {arguments.command}: interrupted", file=sys.stderr)
        return 130
