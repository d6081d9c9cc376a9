"""All blocks of a linear residual network at once on least squares: the compiled twin of methods/end_to_end.py.

Loss and gradients come from the moments, at the same cost for any number of samples: one pass up for the products below
each block, one pass down for the slopes above it, 3 n products of d x d matrices. The products are kept where the
gradients will stand, so that nothing but four d x d matrices is needed besides.
"""

import numpy as np

from linres.kernels import least_squares
from linres.kernels._jit import as_arrays, compiled
from linres.kernels.matrices import add_multiple, copy, multiply, transpose


@compiled
def _identity(out):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = 1.0 if i == j else 0.0


@compiled
def gradients(sigma, target, blocks, out, work):
    """out <- G_1 .. G_n (n, d, d) at blocks (n, d, d), n >= 1; returns the excess loss there. work is (4, d, d)."""
    network, slope, above, product = work[0], work[1], work[2], work[3]
    last = len(blocks) - 1
    _identity(out[0])
    for i in range(last + 1):
        grown = out[i + 1] if i < last else network
        multiply(blocks[i], out[i], grown)
        add_multiple(grown, 1.0, out[i])
    excess = least_squares.gradient(sigma, target, network, product, slope)
    transpose(slope, above)  # (A_i^T N)^T = N^T A_i, which grows without a transpose: G_i^T = B_i (N^T A_i)
    for i in range(last, -1, -1):
        multiply(out[i], above, product)
        transpose(product, out[i])
        if i > 0:
            multiply(above, blocks[i], product)
            add_multiple(above, 1.0, product)
    return excess


@compiled
def excess(sigma, target, blocks, work):
    """The excess loss at blocks (n, d, d), by one product for each block. work is (4, d, d)."""
    network, grown, residual, slope = work[0], work[1], work[2], work[3]
    _identity(network)
    for i in range(len(blocks)):
        multiply(blocks[i], network, grown)
        add_multiple(network, 1.0, grown)
    return least_squares.gradient(sigma, target, network, residual, slope)


@compiled
def _look_ahead(blocks, previous, momentum, out):
    """out <- y = w_t + momentum (w_t - w_{t-1}), all (n, d, d)."""
    for i in range(blocks.shape[0]):
        for j in range(blocks.shape[1]):
            for m in range(blocks.shape[2]):
                out[i, j, m] = blocks[i, j, m] + momentum * (blocks[i, j, m] - previous[i, j, m])


@compiled
def _iterate(sigma, target, momentum, step_size, states, losses, point, slopes, work):
    """Fill losses (T+1,) and states (K, n, d, d), K > 1: w_t goes to states[t % K]. point, slopes (n, d, d)."""
    stages, kept = len(losses) - 1, len(states)
    for t in range(stages):
        blocks, previous, grown = states[t % kept], states[max(t - 1, 0) % kept], states[(t + 1) % kept]
        _look_ahead(blocks, previous, momentum, point)
        found = gradients(sigma, target, point, slopes, work)
        losses[t] = found if momentum == 0.0 else excess(sigma, target, blocks, work)
        for i in range(len(blocks)):
            copy(point[i], grown[i])
            add_multiple(grown[i], -step_size, slopes[i])
    losses[stages] = excess(sigma, target, states[stages % kept], work)


class Moments:
    """Loss and gradients for sigma (d, d) and target = W* (d, d) at depth n, in memory allocated once."""

    def __init__(self, sigma, target, depth):
        self.sigma, self.target = as_arrays(sigma, target)
        self._work = np.empty((4, *self.target.shape))
        self._shape = (depth, *self.target.shape)

    def excess(self, blocks):
        """ell(W) - ell* at blocks (n, d, d)."""
        return excess(self.sigma, self.target, *as_arrays(blocks), self._work)

    def evaluate(self, blocks):
        """The excess loss at blocks (n, d, d) and a new array (n, d, d) of the gradients there."""
        out = np.empty(self._shape)
        return gradients(self.sigma, self.target, *as_arrays(blocks), out, self._work), out


def trace(sigma, target, start, momentum, step_size, stages, kept=None):
    """T = stages steps from rest at start (n, d, d): returns the excess (T+1,) and states (T+1, n, d, d), w_t.

    momentum 0 is gradient descent, else Nesterov's method; sigma (d, d), target = W* (d, d). kept = K > 1 holds the
    last K states only: w_t is states[t % K].
    """
    sigma, target, start = as_arrays(sigma, target, start)
    losses, states = np.empty(stages + 1), np.empty((kept or stages + 1, *start.shape))
    states[0] = start
    _iterate(
        sigma, target, float(momentum), float(step_size), states, losses, *np.empty((2, *start.shape)),
        np.empty((4, *target.shape)),
    )
    return losses, states


def run(sigma, target, start, momentum, step_size, stages):
    """As `trace`, but returns excess (T+1,) and the last state w_T (n, d, d) alone, and holds no others."""
    losses, states = trace(sigma, target, start, momentum, step_size, stages, kept=2)
    return losses, states[stages % 2]
