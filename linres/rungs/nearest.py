"""What the adversary found, decided: which instance fails, or which is nearest to failing and certainly holds."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint

from linres import archive
from linres.arithmetic import EXACT
from linres.bounds import fraction
from linres.errors import InputError
from linres.rungs import rigorous, slack, tightness
from linres.rungs.leaves import leaves, rebuilt
from linres.theorem import Theorem, anything

BITS = 256  # of the enclosure of the best value
ABSOLUTE = (1, 2, 4, 8, 16, 64, 1024, 2**20)  # largest denominators that numbers are rounded to
RELATIVE = (1, 4, 64, 1024)  # and those that they are rounded to once divided by a power of 2
AS_GIVEN = ("draw", "sample", "target")  # origins of instances that are simple already


@dataclass
class Candidate:
    """An instance and what was read there; origin: how it was found."""

    instance: Any
    reading: slack.Reading
    origin: str


@dataclass
class Result:
    """What the rung found: its evidence, the failure that exact arithmetic confirmed, or the best instance that
    certainly holds, whether it is attained there, and a lower bound of small/large where that was maximised.

    foreign: the failure is at an instance that nobody drew, and nobody said whether the theorem speaks of it. Of other
    lengths than were drawn only `anything` says so: a predicate may leave out how they depend on each other.
    """

    evidence: dict[str, Any]
    failure: rigorous.Failure | None = None
    best: Any = None
    attained: bool = False
    ratio: Fraction | None = None
    foreign: bool = False


def rounded(instance: Any) -> Iterator[Any]:
    """The instance with its numbers rounded to simple rationals, the simplest first; it itself comes last."""
    numbers = leaves(instance)
    seen = set()
    for round_off in (*(_absolute(most) for most in ABSOLUTE), *(_relative(most) for most in RELATIVE)):
        simple = tuple(map(round_off, numbers))
        if simple not in seen and simple != tuple(numbers):
            seen.add(simple)
            try:
                yield rebuilt(instance, simple)
            except (ValueError, TypeError, ArithmeticError):  # what the class of the instance refuses
                continue
    yield instance


def allowed(theorem: Theorem, instance: Any) -> bool:
    """Whether the theorem may speak of an instance that was not drawn."""
    return theorem.valid is None or bool(rigorous.attempt("valid", theorem.valid, instance))


def _absolute(most: int):
    return lambda number: number.limit_denominator(most)


def _relative(most: int):
    def round_off(number: Fraction) -> Fraction:
        if not number:
            return number
        scale = Fraction(2) ** (number.numerator.bit_length() - number.denominator.bit_length())
        return (number / scale).limit_denominator(most) * scale

    return round_off


def decide(
    theorem: Theorem, candidates: list[Candidate], evidence: dict[str, Any], *, most: int, max_bits: int, proved: bool
) -> Result:
    """The best candidates decided exactly, as they stand and rounded; adds what came out to the evidence.

    proved: whether the theorem is, and so true of whatever satisfies its hypotheses.
    """
    return _Decision(theorem, evidence, most, max_bits, proved).result(candidates)


class _Decision:
    def __init__(self, theorem: Theorem, evidence: dict[str, Any], most: int, max_bits: int, proved: bool):
        self.theorem, self.evidence, self.most, self.max_bits = theorem, evidence, most, max_bits
        self.proved = proved
        self.exactly = slack.Slack(theorem, EXACT)

    def result(self, candidates: list[Candidate]) -> Result:
        ranked = [c for c in candidates if c.reading.feasible or c.reading.score > -1]
        ranked = [c for c in ranked if self._counts(c) or self.exactly.fails(c.reading)]
        ranked.sort(key=lambda c: (-c.reading.feasible, -c.reading.excess))
        suspects = sum(self.exactly.fails(c.reading) for c in ranked)
        self.evidence |= {"suspects": suspects, "examined": 0, "rows": 0, "undecided": 0}
        best: Candidate | None = None
        for candidate in self._different(ranked):
            simplest = self._simplest(candidate)
            checked = None if simplest is None else self._checked(simplest)
            if simplest is None or checked is None:
                continue
            if self.exactly.fails(simplest.reading):
                self.evidence["suspects"] += not self.exactly.fails(candidate.reading)  # only once it is rounded
                self.evidence["rows"] += checked.holds + checked.rejected + checked.undecided
                self.evidence["undecided"] += checked.undecided
            if checked.failure:
                self._tell(simplest)
                return Result(self.evidence, failure=checked.failure, foreign=not self._counts(simplest))
            holds = checked.holds and not (checked.rejected or checked.undecided)
            if holds and self._counts(simplest):
                best = max(best, simplest, key=self._worth) if best else simplest
        return self._best(best)

    def _counts(self, candidate: Candidate) -> bool:
        """Whether the theorem is known to speak of the instance."""
        if self.proved or candidate.origin in AS_GIVEN:
            return True
        return self.theorem.valid is anything if candidate.origin == "lengths" else self.theorem.valid is not None

    def _checked(self, candidate: Candidate) -> rigorous.Checked | None:
        """The instance decided. None for a fault of the theorem at numbers that its strategy may never draw."""
        self.evidence["examined"] += 1
        try:
            return rigorous.check(self.theorem, candidate.instance, max_bits=self.max_bits)
        except rigorous.FAULTS:
            if candidate.origin in AS_GIVEN:
                raise
            return None

    def _different(self, ranked: list[Candidate]) -> list[Candidate]:
        """The first of them, no two with the same excess."""
        firsts: dict[float, Candidate] = {}
        for candidate in ranked:
            firsts.setdefault(candidate.reading.excess, candidate)
        return list(firsts.values())[: self.most]

    def _simplest(self, candidate: Candidate) -> Candidate | None:
        """Of the roundings the first that seems to fail, else the first of those with the largest excess; None if no
        one satisfies the hypotheses, exactly read."""
        given = candidate.origin in AS_GIVEN
        best = None
        for instance in [candidate.instance] if given else rounded(candidate.instance):
            if not (given or allowed(self.theorem, instance)):
                continue
            reading = self.exactly(instance)
            if reading.feasible and (best is None or reading.excess > best.reading.excess):
                best = Candidate(instance, reading, candidate.origin)
                if self.exactly.fails(reading):
                    break
        return best

    def _worth(self, candidate: Candidate) -> Any:
        """What the best has most of: the lower bound of the ratio, or else the excess."""
        if self.evidence["objective"] != "ratio":
            return candidate.reading.excess
        ratio = self._ratio(candidate)
        return -math.inf if ratio is None else fraction(ratio.lower().fmpq())

    def _ratio(self, candidate: Candidate) -> flint.arb | None:
        """The largest small/large over rows and horizons; None if large is 0 everywhere."""
        with flint.ctx.workprec(BITS):
            ratios = (flint.arb(small / large) for small, large in self._sides(candidate.instance))
            return max(ratios, key=_middle, default=None)

    def _best(self, best: Candidate | None) -> Result:
        if best is None:
            self.evidence |= {"best": None, "reason": "no candidate certainly satisfies the hypotheses"}
            return Result(self.evidence)
        self._tell(best)
        touches = best.reading.excess == 0 and not self.exactly.equation
        attained = touches and tightness.equal(self.theorem, best.instance, max_bits=self.max_bits)
        self.evidence["attained"] = attained
        if self.evidence["objective"] != "ratio":
            self.evidence["best"] = best.reading.excess
            return Result(self.evidence, None, best.instance, attained)
        ratio = flint.arb(1) if attained else self._ratio(best)
        if ratio is None:
            self.evidence |= {"best": None, "reason": "the larger side is 0 everywhere"}
            return Result(self.evidence, None, best.instance)
        low = fraction(ratio.lower().fmpq())
        self.evidence |= {"best": _below(low), "enclosure": ratio.str(20)}
        return Result(self.evidence, None, best.instance, attained, low)

    def _sides(self, instance: Any) -> Iterator[tuple[Any, Any]]:
        return (sides for sides in self.exactly.sides(instance) if sides[1] != 0 and _finite(sides[0] / sides[1]))

    def _tell(self, found: Candidate) -> None:
        """Name the instance in the evidence, and put the document to replay it there."""
        self.evidence |= {"instance": repr(found.instance), "found_by": found.origin, "instance_json": None}
        try:
            self.evidence["instance_json"] = archive.document(
                self.theorem, found.instance, found={"by": "adversarial", "how": found.origin})
        except InputError as error:  # a part without an exact form, of a user's own
            self.evidence["not_saved"] = str(error)


def _finite(value: Any) -> bool:
    return bool(flint.arb(value).is_finite())


def _middle(value: Any) -> float:
    return float(flint.arb(value).mid())


def _below(value: Fraction) -> float:
    """The largest float at most the rational."""
    number = float(value)
    return number if Fraction(number) <= value else math.nextafter(number, -math.inf)
