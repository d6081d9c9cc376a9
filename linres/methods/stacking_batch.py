"""Stagewise stacking on many least-squares problems at once, for sweeps over spectra, momenta and seeds: losses alone.

What `linres.grow` does to one problem, with everything about its states to be seen, this does to thousands, faster by
orders of magnitude.
"""

import numpy as np

from linres import checks, trajectory
from linres.errors import refuse
from linres.methods import nesterov
from linres.methods.stacking import RULES
from linres.problem import EPS

CALL = "stacking_batch"
LARGEST = 1e140  # entry of sigma


def stacking_batch(
    sigma, target, start=None, *, stages, rule="functional", momentum=None, step_size=None, jobs=1
) -> np.ndarray:
    """The excess losses of many runs of stacking, each on its own least-squares problem.

    Parameters
    ----------
    sigma : (R, d, d) or (d, d) array_like
        E[x x^T], symmetric positive semidefinite. Of this, target and start each may be (d, d), for the same in all
        runs; a sweep over one problem repeats one of them, by np.broadcast_to(sigma, (R, d, d)) say.
    target : (R, d, d) or (d, d) array_like
        W*.
    start : (R, d, d) or (d, d) array_like, optional
        W_0; by default I.
    stages : int
        T, >= 0.
    rule : {"functional", "parameter"}
        As that of `linres.grow`.
    momentum : float or (R,) array_like, optional
        In [0, 1); by default (1-q)/(1+q), q as the rule sees it.
    step_size : float or (R,) array_like, optional
        > 0; by default 1/L, L as the rule sees it: the defaults of `linres.grow`.
    jobs : int, default 1
        How many threads, >= 1.

    Returns
    -------
    (R, T + 1) ndarray
        ell(W_t) - ell*, t = 0, ..., T, in squared units of y. Where the functional rule meets a singular W_t a curve is
        nan from there on; where a run diverges, it goes to inf or nan.

    Raises
    ------
    InputError
        For arrays of other shapes, not finite, or with a sigma that is no E[x x^T]; for settings outside their ranges.

    Notes
    -----
    Curves agree with `linres.grow` up to rounding, and have the same bits for any number of jobs and in any company.

    Examples
    --------
    >>> import linres
    >>> import numpy as np
    >>> sigma = np.broadcast_to(np.diag([1.0, 4.0]), (3, 2, 2))
    >>> curves = linres.stacking_batch(sigma, 2 * np.eye(2), stages=3, momentum=[0.0, 0.25, 0.5])
    >>> curves.shape, float(curves[0, 0])
    ((3, 4), 2.5)
    """
    from linres.kernels import stacking_batch as kernel
    from linres.kernels._jit import as_arrays

    checks.word(f"{CALL}(rule=...)", rule, RULES)
    stages = trajectory.budget(CALL, stages)
    jobs = checks.whole(f"{CALL}(jobs=...)", jobs, wanted="an integer >= 1", low=1)
    sigma, target, start = _matrices(sigma, target, start)
    _require_symmetric(_once(sigma))
    _require_moderate(_once(sigma))
    paces = momentum, step_size
    if momentum is None or step_size is None:
        paces = _defaults(sigma, target, start, rule, momentum, step_size)
    count = len(sigma)
    momentum = _numbers("momentum", paces[0], count, "in [0, 1)", lambda v: (v >= 0) & (v < 1))
    step_size = _numbers("step_size", paces[1], count, "positive", lambda v: v > 0)
    given = kernel.Given(*as_arrays(*map(_once, (sigma, target, start)), momentum, step_size))
    curves = np.empty((count, stages + 1))
    indefinite = kernel.run(given, curves, rule, jobs)
    if indefinite < len(given.sigma):
        raise refuse(f"{CALL}(sigma)", "positive semidefinite", f"sigma[{indefinite}], which is not",
                     "It is E[x x^T].")
    return curves


def _matrices(sigma, target, start) -> list[np.ndarray]:
    """All three as (R, d, d)."""
    found = {"sigma": _stack("sigma", sigma, None)}
    d = found["sigma"].shape[-1]
    found["target"] = _stack("target", target, d)
    found["start"] = np.eye(d) if start is None else _stack("start", start, d)
    counts = {name: len(array) for name, array in found.items() if array.ndim == 3}
    if len(set(counts.values())) > 1:
        got = ", ".join(f"{count} of {name}" for name, count in counts.items())
        raise refuse(f"{CALL}(sigma, target, start)", "as many matrices each, or one", got)
    count = max(counts.values(), default=1)
    return [np.broadcast_to(array, (count, d, d)) for array in found.values()]


def _once(matrices: np.ndarray) -> np.ndarray:
    """Those that differ in (R, d, d): the first, if it is repeated without a copy."""
    return matrices if matrices.strides[0] else matrices[:1]


def _stack(name: str, given, d: int | None) -> np.ndarray:
    wanted = "real matrices (R, d, d) or (d, d)" if d is None else f"real matrices (R, {d}, {d}) or ({d}, {d})"
    call = f"{CALL}({name})"
    array = checks.array(call, given, wanted)
    if array.dtype.kind not in "biuf" or array.ndim not in (2, 3):
        raise refuse(call, wanted, f"an array of {array.dtype} with {array.ndim} axes")
    if array.shape[-1] != array.shape[-2] or d not in (None, array.shape[-1]) or not array.size:
        raise refuse(call, wanted, f"shape {array.shape}")
    if not np.isfinite(array).all():
        raise refuse(call, "finite numbers", "nan or infinities")
    return array.astype(np.float64, copy=False)


def _require_symmetric(sigma: np.ndarray) -> None:
    if np.array_equal(sigma, sigma.swapaxes(1, 2)):
        return
    skew = np.abs(sigma - sigma.swapaxes(1, 2)).max(axis=(1, 2))
    bad = np.flatnonzero(skew > sigma.shape[1] * EPS * np.abs(sigma).max(axis=(1, 2)))
    if len(bad):
        raise refuse(f"{CALL}(sigma)", "symmetric", f"sigma[{bad[0]}] with entries {skew[bad[0]]:.3g} off",
                     "Pass (sigma + sigma.swapaxes(-1, -2)) / 2.")


def _require_moderate(sigma: np.ndarray) -> None:
    """InputError where squares of entries leave float64, on the way to a factor of sigma."""
    largest = np.abs(sigma).max(axis=(1, 2))
    bad = np.flatnonzero((largest > 0) & ((largest < 1 / LARGEST) | (largest > LARGEST)))
    if len(bad):
        wanted = f"zero, or with a largest entry from {1 / LARGEST:g} to {LARGEST:g}"
        raise refuse(f"{CALL}(sigma)", wanted, f"sigma[{bad[0]}] with {largest[bad[0]]:g}",
                     "Multiply it by a number and divide the step size by it: losses are multiplied, too.")


def _numbers(name: str, given, count: int, wanted: str, holds) -> np.ndarray:
    """(R,) numbers for which `holds`."""
    array = checks.array(f"{CALL}({name}=...)", given, wanted)
    real = array.dtype.kind in "iuf" and array.shape in ((), (count,))
    if not real:
        raise refuse(f"{CALL}({name}=...)", f"a number or {count}, one for each run",
                     f"an array of {array.dtype} of shape {array.shape}")
    if not (np.isfinite(array) & holds(array)).all():
        bad = array[~(np.isfinite(array) & holds(array))].flat[0]
        raise refuse(f"{CALL}({name}=...)", wanted, f"{bad:g}", "Leave it out to take what theory asks for.")
    return np.broadcast_to(array.astype(np.float64), (count,))


def _defaults(sigma, target, start, rule: str, momentum, step_size):
    """Both, where they are not given as theory asks for: see `linres.grow`."""
    values, axes = np.linalg.eigh(sigma)
    smallest, largest = values[:, 0], values[:, -1]
    if rule == "parameter":
        root = axes * np.sqrt(np.maximum(values, 0))[:, None, :]
        smallest, largest = _output_curvature(target @ root, start @ root)
    else:
        smallest = np.where(smallest > sigma.shape[1] * EPS * largest, smallest, 0.0)
    bad = np.flatnonzero(~(largest > 0) | ((smallest <= 0) & (momentum is None)))
    if len(bad):
        raise refuse(f"{CALL}(momentum=..., step_size=...)", f"given where sigma is singular, as sigma[{bad[0]}] is",
                     "neither" if momentum is None else "a momentum alone")
    beta = nesterov.momentum(np.sqrt(smallest / largest)) if momentum is None else momentum
    return beta, 1 / largest if step_size is None else step_size


def _output_curvature(target: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """mu' and max(L_0, L') from W* F and W_0 F, F F^T = sigma: the smallest nonzero eigenvalue, and the largest."""
    values = np.linalg.svd(target, compute_uv=False)
    nonzero = values > values.shape[1] * EPS * values[:, :1]
    smallest = np.min(np.where(nonzero, values, np.inf), axis=1)
    largest = np.maximum(values[:, 0], np.linalg.norm(start, 2, axis=(1, 2)))
    return np.where(np.isfinite(smallest), smallest, largest) ** 2, largest**2
