"""The numbers of an instance: its Fractions taken out in a row, and put back changed.

Integers, flags, text and arrays are structure, as are the lengths of tuples: they stay what they are.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from linres.archive import field_names


def leaves(instance: Any) -> list[Fraction]:
    """The Fractions within tuples, lists, values of dicts, named tuples and dataclasses, in the order of the fields."""
    return list(_leaves(instance))


def _leaves(value: Any) -> Iterator[Fraction]:
    if type(value) is Fraction:
        yield value
    for part in _parts(value):
        yield from _leaves(part)


def _parts(value: Any) -> Sequence[Any]:
    fields = field_names(type(value))
    if fields is not None:
        return [getattr(value, name) for name in fields]
    if type(value) in {tuple, list}:
        return value
    return list(value.values()) if type(value) is dict else ()


def rebuilt(instance: Any, values: Sequence[Any]) -> Any:
    """The instance with these numbers, Fractions or finite floats, for its `leaves`; an equal number of them."""
    return _rebuilt(instance, iter(values))


def _rebuilt(value: Any, numbers: Iterator[Any]) -> Any:
    if type(value) is Fraction:
        return Fraction(next(numbers))
    fields = field_names(type(value))
    if fields is not None:
        return type(value)(**{name: _rebuilt(getattr(value, name), numbers) for name in fields})
    if type(value) in {tuple, list}:
        return type(value)([_rebuilt(part, numbers) for part in value])
    if type(value) is dict:
        return {key: _rebuilt(part, numbers) for key, part in value.items()}
    return value


def ties(numbers: Sequence[Fraction]) -> list[list[tuple[int, int]]]:
    """Groups of positions of nonzero numbers that are equal but for the sign, each with its sign; zeros are in none.

    A table that is symmetric, or a start at rest, stays so when such numbers move together.
    """
    groups: dict[Fraction, list[tuple[int, int]]] = {}
    for position, number in enumerate(numbers):
        if number:
            groups.setdefault(abs(number), []).append((position, 1 if number > 0 else -1))
    return list(groups.values())
