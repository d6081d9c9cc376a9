"""Nesterov's method along single eigenvectors of a quadratic: the compiled twin of methods/nesterov.py in R^1."""

import numpy as np

from linres.kernels._jit import as_arrays, compiled


@compiled(inline=True)
def look_ahead(c, before, momentum):
    return c + momentum * (c - before)


@compiled(inline=True)
def step(y, eigenvalue, step_size):
    return y - step_size * (eigenvalue * y)


@compiled
def _iterate(eigenvalues, momentum, step_size, paths):
    """Fill paths (T+1, N) from its first row, starting from rest."""
    for t in range(len(paths) - 1):
        for n in range(paths.shape[1]):
            y = look_ahead(paths[t, n], paths[max(t - 1, 0), n], momentum[n])
            paths[t + 1, n] = step(y, eigenvalues[n], step_size[n])


def paths(eigenvalues, start, q, L, stages):
    """(stages + 1, N): c_0 = start and the coordinates that follow it from rest, each along an eigenvector of its own.

    eigenvalues, start, q and L (N,); step size 1/L and momentum (1 - q)/(1 + q).
    """
    eigenvalues, start, q, L = as_arrays(eigenvalues, start, q, L)
    filled = np.empty((stages + 1, len(start)))
    filled[0] = start
    _iterate(eigenvalues, (1 - q) / (1 + q), 1 / L, filled)
    return filled
