"""How far a statement is from failing at an instance, as a number to be driven up: what the adversary maximises.

The conclusion is read small <= large. Its excess (small - large)/max(|small|, |large|) is above 0 where it fails, and
is small/large - 1 while it holds between positive sides. Where a side is the number 0 the other is compared with the
absolute values of its terms, and a distance with the lengths of what it is between; an equation, with the distance of
its sides. Rows are measured in float64, and again exactly where that says that both sides are nearly equal or worse,
which may be rounding; or always exactly, where a theorem can be measured in no other way. Nothing here decides
anything: what looks bad is checked exactly.
"""

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import flint
import numpy as np
from sympy import Add, Equality, Integer, Pow, Unequality, preorder_traversal
from sympy.functions.elementary.complexes import transpose

from linres.arithmetic import EXACT, FLOAT, Matrix
from linres.evaluate import Enclosure, Float, Missing, Stack
from linres.language import AT_MOST, STRICT, Inner, NotExact, same
from linres.rungs import rigorous
from linres.theorem import Theorem

# What measuring an instance changed at will may raise: then it is none, and the search goes on elsewhere.
FAULTS = (*rigorous.FAULTS, ArithmeticError, ValueError, LookupError, TypeError, AttributeError)
ROUNDING = 1e-9  # relative: what a hypothesis may be violated by in float64 and still be tried exactly
PENALTY = 4.0  # of a violation, relative to its sides
NOWHERE = -100.0  # the score where there is no value
NEAR = -1e-6  # an excess from which on float64 is not believed
STEEPEST = 800.0  # the largest odds, in absolute value
LEAST = 20  # nodes that an instance counts for at least
NARROW = 1e-18  # radius of a relative difference that is taken for 0 if it may be
BITS = 128  # of the balls that rows are read in exactly


class Reading(NamedTuple):
    """excess: the largest over rows and horizons, -inf where there is none. violation: of the hypotheses, the sum of
    what each is violated by, relative to its sides. positive: whether large >= 0 wherever it was read. exact: whether
    it was read exactly. odds: log(share/(1 - share)) for the share 1 + excess of what the claim allows, log(distance)
    for equations: a slope both far from equality and near it."""

    excess: float
    violation: float
    positive: bool = True
    exact: bool = False
    odds: float = -math.inf

    @property
    def feasible(self) -> bool:
        """Whether the hypotheses hold, up to rounding in float64, and the excess has a value."""
        return self.violation <= (0.0 if self.exact else ROUNDING) and math.isfinite(self.excess)

    @property
    def score(self) -> float:
        """What is maximised: the excess less a penalty, finite everywhere."""
        value = self.excess - PENALTY * min(self.violation, 10.0)
        return value if math.isfinite(value) else NOWHERE

    @property
    def drive(self) -> float:
        """What is maximised in the same way, but for a wall where a hypothesis does not hold: finite everywhere."""
        if not self.feasible:
            return -3 * STEEPEST - PENALTY * min(self.violation, 10.0) if self.violation < math.inf else -4 * STEEPEST
        return max(-STEEPEST, min(STEEPEST, self.odds)) + min(0.0, self.excess + 1)


NOTHING = Reading(-math.inf, math.inf)


def _size(relation: Any) -> int:
    return sum(1 for _ in preorder_traversal(relation))


class _Single(Float):
    """float64 on one row: matrices are stacks of one."""

    def measured(self, value):
        array = np.asarray(value, dtype=float)
        return Stack(array[None]) if array.ndim == 2 else array[()]

    def at_stage(self, label, index):
        stage, sequence = self.stage(index), self.row[label]
        if not isinstance(sequence, Mapping) or stage not in sequence:
            raise Missing(f"measure gives no value for {label} at stage {stage}")
        return self.measured(sequence[stage])

    def of_vectors(self, node):
        values = list(map(self.value, node.args))
        if not all(isinstance(value, Stack) for value in values):
            raise NotExact(f"{node} should be of vectors or matrices")
        if type(node) is Inner:
            return np.sum(values[0].data * values[1].data)
        if type(node) is transpose:
            return Stack(values[0].data.swapaxes(-1, -2))
        return np.linalg.det(values[0].data)[0]


class Slack:
    """The excess of a theorem as a function of its instances.

    objective: "ratio", "gap" where a side is the number 0, "distance" for equations and inequations. arithmetic: FLOAT,
    or EXACT. `evaluations` counts instances, `work` the nodes of the relations read, which is what time is spent on:
    the same for the same instances on any machine.
    """

    def __init__(self, theorem: Theorem, arithmetic: Any = FLOAT):
        self.theorem, self.arithmetic = theorem, arithmetic
        self.evaluations = self.work = 0
        self.exactly: Slack | None = None if arithmetic is EXACT else Slack(theorem, EXACT)
        conclusion = theorem.conclusion
        self.kind = type(conclusion)
        self.equation = self.kind in {Equality, Unequality}
        ends = conclusion.args if self.kind in AT_MOST or self.equation else conclusion.args[::-1]
        self.small, self.large = ends
        zero = any(side.is_number and side == 0 for side in ends)
        self.objective = "distance" if self.equation else "gap" if zero else "ratio"
        self.strict = self.kind in STRICT | {Unequality}
        t, T = (theorem.over or (None, None))[:1], theorem.over[1:]
        self._static: list[Any] = []
        self._of_stage: list[Any] = []
        self._of_horizon: list[Any] = []
        for hypothesis in theorem.hypotheses:
            free = hypothesis.free_symbols
            place = self._of_stage if free & {*t} else self._of_horizon if free & {*T} else self._static
            place.append(hypothesis)
        always = (*self._static, *(() if self.theorem.over else (conclusion,)))
        self._costs = sum(map(_size, always)), sum(map(_size, (*self._of_stage, *self._of_horizon, conclusion)))

    def __call__(self, instance: Any) -> Reading:
        """`NOTHING` for an instance that cannot be measured."""
        self.evaluations += 1
        self.work += LEAST
        try:
            reading = self.read(instance)
        except FAULTS:
            return NOTHING
        if self.exactly is None or reading.score < NEAR or self.kind is Unequality:
            return reading
        again = self.exactly(instance)
        self.work += self.exactly.work
        self.exactly.work = 0
        return again

    def fails(self, reading: Reading) -> bool:
        """Whether the claim seems to fail there, strict ones at equality too."""
        return reading.feasible and (reading.excess >= 0 if self.strict else reading.excess > 0)

    def read(self, instance: Any) -> Reading:
        """As a call, in one arithmetic; raises what measuring raises."""
        with np.errstate(all="ignore"), flint.ctx.workprec(BITS):
            readings = [self._row(row) for row in self._measured(instance)]
        if not readings:
            return NOTHING
        worst = max(readings, key=lambda reading: reading.score)
        return worst._replace(positive=all(r.positive for r in readings), exact=self.arithmetic is EXACT)

    def sides(self, instance: Any) -> Iterator[tuple[Any, Any]]:
        """small and large at every row and horizon but 0 that the hypotheses allow; raises what measuring raises."""
        with np.errstate(all="ignore"):
            for row in self._measured(instance):
                walk, horizon = self._over_stages(row)
                for at in self._horizons(walk, horizon):
                    if not any(_violation(each, at) for each in self._of_horizon):
                        yield at.value(self.small), at.value(self.large)

    def _measured(self, instance: Any) -> Any:
        return rigorous.attempt("measure", self.theorem.measure, instance, self.arithmetic)

    def _over_stages(self, row: Any) -> tuple[Any, int | None]:
        horizon = row[self.theorem.over[1]] if self.theorem.over else None
        return self._walk(row, {} if horizon is None else {self.theorem.over[1]: horizon}), horizon

    def _walk(self, row: Any, stages: dict) -> Any:
        kind = _Single if self.arithmetic is FLOAT else Enclosure
        return kind(row, self.theorem.read_with(row), stages)

    def _row(self, row: Any) -> Reading:
        walk, horizon = self._over_stages(row)
        stages = horizon or 0
        self.work += self._costs[0] + stages * self._costs[1]
        violation = sum(_violation(each, walk) for each in self._static)
        if horizon is not None:
            t = self.theorem.over[0]
            for stage in range(stages if self._of_stage else 0):
                at = walk.at(t, stage)
                violation += sum(_violation(each, at) for each in self._of_stage)
        found = [self._at(each) for each in self._horizons(walk, horizon)]
        reading = max(found, key=lambda reading: (reading.feasible, reading.score), default=NOTHING)
        return reading._replace(violation=reading.violation + violation, positive=all(r.positive for r in found))

    def _horizons(self, walk: Any, horizon: int | None) -> Iterator[Any]:
        """The walk at each horizon but 0, where a statement about all stages says nothing."""
        if horizon is None:
            yield walk
            return
        T = self.theorem.over[1]
        for each in range(1, horizon + 1):
            yield type(walk)({**walk.row, T: each}, walk.definitions, {T: each}, walk.shared)

    def _at(self, walk: Any) -> Reading:
        violation = sum(_violation(each, walk) for each in self._of_horizon)
        small, large = walk.value(self.small), walk.value(self.large)
        if self.equation:
            distance = _distance(small, large)
            if self.kind is Equality:
                return Reading(distance, violation, odds=_log(distance))
            return Reading(-distance, violation, odds=-_log(distance))
        size = _larger(abs(small), abs(large)) if self.objective == "ratio" else (
            self._magnitude(self.small, walk) + self._magnitude(self.large, walk))
        if not size > 0:  # 0 <= 0, or no number
            return Reading(-math.inf, violation)
        excess = _number((small - large) / size)
        share = _number(small / size) if self.objective == "ratio" and large > 0 else 1 + excess
        return Reading(excess, violation, bool(large >= 0), odds=_log(share) - _log(-excess))

    @staticmethod
    def _magnitude(side: Any, walk: Any) -> Any:
        return sum(abs(walk.value(term)) for term in _terms(side))


@lru_cache(maxsize=256)
def _terms(side: Any) -> tuple[Any, ...]:
    """What a side is a sum of; for the length of a sum of vectors, or its square, those of the vectors."""
    square, exponent = (side.base, side.exp) if type(side) is Pow else (side, Integer(1))
    vector: Any = square.args[0] if type(square) is Inner and same(*square.args) else None
    if type(vector) is Add:
        return tuple(Pow(Inner(each, each), exponent, evaluate=False) for each in vector.args)
    return side.args if type(side) is Add else (side,)


def _larger(a: Any, b: Any) -> Any:
    """The larger of two values; of balls that overlap one of them."""
    return b if b > a else a


def _log(value: float) -> float:
    """log(value), the least there is for 0 and below."""
    return math.log(value) if value > 0 else -STEEPEST


def _number(value: Any) -> float:
    """A float for a rational, a NumPy number or a ball: its midpoint, or if it holds 0 that, or the lower end if it is
    wide."""
    if type(value) is flint.fmpq:
        return float(flint.arb(value).mid())
    if type(value) is flint.arb:
        if value.contains(0):
            return 0.0 if value.rad() < NARROW else float(value.lower())
        return float(value.mid())
    return float(value)


def _violation(relation: Any, walk: Any) -> float:
    """What a hypothesis is violated by, relative to its sides: 0 if it holds, inf if it has no value."""
    low, high = map(walk.value, relation.args)
    if type(relation) is Equality:
        return _distance(low, high)
    if type(relation) is Unequality:
        return float(_distance(low, high) == 0)
    if type(relation) not in AT_MOST:
        low, high = high, low
    if low < high:
        return 0.0
    size = abs(low) + abs(high)
    if size == 0:
        return float(type(relation) in STRICT)
    lack = _number((low - high) / size)
    if math.isnan(lack):
        return math.inf
    return max(lack, 0.0) + (ROUNDING * 2 if type(relation) in STRICT else 0.0)


def _distance(a: Any, b: Any) -> float:
    """|a - b|/(|a| + |b|) for numbers or matrices, by their largest entries; 0 where both are 0."""
    parts, others = _entries(a), _entries(b)
    if len(parts) != len(others):
        return math.inf
    size = max(map(abs, parts), default=0.0) + max(map(abs, others), default=0.0)
    return max((abs(p - q) for p, q in zip(parts, others, strict=True)), default=0.0) / size if size else 0.0


def _entries(value: Any) -> list[float]:
    if isinstance(value, Stack):
        return [float(entry) for entry in value.data.ravel()]
    return [_number(entry) for entry in value.entries()] if isinstance(value, Matrix) else [_number(value)]


def of(theorem: Theorem, starts: list[Any]) -> "tuple[Slack | None, str]":
    """The slack in float64 if one of the starts can be measured so, else exactly; or None and the reason."""
    reason = "there is no instance to start from"
    for arithmetic in (FLOAT, EXACT):
        slack = Slack(theorem, arithmetic)
        for instance in starts:
            try:
                slack.read(instance)
                return slack, ""
            except FAULTS as fault:
                reason = f"{type(fault).__name__}: {' '.join(str(fault).split())[:200]}"
    return None, reason
