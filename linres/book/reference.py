"""The directive `api`: every public name of linres with its signature and docstring, grouped by module.

Names and signatures are read from the objects, what is said of them from docstrings in numpydoc form. A public name
without one is an error.
"""

import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cache, cached_property
from importlib import import_module
from itertools import groupby
from typing import Any

from numpydoc.docscrape import NumpyDocString
from sphinx.pycode import ModuleAnalyzer

import linres
from linres.book.directives import _Directive, prose
from linres.book.sources import path_of
from linres.errors import refuse

RETURNED = (  # or taken, by public names
    "rungs.steps.Checked", "arithmetic.Arithmetic", "proved_bounds.Bound", "methods.end_to_end.NetworkTrajectory",
    "methods.propagation.Propagation", "instances.Function", "instances.Record", "instances.Stage",
    "instances.Training", "instances.Grown", "near_target.Approach",
)


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
        yield from (_entry(home, name, getattr(linres, name)) for name in names)
    for name in linres._MODULES:
        module = import_module(f"linres.{name}")
        yield f"**The module linres.{name}**"
        yield _text(_documented(f"linres.{name}", module))
        yield from (_entry(module.__name__, f"{name}.{each}", value) for each, value in defined(module))
    yield "**What these return, and take**"
    yield from (_entry("", name, value) for name, value in returned())


def returned() -> Iterator[tuple[str, Any]]:
    """The classes of RETURNED, by name."""
    for name in RETURNED:
        module, _, last = name.rpartition(".")
        yield name, getattr(import_module(f"linres.{module}"), last)


def defined(module: Any) -> Iterator[tuple[str, Any]]:
    """The public classes and functions that a module defines."""
    listed = getattr(module, "__all__", vars(module))
    for name, value in vars(module).items():
        here = inspect.isclass(value) or inspect.isfunction(value)
        if here and name in listed and not name.startswith("_") and value.__module__.startswith(module.__name__):
            yield name, value


def members(kind: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties that a class defines."""
    for name, part in vars(kind).items():
        shown = isinstance(part, property | cached_property | classmethod | staticmethod) or inspect.isfunction(part)
        if shown and not name.startswith("_"):
            yield name, part


def _entry(home: str, name: str, value: Any) -> str:
    full = f"linres.{name}"
    if inspect.isclass(value):
        inside = [_member(f"{full}.{each}", each, part) for each, part in members(value)]
        return _object("class", full + _signature(value), [in_markdown(_documented(full, value)), *inside])
    if callable(value):
        return _object("function", full + _signature(value), [in_markdown(_documented(full, value))])
    return _object("data", full, [_text(_comment(home, name))])


def _comment(home: str, name: str) -> str:
    """What the `#:` comment at an assignment says of the name."""
    lines = ModuleAnalyzer.for_module(home).find_attr_docs().get(("", name))
    if not lines:
        raise refuse(f"linres.{name}", "documented by a comment that begins with #:", "none")
    return "\n".join(lines)


def _member(full: str, name: str, part: Any) -> str:
    function = getattr(part, "__func__", part)
    told = [in_markdown(_documented(full, function))]
    if isinstance(part, property | cached_property):
        return _object("property", name, told, fence=":" * 4)
    return _object("method", f"{name}{_signature(function)}", told, fence=":" * 4)


def _object(kind: str, signature: str, inside: list[str], fence: str = ":" * 5) -> str:
    return "\n".join([f"{fence}{{py:{kind}}} {signature}", "", "\n\n".join(inside), fence])


def _documented(name: str, value: Any) -> str:
    found = inspect.getdoc(value)
    if not found:
        raise refuse(name, "documented", "no docstring")
    return found


# From numpydoc's sections to Markdown


def in_markdown(text: str) -> str:
    """A docstring in numpydoc form: its prose, its lists as definition lists, its examples as code."""
    told = NumpyDocString(text)
    parts = [_text("\n".join([*told["Summary"], "", *told["Extended Summary"]]))]
    for section in ("Parameters", "Attributes", "Returns", "Yields", "Raises"):
        if told[section]:
            parts += [f"**{section}**", *(_definition(*each) for each in told[section])]
    if told["Notes"]:
        parts += ["**Notes**", _text("\n".join(told["Notes"]))]
    if told["Examples"]:
        parts += ["**Examples**", "\n".join(["```pycon", *told["Examples"], "```"])]
    return "\n\n".join(parts)


def _definition(name: str, kind: str, description: list[str]) -> str:
    """An entry of a definition list: `name` type, and what is said of it."""
    kind = re.sub(r'"[^"]*"', r"`\g<0>`", kind)
    kind = re.sub(r"[\w.]+", lambda found: f"`{found[0]}`" if _public(found[0]) else found[0], kind)
    term = " ".join([f"`{name}`"] * bool(name) + [f"*{_text(kind)}*"] * bool(kind))
    told = textwrap.indent(_text("\n".join(description)), "  ")
    return f"{term}\n:{told[1:]}"


def _text(lines: str) -> str:
    """Paragraphs, and lists with a dash, whose entries flow as well; what is indented stays as it is."""
    paragraphs = filter(str.strip, lines.split("\n\n"))
    groups = ((indented, [*several]) for indented, several in groupby(paragraphs, lambda each: each.startswith(" ")))
    return "\n\n".join(_kept(several) if indented else "\n\n".join(map(_paragraph, several))
                       for indented, several in groups)


def _kept(paragraphs: list[str]) -> str:
    text = textwrap.dedent("\n\n".join(paragraphs))
    return f"```{'pycon' if text.startswith('>>> ') else 'text'}\n{text}\n```"


def _paragraph(lines: str) -> str:
    """Public names are links, "words" are code."""
    quoted = re.sub(r'(?<!`)("[^\s"`]*")(?!`)', r"`\1`", lines)
    told = _list(quoted) if quoted.startswith("- ") else prose(quoted)
    return re.sub(r"`([\w.]+)`", lambda found: _link(found[1]), told)


def _link(code: str) -> str:
    full = _public(code)
    return f"{{py:obj}}`{code} <{full}>`" if full else f"`{code}`"


def _public(code: str) -> str | None:
    """The full name of what is public: with linres before it, or with a capital, for `load` is also a method."""
    name = code.removeprefix("linres.")
    clear = code != name or name.rpartition(".")[2][:1].isupper()
    return f"linres.{name}" if clear and name in _names() else None


@cache
def _names() -> frozenset[str]:
    modules = [(name, import_module(f"linres.{name}")) for name in linres._MODULES]
    own = (f"{name}.{each}" for name, module in modules for each, _ in defined(module))
    return frozenset((*linres._HOME, *own, *RETURNED))


def _list(lines: str) -> str:
    entries = re.split(r"^- ", lines, flags=re.MULTILINE)[1:]
    return "\n".join("- " + prose(" ".join(each.split())) for each in entries)


def _signature(value: Any) -> str:
    """Names and defaults; what the arguments are, the docstring says."""
    try:
        given = inspect.signature(value)
    except ValueError:
        return "()"
    parts = [each.replace(annotation=inspect.Parameter.empty) for each in given.parameters.values()]
    parts = [each for each in parts if each.name not in ("self", "cls")]
    plain = [each if _readable(each.default) else each.replace(default=_SHORT) for each in parts]
    return str(inspect.Signature(plain))


class _Short:
    def __repr__(self) -> str:
        return "..."


_SHORT = _Short()


def _readable(default: Any) -> bool:
    return default is inspect.Parameter.empty or isinstance(default, int | float | str | bool | None | tuple)
