"""Nesterov's method with growing momentum on many convex functions, one-sided parabolas that go over into lines.

f(x) = sum_i h_i(x_i), h_i(s) = up_i s^2/2 for s >= 0 and down_i s^2/2 for s < 0 where |s| <= reach_i, and the tangent
from there. With slopes in [0, L] it is L-smooth and convex with minimum 0; what sampled verification measures.
"""

import numpy as np

from linres.kernels._jit import as_arrays, compiled

COLUMNS = ("potential", "potential_next", "excess", "excess_next", "lookahead_error", "step_error")


@compiled(inline=True)
def _norm(x):
    total = 0.0
    for i in range(len(x)):
        total += x[i] * x[i]
    return np.sqrt(total)


@compiled(inline=True)
def _excess(up, down, reach, x):
    """f(x)."""
    total = 0.0
    for i in range(len(x)):
        slope = up[i] if x[i] >= 0.0 else down[i]
        bent = min(abs(x[i]), reach[i])
        total += slope * bent * (2.0 * abs(x[i]) - bent)
    return total / 2


@compiled(inline=True)
def _potential(excess, x, x_prev, star, tau, smoothness):
    """tau^2 f(x) + (L/2)|z - x*|^2, z = x_prev + tau (x - x_prev), given f(x)."""
    total = 0.0
    for i in range(len(x)):
        offset = x_prev[i] + tau * (x[i] - x_prev[i]) - star[i]
        total += offset * offset
    return tau * tau * excess + smoothness * total / 2


@compiled(inline=True)
def _advance(up, down, reach, x, x_prev, lookahead_error, step_error, momentum, step_size, scale):
    """One step in place, with the errors times scale."""
    for i in range(len(x)):
        y = x[i] + momentum * (x[i] - x_prev[i]) + scale * lookahead_error[i]
        slope = up[i] if y >= 0.0 else down[i]
        bent = min(max(y, -reach[i]), reach[i])
        x_prev[i] = x[i]
        x[i] = y - step_size * (slope * bent) + scale * step_error[i]


@compiled
def _measure(up, down, reach, x, x_prev, star, lookahead_error, step_error, smoothness, tau, rows):
    """Fill rows (N * T, 6); x and x_prev are overwritten."""
    stages = tau.shape[1] - 1
    for n in range(len(smoothness)):
        drift, wobble, scale = _norm(lookahead_error[n]), _norm(step_error[n]), 1.0
        excess = _excess(up[n], down[n], reach[n], x[n])
        potential = _potential(excess, x[n], x_prev[n], star[n], tau[n, 0], smoothness[n])
        for t in range(stages):
            row = rows[n * stages + t]
            row[0], row[2], row[4], row[5] = potential, excess, scale * drift, scale * wobble
            momentum = (tau[n, t] - 1.0) / tau[n, t + 1]
            _advance(
                up[n], down[n], reach[n], x[n], x_prev[n], lookahead_error[n], step_error[n], momentum,
                1.0 / smoothness[n], scale,
            )
            excess = _excess(up[n], down[n], reach[n], x[n])
            potential = _potential(excess, x[n], x_prev[n], star[n], tau[n, t + 1], smoothness[n])
            row[1], row[3], scale = potential, excess, scale / 2.0


def convex_rows(up, down, reach, x, x_prev, star, lookahead_error, step_error, L, tau):
    """Measure each of T steps on each of N functions in R^d: rows (N * T, 6), see `COLUMNS`.

    up, down, reach (inf for no end), x, x_prev, star (a minimiser), lookahead_error, step_error (N, d); L (N,); tau
    (N, T + 1). Step size 1/L, momentum (tau_t - 1)/tau_{t+1}; the errors of stage t are the given vectors times 2^-t.
    Row n * T + t holds, for function n, Phi_t, Phi_{t+1}, f(x_t), f(x_{t+1}), |D_t| and |e_t|.
    """
    up, down, reach, star, lookahead_error, step_error, L, tau = as_arrays(
        up, down, reach, star, lookahead_error, step_error, L, tau
    )
    x, x_prev = np.array(x, dtype=np.float64, order="C"), np.array(x_prev, dtype=np.float64, order="C")
    rows = np.empty((len(L) * (tau.shape[1] - 1), len(COLUMNS)))
    _measure(up, down, reach, x, x_prev, star, lookahead_error, step_error, L, tau, rows)
    return rows
