"""Whether a theorem is attained: equality at an instance, decided exactly. It is evidence, and moves no verdict."""

from dataclasses import replace
from typing import Any

from sympy import Equality, Integer, Unequality

from linres.rungs import rigorous
from linres.theorem import Theorem


def run(theorem: Theorem, *, max_bits: int = 4096) -> dict[str, Any]:
    """{"ran", "tightness"}: "attained", with the instance, if both sides are equal at one of `extremal`.

    Equal means on every row and at every horizon up to the measured one, and not 0 = 0 at all of them. None
    says that no such instance is known.
    """
    if not theorem.extremal or type(theorem.conclusion) in {Equality, Unequality}:
        reason = "the theorem names no extremal instance" if not theorem.extremal else "the theorem is no inequality"
        return {"ran": False, "reason": reason}
    left, right = theorem.conclusion.args
    equal, nothing = (Equality(left, side, evaluate=False) for side in (right, Integer(0)))
    for instance in theorem.extremal:
        sides, zero = (_check(theorem, claim, instance, max_bits) for claim in (equal, nothing))
        if sides.holds and zero.failure and not (sides.failure or sides.undecided or sides.rejected):
            return {"ran": True, "tightness": "attained", "instance": repr(instance)}
    return {"ran": True, "tightness": None}


def _check(theorem: Theorem, claim: Any, instance: Any, max_bits: int) -> rigorous.Checked:
    """The claim, in place of the conclusion, decided on the instance."""
    return rigorous.check(replace(theorem, conclusion=claim, proof=(), controls=()), instance, max_bits=max_bits)
