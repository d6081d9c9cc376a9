"""Why expressions are equal and what their signs are: which facts to use, and what has to be unfolded.

It is found here, much as `linres.certificate` finds it, and not trusted: `linres.coq.identity` writes it down for Coq.
"""

from dataclasses import dataclass
from typing import Any

from sympy import Add, Equality, Mul, Pow, Unequality

from linres.coq.context import Context, between_matrices
from linres.coq.normal import LEVELS, Numbers, Quotient
from linres.coq.printing import split_power
from linres.language import NUMBERS, STRICT, Inner, gap, is_vector, same

UNKNOWN, NONNEGATIVE, POSITIVE = 0, 1, 2


@dataclass(frozen=True)
class Plan:
    """Why two scalars are equal: what is unfolded, and the multiples of s * s - base that their difference is."""

    numbers: Numbers
    cofactors: dict[Any, Quotient]
    holds: bool


@dataclass(frozen=True)
class Sign:
    """A sign and why: by the shape of the expression, or by fact number `fact`, whose gap equals it by `plan`."""

    value: int
    fact: int | None = None
    plan: Plan | None = None


class Reasons:
    """Finds reasons among the facts of one place.

    limit: how many of the facts may be used. The conditions of a reason lean on earlier facts only, so that the search
    ends.
    """

    def __init__(self, context: Context):
        self.facts, self.meanings = context.facts, context.meanings()
        self._signs: dict[tuple[Any, int], Sign] = {}
        self._gaps = [None if between_matrices(fact.relation) else gap(fact.relation) for fact in context.facts]

    def plan(self, a: Any, b: Any, limit: int | None = None) -> Plan:
        """The least unfolding under which two scalars are equal; one that does not hold if none does."""
        limit = len(self._gaps) if limit is None else limit
        for level in LEVELS:
            numbers = Numbers((a, b), self.meanings, level)
            difference = numbers.total([numbers.scalar(a), numbers.times(-1, numbers.scalar(b))])
            cofactors, vanishes = numbers.cofactors(difference)
            plan = Plan(numbers, cofactors, vanishes and self._conditions_hold(numbers, cofactors, limit))
            if plan.holds:
                break
        return plan

    def _conditions_hold(self, numbers: Numbers, cofactors: dict, limit: int) -> bool:
        """Whether denominators are visibly nonzero, and bases of roots that are squared nonnegative."""
        below = all(self.nonzero(factor, limit) is not None for factor in numbers.inverted)
        return below and all(self.sign(base, limit).value != UNKNOWN for base in cofactors)

    def nonzero(self, factor: Any, limit: int | None = None) -> tuple[int | None, Plan | None] | None:
        """Why a denominator is not 0: (None, None) for its sign, else an unequality and a plan; None if unknown."""
        limit = len(self._gaps) if limit is None else limit
        if self.sign(factor, limit).value == POSITIVE:
            return None, None
        for position, expression in enumerate(self._gaps[:limit]):
            if type(self.facts[position].relation) is Unequality and expression is not None:
                plan = self.plan(factor, expression, position)
                if plan.holds:
                    return position, plan
        return None

    # signs

    def sign(self, node: Any, limit: int | None = None) -> Sign:
        limit = len(self._gaps) if limit is None else limit
        if (node, limit) not in self._signs:
            self._signs[node, limit] = self._find_sign(node, limit)
        return self._signs[node, limit]

    def _find_sign(self, node: Any, limit: int) -> Sign:
        best = Sign(self._sign_of_tree(node, limit))
        if best.value == POSITIVE or type(node) in NUMBERS:
            return best
        symbols = node.free_symbols
        for position, expression in enumerate(self._gaps[:limit]):
            relation = self.facts[position].relation
            known = POSITIVE if type(relation) in STRICT else NONNEGATIVE
            if expression is None or type(relation) in {Equality, Unequality} or known <= best.value:
                continue
            if symbols == expression.free_symbols:
                plan = self.plan(node, expression, position)
                best = Sign(known, position, plan) if plan.holds else best
        return best

    def _sign_of_tree(self, node: Any, limit: int) -> int:
        kind = type(node)
        if kind in NUMBERS:
            return POSITIVE if node.p > 0 else NONNEGATIVE if node.p == 0 else UNKNOWN
        if node in self.meanings:
            return self.sign(self.meanings[node], limit).value
        if kind in {Add, Mul}:
            signs = [self.sign(argument, limit).value for argument in node.args]
            return min(signs) if kind is Mul else (min(*signs, NONNEGATIVE) and max(signs))
        if kind is Pow and not is_vector(node):
            return self._sign_of_power(node, limit)
        return NONNEGATIVE if kind is Inner and same(*node.args) else UNKNOWN

    def _sign_of_power(self, node: Any, limit: int) -> int:
        count, exponent = split_power(node)
        sign = self.sign(node.base, limit).value
        if sign == POSITIVE:
            return POSITIVE
        if count is not None:
            return sign if exponent.p >= 0 else UNKNOWN
        if exponent.p <= 0:
            return UNKNOWN
        return NONNEGATIVE if exponent.q == 1 and exponent.p % 2 == 0 else sign
