"""Linear systems with many right-hand sides: Gaussian elimination with partial pivoting, of one matrix or of LANES.

Pivots are chosen as LAPACK does, by size. The layouts are those of `linres.kernels.vectors`. In `rows` elimination goes
by blocks of BLOCK columns, so that most of the work is products of the microkernel; in `lanes` each lane exchanges rows
where it needs to, and no lane waits for another.
"""

import numpy as np

from linres.kernels._jit import compiled
from linres.kernels.microkernel import Part, affine
from linres.kernels.vectors import LANES, choose, coefficients, is_zero, larger, load, somewhere, spread, store

BLOCK = 8  # columns, a multiple of LANES


@compiled
def _subtract(z, i, factor, k, first):
    """Row i of z, from column first on, less factor times row k."""
    f = spread(factor)
    for j in range(first, z.shape[1], LANES):
        store(z, i, j, load(z, i, j) - f * load(z, k, j))


@compiled
def _exchange(z, i, k):
    for j in range(0, z.shape[1], LANES):
        x = load(z, i, j)
        store(z, i, j, load(z, k, j))
        store(z, k, j, x)


@compiled
def _pivot(system, k, d):
    best, most = k, abs(system[k, k])
    for i in range(k + 1, d):
        size = abs(system[i, k])
        if size > most:
            best, most = i, size
    return best


@compiled
def _eliminate_columns(system, z, first, last, d, pivot_row):
    """Elimination within the columns first ... last - 1 alone; False if a pivot is zero. pivot_row is (BLOCK,)."""
    for k in range(first, last):
        best = _pivot(system, k, d)
        if system[best, k] == 0.0:
            return False
        if best != k:
            _exchange(system, best, k)
            _exchange(z, best, k)
        for j in range(BLOCK):
            pivot_row[j] = system[k, first + j] if first + j > k else 0.0
        inverse = 1.0 / system[k, k]
        for i in range(k + 1, d):
            factor = system[i, k] * inverse
            f = spread(factor)
            for j in range(0, BLOCK, LANES):
                at = load(system, i, first + j)
                store(system, i, first + j, at - f * coefficients(pivot_row, j))
            system[i, k] = factor
    return True


@compiled
def _solve_rows(system, z, d, one, minus, pivot_row):
    end = system.shape[0]
    for first in range(0, d, BLOCK):
        last = min(first + BLOCK, d)
        if not _eliminate_columns(system, z, first, last, d, pivot_row):
            return False
        if last < d:
            for k in range(first, last):
                for i in range(k + 1, last):
                    _subtract(system, i, system[i, k], k, last)
            affine(Part(0, last, end, last, first, last), system, system, minus, system, one, system)
    for first in range(0, d, BLOCK):
        last = min(first + BLOCK, d)
        if first > 0:
            affine(Part(0, first, min(first + BLOCK, end), 0, 0, first), system, z, minus, z, one, z)
        for k in range(first, last):
            for i in range(k + 1, last):
                _subtract(z, i, system[i, k], k, 0)
    for first in range((d - 1) // BLOCK * BLOCK, -1, -BLOCK):
        last = min(first + BLOCK, d)
        if last < d:
            affine(Part(0, first, last, 0, last, d), system, z, minus, z, one, z)
        for k in range(last - 1, first - 1, -1):
            f = spread(1.0 / system[k, k])
            for j in range(0, z.shape[1], LANES):
                store(z, k, j, f * load(z, k, j))
            for i in range(first, k):
                _subtract(z, i, system[i, k], k, 0)
    return True


@compiled
def _exchange_where(where, z, i, k, first, d):
    """Rows i and k of the lanes where the mask is set, from column first on."""
    for j in range(first, d):
        x, y = load(z, i, j), load(z, k, j)
        store(z, i, j, choose(where, y, x))
        store(z, k, j, choose(where, x, y))


@compiled
def _solve_lanes(system, z, d, lost):
    """Lanes with a pivot of zero are marked in lost (1, LANES) by nan."""
    marks, one, nan = load(lost, 0, 0), spread(1.0), spread(np.nan)
    for k in range(d):
        for i in range(k + 1, d):
            where = larger(load(system, i, k), load(system, k, k))
            if somewhere(where):
                _exchange_where(where, system, i, k, k, d)
                _exchange_where(where, z, i, k, 0, d)
        pivot = load(system, k, k)
        marks = choose(is_zero(pivot), nan, marks)
        inverse = one / pivot
        store(system, k, k, inverse)
        for i in range(k + 1, d):
            f = load(system, i, k) * inverse
            for j in range(k + 1, d):
                store(system, i, j, load(system, i, j) - f * load(system, k, j))
            for j in range(d):
                store(z, i, j, load(z, i, j) - f * load(z, k, j))
    for k in range(d - 1, -1, -1):
        inverse = load(system, k, k)
        for j in range(d):
            store(z, k, j, inverse * load(z, k, j))
        for i in range(k):
            f = load(system, i, k)
            for j in range(d):
                store(z, i, j, load(z, i, j) - f * load(z, k, j))
    store(lost, 0, 0, marks)


@compiled
def solve(system, z, d, one, minus, pivot_row, lost):
    """z <- system^{-1} z, and system is overwritten; False where nothing is left to solve for.

    system and z are d x d: zero beyond in the layout `rows`, in which False means a pivot of exactly zero. In `lanes`
    that is marked by nan in lost (1, 1, LANES), and z is then not finite in that lane. one and minus (LANES,) hold 1
    and -1; pivot_row is (BLOCK,).
    """
    if system.ndim == 2:
        return _solve_rows(system, z, d, one, minus, pivot_row)
    else:
        _solve_lanes(system, z, d, lost)
        return True
