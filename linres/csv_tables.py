"""Tables of numbers in comma-separated files, some rows at a time."""

import csv
import math
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import islice

import numpy as np

from linres.errors import InputError
from linres.tables import Table, printable, require_regular, unreadable


def _rows(path: str, file) -> Iterator[tuple[int, list[str]]]:
    """(line number from 1, cells) of every line that is not blank, without the header.

    Cells that are all empty are no blank line: leaving them out would pair what follows with the wrong rows. Before a
    row of a single column a blank line may be a missing number, and is refused.
    """
    reader = csv.reader(file)
    first, header, blank = True, 0, 0
    try:
        for cells in reader:
            if _is_blank(cells):
                blank = reader.line_num
            else:
                if first and any(map(str.strip, cells)) and not any(map(_meant_as_number, cells)):
                    header, blank = len(cells), 0
                else:
                    if header not in (0, len(cells)):  # no header then, but a row that cannot be read
                        got = f"{path}, line 1 should have {len(cells)} columns, as the rows below, got {header}"
                        raise InputError(f"{got}. Correct or drop the line.")
                    if blank and len(cells) == 1:
                        got = f'{path}, line {blank} should be a number, or "" for a missing one, got a blank line'
                        raise InputError(f"{got}. Correct or drop the line.")
                    header = blank = 0
                    yield reader.line_num, cells
                first = False
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}.") from None


def _is_blank(cells: list[str]) -> bool:
    """Whether there is nothing on the line; an empty cell in quotes is how a missing number is written alone."""
    return not cells or (len(cells) == 1 and cells[0].isspace())


def _number(cell: str) -> float | None:
    """A number as other programs write one, None for what only Python takes for one: 1_0, or digits beyond ASCII."""
    if "_" in cell or not cell.isascii():
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def _meant_as_number(cell: str) -> bool:
    """Whether a cell of the first row speaks against a header: it is a number in some spelling, read or not."""
    for read in (float, partial(int, base=0)):
        try:
            read(cell)
        except ValueError:
            continue
        return True
    return False


def _numbers(path: str, rows: Iterable[tuple[int, list[str]]], width: int, finite: bool) -> array:
    """All numbers in one flat array, nan for an empty cell; lines and columns are from 1.

    finite: refuse an empty cell, a nan and an infinity.
    """
    values = array("d")
    for line, cells in rows:
        if len(cells) != width:
            got = f"{path}, line {line} should have {width} columns, got {len(cells)}"
            raise InputError(f"{got}. Correct or drop the line.")
        for column, cell in enumerate(cells, start=1):
            number = _number(cell) if cell.strip() else math.nan
            if number is None or not (math.isfinite(number) or not finite):
                raise _no_number(f"{path}, line {line}, column {column}", cell, number)
            values.append(number)
    return values


def _no_number(place: str, cell: str, number: float | None) -> InputError:
    """The cell at place holds no finite number: text where number is None, nothing or a nan, or an infinity."""
    joined = number is None and (set(";\t") & set(cell) or _are_numbers(cell.split()))
    advice = "Separate columns by commas." if joined else "Correct or drop the line."
    if number is not None:
        advice = 'Correct it, or drop such rows (bad_rows="drop", --drop-bad-rows).'
    wanted = "a number" if number is None else "a finite number"
    got = _short(cell) if cell.strip() else "an empty cell"
    return InputError(f"{place} should be {wanted}, got {got}. {advice}")


def _are_numbers(words: list[str]) -> bool:
    """Whether there are several words, and each is a number: columns separated by spaces."""
    return len(words) > 1 and all(_number(word) is not None for word in words)


def _short(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")


class CsvTable(Table):
    """A comma-separated file, one sample a row; a first row without any number is a header.

    finite: refuse an empty cell, a nan or an infinity at once, by line and column.
    """

    rows = None

    def __init__(self, path: str, finite: bool):
        self.label, self.finite = printable(path), finite
        try:
            require_regular(path)
            self.file = open(path, newline="", encoding="utf-8-sig")  # noqa: SIM115
        except OSError as error:
            raise unreadable(self.label, error) from None
        self.lines = _rows(self.label, self.file)
        with ExitStack() as opened:
            opened.callback(self.close)
            self.first = self._first()
            opened.pop_all()
        self.columns = len(self.first)

    def _first(self) -> array:
        """The numbers of the first row, which tells how many columns there are."""
        lines = self._next(1)
        if not lines:
            raise InputError(f"{self.label} has no rows of numbers.")
        return _numbers(self.label, lines, len(lines[0][1]), self.finite)

    def _next(self, count: int) -> list[tuple[int, list[str]]]:
        try:
            return list(islice(self.lines, count))
        except OSError as error:
            raise unreadable(self.label, error) from None
        except UnicodeDecodeError:
            raise InputError(f"{self.label} is not a text file in UTF-8.") from None

    def take(self, count: int) -> np.ndarray:
        lines = self._next(count - len(self.first) // self.columns)
        numbers = self.first + _numbers(self.label, lines, self.columns, self.finite)
        self.first = array("d")
        return np.frombuffer(numbers, dtype=np.float64).reshape(-1, self.columns)

    def close(self) -> None:
        self.file.close()
