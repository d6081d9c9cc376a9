"""The Chebyshev semi-iteration: of all methods with fixed coefficients the best one where [mu, L] is known.

The error after t steps on a quadratic is p_t(H)(x_0 - x*), with the residual polynomial

    p_t(s) = T_t((L + mu - 2 s)/(L - mu)) / T_t((L + mu)/(L - mu)),     T_t the Chebyshev polynomial of degree t.

No polynomial of degree t with p(0) = 1 has a smaller maximum over [mu, L], 1/T_t((kappa+1)/(kappa-1)): see the theorem
chebyshev-lower-bound. The formulas are classical: Golub and Varga, Numerische Mathematik 3 (1961), 147-168.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from linres import checks, trajectory
from linres.errors import refuse
from linres.methods import descent, nesterov
from linres.one_thread import one_thread
from linres.problem import Problem
from linres.trajectory import Trajectory, Watch


def weight(stage: int, *, q):
    """omega of the step from x_t, t = stage: 1 at first, then 2 xi T_t(xi)/T_{t+1}(xi), xi = (kappa+1)/(kappa-1).

    With b = ((1-q)/(1+q))^2 that is (1 + b)(1 + b^t)/(1 + b^{t+1}), from less than 2 down to 1 + b.
    """
    if stage == 0:
        return 1
    b = nesterov.momentum(q) * nesterov.momentum(q)
    return (1 + b) * (1 + b**stage) / (1 + b ** (stage + 1))


def step(x, x_prev, gradient, *, weight, step_size):
    """One step x_{t-1} + weight (x_t - step_size gradient(x_t) - x_{t-1}), in any arithmetic.

    step_size is 2/(L + mu), weight as `weight` says. At the first step x_prev does not matter.
    """
    return x_prev + weight * (descent.step(x, gradient, step_size=step_size) - x_prev)


def lower_bound(q, t) -> np.ndarray:
    """(1/T_t((kappa+1)/(kappa-1)))^2 in float64, for q = 1/sqrt(kappa) in (0, 1] and t >= 0, arrays that broadcast.

    By this the excess of the worst quadratic with spectrum in [mu, L] falls in t steps at best: the theorem
    chebyshev-lower-bound. With b = (1-q)/(1+q) it is (2 b^t/(1 + b^{2t}))^2, between b^{2t} and 4 b^{2t}. On a problem
    with at most t distinct eigenvalues conjugate gradients are done by then. InputError for other q or t.
    """
    q, t = np.asarray(q, dtype=np.float64), np.asarray(t, dtype=np.float64)
    if not np.all((q > 0) & (q <= 1)):
        raise refuse("lower_bound(q)", "in (0, 1]", f"{q.min():.6g} to {q.max():.6g}", "q is 1/sqrt(kappa).")
    if not np.all(t >= 0):
        raise refuse("lower_bound(t)", "at least 0", f"{t.min():.6g}")
    power = nesterov.momentum(q) ** t
    return (2 * power / (1 + power * power)) ** 2


@one_thread
def chebyshev(problem: Problem, *, stages, start=None, watch: Watch | None = None) -> Trajectory:
    """The Chebyshev semi-iteration on ell from W_0, for [mu, L] of the problem.

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
        The run. Its settings say 2/(L + mu) for the step size, and for the momentum what multiplies W_t - W_{t-1} in
        the long run, ((1-q)/(1+q))^2.

    Raises
    ------
    InputError
        When `problem` is no `Problem`, Sigma is singular, `start` is no finite (d, d) matrix of finite loss, or
        `stages` is no integer >= 0.

    Notes
    -----
    The excess loss after t stages is at most `linres.methods.chebyshev.lower_bound(q, t)` times what it was, by the
    theorem chebyshev-iteration, and rate_sharp, ((1-q)/(1+q))^2, is its contraction per stage up to a factor between 1
    and 4. The formulas are those of Golub and Varga (1961).

    Examples
    --------
    >>> import linres
    >>> run = linres.chebyshev(linres.Problem.from_spectrum([1, 2, 4]), stages=40)
    >>> round(run.rate_sharp, 6), run.stages_to(1e-6)
    (0.111111, 7)
    """
    checks.watch("chebyshev", watch)
    trajectory.require_problem("chebyshev", problem)
    sharp = nesterov.momentum(problem.q) ** 2
    settings: dict[str, Any] = {
        "momentum": sharp,
        "step_size": 1 / (problem.L / 2 + problem.mu / 2),
        "stages": trajectory.budget("chebyshev", stages),
        "network_start": "given" if start is not None else "identity",
    }
    first = trajectory.first_network("chebyshev(start=...)", problem, start)
    networks = _networks(problem, first, step_size=settings["step_size"])
    return trajectory.record(
        problem, networks, method="chebyshev", rule="functional", settings=settings, rate_sharp=sharp, watch=watch
    )


def _networks(problem: Problem, network: np.ndarray, *, step_size: float) -> Iterator[np.ndarray]:
    previous, stage = network, 0
    while True:
        yield network
        grown = step(network, previous, problem.gradient, weight=weight(stage, q=problem.q), step_size=step_size)
        previous, network, stage = network, grown, stage + 1
