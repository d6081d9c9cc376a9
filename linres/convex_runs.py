"""Rational runs of Nesterov's method with errors on convex functions that need not be strongly convex.

f is a sum of one-sided parabolas along an orthonormal basis, each of which may go over into a straight line: curvature
0 on one side makes more than one minimiser, and far out on a line the convexity inequalities lose what they give away.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from linres.arithmetic import EXACT, Arithmetic, inner, round_dyadic
from linres.bounds import root_below
from linres.instances import Function, Rationals, Stage, reflection
from linres.methods import descent, nesterov


class ConvexRecord(NamedTuple):
    """A run: smoothness, tau_0, ..., tau_T, a minimiser, the minimum and the stages."""

    L: Any
    tau: list[Any]
    minimiser: Any
    minimum: Any
    stages: list[Stage]


@dataclass(frozen=True)
class ConvexRun:
    """Nesterov's method with errors and growing momentum on f(x) = minimum + sum_i h_i(<u_i, x - centre>).

    h_i(s) = L up_i s^2/2 for s >= 0 and L down_i s^2/2 for s < 0, up_i and down_i in [0, 1], as long as |s| is at most
    reach_i, and the tangent from there; 0, or (), for no end. u_i is an orthonormal basis; mirror is the normal of the
    Householder reflection that makes it, () for none. tau: tau_0, ..., tau_T for T stages. aside: the coordinates
    <u_i, x* - centre> of the minimiser that the potential speaks of, () for the centre. The errors at stage t are
    decay^t times the vectors given; after each step the state is rounded to `bits` bits, which counts as step error.
    """

    L: Fraction
    tau: Rationals
    up: Rationals
    down: Rationals
    x: Rationals
    x_prev: Rationals
    lookahead_error: Rationals = ()
    step_error: Rationals = ()
    decay: Fraction = Fraction(1, 2)
    reach: Rationals = ()
    aside: Rationals = ()
    mirror: Rationals = ()
    centre: Rationals = ()
    minimum: Fraction = Fraction(0)
    bits: int = 64

    def _column(self, entries: Rationals, arithmetic: Arithmetic) -> Any:
        return arithmetic.matrix([[entry] for entry in entries or (Fraction(0),) * len(self.x)])

    def function(self, arithmetic: Arithmetic) -> Function:
        """f in the arithmetic; its minimiser is centre + sum_i aside_i u_i."""
        basis, centre = reflection(self.mirror, len(self.x), arithmetic), self._column(self.centre, arithmetic)
        reach = self.reach or (Fraction(0),) * len(self.x)
        pieces: dict[tuple, tuple[Any, Any, Any]] = {}

        def piece(coordinates):
            """(D, k, c) with f = c + <k, s> + <D s, s>/2 near the point with these coordinates."""
            entries = coordinates.ravel() if isinstance(coordinates, np.ndarray) else coordinates.entries()
            ends = [arithmetic.number(end) for end in reach]
            key = tuple((bool(s >= 0), bool(end > 0 and abs(s) > end)) for s, end in zip(entries, ends, strict=True))
            if key not in pieces:
                pieces[key] = self._piece(key, reach, arithmetic)
            return pieces[key]

        def gradient(point):
            coordinates = basis.T @ (point - centre)
            bends, slopes, _ = piece(coordinates)
            return basis @ (bends @ coordinates + slopes)

        def value(point):
            coordinates = basis.T @ (point - centre)
            bends, slopes, constant = piece(coordinates)
            return constant + inner(slopes, coordinates) + inner(bends @ coordinates, coordinates) / 2

        minimiser = centre + basis @ self._column(self.aside, arithmetic)
        return Function(value, gradient, minimiser, arithmetic.number(self.minimum))

    def _piece(self, key, reach, arithmetic):
        d = len(key)
        bends, slopes, constant = [[Fraction(0)] * d for _ in range(d)], [Fraction(0)] * d, self.minimum
        for i, ((rising, beyond), end) in enumerate(zip(key, reach, strict=True)):
            curvature = self.L * (self.up if rising else self.down)[i]
            if beyond:
                slopes[i] = curvature * (end if rising else -end)
                constant -= curvature * end * end / 2
            else:
                bends[i][i] = curvature
        return arithmetic.matrix(bends), self._column(tuple(slopes), arithmetic), arithmetic.number(constant)

    def record(self, arithmetic: Arithmetic, *, step: Callable = nesterov.step) -> ConvexRecord:
        """The run in the arithmetic; `step` may be another method, whose departures then count as errors."""
        function, L = self.function(arithmetic), arithmetic.number(self.L)
        tau = [arithmetic.number(each) for each in self.tau]
        stages: list[Stage] = []
        for t, points in enumerate(self._points(function, arithmetic, L, tau, step)):
            value = stages[-1].f_next if stages else function.value(points[1])
            stages.append(_stage(function, L, tau[t : t + 2], points, value))
        return ConvexRecord(L, tau, function.minimiser, function.minimum, stages)

    def _points(self, function, arithmetic, L, tau, step) -> Iterator[tuple[Any, Any, Any, Any]]:
        x, x_prev = self._column(self.x, arithmetic), self._column(self.x_prev, arithmetic)
        lookahead, slip = (self._column(v, arithmetic) for v in (self.lookahead_error, self.step_error))
        stages = len(tau) - 1
        for t in range(stages):
            scale = arithmetic.number(self.decay**t)
            y, x_next = step(
                x, x_prev, function.gradient, momentum=nesterov.convex_momentum(tau[t], tau[t + 1]), step_size=1 / L,
                lookahead_error=scale * lookahead, step_error=scale * slip,
            )
            if t + 1 < stages and arithmetic is EXACT:  # short runs stay exactly as given
                x_next = round_dyadic(x_next, self.bits)
            yield x_prev, x, y, x_next
            x_prev, x = x, x_next


def _stage(function: Function, L, tau, points, value) -> Stage:
    """The stage that went through (x_prev, x, y, x_next), given f(x); errors are what the exact method leaves."""
    x_prev, x, y, x_next = points
    slope, f_next = function.gradient(y), function.value(x_next)
    ahead, _ = nesterov.step(
        x, x_prev, lambda _: slope, momentum=nesterov.convex_momentum(*tau), step_size=1 / L
    )
    there = descent.step(y, lambda _: slope, step_size=1 / L)
    return Stage(
        x_prev, x, y, x_next, y - ahead, x_next - there, slope, value, function.value(y), f_next,
        _potential(function, x, x_prev, value, tau[0], L), _potential(function, x_next, x, f_next, tau[1], L),
    )


def _potential(function: Function, x, x_prev, value, tau, L):
    offset = nesterov.convex_auxiliary(x, x_prev, tau=tau) - function.minimiser
    return nesterov.convex_potential(value - function.minimum, inner(offset, offset), tau=tau, L=L)


def fastest(tau: Fraction, bits: int = 24) -> Fraction:
    """A rational tau_{t+1} >= 1, at most (1 + sqrt(1 + 4 tau^2))/2, the largest after tau_t, and hardly less."""
    return (1 + max(root_below(1 + 4 * tau * tau, bits), Fraction(1))) / 2
