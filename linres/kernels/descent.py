"""Gradient descent with errors on least squares: the compiled twin of methods/descent.py."""

import numpy as np

from linres.kernels._jit import as_arrays, compiled
from linres.kernels.least_squares import gradient


@compiled(inline=True)
def step(x, slope, step_size, error, out):
    """out <- x - step_size slope + error, arrays (k, d)."""
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = x[i, j] - step_size * slope[i, j] + error[i, j]


@compiled
def _iterate(sigma, target, step_size, errors, states, excess, residual, slope):
    """Fill excess (T+1,) and states (K, k, d), K > 1: x_t goes to states[t % K]; e_t is errors[t % P]."""
    stages, kept = len(excess) - 1, len(states)
    for t in range(stages + 1):
        x = states[t % kept]
        excess[t] = gradient(sigma, target, x, residual, slope)
        if t < stages:
            step(x, slope, step_size, errors[t % len(errors)], states[(t + 1) % kept])


def trace(sigma, target, start, step_size, stages, errors=None, kept=None):
    """T = stages steps, keeping the states: returns excess (T+1,) and states (T+1, k, d) with x_t = states[t].

    sigma (d, d); target = W* and start = x_0 (k, d). errors (P, k, d), P > 0, are the step errors, repeated with period
    P; None for none. kept = K > 1 holds the last K states only: x_t is states[t % K].
    """
    sigma, target, start = as_arrays(sigma, target, start)
    (errors,) = as_arrays(np.zeros((1, *start.shape)) if errors is None else errors)
    states = np.empty((kept or stages + 1, *start.shape))
    states[0] = start
    excess = np.empty(stages + 1)
    _iterate(sigma, target, float(step_size), errors, states, excess, *np.empty((2, *start.shape)))
    return excess, states


def run(sigma, target, start, step_size, stages, errors=None):
    """As `trace`, but returns excess (T+1,) and the last state x_T (k, d) alone, and holds no others."""
    excess, states = trace(sigma, target, start, step_size, stages, errors, kept=2)
    return excess, states[stages % 2]
