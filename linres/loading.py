"""Theorems from a user's Python file. The file is code and is run: load none that you would not run yourself.

A theorem file is a module like any other: what stands in it at top level is looked through for `Theorem` and
`Refutation` objects. Data files (`linres.sources`) are only read; a theorem file is executed.
"""

import ast
import hashlib
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from linres.errors import InputError, described, kind_of, nearest, refuse, renamed
from linres.exits import exits_raised
from linres.theorem import Refutation, Theorem


def load_file(path: str | os.PathLike[str]) -> list[Theorem]:
    """The theorems of a Python file, in the order in which it defines them. Runs the file.

    Parameters
    ----------
    path : path-like
        A Python file with theorems of its own at top level.

    Returns
    -------
    list of Theorem
        Those found under the names of the module, also within tuples, lists and dicts. A `Refutation` stands for its
        claim, expected to be refuted at its instance, and for the corrected statement.

    Raises
    ------
    InputError
        When there is no such file, when it is no Python, when running it raises or exits, when it has no theorem, or
        two of one name.

    Notes
    -----
    What an import statement brings in, and the theorems of linres itself, are not the file's own. The folder of the
    file can be imported from, as when a script is run; it comes first while the file runs and last from then on.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import linres
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "mine.py")
    ...     _ = file.write_text('''
    ... import sympy, linres
    ... a, b = sympy.symbols("a b", real=True)
    ... MINE = linres.Theorem("mine", sympy.Le(2 * a * b, a**2 + b**2, evaluate=False))
    ... ''')
    ...     theorems = linres.load_file(file)
    >>> [theorem.name for theorem in theorems]
    ['mine']
    """
    place = Path(path) if isinstance(path, str | os.PathLike) else None
    if place is None or not os.fspath(path):
        got = kind_of(path) if place is None else "an empty one"
        raise refuse("load_file(path)", "the path of a Python file", got)
    code, source = _compiled(place)
    module = _run(code, place)
    theorems = gathered(own(vars(module), source))
    if not theorems:
        wanted = "a file with a Theorem of its own at top level"
        raise refuse(str(place), wanted, _contents(module), "`linres new NAME` writes one.")
    return theorems


def pick(names: Sequence[str], files: Sequence[str | os.PathLike[str]] = ()) -> list[Theorem]:
    """The theorems of these names, in the order of the names, each once; all of them for no names.

    They are the theorems of the files, or without files those of linres. InputError for a name that is not there, and
    as `load_file` says.
    """
    try:
        return _picked(names, files)
    except InputError as error:
        raise renamed(error, {"name": "NAME", "path": "--file"}) from None


def _picked(names: Sequence[str], files: Sequence[str | os.PathLike[str]]) -> list[Theorem]:
    if not files:
        from linres.theorems import NAMES, REFUTED, load

        return [load(name) for name in dict.fromkeys(names or (*NAMES, *REFUTED))]
    paths = dict.fromkeys(map(str, files))
    theorems = [theorem for path in paths for theorem in load_file(path)]
    _require_distinct(theorems)
    found = {theorem.name: theorem for theorem in theorems}
    for name in names:
        if name not in found:
            wanted = f"one of {', '.join(found)}, from {', '.join(paths)}"
            raise refuse("NAME", wanted, repr(name), nearest(name, found))
    return [found[name] for name in dict.fromkeys(names or found)]


def own(namespace: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The names of a module that no import statement at its top level binds, or that something else binds as well."""
    statements = ast.parse(source).body
    imported = {*_imported(statements)} - {*_assigned(statements)}
    return {name: value for name, value in namespace.items() if name not in imported and not name.startswith("__")}


def gathered(names: Mapping[str, Any]) -> list[Theorem]:
    """The theorems under these names, each once. InputError if two have one name."""
    found: dict[int, Theorem] = {}
    ours = _ours()
    for item in _items(names.values()):
        if isinstance(item, Theorem):
            found.setdefault(id(item), item)
        else:
            at_its_instance = (item.instance, *item.claim.extremal)
            found[id(item.claim)] = replace(item.claim, expect="refuted", extremal=at_its_instance)
            found.setdefault(id(item.corrected), item.corrected)
    theorems = [theorem for key, theorem in found.items() if key not in ours]
    _require_distinct(theorems)
    return theorems


def _require_distinct(theorems: Sequence[Theorem]) -> None:
    called = [theorem.name for theorem in theorems]
    for name in called:
        if called.count(name) > 1:
            remedy = 'Give each a name of its own, as in replace(theorem, name="another").'
            raise InputError(f"two theorems are called {name!r}. {remedy}")


def _items(values: Iterable[Any], within: frozenset[int] = frozenset()) -> Iterator[Theorem | Refutation]:
    """Theorems and refutations, bare or within tuples, lists and dicts, at any depth, in order.

    within: the identities of the containers these are in, for one may be in itself.
    """
    for value in values:
        if isinstance(value, Theorem | Refutation):
            yield value
        elif isinstance(value, tuple | list | dict) and id(value) not in within:
            inner = value.values() if isinstance(value, dict) else value
            yield from _items(list(inner), within | {id(value)})


def _ours() -> set[int]:
    """The identities of the theorems of linres that are loaded."""
    modules = [module for name, module in sys.modules.items() if name.startswith("linres.theorems.")]
    items = [item for module in modules for item in _items(list(vars(module).values()))]
    pairs = [(item.claim, item.corrected) if isinstance(item, Refutation) else (item,) for item in items]
    return {id(theorem) for pair in pairs for theorem in pair}


def _imported(statements: Iterable[ast.stmt]) -> Iterator[str]:
    """The names that import statements bind, within `if`, `try` and `with` too."""
    for statement in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in statement.names)
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _imported(node for node in ast.walk(statement) if isinstance(node, ast.Import | ast.ImportFrom))


def _assigned(statements: Iterable[ast.stmt]) -> Iterator[str]:
    """The names that top-level statements assign to: an imported theorem that is changed under its name is another."""
    for statement in statements:
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            stored = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
            yield from (node.id for node in stored if isinstance(node.ctx, ast.Store))


def _compiled(place: Path) -> tuple[Any, str]:
    """The code of the file and its text."""
    if place.is_dir():
        raise refuse(str(place), "a Python file", "a folder", "Name one file in it.")
    try:
        content = place.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = error.strerror or error if isinstance(error, OSError) else error
        raise InputError(f"{place}: {reason}. Name a Python file with theorems.") from None
    hint = "" if place.suffix == ".py" else f" Is {place.name} a Python file?"
    try:
        tree = ast.parse(content, str(place))
        return compile(tree, str(place), "exec"), _text(content)
    except SyntaxError as error:
        where = f"{place}:{error.lineno}" if error.lineno else f"{place}"
        raise InputError(f"{where}: {error.msg}.{hint}") from None
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes, nesting without end
        raise InputError(f"{place}: {described(error)}.{hint}") from None


def _text(content: bytes) -> str:
    import io
    import tokenize

    encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    return content.decode(encoding)


def _run(code: Any, place: Path) -> ModuleType:
    """The module that the code makes. InputError for whatever it raises, but Ctrl-C."""
    folder = str(place.absolute().parent)
    name = f"linres_file_{hashlib.sha256(str(place.absolute()).encode()).hexdigest()[:16]}_{place.stem}"
    module = ModuleType(name)
    module.__file__ = str(place.absolute())
    module.__spec__ = ModuleSpec(name, None, origin=module.__file__)
    sys.modules[name] = module  # dataclasses and pickles look their module up
    sys.path.insert(0, folder)
    try:
        with exits_raised():
            exec(code, vars(module))
    except BaseException as error:  # anybody's code: it may raise anything
        del sys.modules[name]
        if isinstance(error, KeyboardInterrupt):
            raise
        raise InputError(_said(error, place)) from error
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
    if folder not in sys.path:
        sys.path.append(folder)
    return module


def _said(error: BaseException, place: Path) -> str:
    """One line: where in the file, and what."""
    where = line_in(error, str(place))
    if isinstance(error, SystemExit):
        return f"{where}: the file exits, with {error.code!r}, when it is run. Put that under `if __name__ == ...`."
    return f"{where}: {described(error)}"


def line_in(error: BaseException, file: str) -> str:
    """file:line, the innermost line of that file that the error went through; the file alone if through none."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    return f"{file}:{lines[-1]}" if lines else file


def _contents(module: ModuleType) -> str:
    names = [name for name in vars(module) if not name.startswith("__")]
    return f"one with {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}" if names else "an empty one"
