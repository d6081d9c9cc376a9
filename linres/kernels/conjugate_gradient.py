"""Conjugate gradients on least squares: the compiled twin of methods/conjugate_gradient.py."""

import numpy as np

from linres.kernels._jit import as_arrays, compiled
from linres.kernels.least_squares import gradient
from linres.kernels.matrices import copy, multiply


@compiled
def _inner(a, b):
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            total += a[i, j] * b[i, j]
    return total


@compiled(inline=True)
def step(x, slope, direction, bent, square, out):
    """out <- the point after x, with slope and direction moved on in place; returns the new |slope|^2.

    bent = H direction and square = |slope|^2. A direction of length 0, at the minimiser, leads nowhere.
    """
    curvature = _inner(direction, bent)
    moving = curvature > 0 and square > 0  # else arrived, or underflown
    length = square / curvature if moving else 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = x[i, j] - length * direction[i, j]
            slope[i, j] -= length * bent[i, j]
    new = _inner(slope, slope)
    ratio = new / square if moving else 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            direction[i, j] = slope[i, j] + ratio * direction[i, j]
    return new


@compiled
def _iterate(sigma, target, states, excess, residual, slope, direction, bent):
    """Fill excess (T+1,) and states (K, k, d), K > 1: x_t goes to states[t % K]."""
    stages, kept = len(excess) - 1, len(states)
    excess[0] = gradient(sigma, target, states[0], residual, slope)
    copy(slope, direction)
    square = _inner(slope, slope)
    for t in range(stages):
        grown = states[(t + 1) % kept]
        multiply(direction, sigma, bent)
        square = step(states[t % kept], slope, direction, bent, square, grown)
        excess[t + 1] = gradient(sigma, target, grown, residual, bent)


def trace(sigma, target, start, stages, kept=None):
    """T = stages steps, keeping the states: returns excess (T+1,) and states (T+1, k, d) with x_t = states[t].

    sigma (d, d); target = W* and start = x_0 (k, d). kept = K > 1 holds the last K states only: x_t is states[t % K].
    """
    sigma, target, start = as_arrays(sigma, target, start)
    states = np.empty((kept or stages + 1, *start.shape))
    states[0] = start
    excess = np.empty(stages + 1)
    _iterate(sigma, target, states, excess, *np.empty((4, *start.shape)))
    return excess, states


def run(sigma, target, start, stages):
    """As `trace`, but returns excess (T+1,) and the last state x_T (k, d) alone, and holds no others."""
    excess, states = trace(sigma, target, start, stages, kept=2)
    return excess, states[stages % 2]
