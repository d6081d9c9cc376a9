"""Rung 2: the conclusion on rational instances, in exact or ball arithmetic. Nothing here has a tolerance."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import flint
from sympy import Equality, Indexed

from linres.arithmetic import EXACT, Matrix
from linres.evaluate import Enclosure, Undefined, decide, decide_by_roots
from linres.language import NotExact
from linres.theorem import Theorem

FIRST_BITS = 64


class Disagree(Exception):
    """`measure` returns something other than what the definitions make of the rest of its row."""


@dataclass
class Failure:
    """A row on which the hypotheses hold and the conclusion fails, with certainty."""

    instance: Any
    row: Any
    position: int
    horizon: int | None
    left: Any
    right: Any


@dataclass
class Checked:
    """An instance decided, or not: rows by outcome, the bits used, the failure if there is one."""

    holds: int = 0
    rejected: int = 0
    undecided: int = 0
    bits: int = FIRST_BITS
    failure: Failure | None = None
    reasons: list[str] = field(default_factory=list)


def check(theorem: Theorem, instance: Any, *, max_bits: int = 4096) -> Checked:
    """Decide the theorem on one instance, doubling the precision until every row is decided or max_bits is passed.

    Disagree if a measured value contradicts its definition.
    """
    bits = FIRST_BITS
    while True:
        with flint.ctx.workprec(bits):
            checked = _check_rows(theorem, instance, bits)
        if checked.failure or not checked.undecided or 2 * bits > max_bits:
            return checked
        bits *= 2


def _check_rows(theorem: Theorem, instance: Any, bits: int) -> Checked:
    checked = Checked(bits=bits)
    for position, row in enumerate(theorem.measure(instance, EXACT)):
        outcome = _check_row(theorem, instance, row, position, checked)
        if checked.failure:
            return checked
        setattr(checked, outcome, getattr(checked, outcome) + 1)
    return checked


def _check_row(theorem, instance, row, position, checked) -> str:
    """"holds", "rejected" or "undecided"; a failure is put into `checked`."""
    exact = Enclosure(row, theorem.definitions, {T: _horizon(row, T) for T in theorem.over[1:]})
    known = _known(theorem, exact, checked)
    if known is None:
        return "undecided"
    if False in known:
        return "rejected"
    of_horizon = [h for h in theorem.hypotheses if _mentions(h, theorem.over[1:])]
    outcomes = []
    for horizon, walk in _horizons(theorem, row, exact):
        assumed = [*known, *(_truth(h, walk, checked) for h in of_horizon)]
        if False in assumed:
            continue
        holds = _truth(theorem.conclusion, walk, checked)
        if holds is False and None not in assumed:
            left, right = map(walk.value, theorem.conclusion.args)
            checked.failure = Failure(instance, row, position, horizon, left, right)
            return "holds"
        outcomes.append(bool(holds) and None not in assumed)
    if not outcomes:
        return "rejected"
    return "holds" if all(outcomes) else "undecided"


def _known(theorem: Theorem, exact: Enclosure, checked: Checked) -> set[bool | None] | None:
    """The truth values of the hypotheses that are not about the horizon; None if a definition has no value.

    Each stage is read on its own and then let go, so that a long run needs no more memory than its row.
    """
    seen: dict[Any, Any] = {}
    known: set[bool | None] = set()
    hypotheses = [h for h in theorem.hypotheses if not _mentions(h, theorem.over[1:])]
    try:
        for walk, of_stage in _readings(theorem, exact):
            if theorem.own_method:
                require_definitions(theorem, walk, of_stage, seen)
            about = [h for h in hypotheses if _mentions(h, theorem.over[:1]) == of_stage]
            known.update(_truth(h, walk, checked) for h in about)
    except Undefined as undefined:
        checked.reasons.append(f"a definition has no value: {undefined}")
        return None
    return known


def _readings(theorem: Theorem, exact: Enclosure) -> Iterator[tuple[Enclosure, bool]]:
    """The row for what is about no stage, then the row at each stage t < T."""
    yield exact, False
    if theorem.over:
        t, T = theorem.over
        for stage in range(exact.stages[T]):
            yield exact.at(t, stage), True


def _truth(relation, walk: Enclosure, checked: Checked) -> bool | None:
    try:
        decided = decide(relation, walk)
        return decide_by_roots(relation, walk) if decided is None else decided
    except Undefined as undefined:
        checked.reasons.append(f"{relation} has no value: {undefined}")
        return None


def _horizon(row: Any, T: Any) -> int:
    if type(row.get(T)) is not int or row[T] < 0:
        raise NotExact(f"{T} should be measured as an int >= 0, got {row.get(T)!r}")
    return row[T]


def _mentions(node: Any, symbols: Iterable[Any]) -> bool:
    return any(symbol in node.free_symbols for symbol in symbols)


def _horizons(theorem: Theorem, row: Any, exact: Enclosure) -> Iterator[tuple[int | None, Enclosure]]:
    """The row with each horizon up to the measured one: the conclusion is claimed for all of them.

    Hypotheses about the horizon are judged at the same horizon.
    """
    if not theorem.over:
        yield None, exact
        return
    T = theorem.over[1]
    for horizon in range(exact.stages[T] + 1):
        yield horizon, Enclosure({**row, T: horizon}, theorem.definitions, {T: horizon}, exact._sums)


def require_definitions(theorem: Theorem, walk: Enclosure, of_stage: bool, seen: dict[Any, Any]) -> None:
    """Raise Disagree if a measured value is not what its definition gives: measurement and proof would part.

    A sequence defined twice, at t and at t + 1, must come out the same whichever definition is used: seen has what it
    came out as so far.
    """
    for name, meaning in theorem.definitions.items():
        indexed = type(name) is Indexed
        if _mentions(name, theorem.over[:1]) != of_stage or not (indexed or name in walk.row):
            continue
        place = (name.args[0], walk.whole(name.args[1])) if indexed else name
        expected, measured = walk.value(meaning), seen.setdefault(place, walk.value(name))
        if _differ(measured, expected) or _differ_by_roots(measured, expected, name, meaning, walk):
            raise Disagree(f"{name} is {measured} by measurement or another definition, {expected} by definition")


def _differ_by_roots(measured, expected, name, meaning, walk: Enclosure) -> bool:
    """Whether a rational was measured where a root is meant; a ball around the root may hold both."""
    if type(measured) is not flint.fmpq or type(expected) is not flint.arb:
        return False
    return decide_by_roots(Equality(name, meaning, evaluate=False), walk) is False


def _differ(a: Any, b: Any) -> bool:
    if isinstance(a, Matrix):
        return a.shape != b.shape or any(map(_differ, a.entries(), b.entries()))
    if type(a) is type(b) is flint.fmpq:
        return a != b
    return not flint.arb(a).overlaps(flint.arb(b))


def search(
    theorem: Theorem, instances: Iterable[Any], *, max_bits: int = 4096, progress: Callable[[], None] = lambda: None
) -> tuple[dict[str, Any], Failure | None]:
    """Check the instances one by one; returns the counts of the rung and the first failure, if any."""
    counts: dict[str, Any] = {
        "ran": True, "instances": 0, "rows": 0, "decided": 0, "undecided": 0, "rejected": 0, "bits": FIRST_BITS,
    }
    for instance in instances:
        checked = check(theorem, instance, max_bits=max_bits)
        decided = checked.holds + (checked.failure is not None)
        counts["instances"] += 1
        counts["rows"] += decided + checked.rejected + checked.undecided
        counts["decided"] += decided
        counts["undecided"] += checked.undecided
        counts["rejected"] += checked.rejected
        counts["bits"] = max(counts["bits"], checked.bits)
        if checked.reasons:
            counts["reason"] = checked.reasons[0]
        progress()
        if checked.failure:
            return counts, checked.failure
    return counts, None
