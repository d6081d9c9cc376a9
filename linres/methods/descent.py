"""Gradient descent with errors."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from linres import checks, trajectory
from linres.losses import Objective
from linres.one_thread import one_thread
from linres.problem import Problem
from linres.quantities import of_steps
from linres.trajectory import Trajectory, Watch


def step(x, gradient, *, step_size, error=0):
    """One step x - step_size * gradient(x) + error, in any arithmetic.

    x and error are points of one space (arrays of one shape, `Matrix`, `Symbolic`); gradient maps a point to its
    gradient; step_size is a scalar of the same arithmetic.
    """
    return x - step_size * gradient(x) + error


@one_thread
def descend(
    objective: Problem | Objective, *, stages, step_size=None, start=None, watch: Watch | None = None
) -> Trajectory:
    """Gradient descent on ell from W_0.

    Parameters
    ----------
    objective : Problem or linres.losses.Objective
        What is minimised. No rate is told of what is no `Problem`.
    stages : int
        How many steps at most, >= 0.
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
        When `objective` is no loss or has no curvature, Sigma is singular, `start` is no finite (d, d) matrix of finite
        loss, or another setting is outside its range.

    Notes
    -----
    The sharp contraction of the excess loss per stage is max_s (1 - step_size s)^2 over the eigenvalues s of Sigma: (1
    - 1/kappa)^2 for the default step, by the theorem gradient-step.

    Examples
    --------
    >>> import linres
    >>> run = linres.descend(linres.Problem.from_spectrum([1, 2, 4]), stages=40)
    >>> round(run.rate_sharp, 6)
    0.5625
    """
    checks.watch("descend", watch)
    settings: dict[str, Any] = {
        "momentum": 0.0,
        "step_size": trajectory.step_size("descend", step_size, 1 / trajectory.smoothness("descend", objective)),
        "stages": trajectory.budget("descend", stages),
        "network_start": "given" if start is not None else "identity",
    }
    first = trajectory.first_network("descend(start=...)", objective, start)
    return trajectory.record(
        objective, _networks(objective, first, settings["step_size"]), method="gradient", rule="functional",
        settings=settings, rate_sharp=_sharp_rate(objective, settings["step_size"]), watch=watch, measure=_measure,
    )


def _sharp_rate(objective: Problem | Objective, step_size: float) -> float | None:
    if not isinstance(objective, Problem):
        return None
    with np.errstate(over="ignore"):  # an absurd step has an infinite rate
        return float(np.max((1 - step_size * objective.eigenvalues) ** 2))


def _measure(states: Sequence[np.ndarray], excess: np.ndarray) -> dict[str, np.ndarray]:
    """Gradient descent is Nesterov's method without momentum, and without errors."""
    none = of_steps(np.zeros(len(states) - 1))
    return {"lookahead_error": none, "step_error": none, "beta": none}


def _networks(objective: Problem | Objective, network: np.ndarray, step_size: float) -> Iterator[np.ndarray]:
    while True:
        yield network
        network = step(network, objective.gradient, step_size=step_size)
