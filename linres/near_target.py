"""Stacking near its target: exact runs with step errors, and float64 runs taken at their word.

Beside the points of a run, its errors and potentials, both measure sigma and s_t: rationals at most the smallest
singular value of the target W* and of W_t, by an exact argument.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from linres import bounds
from linres.arithmetic import EXACT, Arithmetic, Matrix, divide, inner, rational, round_dyadic, to_exact, to_scaled
from linres.errors import refuse
from linres.instances import Function, Method, Rationals, reflection
from linres.methods import nesterov, stacking

Table = tuple[Rationals, ...]
PLACES = 1074  # binary places of a float64
GRAIN = Fraction(1, 2**20)  # sigma and s_t fall short of what is known of them by this share of sigma, or less


def basin(q, L, sigma, *, below, above):
    """(1-q) sqrt(mu/2) sigma/(2 sqrt(1+q) + 1 - q), mu = q^2 L: the largest K of stacking-acceleration-with-errors.

    Numbers or arrays; below and above are the square roots to use where less makes less of it, and where it makes more.
    """
    return (1 - q) * q * below(L / 2) * sigma / (2 * above(1 + q) + (1 - q))


def tolerance(q, L, K, *, below, above):
    """(1 - sqrt(1-q)) K/sqrt(L): the largest step error that the theorem allows. See `basin`."""
    return q / (1 + above(1 - q)) * K / above(L)


def largest_K(q: Fraction, L: Fraction, sigma: Fraction) -> Fraction:
    """A dyadic number at most `basin`, and less by a share 2^-38 of it at most."""
    return bounds.round_below(basin(q, L, sigma, below=bounds.root_below, above=bounds.root_above))


def largest_slip(q: Fraction, L: Fraction, K: Fraction) -> Fraction:
    """A dyadic number at most `tolerance`, and less by a share 2^-38 of it at most."""
    return bounds.round_below(tolerance(q, L, K, below=bounds.root_below, above=bounds.root_above))


class History(Mapping):
    """{stage: value}, each worked out when asked for: a long run then needs no memory for its matrices."""

    def __init__(self, stages: range, read: Callable[[int], Any]):
        self.stages, self.read = stages, read

    def __getitem__(self, stage: int) -> Any:
        if stage not in self.stages:
            raise KeyError(stage)
        return self.read(stage)

    def __iter__(self) -> Iterator[int]:
        return iter(self.stages)

    def __len__(self) -> int:
        return len(self.stages)


class Approach:
    """A run near its target, everything measured exactly. A sequence is {stage: value}, worked out when asked for.

    Parameters
    ----------
    method : linres.instances.Method
        Nesterov's method on the loss.
    point : callable
        point(t) is W_t.
    drift : callable
        drift(t) is D_t.
    stages : int
        T.
    least : Fraction
        At most the smallest singular value of the target.
    K : Fraction
        The number K of the theorem stacking-acceleration-with-errors.

    Attributes
    ----------
    q, L, K, sigma : flint.fmpq
        Numbers of the theorem; sigma is at most the smallest singular value of the target.
    target : (d, d) Matrix
        W*.
    minimum : flint.fmpq
        ell*.
    points : mapping of int to (d, d) Matrix
        W_t, -1 <= t <= T.
    values : mapping of int to flint.fmpq
        ell(W_t), 0 <= t <= T.
    potentials : mapping of int to flint.fmpq
        Phi_t, 0 <= t <= T.
    singular_values : mapping of int to flint.fmpq
        s_t, at most the smallest singular value of W_t, -1 <= t <= T - 2.
    lookaheads : mapping of int to (d, d) Matrix
        Y_t, 0 <= t < T, as of all that follow.
    gradients : mapping of int to (d, d) Matrix
        The gradient at Y_t.
    lookahead_values : mapping of int to flint.fmpq
        ell(Y_t).
    lookahead_errors : mapping of int to (d, d) Matrix
        D_t.
    step_errors : mapping of int to (d, d) Matrix
        E_t.
    """

    def __init__(self, method: Method, point: Callable, drift: Callable, *, stages: int, least: Fraction, K: Fraction):
        self.method, self.stages, self._least = method, stages, rational(least)
        self.q, self.L, self.K, self.sigma = method.q, method.L, rational(K), rational(least * (1 - GRAIN))
        self.target, self.minimum = method.function.minimiser, method.function.minimum
        recent = lru_cache(maxsize=4)
        self._point, self._drift = recent(point), recent(drift)
        self._lookahead, self._gradient = recent(self._look_ahead), recent(self._slope)
        during, ever = range(stages), range(stages + 1)
        self.points = History(range(-1, stages + 1), self._point)
        self.singular_values = History(range(-1, stages - 1), self._stretch)
        self.values = History(ever, lru_cache(maxsize=None)(self._value))
        self.potentials = History(ever, lru_cache(maxsize=None)(self._potential))
        self.lookaheads, self.gradients = History(during, self._lookahead), History(during, self._gradient)
        self.lookahead_values = History(during, self._lookahead_value)
        self.lookahead_errors, self.step_errors = History(during, self._drift), History(during, self._slip)

    def _look_ahead(self, t):
        return self.method.look_ahead(self._point(t), self._point(t - 1)) + self._drift(t)

    def _value(self, t):
        return self.method.function.value(self._point(t))

    def _slope(self, t):
        return self.method.function.gradient(self._lookahead(t))

    def _lookahead_value(self, t):
        return self.method.function.value(self._lookahead(t))

    def _slip(self, t):
        return self._point(t + 1) - self.method.step_from(self._lookahead(t), self._gradient(t))

    def _potential(self, t):
        return self.method.potential(self._point(t), self._point(t - 1), self.values[t])

    def _stretch(self, t):
        """A rational from sigma - |W_t - W*| to smin(W*) - |W_t - W*|, which is at most smin(W_t)."""
        offset = self._point(t) - self.target
        return self._least - _norm_above(inner(offset, offset), rational(GRAIN) * self._least)


class LeastSquaresApproach(Approach):
    """The same of ell(W) - ell* = <(W - W*) Sigma, W - W*>/2, with one product by Sigma a stage instead of three.

    The gradient is linear, so at Y_t it is made of those at W_t and at W_{t-1}.
    """

    def __init__(self, method: Method, point: Callable, drift: Callable, *, sigma: Matrix, **options):
        super().__init__(method, point, drift, **options)
        self._sigma, self._pull = sigma, lru_cache(maxsize=4)(self._gradient_at)

    def _gradient_at(self, t):
        return (self._point(t) - self.target) @ self._sigma

    def _value(self, t):
        return inner(self._pull(t), self._point(t) - self.target) / 2

    def _slope(self, t):
        drift, slope = self._drift(t), self.method.look_ahead(self._pull(t), self._pull(t - 1))
        return slope if inner(drift, drift) == 0 else slope + drift @ self._sigma

    def _lookahead_value(self, t):
        return inner(self._gradient(t), self._lookahead(t) - self.target) / 2


def _norm_above(square, grain):
    """A rational from sqrt(square) to sqrt(square) + grain: sqrt(square) itself where that is rational."""
    if square.numerator.is_square() and square.denominator.is_square():
        return EXACT.sqrt(square)
    steps = (square / (grain * grain)).floor().isqrt() + 1
    return steps * grain


def _require_exact(run: Any, arithmetic: Arithmetic) -> None:
    if arithmetic is not EXACT:
        raise refuse(f"{type(run).__name__}.record(arithmetic)", "EXACT", repr(arithmetic))


def _require_stretch(run: Any, target: Matrix) -> None:
    """InputError if run.least is more than the smallest singular value of the target."""
    if run.least < 0 or not bounds.stretches(target, run.least):
        raise refuse(
            f"{type(run).__name__}(least=...)", "at most the smallest singular value of target", float(run.least)
        )


@dataclass(frozen=True)
class PerturbedStackingRun:
    """Stacking by the functional rule on ell(W) = minimum + sum_ij h_ij((P (W - target) Q)_ij), with step errors.

    h_ij(s) = up_ij s^2/2 for s >= 0 and down_ij s^2/2 for s < 0, where up_ij = mu + up[i][j] (L - mu) and so for down:
    ell is smooth and strongly convex, and least squares if up = down and all their rows are equal. Tables are d rows of
    d.

    Parameters
    ----------
    q : Fraction
        1/sqrt(kappa), in (0, 1).
    L : Fraction
        The smoothness, > 0. mu = q^2 L.
    up : tuple of d tuples of d Fraction
        Shares in [0, 1]: where between mu and L the curvatures to the right are.
    down : tuple of d tuples of d Fraction
        Those to the left.
    target : tuple of d tuples of d Fraction
        W*.
    start : tuple of d tuples of d Fraction
        W_0.
    before : tuple of d tuples of d Fraction
        W_{-1}.
    least : Fraction
        At most the smallest singular value of the target, >= 0.
    K : Fraction
        The number K of the theorem stacking-acceleration-with-errors.
    step_error : tuple of d tuples of d Fraction, default ()
        e_0, () for none. That of stage t is decay^t times this.
    decay : Fraction, default 1
        What the step error is multiplied by at each stage.
    lookahead_error : tuple of d tuples of d Fraction, default ()
        D_0, () for that of stacking, as at all other stages.
    left : tuple of d Fraction, default ()
        The normal of the reflection P, () for none.
    right : tuple of d Fraction, default ()
        That of Q.
    minimum : Fraction, default 0
        ell*.
    stages : int, default 1
        T.
    bits : int, default 96
        Each state but the last is rounded to so many bits, and the rounding counts as step error.

    Examples
    --------
    >>> from fractions import Fraction
    >>> import linres
    >>> one, two = ((Fraction(1),),), ((Fraction(2),),)
    >>> run = linres.PerturbedStackingRun(
    ...     q=Fraction(1, 2), L=Fraction(1), up=one, down=one, target=two, start=one, before=one, least=Fraction(2),
    ...     K=Fraction(1, 8),
    ... )
    >>> run.record(linres.EXACT).values[1]
    0
    """

    q: Fraction
    L: Fraction
    up: Table
    down: Table
    target: Table
    start: Table
    before: Table
    least: Fraction
    K: Fraction
    step_error: Table = ()
    decay: Fraction = Fraction(1)
    lookahead_error: Table = ()
    left: Rationals = ()
    right: Rationals = ()
    minimum: Fraction = Fraction(0)
    stages: int = 1
    bits: int = 96

    def function(self) -> Function:
        """ell, exactly.

        Returns
        -------
        linres.instances.Function
            `value` and `gradient`, of maps (d, d), `minimiser` and `minimum`.
        """
        d = len(self.target)
        target, minimum, mu = EXACT.matrix(self.target), rational(self.minimum), self.q**2 * self.L
        left, right = reflection(self.left, d, EXACT), reflection(self.right, d, EXACT)
        sides = [
            [rational(mu + share * (self.L - mu)) for row in shares for share in row] for shares in (self.down, self.up)
        ]

        def slopes(coordinates):
            entries = coordinates.entries()
            bent = [sides[bool(s >= 0)][k] * s for k, s in enumerate(entries)]
            return EXACT.matrix([bent[d * i : d * (i + 1)] for i in range(d)])

        def gradient(point):
            return left @ slopes(left @ (point - target) @ right) @ right

        def value(point):
            return minimum + inner(gradient(point), point - target) / 2

        return Function(gradient=gradient, value=value, minimiser=target, minimum=minimum)

    def record(
        self, arithmetic: Arithmetic, *, stage: Callable = stacking.stage, rule: str = "functional"
    ) -> Approach:
        """The run, exactly.

        Parameters
        ----------
        arithmetic : Arithmetic
            EXACT.
        stage : callable
            By default `linres.methods.stacking.stage`. It may be another method, whose departures then count as errors.
        rule : {"functional", "parameter"}
            What the step is taken on.

        Returns
        -------
        linres.near_target.Approach
            Numbers, the target, and of each sequence {stage: value}: points, values, potentials, errors, and rationals
            at most the smallest singular values.

        Raises
        ------
        InputError
            When the arithmetic is not EXACT.
        InputError
            When `least` is too large.
        """
        _require_exact(self, arithmetic)
        method = Method(self.function(), rational(self.q), rational(self.L))
        _require_stretch(self, method.function.minimiser)
        points, drifts = self._points(method, stage, rule)
        return Approach(
            method, lambda t: points[t + 1], drifts.__getitem__, stages=self.stages, least=self.least, K=self.K
        )

    def _points(self, method: Method, stage: Callable, rule: str) -> tuple[list[Matrix], list[Matrix]]:
        """W_{-1}, ..., W_T and D_0, ..., D_{T-1}."""
        points, drifts = [EXACT.matrix(self.before), EXACT.matrix(self.start)], []
        nothing = points[0] - points[0]
        slip = EXACT.matrix(self.step_error) if self.step_error else nothing
        for t in range(self.stages):
            before, network = points[-2:]
            given = EXACT.matrix(self.lookahead_error) if self.lookahead_error and t == 0 else None
            made = self._advance(method, stage, rule, before, network, given)
            drifts.append(made[0] - method.look_ahead(network, before))
            grown = made[1] + rational(self.decay**t) * slip
            points.append(round_dyadic(grown, self.bits) if t + 1 < self.stages else grown)
        return points, drifts

    def _advance(self, method, stage, rule, before, network, given) -> tuple[Matrix, Matrix]:
        """The lookahead point and the network after it, without step error; given is the lookahead error, if any."""
        gradient = method.function.gradient
        if given is not None:
            y = method.look_ahead(network, before) + given
            return y, method.step_from(y, gradient(y))
        block = divide(network - before, before)
        made = stage(
            network, block, gradient, momentum=nesterov.momentum(method.q), step_size=1 / method.L, rule=rule
        )
        return made.lookahead, made.network


@dataclass(frozen=True, eq=False)
class RecordedStackingRun:
    """A float64 run of stacking on least squares ell(W) - ell* = tr((W - W*) Sigma (W - W*)^T)/2, taken at its word.

    Parameters
    ----------
    sigma : (d, d) ndarray
        Sigma, float64 as all arrays here.
    target : (d, d) ndarray
        W*.
    states : (T + 2, d, d) ndarray
        W_{-1}, W_0, ..., W_T.
    drifts : (T, d, d) ndarray
        What is taken for the lookahead errors D_t.
    q : Fraction
        1/sqrt(kappa).
    L : Fraction
        The smoothness.
    least : Fraction
        At most the smallest singular value of the target.
    K : Fraction
        The number K of the theorem stacking-acceleration-with-errors.

    Notes
    -----
    Y_t = W_t + beta d_t + D_t, d_t = W_t - W_{t-1}, is then exact, and all that rounding did is in the step errors E_t:
    near the target the rounding of a lookahead point in float64 exceeds |d_t|^2, and would not pass for a lookahead
    error.

    Examples
    --------
    >>> import linres
    >>> import numpy as np
    >>> from linres.near_target import recorded
    >>> run = recorded(np.eye(2), 2 * np.eye(2), 1.75 * np.eye(2), stages=3)
    >>> type(run).__name__, run.states.shape
    ('RecordedStackingRun', (5, 2, 2))
    """

    sigma: np.ndarray
    target: np.ndarray
    states: np.ndarray
    drifts: np.ndarray
    q: Fraction
    L: Fraction
    least: Fraction
    K: Fraction

    def _exact(self, array: np.ndarray) -> Matrix:
        """A state, a drift or the target: nearly all of them are then integers over the same power of 2."""
        return to_scaled(array, self._top)

    @cached_property
    def _top(self) -> int:
        return int(np.frexp(max(np.abs(each).max() for each in (self.states, self.drifts, self.target)))[1])

    def function(self) -> Function:
        """ell, exactly.

        Returns
        -------
        linres.instances.Function
            `value` and `gradient`, of maps (d, d), `minimiser` and `minimum`, which is 0.
        """
        sigma, target = to_scaled(self.sigma), self._exact(self.target)

        def gradient(point):
            return (point - target) @ sigma

        def value(point):
            return inner(gradient(point), point - target) / 2

        return Function(gradient=gradient, value=value, minimiser=target, minimum=rational(0))

    def record(self, arithmetic: Arithmetic) -> Approach:
        """The run, exactly.

        Parameters
        ----------
        arithmetic : Arithmetic
            EXACT.

        Returns
        -------
        linres.near_target.Approach
            As that of a `PerturbedStackingRun`.

        Raises
        ------
        InputError
            When the arithmetic is not EXACT.
        InputError
            When `least` is too large.
        """
        _require_exact(self, arithmetic)
        _require_stretch(self, to_exact(self.target))
        return LeastSquaresApproach(
            Method(self.function(), rational(self.q), rational(self.L)),
            lambda t: self._exact(self.states[t + 1]), lambda t: self._exact(self.drifts[t]),
            sigma=to_scaled(self.sigma), stages=len(self.drifts), least=self.least, K=self.K,
        )


def recorded(sigma: np.ndarray, target: np.ndarray, start: np.ndarray, stages: int) -> RecordedStackingRun:
    """Train by stacking from rest at start, in compiled float64, and take the run at its word: all (d, d).

    q, L and `least` are found and shown by exact arguments, K is the largest in the basin. InputError if sigma is not
    positive definite or next to nothing, if target is singular, or if the run meets a singular network.
    """
    from linres.kernels import stacking as kernel

    q, L = bounds.curvature(sigma)
    least = bounds.smallest_singular_value(target)
    if least == 0:
        raise refuse("recorded(target=...)", "invertible", "a matrix that is singular, or nearly")
    if sys.float_info.max * L < 1:
        raise refuse("recorded(sigma=...)", "of moderate size", f"L = {float(L):.3g}, and no float64 for 1/L")
    momentum = float(nesterov.momentum(q))
    trace = kernel.trace(sigma, target, start, momentum, float(1 / L), stages, True)
    if trace.reached < stages or not np.all(np.isfinite(trace.networks)):
        raise refuse("recorded(start=...)", "nearer to the target", f"no network at stage {trace.reached + 1}")
    states = np.concatenate([trace.networks[:1], trace.networks])
    return RecordedStackingRun(
        sigma, target, states, lookahead_errors(states, momentum), q, L, least, largest_K(q, L, least * (1 - GRAIN))
    )


def lookahead_errors(networks: np.ndarray, momentum: float) -> np.ndarray:
    """(T, d, d) float64 stand-ins for the lookahead errors beta d_t W_{t-1}^{-1} d_t of the networks W_{-1}, ..., W_T.

    They are made a little smaller, and whole multiples of 2^-60 of the largest entry: what is left out is rounding, and
    counts as step error.
    """
    places = -int(np.frexp(np.abs(networks).max())[1])  # scaled to the size of 1, whatever their own
    scaled = np.ldexp(networks, places)
    before, changes = scaled[:-2], np.diff(scaled, axis=0)[:-1]
    solved = np.linalg.solve(np.swapaxes(before, 1, 2), np.swapaxes(changes, 1, 2))
    exact = momentum * np.swapaxes(solved, 1, 2) @ changes
    grain = 2.0 ** max(-61, places - PLACES)
    return np.ldexp(np.trunc(exact * (1 - 2.0**-40) / grain) * grain, -places)


# Making a run: sizes for which every hypothesis holds, as large as asked for.


def placed(run: PerturbedStackingRun, offset: Table, before: Table, share: Fraction) -> PerturbedStackingRun:
    """The run with W_0 and W_{-1} in the directions offset and before of the target, at the edge of the basin for 1."""
    method = Method(run.function(), rational(run.q), rational(run.L))
    target, x, x_prev = (EXACT.matrix(table) for table in (run.target, offset, before))
    excess = method.function.value(target + x)
    potential = bounds.fraction(method.potential(target + x, target + x_prev, excess))
    distance = run.q**2 * run.L / 2 * bounds.fraction(inner(x_prev, x_prev))
    largest = bounds.root_above(max(potential, distance))
    size = share * bounds.round_below(run.K / largest) if largest else Fraction(0)
    return replace(run, start=_shifted(run.target, size, offset), before=_shifted(run.target, size, before))


def with_step_error(run: PerturbedStackingRun, direction: Table, share: Fraction) -> PerturbedStackingRun:
    """The run with step errors of that direction; share of the largest allowed, all but what rounding may add."""
    largest = largest_slip(run.q, run.L, run.K) * (1 - Fraction(1, 2**16))
    return replace(run, step_error=_scaled(direction, share * largest))


def with_lookahead_error(run: PerturbedStackingRun, direction: Table, share: Fraction) -> PerturbedStackingRun:
    """The run with a D_0 of that direction in place of stacking's; share of the largest allowed."""
    offset, change = (EXACT.matrix(run.before) - EXACT.matrix(each) for each in (run.target, run.start))
    stretch = run.least - bounds.root_below(bounds.fraction(inner(offset, offset)))
    largest = nesterov.momentum(run.q) * bounds.fraction(inner(change, change)) / stretch
    return replace(run, lookahead_error=_scaled(direction, share * bounds.round_below(largest)))


def _shifted(table: Table, size: Fraction, direction: Table) -> Table:
    rows = zip(table, direction, strict=True)
    return tuple(tuple(entry + size * step for entry, step in zip(*row, strict=True)) for row in rows)


def _scaled(direction: Table, length: Fraction) -> Table:
    """The direction times what makes it as long as `length`, or a little shorter."""
    square = sum((entry * entry for row in direction for entry in row), Fraction(0))
    size = bounds.round_below(length / bounds.root_above(square)) if square else Fraction(0)
    return tuple(tuple(size * entry for entry in row) for row in direction)
