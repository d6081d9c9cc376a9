"""Means and second moments of data that come in chunks: one pass, a block of rows at a time, whatever the chunks.

Rows are gathered into blocks of BLOCK. Each block is centred twice while it is in the cache (of data far from zero the
first subtraction leaves as much as the rounding of that distance), and multiplied by its own transpose. Blocks are
merged by the update of Chan, Golub and LeVeque (Algorithms for computing the sample variance, The American Statistician
37, 1983), as are the moments of two parts of the data:

    S_ab = S_a + S_b + n_a n_b/(n_a + n_b) d d^T,    d = mean_b - mean_a.

Means are kept as the mean of the first block, rounded, and what is left: differences of means are small numbers then.
Sums are kept in two float64 numbers each, by Knuth's error-free sum, so that their rounding does not grow with the
number of blocks at all (a tree of blocks would let it grow like its logarithm, and hold as many matrices).

Blocks may be worked on by several threads at once, each with a BLAS of one thread: faster than a BLAS of many, whose
threads wait for each other several times in a block. What holds of the bits: blocks depend on nothing but the numbers
of the rows, and are merged in their order. One BLAS on one kind of processor gives the same bits however the rows come,
as arrays, files or chunks of any size, at any speed and with any number of threads (of a BLAS that threadpoolctl does
not know: with the same number of its threads). Another BLAS rounds otherwise, within the bounds below.

How far off the moments are
---------------------------
Let u = 2^-53, B the rows of a block (BLOCK, or all there are), n those of all, |.| the spectral and |.|_F the Frobenius
norm, for x and y apart. z = x - c_b are the rows of a block less its rounded mean c_b, rest the mean of z, and
z' = z - rest, whose products are summed. Two sizes in the mean square are known: X_1 = sqrt(tr S/n), and X_0 with

    n X_0^2 = (sum of |z'|^2) + (sum over blocks of B |rest|^2) + (sum over merges of n_b |c_b - c_a|^2).

Centring is a projection, so that rows that move by D, with |D|_F = D_0 sqrt(n), change S/n by 2 X_1 D_0 + D_0^2 at
most. To first order in u:

1. Subtracting rounds each entry by u of what is left: rows move by u X_0, and by u X_1 the second time.
2. A product of B rows is off by B u |Z'|^T |Z'| at most, entry by entry and whatever the order of its sums: B u X_1^2.
3. rest is off by B u times the mean of |z|, and moving it by c_b - c_a costs 3 u for each merge at which it is moved
   (depth, 1 in a single pass): (B + 3 (1 + depth)) u X_0. Within the block that is of second order, for all rows have
   the same rest subtracted; between blocks it moves rows.
4. A merge rounds d by u (|d| + |c_b - c_a|) and by 3 u of the two rests of means that it is made of, and the product by
   4 u. n_a |rest_a|^2 is at most (1 + depth) of a's n X_0^2, and n_b/(n_a + n_b) <= log((n_a + n_b)/n_a), which adds up
   to at most log(n) on the way of a row through the merges: Cauchy-Schwarz makes of all merges together at most
   (12 sqrt((1 + depth) log n) + 8) u X_0 X_1, less than 90 (1 + depth) u X_0 X_1 for n < 2^64.
5. Sums in two numbers are off by the number of merges times u^2. Rounding them to one, and dividing by n: 3 u X_1^2,
   and X_1 is at most sqrt(2) X_0, and at most X_0 where there is one block.

Together, with what is left over for second order: (B + 8) u X_0 X_1 of one block, and (3 B + 128 (1 + depth)) u X_0 X_1
of more; and the square of that factor times X_0^2, which counts where rows are no larger than their rounding. For
E[y x^T] the mean of X_0 Y_1 and Y_0 X_1 takes the place of X_0 X_1. Where numbers underflow an entry is off by less
than 2^-1073 besides, and a matrix by that times its width.
"""

import copy
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from linres import checks
from linres.errors import refuse
from linres.one_thread import one_thread

BLOCK = 4096  # rows: of 64 columns they and their product stay in the cache of a core
FIRST = 5  # how many bad rows are remembered
SLAB = 2**15  # entries that are added at a time
UNIT = 2.0**-53
LEAST = float(np.finfo(np.float64).smallest_subnormal)
MOST_WORKERS = 8
WORKSPACE = 2**28  # bytes of products that may wait to be merged


class BadRow(NamedTuple):
    """A row that was left out: its number from 0, and its first entry that is no number, of "x" or of "y"."""

    row: int
    side: str
    column: int
    value: float


@dataclass(eq=False)
class _Sums:
    """What is known of some rows z = (x, y) of w columns together.

    origin: near their mean. total: the sum of z - origin; spread: the sum of (z - mean)(z - mean)^T; both as two
    numbers to be added. sizes: n X_0^2 and n Y_0^2. seen counts the rows with those left out, count those without.
    """

    seen: int
    count: int
    origin: np.ndarray
    total: tuple[np.ndarray, np.ndarray]
    spread: tuple[np.ndarray, np.ndarray | None]
    sizes: np.ndarray
    bad: list[BadRow] = field(default_factory=list)
    merged: bool = False
    depth: int = 0

    @property
    def rest(self) -> np.ndarray:
        """The mean less the origin, (w,)."""
        return (self.total[0] + self.total[1]) / self.count

    def absorb(self, other: "_Sums", split: int) -> None:
        """Add the rows of other, which come after; split: the columns of x."""
        self.bad += [bad._replace(row=bad.row + self.seen) for bad in other.bad[: FIRST - len(self.bad)]]
        seen = self.seen + other.seen
        if other.count and not self.count:
            self.__dict__.update(other.__dict__ | {"bad": self.bad})
        elif other.count:
            self._add(other, split)
        self.seen = seen

    def _add(self, other: "_Sums", split: int) -> None:
        """Chan's update."""
        moved = other.origin - self.origin
        apart = moved + (other.rest - self.rest)
        count = self.count + other.count
        spread, rest = self.spread
        rest = np.zeros_like(spread) if rest is None else rest
        _add_products(spread, rest, other.spread, apart, self.count * other.count / count)
        self.spread = spread, rest
        _add(*self.total, other.total[0] + other.count * moved)
        self.total[1][...] += other.total[1]
        self.sizes = self.sizes + other.sizes + _by_side(other.count * np.square(moved), split)
        self.count, self.merged, self.depth = count, True, max(self.depth, other.depth + 1)


def _add(high: np.ndarray, low: np.ndarray, term: np.ndarray) -> None:
    """high + low += term, the rounding of the first sum kept in the second: Knuth's TwoSum, in place."""
    total = high + term
    part = total - high
    low += (high - (total - part)) + (term - part)
    high[...] = total


def _add_products(high, low, spread, apart, weight: float) -> None:
    """high + low += spread + weight apart apart^T, so many rows at a time that they stay in the cache."""
    rows = max(1, SLAB // len(apart))
    for first in range(0, len(apart), rows):
        some = slice(first, first + rows)
        term = np.outer(apart[some], apart)
        term *= weight
        term += spread[0][some]
        _add(high[some], low[some], term)
        if spread[1] is not None:
            low[some] += spread[1][some]


def _by_side(values: np.ndarray, split: int) -> np.ndarray:
    """The sum of what belongs to the columns of x, and of what belongs to those of y."""
    return np.array([values[:split].sum(), values[split:].sum()])


class Workers(NamedTuple):
    """Threads that work on blocks, and how many blocks may be with them."""

    pool: ThreadPoolExecutor
    most: int


@contextmanager
def workers(columns: int) -> Iterator[Workers | None]:
    """Threads to work on blocks of so many columns (those of x and of y): one for each core, none for wide blocks.

    Wide blocks are not worth the memory: each that waits has a product of columns x columns.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = min(cores, MOST_WORKERS, WORKSPACE // (8 * columns * columns))
    if count < 2:
        yield None
        return
    with one_thread, ThreadPoolExecutor(count) as pool:
        yield Workers(pool, count + 1)


def _block(rows: np.ndarray, split: int) -> _Sums:
    """The sums of a block (k, w), which is overwritten. Rows that are not finite are left out.

    The sum of a column tells whether there are any: it is not finite if an entry is not.
    """
    with one_thread, np.errstate(over="ignore", invalid="ignore"):
        return _sums(rows, split)


def _sums(rows: np.ndarray, split: int) -> _Sums:
    seen, bad = len(rows), []
    mean = _mean(rows)
    if not np.isfinite(mean).all():
        finite = np.isfinite(rows)
        good = finite.all(axis=1)
        bad = [_bad_row(rows, finite, int(row), split) for row in np.flatnonzero(~good)[:FIRST]]
        rows = rows[good]
        mean = _mean(rows)
    rows -= mean
    rest = _mean(rows)
    rows -= rest
    spread = rows.T @ rows
    sizes = _by_side(np.diagonal(spread) + len(rows) * np.square(rest), split)
    return _Sums(seen, len(rows), mean, (len(rows) * rest, np.zeros_like(rest)), (spread, None), sizes, bad)


def _mean(rows: np.ndarray) -> np.ndarray:
    """By BLAS, which is quicker than np.mean; that of no rows is zero."""
    return (np.ones(len(rows)) @ rows) / max(1, len(rows))


def _bad_row(rows, finite, row: int, split: int) -> BadRow:
    column = int(np.argmin(finite[row]))
    side, inside = ("x", column) if column < split else ("y", column - split)
    return BadRow(row, side, inside, float(rows[row, column]))


class Moments:
    """Means and centred second moments of samples (x, y) that are given in chunks; see the module's docstring.

    Rows with a nan or an infinity are left out, and counted by `dropped`. Everything can be read at any time.
    threads: to work on full blocks, by `workers`; without them `update` does.
    """

    def __init__(self, threads: Workers | None = None):
        self._threads = threads
        self._widths: tuple[int, int] | None = None
        self._sums: _Sums | None = None
        self._working: deque[tuple[Future[_Sums], np.ndarray]] = deque()  # blocks that are worked on, in their order
        self._free: list[np.ndarray] = []  # blocks that may be overwritten
        self._rows = np.empty((0, 0))  # the block that is filled
        self._waiting = 0  # how many rows it has
        self._seen = 0

    def update(self, x, y) -> None:
        """Add the rows of x (k, p) and y (k, m), any k >= 0, real numbers of any type, taken as float64.

        InputError if they are no such arrays, or of other widths than those before.
        """
        x = checks.table("Moments.update(x)", x)
        y = checks.table("Moments.update(y)", y)
        if len(x) != len(y):
            raise refuse("Moments.update(x, y)", "one row per sample in both", f"{len(x)} rows of x, {len(y)} of y")
        self._require_widths((x.shape[1], y.shape[1]))
        taken = 0
        while taken < len(x):
            taken += self._take(x[taken : taken + BLOCK - self._waiting], y[taken : taken + BLOCK - self._waiting])

    def _require_widths(self, widths: tuple[int, int]) -> None:
        if self._widths is None:
            self._widths = widths
            self._rows = np.empty((BLOCK, sum(widths)))
        if widths != self._widths:
            p, m = self._widths
            raise refuse(
                "Moments.update(x, y)", f"as wide as before: {p} columns of x, {m} of y",
                f"{widths[0]} of x, {widths[1]} of y",
            )

    def _take(self, x: np.ndarray, y: np.ndarray) -> int:
        """Copy rows that still have a place in the block, and how many they were; add the block once it is full."""
        rows = self._rows[self._waiting : self._waiting + len(x)]
        with np.errstate(over="ignore", invalid="ignore"):  # a long double beyond float64 becomes infinite
            rows[:, : x.shape[1]] = x
            rows[:, x.shape[1] :] = y
        self._waiting += len(x)
        self._seen += len(x)
        if self._waiting == BLOCK:
            self._add_block(x.shape[1])
        return len(x)

    def _add_block(self, split: int) -> None:
        self._waiting = 0
        if self._threads is None:
            self._sums = _joined(self._sums, _block(self._rows, split), split)
            return
        self._working.append((self._threads.pool.submit(_block, self._rows, split), self._rows))
        if len(self._working) > self._threads.most:
            self._join_first(split)
        self._rows = self._free.pop() if self._free else np.empty_like(self._rows)

    def _join_first(self, split: int) -> None:
        """Wait for the first of the blocks that are worked on, and add it."""
        block, rows = self._working.popleft()
        self._sums = _joined(self._sums, block.result(), split)
        self._free.append(rows)

    def merge(self, other: "Moments") -> None:
        """Add all rows of other, as if they came next; other stays as it is. InputError for other widths."""
        if other._widths is None:
            return
        self._require_widths(other._widths)
        self.settle()
        more = copy.deepcopy(other._now())
        if more is not None:
            self._sums = _joined(self._sums, more, self._split)
            self._seen += other._seen

    def _now(self) -> _Sums | None:
        """The sums with those of the rows that wait for a full block, which go on waiting."""
        self._finish_working()
        if not self._waiting:
            return self._sums
        block = _block(self._rows[: self._waiting].copy(), self._split)
        return _joined(copy.deepcopy(self._sums), block, self._split)

    def settle(self) -> None:
        """Take the rows that wait for a full block as a block of their own: reading is quicker after the last chunk."""
        self._finish_working()
        if self._waiting:
            self._sums = _joined(self._sums, _block(self._rows[: self._waiting], self._split), self._split)
            self._waiting = 0

    def _finish_working(self) -> None:
        while self._working:
            self._join_first(self._split)

    def _known(self) -> _Sums:
        sums = self._now()
        if sums is None or not sums.count:
            raise refuse("Moments", "of at least one row of finite numbers", f"{self.seen} rows, none of them finite")
        return sums

    @property
    def widths(self) -> tuple[int, int] | None:
        """p and m, None before the first chunk."""
        return self._widths

    @property
    def seen(self) -> int:
        """How many rows were given."""
        return self._seen

    @property
    def n(self) -> int:
        """How many of them are finite: the samples."""
        sums = self._now()
        return sums.count if sums else 0

    @property
    def dropped(self) -> int:
        """How many are not, and were left out."""
        return self.seen - self.n

    @property
    def first_dropped(self) -> list[BadRow]:
        """The first few of those left out."""
        sums = self._now()
        return list(sums.bad) if sums else []

    @property
    def mean_x(self) -> np.ndarray:
        """(p,)."""
        return self.result().mean[: self._split]

    @property
    def mean_y(self) -> np.ndarray:
        """(m,)."""
        return self.result().mean[self._split :]

    @property
    def S_xx(self) -> np.ndarray:
        """The sum of (x - mean)(x - mean)^T, (p, p)."""
        return self.result().spread[: self._split, : self._split]

    @property
    def S_yx(self) -> np.ndarray:
        """The sum of (y - mean)(x - mean)^T, (m, p)."""
        return self.result().spread[self._split :, : self._split]

    @property
    def S_yy(self) -> np.ndarray:
        """The sum of (y - mean)(y - mean)^T, (m, m)."""
        return self.result().spread[self._split :, self._split :]

    @property
    def _split(self) -> int:
        return self._widths[0] if self._widths else 0

    def result(self) -> "Result":
        """All of the above at once. InputError without a finite row."""
        sums = self._known()
        with np.errstate(over="ignore", invalid="ignore"):
            high, low = sums.spread
            spread = high.copy() if low is None else high + low
            return Result(sums.count, self._split, sums.origin + sums.rest, spread, sums.sizes, _share(sums))


def _joined(sums: _Sums | None, more: _Sums, split: int) -> _Sums:
    """The sums of the rows of both, in place of the first."""
    if sums is None:
        return more
    with np.errstate(over="ignore", invalid="ignore"):
        sums.absorb(more, split)
    return sums


def _share(sums: _Sums) -> float:
    """The factor of X_0 X_1 in the bound of the module's docstring."""
    if not sums.merged:
        return (min(sums.count, BLOCK) + 8) * UNIT
    return (3 * BLOCK + 128 * (1 + sums.depth)) * UNIT


class Result(NamedTuple):
    """Means, centred sums of products, and what bounds their rounding.

    n samples; split: p, the columns of x; mean (p + m,), spread (p + m, p + m); sizes: n X_0^2 and n Y_0^2; share: the
    factor of X_0 X_1 in the bound.
    """

    n: int
    split: int
    mean: np.ndarray
    spread: np.ndarray
    sizes: np.ndarray
    share: float

    def second_moments(self, *, centre: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """E[x x^T], E[y x^T], E[y y^T], of the samples less their means unless told otherwise."""
        with np.errstate(over="ignore", invalid="ignore"):
            joint = self.spread / self.n
            if not centre:
                joint += np.outer(self.mean, self.mean)
        p = self.split
        return joint[:p, :p], joint[p:, :p], joint[p:, p:]

    def errors(self, *, centre: bool = True) -> tuple[float, float]:
        """Bounds on the errors of E[x x^T] and E[y x^T] in spectral norm; the module's docstring derives them.

        Without centring the mean m, off by e <= u |m| + share X_0, adds 2 |m| e + e^2; 3 u of what is added is for
        products and sums. May be infinite.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            before = np.sqrt(self.sizes / self.n)
            after = np.sqrt(_by_side(np.diagonal(self.spread), self.split) / self.n)
            mean = np.zeros(2) if centre else np.sqrt(_by_side(np.square(self.mean), self.split))
            e = 0 * mean if centre else UNIT * mean + self.share * before
            x, y = (tuple(float(size[side]) for size in (before, after, mean, e)) for side in (0, 1))
            return self._bound(x, x), self._bound(x, y)

    def _bound(self, x: tuple[float, ...], y: tuple[float, ...]) -> float:
        """For two sides, each (X_0, X_1, |m|, e)."""
        spread = self.share * (x[0] * y[1] + y[0] * x[1]) / 2 + self.share**2 * x[0] * y[0]
        outer = x[2] * y[3] + y[2] * x[3] + x[3] * y[3] + 3 * UNIT * (x[2] * y[2] + x[1] * y[1])
        return spread + outer + 2 * len(self.mean) * LEAST
