"""Reading arrays from files: everything that can be wrong with a file is one line that says where."""

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
from collections.abc import Iterator

import numpy as np

from linres import checks
from linres.errors import InputError

# What NumPy and zipfile raise on bytes that are no archive of plain arrays.
CORRUPT = (
    OSError, ValueError, TypeError, KeyError, EOFError, SyntaxError, RuntimeError, OverflowError,
    tokenize.TokenError, struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)
SMALL = 2**28  # bytes: an array of so many is read however well it was compressed
MOST_PACKED = 100  # how many times larger than in its file a larger array may be


def require_regular(path: str) -> None:
    """InputError for a pipe or a device, of which nothing might ever come, or no end. OSError if there is none."""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # of a directory the system says more
        raise InputError(f"{_printable(path)} is not a regular file. Save what it gives to one first.")


def read_npz(path: str) -> tuple[np.ndarray, np.ndarray]:
    """The arrays X (n, p) and Y (n, m) of a .npz file; object arrays are refused, never unpickled."""
    label = _printable(path)
    try:
        require_regular(path)
        with open(path, "rb") as file, warnings.catch_warnings(action="ignore"):  # NumPy warns of odd headers
            return _arrays(label, file)
    except OSError as error:
        raise _unreadable(label, error) from None


def _arrays(path: str, file) -> tuple[np.ndarray, np.ndarray]:
    try:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise InputError(f"{path} holds a single array. Save two: np.savez(path, X=x, Y=y).")
        return _member(path, archive, "X"), _member(path, archive, "Y")
    except InputError:
        raise
    except MemoryError:
        raise InputError(f"{path} is larger than memory.") from None
    except CORRUPT:
        raise InputError(f"{path} is not a readable .npz archive. Write it by np.savez(path, X=x, Y=y).") from None


def _member(path: str, archive, key: str) -> np.ndarray:
    if key not in archive.files:
        found = ", ".join(map(_printable, archive.files)) or "none"
        raise InputError(f"{path} has no array {key}; the arrays found are: {found}. Samples are rows of X and of Y.")
    _require_no_bomb(path, archive, key)
    try:
        values = archive[key]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise InputError(f"{key} in {path} holds Python objects. Save numbers: x.astype(float).") from None
    except MemoryError:
        raise InputError(f"{key} in {path} is larger than memory.") from None
    return checks.samples(f"{key} in {path}", values)


def _require_no_bomb(path: str, archive, key: str) -> None:
    """InputError for a few bytes that say they are very many. No more than they say is ever unpacked."""
    names = {*archive.zip.namelist()} & {key, f"{key}.npy"}
    for member in map(archive.zip.getinfo, names):
        if member.file_size > max(SMALL, MOST_PACKED * member.compress_size):
            size = f"{member.file_size / 1e6:.0f} MB, from {member.compress_size / 1e6:.3g} MB"
            raise InputError(f"{key} in {path} unpacks to {size}. If it should, save it as it is: np.savez.")


def _printable(name: str) -> str:
    """The name, quoted if it would break the line that a message is."""
    return name if name.isprintable() else repr(name)


def _unreadable(path: str, error: OSError) -> InputError:
    return InputError(f"{path} cannot be read: {error.strerror or error}.")


def read_csv(path: str) -> np.ndarray:
    """The numbers of a comma-separated file, (n, p), one sample a row; a first row without any number is a header."""
    label = _printable(path)
    try:
        require_regular(path)
        with open(path, newline="", encoding="utf-8-sig") as file:
            values, width = _numbers(label, _rows(label, file))
    except OSError as error:
        raise _unreadable(label, error) from None
    except UnicodeDecodeError:
        raise InputError(f"{label} is not a text file in UTF-8.") from None
    if width == 0:
        raise InputError(f"{label} has no rows of numbers.")
    return checks.samples(label, np.frombuffer(values, dtype=np.float64).reshape(-1, width))


def _rows(path: str, file) -> Iterator[tuple[int, list[str]]]:
    """(line number from 1, cells) of every row that is not blank, without the header."""
    reader = csv.reader(file)
    first = True
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if not (first and all(_number(cell) is None for cell in cells)):
                    yield reader.line_num, cells
                first = False
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}.") from None


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _numbers(path: str, rows: Iterator[tuple[int, list[str]]]) -> tuple[array, int]:
    """All numbers in one flat array, and how many there are in a row (0 without rows); lines and columns are from 1."""
    values, width = array("d"), 0
    for line, cells in rows:
        width = width or len(cells)
        if len(cells) != width:
            got = f"{path}, line {line} should have {width} columns, got {len(cells)}"
            raise InputError(f"{got}. Correct or drop the line.")
        for column, cell in enumerate(cells, start=1):
            number = _number(cell)
            if number is None or not math.isfinite(number):
                raise _no_number(f"{path}, line {line}, column {column}", cell, number)
            values.append(number)
    return values, width


def _no_number(place: str, cell: str, number: float | None) -> InputError:
    """The cell at place holds no finite number: text where number is None."""
    joined = number is None and set(";\t") & set(cell)
    advice = "Separate columns by commas." if joined else "Correct or drop the line."
    wanted = "a number" if number is None else "a finite number"
    return InputError(f"{place} should be {wanted}, got {_short(cell)}. {advice}")


def _short(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")
