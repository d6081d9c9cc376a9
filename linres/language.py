"""TRUSTED: the language statements are written in. Which nodes exist, what they mean, when two trees are the same.

A statement is a SymPy relation over declared symbols. SymPy is used as a tree and never asked a question about truth,
sign or equality: types are compared with `type(x) is`, so a subclass that lies about itself is refused.

Symbols are of three kinds, and carry no other assumption: real scalars (real=True), integers (integer=True) and
vectors or square matrices (commutative=False). Each may also be the label of an IndexedBase: a sequence over stages.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import sympy
from sympy import Add, Equality, Expr, Indexed, IndexedBase, Integer, Mul, Pow, Rational, Symbol, Unequality
from sympy.core import numbers
from sympy.core.relational import GreaterThan, LessThan, StrictGreaterThan, StrictLessThan
from sympy.functions.elementary.complexes import transpose
from sympy.printing.precedence import PRECEDENCE

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
    """The trusted core does not accept this; the subclass says for which reason.

    Examples
    --------
    >>> import linres
    >>> import sympy
    >>> a = sympy.Symbol("a", real=True)
    >>> try:
    ...     linres.Theorem("rounded", sympy.Le(0.1 * a, a, evaluate=False))
    ... except linres.Refused as reason:
    ...     print(reason)
    0.100000 is a float: write Rational('0.100000') or a quotient of integers
    """


class NotExact(Refused):
    """A float, a node without an exact meaning, or a node of a disguised type."""


class Undeclared(Refused):
    """A symbol the statement does not declare, or one that carries assumptions of its own."""


class Inner(Expr):
    """<a, b>: the inner product of two vectors; Frobenius for matrices. Inner(a, a) prints as |a|^2.

    Parameters
    ----------
    a : expression
        A vector or matrix: symbols with commutative=False, their sums and multiples.
    b : expression
        Another.

    Examples
    --------
    >>> import linres
    >>> import sympy
    >>> u, v = sympy.symbols("u v", commutative=False)
    >>> linres.Inner(u, v), linres.Inner(u - v, u - v)
    (<u, v>, |u - v|^2)
    """

    __slots__ = ()
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
    """The determinant of a matrix: Ne(Det(W), 0) says that W is invertible.

    Parameters
    ----------
    matrix : symbol
        A square matrix, a symbol with commutative=False.

    Examples
    --------
    >>> import linres
    >>> import sympy
    >>> W = sympy.Symbol("W", commutative=False)
    >>> sympy.Ne(linres.Det(W), 0)
    Ne(Det(W), 0)
    """

    __slots__ = ()
    is_commutative = True
    is_extended_real = True

    def __new__(cls, matrix):
        return Expr.__new__(cls, sympy.sympify(matrix))

    def _latex(self, printer, **options):
        return rf"\det {printer._print(self.args[0])}"


class GeometricSum(Expr):
    """ratio^T start + sum_{t < T} ratio^(T-1-t) forcing(t): what T stages of b <- ratio b + forcing(t) make of start.

    Parameters
    ----------
    start : expression
        b at stage 0.
    ratio : expression
        What b is multiplied by at each stage. Neither this nor `start` depends on t.
    forcing : expression
        What is added at stage t.
    t : symbol
        The stage, an integer symbol, which is bound.
    T : symbol or int
        The number of stages.

    Examples
    --------
    >>> import linres
    >>> import sympy
    >>> a, r = sympy.symbols("a r", real=True)
    >>> t, T = sympy.symbols("t T", integer=True)
    >>> e = sympy.IndexedBase(sympy.Symbol("e", real=True))
    >>> linres.GeometricSum(a, r, e[t], t, T)
    (r)^T a + sum_(t<T) (r)^(T-1-t) (e[t])
    """

    __slots__ = ()
    is_commutative = True
    is_extended_real = True
    precedence = PRECEDENCE["Add"]  # of printers: what it is a factor or a power of puts it in brackets

    def __new__(cls, start, ratio, forcing, t, T):
        return Expr.__new__(cls, *map(sympy.sympify, (start, ratio, forcing, t, T)))

    @property
    def free_symbols(self):
        """The symbols in it but for the stage, which is bound: a set."""
        start, ratio, forcing, t, T = self.args
        return start.free_symbols | ratio.free_symbols | (forcing.free_symbols - {t}) | T.free_symbols

    def _latex(self, printer, **options):
        start, ratio, forcing, t, T = self.args
        power = printer._print(ratio) if ratio.is_Atom else rf"\left({printer._print(ratio)}\right)"
        t, T = printer._print(t), printer._print(T)
        sum_ = rf"\sum_{{{t}=0}}^{{{T}-1}} {power}^{{{T}-1-{t}}} \left({printer._print(forcing)}\right)"
        first = printer.parenthesize(start, PRECEDENCE["Mul"])
        return rf"{power}^{{{T}}} {first} + {sum_}"

    def _sympystr(self, printer):
        first = printer.parenthesize(self.args[0], PRECEDENCE["Mul"])
        _, ratio, forcing, t, T = map(printer._print, self.args)
        return f"({ratio})^{T} {first} + sum_({t}<{T}) ({ratio})^({T}-1-{t}) ({forcing})"


def norm(vector):
    """|vector| = sqrt(<vector, vector>).

    Parameters
    ----------
    vector : expression
        A vector or matrix.

    Returns
    -------
    expression
        The length; Frobenius for matrices.

    Examples
    --------
    >>> import linres
    >>> import sympy
    >>> linres.norm(sympy.Symbol("u", commutative=False))
    sqrt(|u|^2)
    """
    return sympy.sqrt(Inner(vector, vector))


# Nodes with arguments, and how many each must have; None for one or more.
COMPOUND: dict[type, int | None] = {
    Add: None, Mul: None, Pow: 2, transpose: 1, Inner: 2, Det: 1, GeometricSum: 5, sympy.exp: 1, sympy.log: 1,
    sympy.Abs: 1, **dict.fromkeys(RELATIONS, 2),
}
UNEVALUATED = {Add, Mul, Pow, transpose, sympy.exp, sympy.log, sympy.Abs} | RELATIONS  # SymPy would rewrite these
KEPT = {"nargs", "_condition", "_shape", "_offset", "_strides", "_name"}  # what SymPy writes on a node of ours


@dataclass(frozen=True)
class Scope:
    """What a statement may speak of: symbols (labels for sequences), named abbreviations, the stage index and horizon.

    definitions maps a symbol (or an indexed symbol) to the expression it abbreviates. over = (t, T): hypotheses that
    contain t are assumed at stage 0 and at every later stage t < T, and T is any number of stages. So a fact about no
    stage may lean on what is assumed at stage 0, even where T = 0.
    """

    symbols: frozenset[Symbol]
    definitions: Mapping[Expr, Expr] = field(default_factory=dict)
    over: tuple[Symbol, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "definitions", dict(self.definitions))
        for symbol in self.symbols:
            _require_plain(symbol)
        if len({symbol.name for symbol in self.symbols}) < len(self.symbols):
            raise Undeclared(f"two symbols have the same name: {sorted(symbol.name for symbol in self.symbols)}")
        if self.over:
            self._admit_over(*self.over)
        for name, meaning in self.definitions.items():
            self._admit_definition(name, meaning)
            self._require_other_stages(name, meaning)
        self._require_founded()
        for pair in combinations(self.definitions, 2):
            self._require_one_definition(*pair)

    def _admit_over(self, *stages):
        if len(stages) != 2 or stages[0] == stages[1] or not {*stages} <= self.symbols:
            raise Undeclared(f"over should be two declared symbols, the stage and the horizon, got {stages}")
        if not all(map(is_integer, stages)):
            raise Undeclared(f"the stage {stages[0]} and the horizon {stages[1]} should be integer symbols")

    def _admit_definition(self, name, meaning):
        if type(name) not in {Symbol, Indexed}:
            raise NotExact(f"only a symbol or an indexed symbol can be defined, not {name}")
        self.admit(name)
        self.admit(meaning)
        if is_vector(name) != is_vector(meaning):
            raise NotExact(f"{name} and its definition {meaning} should both be scalars or both be vectors")
        if is_integer(name):
            raise NotExact(f"{name} is an integer: it counts stages and cannot be defined")
        if any(T in name.free_symbols for T in self.over[1:]):
            raise NotExact(f"{name} is about the horizon: define it at every stage instead")
        if any(stage in meaning.free_symbols and stage not in name.free_symbols for stage in self.over):
            raise NotExact(f"{name} has one value, but its definition {meaning} changes with {self.over}")

    def _require_other_stages(self, name, meaning):
        """Refuse a sequence defined by itself at what may be the same stage: x[t] by x[-t], x[3] or a sum of x[t].

        By x[t - 1] and by what comes before the stages that the definition covers it may be.
        """
        if type(name) is not Indexed:
            return
        label, index = name.args
        for node in sympy.preorder_traversal(meaning):
            if type(node) is GeometricSum and label in node.atoms(IndexedBase):
                raise NotExact(f"{name} is defined by a sum over stages of itself")
            if type(node) is Indexed and same(node.args[0], label):
                shift = Add(node.args[1], Mul(Integer(-1), index))
                before = self._starts_before(index.free_symbols, node.args[1], shift)
                if not before and type(tidy(shift)) not in NUMBERS:
                    raise NotExact(f"{name} is defined by {node}, which may be the same")

    def _require_founded(self):
        """Refuse definitions that lead back to themselves."""
        names = self.definitions.keys()
        waiting = {name: names & {*sympy.preorder_traversal(meaning)} for name, meaning in self.definitions.items()}
        while waiting:
            ready = [name for name, needed in waiting.items() if not needed & waiting.keys()]
            if not ready:
                raise NotExact(f"{', '.join(map(str, waiting))}: defined by itself")
            for name in ready:
                del waiting[name]

    def _require_one_definition(self, name, other):
        """Refuse x[t] and x[t + 1] defined in two ways: the one definition should be the other, moved along.

        Of x[-1] beside x[t], and of any start before the stages that the other definition covers, nothing is asked.
        A name defined twice, which a dict has only if its hash was forged, is refused.
        """
        if same(name, other):
            raise NotExact(f"{name} is defined twice")
        if not type(name) is type(other) is Indexed or not same(name.args[0], other.args[0]):
            return
        if not name.args[1].free_symbols:
            name, other = other, name
        moving = name.args[1].free_symbols
        shift = Add(other.args[1], Mul(Integer(-1), name.args[1]))
        if not moving or self._starts_before(moving, other.args[1], shift):
            return
        moved = {symbol: Add(symbol, shift) for symbol in moving}
        as_moved = [substitute(part, moved) for part in (name, self.definitions[name])]
        if not all(map(same, map(tidy, as_moved), map(tidy, (other, self.definitions[other])))):
            raise NotExact(f"{name} and {other} should have one definition, moved along the stages")

    def _starts_before(self, moving, constant, shift) -> bool:
        """Whether the index `constant` is that of a moving one, t + j, at a stage t < 0."""
        if constant.free_symbols or moving != {*self.over[:1]}:
            return False
        stage = tidy(Add(*moving, shift))
        return type(stage) in NUMBERS and stage.p < 0

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
        elif kind in COMPOUND:
            self._admit_arguments(node, COMPOUND[kind])
        elif kind in chance_nodes():
            # SymPy takes Expectation(x) of a plain symbol for x: one that stays has a condition.
            self._admit_arguments(node, 2 if kind is sympy.stats.Expectation else None)
        elif kind is numbers.Float or isinstance(node, float):
            raise NotExact(f"{node:.6g} is a float: write Rational('{node:.6g}') or a quotient of integers")
        else:
            raise NotExact(f"{node} is a {kind.__name__}, which has no exact meaning here")

    def _admit_arguments(self, node, count):
        kind = type(node)
        if type(node.args) is not tuple or not node.args or count not in {None, len(node.args)}:
            raise NotExact(f"a {kind.__name__} should have {count or 'one or more'} arguments")
        _require_nothing_hidden(node)
        if kind in COMPOUND and any(type(argument) in RELATIONS for argument in node.args):
            raise NotExact(f"a {kind.__name__} is made of expressions, not of relations")
        for argument in node.args:
            self.admit(argument)
        if kind is GeometricSum:
            self._admit_bound(node, node.args[3])
        if kind in AT_MOST | AT_LEAST and any(map(is_vector, node.args)):
            raise NotExact(f"{node}: vectors and matrices are equal or not, no other relation holds between them")

    def _admit_bound(self, node, index):
        """The index that a sum binds is an integer symbol: the stage, where there is one."""
        if not is_integer(index) or index not in (self.over[:1] or [index]):
            raise NotExact(f"{node} should sum over {self.over[0] if self.over else 'an integer symbol'}, not {index}")

    def _admit_symbol(self, symbol):
        _require_plain(symbol)
        if symbol not in self.symbols:
            raise Undeclared(f"{symbol} is not among the declared symbols {sorted(map(str, self.symbols))}")

    def _admit_indexed(self, node):
        base, *indices = node.args
        if type(base) is not IndexedBase or len(base.args) != 1 or len(indices) != 1:
            raise NotExact(f"{node} should be a sequence with one index")
        _require_nothing_hidden(node)
        _require_nothing_hidden(base)
        self._admit_symbol(base.args[0])
        self.admit(indices[0])
        if not same(indices[0], tidy(indices[0])):
            raise NotExact(f"write the index of {node} outside sympy.evaluate(False), so that t + 1 has one form only")
        if not all(map(is_integer, indices[0].free_symbols)):
            raise Undeclared(f"the index of {node} should be made of integer symbols")


def _require_plain(symbol: Any) -> None:
    """Refuse anything but a Symbol of one of the three kinds."""
    if type(symbol) is not Symbol or type(symbol.name) is not str:
        raise NotExact(f"{symbol} is of type {type(symbol).__name__}, which is no plain Symbol with a plain name")
    if symbol.assumptions0 not in KINDS.values():
        told = {"real", "integer", "positive", "negative", "nonnegative", "nonpositive", "nonzero", "even", "odd"}
        found = [name for name, holds in symbol.assumptions0.items() if holds and name in told]
        raise Undeclared(
            f"{symbol} should be declared real=True, integer=True or commutative=False and nothing else, got "
            f"{' '.join(sorted(found)) or 'none of these'}; write every sign as a hypothesis"
        )


def _require_nothing_hidden(node: Any) -> None:
    """Refuse attributes that SymPy did not write: they could shadow how nodes are compared."""
    hidden = getattr(node, "__dict__", {}).keys() - KEPT
    if hidden:
        raise NotExact(f"{node} should have no attributes of its own, got {', '.join(sorted(hidden))}")


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


def is_integer(node: Any) -> bool:
    """Whether an admitted expression is an integer symbol: a stage or a number of them."""
    return type(node) is Symbol and node.assumptions0 == KINDS["integer"]


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
    """The tree with every key of mapping replaced at once.

    Parameters
    ----------
    node : expression or relation
        The tree.
    mapping : mapping of symbol to expression
        What replaces each symbol, indexed symbol or label; one that does not occur changes nothing.

    Returns
    -------
    expression or relation
        The new tree.

    Notes
    -----
    Nothing is simplified, so a relation stays a relation; only an index is added up, to make x[(t + 1) - 1] x[t], and
    so is an exponent that counts stages. The index that a GeometricSum binds is not free: it stays.

    Examples
    --------
    >>> import linres
    >>> import sympy
    >>> a, b = sympy.symbols("a b", real=True)
    >>> linres.substitute(sympy.Le(a, b), {a: b, b: a})
    b <= a
    """
    for old, new in mapping.items():
        if same(node, old):
            return new
    kind = type(node)
    if kind is Symbol or not node.args:
        return node
    if kind is Pow and split_stages(node.exp) is not None:
        return Pow(substitute(node.base, mapping), tidy(substitute(node.exp, mapping)), evaluate=False)
    if kind is GeometricSum:
        start, ratio, forcing, t, T = node.args
        free = {old: new for old, new in mapping.items() if not same(old, t)}
        start, ratio, T = (substitute(part, mapping) for part in (start, ratio, T))
        return GeometricSum(start, ratio, substitute(forcing, free), t, T)
    if kind is Indexed:
        base, index = node.args
        return Indexed(substitute(base, mapping), tidy(substitute(index, mapping)))
    arguments = [substitute(argument, mapping) for argument in node.args]
    return kind(*arguments, evaluate=False) if kind in UNEVALUATED else kind(*arguments)


def tidy(node: Any) -> Any:
    """The tree as SymPy builds it by itself: sums added up, arguments in one order. For indices and for comparisons."""
    with sympy.evaluate(True):
        return sympy.expand(node.doit())


def split_stages(exponent: Any) -> tuple[Symbol, Integer] | None:
    """(n, k) of an exponent that counts stages: n + k, n an integer symbol and k an integer. None of any other."""
    parts = exponent.args if type(exponent) is Add else (exponent,)
    counts = [part for part in parts if is_integer(part)]
    more = [part.p for part in parts if type(part) in NUMBERS and part.q == 1]
    return (counts[0], Integer(sum(more))) if len(counts) == 1 and len(more) == len(parts) - 1 else None


def at_least_zero(count: Symbol) -> Any:
    """The hypothesis that a number of stages is one."""
    return GreaterThan(count, Integer(0), evaluate=False)


def gap(relation: Any) -> Any:
    """What the relation says is >= 0 (> 0, = 0, != 0): the larger side minus the smaller."""
    larger, smaller = (relation.rhs, relation.lhs) if type(relation) in AT_MOST else (relation.lhs, relation.rhs)
    return Add(larger, Mul(Integer(-1), smaller, evaluate=False), evaluate=False)
