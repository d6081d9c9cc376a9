"""`linres new NAME`: write a file with a small theorem that verifies as it stands, to be changed into another."""

import argparse
import os
import shlex
import sys
import sysconfig
from importlib.machinery import PathFinder
from keyword import iskeyword
from typing import Any

EPILOG = """examples:
  linres new decay                       writes decay.py
  linres new decay --out decay_theorem.py
  linres verify --file decay.py          proved, as it stands

exit codes:
  0  the file is written
  2  usage or bad input; a file that exists is left alone without --force
"""


def add_parsers(commands: Any) -> None:
    new = commands.add_parser(
        "new", help="write a theorem to start from", epilog=EPILOG,
        description="Write a Python file with a complete small theorem, commented, that\nverifies as it stands.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    new.add_argument("name", metavar="NAME", help="name of the theorem, such as my-theorem")
    new.add_argument("--out", metavar="FILE", help="where to (default: NAME.py)")
    new.add_argument("--force", action="store_true", help="overwrite the file if it exists")
    new.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the file; returns 0. InputError for a name that is none, or a file that cannot or should not be written."""
    from linres.template import written
    from linres.writing import whole

    path = f"{arguments.name}.py" if arguments.out is None else arguments.out
    text = written(arguments.name, shlex.quote(path))
    _require_free(path, arguments.force)
    with whole(path, "x", repr(path), remedy="Choose another by --out.", encoding="utf-8") as file:
        file.write(text)
    print(f"{path}: the theorem {arguments.name}. Next: linres verify --file {shlex.quote(path)}")
    return 0


def _require_free(path: str, force: bool) -> None:
    """InputError for a file that is there, or whose name an import would take for another module."""
    from linres.errors import InputError, refuse

    module, suffix = os.path.splitext(os.path.basename(path))
    if suffix != ".py" or not module:
        raise refuse("--out FILE", "a file name that ends in .py", repr(path))
    if iskeyword(module):
        raise refuse("--out FILE", "a file that can be imported", f"{path!r}: {module} is a keyword of Python")
    if os.path.isdir(path):
        raise refuse("--out FILE", "a file", f"the folder {path!r}")
    if os.path.lexists(path) and not force:
        raise InputError(f"{path} exists. Choose another by --out, or overwrite it by --force.")
    if _is_installed(module):
        remedy = "Choose another by NAME or --out."
        raise InputError(f"{path} would hide the module {module} from whatever imports it. {remedy}")


def _is_installed(module: str) -> bool:
    """Whether `import module` means something of Python's, ours or installed."""
    if module == "linres" or module in sys.stdlib_module_names:
        return True
    folders = [sysconfig.get_path(kind) for kind in ("purelib", "platlib")]
    return PathFinder.find_spec(module, folders) is not None
