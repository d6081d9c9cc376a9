"""Whether a theorem is attained: equality at an instance, decided exactly. It is evidence, and moves no verdict."""

from dataclasses import replace
from typing import Any

from sympy import Equality, Unequality

from linres.arithmetic import EXACT
from linres.evaluate import Enclosure
from linres.rungs import rigorous
from linres.theorem import Theorem


def run(theorem: Theorem, *, max_bits: int = 4096) -> dict[str, Any]:
    """{"ran", "tightness"}: "attained", with the instance, if both sides are equal at one of `extremal`.

    Equal means on every row and at every horizon up to the measured one, and, at the last one, not
    0 = 0 on all rows. None says that no such instance is known.
    """
    if not theorem.extremal or type(theorem.conclusion) in {Equality, Unequality}:
        reason = "the theorem names no extremal instance" if not theorem.extremal else "the theorem is no inequality"
        return {"ran": False, "reason": reason}
    left, right = theorem.conclusion.args
    equal = replace(theorem, conclusion=Equality(left, right, evaluate=False), proof=(), controls=())
    for instance in theorem.extremal:
        checked = rigorous.check(equal, instance, max_bits=max_bits)
        decided = checked.holds and not (checked.failure or checked.undecided or checked.rejected)
        if decided and _ends_with_something(theorem, left, instance):
            return {"ran": True, "tightness": "attained", "instance": repr(instance)}
    return {"ran": True, "tightness": None}


def _ends_with_something(theorem: Theorem, side: Any, instance: Any) -> bool:
    """Whether the side is certainly not zero on some row, at its last horizon, which is not 0."""
    for row in theorem.measure(instance, EXACT):
        horizons = {T: row[T] for T in theorem.over[1:]}
        if 0 not in horizons.values() and Enclosure(row, theorem.read_with(row), horizons).value(side) != 0:
            return True
    return False
