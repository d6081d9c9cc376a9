"""Rational instances that theorems are checked on, and the exact record of what an algorithm did on them.

A finite-precision run is an instance too: `RecordedRun` takes the states that a float64 run left, and counts whatever
separates them from the exact method, rounding and wrongly rounded step sizes included, as the errors D_t and e_t.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from linres.arithmetic import EXACT, Arithmetic, Matrix, divide, inner, rational, round_dyadic, to_scaled
from linres.errors import refuse
from linres.methods import descent, nesterov, stacking

Rationals = tuple[Fraction, ...]


class Stage(NamedTuple):
    """One stage of Nesterov's method with errors, everything measured.

    Attributes
    ----------
    x_prev : (d, 1) or (k, d) matrix
        x_{t-1}. Points, errors and the gradient are matrices of the arithmetic of the run.
    x : (d, 1) or (k, d) matrix
        x_t.
    y : (d, 1) or (k, d) matrix
        y_t.
    x_next : (d, 1) or (k, d) matrix
        x_{t+1}.
    lookahead_error : (d, 1) or (k, d) matrix
        D_t.
    step_error : (d, 1) or (k, d) matrix
        e_t.
    gradient : (d, 1) or (k, d) matrix
        The gradient of f at y_t.
    f_x : scalar
        f(x_t).
    f_y : scalar
        f(y_t).
    f_next : scalar
        f(x_{t+1}).
    potential : scalar
        Phi_t.
    potential_next : scalar
        Phi_{t+1}.
    """

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
    """A run of Nesterov's method with errors, measured.

    Attributes
    ----------
    q : scalar
        1/sqrt(kappa).
    L : scalar
        The smoothness.
    minimiser : (d, 1) or (k, d) matrix
        x*.
    minimum : scalar
        f*.
    stages : list of Stage
        What each stage did, see `linres.instances.Stage`.
    """

    q: Any
    L: Any
    minimiser: Any
    minimum: Any
    stages: list[Stage]


@dataclass(frozen=True)
class Function:
    """A smooth, strongly convex function in one arithmetic.

    Attributes
    ----------
    value : callable
        Point to value.
    gradient : callable
        Point to gradient.
    minimiser : matrix
        Where it is least.
    minimum : scalar
        Its value there.
    """

    value: Callable[[Any], Any]
    gradient: Callable[[Any], Any]
    minimiser: Any
    minimum: Any


@dataclass(frozen=True)
class Method:
    """Nesterov's method on a function with parameters q and L: what it leaves of a run, and the potential of that."""

    function: Function
    q: Any
    L: Any

    def look_ahead(self, x, x_prev):
        """x + beta (x - x_prev), where the method without lookahead error takes its gradient."""
        return nesterov.step(x, x_prev, lambda _: x - x, momentum=nesterov.momentum(self.q), step_size=1 / self.L)[0]

    def step_from(self, y, slope):
        """Where the step from y goes, given the gradient there."""
        return descent.step(y, lambda _: slope, step_size=1 / self.L)

    def potential(self, x, x_prev, value):
        """Phi at x after x_prev, given the value at x."""
        offset = nesterov.auxiliary(x, x_prev, q=self.q) - self.function.minimiser
        distance_squared = inner(offset, offset)
        return nesterov.potential(value - self.function.minimum, distance_squared, mu=self.q * self.q * self.L)

    def stage(self, x_prev, x, y, x_next, *, value, potential) -> Stage:
        """The stage that went through these points, given f(x) and Phi there; errors are what the method leaves."""
        function = self.function
        slope, f_next = function.gradient(y), function.value(x_next)
        return Stage(
            x_prev, x, y, x_next, y - self.look_ahead(x, x_prev), x_next - self.step_from(y, slope), slope,
            value, function.value(y), f_next, potential, self.potential(x_next, x, f_next),
        )


def record(function: Function, points: Iterable[tuple[Any, Any, Any, Any]], *, q, L) -> Record:
    """The record of a run given as (x_prev, x, y, x_next) at each stage; errors are what the exact method leaves."""
    method = Method(function, q, L)
    stages: list[Stage] = []
    for x_prev, x, y, x_next in points:
        value = stages[-1].f_next if stages else function.value(x)
        potential = stages[-1].potential_next if stages else method.potential(x, x_prev, value)
        stages.append(method.stage(x_prev, x, y, x_next, value=value, potential=potential))
    return Record(q, L, function.minimiser, function.minimum, stages)


def reflection(normal: Rationals, d: int, arithmetic: Arithmetic) -> Any:
    """The orthogonal (d, d) matrix I - 2 v v^T/(v^T v) for the normal v; I for v = () or 0."""
    v = [rational(entry) for entry in normal or (Fraction(0),) * d]
    scale = 2 / sum((entry * entry for entry in v), rational(0)) if any(v) else rational(0)
    return arithmetic.matrix([[(i == j) - scale * v[i] * v[j] for j in range(d)] for i in range(d)])


@dataclass(frozen=True)
class NesterovRun:
    """Nesterov's method with errors on f(x) = minimum + sum_i h_i(<u_i, x - minimiser>), u_i an orthonormal basis.

    h_i(s) = up_i s^2/2 for s >= 0 and down_i s^2/2 for s < 0, with up_i = mu + up[i] (L - mu) and so for down: f is
    smooth and strongly convex, and quadratic where up = down.

    Parameters
    ----------
    q : Fraction
        1/sqrt(kappa), in (0, 1].
    L : Fraction
        The smoothness, > 0. mu = q^2 L.
    up : tuple of d Fraction
        Shares in [0, 1]: where between mu and L the curvatures to the right are.
    down : tuple of d Fraction
        Those to the left.
    x : tuple of d Fraction
        x_0.
    x_prev : tuple of d Fraction
        x_{-1}; x to start from rest.
    lookahead_error : tuple of d Fraction, default ()
        D_0, () for none. That of stage t is decay^t times this.
    step_error : tuple of d Fraction, default ()
        e_0, likewise.
    decay : Fraction, default 1/2
        What the errors are multiplied by at each stage.
    mirror : tuple of d Fraction, default ()
        The normal of the Householder reflection that makes the basis, () for none.
    minimiser : tuple of d Fraction, default ()
        x*, () for 0.
    minimum : Fraction, default 0
        f*.
    stages : int, default 1
        T.
    bits : int, default 64
        In exact arithmetic each state but the last is rounded to so many bits; the rounding counts as step error.

    Examples
    --------
    >>> from fractions import Fraction
    >>> import linres
    >>> one = Fraction(1)
    >>> run = linres.NesterovRun(q=one / 2, L=one, up=(0 * one, one), down=(one, one), x=(one, one), x_prev=(one, one))
    >>> stage = run.record(linres.EXACT).stages[0]
    >>> stage.f_x, stage.f_next
    (5/8, 9/128)
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
        """The orthogonal matrix I - 2 v v^T/(v^T v) for v = mirror.

        Parameters
        ----------
        arithmetic : Arithmetic
            EXACT, BALL or FLOAT.

        Returns
        -------
        (d, d) Matrix or ndarray
            The basis as columns; I if there is no mirror.
        """
        return reflection(self.mirror, len(self.x), arithmetic)

    def function(self, arithmetic: Arithmetic) -> Function:
        """f in the arithmetic; its Hessian is that of the orthant of the basis that a point lies in.

        Parameters
        ----------
        arithmetic : Arithmetic
            EXACT, BALL or FLOAT.

        Returns
        -------
        linres.instances.Function
            `value` and `gradient`, of points (d, 1), `minimiser` and `minimum`.
        """
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
        """The run in the arithmetic.

        Parameters
        ----------
        arithmetic : Arithmetic
            EXACT, BALL or FLOAT.
        step : callable
            By default `linres.methods.nesterov.step`. It may be another method, whose departures then count as errors.

        Returns
        -------
        linres.instances.Record
            q, L, `minimiser`, `minimum` and `stages`: points, errors, values of f and potentials of each.
        """
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

    Parameters
    ----------
    sigma : (d, d) ndarray
        Sigma, float64 as all arrays here.
    target : (k, d) ndarray
        W*.
    states : (T + 2, k, d) ndarray
        The points x_{-1}, x_0, ..., x_T.
    lookaheads : (T, k, d) ndarray
        The points y_0, ..., y_{T-1}.
    q : Fraction
        1/sqrt(kappa), for which the hypotheses are then checked exactly.
    L : Fraction
        The smoothness, likewise.

    Examples
    --------
    >>> from fractions import Fraction
    >>> import linres
    >>> import numpy as np
    >>> states = np.array([[[1.0]], [[1.0]], [[0.5]]])
    >>> run = linres.RecordedRun(np.eye(1), np.zeros((1, 1)), states, states[1:2], q=Fraction(1, 2), L=Fraction(1))
    >>> run.record(linres.EXACT).stages[0].step_error
    Matrix([[1/2]])
    """

    sigma: np.ndarray
    target: np.ndarray
    states: np.ndarray
    lookaheads: np.ndarray
    q: Fraction
    L: Fraction

    @cached_property
    def function(self) -> Function:
        """The loss, exactly: `value` and `gradient`, of points (k, d), `minimiser` and `minimum`, which is 0."""
        sigma, target = to_scaled(self.sigma), to_scaled(self.target)

        def gradient(point: Matrix) -> Matrix:
            return (point - target) @ sigma

        def value(point: Matrix):
            return inner(gradient(point), point - target) / 2

        return Function(value, gradient, target, rational(0))

    def record(self, arithmetic: Arithmetic, *, step: Callable | None = None) -> Record:
        """The exact record; any other arithmetic would add rounding of its own.

        Parameters
        ----------
        arithmetic : Arithmetic
            EXACT.
        step : callable, optional
            The method that other runs are made by. It changes nothing: these states are there already.

        Returns
        -------
        linres.instances.Record
            As that of a `NesterovRun`. What rounding did is in the errors.

        Raises
        ------
        InputError
            When the arithmetic is not EXACT.
        """
        if arithmetic is not EXACT:
            raise refuse("RecordedRun.record(arithmetic)", "EXACT", repr(arithmetic))
        states, lookaheads = (list(map(to_scaled, points)) for points in (self.states, self.lookaheads))
        points = zip(states[:-2], states[1:-1], lookaheads, states[2:], strict=True)
        return record(self.function, points, q=rational(self.q), L=rational(self.L))


class Grown(NamedTuple):
    """One stage of stagewise training.

    Attributes
    ----------
    before : (d, d) matrix
        W_{t-1}.
    network : (d, d) matrix
        W_t.
    grown : (d, d) matrix
        W_{t+1}.
    block : (d, d) matrix
        w_t.
    lookahead : (d, d) matrix
        y_t.
    gradient : (d, d) matrix
        The gradient at y_t.
    """

    before: Any
    network: Any
    grown: Any
    block: Any
    lookahead: Any
    gradient: Any


class Training(NamedTuple):
    """A stagewise training run and its parameters.

    Attributes
    ----------
    momentum : scalar
        What the last block is multiplied by, to start the next.
    step_size : scalar
        The step.
    stages : list of Grown
        What each stage did, see `linres.instances.Grown`.
    """

    momentum: Any
    step_size: Any
    stages: list[Grown]


@dataclass(frozen=True)
class StackingRun:
    """Stagewise training on least squares with moment matrix sigma and target W*, from start, exactly: no rounding.

    Exact states double their bits each stage.

    Parameters
    ----------
    sigma : tuple of d tuples of d Fraction
        The moment matrix, symmetric and positive definite.
    target : tuple of d tuples of d Fraction
        W*.
    start : tuple of d tuples of d Fraction
        W_0.
    momentum : Fraction
        What the last block is multiplied by, to start the next.
    step_size : Fraction
        The step.
    stages : int, default 1
        T.
    minimum : Fraction, default 0
        ell*.

    Examples
    --------
    >>> from fractions import Fraction
    >>> import linres
    >>> one, two = ((Fraction(1),),), ((Fraction(2),),)
    >>> run = linres.StackingRun(one, two, one, momentum=Fraction(1, 2), step_size=Fraction(1, 2), stages=2)
    >>> [stage.grown for stage in run.record(linres.EXACT).stages]
    [Matrix([[3/2]]), Matrix([[31/16]])]
    """

    sigma: tuple[Rationals, ...]
    target: tuple[Rationals, ...]
    start: tuple[Rationals, ...]
    momentum: Fraction
    step_size: Fraction
    stages: int = 1
    minimum: Fraction = Fraction(0)

    def function(self, arithmetic: Arithmetic) -> Function:
        """The loss minimum + tr((W - W*) sigma (W - W*)^T)/2 in the arithmetic.

        Parameters
        ----------
        arithmetic : Arithmetic
            EXACT, BALL or FLOAT.

        Returns
        -------
        linres.instances.Function
            `value` and `gradient`, of maps (d, d), `minimiser` and `minimum`.
        """
        sigma, target = arithmetic.matrix(self.sigma), arithmetic.matrix(self.target)
        minimum = arithmetic.number(self.minimum)

        def gradient(point):
            return (point - target) @ sigma

        def value(point):
            return minimum + inner(gradient(point), point - target) / 2

        return Function(value, gradient, target, minimum)

    def record(
        self, arithmetic: Arithmetic, *, stage: Callable = stacking.stage, rule: str = "functional", previous=()
    ) -> Training:
        """The run in the arithmetic; it ends early where a W_t is singular and the functional rule has no block.

        Parameters
        ----------
        arithmetic : Arithmetic
            EXACT, BALL or FLOAT.
        stage : callable
            By default `linres.methods.stacking.stage`. It may be another method.
        rule : {"functional", "parameter"}
            What the step is taken on, see `linres.methods.stacking.stage`.
        previous : tuple of d tuples of d Fraction, default ()
            W_{-1}, () to start from rest.

        Returns
        -------
        linres.instances.Training
            `momentum`, `step_size` and `stages`: W_{t-1}, W_t, W_{t+1}, the block w_t, y_t and the gradient there.
        """
        gradient, network = self.function(arithmetic).gradient, arithmetic.matrix(self.start)
        momentum, step_size = arithmetic.number(self.momentum), arithmetic.number(self.step_size)
        before, stages = arithmetic.matrix(previous or self.start), []
        block = divide(network - before, before) if previous else network - network
        for _ in range(self.stages):
            try:
                made = stage(network, block, gradient, momentum=momentum, step_size=step_size, rule=rule)
            except (ZeroDivisionError, np.linalg.LinAlgError):
                break
            stages.append(Grown(before, network, made.network, block, made.lookahead, gradient(made.lookahead)))
            before, network, block = network, made.network, made.block
        return Training(momentum, step_size, stages)


def aligned_stacking_run(
    *, q: Fraction, L: Fraction, eigenvalues: Rationals, values: Rationals, displacement: tuple[Rationals, ...],
    mirror: Rationals = (), left: Rationals = (), right: Rationals = (), stages: int = 1,
    minimum: Fraction = Fraction(0),
) -> StackingRun:
    """A run with rational spectra: Sigma = U diag(eigenvalues) U and W* = P diag(values) Q, from W* + displacement U.

    U, P and Q are the reflections with the normals mirror, left and right, () for none. Column j of the displacement is
    thus along the eigenvector of eigenvalues[j]. Momentum (1-q)/(1+q) and step size 1/L, whatever the eigenvalues.
    """
    d = len(values)
    U, P, Q = (reflection(normal, d, EXACT) for normal in (mirror, left, right))
    spectrum, stretches = (
        EXACT.matrix([[row if i == j else Fraction(0) for j in range(d)] for i, row in enumerate(diagonal)])
        for diagonal in (eigenvalues, values)
    )
    target = P @ stretches @ Q
    sigma, start = U @ spectrum @ U, target + EXACT.matrix(displacement) @ U
    return StackingRun(
        sigma=_table(sigma), target=_table(target), start=_table(start), momentum=nesterov.momentum(q),
        step_size=1 / L, stages=stages, minimum=minimum,
    )


def _table(matrix: Matrix) -> tuple[Rationals, ...]:
    """The rational matrix as a table of Fractions."""
    return tuple(tuple(Fraction(int(e.p), int(e.q)) for e in row) for row in matrix.data.tolist())


def generic_stacking_run(stages: int) -> StackingRun:
    """A run in the plane in which nothing commutes: moment matrix, target and start share no eigenvector."""
    f = Fraction
    return StackingRun(
        sigma=((f(2), f(1, 2)), (f(1, 2), f(1))), target=((f(2), f(1)), (f(-1), f(3))),
        start=((f(1), f(0)), (f(0), f(1))), momentum=f(1, 2), step_size=f(1, 3), stages=stages,
    )


class Modes(NamedTuple):
    """A run on a quadratic: parameters, eigenvalues, x_{-1}, ..., x_T, and <u_i, x_t - minimiser> as {t: value}."""

    q: Any
    L: Any
    eigenvalues: list[Any]
    minimiser: Any
    points: list[Any]
    paths: list[dict[int, Any]]


@dataclass(frozen=True)
class QuadraticRun:
    """Nesterov's method on f(x) = sum_i s_i <u_i, x - minimiser>^2/2, u_i an orthonormal basis, exactly: no rounding.

    eigenvalues: the s_i. start: the coordinates <u_i, x_0 - minimiser>; previous: those of x_{-1}, () to start from
    rest. mirror is the normal of the Householder reflection that makes the basis, () for none. Step size 1/L and
    momentum (1-q)/(1+q), whatever the eigenvalues.
    """

    q: Fraction
    L: Fraction
    eigenvalues: Rationals
    start: Rationals
    previous: Rationals = ()
    mirror: Rationals = ()
    minimiser: Rationals = ()
    stages: int = 1

    def _column(self, entries: Rationals, arithmetic: Arithmetic) -> Any:
        return arithmetic.matrix([[entry] for entry in entries or (Fraction(0),) * len(self.start)])

    def basis(self, arithmetic: Arithmetic) -> Any:
        """The matrix with the eigenvectors as columns."""
        return reflection(self.mirror, len(self.start), arithmetic)

    def record(self, arithmetic: Arithmetic, *, step: Callable = nesterov.step) -> Modes:
        """The run in the arithmetic; `step` may be another method."""
        basis, minimiser = self.basis(arithmetic), self._column(self.minimiser, arithmetic)
        d = range(len(self.eigenvalues))
        diagonal = arithmetic.matrix([[self.eigenvalues[i] if i == j else Fraction(0) for j in d] for i in d])
        hessian = basis @ diagonal @ basis.T
        q, L = arithmetic.number(self.q), arithmetic.number(self.L)
        coordinates = (self.previous or self.start, self.start)
        points = [minimiser + basis @ self._column(entries, arithmetic) for entries in coordinates]
        for _ in range(self.stages):
            _, grown = step(
                points[-1], points[-2], lambda point: hessian @ (point - minimiser),
                momentum=nesterov.momentum(q), step_size=1 / L,
            )
            points.append(grown)
        columns = [basis.T @ (point - minimiser) for point in points]
        entries = [column.ravel() if isinstance(column, np.ndarray) else column.entries() for column in columns]
        paths = [{t - 1: of_stage[i] for t, of_stage in enumerate(entries)} for i in d]
        return Modes(q, L, list(map(arithmetic.number, self.eigenvalues)), minimiser, points, paths)
