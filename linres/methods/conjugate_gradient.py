"""Conjugate gradients: the best Krylov method on a quadratic, adapted to its spectrum and to the start.

After t steps x_t minimises f over x_0 + span(g_0, H g_0, ..., H^{t-1} g_0), so that no method of t gradients is better
in the excess, and it ends after as many steps as H has distinct eigenvalues (or fewer, if g_0 has no component along
some). Here x is a point of a Hilbert space with inner product `linres.arithmetic.inner`: for ell these are the maps W
(d x d) with Frobenius' product and H: X -> X Sigma. The rows of W are then one system: all share the step lengths and
one Krylov space, instead of d separate runs, which would fit each row by itself. The eigenvalues are those of Sigma.

The formulas are those of Hestenes and Stiefel, J. Res. Nat. Bur. Standards 49 (1952), 409-436.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from linres import checks, trajectory
from linres.arithmetic import inner
from linres.one_thread import one_thread
from linres.problem import Problem
from linres.trajectory import Trajectory, Watch


class State(NamedTuple):
    """Where a run is: the point x_t, the gradient g_t there, and the direction in which it looks next."""

    x: Any
    slope: Any
    direction: Any


def begin(x, gradient) -> State:
    """The state at x_0 = x: steepest descent is the first direction."""
    slope = gradient(x)
    return State(x, slope, slope)


def step(state: State, hessian) -> State:
    """One step, in any arithmetic; hessian maps a direction X to H X.

    x' minimises f along the direction, g' = g - length H direction, and direction' = g' + |g'|^2/|g|^2 direction.
    ZeroDivisionError where the direction is 0: there x_t is the minimiser.
    """
    x, slope, direction = state
    bent, square = hessian(direction), inner(slope, slope)
    length = square / inner(direction, bent)
    new = slope - length * bent
    return State(x - length * direction, new, new + inner(new, new) / square * direction)


@one_thread
def conjugate_gradient(problem: Problem, *, stages, start=None, watch: Watch | None = None) -> Trajectory:
    """Conjugate gradients on ell from W_0, the maps W as one Hilbert space.

    Parameters
    ----------
    problem : Problem
        What is minimised.
    stages : int
        How many steps at most, >= 0.
    start : (d, d) array_like, optional
        W_0; by default I.
    watch : callable, optional
        watch(t, excess), called at every stage.

    Returns
    -------
    Trajectory
        The run. It has no settings: they say momentum None, and 1/L for the step size, the shortest it may choose.

    Raises
    ------
    InputError
        When `problem` is no `Problem`, Sigma is singular, `start` is no finite (d, d) matrix of finite loss, or
        `stages` is no integer >= 0.

    Notes
    -----
    It has no rate: rate_sharp is None, since it ends in as many stages as Sigma has distinct eigenvalues, up to
    rounding, which delays it. In exact arithmetic its excess loss is at every stage at most that of every other method
    from this start, and at most `linres.methods.chebyshev.lower_bound(q, t)` times what it was. The formulas are those
    of Hestenes and Stiefel (1952).

    Examples
    --------
    >>> import linres
    >>> run = linres.conjugate_gradient(linres.Problem.from_spectrum([1, 2, 4]), stages=40)
    >>> run.status, run.stage
    ('converged', 3)
    """
    checks.watch("conjugate_gradient", watch)
    trajectory.require_problem("conjugate_gradient", problem)
    settings: dict[str, Any] = {
        "momentum": None,
        "step_size": 1 / problem.L,
        "stages": trajectory.budget("conjugate_gradient", stages),
        "network_start": "given" if start is not None else "identity",
    }
    first = trajectory.first_network("conjugate_gradient(start=...)", problem, start)
    return trajectory.record(
        problem, _networks(problem, first), method="conjugate-gradient", rule="functional", settings=settings,
        rate_sharp=None, watch=watch,
    )


def _networks(problem: Problem, network: np.ndarray) -> Iterator[np.ndarray]:
    state = begin(network, problem.gradient)
    while True:
        yield state.x
        try:
            state = step(state, lambda direction: direction @ problem.sigma)
        except ZeroDivisionError:  # arrived: there is nowhere to go
            state = state._replace(slope=0 * state.slope, direction=0 * state.direction)
