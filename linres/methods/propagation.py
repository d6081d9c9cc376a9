"""Propagation through a random residual network: h_{k+1} = h_k + scale V_{k+1} h_k, one layer after the other.

scale = L^{-exponent} for L layers; the gradient of what comes out goes back through the transposed layers by the same
step. `propagate` draws many such networks by the kernels of kernels/propagation.py.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linres import checks
from linres.errors import refuse
from linres.methods import correlated

BLOCKS = ("linear", "relu", "tanh")
LAWS = ("gaussian", "uniform", "rademacher")
WEIGHTS = ("iid", "smooth", "fractional")
MOST = 10**9  # layers, entries of a state, runs, inputs
LARGEST_EXPONENT = 10
_PIECE = 3e8  # operations, roughly, until `watch` is called
_MEMORY = 2e8  # bytes of given weights at a time, if no single run needs more
_ROWS = 128  # states that pass given weights together
_DRAWN = {False: 3, True: 10}  # operations, roughly, to draw an entry: one by one, and by Fourier transforms

Watch = Callable[[int, int], Any]


def step(state, layer, *, scale):
    """state + scale * layer(state), in any arithmetic. layer maps a state to what the layer makes of it, V h say."""
    return state + scale * layer(state)


@dataclass(frozen=True)
class Propagation:
    """What `propagate` measured.

    The axes of an array are, in this order: exponents, if they are a sequence; runs; layers, if they were asked for;
    inputs, if there are several. None stands for what was not asked for.

    Attributes
    ----------
    log_norm : ndarray
        log(|h_k|^2/|h_0|^2).
    log_distance : ndarray, optional
        log(|h_k - h_0|/|h_0|), -inf at layer 0.
    log_gradient : ndarray, optional
        log(|p_0|^2/|p|^2), without the axis of layers: p_k is the gradient in h_k of <p, h_K>, K the last layer asked
        for.
    log_gradient_distance : ndarray, optional
        log(|p_0 - p|/|p|), likewise.
    drawn : {"norms", "states", "weights"}
        What was drawn: norms alone or the images of states, both exact in law, or all entries of the weights.
    """

    log_norm: Any
    log_distance: np.ndarray | None
    log_gradient: np.ndarray | None
    log_gradient_distance: np.ndarray | None
    drawn: str

    def __repr__(self) -> str:
        measured = [name for name in vars(self) if name != "drawn" and getattr(self, name) is not None]
        shape = " x ".join(map(str, np.shape(self.log_norm)))
        return f"<{type(self).__name__} {shape} of {', '.join(measured)}; drawn: {self.drawn}>"


def propagate(
    depth: int, *, width: int, exponent: float | Sequence[float], runs: int = 1, block: str = "linear",
    matrices: int = 1, law: str = "gaussian", weights: str = "iid", hurst: float | None = None,
    length: float | None = None, inputs: int = 1, start=None, layers: Sequence[int] | None = None,
    distances: bool = True, gradients: bool = False, reduced: bool = True, seed: int = 0, threads: int | None = None,
    watch: Watch | None = None,
) -> Propagation:
    """Random networks h_{k+1} = h_k + L^{-exponent} V_{k+1} phi(h_k), drawn many times independently.

    With two matrices a layer adds L^{-exponent} V_{k+1} phi(U_{k+1} h_k).

    Parameters
    ----------
    depth : int
        L, the number of layers, >= 1.
    width : int
        The length of h_k, >= 1.
    exponent : float or sequence of float
        From -10 to 10; several pass the same weights.
    runs : int, default 1
        How many networks, >= 1.
    block : {"linear", "relu", "tanh"}
        phi.
    matrices : {1, 2}
        How many a layer has.
    law : {"gaussian", "uniform", "rademacher"}
        Of the entries, which are independent with mean 0 and variance 1/width: "uniform" between -sqrt(3/width) and
        sqrt(3/width), on 2^31 points; "rademacher", 1/sqrt(width) times a sign.
    weights : {"iid", "fractional", "smooth"}
        "iid": independent from layer to layer. Else each entry is a Gaussian series along the layers, exact up to
        rounding: "fractional", increments of a fractional Brownian motion of index hurst; or "smooth", a Gaussian
        process in s = k/L with covariance e^{-(s-t)^2/(2 length^2)}/width.
    hurst : float, optional
        The index, for "fractional", between 0 and 1; 1/2 is independent again.
    length : float, optional
        The length of correlation, for "smooth", in units of the depth, > 0 and <= 10; 0.1 by default.
    inputs : int, default 1
        How many pass the same weights, >= 1.
    start : (width,) or (inputs, width) array_like, optional
        h_0; by default standard normal in each run.
    layers : sequence of int, optional
        Where to measure, increasing; by default at the depth alone.
    distances : bool, default True
        Whether to measure |h_k - h_0|.
    gradients : bool, default False
        Whether to measure those of a standard normal output gradient, independent of all else.
    reduced : bool, default True
        Draw no weights where less has the same law. For Gaussian entries without gradients that is the norm of one
        input through linear blocks or two-matrix ReLU blocks (two to five numbers a layer), and else the images of
        fewer inputs than the width (inputs * width numbers for each matrix). Alike in law, not in bits.
    seed : int, default 0
        From 0 to 2^64 - 1.
    threads : int, optional
        How many, at most those that Numba has; by default all.
    watch : callable, optional
        watch(done, runs), called now and then.

    Returns
    -------
    linres.methods.propagation.Propagation
        log_norm, log_distance, log_gradient and log_gradient_distance, natural logarithms, and what was `drawn`.

    Raises
    ------
    InputError
        When a setting is outside its range, or hurst, length or law do not go with the weights.

    Notes
    -----
    Run number r is a function of the settings, the seed and r: neither the other runs nor the number of threads change
    a bit. The laws are those of the theorems scaling-second-moment to scaling-lognormal.

    Examples
    --------
    >>> import linres
    >>> found = linres.propagate(100, width=10, exponent=[0.5, 1.0], runs=3, layers=[50, 100])
    >>> found.log_norm.shape, found.drawn
    ((2, 3, 2), 'norms')
    """
    checks.watch("propagate", watch)
    for name, given in {"distances": distances, "gradients": gradients, "reduced": reduced}.items():
        checks.flag(f"propagate({name}=...)", given)
    network = _Network(
        depth, width, block, matrices, law, weights, hurst, length, inputs, distances, gradients, seed
    )
    _check(network, runs)
    exponents, starts, at = _exponents(exponent), _starts(start, network), _layers(layers, depth)
    draw, drawn = _way(network, reduced)
    scales = float(depth) ** -exponents
    with _threads(threads) as count, np.errstate(over="ignore"):
        found = draw(network, scales, starts, at, _Runs(runs, count, watch))
    kept = (np.ndim(exponent) > 0, True, layers is not None, inputs > 1)
    norms, distances_found, first, second = (_without(array, kept) for array in found)
    return Propagation(norms, distances_found, first, second, drawn)


@dataclass(frozen=True)
class _Network:
    depth: int
    width: int
    block: str
    matrices: int
    law: str
    weights: str
    hurst: float | None
    length: float | None
    inputs: int
    distances: bool
    gradients: bool
    seed: int

    def covariance(self) -> np.ndarray:
        """r(0), ..., r(N) of an entry along the layers, times the width."""
        if self.weights == "fractional":
            return correlated.fractional(self.hurst, self.depth)
        return correlated.smooth(0.1 if self.length is None else self.length, self.depth)


@dataclass(frozen=True)
class _Runs:
    """How many to draw, on how many threads, and who watches."""

    count: int
    threads: int
    watch: Watch | None

    def pieces(self, work: float, memory: float = 0.0) -> Iterator[slice]:
        """All runs, so many at a time that they take a moment and fit; work, memory: operations, bytes of one."""
        size = max(self.threads, int(_PIECE / max(work, 1.0)) // self.threads * self.threads)
        size = max(1, min(size, int(_MEMORY / max(memory, 1.0))))
        for begun in range(0, self.count, size):
            end = min(begun + size, self.count)
            yield slice(begun, end)
            if self.watch:
                self.watch(end, self.count)


_Found = tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None, np.ndarray | None]  # (E, runs, P, n) each


def _way(network: _Network, reduced: bool) -> tuple[Callable[..., _Found], str]:
    """How to draw, and what a `Propagation` calls it."""
    if network.weights != "iid":
        return _draw_correlated, "weights"
    if not reduced or network.law != "gaussian" or network.gradients:
        return _draw_weights, "weights"
    if network.inputs == 1 and (network.block, network.matrices) in _NORM_BLOCKS:
        return _draw_norms, "norms"
    return (_draw_states, "states") if network.inputs < network.width else (_draw_weights, "weights")


_NORM_BLOCKS = {("linear", 1): "LINEAR", ("linear", 2): "LINEAR_TWO", ("relu", 2): "RELU_TWO"}
ACTIVATIONS = {"linear": "IDENTITY", "relu": "RELU", "tanh": "TANH"}


def _draw_norms(network: _Network, scales: np.ndarray, starts: np.ndarray, at: np.ndarray, runs: _Runs) -> _Found:
    """Norms alone, whatever the start; the same random numbers for every scale."""
    from linres.kernels import propagation as kernel

    block = getattr(kernel, _NORM_BLOCKS[network.block, network.matrices])
    shape = (len(scales), runs.count, len(at), 1)
    norms, distances = np.empty(shape), np.empty(shape) if network.distances else None
    for piece in runs.pieces(20.0 * network.depth * len(scales)):
        settings = np.uint64(network.seed), np.uint64(piece.start), block, network.width
        for i, scale in enumerate(scales):
            if distances is None:
                kernel.norms(*settings, scale, at, norms[i, piece, :, 0])
            else:
                kernel.norms_and_distances(*settings, scale, at, norms[i, piece, :, 0], distances[i, piece, :, 0])
    return norms, distances, None, None


def _draw_states(network: _Network, scales: np.ndarray, starts: np.ndarray, at: np.ndarray, runs: _Runs) -> _Found:
    """What weights make of the states, one scale after the other: each has its own Gram matrices."""
    from linres.kernels import propagation as kernel

    found = [_simulated(network, kernel.REDUCED, scales[[i]], starts, at, runs) for i in range(len(scales))]
    norms, distances = (np.concatenate([arrays[which] for arrays in found]) for which in (0, 1))
    return norms, distances if network.distances else None, None, None


def _draw_weights(network: _Network, scales: np.ndarray, starts: np.ndarray, at: np.ndarray, runs: _Runs) -> _Found:
    """All entries of all weights, once for all scales."""
    from linres.kernels import propagation as kernel

    law = getattr(kernel, network.law.upper())
    norms, distances, *gradients = _simulated(network, law, scales, starts, at, runs)
    first, second = gradients if network.gradients else (None, None)
    return norms, distances if network.distances else None, first, second


def _draw_correlated(network: _Network, scales: np.ndarray, starts: np.ndarray, at: np.ndarray, runs: _Runs) -> _Found:
    """The weights of some runs at a time, by Fourier transforms, for all scales."""
    from linres.kernels import propagation as kernel

    covariance = network.covariance()
    roots = np.sqrt(correlated.eigenvalues(covariance) / (2 * len(covariance) - 2))
    pairs, width = -(-network.width**2 // 2), network.width

    def given(piece: slice) -> np.ndarray:
        """(runs, L, matrices, width, width)."""
        count = piece.stop - piece.start
        weights = np.empty((count, network.depth, network.matrices, width, width))
        normals = np.empty((count, network.matrices, pairs, len(roots), 2))
        kernel.normals(np.uint64(network.seed), np.uint64(piece.start), normals.reshape(count, -1))
        for run, matrix in np.ndindex(count, network.matrices):
            drawn = correlated.series(roots, normals[run, matrix], network.depth, runs.threads)[: width**2]
            weights[run, :, matrix] = drawn.T.reshape(-1, width, width)
        weights /= np.sqrt(width)
        return weights

    norms, distances, *gradients = _simulated(network, kernel.GIVEN, scales, starts, at, runs, given)
    first, second = gradients if network.gradients else (None, None)
    return norms, distances if network.distances else None, first, second


def _simulated(network, law, scales, starts, at, runs, given=None):
    """log_norm and log_distance (E, runs, P, n), and both of the gradients (E, runs, n), filled if asked for.

    given: None, or a function that returns the weights of a slice of the runs.
    """
    from linres.kernels import propagation as kernel

    width, inputs, together = network.width, network.inputs, len(scales)
    if given is not None:  # states of some exponents at a time stay in the cache
        together = min(together, max(1, _ROWS // inputs))
    blocks = -(-len(scales) // together)
    padded = np.pad(scales, (0, blocks * together - len(scales)), mode="edge").reshape(blocks, together)
    norms, distances = np.empty((2, runs.count, blocks, len(at), together * inputs))
    gradients = np.empty((2, runs.count, blocks, together * inputs))
    nothing = np.zeros((1, 1, network.matrices, width, width))
    each = width if law != kernel.REDUCED else 4
    work = network.matrices * width * (width * _DRAWN[given is not None] + len(scales) * inputs * each)
    memory = 0 if given is None else 8 * network.matrices * width**2 * network.depth
    for piece in runs.pieces(network.depth * work, memory):
        kernel.simulate(
            np.uint64(network.seed), np.uint64(piece.start), law, getattr(kernel, ACTIVATIONS[network.block]),
            nothing if given is None else given(piece), np.repeat(padded, inputs, axis=1), inputs, at, starts,
            network.gradients, norms[piece], distances[piece], *gradients[:, piece],
        )
    return *(_by_exponent(array, together, inputs)[: len(scales)] for array in (norms, distances, *gradients)),


def _by_exponent(array: np.ndarray, together: int, inputs: int) -> np.ndarray:
    """From (runs, B, ..., together * inputs) to (B * together, runs, ..., inputs)."""
    split = np.moveaxis(array.reshape(*array.shape[:-1], together, inputs), -2, 2)
    runs, blocks, _, *others = split.shape
    return np.moveaxis(split.reshape(runs, blocks * together, *others), 0, 1)


def _without(array: np.ndarray | None, kept: tuple[bool, ...]) -> np.ndarray | None:
    """The array (E, runs, P, n), or (E, runs, n), with the axes to be kept."""
    if array is None:
        return None
    wanted = kept if array.ndim == 4 else (*kept[:2], kept[3])
    return np.squeeze(array, tuple(axis for axis, keep in enumerate(wanted) if not keep))


@contextlib.contextmanager
def _threads(threads: int | None) -> Iterator[int]:
    """Numba on so many threads, by default as many as it has."""
    import numba

    before, most = numba.get_num_threads(), numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    if threads is not None and not (type(threads) is int and 1 <= threads <= most):
        remedy = "More need the environment variable NUMBA_NUM_THREADS."
        raise refuse("propagate(threads=...)", f"an integer from 1 to {most}", repr(threads), remedy)
    numba.set_num_threads(threads or before)
    try:
        yield threads or before
    finally:
        numba.set_num_threads(before)


def _check(network: _Network, runs: int) -> None:
    """InputError where a setting is none."""
    counts = {name: getattr(network, name) for name in ("depth", "width", "inputs")} | {"runs": runs}
    for name, count in counts.items():
        checks.whole(f"propagate({name}=...)", count, wanted=f"an integer from 1 to {MOST:,}", low=1, high=MOST)
    for name, choices in {"block": BLOCKS, "matrices": (1, 2), "law": LAWS, "weights": WEIGHTS}.items():
        if not isinstance(getattr(network, name), str | int) or getattr(network, name) not in choices:
            raise refuse(f"propagate({name}=...)", " or ".join(map(repr, choices)), repr(getattr(network, name)))
    if network.weights != "iid" and network.law != "gaussian":
        raise refuse("propagate(law=...)", f"'gaussian' for {network.weights} weights", repr(network.law))
    for name, kind in {"hurst": "fractional", "length": "smooth"}.items():
        if getattr(network, name) is not None and network.weights != kind:
            raise refuse(f"propagate({name}=...)", f"None unless weights={kind!r}", repr(getattr(network, name)))
    if type(network.seed) is not int or not 0 <= network.seed < 2**64:
        raise refuse("propagate(seed=...)", "an integer from 0 to 2^64 - 1", repr(network.seed))


def _exponents(exponent: Any) -> np.ndarray:
    """(E,). InputError unless finite."""
    call, most = "propagate(exponent=...)", LARGEST_EXPONENT
    wanted = f"a number from -{most} to {most}, or several"
    given = np.atleast_1d(checks.array(call, exponent, wanted))
    if given.dtype.kind not in "iuf":
        raise refuse(call, wanted, checks.shown(exponent))
    exponents = given.astype(float)
    if exponents.ndim != 1 or not len(exponents) or not np.all(np.abs(exponents) <= most):
        raise refuse(call, wanted, str(exponent))
    return exponents


def _starts(start: Any, network: _Network) -> np.ndarray:
    """(1, inputs, width), or (1, 0, width) where none are given. InputError for other shapes, zeros and nans."""
    if start is None:
        return np.empty((1, 0, network.width))
    given = checks.array("propagate(start=...)", start, "an array of numbers")
    if given.dtype.kind not in "iuf":
        raise refuse("propagate(start=...)", "an array of numbers", checks.shown(start))
    starts = np.array(given, dtype=float, ndmin=2, order="C")
    if starts.shape != (network.inputs, network.width):
        wanted = f"of shape ({network.inputs}, {network.width})"
        raise refuse("propagate(start=...)", wanted, f"shape {given.shape}", "A row is an input.")
    if not np.all(np.isfinite(starts)) or not np.all(starts.any(axis=1)):
        raise refuse("propagate(start=...)", "finite, and no row zero", "others")
    return starts[None]


def _layers(layers: Any, depth: int) -> np.ndarray:
    """(P,): where to measure. InputError unless they increase and exist."""
    at = checks.array("propagate(layers=...)", [depth] if layers is None else layers, "integers")
    if at.ndim != 1 or not len(at) or at.dtype.kind not in "iu":
        raise refuse("propagate(layers=...)", "integers", repr(layers))
    if at[0] < 0 or at[-1] > depth or np.any(np.diff(at) <= 0):
        raise refuse("propagate(layers=...)", f"increasing, from 0 to the depth {depth}", repr(layers))
    return at.astype(np.int64)
