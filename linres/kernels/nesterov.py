"""Nesterov's method with errors on least squares: the compiled twin of methods/nesterov.py."""

from typing import NamedTuple

import numpy as np

from linres.kernels._jit import as_arrays, compiled
from linres.kernels.descent import step
from linres.kernels.least_squares import gradient


class Trace(NamedTuple):
    """excess (T+1,) of x_0 .. x_T; states (T+2, k, d), x_{-1} .. x_T; lookaheads (T, k, d), y_0 .. y_{T-1}."""

    excess: np.ndarray
    states: np.ndarray
    lookaheads: np.ndarray


@compiled(inline=True)
def look_ahead(x, x_prev, momentum, error, out):
    """out <- x + momentum (x - x_prev) + error, arrays (k, d)."""
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = x[i, j] + momentum * (x[i, j] - x_prev[i, j]) + error[i, j]


@compiled
def _iterate(
    sigma, target, momentum, step_size, lookahead_errors, step_errors, states, lookaheads, excess, residual, slope
):
    """Fill excess (T+1,), states (K, k, d) and lookaheads (M, k, d): x_t at (t+1) % K, y_t at t % M; K > 2, M > 0."""
    stages, kept = len(excess) - 1, len(states)
    for t in range(stages + 1):
        x = states[(t + 1) % kept]
        excess[t] = gradient(sigma, target, x, residual, slope)
        if t < stages:
            y = lookaheads[t % len(lookaheads)]
            look_ahead(x, states[t % kept], momentum, lookahead_errors[t % len(lookahead_errors)], y)
            gradient(sigma, target, y, residual, slope)
            step(y, slope, step_size, step_errors[t % len(step_errors)], states[(t + 2) % kept])


def trace(
    sigma, target, start, momentum, step_size, stages, lookahead_errors=None, step_errors=None, previous=None, kept=None
):
    """T = stages steps, keeping every state and lookahead point: a `Trace`.

    From these two the rounding of the run can be counted exactly, as the errors D_t and e_t of the exact method.
    sigma (d, d); target = W*, start = x_0 and previous = x_{-1} (k, d), None to start from rest. The errors D_t and e_t
    (P, k, d), P > 0, are repeated with period P; None for none. kept = K > 2 holds the last K states and lookahead
    points only: x_t is states[(t + 1) % K], y_t is lookaheads[t % K].
    """
    sigma, target, start = as_arrays(sigma, target, start)
    none = np.zeros((1, *start.shape))
    lookahead_errors, step_errors = as_arrays(
        none if lookahead_errors is None else lookahead_errors, none if step_errors is None else step_errors
    )
    states, lookaheads = np.empty((kept or stages + 2, *start.shape)), np.empty((kept or stages, *start.shape))
    states[0], states[1] = start if previous is None else previous, start
    excess = np.empty(stages + 1)
    _iterate(
        sigma, target, float(momentum), float(step_size), lookahead_errors, step_errors, states, lookaheads, excess,
        *np.empty((2, *start.shape)),
    )
    return Trace(excess, states, lookaheads)


def run(sigma, target, start, momentum, step_size, stages, lookahead_errors=None, step_errors=None, previous=None):
    """As `trace`, but returns excess (T+1,) and the last state x_T (k, d) alone, and holds no others."""
    excess, states, _ = trace(
        sigma, target, start, momentum, step_size, stages, lookahead_errors, step_errors, previous, kept=3
    )
    return excess, states[(stages + 1) % 3]
