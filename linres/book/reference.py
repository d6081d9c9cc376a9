"""The directive `api`: every public name of linres with its signature and docstring, grouped by module.

Names and signatures are read from the objects. A public name without a docstring is an error.
"""

import inspect
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import linres
from linres.book.directives import _Directive, prose
from linres.book.sources import path_of
from linres.errors import refuse


class ApiDirective(_Directive):
    """`{api}`: all public names."""

    required_arguments = 0

    def placed(self) -> list[Any]:
        self.env.note_reread()
        return self.markdown("\n\n".join(_everything()))


def _everything() -> Iterator[str]:
    for home, names in linres._HOMES.items():
        path = path_of(home)
        where = f"code:linres/{path.relative_to(linres.__path__[0]).as_posix()}" if path else ""
        yield f"**From [{home}]({where})**"
        yield from (_entry(name, getattr(linres, name)) for name in names)
    for name in linres._MODULES:
        module = import_module(f"linres.{name}")
        yield f"**The module linres.{name}**"
        yield prose(_documented(f"linres.{name}", module))
        yield from (_entry(f"{name}.{each}", value) for each, value in _own(module))


def _own(module: Any) -> Iterator[tuple[str, Any]]:
    """The public classes and functions that a module defines."""
    for name, value in vars(module).items():
        defined = inspect.isclass(value) or inspect.isfunction(value)
        if defined and not name.startswith("_") and value.__module__.startswith(module.__name__):
            yield name, value


def _entry(name: str, value: Any) -> str:
    if inspect.isclass(value):
        members = [_member(each, part) for each, part in vars(value).items() if _shown(each, part)]
        return _object("class", f"linres.{name}{_signature(value)}", [prose(_documented(name, value)), *members])
    if callable(value):
        return _object("function", f"linres.{name}{_signature(value)}", [prose(_documented(name, value))])
    return _object("data", f"linres.{name}", [])


def _shown(name: str, part: Any) -> bool:
    """Whether a member of a class is public and says something of itself."""
    kind = isinstance(part, property | classmethod | staticmethod) or inspect.isfunction(part)
    return kind and not name.startswith("_") and bool(inspect.getdoc(getattr(part, "__func__", part)))


def _member(name: str, part: Any) -> str:
    function = getattr(part, "__func__", part)
    words = [prose(str(inspect.getdoc(function)))]
    if isinstance(part, property):
        return _object("property", name, words, fence=":" * 4)
    return _object("method", f"{name}{_signature(function)}", words, fence=":" * 4)


def _object(kind: str, signature: str, inside: list[str], fence: str = ":" * 5) -> str:
    return "\n".join([f"{fence}{{py:{kind}}} {signature}", "", "\n\n".join(inside), fence])


def _documented(name: str, value: Any) -> str:
    found = inspect.getdoc(value)
    if not found:
        raise refuse(f"linres.{name}", "documented", "no docstring")
    return found


def _signature(value: Any) -> str:
    """Names and defaults; what the arguments are, the docstring says."""
    try:
        given = inspect.signature(value)
    except ValueError:
        return "()"
    parts = [each.replace(annotation=inspect.Parameter.empty) for each in given.parameters.values()]
    parts = [each for each in parts if each.name != "self"]
    plain = [each if _readable(each.default) else each.replace(default=_SHORT) for each in parts]
    return str(inspect.Signature(plain))


class _Short:
    def __repr__(self) -> str:
        return "..."


_SHORT = _Short()


def _readable(default: Any) -> bool:
    return default is inspect.Parameter.empty or isinstance(default, int | float | str | bool | None | tuple)
