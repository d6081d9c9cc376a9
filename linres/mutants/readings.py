"""Readings: numbers for what a statement leaves free, every vector on a line, and a search among them.

A statement speaks of any numbers and vectors that satisfy its hypotheses, whether or not an algorithm can be made to
produce them: slopes and values, for one, that no function has once the inequality that ties them is dropped. A
`Reading` is such numbers, all rational. `search` looks for one on which the hypotheses hold and the conclusion fails,
in float64 by linear programs; exact arithmetic decides what it finds.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import flint
import numpy as np
from sympy import Abs, Add, Equality, Indexed, IndexedBase, Integer, Mul, Pow, Symbol, Unequality
from sympy.functions.elementary.complexes import transpose

from linres.arithmetic import EXACT, Matrix, rational
from linres.evaluate import Undefined, shifted
from linres.language import AT_MOST, NUMBERS, Det, GeometricSum, Inner, NotExact, is_vector, tidy

Leaf = tuple[Any, int | None]  # a symbol, or the label of a sequence and a stage
MARGIN = 1e-7  # by which a hypothesis should hold in float64, so that it still holds once the numbers are rounded
VIOLATION = 1e-5  # relative; a search ends with less only if it finds no more
PENALTY = 10.0  # of what hypotheses lack, in units of their sides
REACH, CLOSE = 0.25, 1e-4  # of the first linear program, of the last
GRAIN = Fraction(1, 2**60)
STEP = 1e-7  # of a finite difference
BOX = 64.0  # numbers are looked for between -BOX and BOX, in their units
FLOOR, COARSE = 1e-9, 1e-3  # added to the size of both sides
PROBES, FLAT = 8, 1e-6  # points at which slopes are taken, and below which share of the largest they count as 0


@dataclass(frozen=True)
class Reading:
    """(name, number), and for a sequence (name, ((stage, number), ...)); stages is the horizon T, 0 without one."""

    values: tuple[tuple[str, Any], ...]
    stages: int = 0


class Tape:
    """A statement at a horizon, written out as operations on numbers: the same in float64 and exactly.

    leaves: what is free, in order. relations: (relation, position of its left side, of its right side). needed: the
    positions of what has to be nonnegative for a root to have a value. NotExact if the statement is about something
    that a line does not have.
    """

    def __init__(self, theorem: Any, stages: int):
        self.theorem, self.stages = theorem, stages
        self.leaves: list[Leaf] = []
        self.needed: list[int] = []
        self._places: dict[Leaf, int] = {}
        self._tape: list[tuple[Any, ...]] = []
        self._known: dict[Any, int] = {}
        self._named: dict[Leaf, int] = {}
        self._open: set[Leaf] = set()
        self._rules = {**theorem.definitions, **_solved(theorem)}
        self.relations = [self._relation(h, at) for h in theorem.hypotheses for at in self._stages_of(h)]
        self.conclusion = self._relation(theorem.conclusion, None)
        for name in theorem.definitions:  # a row has a sequence at every stage that a definition speaks of, or not
            for at in self._stages_of(name):
                self._write(name, at)

    def _stages_of(self, relation: Any) -> Iterable[int | None]:
        moving = self.theorem.over and self.theorem.over[0] in relation.free_symbols
        return range(self.stages) if moving else (None,)

    def _relation(self, relation: Any, at: int | None) -> tuple[Any, int, int]:
        sides = (-1, -1) if type(relation.args[0]) is Det else [self._write(side, at) for side in relation.args]
        return relation, *sides

    def _write(self, node: Any, at: int | None) -> int:
        key = node, at if self.theorem.over and self.theorem.over[0] in node.free_symbols else None
        if key not in self._known:
            self._known[key] = self._written(node, at)
        return self._known[key]

    def _written(self, node: Any, at: int | None) -> int:
        kind = type(node)
        if kind in NUMBERS:
            return self._note("number", node.p, node.q)
        if kind in {Symbol, Indexed}:
            return self._symbol(node, at)
        if kind in {Add, Mul}:
            return self._fold("add" if kind is Add else "multiply", [self._write(part, at) for part in node.args])
        if kind is Pow:
            return self._power(node, at)
        return self._rarer(kind, node, at)

    def _symbol(self, node: Any, at: int | None) -> int:
        if type(node) is Indexed:
            return self._sequence(node.args[0], self._whole(node.args[1], at))
        if node in self.theorem.over:
            return self._note("number", self._whole(node, at), 1)
        return self._leaf((node, None), self._rules.get(node), at)

    def _rarer(self, kind: type, node: Any, at: int | None) -> int:
        if kind is Inner:
            return self._fold("multiply", [self._write(part, at) for part in node.args])
        if kind in {transpose, Det}:
            return self._write(node.args[0], at)
        if kind is Abs:
            return self._note("abs", self._write(node.args[0], at))
        if kind is GeometricSum:
            start, ratio, forcing, _, T = node.args
            total = self._write(start, at)
            for stage in range(self._whole(T, at)):
                grown = self._fold("multiply", [self._write(ratio, at), total])
                total = self._fold("add", [grown, self._write(forcing, stage)])
            return total
        raise NotExact(f"a line has no {kind.__name__}")

    def _power(self, node: Pow, at: int | None) -> int:
        base = self._write(node.base, at)
        exponent = node.exp if type(node.exp) in NUMBERS else Integer(self._whole(node.exp, at))
        if exponent.q == 2:
            self.needed.append(base)
            base = self._note("root", base)
        elif exponent.q != 1:
            raise NotExact(f"{node} has no exact meaning")
        return base if exponent.p == 1 else self._note("power", base, int(exponent.p))

    def _whole(self, index: Any, at: int | None) -> int:
        over = self.theorem.over
        values = dict(zip(over, (at, self.stages), strict=False))
        if any(values.get(symbol, 0) is None for symbol in index.free_symbols):
            raise NotExact(f"{index} is about a stage, and there is none")
        found = tidy(index.xreplace({symbol: Integer(value) for symbol, value in values.items() if value is not None}))
        if type(found) not in NUMBERS or found.q != 1:
            raise NotExact(f"{index} is no number of stages")
        return int(found)

    def _sequence(self, label: Any, stage: int) -> int:
        fitting = [(name, self._stage_of(name, stage)) for name in self._rules
                   if type(name) is Indexed and name.args[0] == label]
        fixed = [(name, None) for name, at in fitting if at == "here"]
        moving = [(name, at) for name, at in fitting if type(at) is int]
        for name, at in (*fixed, *moving):
            return self._leaf((label, stage), self._rules[name], at)
        return self._leaf((label, stage), None, None)

    def _stage_of(self, name: Any, stage: int) -> Any:
        """The stage t at which a defined sequence member is the one of that stage; "here" if it is just that one."""
        index = name.args[1]
        if not index.free_symbols:
            return "here" if int(index) == stage else None
        moving, offset = shifted(index)
        inside = moving in self.theorem.over[:1] and 0 <= stage - offset < self.stages
        return stage - offset if inside else None

    def _leaf(self, leaf: Leaf, meaning: Any, at: int | None) -> int:
        if leaf not in self._named:
            if leaf in self._open:
                raise NotExact(f"{leaf[0]} is given in terms of itself")
            self._open.add(leaf)
            self._named[leaf] = self._free(leaf) if meaning is None else self._write(meaning, at)
        return self._named[leaf]

    def _free(self, leaf: Leaf) -> int:
        self.leaves.append(leaf)
        return self._note("leaf", len(self.leaves) - 1)

    def _fold(self, operation: str, parts: list[int]) -> int:
        total = parts[0]
        for part in parts[1:]:
            total = self._note(operation, total, part)
        return total

    def _note(self, *entry: Any) -> int:
        self._tape.append(entry)
        return len(self._tape) - 1

    def run(self, given: Any, number: Callable, root: Callable) -> list[Any]:
        """The value at every position of the tape, for the values of the leaves."""
        values: list[Any] = []
        for operation, *arguments in self._tape:
            if operation == "leaf":
                values.append(given[arguments[0]])
            elif operation == "number":
                values.append(number(*arguments))
            elif operation == "power":
                values.append(values[arguments[0]] ** arguments[1])
            else:
                act: Any = {"add": operator.add, "multiply": operator.mul, "abs": abs, "root": root}[operation]
                values.append(act(*(values[position] for position in arguments)))
        return values

    # exactly

    def row(self, reading: Reading) -> dict[Any, Any]:
        """The reading as a row of exact values. What definitions give of a sequence is written beside what is free.

        Undefined where a definition has no rational value that another part of the row needs.
        """
        numbers = dict(reading.values)
        given = [_number(numbers, leaf) for leaf in self.leaves]
        try:
            values = self.run(given, flint.fmpq, EXACT.sqrt)
        except ZeroDivisionError:
            raise Undefined("a denominator is 0 at this reading") from None
        row: dict[Any, Any] = dict.fromkeys(self.theorem.over[1:], self.stages)
        for (symbol, stage), position in self._named.items():
            value = values[position]
            if type(value) is not flint.fmpq or (stage is None and symbol in self.theorem.definitions):
                continue
            value = Matrix(flint.fmpq_mat([[value]])) if _of_vectors(symbol) else value
            if stage is None:
                row[symbol] = value
            else:
                row.setdefault(symbol, {})[stage] = value
        return row

    def reading(self, numbers: Iterable[Any]) -> Reading:
        """The reading whose leaves are these numbers, rounded to a multiple of GRAIN."""
        single: dict[str, Any] = {}
        several: dict[str, dict[int, Fraction]] = {}
        for (symbol, stage), value in zip(self.leaves, numbers, strict=True):
            exact = round(Fraction(float(value)) / GRAIN) * GRAIN
            if stage is None:
                single[str(symbol)] = exact
            else:
                several.setdefault(str(symbol), {})[stage] = exact
        sequences = ((name, tuple(sorted(values.items()))) for name, values in several.items())
        return Reading((*single.items(), *sequences), self.stages)

    # in float64

    def floats(self, columns: np.ndarray) -> list[Any]:
        """The value at every position, for columns of leaves; 0 for the root of what is negative."""
        return self.run(columns, lambda p, q: p / q, lambda v: np.sqrt(np.maximum(v, 0)))

    @cached_property
    def translations(self) -> dict[int, np.ndarray]:
        """Directions along which no side of the statement changes more than the other, by the leaf that may be kept.

        Losses that all grow by a number, points that all move alike. They are found from slopes at random points: good
        enough to choose where to search, and nothing else is made of them.
        """
        n = len(self.leaves)
        generator = np.random.default_rng(0)
        with np.errstate(all="ignore"):
            slopes = np.vstack([self._slopes(generator.uniform(0.2, 0.8, n)) for _ in range(PROBES)])
        slopes = slopes[np.all(np.isfinite(slopes), axis=1)]
        squares, directions = np.linalg.eigh(slopes.T @ slopes)
        still = directions.T[squares <= FLAT**2 * squares.max(initial=0)]
        return _reduced(still, sorted(range(n), key=lambda k: self.leaves[k][1] is not None))

    def _slopes(self, point: np.ndarray) -> np.ndarray:
        """(relations, leaves) of the gaps, and of what stands under roots."""
        n = len(point)
        shifts = STEP * np.eye(n)
        values = self.floats(np.hstack([point[:, None] + shifts, point[:, None] - shifts]))
        gaps = [_gap(values, *relation) for relation in (*self.relations, self.conclusion) if relation[1] >= 0]
        gaps += [values[position] for position in self.needed]
        table = np.array([np.broadcast_to(gap, 2 * n) for gap in gaps]).reshape(len(gaps), 2 * n)
        return (table[:, :n] - table[:, n:]) / (2 * STEP)

    def read(self, row: Mapping[Any, Any]) -> np.ndarray | None:
        """The leaves as a theorem's row has them, moved along `translations`; None if it lacks one, or if a vector is
        off the line. Moved while they are exact: what is left of 3/4 + 10^-6 less 3/4 counts."""
        return self._moved([_measured(row, leaf) for leaf in self.leaves])

    def read_again(self, reading: Reading) -> np.ndarray | None:
        """The leaves as a reading of the same statement, or of one like it, has them; None if it lacks one."""
        numbers = dict(reading.values)
        try:
            return self._moved([_number(numbers, leaf) for leaf in self.leaves])
        except Undefined:
            return None

    def origin(self, leaf: int) -> int:
        """What the leaf is kept at: 0, but 1 for a point if a matrix has to be invertible."""
        return int(_of_vectors(self.leaves[leaf][0]) and any(left < 0 for _, left, _ in self.relations))

    def _moved(self, found: list[Any]) -> np.ndarray | None:
        if None in found:
            return None
        for kept, direction in self.translations.items():
            by = found[kept] - self.origin(kept)
            found = [value - int(part) * by for value, part in zip(found, direction, strict=True)]
        return np.array([float(flint.arb(value).mid()) for value in found])


def _number(numbers: Mapping[str, Any], leaf: Leaf) -> flint.fmpq:
    symbol, stage = leaf
    value = numbers.get(str(symbol))
    value = dict(value).get(stage) if stage is not None and value is not None else value
    if value is None:
        raise Undefined(f"the reading has no {symbol}{'' if stage is None else f' at stage {stage}'}")
    return rational(value)


def _reduced(directions: np.ndarray, order: list[int]) -> dict[int, np.ndarray]:
    """Gauss and Jordan: the same directions, each 1 at a leaf where the others are 0. Only those of whole numbers."""
    rows = [*directions]
    found: dict[int, np.ndarray] = {}
    for leaf in order:
        if not rows:
            break
        largest = int(np.argmax([abs(row[leaf]) for row in rows]))
        if abs(rows[largest][leaf]) < FLAT**0.5:
            continue
        pivot = rows.pop(largest)
        pivot = pivot / pivot[leaf]
        rows = [row - row[leaf] * pivot for row in rows]
        found = {at: row - row[leaf] * pivot for at, row in found.items()} | {leaf: pivot}
    return {leaf: np.rint(row) for leaf, row in found.items() if np.abs(row - np.rint(row)).max() < FLAT**0.5}


def _measured(row: Mapping[Any, Any], leaf: Leaf) -> Any:
    symbol, stage = leaf
    value = row.get(symbol)
    if stage is not None:
        value = None if value is None else value.get(stage)
    if isinstance(value, Matrix):
        if value.shape != (1, 1):
            return None
        [value] = value.entries()
    return value


def _of_vectors(symbol: Any) -> bool:
    return is_vector(symbol.args[0] if type(symbol) is IndexedBase else symbol)


def _solved(theorem: Any) -> dict[Any, Any]:
    """Hypotheses that say what a symbol is: x = ..., with x nowhere on the right."""
    found: dict[Any, Any] = {}
    for hypothesis in theorem.hypotheses:
        if type(hypothesis) is not Equality:
            continue
        for name, meaning in (hypothesis.args, hypothesis.args[::-1]):
            if type(name) in {Symbol, Indexed} and name not in theorem.definitions and not meaning.has(name):
                found.setdefault(name, meaning)
                break
    return found


class _Found(Exception):
    """A violation that is clear enough."""


class Search:
    """A search for readings that violate a theorem, at one horizon.

    Every number is looked for in units of what it is at the start, and every hypothesis in units of its sides there:
    curvatures, slopes and values may be of very different sizes. Then all are tried in one unit, which finds others.
    """

    def __init__(self, tape: Tape):
        self.tape = tape
        self.best: tuple[float, np.ndarray | None] = (-np.inf, None)

    def run(self, start: np.ndarray, iterations: int, thoroughly: bool = True) -> Reading | None:
        """A reading that float64 takes for a violation, from a start; None if none is found.

        A number that is 0 at the start, where a norm has a kink that no derivative sees, stays 0.
        """
        self.best, self.floor = (-np.inf, None), FLOOR
        with np.errstate(all="ignore"):
            self.sizes = self._sizes(start)
            self.start, self.moving = start, np.flatnonzero(((start != 0) | ~self._kinks(start)) & self._free())
        self.units = self._units(start)[self.moving]
        with suppress(_Found):
            self._climb(start[self.moving] / self.units, iterations // 4)
            if thoroughly:
                self._descend(start[self.moving] / self.units, iterations)
                self._in_one_unit(start, iterations)
        violation, x = self.best
        return self.tape.reading(x) if x is not None and violation > 0 else None

    def _in_one_unit(self, start: np.ndarray, iterations: int) -> None:
        self.moving = np.flatnonzero(self._free())
        self.units = np.ones(len(self.moving))
        self.sizes, self.floor = 1 + self.sizes, COARSE
        self._descend(np.clip(start[self.moving], -BOX, BOX), 2 * iterations)

    def _free(self) -> np.ndarray:
        """(n,) whether a number moves: not those that translations keep."""
        return ~np.isin(np.arange(len(self.tape.leaves)), [*self.tape.translations])

    def _units(self, start: np.ndarray) -> np.ndarray:
        """(n,) the size of every number; of one that is 0 the largest of its sequence, or of what is of its kind."""
        units = np.abs(start)
        labels = [symbol for symbol, _ in self.tape.leaves]
        kinds = [_of_vectors(symbol) for symbol in labels]
        for names in (labels, kinds):
            largest = {name: max(u for u, other in zip(units, names, strict=True) if other == name) for name in names}
            units = np.where(units > 0, units, [largest[name] for name in names])
        return np.where(units > 0, units, 1e-3)

    def _kinks(self, start: np.ndarray) -> np.ndarray:
        """(n,) whether the slopes to the left and to the right of a number differ."""
        n = len(start)
        steps = STEP * np.maximum(np.abs(start), 1e-3)
        columns = start[:, None] + steps[:, None] * np.hstack([np.zeros((n, 1)), np.eye(n), -np.eye(n)])
        table = self._table(columns)
        right, left = (table[:, 1 : n + 1] - table[:, :1]) / steps, (table[:, :1] - table[:, n + 1 :]) / steps
        return np.any(np.abs(right - left) > 1e-2 * (np.abs(right) + np.abs(left)) + 1e-3, axis=0)

    def _descend(self, x: np.ndarray, iterations: int) -> None:
        """Sequential quadratic programming: better where curvature counts, and worse where hypotheses are tight."""
        from scipy.optimize import minimize

        last: list[Any] = [None, None]

        def at(x):
            if last[0] != x.tobytes():
                last[:] = x.tobytes(), self._evaluate(x)
            return last[1]

        constraints = {"type": "ineq", "fun": lambda x: at(x)[0][1:], "jac": lambda x: at(x)[1][1:]}
        minimize(
            lambda x: -at(x)[0][0], x, jac=lambda x: -at(x)[1][0], method="SLSQP", constraints=constraints,
            bounds=[(-BOX, BOX)] * len(x), options={"maxiter": iterations},
        )

    def _climb(self, x: np.ndarray, iterations: int) -> None:
        """Linear programs within a trust region: the violation less PENALTY times what the hypotheses lack grows."""
        value, slopes = self._evaluate(x)
        reach = REACH
        for _ in range(iterations):
            step = _step(value, slopes, reach)
            if step is None or _merit(value + slopes @ step) < _merit(value) + MARGIN:
                return
            tried, its_slopes = self._evaluate(x + step)
            if _merit(tried) > _merit(value):
                x, value, slopes, reach = x + step, tried, its_slopes, min(2 * reach, 1.0)
            else:
                reach /= 4
            if reach < CLOSE:
                return

    def _sizes(self, start: np.ndarray) -> np.ndarray:
        """(constraints, 1) the size of the sides of every hypothesis, and of what stands under a root."""
        values = self._values(start[:, None])
        sizes = [_size(values, *relation) for relation in self.tape.relations if _is_inequality(relation[0])]
        sizes += [np.abs(values[position]) for position in self.tape.needed]
        found = np.array([float(np.ravel(size)[0]) for size in sizes])[:, None]
        seen = np.isfinite(found) & (found > FLOOR**2)
        self.margins = MARGIN * np.where(seen, found, 0.0)  # 0 <= 0 holds, but never by a margin
        self.margins[len(sizes) - len(self.tape.needed) :] = 0  # a square may be 0
        return np.where(seen, found, 1.0)

    def _values(self, columns: np.ndarray) -> list[Any]:
        return self.tape.floats(columns)

    def _evaluate(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(1 + constraints,) how far the conclusion is violated and the gaps of the hypotheses; and their slopes."""
        columns = np.repeat(self.start[:, None], len(x) + 1, axis=1)
        columns[self.moving] = (x * self.units)[:, None]
        columns[self.moving, np.arange(1, len(x) + 1)] += STEP * self.units
        with np.errstate(all="ignore"):
            table = self._table(columns)
        self._remember(columns[:, 0], table[:, 0])
        return table[:, 0], (table[:, 1:] - table[:, :1]) / STEP

    def _table(self, columns: np.ndarray) -> np.ndarray:
        values = self._values(columns)
        gaps = [_gap(values, *relation) for relation in self.tape.relations if _is_inequality(relation[0])]
        gaps += [values[position] for position in self.tape.needed]
        table = np.empty((1 + len(gaps), columns.shape[1]))
        table[0] = _excess(values, *self.tape.conclusion, self.floor)
        for position, gap in enumerate(gaps, 1):
            table[position] = gap
        table[1:] = (table[1:] - self.margins) / self.sizes
        return np.nan_to_num(table, copy=False, nan=-1e6, posinf=1e6, neginf=-1e6)

    def _remember(self, point: np.ndarray, value: np.ndarray) -> None:
        if np.all(value[1:] >= -MARGIN / 2) and value[0] > self.best[0]:
            self.best = float(value[0]), point.copy()
            if value[0] > VIOLATION:
                raise _Found


def _excess(values: list[Any], relation: Any, left: int, right: int, floor: float) -> Any:
    """How far the conclusion is violated, relative to its sides."""
    low, high = values[left], values[right]
    size = np.abs(low) + np.abs(high) + floor
    if type(relation) in {Equality, Unequality}:
        return np.abs(low - high) / size if type(relation) is Equality else -np.abs(low - high) / size
    return (low - high if type(relation) in AT_MOST else high - low) / size


def _merit(value: np.ndarray) -> float:
    return float(value[0] - PENALTY * np.maximum(-value[1:], 0).sum())


def _step(value: np.ndarray, slopes: np.ndarray, reach: float) -> np.ndarray | None:
    """The step within reach that is best to first order; None if there is none."""
    from scipy.optimize import linprog

    n, m = slopes.shape[1], len(value) - 1
    found = linprog(
        np.concatenate([-slopes[0], np.full(m, PENALTY)]), A_ub=np.hstack([-slopes[1:], -np.eye(m)]),
        b_ub=value[1:], bounds=[(-reach, reach)] * n + [(0, None)] * m, method="highs",
    )
    return found.x[:n] if found.success else None


def _is_inequality(relation: Any) -> bool:
    """Whether a hypothesis bounds a search; an equation between numbers is solved, or else left to exact arithmetic."""
    return type(relation) not in {Equality, Unequality}


def _gap(values: list[Any], relation: Any, left: int, right: int) -> Any:
    """What has to be nonnegative for a hypothesis to hold."""
    return values[right] - values[left] if type(relation) in AT_MOST else values[left] - values[right]


def _size(values: list[Any], relation: Any, left: int, right: int) -> Any:
    return np.abs(values[left]) + np.abs(values[right])


def starts(tape: Tape, rows: Iterable[Mapping[Any, Any]]) -> Iterator[np.ndarray]:
    """Where to search from: the instances that lie on the line, each once."""
    seen = set()
    for row in rows:
        found = tape.read(row)
        if found is not None and found.tobytes() not in seen:
            seen.add(found.tobytes())
            yield found


def random_starts(tape: Tape, seed: int, count: int) -> Iterator[np.ndarray]:
    """Points at random to search from."""
    generator = np.random.default_rng(seed)
    for _ in range(count):
        found = generator.uniform(-1, 1, len(tape.leaves)) * generator.choice([0.5, 2.0, 8.0])
        for kept, direction in tape.translations.items():
            found -= (found[kept] - tape.origin(kept)) * direction
        yield found


def measured(theorem: Any) -> Callable[[Reading, Any], list[dict[Any, Any]]]:
    """Measure a reading of the theorem: one row."""
    tapes: dict[int, Tape] = {}

    def measure(reading: Reading, arithmetic: Any) -> list[dict[Any, Any]]:
        if reading.stages not in tapes:
            tapes[reading.stages] = Tape(bare, reading.stages)
        return [tapes[reading.stages].row(reading)]

    bare = replace(theorem, proof=(), controls=())
    return measure
