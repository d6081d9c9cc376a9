"""Random residual networks beside what they tend to: a stochastic differential equation, or a flow.

h_{k+1} = h_k + a V_{k+1} phi(h_k), k < L, where a limit is neither the start nor infinite: at the critical exponent.

Independent Gaussian layers, a = L^{-1/2}: Euler's scheme of dH = d^{-1/2} dB phi(H), B a matrix of independent Brownian
motions. `diffusion` runs the scheme with M steps in a layer and the same noise. How far both are apart is known exactly
for linear blocks (scaling-strong-error, `strong_error`), and so is the law of the limit: by Ito's formula

    d log|H|^2 = (1 - 2/d) ds + 2 d^{-1/2} d beta,    beta = int <H, dB H>/|H|^2 a Brownian motion,

and log |H_1|^2/|h_0|^2 is normal with mean 1 - 2/d and variance 4/d (`norm_law`).

Smooth weights V_{k+1} = A(k/L), a = 1/L: Euler's scheme of dH/ds = A(s) phi(H). `flow` solves that by SciPy for the
weights of each run; scaling-smooth-weights bounds the distance for linear blocks (`flow_bound`).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linres import checks
from linres.errors import refuse
from linres.methods import correlated, propagation
from linres.methods.propagation import BLOCKS, MOST

REFINEMENT = 16
TOLERANCE = 1e-10  # of SciPy's steps, relative
_STEPS = 100  # of the grid of smooth weights in a length of correlation: a cubic spline is then some 1e-9 off
_LARGEST_GRID = 10**6
_LARGEST_START = 1e100  # and its inverse: squares of entries stay in float64

Watch = Callable[[int, int], Any]


@dataclass(frozen=True, repr=False)
class Beside:
    """Networks beside their limits, run by run.

    Arrays are (runs,), or (K, runs) where K depths were asked for, and hold natural logarithms.

    Attributes
    ----------
    log_norm : ndarray
        log(|h_L|^2/|h_0|^2), of the network.
    log_limit : ndarray
        log(|H_1|^2/|h_0|^2), of the limit.
    log_error : ndarray
        log(|H_1 - h_L|/|h_0|).
    log_bound : ndarray, optional
        What log_error is at most by scaling-smooth-weights; None where there is no such bound.
    how : str
        How the limit was computed.
    """

    log_norm: np.ndarray
    log_limit: np.ndarray
    log_error: np.ndarray
    log_bound: np.ndarray | None
    how: str

    def __repr__(self) -> str:
        middle = np.exp(np.median(self.log_error))
        return f"Beside(shape {self.log_error.shape}, median error {middle:.3g} |h_0|, {self.how})"


def diffusion(
    depth: int | Sequence[int], *, width: int, block: str = "linear", runs: int = 1, refinement: int = REFINEMENT,
    start=None, seed: int = 0, watch: Watch | None = None,
) -> Beside:
    """Networks h + L^{-1/2} V phi(h) of Gaussian layers beside Euler's scheme of their diffusion, with the same noise.

    The limit is dH = d^{-1/2} dB phi(H), d the width and B a matrix of independent Brownian motions.

    Parameters
    ----------
    depth : int or sequence of int
        L, the number of layers, >= 1; each of several depths has runs of its own.
    width : int
        The length of h_k, >= 1.
    block : {"linear", "relu", "tanh"}
        phi.
    runs : int, default 1
        How many networks of each depth, >= 1.
    refinement : int, default 16
        Steps of the scheme in a layer, >= 1.
    start : (width,) array_like, optional
        h_0; by default standard normal in each run.
    seed : int, default 0
        From 0 to 2^64 - 1. Each run is a function of the settings and the seed, on any number of threads.
    watch : callable, optional
        watch(done, runs), called now and then.

    Returns
    -------
    linres.limits.Beside
        log_norm, log_limit and log_error, (runs,) each, or (K, runs) for K depths.

    Raises
    ------
    InputError
        When a setting is outside its range.

    Notes
    -----
    Both are drawn exactly in law, two normal vectors a step, not weight by weight (proofs/random-networks.md). The mean
    square of the error is `strong_error` for linear blocks (scaling-strong-error).

    The depths of one call are drawn independently of each other. Two calls with one seed are not independent: their
    runs of one number begin with the same normals, though their depths differ. For depths that are independent, name
    them in one call, or give each call a seed of its own.

    Examples
    --------
    >>> import numpy as np
    >>> from linres import limits
    >>> beside = limits.diffusion(100, width=8, runs=2000)
    >>> measured, exact = np.mean(np.exp(2 * beside.log_error)), limits.strong_error(100, 16)
    >>> round(float(exact), 4), bool(abs(measured / exact - 1) < 0.2)
    (0.0126, True)
    """
    from linres.kernels import propagation as kernel
    from linres.kernels import refined

    call = "diffusion"
    depths, width, runs, seed, given = _settings(call, depth, width, block, runs, start, seed, watch)
    refinement = _count(f"{call}(refinement=...)", refinement)
    activation = getattr(kernel, propagation.ACTIVATIONS[block])
    begun = np.full(width, math.nan) if given is None else given
    squares = np.empty((len(depths), runs, 4))
    at_once = max(1, int(3e7 / (max(depths) * refinement * width)))
    with np.errstate(over="ignore"):  # where kernels run as plain Python: random words wrap around
        for k, layers in enumerate(depths):
            for first in range(0, runs, at_once):
                part = squares[k, first : first + at_once]
                stream = np.uint64(k * runs + first)
                refined.pairs(np.uint64(seed), stream, layers, refinement, activation, begun, part)
                if watch:
                    watch(k * runs + first + len(part), len(depths) * runs)
    with np.errstate(divide="ignore"):
        logs = np.log(squares[..., 1:]) - np.log(squares[..., :1])
    how = f"Euler's scheme with {refinement} steps a layer and the same noise"
    norm, limit, error = (_as_asked(depth, x) for x in (logs[..., 0], logs[..., 1], logs[..., 2] / 2))
    return Beside(norm, limit, error, None, how)


def norm_law(width: int):
    """The law of log |H_1|^2/|h_0|^2 for dH = d^{-1/2} dB H: normal with mean 1 - 2/d and variance 4/d.

    Parameters
    ----------
    width : int
        d, the length of H, >= 1.

    Returns
    -------
    scipy.stats.rv_frozen
        SciPy's normal law: `.mean()`, `.cdf(x)`, `.rvs(n)` and so on.

    Raises
    ------
    InputError
        When width is no integer >= 1.

    Notes
    -----
    By Ito's formula (proofs/depth-scaling.md). How far a network is from it is scaling-lognormal.

    Examples
    --------
    >>> from linres import limits
    >>> law = limits.norm_law(40)
    >>> round(float(law.mean()), 3), round(float(law.var()), 3)
    (0.95, 0.1)
    """
    from scipy import stats

    width = _count("norm_law(width)", width)
    return stats.norm(1 - 2 / width, 2 / math.sqrt(width))


def strong_error(depth, refinement: int | None = None):
    """E|H_1 - h_L|^2/|h_0|^2 of linear blocks: e - (1 + 1/L)^L.

    Parameters
    ----------
    depth : float or array_like
        L, >= 1.
    refinement : int, optional
        M, for Euler's scheme with M steps a layer in place of the limit: (1 + 1/(L M))^{L M} - (1 + 1/L)^L.

    Returns
    -------
    float or ndarray
        Of the shape of depth; exact but for rounding.

    Raises
    ------
    InputError
        When an argument is outside its range.

    Notes
    -----
    Theorem scaling-strong-error. For other blocks it is no more than that if phi(0) = 0 and |phi(x) - phi(y)| is at
    most |x - y| (proofs/depth-scaling.md).

    Examples
    --------
    >>> from linres import limits
    >>> round(float(limits.strong_error(1000)), 7)  # about e/(2L)
    0.0013579
    """
    depths = _depths("strong_error(depth)", depth)
    coarse = math.e * np.expm1(_deficit(1 / depths))  # (1 + 1/L)^L - e
    if refinement is None:
        return -coarse
    refinement = _count("strong_error(refinement=...)", refinement)
    return math.e * np.expm1(_deficit(1 / (depths * refinement))) - coarse


def _deficit(x):
    """log(1 + x)/x - 1, x >= 0, to rounding: by its series where x is small, -x/2 + x^2/3 - ..."""
    x = np.asarray(x, dtype=float)
    small = np.minimum(x, 0.01)
    series = sum((-small) ** k / (k + 1) for k in range(1, 10))
    with np.errstate(invalid="ignore"):
        return np.where(x <= 0.01, series, np.log1p(x) / x - 1)[()]


def _depths(call: str, depth) -> np.ndarray:
    depths = _numbers(call, depth)
    if not (np.isfinite(depths) & (depths >= 1)).all():
        raise refuse(call, "finite numbers >= 1", f"{depth}"[:80])
    return depths


def _numbers(call: str, values) -> np.ndarray:
    """As float64. InputError for what is no real number."""
    found = checks.array(call, values, "real numbers")
    if found.dtype.kind not in "iuf":
        raise refuse(call, "real numbers", f"dtype {found.dtype}")
    return found.astype(float)


def flow(
    depth: int | Sequence[int], *, width: int, block: str = "linear", runs: int = 1, length: float = 0.1, start=None,
    seed: int = 0, watch: Watch | None = None,
) -> Beside:
    """Networks h + A(k/L) phi(h)/L of smooth weights beside the flow dH/ds = A(s) phi(H) of the same weights.

    Parameters
    ----------
    depth : int or sequence of int
        L, the number of layers, >= 1. Several depths share weights and start in each run; each divides the largest.
    width : int
        The length of h_k, >= 1.
    block : {"linear", "relu", "tanh"}
        phi.
    runs : int, default 1
        How many, >= 1.
    length : float, default 0.1
        The length of correlation of the weights, in units of the depth, > 0 and <= 10: entries of A are Gaussian
        processes with the covariance e^{-(s-t)^2/(2 length^2)}/width.
    start : (width,) array_like, optional
        h_0; by default standard normal in each run.
    seed : int, default 0
        From 0 to 2^64 - 1. Each run is a function of the settings and the seed.
    watch : callable, optional
        watch(done, runs), called now and then.

    Returns
    -------
    linres.limits.Beside
        log_norm, log_limit and log_error, (runs,) each, or (K, runs) for K depths; for linear blocks log_bound too.

    Raises
    ------
    InputError
        When a setting is outside its range.

    Notes
    -----
    A is drawn on a grid of at least 100 points a length of correlation; see `solve` for the flow. The bound is
    `flow_bound` (scaling-smooth-weights), with the largest |A| and change of A seen on the grid.

    Examples
    --------
    >>> import numpy as np
    >>> from linres import limits
    >>> beside = limits.flow([50, 100], width=4, runs=3)
    >>> np.round(np.exp(beside.log_error[0] - beside.log_error[1]), 1)  # of order 1/L
    array([2., 2., 2.])
    """
    call = "flow"
    depths, width, runs, seed, given = _settings(call, depth, width, block, runs, start, seed, watch)
    if any(max(depths) % layers for layers in depths):
        raise refuse(f"{call}(depth)", f"divisors of the largest, {max(depths)}", str(depths))
    grid = _grid(call, max(depths), length)
    roots = _roots(grid, length)
    found = np.empty((3, len(depths), runs))
    bounds = np.empty((len(depths), runs)) if block == "linear" else None
    for run in range(runs):
        generator = np.random.default_rng([seed, run])
        begun = generator.standard_normal(width) if given is None else given
        weights = _weights(generator, roots, width, grid)
        reached = [_network(weights, begun, layers, block) for layers in depths]
        limit = solve(weights, begun, block=block)
        found[:, :, run] = _logs(begun, np.array(reached), limit)
        if bounds is not None:
            bounds[:, run] = np.log(flow_bound(depths, *_sizes(weights)))
        if watch:
            watch(run + 1, runs)
    norm, limit_norm, error = (_as_asked(depth, x) for x in found)
    bound = None if bounds is None else _as_asked(depth, bounds)
    return Beside(norm, limit_norm, error, bound, f"SciPy's DOP853 to {TOLERANCE:g}, weights by splines")


def solve(weights, start, *, block: str = "linear") -> np.ndarray:
    """Where the flow dH/ds = A(s) phi(H) is at time 1.

    Parameters
    ----------
    weights : (N + 1, d, d) array_like
        A at 0, 1/N, ..., 1, N >= 3; between them A is a cubic spline.
    start : (d,) array_like
        H_0.
    block : {"linear", "relu", "tanh"}
        phi.

    Returns
    -------
    (d,) ndarray
        H_1.

    Raises
    ------
    InputError
        When shapes do not fit, entries are not finite, or SciPy does not get to the end of the flow.

    Notes
    -----
    SciPy's DOP853, to a relative 1e-10 a step.

    Examples
    --------
    >>> import numpy as np
    >>> from linres import limits
    >>> turning = np.tile([[0.0, -np.pi], [np.pi, 0.0]], (5, 1, 1))
    >>> np.round(limits.solve(turning, [1.0, 2.0]), 6)  # half a turn
    array([-1., -2.])
    """
    from scipy.integrate import solve_ivp
    from scipy.interpolate import CubicSpline

    start = checks.vector("solve(start)", start)
    wanted = (len(start), len(start))
    weights = _numbers("solve(weights)", weights)
    if weights.ndim != 3 or weights.shape[1:] != wanted or len(weights) < 4 or not np.isfinite(weights).all():
        raise refuse("solve(weights)", f"finite, of shape (N + 1, {len(start)}, {len(start)}), N >= 3",
                     f"shape {weights.shape}")
    checks.word("solve(block=...)", block, BLOCKS)
    spline, activation = CubicSpline(np.arange(len(weights)) / (len(weights) - 1), weights), _ACTIVATION[block]
    size = float(np.abs(start).max()) or 1.0
    solved = solve_ivp(lambda s, state: spline(s) @ activation(state), (0, 1), start, method="DOP853",
                       rtol=TOLERANCE, atol=TOLERANCE / 100 * size)
    if not solved.success:
        raise refuse("solve(weights)", "those of a flow that can be followed to time 1", solved.message)
    return solved.y[:, -1]


def _sizes(weights: np.ndarray) -> tuple[float, float]:
    """max |A| and N max |A_{i+1} - A_i| over the grid, spectral norms: a and b of scaling-smooth-weights, as seen."""
    slopes = (len(weights) - 1) * np.diff(weights, axis=0)
    size, slope = (float(np.linalg.norm(x, 2, axis=(1, 2)).max()) for x in (weights, slopes))
    return size, slope


def flow_bound(depth, size: float, slope: float):
    """What |H_1 - h_L|/|h_0| is at most for linear blocks: e^a - (1 + a/L)^L + (b/(2L)) e^{a (1 - 1/L)}.

    Parameters
    ----------
    depth : float or array_like
        L, >= 1.
    size : float
        a, the largest spectral norm of A.
    slope : float
        b, a Lipschitz constant of A in it.

    Returns
    -------
    float or ndarray
        Of the shape of depth.

    Raises
    ------
    InputError
        When an argument is outside its range.

    Notes
    -----
    Theorem scaling-smooth-weights.

    Examples
    --------
    >>> import numpy as np
    >>> from linres import limits
    >>> float(np.round(limits.flow_bound(100, 1.0, 2.0), 5))
    0.04038
    """
    L = _depths("flow_bound(depth)", depth)
    a, b = (checks.number(f"flow_bound({name})", value, wanted="a number >= 0", holds=lambda x: x >= 0)
            for name, value in (("size", size), ("slope", slope)))
    return -np.exp(a) * np.expm1(a * _deficit(a / L)) + b / (2 * L) * np.exp(a * (1 - 1 / L))


_ACTIVATION: dict[str, Callable] = {"linear": lambda x: x, "relu": lambda x: np.maximum(x, 0.0), "tanh": np.tanh}


def _settings(call: str, depth, width, block, runs, start, seed, watch):
    """Depths, width, runs, seed and the start or None. InputError for what is none."""
    given = checks.array(f"{call}(depth)", depth, "an integer >= 1, or several")
    if given.ndim > 1 or not given.size:
        raise refuse(f"{call}(depth)", "an integer >= 1, or several", f"shape {given.shape}" if given.size else "none")
    depths = [_count(f"{call}(depth)", each) for each in (depth if given.ndim else [depth])]
    checks.watch(call, watch)
    width, runs = (_count(f"{call}({name}=...)", value) for name, value in (("width", width), ("runs", runs)))
    checks.word(f"{call}(block=...)", block, BLOCKS)
    seed = checks.whole(f"{call}(seed=...)", seed, wanted="an integer from 0 to 2^64 - 1", low=0, high=2**64 - 1)
    if start is None:
        return depths, width, runs, seed, None
    given = checks.vector(f"{call}(start=...)", start)
    if len(given) != width or not 1 / _LARGEST_START <= np.abs(given).max() <= _LARGEST_START:
        wanted = f"{width} numbers, the largest between {1 / _LARGEST_START:g} and {_LARGEST_START:g}"
        raise refuse(f"{call}(start=...)", wanted, f"{given}"[:80])
    return depths, width, runs, seed, given


def _count(call: str, value) -> int:
    return checks.whole(call, value, wanted=f"an integer from 1 to {MOST:,}", low=1, high=MOST)


def _grid(call: str, depth: int, length) -> int:
    """Intervals: a multiple of the depth, at least _STEPS a length of correlation."""
    length = checks.number(f"{call}(length=...)", length, wanted="a number > 0 and <= 10", holds=lambda x: 0 < x <= 10)
    grid = depth * max(1, math.ceil(_STEPS / length / depth), math.ceil(3 / depth))
    if grid > _LARGEST_GRID:
        raise refuse(f"{call}(depth, length=...)", f"such that a grid of {_LARGEST_GRID:,} intervals is enough",
                     f"a depth of {depth} and a length of {length:g}")
    return grid


def _roots(grid: int, length: float) -> np.ndarray:
    covariances = correlated.smooth(length * grid / (grid + 1), grid + 1)  # lengths there are in units of grid + 1
    return np.sqrt(correlated.eigenvalues(covariances) / (2 * len(covariances) - 2))


def _weights(generator: np.random.Generator, roots: np.ndarray, width: int, grid: int) -> np.ndarray:
    """A on the grid, (grid + 1, d, d)."""
    pairs = -(-(width**2) // 2)
    series = correlated.series(roots, generator.standard_normal((pairs, len(roots), 2)), grid + 1)[: width**2]
    return series.T.reshape(grid + 1, width, width) / math.sqrt(width)


def _network(weights: np.ndarray, start: np.ndarray, depth: int, block: str) -> np.ndarray:
    """h_L (d,) of that depth."""
    state, activation, every = start, _ACTIVATION[block], (len(weights) - 1) // depth
    for layer in weights[:-1:every]:
        state = propagation.step(state, lambda h, layer=layer: layer @ activation(h), scale=1 / depth)
    return state


def _logs(start: np.ndarray, reached: np.ndarray, limit: np.ndarray) -> list[np.ndarray]:
    """Of networks (K, d): log_norm, log_limit, log_error (K,)."""
    with np.errstate(divide="ignore"):
        log_start = np.log(np.linalg.norm(start))
        norm, end, error = (np.log(np.linalg.norm(x, axis=1)) - log_start
                            for x in (reached, np.broadcast_to(limit, reached.shape), limit - reached))
    return [2 * norm, 2 * end, error]


def _as_asked(depth, array: np.ndarray) -> np.ndarray:
    """(K, runs), or (runs,) where one depth was asked for."""
    return array if np.ndim(depth) else array[0]
