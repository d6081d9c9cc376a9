"""How near to its target stacking by the parameter rule is proved to accelerate with given settings.

The theorem stacking-parameter-acceleration has a number h, 0 < h < 1, such that with b = h/(1-h), a step size 1/L and a
momentum (1-q)/(1+q)

    (1+h)^2 L* <= L,   (1 + 4 b^2 (1+q)/(1-q)) q^2 L <= (1-h)^2 mu*,   8 b^2 <= (1-q)^2,   Phi_0 <= mu* h^2/2,

mu* and L* the extreme eigenvalues of W* Sigma W*^T. The first three grow harder with h and the last easier, so that the
largest h which the settings leave room for is the one to take.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from linres.methods import nesterov
from linres.problem import EPS, TINY, Problem

HALVINGS = 60
LEAST = 1e-6  # below it an h is no more than rounding leaves of none, and its basin too
USUAL = 0.1  # the h of settings that are advised: a rate of 1 - .8/sqrt(kappa*) in the basin Phi_0 <= mu*/200


class Pace(NamedTuple):
    """Settings: momentum and step size."""

    momentum: float
    step_size: float

    @property
    def q(self) -> float:
        return (1 - self.momentum) / (1 + self.momentum)


def widest(pace: Pace, smallest: float, largest: float) -> float:
    """The largest h that the settings leave room for, mu* = smallest > 0 and L* = largest; 0 if there is none."""
    q, L = pace.q, 1 / pace.step_size
    if not (0 < q < 1 and largest < L and q * q * L < smallest):
        return 0.0
    b = (1 - q) / math.sqrt(8)
    most = min(math.sqrt(L / largest) - 1, b / (1 + b))
    return _largest(lambda h: _steep(q, h) * q * q * L <= (1 - h) ** 2 * smallest, most)


def settings(h: float, smallest: float, largest: float) -> Pace:
    """The shortest momentum and the longest step size with room for h <= 1/5."""
    L, b = (1 + h) ** 2 * largest, h / (1 - h)
    most = min(1 - math.sqrt(8) * b, (1 - h) * math.sqrt(smallest / L))
    q = _largest(lambda q: _steep(q, h) * q * q * L <= (1 - h) ** 2 * smallest, most)
    return Pace(nesterov.momentum(q), 1 / L)


def _steep(q: float, h: float) -> float:
    """1 + 4 b^2 (1+q)/(1-q)."""
    b = h / (1 - h)
    return 1 + 4 * b * b * (1 + q) / (1 - q)


def _largest(holds: Callable[[float], bool], most: float) -> float:
    """The largest number up to `most` for which `holds`, which does at 0 and, once it fails, fails from then on."""
    if holds(most):
        return most
    low, high = 0.0, most
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def potential_at_rest(problem: Problem, network: np.ndarray, pace: Pace) -> float:
    """Phi_0 = ell(W_0) - ell* + (mu/2) |(W_0 - W*) W_0^{-1}|^2, mu = q^2/step_size; infinite for a singular W_0."""
    with np.errstate(all="ignore"):
        try:
            offset = np.linalg.solve(network.T, (network - problem.target).T)
        except np.linalg.LinAlgError:
            return math.inf
        mu = pace.q * pace.q / pace.step_size
        found = nesterov.potential(problem.excess_loss(network), float(np.sum(offset * offset)), mu=mu)
    return found if math.isfinite(found) else math.inf


class Reach(NamedTuple):
    """What a run with these settings from W_0 has of the theorem.

    h: see `widest`; phi_0: Phi_0; smallest: mu*. margin, inside: whether h >= LEAST, and whether Phi_0 is in the basin,
    None where the rounding of float64 could tip it.
    """

    h: float
    phi_0: float
    smallest: float
    margin: bool | None
    inside: bool | None


def reach(problem: Problem, network: np.ndarray, pace: Pace) -> Reach:
    """Of a problem with Sigma > 0 and an invertible W*, and W_0 = network (d, d)."""
    smallest, largest = map(float, problem.output_eigenvalues[[0, -1]])
    phi_0, h = potential_at_rest(problem, network, pace), widest(pace, smallest, largest)
    error = _curvature_error(problem, pace) if smallest > 0 and pace.q > 0 else math.inf  # q = 0: momentum 1
    if not error < 1 / 2:
        return Reach(h, phi_0, smallest, None, None)
    sure = widest(pace, smallest * (1 - error), largest * (1 + error))
    perhaps = widest(pace, smallest * (1 + error), largest * (1 - error))
    margin = True if sure >= LEAST else None if perhaps >= LEAST else False
    if math.isinf(phi_0):
        return Reach(h, phi_0, smallest, margin, False)
    if phi_0 < TINY and not np.array_equal(network, problem.target):  # squares that underflow decide nothing
        return Reach(h, phi_0, smallest, margin, None)
    start, slack = math.sqrt(phi_0), _potential_error(problem, network, pace)
    certain, possible = (math.sqrt(smallest * (1 - sign * error) / 2) * h for sign, h in ((1, sure), (-1, perhaps)))
    inside = True if start * (1 + error) + slack <= certain else None
    if start * (1 - error) - slack > possible:
        inside = False
    return Reach(h, phi_0, smallest, margin, inside)


def _curvature_error(problem: Problem, pace: Pace) -> float:
    """How much of themselves rounding may have moved mu*, L*, q and the curvature: to first order, then doubled.

    W* moves by e sigma_min at most, to (I + Y) W* with |Y| <= e, and Sigma, as a quadratic form, by r = mu_error/mu of
    itself; so the singular values of W* Sigma^{1/2} move by e + r/2 of themselves (Ostrowski). Computing them moves the
    smallest by a few d eps sqrt(kappa*) of itself, and q = (1-momentum)/(1+momentum) is known to eps/q.
    """
    smallest, largest = problem.output_eigenvalues[[0, -1]]
    relative = 2 * problem.target_error / problem.sigma_min + problem.mu_error / problem.mu
    computed = 8 * problem.dimension * math.sqrt(largest / smallest) + 8 / pace.q
    return 2 * (relative + EPS * computed)


def _potential_error(problem: Problem, network: np.ndarray, pace: Pace) -> float:
    """How far the rounding of W* may have moved sqrt(Phi_0), which is a norm of W_0 - W*: twice over."""
    least = float(np.linalg.svd(network, compute_uv=False)[-1])
    if least == 0 or not math.isfinite(least):
        return math.inf
    mu = pace.q * pace.q / pace.step_size
    return 2 * problem.target_error * (math.sqrt(problem.L / 2) + math.sqrt(mu / 2) / least)
