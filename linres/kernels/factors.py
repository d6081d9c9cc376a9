"""Sigma, once for a whole run, in a form that makes each stage cheap: a square root, or a tridiagonal matrix.

Arrays are copied by loops: Numba's assignment of one to another brings the words of its error with it, which take
longer to compile than all the rest.
"""

import numpy as np

from linres.kernels._jit import compiled

EPS = 2.0**-52


@compiled(inline=True)
def _copy(a, out):
    for i in range(len(a)):
        for j in range(len(a)):
            out[i, j] = a[i, j]


@compiled(inline=True)
def _largest_diagonal(a):
    best = 0
    for i in range(1, len(a)):
        if a[i, i] > a[best, best]:
            best = i
    return best


@compiled
def _largest_entry(a):
    found = 0.0
    for i in range(len(a)):
        for j in range(len(a)):
            found = max(found, abs(a[i, j]))
    return found


@compiled
def root(sigma, out, rest):
    """out <- F with F F^T = sigma, (d, d), positive semidefinite: Cholesky's with the largest pivot each time.

    False if sigma is indefinite by more than rounding: with these pivots what is left of it is nothing but that.
    rest (d, d) is overwritten.
    """
    d = len(sigma)
    _copy(sigma, rest)
    out[:] = 0.0
    rounding = 4 * d * EPS * _largest_entry(sigma)
    for k in range(d):
        p = _largest_diagonal(rest)
        if rest[p, p] <= rounding:
            break
        scale, row = 1.0 / np.sqrt(rest[p, p]), out[k]  # of F^T, until the end
        for j in range(d):
            row[j] = scale * rest[p, j]
        for i in range(d):
            factor, below = row[i], rest[i]
            for j in range(d):
                below[j] -= factor * row[j]
        for j in range(d):
            rest[p, j] = rest[j, p] = 0.0
    for i in range(d):
        for j in range(i):
            out[i, j], out[j, i] = out[j, i], out[i, j]
    return _largest_entry(rest) <= rounding


@compiled(inline=True)
def _reflect(rest, axes, k, normal, image, mixed, scale):
    """rest and axes, reflected at the normal, whose entries begin at k + 1: I - scale normal normal^T."""
    d, along = len(rest), 0.0
    image[:] = 0.0
    mixed[:] = 0.0
    for i in range(k + 1, d):
        factor, here, axis = scale * normal[i], rest[i], axes[i]
        for j in range(k + 1, d):
            image[j] += factor * here[j]
        for j in range(d):
            mixed[j] += factor * axis[j]
    for j in range(k + 1, d):
        along += image[j] * normal[j]
    for j in range(k + 1, d):
        image[j] -= scale * along / 2.0 * normal[j]
    for i in range(k + 1, d):
        f, g, here, axis = normal[i], image[i], rest[i], axes[i]
        for j in range(k + 1, d):
            here[j] -= f * image[j] + g * normal[j]
        for j in range(d):
            axis[j] -= f * mixed[j]


@compiled
def tridiagonal(sigma, axes, diagonal, beside, scratch):
    """sigma = Q T Q^T by Householder's reflections, T tridiagonal: axes <- Q^T (d, d).

    diagonal[:d] <- that of T, beside[k] <- its entry (k - 1, k), 0 < k < d; scratch (d + 3, d) is overwritten.
    """
    d = len(sigma)
    rest, normal, image, mixed = scratch[:d], scratch[d], scratch[d + 1], scratch[d + 2]
    _copy(sigma, rest)
    axes[:] = 0.0
    for k in range(d):
        axes[k, k] = 1.0
    for k in range(d - 1):
        beyond = 0.0
        for j in range(d):
            normal[j] = rest[k, j]
        for j in range(k + 2, d):
            beyond += normal[j] * normal[j]
        beside[k + 1] = normal[k + 1]
        if beyond > 0.0:
            length = np.sqrt(beyond + normal[k + 1] * normal[k + 1])
            beside[k + 1] = -length if normal[k + 1] > 0.0 else length
            normal[k + 1] -= beside[k + 1]
            _reflect(rest, axes, k, normal, image, mixed, 2.0 / (beyond + normal[k + 1] * normal[k + 1]))
    for k in range(d):
        diagonal[k] = rest[k, k]
