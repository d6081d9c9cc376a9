"""Nesterov's accelerated gradient method for strongly convex functions, with errors."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from linres import checks, trajectory
from linres.losses import Objective, inverse_root_kappa
from linres.methods import descent
from linres.one_thread import one_thread
from linres.problem import EPS, Problem
from linres.quantities import Geometry, Measure, frobenius, increments, of_steps
from linres.trajectory import Trajectory, Watch


def momentum(q):
    """beta = (1 - q)/(1 + q) for q = 1/sqrt(kappa): the constant momentum for condition number kappa."""
    return (1 - q) / (1 + q)


def step(x, x_prev, gradient, *, momentum, step_size, lookahead_error=0, step_error=0):
    """One step, in any arithmetic: returns (y_t, x_{t+1}).

    y_t = x_t + momentum (x_t - x_{t-1}) + lookahead_error, then a gradient step from y_t with step_error.
    """
    y = x + momentum * (x - x_prev) + lookahead_error
    return y, descent.step(y, gradient, step_size=step_size, error=step_error)


def auxiliary(x, x_prev, *, q):
    """z_t = x_t + (1/q - 1)(x_t - x_{t-1}): the point whose distance to the minimiser enters the potential."""
    return x + (1 / q - 1) * (x - x_prev)


def potential(excess, distance_squared, *, mu):
    """Phi_t = f(x_t) - f* + (mu/2) |z_t - x*|^2, given the excess f(x_t) - f* and |z_t - x*|^2."""
    return excess + mu * distance_squared / 2


def convex_momentum(tau, tau_next):
    """(tau_t - 1)/tau_{t+1}: the growing momentum for functions that need not be strongly convex, tau_{t+1} >= 1."""
    return (tau - 1) / tau_next


def convex_auxiliary(x, x_prev, *, tau):
    """z_t = x_{t-1} + tau_t (x_t - x_{t-1}): the point whose distance to a minimiser enters the convex potential."""
    return x_prev + tau * (x - x_prev)


def convex_potential(excess, distance_squared, *, tau, L):
    """Phi_t = tau_t^2 (f(x_t) - f*) + (L/2) |z_t - x*|^2, given the excess f(x_t) - f* and |z_t - x*|^2."""
    return tau**2 * excess + L * distance_squared / 2


def potential_at_rest(problem: Problem, network) -> float:
    """Phi_0 of a run on ell from rest at W_0 = network (d, d), where z_0 = W_0; in squared units of y."""
    with np.errstate(over="ignore"):
        distance_squared = float(np.sum((network - problem.target) ** 2))
        return potential(problem.excess_loss(network), distance_squared, mu=problem.mu)


def potentials(geometry: Geometry, errors, excess) -> np.ndarray:
    """Phi_t for the errors X_t - X* (n, d, d) and the excess losses (n,) of a run: (n,); the first is taken at rest."""
    distances = frobenius(auxiliary(errors, errors - increments(errors), q=geometry.q))
    return potential(excess, distances**2, mu=geometry.mu)


def quadratic_rate(eigenvalues, *, momentum, step_size) -> float:
    """The sharp contraction of the excess per stage on a quadratic with these eigenvalues (d,): the largest |z|^2.

    Along the eigenvalue s, c_{t+1} = (1 - step_size s)((1 + momentum) c_t - momentum c_{t-1}) on a
    quadratic, so z runs over the roots of z^2 - 2 h z + b, h = (1 - step_size s)(1 + momentum)/2 and
    b = (1 - step_size s) momentum. With the default settings the largest is the double root 1 - q at s = mu; a
    discriminant that is zero up to its own rounding counts as zero, or it would blur this root to half the digits.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # an absurd step has an infinite rate
        remaining = 1 - step_size * np.asarray(eigenvalues, dtype=np.float64)
        half, product = remaining * (1 + momentum) / 2, remaining * momentum
        discriminant = half * half - product
        discriminant = np.where(np.abs(discriminant) <= 4 * EPS * half * half, 0.0, discriminant)
        real = (np.abs(half) + np.sqrt(np.maximum(discriminant, 0))) ** 2
        return float(np.max(np.where(discriminant < 0, product, real)))


def momentum_of(objective: Problem | Objective) -> float | None:
    """(1-q)/(1+q) for q = sqrt(mu/L) of the loss; None if it has no mu > 0."""
    q = inverse_root_kappa(objective)
    return None if q is None else momentum(q)


@one_thread
def accelerate(
    objective: Problem | Objective, *, stages, momentum=None, step_size=None, start=None, watch: Watch | None = None
) -> Trajectory:
    """Nesterov's method on ell from rest at W_0.

    Parameters
    ----------
    objective : Problem or linres.losses.Objective
        What is minimised. No rate is told of what is no `Problem`.
    stages : int
        How many steps at most, >= 0.
    momentum : float, optional
        In [0, 1); by default (1-q)/(1+q), q = sqrt(mu/L). It has to be given for a loss that is not strongly convex
        (mu > 0, a ridge say).
    step_size : float, optional
        The step, > 0; by default 1/L.
    start : (d, d) array_like, optional
        W_0; by default I.
    watch : callable, optional
        watch(t, excess), called at every stage, with the loss where the excess is unknown.

    Returns
    -------
    Trajectory
        The run; a diverging one says so.

    Raises
    ------
    InputError
        When `objective` is no loss or has no curvature, Sigma is singular, a loss without strong convexity is given no
        momentum, `start` is no finite (d, d) matrix of finite loss, or another setting is outside its range.

    Notes
    -----
    With the default settings the excess loss of a `Problem` contracts by (1-q)^2 per stage, sharp, up to the factor (1
    + qt)^2: the theorem nesterov-quadratic.

    Examples
    --------
    >>> import linres
    >>> run = linres.accelerate(linres.Problem.from_spectrum([1, 2, 4]), stages=40)
    >>> round(run.rate_sharp, 6), run.stages_to(1e-6)
    (0.25, 12)
    """
    checks.watch("accelerate", watch)
    L = trajectory.smoothness("accelerate", objective)
    settings: dict[str, Any] = {
        "momentum": trajectory.momentum("accelerate", momentum, momentum_of(objective)),
        "step_size": trajectory.step_size("accelerate", step_size, 1 / L),
        "stages": trajectory.budget("accelerate", stages),
        "network_start": "given" if start is not None else "identity",
    }
    pace = {key: settings[key] for key in ("momentum", "step_size")}
    networks = _networks(objective, trajectory.first_network("accelerate(start=...)", objective, start), **pace)
    sharp = quadratic_rate(objective.eigenvalues, **pace) if isinstance(objective, Problem) else None
    return trajectory.record(
        objective, networks, method="nesterov", rule="functional", settings=settings, rate_sharp=sharp, watch=watch,
        measure=_measure(objective, settings["momentum"]),
    )


def _measure(objective: Problem | Objective, momentum: float) -> Measure:
    geometry = Geometry.plain(objective) if isinstance(objective, Problem) else None

    def measure(states: Sequence[np.ndarray], excess: np.ndarray) -> dict[str, np.ndarray]:
        steps = np.ones(len(states) - 1)
        found = {
            "lookahead_error": of_steps(0 * steps), "step_error": of_steps(0 * steps),
            "beta": of_steps(momentum * steps),
        }
        if geometry is not None:
            found["potential"] = potentials(geometry, geometry.errors(np.array(states)), excess)
        return found

    return measure


def _networks(objective: Problem | Objective, network: np.ndarray, *, momentum, step_size) -> Iterator[np.ndarray]:
    previous = network
    while True:
        yield network
        _, grown = step(network, previous, objective.gradient, momentum=momentum, step_size=step_size)
        previous, network = network, grown
