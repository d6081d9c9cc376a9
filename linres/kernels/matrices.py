"""The matrix operations the kernels share, written into arrays given by the caller."""

import numpy as np

from linres.kernels._jit import compiled

LOOPS_UP_TO = 8  # columns; above that the call into BLAS pays


@compiled
def multiply(a, b, out):
    """out <- a b, for C-contiguous a (m, n), b (n, p), out (m, p)."""
    if b.shape[1] > LOOPS_UP_TO:
        np.dot(a, b, out)
        return
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total = 0.0
            for m in range(b.shape[0]):
                total += a[i, m] * b[m, j]
            out[i, j] = total


@compiled(inline=True)
def copy(a, out):
    """out <- a."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[i, j] = a[i, j]


@compiled
def transpose(a, out):
    """out <- a^T. A copy: the view a.T has another memory layout, for which every callee would be compiled again."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[j, i] = a[i, j]


@compiled(inline=True)
def scale(out, factor):
    """out <- factor out."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] *= factor


@compiled
def add_multiple(out, factor, a):
    """out <- out + factor a."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] += factor * a[i, j]


@compiled(inline=True)
def _swap_rows(a, i, j):
    for m in range(a.shape[1]):
        a[i, m], a[j, m] = a[j, m], a[i, m]


@compiled(inline=True)
def _subtract_row(a, source, factor, row):
    for m in range(a.shape[1]):
        a[row, m] -= factor * a[source, m]


@compiled(inline=True)
def _pivot_row(a, column):
    """The row, from the diagonal down, with the largest entry of the column. Comparisons with nan leave it in place."""
    best = column
    for row in range(column + 1, a.shape[0]):
        if abs(a[row, column]) > abs(a[best, column]):
            best = row
    return best


@compiled
def divide(a, b, out, system, solution):
    """out <- a b^{-1} for a, b, out (d, d); False, and out untouched, if a pivot is exactly zero (b singular).

    Gaussian elimination with partial pivoting on b^T out^T = a^T, in the work arrays system and solution (d, d). The
    criterion is LAPACK's: a matrix that is singular only up to rounding divides, with large entries. Written out
    because an exception, which is how numpy.linalg.solve reports a singular matrix, cannot be cheaply caught here.
    """
    d = b.shape[0]
    transpose(b, system)
    transpose(a, solution)
    for column in range(d):
        pivot = _pivot_row(system, column)
        if system[pivot, column] == 0.0:
            return False
        _swap_rows(system, column, pivot)
        _swap_rows(solution, column, pivot)
        for row in range(column + 1, d):
            factor = system[row, column] / system[column, column]
            _subtract_row(system, column, factor, row)
            _subtract_row(solution, column, factor, row)
    for row in range(d - 1, -1, -1):
        for known in range(row + 1, d):
            _subtract_row(solution, known, system[row, known], row)
        for m in range(d):
            solution[row, m] /= system[row, row]
    transpose(solution, out)
    return True
