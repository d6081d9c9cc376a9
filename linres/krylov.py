"""Runs of first-order methods on quadratics with known eigenvalues, and the vector that no step of theirs moves along.

With eigenvalues s_0, ..., s_n (distinct, positive) and weights l_j = prod_{i != j} s_i/(s_i - s_j), every polynomial p
of degree n at most has p(0) = sum_j l_j p(s_j): Lagrange. So the vector u with the coordinates l_j/w_j, w = x_0 - x*,
has <u, p(H) w> = p(0): it is orthogonal to H w, ..., H^n w, and <u, w> = 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import prod
from typing import Any, NamedTuple

import numpy as np

from linres.arithmetic import Arithmetic, divide
from linres.first_order import METHODS, Setting, iterates
from linres.instances import Rationals, reflection

STEPS, WIDTH = 3, 4  # of runs in bulk, and the dimension of their spaces


class Measured(NamedTuple):
    """A run: the vector u, and x_t - x* and x_{t+1} - x_t as {t: value}."""

    dual: Any
    errors: dict[int, Any]
    moves: dict[int, Any]


@dataclass(frozen=True)
class KrylovRun:
    """`steps` steps of a method on f = <x - x*, H (x - x*)>/2, started at x_0 = 0.

    eigenvalues: of H, distinct, positive. start: the coordinates of x_0 - x* along the eigenvectors, none 0. mirror is
    the normal of the reflection that makes the eigenvectors, () for none. method: one of `linres.first_order.METHODS`,
    told the largest eigenvalue and q; "minimal", the smallest error |x_t - x*| at each t; "newton", a step to x*; or
    "given": x_{t+1} - x_t = coefficients[t] H^{t+1} (x_0 - x*). The vector u is `scale` times that of the module's
    lines for the first `nodes` eigenvalues, by default for as many as `steps` + 1.
    """

    eigenvalues: Rationals
    start: Rationals
    method: str
    steps: int
    q: Fraction = Fraction(1, 2)
    coefficients: Rationals = ()
    mirror: Rationals = ()
    scale: Fraction = Fraction(1)
    nodes: int | None = None

    def measured(self, arithmetic: Arithmetic) -> Measured:
        """The run in the arithmetic."""
        d = len(self.eigenvalues)
        basis = reflection(self.mirror, d, arithmetic)
        rows = [[s * (i == j) for j in range(d)] for i, s in enumerate(self.eigenvalues)]
        hessian, offset = basis @ arithmetic.matrix(rows) @ basis.T, basis @ _column(self.start, arithmetic)
        errors = self._errors(offset, hessian, arithmetic)
        moves = [after - before for before, after in pairwise(errors)]
        return Measured(
            basis @ _column(self.dual(), arithmetic), dict(enumerate(errors)), dict(enumerate(moves)),
        )

    def dual(self) -> Rationals:
        """The coordinates of u along the eigenvectors. ZeroDivisionError for eigenvalues that are equal."""
        count = self.steps + 1 if self.nodes is None else self.nodes
        seen = self.eigenvalues[:count]
        weights = [prod((s / (s - r) for s in seen if s is not r), start=Fraction(1)) for r in seen]
        coordinates = [self.scale * l / w for l, w in zip(weights, self.start, strict=False)]
        return (*coordinates, *(Fraction(0),) * (len(self.eigenvalues) - count))

    def _errors(self, offset: Any, hessian: Any, arithmetic: Arithmetic) -> list[Any]:
        if self.method in METHODS:
            q, L = arithmetic.number(self.q), arithmetic.number(max(self.eigenvalues))
            on = Setting(lambda error: hessian @ error, lambda way: hessian @ way, q, L)
            return iterates(self.method, offset, on, self.steps)
        if self.method == "newton":
            return [offset, *[0 * offset] * self.steps]
        powers = [offset]
        for _ in range(self.steps):
            powers.append(hessian @ powers[-1])
        if self.method == "minimal":
            return [_nearest(offset, powers[1 : t + 1], arithmetic) for t in range(self.steps + 1)]
        errors = [offset]
        for coefficient, power in zip(self.coefficients, powers[1:], strict=True):
            errors.append(errors[-1] + arithmetic.number(coefficient) * power)
        return errors


def _column(entries: Rationals, arithmetic: Arithmetic) -> Any:
    return arithmetic.matrix([[entry] for entry in entries])


def _nearest(offset: Any, ways: list[Any], arithmetic: Arithmetic) -> Any:
    """The smallest vector of offset + span(ways), the ways independent."""
    if not ways:
        return offset
    columns = [list(way.ravel() if isinstance(way, np.ndarray) else way.entries()) for way in ways]
    transposed = arithmetic.matrix(columns)
    fitted = divide(offset.T @ transposed.T, transposed @ transposed.T)
    return offset - (fitted @ transposed).T


def runs(max_steps: int = 4):
    """Hypothesis strategy: `KrylovRun`s of every method, with up to two eigenvalues more than u knows of."""
    from hypothesis import strategies as st

    from linres.strategies import scales, shares, vectors

    @st.composite
    def drawn(draw):
        steps = draw(st.integers(1, max_steps))
        d = steps + 1 + draw(st.integers(0, 2))
        scale = draw(scales(8))
        multiples = draw(st.lists(st.integers(1, 64), min_size=d, max_size=d, unique=True))
        method = draw(st.sampled_from(["given", "minimal", *METHODS]))
        given = draw(vectors(steps)) if method == "given" else ()
        start = tuple(entry or Fraction(1) for entry in draw(vectors(d)))
        return KrylovRun(
            tuple(scale * k / 8 for k in multiples), start, method, steps, draw(shares()), given,
            draw(st.one_of(st.just(()), vectors(d))), draw(scales(4)),
        )

    return drawn()


class Bulk(NamedTuple):
    """Runs of STEPS steps in float64: <u, w> and |u|^2 (n,), |x_t - x*|^2 (STEPS + 1, n), how to rebuild the k-th."""

    product: np.ndarray
    dual_square: np.ndarray
    error_squares: np.ndarray
    instance: Callable[[int], KrylovRun]


def bulk(generator: np.random.Generator, count: int) -> Bulk:
    """count runs with any coefficients, half of them those of gradient descent with the step 2/(L + mu)."""
    multiples = np.argsort(generator.random((count, 16)), axis=1)[:, :WIDTH] + 1
    eigenvalues = np.exp2(generator.integers(-6, 7, count))[:, None] * multiples / 8
    start = generator.integers(1, 17, (count, WIDTH)) / 8 * generator.choice([-1.0, 1.0], (count, WIDTH))
    step = np.exp2(-np.ceil(np.log2(eigenvalues.max(axis=1))))  # dyadic, between 1/(2 L) and 1/L
    wild = generator.integers(-16, 17, (count, STEPS)) / 8
    binomial = np.array([-3.0, 3.0, -1.0])  # p(s) = (1 - step s)^3
    coefficients = np.where(generator.integers(0, 2, (count, 1)) > 0, wild, binomial)
    coefficients = coefficients * step[:, None] ** np.arange(1, STEPS + 1)
    apart = eigenvalues[:, None, :] - eigenvalues[:, :, None] + np.eye(WIDTH)
    ratios = np.where(np.eye(WIDTH) > 0, 1.0, eigenvalues[:, None, :] / apart)
    dual = np.prod(ratios, axis=2) / start
    errors = [start]
    for t in range(STEPS):
        errors.append(errors[-1] + coefficients[:, t, None] * eigenvalues ** (t + 1) * start)

    def instance(k: int) -> KrylovRun:
        numbers = (tuple(Fraction(float(v)) for v in values[k]) for values in (eigenvalues, start, coefficients))
        values, first, given = numbers
        return KrylovRun(values, first, "given", STEPS, coefficients=given)

    squares = np.array([np.sum(error**2, axis=1) for error in errors])
    return Bulk(np.sum(dual * start, axis=1), np.sum(dual**2, axis=1), squares, instance)
