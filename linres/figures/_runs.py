"""The problems, runs and fits that the figures share. Kernels are imported when something runs."""

import math

import numpy as np

from linres.figures import _bounds
from linres.methods import nesterov
from linres.problem import Problem


def spectrum(kappa: float, d: int) -> np.ndarray:
    """d eigenvalues, evenly spaced on a log scale from mu = 1/kappa to L = 1, ascending."""
    return np.geomspace(1 / kappa, 1, d)


def orthogonal(random: np.random.RandomState, d: int) -> np.ndarray:
    """An orthogonal d x d matrix from the Haar measure (the signs of R make Q unique)."""
    q, r = np.linalg.qr(random.standard_normal((d, d)))
    return q * np.sign(np.diag(r))


def near_identity(kappa: float, *, d: int, fraction: float, seed: int) -> Problem:
    """A problem on `spectrum(kappa, d)` whose basin holds the identity, with Phi_0 = fraction * (largest proved).

    W* - I is a random direction with equal loss along every eigenvector of Sigma, scaled by bisection (sigma_min of W*,
    and with it the basin, depends on the scale).
    """
    values, identity = spectrum(kappa, d), np.eye(d)
    direction = np.random.RandomState(seed).standard_normal((d, d))
    direction /= np.linalg.norm(direction, axis=0) * np.sqrt(values * kappa * d)
    low, high = 0.0, 1.0
    for _ in range(60):
        scale = (low + high) / 2
        problem = Problem.from_spectrum(values, target=identity + scale * direction)
        inside = level(problem, identity) < fraction * _bounds.basin(problem.q)
        low, high = (scale, high) if inside else (low, scale)
    return Problem.from_spectrum(values, target=identity + low * direction, name=f"κ = {kappa:g}")


def level(problem: Problem, start: np.ndarray) -> float:
    """Phi_0/(mu sigma^2) of a run from rest at start (d, d), sigma = sigma_min(W*): what the basin bounds."""
    return nesterov.potential_at_rest(problem, start) / (problem.mu * problem.sigma_min**2)


def trace(problem: Problem, start: np.ndarray, stages: int, *, momentum: float | None = None):
    """Compiled stacking by the functional rule with step 1/L, momentum (1-q)/(1+q) unless given: a `stacking.Trace`."""
    from linres.kernels import stacking

    beta = nesterov.momentum(problem.q) if momentum is None else momentum
    return stacking.trace(problem.sigma, problem.target, start, beta, 1 / problem.L, stages, True)


def excess(problem: Problem, start: np.ndarray, stages: int, settings: dict, *, rule: str) -> np.ndarray:
    """The excess loss (stages + 1,) of compiled stacking with these settings of `stacking.grow`."""
    from linres.kernels import stacking

    pace = settings["momentum"], settings["step_size"]
    return stacking.run(problem.sigma, problem.target, start, *pace, stages, rule == "functional")[0]


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """The least-squares slope of y against x."""
    centred = x - np.mean(x)
    return float(centred @ y / (centred @ centred))


def exponent(excess: np.ndarray, floor: float, factor: np.ndarray | float = 1.0) -> float:
    """-log of the contraction per stage: the slope of log(excess/factor) over the last half of the stages above floor.

    Above means a thousand times above, down to where it first gets there: rounding then shows in no digit we quote.
    """
    below = np.flatnonzero(excess <= 1000 * floor)
    end = int(below[0]) if len(below) else len(excess)
    stages = np.arange(end // 2, end)
    return -slope(stages, np.log(excess / factor)[stages])


def percent(error: float) -> str:
    """A relative error in words, rounded up to two digits: a headline must not promise more than was measured."""
    if error == 0:
        return "0 %"
    unit = 10.0 ** (math.floor(math.log10(100 * error)) - 1)
    return f"{math.ceil(100 * error / unit) * unit:.2g} %"
