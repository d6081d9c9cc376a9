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

import numpy as np

from linres.arithmetic import Arithmetic, divide, inner
from linres.first_order import METHODS, Setting, iterates
from linres.instances import Rationals
from linres.methods import nesterov

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

    q, L: rationals, eigenvalues from q^2 L to L. source: minus the gradient at x_0 = 0, node 0. method: one of METHODS,
    or "given": then the run ends at the errors `given` at the nodes 0, ..., reach - 1, which some method does, whatever
    they are: polynomials in H make every symmetric vector of the nodes up to reach - 1 from the first gradient.
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
        rows = [[(self.L + mu) / 2 * (i == j) for j in range(n)] for i in range(n)]
        for i in range(n):
            for j in (i - 1, (i + 1) % n):
                rows[i][j] -= (self.L - mu) / 4
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


def bulk(generator: np.random.Generator, count: int) -> Bulk:
    """count ends of runs: half of them near the best one, which falls towards node 0 as the Chebyshev polynomials."""
    q = generator.integers(1, 64, count) / 64 * np.exp2(-generator.integers(0, 4, count))
    L, source = np.exp2(generator.integers(-10, 11, count)), np.exp2(generator.integers(-8, 9, count))
    mu, beta = q * q * L, nesterov.momentum(q)
    t = np.arange(STAGES + 1)[:, None]
    heights = (1 + beta ** (2 * t)) / (2 * beta**t)  # T_t((L + mu)/(L - mu))
    far = -source / ((L + mu) / 2 * heights[-1] - (L - mu) / 2 * heights[-2])
    noise = generator.integers(-16, 17, (STAGES + 1, count)) / 16 * np.exp2(-generator.integers(0, 20, count))
    noise[-1] = 0
    error = (heights / heights[-1] + np.where(generator.integers(0, 2, count) > 0, noise, 0)) * far

    def sums(values):
        x, y = values[:-1], values[1:]
        added = (L - mu) / 4 * (x - y) ** 2 + mu / 2 * (x * x + y * y)
        return np.concatenate([np.zeros((1, count)), np.cumsum(added, axis=0)])

    def instance(k: int) -> Ring:
        given = tuple(Fraction(float(each)) for each in error[:-1, k])
        return Ring(Fraction(float(q[k])), Fraction(float(L[k])), Fraction(float(source[k])), STAGES, given=given)

    return Bulk(q, L, sums(error), sums(heights * far), instance)
