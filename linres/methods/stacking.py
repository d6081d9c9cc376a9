"""Stagewise training of a deep linear residual network: each stage adds one block on top of a frozen network.

The end-to-end map after t stages is W_t = (I + w_t) ... (I + w_1) W_0. Stage t + 1 starts its block at
w^0 = momentum * w_t: momentum 0 is the zero start, momentum 1 the plain copy, (1 - q)/(1 + q) what theory asks for.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from linres import trajectory
from linres.arithmetic import divide
from linres.errors import refuse
from linres.methods import nesterov
from linres.problem import TINY, Problem
from linres.quantities import Geometry, Measure, frobenius, increments, of_steps
from linres.trajectory import Trajectory, Watch

RULES = ("functional", "parameter")


class Stage(NamedTuple):
    """What one stage leaves: the start (I + w^0) W_t of its step, the grown map W_{t+1}, the new block w_{t+1}."""

    lookahead: Any
    network: Any
    block: Any


def stage(network, block, gradient, *, momentum, step_size, rule):
    """One stage, in any arithmetic.

    gradient maps an end-to-end map W (d x d) to the gradient of the loss in W.
    rule "functional": W_{t+1} = y - step_size * gradient(y), y = (I + w^0) W_t; the block is recovered by dividing by
    W_t, which must be invertible. rule "parameter": the gradient step is taken on the block itself,
    w_{t+1} = w^0 - step_size * gradient(y) W_t^T, which makes W_{t+1} = y - step_size * gradient(y) W_t^T W_t.
    """
    start = momentum * block
    lookahead = network + start @ network
    slope = gradient(lookahead)
    if rule == "functional":
        grown = lookahead - step_size * slope
        return Stage(lookahead, grown, divide(grown - network, network))
    grown_block = start - step_size * slope @ network.T
    return Stage(lookahead, network + grown_block @ network, grown_block)


def basin(q):
    """1/(2 (2 sqrt(1+q) + sqrt(1-q))^2): stacking accelerates from rest where Phi_0 <= basin(q) mu sigma_min(W*)^2.

    The basin of the theorem stacking-acceleration, in its own units: from 1/20, at q = 3/5, to 1/16, at q = 1. q =
    1/sqrt(kappa) is a number or an array, between 0 and 1.
    """
    return 1 / (2 * (2 * np.sqrt(1 + q) + np.sqrt(1 - q)) ** 2)


STARTS = ("stacking", "zero")


def grow(
    problem: Problem, *, start="stacking", rule="functional", stages, momentum=None, step_size=None, network=None,
    watch: Watch | None = None,
) -> Trajectory:
    """Stagewise training from W_0 = network (d, d; by default I), from rest: the first block starts at zero.

    start: what block t + 1 starts at, "stacking" for momentum * w_t or "zero". rule: "functional" or "parameter", see
    `stage`. Defaults for the functional rule: step_size 1/L, momentum (1-q)/(1+q). For the parameter rule the curvature
    at W is that of W Sigma W^T, whose largest eigenvalue is convex in W: step_size is 1/max(L_0, L'), the larger of it
    at W_0 and at W*, which is safe on the segment between them, and momentum has q = sqrt(mu'/max(L_0, L')) with mu'
    the smallest nonzero eigenvalue of W* Sigma W*^T.

    The sharp rate is that of the linearisation at W*: Nesterov's method on Sigma (functional) or on W* Sigma W*^T
    (parameter). It needs W* invertible, except for the functional zero start, which is gradient descent exactly; else
    rate_sharp is None. What is proved of a run is told by `linres.guarantee`.

    watch(t, excess), if given, is called at every stage. InputError for bad settings. Where the functional rule meets a
    singular W_t no block exists, and the run is "diverged" there. If W* is singular W_t may approach it all the same,
    or its blocks may explode: both happen.
    """
    _require(start, "start", STARTS)
    _require(rule, "rule", RULES)
    first = trajectory.first_network("grow(network=...)", problem, network)
    settings = _settings(problem, first, start=start, rule=rule, momentum=momentum, step_size=step_size)
    settings |= {"stages": trajectory.budget("grow", stages), "start": start}
    settings["first"] = "given" if network is not None else "identity"
    pace = {key: settings[key] for key in ("momentum", "step_size")}
    return trajectory.record(
        problem, _networks(problem, first, rule=rule, **pace), method=start, rule=rule, settings=settings,
        rate_sharp=_sharp_rate(problem, start, rule, pace), watch=watch,
        measure=_measure(_geometry(problem, first, rule), step_size=settings["step_size"], rule=rule),
    )


def _require(value, name: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise refuse(f"grow({name}=...)", " or ".join(f'"{word}"' for word in allowed), repr(value))


def _settings(problem: Problem, first: np.ndarray, *, start, rule, momentum, step_size) -> dict[str, Any]:
    q, L = problem.q, problem.L
    if rule == "parameter":
        mu, L = _output_curvature(problem, first)
        q = (mu / L) ** 0.5
    step_size = trajectory.step_size("grow", step_size, 1 / L)
    if start == "zero":
        if momentum is not None:
            raise refuse("grow(momentum=...)", "left out for the zero start", momentum, 'Or take start="stacking".')
        return {"momentum": 0.0, "step_size": step_size}
    return {"momentum": trajectory.momentum("grow", momentum, nesterov.momentum(q)), "step_size": step_size}


def _output_curvature(problem: Problem, first: np.ndarray) -> tuple[float, float]:
    """mu' and max(L_0, L') of the parameter rule; mu' is the smallest nonzero eigenvalue of W* Sigma W*^T."""
    smallest, largest = problem.output_curvature
    largest = max(float(np.linalg.eigvalsh(first @ problem.sigma @ first.T)[-1]), largest)
    if not TINY <= largest < math.inf:
        raise refuse("grow(rule=...)", '"functional" here', '"parameter"',
                     f"The largest eigenvalue of W Sigma W^T at W_0 and at W* is {largest:.3g}.")
    return (smallest or largest), largest


def _sharp_rate(problem: Problem, start: str, rule: str, pace: dict[str, float]) -> float | None:
    if rule == "functional" and start == "zero":
        return nesterov.quadratic_rate(problem.eigenvalues, **pace)
    if not problem.target_invertible:
        return None
    eigenvalues = problem.eigenvalues if rule == "functional" else problem.output_eigenvalues
    return nesterov.quadratic_rate(eigenvalues, **pace)


class _Grown(NamedTuple):
    """W_t, its last block w_t, what w_t started at and with which momentum; nothing made W_0."""

    network: np.ndarray
    block: np.ndarray
    start: np.ndarray | None = None
    beta: float = math.nan


def _networks(problem: Problem, network: np.ndarray, *, momentum, step_size, rule) -> Iterator[_Grown]:
    grown = _Grown(network, np.zeros_like(network))
    while True:
        yield grown
        made = stage(grown.network, grown.block, problem.gradient, momentum=momentum, step_size=step_size, rule=rule)
        grown = _Grown(made.network, made.block, momentum * grown.block, momentum)


def _geometry(problem: Problem, first: np.ndarray, rule: str) -> Geometry | None:
    """Where the rule is Nesterov's method: X = W, or W W*^{-1} for the parameter rule; None if there is no such."""
    if rule == "functional":
        return Geometry.plain(problem)
    if problem.target_invertible is not True:
        return None
    (mu, L), target = _output_curvature(problem, first), problem.target
    sigma, identity = target @ problem.sigma @ target.T, np.eye(problem.dimension)
    return Geometry(target, sigma, identity, mu, (mu / L) ** 0.5, np.linalg.inv(target))


def _measure(geometry: Geometry | None, *, step_size: float, rule: str) -> Measure:
    def measure(states: Sequence[_Grown], excess: np.ndarray) -> dict[str, np.ndarray]:
        blocks = np.array([state.block for state in states])
        norms = frobenius(blocks)
        if states[0].start is None:
            norms[0] = np.nan
        beta = np.array([state.beta for state in states[1:]])
        found = {"block_norm": norms, "beta": of_steps(beta)}
        if geometry is None:
            return found
        errors = geometry.errors(np.array([state.network for state in states]))
        found["potential"] = nesterov.potentials(geometry, errors, excess)
        # w_t X_{t-1} = X_t - X_{t-1}, so that (I + beta w_t) X_t is off Nesterov's point by beta w_t (X_t - X_{t-1}).
        ahead = beta[:, None, None] * (blocks @ increments(errors))[:-1]
        found["lookahead_error"] = of_steps(frobenius(ahead))
        found["step_error"] = of_steps(frobenius(_step_errors(geometry, states, blocks, errors)))
        return found

    def _step_errors(geometry: Geometry, states, blocks, errors) -> np.ndarray:
        """e_t = X_{t+1} - Y_t + step_size (Y_t - X*) sigma, Y_t = (I + w^0) X_t."""
        if rule == "functional":
            return np.zeros_like(errors[1:])
        starts = np.array([state.start for state in states[1:]]).reshape(errors[1:].shape)
        points = errors[:-1] + geometry.minimiser
        ahead = errors[:-1] + starts @ points
        return (blocks[1:] - starts) @ points + step_size * ahead @ geometry.sigma

    return measure
