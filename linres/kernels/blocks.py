"""All blocks of a linear residual network at once on least squares: the compiled twin of methods/end_to_end.py.

Loss and gradients come from the moments, at the same cost for any number of samples: one pass up for the products B_i
of what is below each block, one pass down for R_i = N^T A_i, A_i the product of what is above and N the gradient in W:

    B_{i+1} = B_i + w_i B_i,    R_{i-1} = R_i + R_i w_i,    G_i = (B_i R_i)^T,

3 n - 2 products of d x d matrices. The B_i are kept where the gradients will stand, so that nothing but a few d x d
matrices is needed besides. Written so, the first factor of every product is the one that may lie in any way, and the
one transpose that each block needs is of its gradient, tile by tile.

Matrices are those of `linres.kernels.microkernel` in the layout `rows`: d is rounded up to a multiple of LANES, and
what lies beyond is zero in w_i, Sigma and W*.
"""

from functools import partial

import numpy as np

from linres.kernels._jit import as_arrays, compiled
from linres.kernels._threads import Team, threads
from linres.kernels.microkernel import Part, affine
from linres.kernels.transposition import transpose
from linres.kernels.vectors import LANES

_ONE = np.ones(LANES)
WORK, ZERO = 6, 5  # matrices, and which of them is zero
PAYS = 2**26  # multiplications and additions, from which on several threads are quicker than one


@compiled(inline=True)
def _add(a, b, x, out, d):
    """out <- x + a b."""
    affine(Part(0, 0, out.shape[0], 0, out.shape[1], 0, d), a, b, _ONE, x, _ONE, out)


@compiled(inline=True)
def _with_identity(a, begin, end, out):
    """Columns begin to end - 1: out <- I + a."""
    for i in range(out.shape[0]):
        for j in range(begin, end):
            out[i, j] = a[i, j] + (1.0 if i == j else 0.0)


@compiled(inline=True)
def _subtract(a, b, begin, end, out):
    """Rows begin to end - 1: out <- a - b."""
    for i in range(begin, end):
        for j in range(out.shape[1]):
            out[i, j] = a[i, j] - b[i, j]


@compiled
def _half_inner(a, b, d):
    """1/2 <a, b>."""
    total = 0.0
    for i in range(d):
        for j in range(d):
            total += a[i, j] * b[i, j]
    return total / 2


@compiled(inline=True)
def _slope(sigma, target, network, residual, slope, zero, d):
    """slope <- (W - W*) Sigma, W the network; returns the excess loss there, 1/2 <W - W*, slope>."""
    _subtract(network, target, 0, len(network), residual)
    _add(residual, sigma, zero, slope, d)
    return _half_inner(residual, slope, d)


@compiled(inline=True)
def _finish(below, right, product, zero, d):
    """below <- (below right)^T: from B_i and R_i to G_i."""
    _add(below, right, zero, product, d)
    transpose(product, below)


@compiled
def gradients(sigma, target, blocks, out, work, d):
    """out <- G_1 .. G_n (n, p, p) at blocks (n, p, p), n >= 1, p >= d a multiple of LANES; returns the excess loss.

    sigma and target are (p, p), work is (WORK, p, p), its last matrix zero.
    """
    last, network, right, spare, zero = len(blocks) - 1, work[0], work[1], work[2], work[ZERO]
    _with_identity(blocks[0], 0, len(network), out[1] if last else network)  # B_1 = I, and is not written
    for i in range(1, last + 1):
        _add(blocks[i], out[i], out[i], out[i + 1] if i < last else network, d)
    excess = _slope(sigma, target, network, work[3], work[4], zero, d)
    transpose(work[4], right)
    for i in range(last, 0, -1):
        _finish(out[i], right, work[3], zero, d)
        _add(right, blocks[i], right, spare, d)
        right, spare = spare, right
    transpose(right, out[0])
    return excess


@compiled
def excess(sigma, target, blocks, work, d):
    """The excess loss at blocks (n, p, p), by one product for each block but the first. Else as `gradients`."""
    network, grown = work[0], work[1]
    _with_identity(blocks[0], 0, len(network), network)
    for i in range(1, len(blocks)):
        _add(blocks[i], network, network, grown, d)
        network, grown = grown, network
    return _slope(sigma, target, network, work[3], work[4], work[ZERO], d)


# ------------------------------------------------------------------------------------------------- on several threads
# Columns of the B_i, and rows of W - W* and of the R_i, need no others, so that threads do not wait for each other
# while they pass up, and down CHUNK blocks. The gradients of those are then shared out.

CHUNK = 32


@compiled(nogil=True)
def _up(blocks, out, network, begin, end, d):
    """Columns begin to end - 1: out <- B_2 .. B_n and network <- W."""
    last, part = len(blocks) - 1, Part(0, 0, len(network), begin, end, 0, d)
    _with_identity(blocks[0], begin, end, out[1] if last else network)
    for i in range(1, last + 1):
        affine(part, blocks[i], out[i], _ONE, out[i], _ONE, out[i + 1] if i < last else network)


@compiled(nogil=True)
def _slope_rows(sigma, target, network, residual, slope, zero, begin, end, d):
    """Rows begin to end - 1 of `_slope`."""
    _subtract(network, target, begin, end, residual)
    affine(Part(0, begin, end, 0, len(slope), 0, d), residual, sigma, _ONE, zero, _ONE, slope)


@compiled(nogil=True)
def _down(blocks, rights, first, last, begin, end, d):
    """Rows begin to end - 1: rights[i % K] <- R_i for first > i >= last, K = len(rights), from R_first in its place."""
    part = Part(0, begin, end, 0, rights.shape[2], 0, d)
    for i in range(first, last, -1):
        right = rights[i % len(rights)]
        affine(part, right, blocks[i], _ONE, right, _ONE, rights[(i - 1) % len(rights)])


@compiled(nogil=True)
def _finish_some(out, rights, first, last, part, parts, product, zero, d):
    """out[i] <- G_i for first >= i > last, every one of `parts` that is the turn of `part`."""
    for i in range(first - part, last, -parts):
        _finish(out[i], rights[i % len(rights)], product, zero, d)


class _Together:
    """`gradients` by a team, in (CHUNK + 5 + threads, p, p) of memory; the same bits."""

    def __init__(self, team: Team, p: int):
        self.team, self.p = team, p
        self.rights, self.rest = np.empty((CHUNK + 1, p, p)), np.zeros((4 + team.count, p, p))

    def _share(self, part: int, unit: int) -> tuple[int, int]:
        """Where the part of the p rows or columns begins and ends, on multiples of the unit but for p."""
        units = -(-self.p // unit)
        begin, end = (units * k // self.team.count * unit for k in (part, part + 1))
        return begin, min(end, self.p)

    def _down(self, blocks, rights, first, last, d, part):
        _down(blocks, rights, first, last, *self._share(part, LANES), d)

    def _finish(self, out, rights, first, last, zero, products, d, part):
        _finish_some(out, rights, first, last, part, self.team.count, products[part], zero, d)

    def gradients(self, sigma, target, blocks, out, d: int) -> float:
        network, residual, slope, zero, *products = self.rest
        each, last = self.team.each, len(blocks) - 1
        each(lambda part: _up(blocks, out, network, *self._share(part, 2 * LANES), d))
        each(lambda part: _slope_rows(
            sigma, target, network, residual, slope, zero, *self._share(part, LANES), d))
        transpose(slope, self.rights[last % len(self.rights)])
        for first in range(last, 0, -CHUNK):
            chunk = self.rights, first, max(first - CHUNK, 0)
            each(partial(self._down, blocks, *chunk, d))
            each(partial(self._finish, out, *chunk, zero, products, d))
        transpose(self.rights[0], out[0])
        return _half_inner(residual, slope, d)


# --------------------------------------------------------------------------------------------------------------- steps


@compiled(inline=True)
def _look_ahead(blocks, previous, momentum, out):
    """out (n, p, p) <- y = w_t + momentum (w_t - w_{t-1}), both (n, d, d)."""
    for i in range(blocks.shape[0]):
        for j in range(blocks.shape[1]):
            for m in range(blocks.shape[2]):
                out[i, j, m] = blocks[i, j, m] + momentum * (blocks[i, j, m] - previous[i, j, m])


@compiled(inline=True)
def _step(point, step_size, slopes, out):
    """out (n, d, d) <- point - step_size slopes, both (n, p, p)."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for m in range(out.shape[2]):
                out[i, j, m] = point[i, j, m] - step_size * slopes[i, j, m]


@compiled
def _iterate(sigma, target, momentum, step_size, states, losses, point, slopes, work):
    """Fill losses (T+1,) and states (K, n, d, d), K > 1: w_t goes to states[t % K]. point and slopes are (n, p, p)."""
    stages, kept, d = len(losses) - 1, len(states), states.shape[2]
    for t in range(stages):
        blocks, previous, grown = states[t % kept], states[max(t - 1, 0) % kept], states[(t + 1) % kept]
        if momentum != 0.0:
            _look_ahead(blocks, previous, 0.0, point)
            losses[t] = excess(sigma, target, point, work, d)
        _look_ahead(blocks, previous, momentum, point)
        found = gradients(sigma, target, point, slopes, work, d)
        if momentum == 0.0:
            losses[t] = found
        _step(point, step_size, slopes, grown)
    last = states[stages % kept]
    _look_ahead(last, last, 0.0, point)
    losses[stages] = excess(sigma, target, point, work, d)


def _padded(array):
    """The array (..., d, d), C-contiguous, with zeros up to a multiple of LANES; itself if there is nothing to add."""
    (array,) = as_arrays(array)
    more = -array.shape[-1] % LANES
    return np.pad(array, [(0, 0)] * (array.ndim - 2) + [(0, more)] * 2) if more else array


def _require_square(sigma, target, other) -> None:
    """ValueError unless sigma and target are (d, d), as `other` if there is one."""
    d = len(target)
    if {np.shape(sigma), np.shape(target), other or (d, d)} != {(d, d)}:
        raise ValueError(f"sigma, target and blocks should be ({d}, {d}), got {np.shape(sigma)}, {np.shape(target)} "
                         f"and {other or (d, d)}")


def _work(target):
    """For a target that is padded."""
    work = np.empty((WORK, *target.shape))
    work[ZERO] = 0
    return work


class Moments:
    """Loss and gradients for sigma (d, d) and target = W* (d, d) at depth n, in memory allocated once.

    Large gradients are computed on as many threads as Numba is set to, with the same bits.
    """

    def __init__(self, sigma, target, depth):
        _require_square(sigma, target, ())
        self.sigma, self.target = map(_padded, (sigma, target))
        self._work, self._d = _work(self.target), len(target)
        self._shape = (depth, self._d, self._d)
        self._together: _Together | None = None
        self._blocks, self._slopes = np.zeros((2, depth if self._d % LANES else 0, *self.target.shape))

    def _laid_out(self, blocks):
        """The blocks (n, d, d) with zeros around them. ValueError for other shapes: kernels would read beyond them."""
        (blocks,) = as_arrays(blocks)
        if blocks.shape != self._shape:
            raise ValueError(f"blocks should have the shape {self._shape}, got {blocks.shape}")
        if not len(self._blocks):
            return blocks
        self._blocks[:, : self._d, : self._d] = blocks
        return self._blocks

    def excess(self, blocks):
        """ell(W) - ell* at blocks (n, d, d)."""
        return excess(self.sigma, self.target, self._laid_out(blocks), self._work, self._d)

    def evaluate(self, blocks, out=None):
        """The excess loss at blocks (n, d, d) and the gradients there: a new array (n, d, d), or out, C-contiguous."""
        out = np.empty(self._shape) if out is None else out
        if out.shape != self._shape or out.dtype != np.float64 or not out.flags.c_contiguous:
            raise ValueError(f"out should be C-contiguous, of float64 and the shape {self._shape}, got {out.shape}")
        if np.may_share_memory(out, np.asarray(blocks)):
            blocks = np.array(blocks)
        slopes = self._slopes if len(self._slopes) else out
        excess = self._gradients(self._laid_out(blocks), slopes)
        if slopes is not out:
            out[...] = slopes[:, : self._d, : self._d]
        return excess, out

    def _gradients(self, blocks, out) -> float:
        count = threads() if 6 * len(blocks) * self._d**3 >= PAYS else 1
        if count == 1:
            return gradients(self.sigma, self.target, blocks, out, self._work, self._d)
        if self._together is None or self._together.team.count != count:
            self._together = _Together(Team(count), len(self.target))
        return self._together.gradients(self.sigma, self.target, blocks, out, self._d)


def trace(sigma, target, start, momentum, step_size, stages, kept=None):
    """T = stages steps from rest at start (n, d, d): returns the excess (T+1,) and states (T+1, n, d, d), w_t.

    momentum 0 is gradient descent, else Nesterov's method; sigma (d, d), target = W* (d, d). kept = K > 1 holds the
    last K states only: w_t is states[t % K].
    """
    _require_square(sigma, target, np.shape(start)[1:])
    sigma, target, (start,) = _padded(sigma), _padded(target), as_arrays(start)
    losses, states = np.empty(stages + 1), np.empty((kept or stages + 1, *start.shape))
    states[0] = start
    point, slopes = np.zeros((2, len(start), *target.shape))
    _iterate(sigma, target, float(momentum), float(step_size), states, losses, point, slopes, _work(target))
    return losses, states


def run(sigma, target, start, momentum, step_size, stages):
    """As `trace`, but returns excess (T+1,) and the last state w_T (n, d, d) alone, and holds no others."""
    losses, states = trace(sigma, target, start, momentum, step_size, stages, kept=2)
    return losses, states[stages % 2]
