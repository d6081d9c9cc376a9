"""Which of two statements is the stronger one, where the trees and the signs of their parts show it.

A change is followed from where it is made to the root. At each node on the way the signs of what stands beside it say
whether the node grows or shrinks with it: a term of a sum, a factor of a product, the base of a power or of a root, an
exponent over a base on one side of 1, a part of a sum over stages. Signs are read by the trusted `Reader`, from
hypotheses and from claims that are proved. Nothing here looks for counterexamples.
"""

from collections.abc import Sequence
from typing import Any

from sympy import Add, Indexed, IndexedBase, Integer, Mul, Pow, exp, log
from sympy.core.relational import GreaterThan, Unequality

from linres.certificate import UNKNOWN, Reader
from linres.language import (
    AT_LEAST,
    AT_MOST,
    NUMBERS,
    RELATIONS,
    Det,
    GeometricSum,
    Refused,
    Scope,
    is_vector,
    same,
    split_stages,
    substitute,
)
from linres.mutants.places import Path

UP, DOWN, UNSEEN = 1, -1, 0


class Signs:
    """Signs of scalars of a scope wherever the facts hold and the scalar has a value: UP for >= 0, DOWN for <= 0."""

    def __init__(self, scope: Scope, facts: Sequence[Any]):
        self.reader = Reader(scope, facts)
        self._known: dict[Any, int] = {}

    def of(self, node: Any) -> int:
        if node not in self._known:
            self._known[node] = self._find(node)
        return self._known[node]

    def positive(self, node: Any) -> bool:
        """Whether it is visibly > 0."""
        try:
            return self.reader.sign(node) == 2
        except Refused:
            return False

    def _find(self, node: Any) -> int:
        kind = type(node)
        if kind in NUMBERS:
            return DOWN if node.p < 0 else UP
        if kind is Pow and type(node.exp) in NUMBERS and node.exp.q == 2:
            return UP  # a square root, where it has a value
        if is_vector(node):
            return UNSEEN
        return self._read(node) or self._of_parts(kind, node)

    def _read(self, node: Any) -> int:
        for sign, signed in ((UP, node), (DOWN, Mul(Integer(-1), node, evaluate=False))):
            try:
                if self.reader.sign(signed) != UNKNOWN:
                    return sign
            except Refused:
                continue
        return UNSEEN

    def _of_parts(self, kind: type, node: Any) -> int:
        if kind is Mul:
            return product(map(self.of, node.args))
        if kind in {Add, GeometricSum}:
            signs = {self.of(part) for part in node.args[: 3 if kind is GeometricSum else None]}
            return signs.pop() if len(signs) == 1 and (kind is Add or UP in signs) else UNSEEN
        return self.of(node.base) if kind is Pow and self.of(node.base) == UP else UNSEEN

    def change(self, old: Any, new: Any, path: Path) -> int:
        """UP if the new tree is at least the old wherever the facts hold, DOWN if at most, UNSEEN if neither is seen.

        They differ at the path only.
        """
        if not path:
            return self._difference(old, new)
        position, rest = path[0], path[1:]
        inner = self.change(old.args[position], new.args[position], rest)
        return inner and inner * self._slope(old, new, position)

    def _difference(self, old: Any, new: Any) -> int:
        apart = _numbers_apart(old, new)
        if apart is not None:
            return UP if apart > 0 else DOWN
        if is_vector(old) or is_vector(new):
            return UNSEEN
        factor = _multiple(old, new)
        if factor is not None:
            return self.of(old) * (UP if factor > 1 else DOWN)
        return self.of(Add(new, Mul(Integer(-1), old, evaluate=False), evaluate=False))

    def _slope(self, old: Any, new: Any, position: int) -> int:
        """UP if the node grows with its argument there, from the old to the new."""
        kind = type(old)
        if kind is Add or (kind in {exp, log} and not is_vector(old)):
            return UP
        if kind is Mul:
            return product(self.of(part) for k, part in enumerate(old.args) if k != position)
        if kind is Pow:
            return self._slope_of_power(old, new, position)
        return self._slope_of_sum(old, new) if kind is GeometricSum else UNSEEN

    def _slope_of_power(self, old: Any, new: Any, position: int) -> int:
        if position == 1:
            return self._slope_of_exponent(old.base)
        if type(old.exp) in NUMBERS and old.exp.p < 0:
            return DOWN if self.positive(old.base) and self.positive(new.base) else UNSEEN
        if type(old.exp) in NUMBERS and old.exp.q == 1 and old.exp.p % 2:
            return UP
        rooted = type(old.exp) in NUMBERS and old.exp.q == 2
        if type(old.exp) not in NUMBERS and (split_stages(old.exp) or (None, -1))[1] < 0:
            return UNSEEN  # base^(T - 1) is 1/base at T = 0
        both = rooted or {self.of(old.base), self.of(new.base)} == {UP}
        return UP if both else UNSEEN

    def _slope_of_exponent(self, base: Any) -> int:
        """A power of a base > 0 grows with its exponent if the base is at least 1, and falls if it is at most 1."""
        if not self.positive(base):
            return UNSEEN
        return self.of(Add(base, Integer(-1), evaluate=False))

    def _slope_of_sum(self, old: GeometricSum, new: GeometricSum) -> int:
        """A sum over stages grows with its start, its forcing and its ratio, if all are nonnegative."""
        parts = {self.of(part) for node in (old, new) for part in node.args[:3]}
        return UP if parts == {UP} else UNSEEN

    def of_gaps(self, old: Any, new: Any, path: Path) -> int:
        """UP if the new relation's gap is at least the old one's: then the old relation implies the new one."""
        if type(old) not in AT_MOST | AT_LEAST or type(new) is not type(old):
            return UNSEEN
        smaller = 0 if type(old) in AT_MOST else 1
        side = path[0]
        return self.change(old.args[side], new.args[side], path[1:]) * (DOWN if side == smaller else UP)


def product(signs: Any) -> int:
    """The sign of a product."""
    result = UP
    for sign in signs:
        result *= sign
    return result


def _numbers_apart(old: Any, new: Any) -> Any:
    """The number new - old, of numbers or of exponents that count stages."""
    if type(old) in NUMBERS and type(new) in NUMBERS:
        return new - old
    before, after = split_stages(old), split_stages(new)
    if before is None or after is None or not same(before[0], after[0]):
        return None
    return after[1] - before[1]


def _multiple(old: Any, new: Any) -> Any:
    """The number that new is old times, if it is written so."""
    if type(new) is Mul and len(new.args) == 2 and type(new.args[0]) in NUMBERS and same(new.args[1], old):
        return new.args[0]
    return None


class Beginning:
    """A theorem's scope and its facts, and beside them both at stage 0, where what is assumed of every stage holds."""

    def __init__(self, scope: Scope):
        self.first = {scope.over[0]: Integer(0)} if scope.over else {}
        moved = {self.moved(name): self.moved(means) for name, means in scope.definitions.items()} if self.first else {}
        self.scope = Scope(scope.symbols, {**scope.definitions, **moved}, scope.over)
        self._known: dict[Any, Any] = {}

    def moved(self, node: Any) -> Any:
        return substitute(node, self.first)

    def signs(self, facts: Sequence[Any]) -> Signs:
        """The signs that these facts show. Refused if they cannot be read."""
        moving = [fact for fact in facts if {*self.first} & fact.free_symbols]
        for fact in moving:
            if fact not in self._known:
                self._known[fact] = self.moved(fact)
        return Signs(self.scope, [*facts, *(self._known[fact] for fact in moving)])


def needed_for_a_value(relations: Sequence[Any], definitions: Any) -> list[Any]:
    """What holds wherever the relations have a value: bases of roots are nonnegative, denominators are not 0.

    A matrix that is inverted has a determinant that is not 0. Factors that are positive numbers are left out: of
    L/2 >= 0 remains L >= 0.
    """
    found: dict[Any, None] = {}
    seen: set[Any] = set()

    def visit(node: Any) -> None:
        if node in seen:
            return
        seen.add(node)
        if node in definitions:
            visit(definitions[node])
        if type(node) is IndexedBase:
            for name in definitions:
                if type(name) is Indexed and name.args[0] == node:
                    visit(name)
        if type(node) is Pow and is_vector(node.base) and type(node.exp) in NUMBERS and node.exp.p < 0:
            found[Unequality(Det(node.base), Integer(0), evaluate=False)] = None
        elif type(node) is Pow and type(node.exp) in NUMBERS:
            base = _bare(node.base)
            if node.exp.q == 2:
                found[GreaterThan(base, Integer(0), evaluate=False)] = None
            if node.exp.p < 0:
                found[Unequality(base, Integer(0), evaluate=False)] = None
        for argument in node.args:
            visit(argument)

    for relation in relations:
        visit(relation)
    return [fact for fact in found if type(fact) in RELATIONS]


def _bare(node: Any) -> Any:
    """The node without factors that are positive numbers or their reciprocals."""
    if type(node) is not Mul:
        return node
    kept = [factor for factor in node.args if not _positive_number(factor)]
    return kept[0] if len(kept) == 1 else Mul(*kept, evaluate=False) if kept else node


def _positive_number(factor: Any) -> bool:
    base = factor.base if type(factor) is Pow else factor
    return type(base) in NUMBERS and base.p > 0
