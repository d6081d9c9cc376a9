"""Single Nesterov steps with errors on many piecewise quadratic functions: what sampled verification measures.

f(x) = sum_i h_i(x_i) with h_i(s) = up_i s^2 / 2 for s >= 0 and down_i s^2 / 2 for s < 0. With slopes in [mu, L] it is
L-smooth and mu-strongly convex with minimiser 0 and minimum 0, and not a quadratic unless up = down.
"""

import numpy as np

from linres.kernels._jit import as_arrays, compiled

COLUMNS = ("potential", "potential_next", "lookahead_error", "step_error", "auxiliary_distance")


@compiled(inline=True)
def _norm(x):
    total = 0.0
    for i in range(len(x)):
        total += x[i] * x[i]
    return np.sqrt(total)


@compiled(inline=True)
def _potential(up, down, x, auxiliary, mu):
    """f(x) + (mu/2) |z|^2 for z = x + auxiliary."""
    total = 0.0
    for i in range(len(x)):
        rising, falling = up[i], down[i]  # both read first, so that the choice is no branch and the loop runs in SIMD
        slope = rising if x[i] >= 0.0 else falling
        z = x[i] + auxiliary[i]
        total += slope * x[i] * x[i] + mu * z * z
    return total / 2


@compiled(inline=True)
def _auxiliary(x, x_prev, q, out):
    """out <- z - x = (1/q - 1)(x - x_prev)."""
    for i in range(len(x)):
        out[i] = (1.0 / q - 1.0) * (x[i] - x_prev[i])


@compiled(inline=True)
def _advance(up, down, x, x_prev, lookahead_error, step_error, momentum, step_size, scale):
    """One step in place, with the errors times scale."""
    for i in range(len(x)):
        y = x[i] + momentum * (x[i] - x_prev[i]) + scale * lookahead_error[i]
        rising, falling = up[i], down[i]
        slope = rising if y >= 0.0 else falling
        x_prev[i] = x[i]
        x[i] = y - step_size * (slope * y) + scale * step_error[i]


@compiled
def _measure(up, down, x, x_prev, lookahead_error, step_error, q, smoothness, stages, rows, work):
    """Fill rows (N * stages, 5); x and x_prev are overwritten, work is (d,)."""
    for n in range(len(q)):
        mu, momentum, step_size = q[n] * q[n] * smoothness[n], (1.0 - q[n]) / (1.0 + q[n]), 1.0 / smoothness[n]
        drift, wobble, scale = _norm(lookahead_error[n]), _norm(step_error[n]), 1.0
        _auxiliary(x[n], x_prev[n], q[n], work)
        potential = _potential(up[n], down[n], x[n], work, mu)
        for t in range(stages):
            row = rows[n * stages + t]
            row[0], row[2], row[3], row[4] = potential, scale * drift, scale * wobble, _norm(work)
            _advance(up[n], down[n], x[n], x_prev[n], lookahead_error[n], step_error[n], momentum, step_size, scale)
            _auxiliary(x[n], x_prev[n], q[n], work)
            potential = _potential(up[n], down[n], x[n], work, mu)
            row[1], scale = potential, scale / 2.0


def nesterov_rows(up, down, x, x_prev, lookahead_error, step_error, q, L, stages):
    """Measure each of the first stages steps on each of N instances in R^d: rows (N * stages, 5), see `COLUMNS`.

    up, down, x, x_prev, lookahead_error, step_error (N, d); q = sqrt(mu/L) and L (N,), with 0 < q <= 1. Step size 1/L,
    momentum (1 - q)/(1 + q); the errors of stage t are the given vectors times 2^-t. Row n * stages + t holds, for
    instance n, Phi_t, Phi_{t+1}, |D_t|, |e_t| and |z_t - x_t|, where Phi_t = f(x_t) + (mu/2) |z_t|^2 and
    z_t = x_t + (1/q - 1)(x_t - x_{t-1}). One thread, and the same bits each time.
    """
    up, down, lookahead_error, step_error, q, L = as_arrays(up, down, lookahead_error, step_error, q, L)
    x, x_prev = np.array(x, dtype=np.float64, order="C"), np.array(x_prev, dtype=np.float64, order="C")
    rows = np.empty((len(q) * stages, len(COLUMNS)))
    _measure(up, down, x, x_prev, lookahead_error, step_error, q, L, stages, rows, np.empty(x.shape[1]))
    return rows
