"""Gradient descent with errors."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from linres import trajectory
from linres.problem import Problem
from linres.quantities import of_steps
from linres.trajectory import Trajectory, Watch


def step(x, gradient, *, step_size, error=0):
    """One step x - step_size * gradient(x) + error, in any arithmetic.

    x and error are points of one space (arrays of one shape, `Matrix`, `Symbolic`); gradient maps a point to its
    gradient; step_size is a scalar of the same arithmetic.
    """
    return x - step_size * gradient(x) + error


def descend(problem: Problem, *, stages, step_size=None, start=None, watch: Watch | None = None) -> Trajectory:
    """Gradient descent on ell from W_0 = start (d, d; by default I), step_size 1/L by default.

    The sharp contraction of the excess loss per stage is max_s (1 - step_size s)^2 over the eigenvalues s of Sigma
    ((1 - 1/kappa)^2 for the default step). watch(t, excess), if given, is called at every stage. InputError for bad
    settings; a diverging run is a `Trajectory` that says so.
    """
    settings: dict[str, Any] = {
        "momentum": 0.0,
        "step_size": trajectory.step_size("descend", step_size, 1 / problem.L),
        "stages": trajectory.budget("descend", stages),
        "first": "given" if start is not None else "identity",
    }
    networks = _networks(problem, trajectory.first_network("descend(start=...)", problem, start), settings["step_size"])
    with np.errstate(over="ignore"):  # an absurd step has an infinite rate
        sharp = float(np.max((1 - settings["step_size"] * problem.eigenvalues) ** 2))
    return trajectory.record(
        problem, networks, method="gradient", rule="functional", settings=settings, rate_sharp=sharp, watch=watch,
        measure=_measure,
    )


def _measure(states: Sequence[np.ndarray], excess: np.ndarray) -> dict[str, np.ndarray]:
    """Gradient descent is Nesterov's method without momentum, and without errors."""
    none = of_steps(np.zeros(len(states) - 1))
    return {"lookahead_error": none, "step_error": none, "beta": none}


def _networks(problem: Problem, network: np.ndarray, step_size: float) -> Iterator[np.ndarray]:
    while True:
        yield network
        network = step(network, problem.gradient, step_size=step_size)
