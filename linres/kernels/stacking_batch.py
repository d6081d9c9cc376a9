"""Stagewise stacking on many least-squares problems: loss curves alone, near the peak of the processor.

The recurrences are those of methods/stacking.py in coordinates that make a stage cheap; losses are the same in exact
arithmetic.

Parameter rule. With Sigma = F F^T, X = (W F)^T and v = w^T the moments are gone: the loss is |E|^2/2, E = X - (W* F)^T,

    G = E + beta X v,    v <- beta v - step X^T G,    X <- X + X v,    E <- E + X v:

three products.

Functional rule. With Sigma = Q T Q^T, T tridiagonal, W stands for W Q and P for w_t W_t. As w_{t+1} = D W_t^{-1} for
the change D = W_{t+1} - W_t,

    D = beta P - step (E + beta P) T,    P <- D + D W^{-1} D,    W <- W + D,    E <- E + D:

a linear system and a product. The loss is <E, E T>/2.

Small problems are taken LANES at a time, one in each lane of the vectors, larger ones one by one (the layouts of
`linres.kernels.vectors`). Which way depends on the dimension alone, so that curves have the same bits in any company.
"""

from typing import NamedTuple

import numpy as np

from linres.kernels._jit import compiled
from linres.kernels._threads import at_once, following, let_go, so_far
from linres.kernels.elimination import BLOCK, solve
from linres.kernels.factors import root, tridiagonal
from linres.kernels.microkernel import SHORT, Part, affine, grow
from linres.kernels.vectors import LANES, coefficients, load, multiply_add, spread, store

# Up to which dimension problems are taken side by side, by rule: beyond, eight times the room costs more than it gains.
SIDE_BY_SIDE = {"parameter": 24, "functional": 40}
PADDED = 40  # and up to which any are of which single matrices would be padded

COUNT, APART = 8, 72  # matrices of a run, and numbers between them, of nine cache lines


class Given(NamedTuple):
    """Sigma, W*, W_0 (R, d, d), momenta and step sizes (R,). Of matrices that all runs share there may be one."""

    sigma: np.ndarray
    target: np.ndarray
    start: np.ndarray
    momentum: np.ndarray
    step: np.ndarray


class Batch(NamedTuple):
    """As `Given`, with each Sigma factored: see `_factor`."""

    frame: np.ndarray
    band: np.ndarray
    target: np.ndarray
    start: np.ndarray
    momentum: np.ndarray
    step: np.ndarray


class Work(NamedTuple):
    """What a run writes to: room for COUNT matrices in one of the layouts, rows of LANES numbers, the diagonals of T.

    See `_matrices` for how they lie.
    """

    room: np.ndarray
    matrices: np.ndarray
    numbers: np.ndarray
    bands: np.ndarray
    pivot_row: np.ndarray


@compiled(nogil=True)
def _factor(sigma, turn, done, reduced, scratch, frame, band, definite):
    """Each Sigma (S, d, d) once for all its runs, in turns with other threads; waits until all are done.

    frame (S, d, d) <- F with F F^T = Sigma; if reduced, Q^T with Sigma = Q T Q^T, and band (S, 2, d + 1) <- what
    stands on the diagonals of T. definite (S,) <- whether there is such an F. scratch: (d + 3, d). turn counts those
    begun, done those done.
    """
    problem = following(turn)
    while problem < len(frame):
        definite[problem] = root(sigma[problem], frame[problem], scratch[: sigma.shape[1]])
        if reduced and definite[problem]:
            tridiagonal(sigma[problem], frame[problem], band[problem, 0], band[problem, 1], scratch)
        following(done)
        problem = following(turn)
    while so_far(done) < len(frame):
        pass  # shorter than going to sleep: to wake a thread up takes as long as many factors


@compiled(inline=True)
def _of(matrices, problem):
    """The one of that problem."""
    return matrices[problem % len(matrices)]


@compiled
def _pack(given, lane, flipped, out):
    """A matrix (m, n), or its transpose, to its place in the layout: all of it in `rows`, one lane in `lanes`."""
    rows, columns = given.shape
    for i in range(rows):
        for j in range(columns):
            row, column = (j, i) if flipped else (i, j)
            if out.ndim == 2:
                out[row, column] = given[i, j]
            else:
                out[row, column, lane] = given[i, j]


@compiled(inline=True)
def _write(total, lost, first, count, single, t, curves):
    """Half the sums (1, LANES) as losses of stage t: together that of one problem, or in each lane one of another."""
    whole = 0.0
    for lane in range(LANES):
        whole += total[0, lane]
    if single:
        curves[first, t] = whole / 2.0
    else:
        for lane in range(count):
            curves[first + lane, t] = total[0, lane] / 2.0 + lost[0, lane]


@compiled(inline=True)
def _begin(batch, first, count, work):
    """Paces and constants of problems first ... first + count - 1; all matrices begin as zero."""
    numbers = work.numbers
    work.room[:] = 0.0
    work.bands[:] = 0.0
    numbers[:] = 0.0
    for lane in range(LANES):
        problem = first + min(lane, count - 1)
        numbers[0, lane] = batch.momentum[problem]
        numbers[1, lane] = -batch.step[problem]
        numbers[2, lane] = 1.0
        numbers[3, lane] = -1.0


@compiled(nogil=True)
def parameter(batch, turn, many, work, curves):
    """Fill curves (R, T+1), `many` problems at once, in turns with other threads: turn (1,) counts the groups taken."""
    m, numbers, d = work.matrices, work.numbers, batch.frame.shape[1]
    x, grown, error, block, slope, factor = m[0], m[1], m[2], m[3], m[4], m[5]
    beta, back, one, minus, none = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    total, lost = numbers[5:6], numbers[6:7]
    rows, columns = x.shape[:2]
    whole, flipped = Part(0, 0, rows, 0, columns, 0, d), Part(1, 0, rows, 0, columns, 0, d)
    first = many * following(turn)
    while first < len(curves):
        count = min(many, len(curves) - first)
        _begin(batch, first, count, work)
        for n in range(many):
            problem = first + min(n, count - 1)
            _pack(_of(batch.frame, problem), n, False, factor)
            _pack(_of(batch.start, problem), n, True, slope)
            _pack(_of(batch.target, problem), n, True, grown)
        affine(flipped, factor, slope, one, slope, none, x)
        affine(flipped, factor, grown, minus, x, one, error)
        for t in range(curves.shape[1]):
            if t > 0:
                affine(whole, x, block, beta, error, one, slope)
                affine(flipped, x, slope, back, block, beta, block)
            total[:] = 0.0
            grow(x, block, grown, error, numbers[5], d)
            x, grown = grown, x
            _write(total, lost, first, count, many == 1, t, curves)
        first = many * following(turn)
    return 0


@compiled(inline=True)
def _advance(network, error, change, ahead, move, free, system, bands, numbers, d):
    """network and error a stage on: move and free <- D, system <- the network before. change is P, bands are of T.

    ahead <- E + beta P. Its neighbours beyond a row's ends enter with a factor of zero.
    """
    hop = LANES if network.ndim == 2 else 1
    diagonal, beside = bands[0], bands[1]
    beta, back = coefficients(numbers[0], 0), coefficients(numbers[1], 0)
    for i in range(d):
        for j in range(0, network.shape[1], hop):
            store(ahead, i, j, multiply_add(beta, load(change, i, j), load(error, i, j)))
    for i in range(d):  # not in the same loop: neighbours that have just been written would be waited for
        for j in range(0, network.shape[1], hop):
            slope = load(ahead, i, j) * coefficients(diagonal, j)
            slope = multiply_add(load(ahead, i, j - 1), coefficients(beside, j), slope)
            slope = multiply_add(load(ahead, i, j + 1), coefficients(beside, j + 1), slope)
            made = multiply_add(back, slope, beta * load(change, i, j))
            at = load(network, i, j)
            store(system, i, j, at)
            store(move, i, j, made)
            store(free, i, j, made)
            store(network, i, j, at + made)
            store(error, i, j, load(error, i, j) + made)


@compiled(inline=True)
def _measure(error, bands, total, d):
    """total (1, LANES) <- <E, E T>, in parts or by lane: twice the products with the neighbour on the left."""
    hop = LANES if error.ndim == 2 else 1
    diagonal, beside = bands[0], bands[1]
    squares, products = spread(0.0), spread(0.0)
    for i in range(d):
        for j in range(0, error.shape[1], hop):
            at = load(error, i, j)
            squares = multiply_add(at * coefficients(diagonal, j), at, squares)
            products = multiply_add(load(error, i, j - 1) * coefficients(beside, j), at, products)
    store(total, 0, 0, squares + products + products)


@compiled(nogil=True)
def functional(batch, turn, many, work, curves):
    """As `parameter`. From the stage on at which W is singular losses are nan."""
    m, numbers, bands, d = work.matrices, work.numbers, work.bands, batch.frame.shape[1]
    network, error, change, ahead, move, free, system = m[0], m[1], m[2], m[3], m[4], m[5], m[6]
    one, minus, none, total, lost = numbers[2], numbers[3], numbers[4], numbers[5:6], numbers[6:7]
    rows, columns = network.shape[:2]
    whole = Part(0, 0, rows, 0, columns, 0, d)
    first = many * following(turn)
    while first < len(curves):
        count = min(many, len(curves) - first)
        _begin(batch, first, count, work)
        for n in range(many):
            problem = first + min(n, count - 1)
            _pack(_of(batch.band, problem), n, False, bands)
            _pack(_of(batch.frame, problem), n, True, system)
            _pack(_of(batch.start, problem), n, False, move)
            _pack(_of(batch.target, problem), n, False, free)
        affine(whole, move, system, one, move, none, network)
        affine(whole, free, system, minus, network, one, error)
        for t in range(curves.shape[1]):
            if t > 0:
                _advance(network, error, change, ahead, move, free, system, bands, numbers, d)
                if not solve(system, free, d, numbers[2:5], work.pivot_row, m[7], lost):
                    for later in range(t, curves.shape[1]):
                        curves[first, later] = np.nan
                    break
                affine(whole, move, free, one, move, one, change)
            _measure(error, bands, total, d)
            _write(total, lost, first, count, many == 1, t, curves)
        first = many * following(turn)
    return 0


def _aligned(*shape: int) -> np.ndarray:
    """Zeros that begin with a cache line: vectors across two lines take twice as long to load."""
    size = int(np.prod(shape))
    room = np.zeros(size + 8)
    start = -room.ctypes.data // 8 % 8
    return room[start : start + size].reshape(shape)


def _matrices(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    """COUNT of them, zero, in room before and after, where vectors may be read: all the room, and the matrices.

    Their addresses differ by no multiple of a page: a load would be taken to depend on a store to the same place of
    another page, and wait for it.
    """
    size = int(np.prod(shape))
    room = _aligned(COUNT * (size + APART) + APART)
    inside = np.empty(shape).strides
    matrices = np.lib.stride_tricks.as_strided(room[APART:], (COUNT, *shape), (8 * (size + APART), *inside))
    return room, matrices


def together(d: int, rule: str) -> int:
    """How many problems of dimension d are taken at once: LANES or one."""
    most = PADDED if d % LANES else SIDE_BY_SIDE[rule]
    return LANES if 1 < d <= most else 1


def _work(d: int, many: int) -> Work:
    """Room for so many problems at once."""
    if many > 1:
        (room, matrices), bands = _matrices(d, d, LANES), _aligned(2, d + 1, LANES)
    else:
        rows, columns = -(-d // SHORT) * SHORT, -(-d // BLOCK) * BLOCK
        (room, matrices), bands = _matrices(rows, columns), _aligned(2, columns + BLOCK)
    return Work(room, matrices, _aligned(8, LANES), bands, np.empty(BLOCK))


def _require_shapes(given: Given, count: int, d: int) -> None:
    """ValueError for arrays that kernels would read beyond."""
    for name, field in given._asdict().items():
        matrices = name not in ("momentum", "step")
        if field.shape[1:] != (d, d) * matrices or len(field) not in ((1, count) if matrices else (count,)):
            raise ValueError(f"{name} of {count} problems in {d} dimensions has the shape {field.shape}")


def _turn() -> np.ndarray:
    """What threads count by, from 0."""
    return np.zeros(1, dtype=np.int64)


def run(given: Given, curves: np.ndarray, rule: str, jobs: int) -> int:
    """Fill curves (R, T+1) by the rule, on so many threads, but no more than there is work for; returns S.

    Of S matrices Sigma, if not all are positive semidefinite: the index of the first that is not, and no curves. Each
    thread takes the next problems when it has done others, and none holds the interpreter's lock. ValueError if shapes
    do not fit.
    """
    sigma, d = given.sigma, given.sigma.shape[1]
    _require_shapes(given, len(curves), d)
    definite = np.zeros(len(sigma), dtype=np.bool_)
    batch = Batch(np.empty(sigma.shape), np.zeros((len(sigma), 2, d + 1)), *given[1:])
    many, kernel = together(d, rule), functional if rule == "functional" else parameter
    turns = _turn(), _turn(), _turn()

    def work() -> None:
        scratch = np.empty((d + 3, d))
        try:
            _factor(sigma, turns[0], turns[1], rule == "functional", scratch, batch.frame, batch.band, definite)
        except BaseException:  # Ctrl-C, say, where nothing is compiled: others would wait for ever
            let_go(turns[1], len(sigma))
            raise
        if definite.all():
            kernel(batch, turns[2], many, _work(d, many), curves)

    at_once(work, min(jobs, max(len(sigma), -(-len(curves) // many))))
    return len(sigma) if definite.all() else int(np.argmin(definite))
