"""Tables of numbers, some rows at a time: arrays, and files and members of archives in the .npy format.

Everything that can be wrong with a file is one line that says where. Files are read by plain reads into a buffer, never
mapped into memory (mapped pages count as memory in use), and Python objects in them are refused, never unpickled.
"""

import lzma
import os
import stat
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from linres import checks
from linres.errors import InputError, refuse

# What NumPy and zipfile raise on bytes that are no archive of plain arrays.
CORRUPT = (
    OSError, ValueError, TypeError, KeyError, EOFError, SyntaxError, RuntimeError, OverflowError,
    tokenize.TokenError, struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)
TRANSPOSE = "Samples are rows: transpose if yours are columns."


def require_regular(path: str) -> None:
    """InputError for a pipe or a device, of which nothing might ever come, or no end. OSError if there is none."""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # of a directory the system says more
        raise InputError(f"{printable(path)} is not a regular file. Save what it gives to one first.")


def printable(name: str) -> str:
    """The name, quoted if it would break the line that a message is."""
    return name if name.isprintable() else repr(name)


def unreadable(path: str, error: OSError) -> InputError:
    return InputError(f"{path} cannot be read: {error.strerror or error}.")


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

    def _refusing(self) -> "Refusing":
        return Refusing(self.label, self.bad)

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


class Refusing:
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
            raise unreadable(self.label, error) from None
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
