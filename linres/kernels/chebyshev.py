"""The Chebyshev semi-iteration on least squares: the compiled twin of methods/chebyshev.py."""

import numpy as np

from linres.kernels._jit import as_arrays, compiled
from linres.kernels.least_squares import gradient


@compiled(inline=True)
def weight(stage, b):
    """omega of the step from x_t, t = stage, with b = ((1-q)/(1+q))^2."""
    return 1.0 if stage == 0 else (1 + b) * (1 + b**stage) / (1 + b ** (stage + 1))


@compiled(inline=True)
def step(x, x_prev, slope, omega, step_size, out):
    """out <- x_prev + omega (x - step_size slope - x_prev), arrays (k, d)."""
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i, j] = x_prev[i, j] + omega * (x[i, j] - step_size * slope[i, j] - x_prev[i, j])


@compiled
def _iterate(sigma, target, b, step_size, states, excess, residual, slope):
    """Fill excess (T+1,) and states (K, k, d), K > 2: x_t goes to states[t % K]."""
    stages, kept = len(excess) - 1, len(states)
    for t in range(stages + 1):
        x = states[t % kept]
        excess[t] = gradient(sigma, target, x, residual, slope)
        if t < stages:
            step(x, states[max(t - 1, 0) % kept], slope, weight(t, b), step_size, states[(t + 1) % kept])


def trace(sigma, target, start, q, step_size, stages, kept=None):
    """T = stages steps, keeping the states: returns excess (T+1,) and states (T+1, k, d) with x_t = states[t].

    sigma (d, d); target = W* and start = x_0 (k, d); q = 1/sqrt(kappa), step_size = 2/(L + mu). kept = K > 2 holds the
    last K states only: x_t is states[t % K].
    """
    sigma, target, start = as_arrays(sigma, target, start)
    states = np.empty((kept or stages + 1, *start.shape))
    states[0] = start
    excess, momentum = np.empty(stages + 1), (1 - q) / (1 + q)
    _iterate(sigma, target, float(momentum * momentum), float(step_size), states, excess, *np.empty((2, *start.shape)))
    return excess, states


def run(sigma, target, start, q, step_size, stages):
    """As `trace`, but returns excess (T+1,) and the last state x_T (k, d) alone, and holds no others."""
    excess, states = trace(sigma, target, start, q, step_size, stages, kept=3)
    return excess, states[stages % 3]
