"""Instances as JSON and back, exactly: a counterexample or an extremal instance to keep, send and decide again.

Rationals are written p/q and floats in hexadecimal, so nothing is rounded. A file is data: reading it builds numbers,
tuples and objects of the classes that the theorem's own instances are made of, and imports or evaluates nothing.

    null, true, 3, "text"                  themselves
    [...]                                  a tuple
    {"fraction": "-3/4"}                   a Fraction
    {"float": "0x1.8p+1"}                  a float, as float.hex writes it
    {"array": [2, 1], "of": ["0x1p+0", "0x0p+0"]}   a float64 array of that shape
    {"list": [...]}, {"dict": [[key, value], ...]}
    {"class": "NesterovRun", "fields": {"q": ...}}  a dataclass or a named tuple
"""

import dataclasses
import json
import os
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from linres.errors import InputError, kind_of, refuse
from linres.writing import whole

KIND = "instance"
DEPTH = 50  # of nesting; instances are tables within objects
DIGITS = 4000  # of a numerator, a denominator or an integer; Python reads no more than 4300 by itself
BYTES = 2**28  # of a file
DRAWS = 20  # from which the classes of a theorem's instances are learnt
_RATIONAL = re.compile(r"-?[0-9]+(/[0-9]+)?", re.ASCII)
_HEX = re.compile(r"-?0x[01](\.[0-9a-f]{1,13})?p[+-][0-9]{1,4}", re.ASCII)
_PLAIN = (int, bool, str, tuple, list, dict, np.ndarray, type(None))
_VARIANT = re.compile(r"(control|mutant):(.+)", re.DOTALL)


@dataclass(frozen=True)
class Saved:
    """What a file holds: the theorem's name, the variant ("control:NAME", "mutant:NAME") or None for the theorem
    itself, the instance as JSON (see `decode`) and what is said of how it was found. path: the file, for messages."""

    theorem: str
    variant: str | None
    instance: Any
    found: Mapping[str, Any] = field(default_factory=dict)
    path: str = "the document"


# Writing


def encode(instance: Any) -> Any:
    """The instance as JSON-ready data. InputError for a part that has no exact form there, which it names."""
    return _encode(instance, "instance", 0)


def _encode(value: Any, place: str, depth: int) -> Any:
    if depth > DEPTH:
        raise refuse(f"encode({place})", f"nested at most {DEPTH} deep", "more")
    if value is None or type(value) in {bool, str}:
        return value
    if type(value) in {int, Fraction}:
        return _encode_rational(value, place)
    if type(value) is float or isinstance(value, np.ndarray):
        return _encode_floats(value, place)
    return _encode_container(value, place, depth + 1)


def _encode_rational(value: int | Fraction, place: str) -> Any:
    if max(abs(value.numerator), value.denominator) >= 10**DIGITS:
        raise refuse(f"encode({place})", f"a number of at most {DIGITS} digits", "a longer one")
    return value if type(value) is int else {"fraction": str(value)}


def _encode_floats(value: Any, place: str) -> Any:
    if not np.all(np.isfinite(value)) or (isinstance(value, np.ndarray) and value.dtype != np.float64):
        raise refuse(f"encode({place})", "finite float64 numbers", f"{np.asarray(value).dtype} or not finite")
    if type(value) is float:
        return {"float": value.hex()}
    return {"array": list(value.shape), "of": [float(entry).hex() for entry in value.ravel()]}


def _encode_container(value: Any, place: str, depth: int) -> Any:
    fields = field_names(type(value))
    if fields is not None:
        parts = {name: _encode(getattr(value, name), f"{place}.{name}", depth) for name in fields}
        return {"class": type(value).__name__, "fields": parts}
    if type(value) in {tuple, list}:
        entries = [_encode(entry, f"{place}[{k}]", depth) for k, entry in enumerate(value)]
        return entries if type(value) is tuple else {"list": entries}
    if type(value) is dict:
        return {"dict": [
            [_encode(key, f"a key of {place}", depth), _encode(entry, f"{place}[{key!r}]", depth)]
            for key, entry in value.items()
        ]}
    raise refuse(f"encode({place})", "numbers, text, tuples, dataclasses or named tuples", kind_of(value))


def field_names(kind: type) -> tuple[str, ...] | None:
    """The fields that make an object of a dataclass or a named tuple; None for any other class."""
    if dataclasses.is_dataclass(kind):
        return tuple(each.name for each in dataclasses.fields(kind) if each.init)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return tuple(kind._fields)
    return None


def document(theorem: Any, instance: Any, variant: str | None = None, found: Mapping[str, Any] | None = None) -> dict:
    """The whole replay document, ready for JSON. variant: "control:NAME" or "mutant:NAME", which the instance is of.

    found: who found it and what was seen. InputError for an instance that cannot be written exactly.
    """
    from linres import __version__

    if variant is not None and not _VARIANT.fullmatch(variant):
        raise refuse("document(variant=...)", "None, 'control:NAME' or 'mutant:NAME'", repr(variant))
    return {
        "linres": __version__, "kind": KIND, "theorem": theorem.name, "variant": variant, "instance": encode(instance),
        "found": dict(found or {}),
    }


def save(
    path: Any, theorem: Any, instance: Any, variant: str | None = None, found: Mapping[str, Any] | None = None
) -> None:
    """Write the instance to a replay file, whole or not at all. InputError if it or the path cannot be written."""
    write(path, document(theorem, instance, variant, found))


def write(path: Any, saved: Mapping[str, Any]) -> None:
    """Write a replay document to a file, whole or not at all. InputError if the path cannot be written."""
    path = os.fspath(path)
    text = json.dumps(saved, indent=1, allow_nan=False)
    with whole(path, "x", repr(path), encoding="utf-8") as file:
        file.write(f"{text}\n")


# Reading


def read(path: Any) -> Saved:
    """The replay file, its instance not yet rebuilt (see `decode`). InputError, in a line, for anything else."""
    path = os.fspath(path)
    label = path if path.isprintable() else repr(path)
    try:
        with open(path, "rb") as file:
            content = file.read(BYTES + 1)
    except (OSError, ValueError) as error:
        advice = f" Name the files in it: {label.rstrip('/')}/*.json." if isinstance(error, IsADirectoryError) else ""
        raise InputError(f"{label} cannot be read: {getattr(error, 'strerror', None) or error}.{advice}") from None
    if len(content) > BYTES:
        raise InputError(f"{label} is longer than {BYTES} bytes: no instance that linres saved.")
    return parse(content, label)


def parse(content: bytes | str, label: str = "the document") -> Saved:
    """As `read`, of what a file holds; label is what messages call it."""
    try:
        loaded = json.loads(content, parse_constant=_no_constant, object_pairs_hook=_pairs)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deep" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise InputError(f"{label} is no JSON that linres saved: {why[:200]}.") from None
    return saved(loaded, label)


def saved(loaded: Any, label: str = "the document") -> Saved:
    """The document, its outer part checked. InputError if it is none of ours."""
    keys = ("linres", "kind", "theorem", "variant", "instance", "found")
    _require_keys(loaded, keys, label, "the document")
    if loaded["kind"] != KIND:
        raise _wrong(label, "kind", repr(KIND), loaded["kind"])
    for name in ("linres", "theorem"):
        if type(loaded[name]) is not str or not loaded[name]:
            raise _wrong(label, name, "text", loaded[name])
    variant = loaded["variant"]
    if variant is not None and not (type(variant) is str and _VARIANT.fullmatch(variant)):
        raise _wrong(label, "variant", "null, 'control:NAME' or 'mutant:NAME'", variant)
    if type(loaded["found"]) is not dict:
        raise _wrong(label, "found", "an object", loaded["found"])
    return Saved(loaded["theorem"], variant, loaded["instance"], loaded["found"], label)


def _no_constant(name: str):
    raise ValueError(f"{name} is no number here")


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice in one object")
    return found


def split(variant: str) -> tuple[str, str]:
    """("control" or "mutant", its name) of a variant as a file names it."""
    kind, _, name = variant.partition(":")
    return kind, name


def decode(theorem: Any, data: Any, *, label: str = "decode(data)", known: Mapping[str, type] | None = None) -> Any:
    """The instance that `encode` wrote, of the classes that the theorem's instances are made of.

    known: those classes by name (see `classes`), learnt from the theorem if not given. InputError that begins with the
    label and names the place for anything that is not such an instance.
    """
    known = classes(theorem) if known is None else known
    return _Decoder(known, label).value(data, "instance", 0)


def classes(theorem: Any) -> dict[str, type]:
    """The dataclasses and named tuples that the theorem's instances are made of, by name.

    Learnt from its extremal instances, the witnesses of its controls and draws. InputError if two have one name.
    """
    from linres.instances import RecordedRun
    from linres.mutants import Reading, Witness
    from linres.near_target import RecordedStackingRun

    found: dict[str, type] = {
        kind.__name__: kind for kind in (RecordedRun, RecordedStackingRun, Reading, Witness)
    }
    for kind in (kind for instance in _examples(theorem) for kind in _kinds(instance)):
        if found.setdefault(kind.__name__, kind) is not kind:
            raise InputError(f"instances of {theorem.name} are made of two classes named {kind.__name__}. Rename one.")
    return found


def _examples(theorem: Any) -> Iterator[Any]:
    from linres.rungs import draw

    yield from theorem.extremal
    yield from (control.witness for control in theorem.controls)
    for instances in (theorem.instances, *(control.instances for control in theorem.controls)):
        if instances is not None:
            yield from draw.instances(instances(), DRAWS, seed=0)


def _kinds(value: Any) -> Iterator[type]:
    fields = field_names(type(value))
    if fields is not None:
        yield type(value)
        parts: Iterable[Any] = [getattr(value, name) for name in fields]
    else:
        parts = value if type(value) in {tuple, list} else [*value, *value.values()] if type(value) is dict else ()
    for part in parts:
        yield from _kinds(part)


def _shown(value: Any) -> str:
    text = json.dumps(value) if isinstance(value, str | int | float | None) else kind_of(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _wrong(label: str, place: str, wanted: str, got: Any) -> InputError:
    return InputError(f"{label}: {place} should be {wanted}, got {_shown(got)}.")


def _require_keys(data: Any, keys: tuple[str, ...], label: str, place: str) -> None:
    if type(data) is not dict:
        raise _wrong(label, place, "an object", data)
    for problem, names in (("misses", [key for key in keys if key not in data]), ("has no", [*data.keys() - {*keys}])):
        if names:
            raise InputError(f"{label}: {place} {problem} {_shown(names[0])}; wanted: {', '.join(keys)}.")


class _Decoder:
    """Builds the value at a place of a document; label names the document."""

    def __init__(self, known: Mapping[str, type], label: str):
        self.known, self.label = known, label
        self.forms = {
            ("fraction",): self._fraction, ("float",): self._float, ("array", "of"): self._array,
            ("list",): self._list, ("dict",): self._dict, ("class", "fields"): self._object,
        }

    def wrong(self, place: str, wanted: str, got: Any) -> InputError:
        return _wrong(self.label, place, wanted, got)

    def value(self, data: Any, place: str, depth: int) -> Any:
        if depth > DEPTH:
            raise InputError(f"{self.label}: {place[:60]}... is nested more than {DEPTH} deep.")
        if data is None or type(data) in {bool, str}:
            return data
        if type(data) is int:
            if abs(data) >= 10**DIGITS:
                raise InputError(f"{self.label}: {place} should have at most {DIGITS} digits.")
            return data
        if type(data) is list:
            return tuple(self.entries(data, place, depth))
        form = self.forms.get(tuple(data)) if type(data) is dict else None
        if form is None:
            raise self.wrong(place, "an integer, text, an array or a tagged object", data)
        return form(data, place, depth)

    def entries(self, data: Any, place: str, depth: int) -> list[Any]:
        if type(data) is not list:
            raise self.wrong(place, "an array", data)
        return [self.value(entry, f"{place}[{k}]", depth + 1) for k, entry in enumerate(data)]

    def _fraction(self, data, place, depth):
        text = data["fraction"]
        if type(text) is not str or len(text) > 2 * DIGITS + 2 or not _RATIONAL.fullmatch(text):
            raise self.wrong(place, f"a fraction 'p/q' of at most {DIGITS} digits each", text)
        numerator, _, denominator = text.partition("/")
        if max(len(numerator.lstrip("-")), len(denominator)) > DIGITS:
            raise self.wrong(place, f"a fraction 'p/q' of at most {DIGITS} digits each", text)
        if denominator and not int(denominator):
            raise self.wrong(place, "a fraction with a denominator that is not 0", text)
        return Fraction(int(numerator), int(denominator or 1))

    def _float(self, data, place, depth):
        return self.hexadecimal(data["float"], place)

    def hexadecimal(self, text: Any, place: str) -> float:
        if type(text) is not str or not _HEX.fullmatch(text):
            raise self.wrong(place, "a finite float as float.hex writes it", text)
        try:
            return float.fromhex(text)
        except OverflowError:
            raise self.wrong(place, "a finite float as float.hex writes it", text) from None

    def _array(self, data, place, depth):
        shape, entries = data["array"], data["of"]
        if type(shape) is not list or not all(type(n) is int and 0 <= n < 2**31 for n in shape) or len(shape) > 8:
            raise self.wrong(place, "an array with a shape", shape)
        if type(entries) is not list or prod(shape) != len(entries):
            raise self.wrong(place, f"{prod(shape)} floats, which the shape asks for", entries)
        numbers = [self.hexadecimal(entry, f"{place}.of[{k}]") for k, entry in enumerate(entries)]
        return np.array(numbers, dtype=np.float64).reshape(shape)

    def _list(self, data, place, depth):
        return self.entries(data["list"], place, depth)

    def _dict(self, data, place, depth):
        pairs = self.entries(data["dict"], place, depth)
        if not all(type(pair) is tuple and len(pair) == 2 for pair in pairs):
            raise self.wrong(place, "pairs of a key and a value", data["dict"])
        try:
            return dict(pairs)
        except TypeError:
            raise self.wrong(place, "pairs with keys that can be hashed", data["dict"]) from None

    def _object(self, data, place, depth):
        name, given = data["class"], data["fields"]
        if type(name) is not str or name not in self.known:
            among = ", ".join(sorted(self.known))
            raise InputError(f"{self.label}: {place} should be of a class among {among}, got {_shown(name)}.")
        kind = self.known[name]
        fields = field_names(kind) or ()
        _require_keys(given, fields, self.label, f"{place}, a {name},")
        values = {each: self.value(given[each], f"{place}.{each}", depth + 1) for each in fields}
        for each, hint in _hints(kind).items():
            if each in values and not _fits(values[each], hint):
                raise self.wrong(f"{place}.{each}", f"of the type {_named(hint)}", given[each])
        try:
            return kind(**values)
        except (ValueError, TypeError, ArithmeticError) as error:  # what its __post_init__ refuses
            why = " ".join(str(error).split())[:200]
            raise InputError(f"{self.label}: {place} is refused by {name}: {why}") from None


def _hints(kind: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(kind)
    except (NameError, TypeError, AttributeError, SyntaxError):  # annotations that only a type checker can read
        return {}


def _named(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not typing.get_args(hint) else str(hint).replace("typing.", "")


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of an annotated type; an annotation beyond numbers and containers admits anything."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return any(_fits(value, argument) for argument in arguments)
    if origin is list or (origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis):
        return type(value) is origin and all(_fits(entry, arguments[0]) for entry in value)
    if origin is tuple:
        return type(value) is tuple and len(value) == len(arguments) and all(map(_fits, value, arguments))
    if hint in (Fraction, float):
        return type(value) in {int, hint}
    if hint in _PLAIN:
        return type(value) is hint
    return isinstance(value, hint) if isinstance(hint, type) and field_names(hint) is not None else True
