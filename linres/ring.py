"""The hardest quadratic: 2 T nodes on a ring, of which a method sees one more pair at every step.

f(x) = (L - mu)/8 sum (x_i - x_{i+1})^2 + mu/2 |x|^2 - source x_0 over a ring of 2 T nodes, from x = 0. Its Hessian is a
circulant matrix with the eigenvalues (L + mu)/2 - (L - mu)/2 cos(pi j/T), j = 0, ..., T: all in [mu, L], and mapped to
[-1, 1] they are the points where the Chebyshev polynomial T_T is 1 or -1. The first gradient is at node 0 alone and
the Hessian passes on to neighbours only, so that T steps leave the opposite node T as it was. Everything is rational.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import flint
import numpy as np

from linres.arithmetic import Arithmetic, divide, inner, rational
from linres.bounds import fraction
from linres.first_order import METHODS, Setting, iterates
from linres.instances import Rationals
from linres.methods import chebyshev, nesterov

STAGES = 6  # of runs in bulk


class Measured(NamedTuple):
    """A run on the ring: parameters, and sequences as {node: value}.

    error: at the nodes 0, ..., T after the last step. start: the first error, at nodes counted from the opposite one,
    from the node beyond that, -1, to T. excess, first_excess: what the first k edges of each way round add to it.
    """

    q: Any
    L: Any
    error: dict[int, Any]
    start: dict[int, Any]
    excess: dict[int, Any]
    first_excess: dict[int, Any]


@dataclass(frozen=True)
class Ring:
    """A run on the ring of 2 reach nodes: `steps` steps of a method, by default as many as it takes to the far node.

    q, L: rationals, eigenvalues from q^2 L to L. source: minus the gradient at x_0 = 0, node 0. method: one of METHODS;
    "given": the run ends at the errors `given` at the nodes 0, ..., reach - 1, which some method does, whatever they
    are, as polynomials in H make every symmetric vector of the nodes up to reach - 1 from the first gradient; or
    "polynomial": the last error is p(H) times the first, p(s) = 1 + given[0] s/L + given[1] (s/L)^2 + ...
    """

    q: Fraction
    L: Fraction
    source: Fraction
    reach: int
    method: str = "given"
    given: Rationals = ()
    steps: int | None = None

    def hessian(self, arithmetic: Arithmetic) -> Any:
        """The circulant matrix (2 reach, 2 reach)."""
        n, mu = 2 * self.reach, self.q**2 * self.L
        along, across, nothing = (self.L + mu) / 2, (self.L - mu) / 4, Fraction(0)
        rows = [[along if i == j else nothing for j in range(n)] for i in range(n)]
        for i in range(n):
            for j in (i - 1, (i + 1) % n):  # on two nodes they are the same
                rows[i][j] -= across
        return arithmetic.matrix(rows)

    def measured(self, arithmetic: Arithmetic) -> Measured:
        """The run in the arithmetic."""
        T, q, L = self.reach, arithmetic.number(self.q), arithmetic.number(self.L)
        hessian = self.hessian(arithmetic)
        source = arithmetic.matrix([[self.source * (node == 0)] for node in range(2 * T)])
        minimiser = divide(source.T, hessian).T
        start = -minimiser
        if self.method == "given":
            error = self._ending(start, arithmetic)
        elif self.method == "polynomial":
            error = power = start
            for coefficient in self.given:
                power = 1 / L * (hessian @ power)
                error = error + arithmetic.number(coefficient) * power
        else:
            steps = T if self.steps is None else self.steps
            on = Setting(lambda point: hessian @ (point - minimiser), lambda way: hessian @ way, q, L)
            error = iterates(self.method, source - source, on, steps)[-1] - minimiser
        first, last = _nodes(start), _nodes(error)
        counted = {node: first[(T - node) % (2 * T)] for node in range(-1, T + 1)}
        return Measured(
            q, L, dict(enumerate(last[: T + 1])), counted, self._edges(last[: T + 1], error, hessian, q, L),
            self._edges(first[T::-1], start, hessian, q, L),
        )

    def largest(self) -> Fraction:
        """A rational at least the maximum of |p| over [mu, L], p that of "polynomial", and hardly more."""
        return largest_value((Fraction(1), *self.given), self.q**2, Fraction(1))

    def _ending(self, start: Any, arithmetic: Arithmetic) -> Any:
        """The errors given, mirrored, and at the opposite node that of the start."""
        T = self.reach
        across = [arithmetic.number(each) for each in self.given]
        nodes = [*across, _nodes(start)[T], *across[:0:-1]]
        units = [arithmetic.matrix([[Fraction(i == j)] for i in range(2 * T)]) for j in range(2 * T)]
        return sum((value * unit for value, unit in zip(nodes, units, strict=True)), 0 * start)

    def _edges(self, values: list[Any], error: Any, hessian: Any, q: Any, L: Any) -> dict[int, Any]:
        """{k: what the first k edges add on both ways round}; all of them make the excess, which is measured itself."""
        mu, sums = q * q * L, [0 * L]
        for x, y in pairwise(values):
            sums.append(sums[-1] + (L - mu) / 4 * ((x - y) * (x - y)) + mu / 2 * (x * x + y * y))
        return dict(enumerate([*sums[:-1], inner(hessian @ error, error) / 2]))


def _nodes(column: Any) -> list[Any]:
    return list(map(float, column.ravel())) if isinstance(column, np.ndarray) else column.entries()


def largest_value(coefficients: Rationals, low: Fraction, high: Fraction) -> Fraction:
    """A rational at least the maximum of |sum_k coefficients[k] s^k| over [low, high], and hardly more.

    The maximum is at an end or where the derivative is 0, and all those places are enclosed in balls.
    """
    polynomial: Any = flint.fmpq_poly([rational(each) for each in coefficients])
    values = [fraction(abs(polynomial(rational(end)))) for end in (low, high)]
    with flint.ctx.workprec(128):
        for place, _ in polynomial.derivative().complex_roots() if polynomial.degree() > 0 else ():
            if place.imag.contains(0) and not (place.real < rational(low) or place.real > rational(high)):
                values.append(fraction(abs(_at(polynomial, place.real)).upper().fmpq()))
    return max(values)


def _at(polynomial: Any, place: Any) -> Any:
    """The polynomial at a ball."""
    value = flint.arb(0)
    for coefficient in reversed(polynomial.coeffs()):
        value = value * place + coefficient
    return value


@dataclass(frozen=True)
class Contraction:
    """A run on a ring, and a number that its last error is claimed to be at most that many times as large as its first.

    by: None for `Ring.largest`, a bound of the residual polynomial on [mu, L].
    """

    ring: Ring
    by: Fraction | None = None

    @property
    def factor(self) -> Fraction:
        return self.ring.largest() if self.by is None else self.by


def polynomials(max_degree: int = 6):
    """Hypothesis strategy: `Contraction`s by residual polynomials, known ones and any, of every condition number."""
    from hypothesis import strategies as st

    from linres.strategies import inverse_roots_of_condition, scales, vectors

    @st.composite
    def drawn(draw):
        q = draw(inverse_roots_of_condition().filter(lambda q: q < 1))
        degree = draw(st.integers(1, max_degree))
        step = Fraction(draw(st.integers(1, 8)), 4)
        known = st.sampled_from([of_chebyshev(q, degree), of_descent(step, degree)])
        given = draw(st.one_of(known, vectors(degree)))
        return Contraction(Ring(q, draw(scales()), draw(scales(8)), degree, "polynomial", given))

    return drawn()


def of_chebyshev(q: Fraction, degree: int) -> Rationals:
    """The coefficients of (s/L)^1, ..., (s/L)^degree in the residual polynomial of the Chebyshev iteration."""
    x, step_size = flint.fmpq_poly([0, 1]), rational(Fraction(2) / (1 + q * q))
    before = now = flint.fmpq_poly([1])
    for stage in range(degree):
        weight = rational(Fraction(chebyshev.weight(stage, q=q)))
        before, now = now, chebyshev.step(now, before, lambda error: x * error, weight=weight, step_size=step_size)
    return tuple(map(fraction, now.coeffs()[1:]))


def of_descent(step: Fraction, degree: int) -> Rationals:
    """Those in (1 - step s/L)^degree, which gradient descent has with the step size step/L."""
    return tuple(map(fraction, (flint.fmpq_poly([1, -rational(step)]) ** degree).coeffs()[1:]))


def rings(max_reach: int = 6):
    """Hypothesis strategy: `Ring`s of every condition number and scale, with a method or with the end of one."""
    from hypothesis import strategies as st

    from linres.strategies import inverse_roots_of_condition, scales, vectors

    @st.composite
    def drawn(draw):
        reach = draw(st.integers(1, max_reach))
        q = draw(inverse_roots_of_condition().filter(lambda q: q < 1))
        source = draw(scales(8)) * draw(st.sampled_from([1, -1, 3]))
        method = draw(st.sampled_from(["given", *METHODS]))
        given = draw(vectors(reach)) if method == "given" else ()
        return Ring(q, draw(scales()) * draw(st.integers(1, 8)), source, reach, method, given)

    return drawn()


class Bulk(NamedTuple):
    """Runs of STAGES steps in float64: q and L (n,), excesses by edge (STAGES + 1, n), and how to rebuild the k-th."""

    q: np.ndarray
    L: np.ndarray
    excess: np.ndarray
    first_excess: np.ndarray
    instance: Callable[[int], Ring]


class _Rings(NamedTuple):
    """The parameters of n rings of 2 STAGES nodes, and the first error at the nodes counted from the opposite one."""

    q: np.ndarray
    L: np.ndarray
    source: np.ndarray
    start: np.ndarray

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(STAGES + 1, n): what the first edges add to the excess of the values (STAGES + 1, n)."""
        x, y, mu = values[:-1], values[1:], self.q * self.q * self.L
        added = (self.L - mu) / 4 * (x - y) ** 2 + mu / 2 * (x * x + y * y)
        return np.concatenate([np.zeros((1, len(mu))), np.cumsum(added, axis=0)])

    def ring(self, k: int, method: str, given: np.ndarray) -> Ring:
        q, L, source = (Fraction(float(values[k])) for values in (self.q, self.L, self.source))
        return Ring(q, L, source, STAGES, method, tuple(Fraction(float(each)) for each in given))


def _rings(generator: np.random.Generator, count: int) -> _Rings:
    q = generator.integers(1, 64, count) / 64 * np.exp2(-generator.integers(0, 4, count))
    L, source = np.exp2(generator.integers(-10, 11, count)), np.exp2(generator.integers(-8, 9, count))
    mu, beta, t = q * q * L, nesterov.momentum(q), np.arange(STAGES + 1)[:, None]
    heights = (1 + beta ** (2 * t)) / (2 * beta**t)  # T_t((L + mu)/(L - mu))
    far = -source / ((L + mu) / 2 * heights[-1] - (L - mu) / 2 * heights[-2])
    return _Rings(q, L, source, heights * far)


def bulk(generator: np.random.Generator, count: int) -> Bulk:
    """count ends of runs: half of them near the best one, which falls towards node 0 as the Chebyshev polynomials."""
    rings = _rings(generator, count)
    best = rings.start / rings.start[-1] * rings.start[0]
    noise = generator.integers(-16, 17, best.shape) / 16 * np.exp2(-generator.integers(0, 20, count))
    noise[-1] = 0
    error = best + np.where(generator.integers(0, 2, count) > 0, noise, 0) * rings.start[0]

    def instance(k: int) -> Ring:
        return rings.ring(k, "given", error[:-1, k])

    return Bulk(rings.q, rings.L, rings.sums(error), rings.sums(rings.start), instance)


class PolynomialBulk(NamedTuple):
    """As `Bulk`, of runs that are residual polynomials, with bounds (n,) of these on the spectrum."""

    runs: Bulk
    factor: np.ndarray
    instance: Callable[[int], Contraction]


def polynomial_bulk(generator: np.random.Generator, count: int) -> PolynomialBulk:
    """count polynomials: half of them those of the Chebyshev iteration, up to rounding."""
    rings = _rings(generator, count)
    q = rings.q
    step = generator.integers(1, 9, (STAGES, count)) / 4  # p(s) = prod (1 - step s/L)
    wild, best = np.zeros((2, STAGES + 1, count))
    wild[0] = best[0] = 1.0
    for stage in range(STAGES):
        wild = wild - step[stage] * _times_s(wild)
    before = best
    for stage in range(STAGES):
        pace = {"weight": chebyshev.weight(stage, q=q), "step_size": 2 / (1 + q * q)}
        before, best = best, chebyshev.step(best, before, _times_s, **pace)
    given = np.where(generator.integers(0, 2, count) > 0, wild, best)
    places = q * q + (1 - q * q) * (1 - np.cos(np.pi * np.arange(201) / 200)[:, None]) / 2
    values = sum(given[k] * places**k for k in range(STAGES + 1))
    factor = np.abs(values).max(axis=0) * (1 + 2.0**-10)
    around = np.concatenate([rings.start[::-1], rings.start[1:-1]])  # nodes 0, ..., 2 STAGES - 1
    error = power = around
    for coefficient in given[1:]:
        neighbours = np.roll(power, 1, axis=0) + np.roll(power, -1, axis=0)
        power = (1 + q * q) / 2 * power - (1 - q * q) / 4 * neighbours
        error = error + coefficient * power

    def instance(k: int) -> Contraction:
        return Contraction(rings.ring(k, "polynomial", given[1:, k]), Fraction(float(factor[k])))

    runs = Bulk(q, rings.L, rings.sums(error[: STAGES + 1]), rings.sums(rings.start), lambda k: instance(k).ring)
    return PolynomialBulk(runs, factor, instance)


def _times_s(coefficients: np.ndarray) -> np.ndarray:
    """The coefficients of s times the polynomials, of degree STAGES at most."""
    return np.concatenate([np.zeros((1, coefficients.shape[1])), coefficients[:-1]])
