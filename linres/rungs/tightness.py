"""How sharp a theorem is: attained, sharp in a limit, or within a measured factor. Evidence: it moves no verdict.

    attained  both sides are equal at an instance, decided exactly
    limit     small/large is exactly what a declared family says, and SymPy confirms that this tends to 1
              (`linres.theorem.Limit`)
    upper     neither is known: small/large comes as near to 1 as the adversary found, a lower bound of that
"""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import flint
import sympy
from sympy import Equality, Mul, Unequality

from linres.arithmetic import EXACT, rational
from linres.evaluate import Enclosure, Undefined, decide, decide_by_roots
from linres.language import AT_MOST
from linres.rungs import rigorous
from linres.theorem import Limit, Theorem

NEAR = Fraction(1, 100)  # how near to its limit the last ratio of a family has to come
MOST_DIGITS = 6  # of a ratio, as printed
BITS = 128  # of the ratios along a family


def run(theorem: Theorem, *, max_bits: int = 4096, found: Any = None) -> dict[str, Any]:
    """{"ran", "tightness"}: "attained" with the instance, "limit", "upper" with the ratio, or None if nothing is known.

    Looked for at `extremal`, then at the best instance of the adversary, found (a `nearest.Result`). A declared limit
    is reported as "limit" beside either, with "holds" False and a reason if it is not as declared. One that is not 1,
    or that nobody confirms (no `Limit.tends`), is reported there alone: some members of a family show no limit.
    """
    if type(theorem.conclusion) in {Equality, Unequality}:
        return {"ran": False, "reason": "the theorem is no inequality"}
    limit = None if theorem.tightness is None else along(theorem, theorem.tightness, max_bits=max_bits)
    known = _known(theorem, limit, found, max_bits)
    if not (known["tightness"] or theorem.extremal or limit or found is not None):
        return {"ran": False, "reason": "the theorem names no extremal instance"}
    return {"ran": True} | known | ({} if limit is None else {"limit": limit})


def _known(theorem: Theorem, limit: dict[str, Any] | None, found: Any, max_bits: int) -> dict[str, Any]:
    """The strongest that is known, without the declared limit itself."""
    for instance in theorem.extremal:
        if equal(theorem, instance, max_bits=max_bits):
            return {"tightness": "attained", "instance": repr(instance)}
    if found is not None and found.attained:
        return {"tightness": "attained", "instance": repr(found.best), "by": "adversarial"}
    declared = theorem.tightness
    if declared is not None and limit is not None and limit["holds"] and declared.to == 1 and declared.tends:
        return {"tightness": "limit"}
    if found is not None and found.ratio is not None and 0 < found.ratio < 1:
        return {"tightness": "upper", "ratio": found.evidence["best"], "instance": repr(found.best)}
    return {"tightness": None}


def shown(evidence: dict[str, Any]) -> str:
    """What the table of `linres verify` says: "attained", "limit", "upper .93", rounded down, or "-"."""
    kind = evidence.get("tightness")
    if kind != "upper":
        return kind or "-"
    ratio, digits = Fraction(evidence["ratio"]), 2
    while digits < MOST_DIGITS and ratio >= 1 - Fraction(1, 10**digits):
        digits += 1
    return f"upper .{int(ratio * 10**digits):0{digits}d}"


def equal(theorem: Theorem, instance: Any, *, max_bits: int = 4096) -> bool:
    """Whether both sides are certainly equal, and the hypotheses hold, on every row and at every horizon up to the
    measured one and, at the last one, not 0 = 0 on all rows."""
    left, right = theorem.conclusion.args
    equality = replace(theorem, conclusion=Equality(left, right, evaluate=False), proof=(), controls=(), tightness=None)
    checked = rigorous.check(equality, instance, max_bits=max_bits)
    decided = checked.holds and not (checked.failure or checked.undecided or checked.rejected)
    return bool(decided) and _ends_with_something(theorem, left, instance)


def _ends_with_something(theorem: Theorem, side: Any, instance: Any) -> bool:
    """Whether the side is certainly not zero on some row, at its last horizon, which is not 0."""
    return any(walk.value(side) != 0 for walk in _last(theorem, instance))


def _last(theorem: Theorem, instance: Any) -> Iterator[Enclosure]:
    """Each row at its last horizon, if that is not 0."""
    for row in theorem.measure(instance, EXACT):
        horizons = {T: row[T] for T in theorem.over[1:]}
        if 0 not in horizons.values():
            yield Enclosure(row, theorem.read_with(row), horizons)


def along(theorem: Theorem, limit: Limit, *, max_bits: int = 4096) -> dict[str, Any]:
    """{"holds", "ratio", "to", "at", "ratios"} and maybe "reason": the declared limit, member by member.

    It holds if at every member the theorem does, small = ratio * large exactly and not 0 = 0, on every row at its last
    horizon, if the ratios come nearer to `to` at every member and to within `NEAR` of it at the last, and if SymPy
    finds `to` for the limit, where it is said what tends where. None: something was not decided.
    """
    told = {"ratio": str(limit.ratio), "to": str(limit.to), "at": [str(value) for value in limit.at]}
    ratios: list[Any] = []
    for value in limit.at:
        truth, found = _member(theorem, limit.ratio, limit.family(value), max_bits)
        if not truth:
            return told | {"holds": truth, "ratios": _texts(ratios), "reason": f"at {value}, {found}"}
        ratios.append(found)
    truth, reason = _tends(limit, ratios)
    return told | {"holds": truth, "ratios": _texts(ratios)} | ({} if truth else {"reason": reason})


def _texts(ratios: list[Any]) -> list[str]:
    return [str(value) if len(str(value)) <= 30 else flint.arb(value).str(15) for value in ratios]


def _member(theorem: Theorem, ratio: Any, instance: Any, max_bits: int) -> tuple[bool | None, Any]:
    """(True, the ratio) where small = ratio * large exactly, else (False or None, the reason)."""
    checked = rigorous.check(theorem, instance, max_bits=max_bits)
    if checked.failure or checked.rejected or checked.undecided or not checked.holds:
        why = "fails" if checked.failure else "is undecided" if checked.undecided else "has rows outside the hypotheses"
        return None if checked.undecided else False, f"the theorem {why}"
    conclusion = theorem.conclusion
    small, large = conclusion.args if type(conclusion) in AT_MOST else conclusion.args[::-1]
    claim = Equality(small, Mul(ratio, large, evaluate=False), evaluate=False)
    bits = BITS
    while True:
        with flint.ctx.workprec(bits):
            truths, value = _compared(theorem, instance, claim, large, ratio)
        if None not in truths or False in truths or 2 * bits > max_bits:
            break
        bits *= 2
    if False in truths or not truths:
        return False, "small is not ratio * large" if truths else "there is nothing to compare"
    return (True, value) if None not in truths else (None, f"{bits} bits do not decide small = ratio * large")


def _compared(theorem: Theorem, instance: Any, claim: Any, large: Any, ratio: Any) -> tuple[list[bool | None], Any]:
    """What is known of small = ratio * large on each row, and the ratio on the last; large = 0 is no comparison."""
    truths: list[bool | None] = []
    value = None
    for walk in _last(theorem, instance):
        try:
            truth = decide(claim, walk)
            truth = decide_by_roots(claim, walk) if truth is None else truth
            value = walk.value(ratio)
            truths.append(False if walk.value(large) == 0 else truth)
        except Undefined:
            truths.append(None)
    return truths, value


def _tends(limit: Limit, ratios: list[Any]) -> tuple[bool | None, str]:
    """Whether the ratios come nearer and near enough to the limit, and whether SymPy agrees."""
    gaps = [abs(flint.arb(ratio) - rational(limit.to)) for ratio in ratios]
    if not all(later < earlier for earlier, later in pairwise(gaps)):
        return False, f"the ratios do not come nearer to {limit.to} at every member"
    if not gaps[-1] < rational(NEAR):
        return False, f"the last ratio is not within {NEAR} of {limit.to}"
    if limit.tends is None:
        return True, ""
    symbol, value = limit.tends
    side = "+" if value != sympy.oo else "-"
    reached = sympy.limit(limit.ratio, symbol, value, side)
    agrees = sympy.simplify(reached - sympy.sympify(limit.to)) == 0
    return bool(agrees), f"SymPy says that the ratio tends to {reached} as {symbol} tends to {value}"
