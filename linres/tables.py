"""Samples from wherever they are, some rows at a time: arrays, .npy and .npz files, .csv files, iterables of chunks.

Everything that can be wrong with a file is one line that says where. Files are read by plain reads into a buffer, never
mapped into memory (mapped pages count as memory in use), and Python objects in them are refused, never unpickled.
"""

import csv
import lzma
import math
import os
import stat
import struct
import tokenize
import warnings
import zipfile
import zlib
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import islice
from typing import IO, Any

import numpy as np

from linres import checks
from linres.errors import InputError, refuse

# What NumPy and zipfile raise on bytes that are no archive of plain arrays.
CORRUPT = (
    OSError, ValueError, TypeError, KeyError, EOFError, SyntaxError, RuntimeError, OverflowError,
    tokenize.TokenError, struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)
SMALL = 2**28  # bytes: an array of so many is read however well it was compressed
MOST_PACKED = 100  # how many times larger than in its file a larger array may be
CHUNK = 2**21  # bytes of x or of y as float64 that are taken at a time
TRANSPOSE = "Samples are rows: transpose if yours are columns."


def require_regular(path: str) -> None:
    """InputError for a pipe or a device, of which nothing might ever come, or no end. OSError if there is none."""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # of a directory the system says more
        raise InputError(f"{_printable(path)} is not a regular file. Save what it gives to one first.")


def _printable(name: str) -> str:
    """The name, quoted if it would break the line that a message is."""
    return name if name.isprintable() else repr(name)


def _unreadable(path: str, error: OSError) -> InputError:
    return InputError(f"{path} cannot be read: {error.strerror or error}.")


def _rows(path: str, file) -> Iterator[tuple[int, list[str]]]:
    """(line number from 1, cells) of every row that is not blank, without the header."""
    reader = csv.reader(file)
    first, header = True, 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if first and not any(map(_meant_as_number, cells)):
                    header = len(cells)
                else:
                    if header not in (0, len(cells)):  # no header then, but a row that cannot be read
                        got = f"{path}, line 1 should have {len(cells)} columns, as the rows below, got {header}"
                        raise InputError(f"{got}. Correct or drop the line.")
                    header = 0
                    yield reader.line_num, cells
                first = False
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}.") from None


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
    """All numbers in one flat array; lines and columns are from 1. finite: refuse a nan and an infinity."""
    values = array("d")
    for line, cells in rows:
        if len(cells) != width:
            got = f"{path}, line {line} should have {width} columns, got {len(cells)}"
            raise InputError(f"{got}. Correct or drop the line.")
        for column, cell in enumerate(cells, start=1):
            number = _number(cell)
            if number is None or not (math.isfinite(number) or not finite):
                raise _no_number(f"{path}, line {line}, column {column}", cell, number)
            values.append(number)
    return values


def _no_number(place: str, cell: str, number: float | None) -> InputError:
    """The cell at place holds no finite number: text where number is None."""
    joined = number is None and set(";\t") & set(cell)
    advice = "Separate columns by commas." if joined else "Correct or drop the line."
    wanted = "a number" if number is None else "a finite number"
    return InputError(f"{place} should be {wanted}, got {_short(cell)}. {advice}")


def _short(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")


class Table:
    """Samples in rows, to be taken from the first to the last.

    label: what errors call it; columns; rows: how many, None where only the end will tell.
    """

    label: str
    columns: int
    rows: int | None

    def take(self, count: int) -> np.ndarray:
        """The next count rows, (count, columns), fewer at the end alone; to be used before more are taken."""
        raise NotImplementedError

    def place(self, row: int) -> str:
        """How an error names a row, from 0."""
        return f"row {row} of {self.label}"

    def close(self) -> None:
        """Let go of what is open."""


class ArrayTable(Table):
    """An array, or what NumPy makes one of."""

    def __init__(self, name: str, values: Any):
        self.label = name
        self.values = checks.table(f"Problem.from_data({name}=...)", values, least=1)
        self.rows, self.columns = self.values.shape
        self.taken = 0

    def take(self, count: int) -> np.ndarray:
        rows = self.values[self.taken : self.taken + count]
        self.taken += len(rows)
        return rows


class NpyTable(Table):
    """An array in the .npy format, in a file or in an archive.

    opened: opens it at its beginning; size: its bytes; bad: the error for bytes that are no such array.
    """

    def __init__(self, label: str, opened: Callable[[], IO[bytes]], size: int, bad: InputError):
        self.label, self.opened, self.bad = label, opened, bad
        self.file: IO[bytes] | None = None
        self.taken = 0
        with opened() as file, self._refusing(), warnings.catch_warnings(action="ignore"):  # NumPy warns of odd headers
            shape, self.fortran, self.dtype = _header(file)
            self.offset = file.tell()
        if self.dtype.hasobject:
            raise InputError(f"{label} holds Python objects. Save numbers: x.astype(float).")
        checks.require_table(label, shape, self.dtype)
        self.rows, self.columns = self.shape = shape
        self.fortran &= min(shape) > 1
        there = (size - self.offset) // (shape[1] * self.dtype.itemsize)
        if there < shape[0]:
            raise InputError(f"{label} is cut short: {shape[0]} rows by its header, bytes for {there}. Write it again.")
        self.raw = np.empty((0, 0), self.dtype)

    def _refusing(self) -> "_Refusing":
        return _Refusing(self.label, self.bad)

    def take(self, count: int) -> np.ndarray:
        count = min(count, self.shape[0] - self.taken)
        with self._refusing():
            rows = self._read(count)
            self.taken += count
            if self.taken == self.rows:
                self._finish()
        return rows

    def _read(self, count: int) -> np.ndarray:
        if count and self.file is None:
            self.file = self.opened()
            _fill(self.file, bytearray(self.offset))
        return self._columns(count) if self.fortran else self._lines(count)

    def _lines(self, count: int) -> np.ndarray:
        if len(self.raw) < count:
            self.raw = np.empty((count, self.columns), self.dtype)
        if self.file is not None:
            _fill(self.file, _bytes(self.raw[:count]))
        return self.raw[:count]

    def _columns(self, count: int) -> np.ndarray:
        """Rows of what was written column by column: a piece of each."""
        if self.raw.shape[1] < count:
            self.raw = np.empty((self.columns, count), self.dtype)
        if self.file is not None:
            for column, piece in enumerate(self.raw[:, :count]):
                self.file.seek(self.offset + (column * self.shape[0] + self.taken) * self.dtype.itemsize)
                _fill(self.file, _bytes(piece))
        return self.raw[:, :count].T

    def _finish(self) -> None:
        self.close()

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None


class MemberTable(NpyTable):
    """An array in an archive, where nothing can be skipped: what was written column by column is read as a whole."""

    def _columns(self, count: int) -> np.ndarray:
        if self.file is not None and not self.raw.size:
            self.raw = np.empty(self.shape[::-1], self.dtype)
            _fill(self.file, _bytes(self.raw))
        return self.raw[:, self.taken : self.taken + count].T

    def _finish(self) -> None:
        """Read to the end, where the archive checks its sum."""
        while self.file is not None and self.file.read(2**20):
            pass
        self.close()


class _Refusing:
    """Turns what NumPy, zipfile and the system raise inside `with` into one line."""

    def __init__(self, label: str, bad: InputError):
        self.label, self.bad = label, bad

    def __enter__(self):
        return self

    def __exit__(self, _, error, __):
        if error is None or isinstance(error, InputError):
            return
        if isinstance(error, MemoryError):
            raise InputError(f"{self.label} is larger than memory.") from None
        if isinstance(error, OSError) and error.errno is not None:
            raise _unreadable(self.label, error) from None
        if isinstance(error, CORRUPT):
            raise self.bad from None


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in Fortran's order, and dtype."""
    version = np.lib.format.read_magic(file)
    if version not in {(1, 0), (2, 0), (3, 0)}:
        raise ValueError(version)
    # Version 3 is version 2 with names of fields in UTF-8, and arrays of numbers have no fields.
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if any(length < 0 for length in shape):
        raise ValueError(shape)
    return shape, fortran, dtype


def _bytes(values: np.ndarray) -> memoryview:
    return memoryview(values.reshape(-1).view(np.uint8))  # type: ignore[arg-type]


def _fill(file: IO[bytes], buffer) -> None:
    """Read as many bytes as the buffer holds. EOFError if there are fewer."""
    view = memoryview(buffer)
    while view:
        read = file.readinto(view)  # type: ignore[attr-defined]
        if not read:
            raise EOFError
        view = view[read:]


class CsvTable(Table):
    """A comma-separated file, one sample a row; a first row without any number is a header.

    finite: refuse a nan or an infinity at once, by line and column.
    """

    rows = None

    def __init__(self, path: str, finite: bool):
        self.label, self.finite = _printable(path), finite
        try:
            require_regular(path)
            self.file = open(path, newline="", encoding="utf-8-sig")  # noqa: SIM115
        except OSError as error:
            raise _unreadable(self.label, error) from None
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
            raise _unreadable(self.label, error) from None
        except UnicodeDecodeError:
            raise InputError(f"{self.label} is not a text file in UTF-8.") from None

    def take(self, count: int) -> np.ndarray:
        lines = self._next(count - len(self.first) // self.columns)
        numbers = self.first + _numbers(self.label, lines, self.columns, self.finite)
        self.first = array("d")
        return np.frombuffer(numbers, dtype=np.float64).reshape(-1, self.columns)

    def close(self) -> None:
        self.file.close()


class Shards(Table):
    """Several tables one after the other."""

    def __init__(self, tables: list[Table]):
        self.tables = tables
        first = tables[0]
        self.label, self.columns = first.label, first.columns
        for table in tables[1:]:
            if table.columns != first.columns:
                wanted = f"{first.columns} columns wide, as {first.label} is"
                raise refuse(table.label, wanted, f"{table.columns} columns")
        known = [table.rows for table in tables if table.rows is not None]
        self.rows = sum(known) if len(known) == len(tables) else None
        self.current, self.taken = 0, [0] * len(tables)

    def take(self, count: int) -> np.ndarray:
        pieces = [self._piece(count)]
        while (missing := count - sum(map(len, pieces))) and self.current + 1 < len(self.tables):
            self.current += 1
            pieces.append(self._piece(missing))
        pieces = [piece for piece in pieces if len(piece)] or pieces[-1:]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _piece(self, count: int) -> np.ndarray:
        piece = self.tables[self.current].take(count)
        self.taken[self.current] += len(piece)
        return piece

    def place(self, row: int) -> str:
        for table, taken in zip(self.tables, self.taken, strict=True):
            if row < taken:
                return table.place(row)
            row -= taken
        return super().place(row)

    def close(self) -> None:
        for table in self.tables:
            table.close()


class Samples:
    """Rows of x and of y side by side.

    widths: p and m, and rows: how many, None where only the data will tell.
    """

    widths: tuple[int, int] | None = None
    rows: int | None = None

    def chunks(self) -> Generator[tuple[np.ndarray, np.ndarray], None, None]:
        """Rows of x and as many of y, in turn."""
        raise NotImplementedError

    def place(self, side: str, row: int) -> str:
        """How an error names a row of "x" or of "y"."""
        return f"row {row} of {side}"

    def close(self) -> None:
        """Let go of what is open."""


class Pair(Samples):
    """A table for x and one for y."""

    def __init__(self, x: Table, y: Table):
        self.tables = {"x": x, "y": y}
        self.widths = (x.columns, y.columns)
        if x.rows is not None and y.rows is not None and x.rows != y.rows:
            raise self._unlike(x.rows, y.rows)
        self.rows = y.rows if x.rows is None else x.rows

    def _unlike(self, x_rows: int, y_rows: int) -> InputError:
        return refuse(
            "Problem.from_data(x, y)", "one row per sample in both", f"{x_rows} rows of x, {y_rows} of y",
            TRANSPOSE if self.tables["x"].columns == self.tables["y"].columns else "",
        )

    def chunks(self) -> Generator[tuple[np.ndarray, np.ndarray], None, None]:
        x, y = self.tables["x"], self.tables["y"]
        count = max(1, CHUNK // (8 * max(x.columns, y.columns)))
        done = 0
        while True:
            some, others = x.take(count), y.take(count)
            if len(some) != len(others):
                raise self._unlike(done + len(some) + _rest(x, count), done + len(others) + _rest(y, count))
            if not len(some):
                return
            done += len(some)
            yield some, others

    def place(self, side: str, row: int) -> str:
        return self.tables[side].place(row)

    def close(self) -> None:
        for table in self.tables.values():
            table.close()


def _rest(table: Table, count: int) -> int:
    """How many rows are left, count of which are taken at a time."""
    rest = 0
    while rows := len(table.take(count)):
        rest += rows
    return rest


class Chunks(Samples):
    """An iterable of pairs (x_chunk, y_chunk)."""

    def __init__(self, pairs: Iterable):
        self.pairs = pairs

    def chunks(self) -> Generator[tuple[np.ndarray, np.ndarray], None, None]:
        for number, pair in enumerate(self.pairs):
            call = f"chunk {number} of Problem.from_data(x)"
            if not (isinstance(pair, tuple | list) and len(pair) == 2):
                raise refuse(call, "a pair (x_chunk, y_chunk)", f"a {type(pair).__name__}")
            x, y = (checks.table(f"{name} in {call}", values) for name, values in zip("xy", pair, strict=True))
            self._require_fitting(call, x, y)
            if len(x):
                yield x, y

    def _require_fitting(self, call: str, x: np.ndarray, y: np.ndarray) -> None:
        if len(x) != len(y):
            raise refuse(call, "one row per sample in both", f"{len(x)} rows of x, {len(y)} of y")
        widths = (x.shape[1], y.shape[1])
        self.widths = self.widths or widths
        if widths != self.widths:
            p, m = self.widths
            raise refuse(
                call, f"as wide as chunk 0: {p} columns of x, {m} of y", f"{widths[0]} of x, {widths[1]} of y"
            )


def samples(x: Any, y: Any = None, *, finite: bool = False) -> Samples:
    """What `Problem.from_data` takes, ready to be read; finite: of a .csv file, refuse what is not finite at once."""
    if y is None:
        return _alone(x)
    if hasattr(x, "__next__") or hasattr(y, "__next__"):
        raise refuse("Problem.from_data(x, y)", "arrays or files", "an iterator",
                     "Pass one iterator alone, of pairs (x_chunk, y_chunk).")
    with ExitStack() as opened:
        tables = []
        for name, source in (("x", x), ("y", y)):
            tables.append(_table(name, source, finite))
            opened.callback(tables[-1].close)
        pair = Pair(*tables)
        opened.pop_all()
    return pair


def _alone(x: Any) -> Samples:
    if _is_path(x):
        path = os.fspath(x)
        if _suffix(path) == ".npz":
            return _archive(path)
        raise refuse("Problem.from_data(x)", "one .npz file where there is no y", repr(path))
    if isinstance(x, tuple | list) and len(x) == 2 and all(hasattr(each, "__array__") for each in x):
        raise refuse("Problem.from_data(x, y)", "given x and y as two arguments", f"a {type(x).__name__} of both",
                     "Write Problem.from_data(*pair).")
    if hasattr(x, "__array__") or not hasattr(x, "__iter__") or _are_paths(x):
        got = "paths" if _are_paths(x) else f"a {type(x).__name__}"
        raise refuse(
            "Problem.from_data(x)", "one .npz file or an iterable of (x_chunk, y_chunk) where there is no y", got
        )
    return Chunks(x)


def _is_path(source: Any) -> bool:
    return isinstance(source, str | os.PathLike)


def _are_paths(source: Any) -> bool:
    return isinstance(source, list | tuple) and len(source) > 0 and all(map(_is_path, source))


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _table(name: str, source: Any, finite: bool) -> Table:
    """A path, several of them, or an array."""
    if _is_path(source):
        return _file(name, os.fspath(source), finite)
    if not _are_paths(source):
        return ArrayTable(name, source)
    with ExitStack() as opened:
        tables = []
        for path in source:
            tables.append(_file(name, os.fspath(path), finite))
            opened.callback(tables[-1].close)
        shards = Shards(tables)
        opened.pop_all()
    return shards


def _file(name: str, path: str, finite: bool) -> Table:
    if _suffix(path) == ".csv":
        return CsvTable(path, finite)
    if _suffix(path) == ".npy":
        return _npy(path)
    remedy = "It holds X and Y: leave y out." if _suffix(path) == ".npz" else ""
    raise refuse(f"Problem.from_data({name}=...)", "numbers, or a .npy or .csv file", repr(path), remedy)


def _npy(path: str) -> NpyTable:
    label = _printable(path)
    bad = InputError(f"{label} is not a readable .npy file. Write it by np.save(path, x).")
    try:
        require_regular(path)
        return NpyTable(label, lambda: open(path, "rb", buffering=0), os.path.getsize(path), bad)
    except OSError as error:
        raise _unreadable(label, error) from None


def _archive(path: str) -> "Archive":
    label = _printable(path)
    try:
        require_regular(path)
        with open(path, "rb") as file:
            start = file.read(len(np.lib.format.MAGIC_PREFIX))
    except OSError as error:
        raise _unreadable(label, error) from None
    if start == np.lib.format.MAGIC_PREFIX:
        raise InputError(f"{label} holds a single array. Save two: np.savez(path, X=x, Y=y).")
    bad = InputError(f"{label} is not a readable .npz archive. Write it by np.savez(path, X=x, Y=y).")
    with ExitStack() as opened, _Refusing(label, bad):
        archive = opened.enter_context(zipfile.ZipFile(path))
        pair = Archive(archive, *(_member(label, archive, key, bad) for key in ("X", "Y")))
        opened.pop_all()
    return pair


class Archive(Pair):
    """The arrays X and Y of a .npz file."""

    def __init__(self, archive: zipfile.ZipFile, x: Table, y: Table):
        super().__init__(x, y)
        self.archive = archive

    def close(self) -> None:
        super().close()
        self.archive.close()


def _member(path: str, archive: zipfile.ZipFile, key: str, bad: InputError) -> NpyTable:
    names = archive.namelist()
    found = [name for name in (key, f"{key}.npy") if name in names]
    if not found:
        others = ", ".join(_printable(name.removesuffix(".npy")) for name in names) or "none"
        raise InputError(f"{path} has no array {key}; the arrays found are: {others}. Samples are rows of X and of Y.")
    member = archive.getinfo(found[0])
    label = f"{key} in {path}"
    _require_no_bomb(label, member)
    return MemberTable(label, lambda: archive.open(member), member.file_size, bad)


def _require_no_bomb(label: str, member: zipfile.ZipInfo) -> None:
    """InputError for a few bytes that say they are very many. No more than they say is ever unpacked."""
    if member.file_size > max(SMALL, MOST_PACKED * member.compress_size):
        size = f"{member.file_size / 1e6:.0f} MB, from {member.compress_size / 1e6:.3g} MB"
        raise InputError(f"{label} unpacks to {size}. If it should, save it as it is: np.savez.")
