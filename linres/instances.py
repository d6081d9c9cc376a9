"""Rational instances that theorems are checked on, and the exact record of what an algorithm did on them.

A finite-precision run is an instance too: `RecordedRun` takes the states that a float64 run left, and counts whatever
separates them from the exact method, rounding and wrongly rounded step sizes included, as the errors D_t and e_t.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from linres.arithmetic import EXACT, Arithmetic, Matrix, inner, rational, round_dyadic, to_exact
from linres.methods import descent, nesterov, stacking

Rationals = tuple[Fraction, ...]


class Stage(NamedTuple):
    """One stage of Nesterov's method with errors, everything measured: points, errors, values of f, potentials."""

    x_prev: Any
    x: Any
    y: Any
    x_next: Any
    lookahead_error: Any
    step_error: Any
    gradient: Any  # at y
    f_x: Any
    f_y: Any
    f_next: Any
    potential: Any
    potential_next: Any


class Record(NamedTuple):
    """A run: parameters, minimiser, minimum and stages."""

    q: Any
    L: Any
    minimiser: Any
    minimum: Any
    stages: list[Stage]


@dataclass(frozen=True)
class Function:
    """A smooth, strongly convex function through its value and gradient, in one arithmetic."""

    value: Callable[[Any], Any]
    gradient: Callable[[Any], Any]
    minimiser: Any
    minimum: Any


def record(function: Function, points: Iterator[tuple[Any, Any, Any, Any]], *, q, L) -> Record:
    """The record of a run given as (x_prev, x, y, x_next) at each stage; errors are what the exact method leaves."""

    def phi(point, before, value):
        offset = nesterov.auxiliary(point, before, q=q) - function.minimiser
        return nesterov.potential(value - function.minimum, inner(offset, offset), mu=q * q * L)

    stages: list[Stage] = []
    for x_prev, x, y, x_next in points:
        slope = function.gradient(y)
        exact_y = nesterov.step(x, x_prev, lambda _, g=slope: g, momentum=nesterov.momentum(q), step_size=1 / L)[0]
        exact_next = descent.step(y, lambda _, g=slope: g, step_size=1 / L)
        f_x, potential = (stages[-1].f_next, stages[-1].potential_next) if stages else (function.value(x), None)
        f_next = function.value(x_next)
        stages.append(Stage(
            x_prev, x, y, x_next, y - exact_y, x_next - exact_next, slope, f_x, function.value(y), f_next,
            phi(x, x_prev, f_x) if potential is None else potential, phi(x_next, x, f_next),
        ))
    return Record(q, L, function.minimiser, function.minimum, stages)


@dataclass(frozen=True)
class NesterovRun:
    """Nesterov's method with errors on f(x) = minimum + sum_i h_i(<u_i, x - minimiser>), u_i an orthonormal basis.

    h_i(s) = up_i s^2/2 for s >= 0 and down_i s^2/2 for s < 0, with up_i = mu + up[i] (L - mu) and so for down, shares
    in [0, 1]: smooth and strongly convex, quadratic where up = down. mirror is the normal of the Householder reflection
    that makes the basis, () for none. The errors at stage t are decay^t times the vectors given; after each step the
    state is rounded to `bits` bits, and the rounding counts as step error.
    """

    q: Fraction
    L: Fraction
    up: Rationals
    down: Rationals
    x: Rationals
    x_prev: Rationals
    lookahead_error: Rationals = ()
    step_error: Rationals = ()
    decay: Fraction = Fraction(1, 2)
    mirror: Rationals = ()
    minimiser: Rationals = ()
    minimum: Fraction = Fraction(0)
    stages: int = 1
    bits: int = 64

    def _column(self, entries: Rationals, arithmetic: Arithmetic) -> Any:
        return arithmetic.matrix([[entry] for entry in entries or (Fraction(0),) * len(self.x)])

    def basis(self, arithmetic: Arithmetic) -> Any:
        """The orthogonal matrix I - 2 v v^T/(v^T v) for v = mirror."""
        d = len(self.x)
        v = [rational(entry) for entry in self.mirror or (Fraction(0),) * d]
        scale = 2 / sum((entry * entry for entry in v), rational(0)) if any(v) else rational(0)
        return arithmetic.matrix([[(i == j) - scale * v[i] * v[j] for j in range(d)] for i in range(d)])

    def function(self, arithmetic: Arithmetic) -> Function:
        """f in the arithmetic; its Hessian is that of the orthant of the basis that a point lies in."""
        basis, minimiser = self.basis(arithmetic), self._column(self.minimiser, arithmetic)
        minimum = arithmetic.number(self.minimum)
        mu = self.q**2 * self.L
        sides = [[mu + share * (self.L - mu) for share in shares] for shares in (self.down, self.up)]
        hessians: dict[tuple[bool, ...], Any] = {}

        def hessian(offset):
            column = basis.T @ offset
            entries = column.ravel() if isinstance(column, np.ndarray) else column.entries()
            signs = tuple(bool(s >= 0) for s in entries)
            if signs not in hessians:
                curvatures = [sides[up][i] for i, up in enumerate(signs)]
                d = range(len(curvatures))
                diagonal = arithmetic.matrix([[curvatures[i] if i == j else Fraction(0) for j in d] for i in d])
                hessians[signs] = basis @ diagonal @ basis.T
            return hessians[signs]

        def gradient(point):
            offset = point - minimiser
            return hessian(offset) @ offset

        def value(point):
            return minimum + inner(gradient(point), point - minimiser) / 2

        return Function(value, gradient, minimiser, minimum)

    def record(self, arithmetic: Arithmetic, *, step: Callable = nesterov.step) -> Record:
        """The run in the arithmetic; `step` may be another method, whose departures then count as errors."""
        function = self.function(arithmetic)
        q, L = arithmetic.number(self.q), arithmetic.number(self.L)
        return record(function, self._points(function, arithmetic, q, L, step), q=q, L=L)

    def _points(self, function, arithmetic, q, L, step):
        x, x_prev = self._column(self.x, arithmetic), self._column(self.x_prev, arithmetic)
        lookahead, slip = (self._column(v, arithmetic) for v in (self.lookahead_error, self.step_error))
        for t in range(self.stages):
            scale = arithmetic.number(self.decay**t)
            y, x_next = step(
                x, x_prev, function.gradient, momentum=nesterov.momentum(q), step_size=1 / L,
                lookahead_error=scale * lookahead, step_error=scale * slip,
            )
            if t + 1 < self.stages and arithmetic is EXACT:  # short runs stay exactly as given
                x_next = round_dyadic(x_next, self.bits)
            yield x_prev, x, y, x_next
            x_prev, x = x, x_next


@dataclass(frozen=True, eq=False)
class RecordedRun:
    """A float64 run on least squares ell(W) - ell* = tr((W - W*) Sigma (W - W*)^T)/2, taken at its word.

    states: (T + 2, k, d), the points x_{-1}, x_0, ..., x_T; lookaheads: (T, k, d), the points y_0, ..., y_{T-1};
    sigma (d, d), target (k, d), all float64. q and L are rationals for which the hypotheses are then checked exactly.
    """

    sigma: np.ndarray
    target: np.ndarray
    states: np.ndarray
    lookaheads: np.ndarray
    q: Fraction
    L: Fraction

    @cached_property
    def function(self) -> Function:
        sigma, target = to_exact(self.sigma), to_exact(self.target)

        def gradient(point: Matrix) -> Matrix:
            return (point - target) @ sigma

        def value(point: Matrix):
            return inner(gradient(point), point - target) / 2

        return Function(value, gradient, target, rational(0))

    def record(self, arithmetic: Arithmetic) -> Record:
        """The exact record; any other arithmetic would add rounding of its own. ValueError if it is not EXACT."""
        if arithmetic is not EXACT:
            raise ValueError(f"RecordedRun.record(arithmetic) should be EXACT, got {arithmetic!r}")
        states, lookaheads = (list(map(to_exact, points)) for points in (self.states, self.lookaheads))
        points = zip(states[:-2], states[1:-1], lookaheads, states[2:], strict=True)
        return record(self.function, points, q=rational(self.q), L=rational(self.L))


class Grown(NamedTuple):
    """One stage of stagewise training: the maps W_{t-1}, W_t, W_{t+1}, the block w_t, y_t and the gradient there."""

    before: Any
    network: Any
    grown: Any
    block: Any
    lookahead: Any
    gradient: Any


class Training(NamedTuple):
    """A stagewise training run and its parameters."""

    momentum: Any
    step_size: Any
    stages: list[Grown]


@dataclass(frozen=True)
class StackingRun:
    """Stagewise training on least squares with moment matrix sigma and target W*, from start, exactly: no rounding.

    Tables of rationals (d rows of d); momentum and step_size rationals. Exact states double their bits each stage.
    """

    sigma: tuple[Rationals, ...]
    target: tuple[Rationals, ...]
    start: tuple[Rationals, ...]
    momentum: Fraction
    step_size: Fraction
    stages: int = 1

    def record(self, arithmetic: Arithmetic, *, stage: Callable = stacking.stage, rule: str = "functional") -> Training:
        """The run in the arithmetic; it ends early where a W_t is singular and the functional rule has no block."""
        sigma, target, network = (arithmetic.matrix(table) for table in (self.sigma, self.target, self.start))
        momentum, step_size = arithmetic.number(self.momentum), arithmetic.number(self.step_size)

        def gradient(point):
            return (point - target) @ sigma

        before, block, stages = network, network - network, []
        for _ in range(self.stages):
            try:
                made = stage(network, block, gradient, momentum=momentum, step_size=step_size, rule=rule)
            except (ZeroDivisionError, np.linalg.LinAlgError):
                break
            stages.append(Grown(before, network, made.network, block, made.lookahead, gradient(made.lookahead)))
            before, network, block = network, made.network, made.block
        return Training(momentum, step_size, stages)


def generic_stacking_run(stages: int) -> StackingRun:
    """A run in the plane in which nothing commutes: moment matrix, target and start share no eigenvector."""
    f = Fraction
    return StackingRun(
        sigma=((f(2), f(1, 2)), (f(1, 2), f(1))), target=((f(2), f(1)), (f(-1), f(3))),
        start=((f(1), f(0)), (f(0), f(1))), momentum=f(1, 2), step_size=f(1, 3), stages=stages,
    )
