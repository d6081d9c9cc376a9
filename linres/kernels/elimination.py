"""Linear systems with many right-hand sides: Gaussian elimination with partial pivoting, of one matrix or of LANES.

The layouts are those of `linres.kernels.vectors`. In `rows` pivots are chosen as LAPACK does, and elimination goes by
blocks of BLOCK columns, so that nearly all of the work is products of the microkernel. In `lanes` each lane exchanges
rows where its own pivot is too small, and nothing is exchanged where none is.
"""

import numpy as np

from linres.kernels._jit import compiled
from linres.kernels.microkernel import TALL, Part, affine, side
from linres.kernels.vectors import LANES, both, choose, coefficients, is_zero, larger, load, somewhere, spread, store

BLOCK = TALL  # columns; a multiple of LANES, and no more rows than a tile has: a product can then replace its factor
RELUCTANCE = 4.0  # in `lanes` rows are exchanged only for a pivot larger by more than this: each exchange moves all


@compiled(inline=True)
def _exchange(z, i, k):
    for j in range(0, z.shape[1], LANES):
        x = load(z, i, j)
        store(z, i, j, load(z, k, j))
        store(z, k, j, x)


@compiled(inline=True)
def _pivot(system, k, d):
    best, most = k, abs(system[k, k])
    for i in range(k + 1, d):
        size = abs(system[i, k])
        if size > most:
            best, most = i, size
    return best


@compiled(inline=True)
def _eliminate_columns(system, z, first, last, d, pivot_row):
    """Elimination within the columns first ... last - 1 alone; False if a pivot is zero. pivot_row is (BLOCK,).

    Multipliers take the places of what they eliminate. The next pivot is looked for on the way.
    """
    best = _pivot(system, first, d)
    for k in range(first, last):
        if system[best, k] == 0.0:
            return False
        if best != k:
            _exchange(system, best, k)
            _exchange(z, best, k)
        for j in range(BLOCK):
            pivot_row[j] = system[k, first + j] if first + j > k else 0.0
        inverse, best, most = 1.0 / system[k, k], k + 1, -1.0
        for i in range(k + 1, d):
            factor = system[i, k] * inverse
            f = spread(factor)
            for j in range(0, BLOCK, LANES):
                at = load(system, i, first + j)
                store(system, i, first + j, at - f * coefficients(pivot_row, j))
            system[i, k] = factor
            size = abs(system[i, k + 1])
            if size > most:
                best, most = i, size
    return True


@compiled(inline=True)
def _unit(first, last, out):
    """out <- the identity in a block on the diagonal."""
    for i in range(first, last):
        for j in range(first, first + BLOCK):
            out[i, j] = 1.0 if i == j else 0.0


@compiled(inline=True)
def _invert_lower(system, first, last, out):
    """out <- the inverse of that block of multipliers, whose diagonal is of ones, in its place."""
    _unit(first, last, out)
    for i in range(first + 1, last):
        for j in range(first, first + BLOCK, LANES):
            row = load(out, i, j)
            for k in range(first, i):
                row = row - spread(system[i, k]) * load(out, k, j)
            store(out, i, j, row)


@compiled(inline=True)
def _invert_upper(system, first, last, out):
    """out <- the inverse of that block of the triangle above, in its place."""
    _unit(first, last, out)
    for i in range(last - 1, first - 1, -1):
        for j in range(first, first + BLOCK, LANES):
            row = load(out, i, j)
            for k in range(i + 1, last):
                row = row - spread(system[i, k]) * load(out, k, j)
            store(out, i, j, spread(1.0 / system[i, i]) * row)


@compiled(inline=True)
def _solve_rows(system, z, d, numbers, pivot_row, inverse):
    """Blocks on the diagonal are inverted, so that all the rest are products. Their size keeps that harmless."""
    one, minus, none, (end, right) = numbers[0], numbers[1], numbers[2], z.shape
    for first in range(0, d, BLOCK):
        last, low = min(first + BLOCK, d), min(first + BLOCK, end)
        if not _eliminate_columns(system, z, first, last, d, pivot_row):
            return False
        _invert_lower(system, first, last, inverse)
        if last < d:
            affine(Part(0, first, low, last, right, first, last), inverse, system, one, system, none, system)
            affine(Part(0, last, end, last, right, first, last), system, system, minus, system, one, system)
        if first > 0:
            affine(Part(0, first, low, 0, right, 0, first), system, z, minus, z, one, z)
        affine(Part(0, first, low, 0, right, first, last), inverse, z, one, z, none, z)
    for first in range((d - 1) // BLOCK * BLOCK, -1, -BLOCK):
        last, low = min(first + BLOCK, d), min(first + BLOCK, end)
        if last < d:
            affine(Part(0, first, low, 0, right, last, d), system, z, minus, z, one, z)
        _invert_upper(system, first, last, inverse)
        affine(Part(0, first, low, 0, right, first, last), inverse, z, one, z, none, z)
    return True


@compiled(inline=True)
def _exchange_where(where, z, i, k, d):
    """Rows i and k of the lanes where the mask is set."""
    for j in range(d):
        x, y = load(z, i, j), load(z, k, j)
        store(z, i, j, choose(where, y, x))
        store(z, k, j, choose(where, x, y))


@compiled(inline=True)
def _bring_pivots(system, z, k, d):
    """Exchange rows in the lanes whose pivot is less than the largest number below it by a factor of RELUCTANCE."""
    most = load(system, k, k)
    for i in range(k + 1, d):
        size = load(system, i, k)
        most = choose(larger(size, most), size, most)
    least = most * spread(1.0 / RELUCTANCE)
    if not somewhere(larger(least, load(system, k, k))):
        return
    for i in range(k + 1, d):
        small = larger(least, load(system, k, k))
        where = both(small, is_zero(load(system, i, k) - most))
        if somewhere(where):
            _exchange_where(where, system, i, k, d)
            _exchange_where(where, z, i, k, d)


@compiled(inline=True)
def _subtract_lanes(z, i, factor, k, first, d):
    """Row i of z, from column first on, less factor times row k."""
    for j in range(first, d):
        store(z, i, j, load(z, i, j) - factor * load(z, k, j))


@compiled(inline=True)
def _factor_lanes(system, z, d, lost):
    """system <- multipliers below the diagonal, one over the pivots on it, and the triangle above."""
    marks, one, nan = load(lost, 0, 0), spread(1.0), spread(np.nan)
    for k in range(d):
        _bring_pivots(system, z, k, d)
        pivot = load(system, k, k)
        marks = choose(is_zero(pivot), nan, marks)
        inverse = one / pivot
        store(system, k, k, inverse)
        for i in range(k + 1, d):
            factor = load(system, i, k) * inverse
            store(system, i, k, factor)
            _subtract_lanes(system, i, factor, k, k + 1, d)
    store(lost, 0, 0, marks)


@compiled(inline=True)
def _solve_lanes(system, z, d, numbers, lost):
    """By blocks of as many rows as a tile has."""
    one, minus = numbers[0], numbers[1]
    _factor_lanes(system, z, d, lost)
    first = 0
    while first < d:
        last = first + side(d - first)
        if first > 0:
            affine(Part(0, first, last, 0, d, 0, first), system, z, minus, z, one, z)
        for k in range(first, last):
            for i in range(k + 1, last):
                _subtract_lanes(z, i, load(system, i, k), k, 0, d)
        first = last
    while last > 0:
        first = last - side(last)
        if last < d:
            affine(Part(0, first, last, 0, d, last, d), system, z, minus, z, one, z)
        for k in range(last - 1, first - 1, -1):
            inverse = load(system, k, k)
            for j in range(d):
                store(z, k, j, inverse * load(z, k, j))
            for i in range(first, k):
                _subtract_lanes(z, i, load(system, i, k), k, 0, d)
        last = first


@compiled
def solve(system, z, d, numbers, pivot_row, inverse, lost):
    """z <- system^{-1} z, and system is overwritten; False where nothing is left to solve for.

    system and z are d x d: zero beyond in the layout `rows`, in which False means a pivot of exactly zero. In `lanes`
    that is marked by nan in lost (1, LANES), and z is then not finite in that lane. numbers (3, LANES): 1, -1 and 0.
    pivot_row (BLOCK,) and inverse, of the shape of z and zero beyond d rows, are overwritten.
    """
    if system.ndim == 2:
        return _solve_rows(system, z, d, numbers, pivot_row, inverse)
    _solve_lanes(system, z, d, numbers, lost)
    return True
