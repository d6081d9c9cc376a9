"""Residual networks with smooth weights beside the flow dH/ds = A(s) H that they discretise, both in exact rationals.

Two kinds of weights have a rational flow: strictly triangular ones that are polynomials in s, and those by which each
coordinate moves as a power of 1 + r s. Bounds of |A(s)| and of its change are rational upper bounds, shown by
arithmetic; a growth exp(a alpha) is a ball in exact arithmetic.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import exp
from typing import Any, NamedTuple

import flint
import numpy as np

from linres.arithmetic import FLOAT, Arithmetic, rational
from linres.bounds import root_above
from linres.errors import refuse
from linres.instances import Rationals
from linres.methods import propagation
from linres.theorem import Batch

Table = tuple[Rationals, ...]
DEPTH = 4  # of networks in bulk


class Run(NamedTuple):
    """A network and its flow in one arithmetic: what the theorem names, the states h_t and H_t for t = 0..T, and for
    t < T what the layer adds to them and what it misses of the flow."""

    bound: Any
    lipschitz: Any
    scale: Any
    growth: Any
    states: list[Any]
    flow: list[Any]
    moved: list[Any]
    moved_flow: list[Any]
    rests: list[Any]


@dataclass(frozen=True)
class Recorded:
    """Weights A_0, ..., A_{T-1} and states H_0, ..., H_T that are written down, with claims that are checked.

    bound: no |A_t (H_t - h_t)| is larger than that times |H_t - h_t|; lipschitz, scale, growth: b, alpha and rho of
    scaling-smooth-weights. growth None is exp(bound scale).
    """

    bound: Fraction
    lipschitz: Fraction
    scale: Fraction
    growth: Fraction | None
    weights: tuple[Table, ...]
    flow: tuple[Rationals, ...]

    def record(self, arithmetic: Arithmetic, *, step: Callable = propagation.step) -> Run:
        """The network run in the arithmetic; `step` may be another method."""
        scale = arithmetic.number(self.scale)
        flow = [arithmetic.matrix([[x] for x in state]) for state in self.flow]
        states, moved, moved_flow, rests = [flow[0]], [], [], []
        for table, now, later in zip(self.weights, flow, flow[1:], strict=False):
            weight = arithmetic.matrix(table)
            moved.append(weight @ states[-1])
            moved_flow.append(weight @ now)
            rests.append(later - now - scale * moved_flow[-1])
            states.append(step(states[-1], lambda state, weight=weight: weight @ state, scale=scale))
        bound, lipschitz = arithmetic.number(self.bound), arithmetic.number(self.lipschitz)
        return Run(bound, lipschitz, scale, self._growth(arithmetic), states, flow, moved, moved_flow, rests)

    def _growth(self, arithmetic: Arithmetic) -> Any:
        if self.growth is not None:
            return arithmetic.number(self.growth)
        exponent = self.bound * self.scale
        return exp(exponent) if arithmetic is FLOAT else flint.arb(rational(exponent)).exp()


@dataclass(frozen=True)
class Triangular:
    """A(s) = sum_k weights[k] s^k, all strictly upper triangular, at depth L = `depth`: the flow is a polynomial."""

    weights: tuple[Table, ...]
    start: Rationals
    depth: int

    def recorded(self) -> Recorded:
        """The network with weights A(t/L), t = 0..L-1, and the flow at t/L."""
        times = [Fraction(t, self.depth) for t in range(self.depth + 1)]
        solution = self._solution()
        return Recorded(
            self._size([1] * len(self.weights)), self._size(range(len(self.weights))), Fraction(1, self.depth), None,
            tuple(self._at(s) for s in times[:-1]), tuple(tuple(_value(p, s) for p in solution) for s in times),
        )

    def record(self, arithmetic: Arithmetic, *, step: Callable = propagation.step) -> Run:
        """As `Recorded.record`."""
        return self.recorded().record(arithmetic, step=step)

    def _at(self, s: Fraction) -> Table:
        rows = range(len(self.start))
        return tuple(tuple(_value([w[i][j] for w in self.weights], s) for j in rows) for i in rows)

    def _solution(self) -> list[list[Fraction]]:
        """The coefficients of each coordinate of the flow, the last coordinate first found: it does not move."""
        d = len(self.start)
        found: list[list[Fraction]] = [[] for _ in range(d)]
        for i in reversed(range(d)):
            slope = [Fraction(0)]
            for j in range(i + 1, d):
                slope = _sum(slope, _product([w[i][j] for w in self.weights], found[j]))
            found[i] = [self.start[i], *(c / (k + 1) for k, c in enumerate(slope))]
        return found

    def _size(self, factors: Sequence[int]) -> Fraction:
        """An upper bound of |sum_k factors[k] weights[k] s^(k or k - 1)| for s in [0, 1], by absolute values."""
        entries = zip(*([x for row in w for x in row] for w in self.weights), strict=True)
        return root_above(sum((sum(f * abs(x) for f, x in zip(factors, e, strict=True)) ** 2 for e in entries),
                              start=Fraction(0)))


@dataclass(frozen=True)
class Powers:
    """A(s) = P diag(k r/(1 + r s)) P, k = `power`, P the reflection of a normal: the flow is P diag((1 + r s)^k) P h_0.

    rates: r > -1 (InputError), normal: 0 for no reflection. At depth L = `depth`.
    """

    power: int
    rates: Rationals
    normal: Rationals
    start: Rationals
    depth: int

    def __post_init__(self):
        if any(rate <= -1 for rate in self.rates):
            raise refuse("Powers(rates=...)", "numbers above -1", ", ".join(map(str, self.rates)))

    def recorded(self) -> Recorded:
        """The network with weights A(t/L), t = 0..L-1, and the flow at t/L."""
        times = [Fraction(t, self.depth) for t in range(self.depth + 1)]
        steepest = [max(rate, -rate / (1 + rate)) for rate in self.rates]
        weights = tuple(self._turned([self.power * r / (1 + r * s) for r in self.rates]) for s in times[:-1])
        flow = tuple(_image(self._turned([(1 + r * s) ** self.power for r in self.rates]), self.start) for s in times)
        factor, most = abs(self.power), max(steepest)
        return Recorded(factor * most, factor * most**2, Fraction(1, self.depth), None, weights, flow)

    def record(self, arithmetic: Arithmetic, *, step: Callable = propagation.step) -> Run:
        """As `Recorded.record`."""
        return self.recorded().record(arithmetic, step=step)

    def _turned(self, diagonal: Sequence[Fraction]) -> Table:
        mirror = _mirror(self.normal)
        d = range(len(diagonal))
        return tuple(tuple(sum((mirror[i][k] * diagonal[k] * mirror[k][j] for k in d), start=Fraction(0)) for j in d)
                     for i in d)


def _mirror(normal: Rationals) -> Table:
    """The reflection I - 2 v v^T/(v^T v); I for v = 0."""
    square = sum((v * v for v in normal), start=Fraction(0))
    share = 2 / square if square else Fraction(0)
    return tuple(tuple((i == j) - share * v * w for j, w in enumerate(normal)) for i, v in enumerate(normal))


def _image(table: Table, vector: Rationals) -> Rationals:
    return tuple(sum((x * y for x, y in zip(row, vector, strict=True)), start=Fraction(0)) for row in table)


def _value(coefficients: Sequence[Fraction], s: Fraction) -> Fraction:
    return sum((c * s**k for k, c in enumerate(coefficients)), start=Fraction(0))


def _sum(p: Sequence[Fraction], q: Sequence[Fraction]) -> list[Fraction]:
    length = max(len(p), len(q))
    p, q = ([*each, *[Fraction(0)] * (length - len(each))] for each in (p, q))
    return [x + y for x, y in zip(p, q, strict=True)]


def _product(p: Sequence[Fraction], q: Sequence[Fraction]) -> list[Fraction]:
    made = [Fraction(0)] * (len(p) + len(q) - 1)
    for i, x in enumerate(p):
        for j, y in enumerate(q):
            made[i + j] += x * y
    return made


def networks():
    """Networks of both kinds, up to 3 wide and 5 deep."""
    from hypothesis import strategies as st

    from linres.strategies import rationals, vectors

    @st.composite
    def triangular(draw):
        d = draw(st.integers(2, 3))
        entries = st.lists(rationals(), min_size=d * d, max_size=d * d)
        tables = draw(st.lists(entries, min_size=1, max_size=3))
        weights = tuple(
            tuple(tuple(e[d * i + j] / 4 if j > i else Fraction(0) for j in range(d)) for i in range(d)) for e in tables
        )
        return Triangular(weights, tuple(draw(vectors(d))), draw(st.integers(1, 5)))

    @st.composite
    def powers(draw):
        d = draw(st.integers(1, 3))
        rates = st.builds(Fraction, st.integers(-3, 8), st.sampled_from((4, 8)))
        power = draw(st.sampled_from((-2, -1, 1, 2, 3)))
        drawn = tuple(draw(rates) for _ in range(d))
        return Powers(power, drawn, tuple(draw(vectors(d))), tuple(draw(vectors(d))), draw(st.integers(1, 5)))

    return st.one_of(triangular(), powers())


def bulk(
    generator: np.random.Generator, count: int, *, bound: Any, lipschitz: Any, scale: Any, growth: Any, depth: Any,
    states: Sequence[Any],
) -> Batch:
    """Networks of the second kind, of power 2, DEPTH deep and of width 1, in float64.

    The arguments are the symbols to measure; states: those for h, H, what a layer adds to each, and what it misses.
    """
    rates = generator.integers(-12, 33, count) / 16
    starts = generator.integers(-16, 17, count) * np.exp2(generator.integers(-4, 5, count))
    times = np.arange(DEPTH + 1)[:, None] / DEPTH
    flow = starts * (1 + rates * times) ** 2
    weights = 2 * rates / (1 + rates * times[:-1])
    network = [starts]
    for weight in weights:
        network.append(propagation.step(network[-1], lambda state, weight=weight: weight * state, scale=1 / DEPTH))
    reached = np.array(network)
    moved, moved_flow = weights * reached[:-1], weights * flow[:-1]
    measured = (reached, flow, moved, moved_flow, flow[1:] - flow[:-1] - moved_flow / DEPTH)
    steepest = np.maximum(rates, -rates / (1 + rates))

    def instance(k: int) -> Powers:
        return Powers(2, (Fraction(float(rates[k])),), (Fraction(0),), (Fraction(float(starts[k])),), DEPTH)

    columns = {bound: 2 * steepest, lipschitz: 2 * steepest**2, growth: np.exp(2 * steepest / DEPTH)}
    sequences = {label: values[:, :, None, None] for label, values in zip(states, measured, strict=True)}
    return Batch(columns | {scale: np.full(count, 1 / DEPTH), depth: DEPTH} | sequences, instance, count)
