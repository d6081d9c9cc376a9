"""The integers of an instance and the lengths of its tuples: found, and turned to other values one at a time.

A dial is an integer by its place, or the length of a tuple or list whose entries are of one kind. What has as many
entries is taken to be of the same size: tuples of that length change together, and with them the integers of a record
that say so, as the two sides of a square table and the dimension have to. A longer tuple repeats its last entry; a
longer square table of numbers is zero beside its old diagonal, which goes on with its last entry. The outermost tuple
changes its length only by itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from linres.archive import field_names
from linres.rungs.leaves import parts, remade

SEQUENCES = {tuple, list}
MOST = 200  # dials of an instance: the outermost, of a table of integers say

_Placed = tuple[Any, tuple[int, ...], bool]  # a part of an instance, its place, and whether lengths in it are dials


@dataclass(frozen=True)
class Dial:
    """place: positions among `leaves.parts`, from the outside in; length: whether it is that of a tuple."""

    place: tuple[int, ...]
    length: bool

    def value(self, instance: Any) -> int | None:
        """What it stands at; None if the instance has nothing of the kind at this place."""
        for position in self.place:
            within = parts(instance)
            if position >= len(within):
                return None
            instance = within[position]
        if self.length:
            return len(instance) if _uniform(instance) else None
        return instance if type(instance) is int else None

    def turned(self, instance: Any, value: int) -> Any:
        """The instance with the dial at this value. IndexError if it has no such dial, or what its classes raise."""
        if not self.length:
            return _put(instance, self.place, value)
        if not self.place:
            return _of_length(instance, value)
        old = self.value(instance)
        if old is None:
            raise IndexError(f"no tuple at {self.place}")
        return remade(instance, [_resized(part, old, value, _is_record(instance)) for part in parts(instance)])


def dials(instance: Any) -> list[Dial]:
    """Those of an instance, the outermost first, MOST at most. Within a tuple of entries of one kind only the first has
    lengths."""
    return list(islice(_dials(instance), MOST))


def _dials(instance: Any) -> Iterator[Dial]:
    level: Iterable[_Placed] = [(instance, (), True)]
    while level:
        holders = []
        for value, place, lengths in level:
            if type(value) is int:
                yield Dial(place, False)
            elif lengths and _uniform(value):
                yield Dial(place, True)
            if parts(value):
                holders.append((value, place, lengths))
        level = holders and _beneath(holders)


def _beneath(holders: Iterable[_Placed]) -> Iterator[_Placed]:
    for value, place, lengths in holders:
        uniform = _uniform(value)
        for position, part in enumerate(parts(value)):
            yield part, (*place, position), lengths and not (uniform and position)


def _uniform(value: Any) -> bool:
    """Whether it is a tuple or list of entries of one kind, one at least."""
    return type(value) in SEQUENCES and len(value) > 0 and len(set(map(type, value))) == 1


def _is_record(value: Any) -> bool:
    """Whether an integer in it may be the size of something beside it, and is no entry of a list of numbers."""
    return not _uniform(value) and (type(value) in {*SEQUENCES, dict} or field_names(type(value)) is not None)


def _put(value: Any, place: Sequence[int], new: int) -> Any:
    if not place:
        return new
    within = list(parts(value))
    within[place[0]] = _put(within[place[0]], place[1:], new)
    return remade(value, within)


def _resized(value: Any, old: int, new: int, in_record: bool) -> Any:
    """The value with all that is of the old size of the new one."""
    if type(value) is int:
        return new if in_record and value == old else value
    if _square(value) and len(value) == old:
        return _square_of(value, new)
    changed = remade(value, [_resized(part, old, new, _is_record(value)) for part in parts(value)])
    return _of_length(changed, new) if _uniform(value) and len(value) == old else changed


def _of_length(value: Any, length: int) -> Any:
    """A tuple or list cut, or with its last entry repeated."""
    return type(value)([*value[:length], *[value[-1]] * (length - len(value))])


def _square(value: Any) -> bool:
    """Whether it is a table of numbers with as many columns as rows."""
    rows = value if _uniform(value) else ()
    return len(rows) > 0 and all(
        _uniform(row) and len(row) == len(rows) and not parts(row[0]) and not isinstance(row[0], str) for row in rows)


def _square_of(table: Any, size: int) -> Any:
    zero, last = type(table[0][0])(0), table[-1][-1]
    kept = min(size, len(table))
    rows: list[list[Any]] = [[*row[:kept], *[zero] * (size - kept)] for row in table[:kept]]
    rows += [[last if i == j else zero for j in range(size)] for i in range(kept, size)]
    return type(table)(map(type(table[0]), rows))
