"""TRUSTED: the proof rules. Each takes the claim, the facts it is applied to and a `Reader`, and returns or raises.

A rule does what a certificate, an identity between rational functions, cannot: take a root, use the inequality of
Cauchy and Schwarz, or go from one stage to all of them. Chaining and multiplying by what is nonnegative need no rule:
they are certificates.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sympy import Add, Integer, Mul, Pow, Symbol
from sympy.core.relational import LessThan

from linres.certificate import UNKNOWN, NotListed, Reader
from linres.language import GeometricSum, Inner, Refused, Scope, among, at_least_zero, same, substitute


class Misapplied(Refused):
    """The rule does not yield this claim from these facts."""


def _demand(condition: bool, rule: str, message: str) -> None:
    if not condition:
        raise Misapplied(f"{rule}: {message}")


def root(claim: Any, premises: Sequence[Any], reader: Reader) -> None:
    """From a^2 <= b^2 and b >= 0 conclude a <= b."""
    _demand(type(claim) is LessThan and len(premises) == 1, "root", f"needs a claim a <= b and one fact, got {claim}")
    a, b = claim.args
    squares = premises[0]
    _demand(type(squares) is LessThan, "root", f"the fact should read a^2 <= b^2, got {squares}")
    for side, square in ((a, squares.lhs), (b, squares.rhs)):
        power = Pow(side, Integer(2), evaluate=False)
        _demand(reader.equal(square, power), "root", f"{square} is not the square of {side}")
    _demand(reader.sign(b) != UNKNOWN, "root", f"{b} is not visibly nonnegative")


def cauchy_schwarz(claim: Any, premises: Sequence[Any], reader: Reader) -> None:
    """<u, v>^2 <= |u|^2 |v|^2 for all vectors u and v."""
    _demand(type(claim) is LessThan and not premises, "cauchy_schwarz", f"needs a claim <= and no facts, got {claim}")
    square = claim.lhs
    shaped = type(square) is Pow and type(square.base) is Inner and same(square.exp, Integer(2))
    _demand(shaped, "cauchy_schwarz", f"the left side should be Inner(u, v)**2, got {square}")
    u, v = square.base.args
    lengths = Mul(Inner(u, u), Inner(v, v), evaluate=False)
    _demand(reader.equal(claim.rhs, lengths), "cauchy_schwarz", f"{claim.rhs} is not {lengths}")


def induction(claim: Any, premises: Sequence[Any], reader: Reader) -> None:
    """From a(t+1) <= ratio a(t) + forcing(t) for every stage t >= 0 and ratio >= 0 conclude
    a(T) <= ratio^T a(0) + sum_{t<T} ratio^(T-1-t) forcing(t), for every T >= 0.
    """
    name = "induction"
    shaped = type(claim) is LessThan and type(claim.rhs) is GeometricSum
    _demand(shaped, name, f"needs a claim a(T) <= GeometricSum, got {claim}")
    _demand(len(premises) == 1 and type(premises[0]) is LessThan, name, "needs a fact a(t+1) <= ratio a(t) + forcing")
    start, ratio, forcing, t, T = claim.rhs.args
    _demand(reader.scope.over == (t, T), name, f"{t}, {T} should be the stage index and the horizon of the theorem")
    _demand(among(at_least_zero(T), reader.facts), name, f"needs the hypothesis {at_least_zero(T)}")
    mixed = _mentions(claim.lhs, t) or claim.lhs.has(GeometricSum) or _mentions(ratio, t, T) or _mentions(forcing, T)
    _demand(not mixed, name, f"the left side is about {T}, the forcing about {t} and the ratio about neither")
    general = substitute(claim.lhs, {T: t})
    _demand(same(start, substitute(general, {t: Integer(0)})), name, f"{start} is not the left side at stage 0")
    later = substitute(general, {t: Add(t, Integer(1))})
    _demand(same(premises[0].lhs, later), name, f"{premises[0].lhs} is not {later}")
    advanced = Add(Mul(ratio, general, evaluate=False), forcing, evaluate=False)
    _demand(reader.equal(premises[0].rhs, advanced), name, f"{premises[0].rhs} is not {advanced}")
    _demand(reader.sign(ratio) != UNKNOWN, name, f"the ratio {ratio} is not visibly nonnegative")


def _mentions(node: Any, *symbols: Symbol) -> bool:
    return any(symbol in node.free_symbols for symbol in symbols)


RULES: dict[str, Callable[[Any, Sequence[Any], Reader], None]] = {
    "root": root,
    "cauchy_schwarz": cauchy_schwarz,
    "induction": induction,
}
OVER_STAGES = {"induction"}  # the rules that take a premise about the stage t to hold at every stage


def apply(name: str, claim: Any, premises: Sequence[Any], *, scope: Scope, facts: Sequence[Any]) -> list[tuple]:
    """Return the identities the rule rests on if it yields the claim from premises among the facts, else raise."""
    if name not in RULES:
        raise Misapplied(f"there is no rule {name!r}: the rules are {', '.join(RULES)}")
    premises = tuple(premises)
    for premise in premises:
        if not among(premise, facts):
            raise NotListed(f"{premise} is neither a hypothesis nor an earlier claim")
    scope.admit(claim)
    reader = Reader(scope, facts)
    RULES[name](claim, premises, reader)
    return reader.identities
