"""Rung 2: the conclusion on rational instances, in exact or ball arithmetic. Nothing here has a tolerance."""

import os
import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any

import flint
from sympy import Equality, Indexed, IndexedBase, Rational, Symbol

from linres.arithmetic import EXACT, Matrix
from linres.chance import LEVEL, Chance
from linres.errors import described, kind_of
from linres.evaluate import Enclosure, Missing, Undefined, decide, decide_by_roots, shifted
from linres.language import NotExact, chance_nodes
from linres.theorem import Theorem

FIRST_BITS = 64
_OURS = os.path.join(os.path.dirname(os.path.dirname(__file__)), "")
_STANDARD = os.path.join(os.path.dirname(os.__file__), "")
_INSTALLED = re.compile(r"[/\\](site|dist)-packages[/\\]|^<frozen|\.pyx$")


class Disagree(Exception):
    """`measure` returns something other than what the definitions make of the rest of its row."""


class Raised(Exception):
    """A function of the theorem raised something of its own: the message says which, what and where."""


FAULTS = (Disagree, Missing, NotExact, Undefined, Raised)  # what is wrong with a theorem rather than with the checker


def attempt(part: str, function: Callable, *arguments: Any) -> Any:
    """What a function of the theorem returns, its measure say. Raised for whatever it raises, but Ctrl-C."""
    try:
        return function(*arguments)
    except (*FAULTS, KeyboardInterrupt):
        raise
    except BaseException as error:  # anybody's code: it may raise anything, or exit as if all were well
        raise Raised(f"{part} raised {described(error)}{_where(error)}") from error


def told(fault: BaseException) -> str:
    """A fault as a reason, in one line."""
    return str(fault) if isinstance(fault, Raised) else f"{type(fault).__name__}: {fault}"


def _where(error: BaseException) -> str:
    """" (file:line)", the innermost line that is neither ours nor of a library; "" if there is none."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((_OURS, _STANDARD)) and not _INSTALLED.search(frame.filename)
    ]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


@dataclass
class Failure:
    """A row on which the hypotheses hold and the conclusion fails: with certainty, if no chance was drawn for it."""

    instance: Any
    row: Any
    position: int
    horizon: int | None
    left: Any
    right: Any
    drawn: bool = False  # whether chances were drawn for it


@dataclass
class Checked:
    """An instance decided, or not: rows by outcome, the bits used, the failure if there is one."""

    holds: int = 0
    rejected: int = 0
    undecided: int = 0
    bits: int = FIRST_BITS
    chances: int = 0  # how many were drawn
    failure: Failure | None = None
    reasons: list[str] = field(default_factory=list)
    exhausted: bool = False  # whether all that may be drawn of a chance was


def check(theorem: Theorem, instance: Any, *, max_bits: int = 4096) -> Checked:
    """Decide the theorem on one instance, doubling the precision until every row is decided or max_bits is passed.

    With the precision grows the number of draws of a `Chance`; what is decided by draws is so but for a risk of
    chance.LEVEL for each. Disagree if a measured value contradicts its definition.
    """
    bits = FIRST_BITS
    while True:
        try:
            with flint.ctx.workprec(bits):
                checked = _check_rows(theorem, instance, bits)
        except RecursionError:
            raise NotExact("the statement is nested too deeply to be worked out") from None
        if checked.failure or not checked.undecided or 2 * bits > max_bits or checked.exhausted:
            return checked
        bits *= 2


def _check_rows(theorem: Theorem, instance: Any, bits: int) -> Checked:
    checked = Checked(bits=bits)
    rows = attempt("measure", theorem.measure, instance, EXACT)
    if not isinstance(rows, list | tuple) or not all(isinstance(row, Mapping) for row in rows):
        raise NotExact(f"measure should return a list of rows, each a dict from symbols to values, got {rows!r}")
    for position, row in enumerate(rows):
        chances = begin(theorem, instance, row, position)
        checked.chances += len(chances)
        outcome = _read_row(theorem, instance, row, position, checked)
        spent = [chance for chance in chances if chance.exhausted]
        if spent and outcome == "undecided":
            checked.exhausted = True
            checked.reasons.append(f"{spent[0].drawn} draws do not decide, and more are not allowed")
        if checked.failure:
            return checked
        setattr(checked, outcome, getattr(checked, outcome) + 1)
    return checked


def begin(theorem: Theorem, instance: Any, row: Mapping, position: int = 0) -> list[Chance]:
    """The chances of a row, ready to be drawn: the same statement has the same draws at the same instance."""
    chances = {node: value for node, value in row.items() if type(value) is Chance}
    for node, value in chances.items():
        value.begin(f"{theorem.name}\0{instance!r}\0{position}\0{node}")
    return list(chances.values())


def _read_row(theorem, instance, row, position, checked) -> str:
    """As `_check_row`. Raised for what code of the theorem raises: a sequence may be measured only as it is read."""
    try:
        return _check_row(theorem, instance, row, position, checked)
    except (*FAULTS, RecursionError):
        raise
    except Exception as error:
        where = _where(error)
        if not where:  # a fault of ours
            raise
        raise Raised(f"measure raised {described(error)}{where}") from error


def _check_row(theorem, instance, row, position, checked) -> str:
    """"holds", "rejected" or "undecided"; a failure is put into `checked`."""
    _require_symbols(theorem, row)
    exact = Enclosure(row, theorem.read_with(row), {T: _horizon(row, T) for T in theorem.over[1:]})
    if theorem.over and exact.stages[theorem.over[1]] == 0 and _about_stages(theorem):
        return "rejected"  # a run of no stages shows nothing of what is assumed at stage 0
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
            seen = {name: value.ball() if type(value) is Chance else value for name, value in row.items()}
            drawn = any(type(value) is Chance for value in row.values())
            checked.failure = Failure(instance, seen, position, horizon, left, right, drawn)
            return "holds"
        outcomes.append(bool(holds) and None not in assumed)
    if not outcomes:
        return "rejected"
    return "holds" if all(outcomes) else "undecided"


def _require_symbols(theorem: Theorem, row: Any) -> None:
    """NotExact if a row binds anything but symbols, labels of sequences and chances: a stage index, say, or x[t].

    Also if a number is a float, or a rational that is not one of the arithmetic's: the reader is told which.
    """
    for name, value in row.items():
        if isinstance(value, float | Fraction | str) and name not in theorem.over:
            remedy = "arithmetic.number(...) of an exact rational" if isinstance(value, float) else "arithmetic.number"
            raise NotExact(f"measure gives {name} as {kind_of(value)}, {value!r}: write {remedy}")
        chance = type(name) in chance_nodes()
        if type(value) is Chance and type(name).__name__ != "Probability":
            raise NotExact(f"measure gives {name} as a Chance: only a Probability node may be one")
        if not chance and (type(name) not in {Symbol, IndexedBase} or name in theorem.over[:1]):
            raise NotExact(f"measure should not give a value to {name!r}: rows map symbols and labels of sequences")


def _about_stages(theorem: Theorem) -> bool:
    return any(_mentions(node, theorem.over[:1]) for node in (*theorem.hypotheses, *theorem.definitions))


def _known(theorem: Theorem, exact: Enclosure, checked: Checked) -> set[bool | None] | None:
    """The truth values of the hypotheses that are not about the horizon; None if a definition has no value.

    Each stage is read on its own and then let go, so that a long run needs no more memory than its row.
    """
    seen: dict[Any, Any] = {}
    earliest = _earliest(theorem)
    known: set[bool | None] = set()
    hypotheses = [h for h in theorem.hypotheses if not _mentions(h, theorem.over[1:])]
    try:
        for walk, of_stage in _readings(theorem, exact):
            if theorem.own_method:
                require_definitions(theorem, walk, of_stage, seen)
            about = [h for h in hypotheses if _mentions(h, theorem.over[:1]) == of_stage]
            known.update(_truth(h, walk, checked) for h in about)
            if of_stage and earliest is not None:
                _forget(seen, walk.stages[theorem.over[0]] + 1 + earliest)
    except Undefined as undefined:
        checked.reasons.append(f"a definition has no value: {undefined}")
        return None
    return known


def _earliest(theorem: Theorem) -> int | None:
    """The least k for which a sequence is defined at t + k; None if one is defined in terms of t in another way."""
    names = [name for name in theorem.definitions if _mentions(name, theorem.over[:1])]
    shifts = [shifted(name.args[1]) if type(name) is Indexed else (None, 0) for name in names]
    if not shifts or any(moving not in theorem.over[:1] for moving, _ in shifts):
        return None
    return min(offset for _, offset in shifts)


def _forget(seen: dict[Any, Any], stage: int) -> None:
    """Drop what sequences came out as before the stage."""
    for place in [place for place in seen if type(place) is tuple and place[1] < stage]:
        del seen[place]


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


@lru_cache(maxsize=4096)  # asked of every relation at every stage
def _mentions(node: Any, symbols: tuple[Any, ...]) -> bool:
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
        yield horizon, Enclosure({**row, T: horizon}, exact.definitions, {T: horizon}, exact.shared)


def require_definitions(theorem: Theorem, walk: Enclosure, of_stage: bool, seen: dict[Any, Any]) -> None:
    """Raise Disagree if a measured value is not what its definition gives: measurement and proof would part.

    A sequence defined twice, at t and at t + 1, must come out the same whichever definition is used: seen has what it
    came out as so far. Undefined if a sequence is measured as something that is not decidedly equal to its definition;
    a plain symbol is read through its definition anyway.
    """
    for name, meaning in theorem.definitions.items():
        indexed = type(name) is Indexed
        if _mentions(name, theorem.over[:1]) != of_stage or not (indexed or name in walk.row):
            continue
        place = (name.args[0], walk.stage(name.args[1])) if indexed else name
        expected = walk.value(meaning)
        measured = seen.setdefault(place, walk.value(name) if indexed else walk.measured(walk.row[name]))
        equal = _equal(measured, expected)
        if equal is None and measured is not expected:
            equal = _equal_by_roots(measured, meaning, walk)
        if equal is False:
            raise Disagree(f"{name} is {measured} by measurement or another definition, {expected} by definition")
        if equal is None and indexed and name.args[0] in walk.row:
            raise Undefined(f"{name} is measured, but not decidedly what its definition gives: leave it to that")


def _equal(a: Any, b: Any) -> bool | None:
    """Whether two values are equal, None if their balls only overlap. Undefined if one is not a number."""
    if isinstance(a, Matrix) != isinstance(b, Matrix):
        return False
    if isinstance(a, Matrix):
        if a.shape != b.shape or (a.is_rational and b.is_rational):
            return a == b
        entries = [_equal(p, q) for p, q in zip(a.entries(), b.entries(), strict=True)]
        return False if False in entries else None if None in entries else True
    if any(type(value) is flint.arb and value.is_nan() for value in (a, b)):
        raise Undefined("a definition or a measured value is not a number")
    if type(a) is type(b) is flint.fmpq:
        return a == b
    return None if flint.arb(a).overlaps(flint.arb(b)) else False


def _equal_by_roots(measured: Any, meaning: Any, walk: Enclosure) -> bool | None:
    """Whether a rational that was measured is exactly the sum of roots that is meant; None if that is not decided."""
    if type(measured) is not flint.fmpq:
        return None
    exact = Rational(int(measured.numerator), int(measured.denominator))
    return decide_by_roots(Equality(exact, meaning, evaluate=False), walk)


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
        if checked.chances:
            counts["chances"] = counts.get("chances", 0) + checked.chances
            counts["risk"] = float(counts["chances"] * LEVEL)
        if checked.reasons:
            counts["reason"] = checked.reasons[0]
        progress()
        if checked.failure:
            return counts, checked.failure
    return counts, None
