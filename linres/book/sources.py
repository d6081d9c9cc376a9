"""What a verdict rests on: the source files that a theorem and the ladder import, and one hash of them all.

Imports are read from the syntax trees, those within functions included, so that nothing has to run to be hashed.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import linres

PACKAGE = Path(linres.__path__[0])
LADDER = ("linres.rungs", "linres.sampling", "linres.random_batches", "linres.strategies")  # every verdict


def module_of(theorem: str) -> str:
    """The module that defines the theorem of that name."""
    return f"linres.theorems.{theorem.replace('-', '_')}"


def fingerprint(*modules: str) -> str:
    """A hash of the sources of these modules and of all of ours that they import, directly or not."""
    digest = hashlib.sha256()
    for module in sorted(closure(modules)):
        for path in _files_of(module):
            digest.update(f"{module} {path.name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _files_of(module: str) -> list[Path]:
    """The source of a module, and of a package the data beside it."""
    path = path_of(module)
    if path is None:
        return []
    others = path.parent.iterdir() if path.name == "__init__.py" else ()
    return [path, *sorted(other for other in others if other.is_file() and other.suffix not in (".py", ".pyc"))]


def everything() -> str:
    """A hash of all files of the package."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(PACKAGE)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()


def of_theorem(theorem: str) -> str:
    """The hash that a verdict on the theorem of that name is tied to."""
    return fingerprint(module_of(theorem), *LADDER)


def closure(modules: Iterable[str]) -> set[str]:
    """These modules and all of ours that they import."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += _imported(module)
    return found


def path_of(module: str) -> Path | None:
    """The file of a module of ours; None if no module has that name."""
    stem = PACKAGE.joinpath(*module.split(".")[1:])
    candidates = [stem / "__init__.py"] + ([stem.with_name(f"{stem.name}.py")] if stem != PACKAGE else [])
    return next((path for path in candidates if path.is_file()), None)


@cache
def _imported(module: str) -> tuple[str, ...]:
    path = path_of(module)
    if path is None:
        return ()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return tuple(name for node in ast.walk(tree) for name in imported(node) if path_of(name) is not None)


def imported(node: ast.AST) -> Iterator[str]:
    """The modules of ours that an import may mean; `from linres import x` the home of x, or the module linres.x."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "linres")
    elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "linres":
        yield str(node.module)
        homes = linres._HOME if node.module == "linres" else {}
        yield from (homes.get(alias.name, f"{node.module}.{alias.name}") for alias in node.names)
