"""TRUSTED: the language statements are written in. Which nodes exist, what they mean, when two expressions are the same.

A statement is a SymPy relation over declared symbols. SymPy is used as a tree and never asked a question about truth,
sign or equality: types are compared with `type(x) is`, so a subclass that lies about itself is refused.

Symbols are of three kinds, and carry no other assumption: real scalars (real=True), integers (integer=True) and
vectors or square matrices (commutative=False). Each may also be the label of an IndexedBase: a sequence over stages.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy import Add, Equality, Expr, Indexed, IndexedBase, Integer, Mul, Pow, Rational, Symbol, Unequality
from sympy.core import numbers
from sympy.core.relational import GreaterThan, LessThan, StrictGreaterThan, StrictLessThan
from sympy.functions.elementary.complexes import transpose

NUMBERS = {Integer, Rational, numbers.Zero, numbers.One, numbers.NegativeOne, numbers.Half}
CONSTANTS = {numbers.Pi, numbers.Exp1}
AT_MOST, AT_LEAST = {LessThan, StrictLessThan}, {GreaterThan, StrictGreaterThan}
STRICT = {StrictLessThan, StrictGreaterThan}
RELATIONS = AT_MOST | AT_LEAST | {Equality, Unequality}
KINDS = {
    "real": Symbol("_", real=True).assumptions0,
    "integer": Symbol("_", integer=True).assumptions0,
    "vector": Symbol("_", commutative=False).assumptions0,
}


class Refused(Exception):
    """The trusted core does not accept this; the subclass says for which reason."""


class NotExact(Refused):
    """A float, a node without an exact meaning, or a node of a disguised type."""


class Undeclared(Refused):
    """A symbol the statement does not declare, or one that carries assumptions of its own."""


class Inner(Expr):
    """<a, b>: the inner product of two vectors; Frobenius for matrices. Inner(a, a) prints as |a|^2."""

    is_commutative = True
    is_extended_real = True

    def __new__(cls, a, b):
        return Expr.__new__(cls, sympy.sympify(a), sympy.sympify(b))

    def _latex(self, printer, **options):
        a, b = map(printer._print, self.args)
        return rf"\left\|{a}\right\|^2" if self.args[0] == self.args[1] else rf"\left\langle {a},\, {b} \right\rangle"

    def _sympystr(self, printer):
        a, b = map(printer._print, self.args)
        return f"|{a}|^2" if self.args[0] == self.args[1] else f"<{a}, {b}>"


class Det(Expr):
    """The determinant of a matrix symbol: Ne(Det(W), 0) says that W is invertible."""

    is_commutative = True
    is_extended_real = True

    def __new__(cls, matrix):
        return Expr.__new__(cls, sympy.sympify(matrix))

    def _latex(self, printer, **options):
        return rf"\det {printer._print(self.args[0])}"


class GeometricSum(Expr):
    """ratio^T start + sum_{t < T} ratio^(T-1-t) forcing(t): what T stages of b <- ratio b + forcing(t) make of start."""

    is_commutative = True
    is_extended_real = True

    def __new__(cls, start, ratio, forcing, t, T):
        return Expr.__new__(cls, *map(sympy.sympify, (start, ratio, forcing, t, T)))

    def _latex(self, printer, **options):
        start, ratio, forcing, t, T = self.args
        power = printer._print(ratio) if ratio.is_Atom else rf"\left({printer._print(ratio)}\right)"
        t, T = printer._print(t), printer._print(T)
        sum_ = rf"\sum_{{{t}=0}}^{{{T}-1}} {power}^{{{T}-1-{t}}} \left({printer._print(forcing)}\right)"
        return rf"{power}^{{{T}}} {printer._print(start)} + {sum_}"

    def _sympystr(self, printer):
        start, ratio, forcing, t, T = map(printer._print, self.args)
        return f"({ratio})^{T} {start} + sum_({t}<{T}) ({ratio})^({T}-1-{t}) ({forcing})"


def norm(vector):
    """|vector| = sqrt(<vector, vector>)."""
    return sympy.sqrt(Inner(vector, vector))


COMPOUND = {Add, Mul, Pow, transpose, Inner, Det, GeometricSum, sympy.exp, sympy.log, sympy.Abs} | RELATIONS


@dataclass(frozen=True)
class Scope:
    """What a statement may speak of: symbols (labels for sequences), named abbreviations, the stage index and horizon.

    definitions maps a symbol (or an indexed symbol) to the expression it abbreviates. over = (t, T): hypotheses that
    contain t are assumed for every stage t >= 0, and T is any number of stages.
    """

    symbols: frozenset[Symbol]
    definitions: Mapping[Expr, Expr] = field(default_factory=dict)
    over: tuple[Symbol, ...] = ()

    def __post_init__(self):
        for name, meaning in self.definitions.items():
            if type(name) not in {Symbol, Indexed}:
                raise NotExact(f"only a symbol or an indexed symbol can be defined, not {name}")
            self.admit(name)
            self.admit(meaning)
            if is_vector(name) != is_vector(meaning):
                raise NotExact(f"{name} and its definition {meaning} should both be scalars or both be vectors")

    def admit(self, node: Any) -> None:
        """Raise Refused unless every node of the tree is of an exact, known type over declared symbols."""
        kind = type(node)
        if kind in CONSTANTS:
            return
        if kind in NUMBERS:
            if not type(node.p) is type(node.q) is int or node.q <= 0:
                raise NotExact(f"{node} is not a quotient of integers")
        elif kind is Symbol:
            self._admit_symbol(node)
        elif kind is Indexed:
            self._admit_indexed(node)
        elif kind in COMPOUND or kind in chance_nodes():
            for argument in node.args:
                self.admit(argument)
        elif kind is numbers.Float or isinstance(node, float):
            raise NotExact(f"{node} is a float: write Rational({str(node)!r}) or a quotient of integers")
        else:
            raise NotExact(f"{node} is a {kind.__name__}, which has no exact meaning here")

    def _admit_symbol(self, symbol):
        if symbol not in self.symbols:
            raise Undeclared(f"{symbol} is not among the declared symbols {sorted(map(str, self.symbols))}")
        if symbol.assumptions0 not in KINDS.values():
            raise Undeclared(
                f"{symbol} carries assumptions of its own: declare it real=True, integer=True or commutative=False "
                "and write every sign as a hypothesis"
            )

    def _admit_indexed(self, node):
        base, *indices = node.args
        if type(base) is not IndexedBase or len(base.args) != 1 or len(indices) != 1:
            raise NotExact(f"{node} should be a sequence with one index")
        self._admit_symbol(base.args[0])
        self.admit(indices[0])
        if not same(indices[0], sympy.expand(indices[0])):
            raise NotExact(f"write the index of {node} outside sympy.evaluate(False), so that t + 1 has one form only")
        if any(atom.assumptions0 != KINDS["integer"] for atom in indices[0].free_symbols):
            raise Undeclared(f"the index of {node} should be made of integer symbols")


def chance_nodes() -> set[type]:
    """Probability and Expectation, once somebody has imported sympy.stats (it is slow to import)."""
    stats = getattr(sympy, "stats", None)
    return {stats.Probability, stats.Expectation} if stats else set()


def is_vector(node: Expr) -> bool:
    """Whether an admitted expression stands for a vector or matrix rather than a scalar."""
    if type(node) is Symbol:
        return node.assumptions0 == KINDS["vector"]
    if type(node) is Indexed:
        return node.args[0].args[0].assumptions0 == KINDS["vector"]
    return type(node) in {Add, Mul, Pow, transpose} and any(map(is_vector, node.args))


def same(a: Any, b: Any) -> bool:
    """Whether two admitted trees are the same node by node; no algebra, and no SymPy opinion, enters."""
    if type(a) is not type(b):
        return False
    if type(a) in NUMBERS:
        return (a.p, a.q) == (b.p, b.q)
    if type(a) is Symbol:
        return a.name == b.name and a.assumptions0 == b.assumptions0
    return len(a.args) == len(b.args) and all(map(same, a.args, b.args))


def among(relation: Any, relations: Iterable[Any]) -> bool:
    """Whether the relation is one of the relations, node by node."""
    return any(same(relation, other) for other in relations)


def substitute(node: Any, mapping: Mapping[Any, Any]) -> Any:
    """The tree with every key of mapping (a symbol, an indexed symbol or a label) replaced at once.

    Nothing is simplified, so a relation stays a relation; only an index is added up, to make x[(t + 1) - 1] x[t].
    """
    for old, new in mapping.items():
        if same(node, old):
            return new
    kind = type(node)
    if kind is Symbol or not node.args:
        return node
    if kind is Indexed:
        base, index = node.args
        return Indexed(substitute(base, mapping), sympy.expand(substitute(index, mapping)))
    arguments = [substitute(argument, mapping) for argument in node.args]
    return kind(*arguments, evaluate=False) if kind in {Add, Mul, Pow} | RELATIONS else kind(*arguments)


def gap(relation: Any) -> Any:
    """What the relation says is >= 0 (> 0, = 0, != 0): the larger side minus the smaller."""
    larger, smaller = (relation.rhs, relation.lhs) if type(relation) in AT_MOST else (relation.lhs, relation.rhs)
    return Add(larger, Mul(Integer(-1), smaller, evaluate=False), evaluate=False)
