"""Samples from wherever they are: pairs of tables, archives, iterables of chunks; what `Problem.from_data` takes."""

import os
import zipfile
from collections.abc import Generator, Iterable
from contextlib import ExitStack
from typing import Any

import numpy as np

from linres import checks
from linres.csv_tables import CsvTable
from linres.errors import InputError, kind_of, refuse
from linres.tables import (
    TRANSPOSE,
    ArrayTable,
    MemberTable,
    NpyTable,
    Refusing,
    Shards,
    Table,
    printable,
    require_regular,
    unreadable,
)

SMALL = 2**28  # bytes: an array of so many is read however well it was compressed
MOST_PACKED = 100  # how many times larger than in its file a larger array may be
CHUNK = 2**21  # bytes of x or of y as float64 that are taken at a time


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
                raise refuse(call, "a pair (x_chunk, y_chunk)", kind_of(pair))
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
        raise refuse("Problem.from_data(x, y)", "given x and y as two arguments", f"{kind_of(x)} of both",
                     "Write Problem.from_data(*pair).")
    if hasattr(x, "__array__") or not hasattr(x, "__iter__") or _are_paths(x):
        got = "paths" if _are_paths(x) else kind_of(x)
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
    label = printable(path)
    bad = InputError(f"{label} is not a readable .npy file. Write it by np.save(path, x).")
    try:
        require_regular(path)
        return NpyTable(label, lambda: open(path, "rb", buffering=0), os.path.getsize(path), bad)
    except OSError as error:
        raise unreadable(label, error) from None


def _archive(path: str) -> "Archive":
    label = printable(path)
    try:
        require_regular(path)
        with open(path, "rb") as file:
            start = file.read(len(np.lib.format.MAGIC_PREFIX))
    except OSError as error:
        raise unreadable(label, error) from None
    if start == np.lib.format.MAGIC_PREFIX:
        raise InputError(f"{label} holds a single array. Save two: np.savez(path, X=x, Y=y).")
    bad = InputError(f"{label} is not a readable .npz archive. Write it by np.savez(path, X=x, Y=y).")
    with ExitStack() as opened, Refusing(label, bad):
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
        others = ", ".join(printable(name.removesuffix(".npy")) for name in names) or "none"
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
