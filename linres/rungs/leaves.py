"""The parts of an instance: its Fractions taken out in a row, and put back changed.

Whatever else there is (integers, flags, text, arrays) stays what it is, as do the lengths of tuples: integers and
lengths are for `linres.rungs.dials`.
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
    for part in parts(value):
        yield from _leaves(part)


def parts(value: Any) -> Sequence[Any]:
    """What a tuple, list, dict, named tuple or dataclass is made of; nothing for anything else."""
    fields = field_names(type(value))
    if fields is not None:
        return [getattr(value, name) for name in fields]
    if type(value) in {tuple, list}:
        return value
    return list(value.values()) if type(value) is dict else ()


def remade(value: Any, changed: Sequence[Any]) -> Any:
    """The value made of other `parts`, as many; raises what its class raises."""
    fields = field_names(type(value))
    if fields is not None:
        return type(value)(**dict(zip(fields, changed, strict=True)))
    if type(value) in {tuple, list}:
        return type(value)(changed)
    return dict(zip(value, changed, strict=True)) if type(value) is dict else value


def rebuilt(instance: Any, values: Sequence[Any]) -> Any:
    """The instance with these numbers, Fractions or finite floats, for its `leaves`; an equal number of them."""
    return _rebuilt(instance, iter(values))


def _rebuilt(value: Any, numbers: Iterator[Any]) -> Any:
    if type(value) is Fraction:
        return Fraction(next(numbers))
    return remade(value, [_rebuilt(part, numbers) for part in parts(value)])


def ties(numbers: Sequence[Fraction]) -> list[list[tuple[int, int]]]:
    """Groups of positions of nonzero numbers that are equal but for the sign, each with its sign; zeros are in none.

    A table that is symmetric, or a start at rest, stays so when such numbers move together.
    """
    groups: dict[Fraction, list[tuple[int, int]]] = {}
    for position, number in enumerate(numbers):
        if number:
            groups.setdefault(abs(number), []).append((position, 1 if number > 0 else -1))
    return list(groups.values())
