"""The directive `api`: every public name of linres with its signature and docstring, grouped by use.

Names and signatures are read from the objects, what is said of them from docstrings in numpydoc form. A public name
without one is an error, and so is one in no group.
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

GROUPS = {  # public names and modules, in the order in which one needs them
    "Theorems and verdicts": (
        "Theorem", "verify", "Verdict", "check", "load", "load_file", "NAMES", "REFUTED", "Control", "mutant",
        "Refutation", "load_refutations", "refuted", "export",
    ),
    "Statements": ("Inner", "norm", "Det", "GeometricSum", "substitute"),
    "Proofs": ("Step", "Certificate", "Term", "Rule", "Lemma", "Induction", "Prose"),
    "Instances to try, and how they are measured": (
        "anything", "Batch", "Chance", "Limit", "GenericStep", "EXACT", "BALL", "FLOAT", "Matrix", "Symbolic", "divide",
        "inner", "NesterovRun", "StackingRun", "RecordedRun", "PerturbedStackingRun", "RecordedStackingRun",
        "strategies",
    ),
    "Data and training": ("Problem", "data", "starts", "losses", "grow", "Trajectory", "guarantee"),
    "Other methods": (
        "accelerate", "descend", "chebyshev", "conjugate_gradient", "train", "stacking_batch", "boost", "Boosted",
    ),
    "Random networks and limits": ("propagate", "limits"),
    "Errors": ("InputError", "Refused"),
}
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
        return self.parse_text_to_nodes("\n\n".join(_everything()), allow_section_headings=True)


def _everything() -> Iterator[str]:
    _require_grouped()
    for title, names in GROUPS.items():
        yield f"## {title}"
        yield f"From {', '.join(dict.fromkeys(map(_from, names)))}."
        for name in names:
            yield from _of_module(name) if name in linres._MODULES else (_entry(linres._HOME[name], name),)
    yield "## What these return, and take"
    yield from (_object_entry(name, value) for name, value in returned())


def _require_grouped() -> None:
    """InputError unless each public name is in one group."""
    grouped = [name for names in GROUPS.values() for name in names]
    public = {*linres._HOME, *linres._MODULES}
    wrong = sorted({name for name in grouped if grouped.count(name) > 1} | public.symmetric_difference(grouped))
    if wrong:
        raise refuse("GROUPS of linres.book.reference", "each public name once, and nothing else", ", ".join(wrong))


def _from(name: str) -> str:
    """The module of a public name, with a link to its code."""
    home = linres._HOME.get(name, f"linres.{name}")
    path = path_of(home)
    return f"[{home}](code:linres/{path.relative_to(linres.__path__[0]).as_posix()})" if path else home


def _of_module(name: str) -> Iterator[str]:
    module = import_module(f"linres.{name}")
    yield f"### The module linres.{name}"
    yield _text(_documented(f"linres.{name}", module))
    yield from (_object_entry(f"{name}.{each}", value) for each, value in defined(module))


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


def _entry(home: str, name: str) -> str:
    value = getattr(linres, name)
    if callable(value):
        return _object_entry(name, value)
    return _object("data", f"linres.{name}", [_text(_comment(home, name))])


def _object_entry(name: str, value: Any) -> str:
    """A class or a function."""
    full = f"linres.{name}"
    if inspect.isclass(value):
        inside = [_member(f"{full}.{each}", each, part) for each, part in members(value)]
        return _object("class", full + _signature(value), [in_markdown(_documented(full, value)), *inside])
    return _object("function", full + _signature(value), [in_markdown(_documented(full, value))])


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
