"""Expressions and relations as Coq terms."""

from collections.abc import Mapping
from typing import Any

from sympy import Add, Equality, Indexed, IndexedBase, Integer, Mul, Pow, Symbol, Unequality
from sympy.core.relational import GreaterThan, LessThan, StrictGreaterThan, StrictLessThan
from sympy.functions.elementary.complexes import transpose

from linres.errors import InputError, kind_of, with_article
from linres.language import NUMBERS, Det, GeometricSum, Inner, is_integer, is_vector, split_stages, tidy

ATOM, APPLY, POWER, MINUS, TIMES, PLUS, RELATION = 0, 10, 30, 35, 40, 50, 70  # how tightly what is outermost binds
SIGNS: dict[type, str] = {
    LessThan: "<=", StrictLessThan: "<", GreaterThan: ">=", StrictGreaterThan: ">", Equality: "=", Unequality: "<>",
}
MINUS_ONE = Integer(-1)


class NotExported(InputError):
    """Something that has no counterpart in the exported language."""


def split_power(node: Pow) -> tuple[Any, Any]:
    """(n, k) of base^(n + k): an integer symbol or None, and a number, an integer or half of one."""
    if type(node.exp) in NUMBERS and node.exp.q in (1, 2):
        return None, node.exp
    stages = split_stages(node.exp)
    if stages is None or is_vector(node.base):
        raise NotExported(f"{node}: only integer powers, square roots and powers t + integer are exported")
    return stages


def as_stage(node: Any) -> tuple[Symbol, int] | None:
    """(n, k) of an expression that is n + k, n an integer symbol; sums within sums are added up."""
    if type(node) not in {Symbol, Add} or not _is_sum_of_integers(node):
        return None
    stages = split_stages(tidy(node))
    return None if stages is None else (stages[0], int(stages[1].p))


def _is_sum_of_integers(node: Any) -> bool:
    if type(node) is Add:
        return all(map(_is_sum_of_integers, node.args))
    return is_integer(node) or (type(node) in NUMBERS and node.q == 1)


def counts_stages(node: Any) -> bool:
    """Whether an expression is a stage, or a stage plus an integer."""
    return as_stage(node) is not None


def between_integers(relation: Any) -> bool:
    """Whether both sides count stages, or are integers."""
    plain = all(counts_stages(side) or (type(side) in NUMBERS and side.q == 1) for side in relation.args)
    return plain and any(map(counts_stages, relation.args))


class Printer:
    """Prints expressions, given the identifiers of symbols and of labels of sequences (an IndexedBase by its label)."""

    def __init__(self, names: Mapping[Any, str]):
        self.names = names

    def name(self, symbol: Any) -> str:
        if symbol not in self.names:
            raise NotExported(f"{symbol} is not among the declared symbols")
        return self.names[symbol]

    # relations

    def relation(self, relation: Any) -> str:
        """A relation as it is stated: between numbers of stages in Z, else in R or between vectors."""
        if between_integers(relation):
            return f"({self.integer(relation.lhs)} {SIGNS[type(relation)]} {self.integer(relation.rhs)})%Z"
        return self.fact(relation)

    def fact(self, relation: Any) -> str:
        """A relation as proofs use it: numbers of stages are real numbers."""
        if type(relation) not in SIGNS:
            raise NotExported(f"{relation} is {kind_of(relation)}, not a relation")
        side = self.whole_vector if any(map(is_vector, relation.args)) else self.side
        return f"{side(relation.lhs)} {SIGNS[type(relation)]} {side(relation.rhs)}"

    def side(self, node: Any) -> str:
        return self._within(self.scalar(node), RELATION)

    def whole_vector(self, node: Any) -> str:
        text, level = self.vector(node)
        return text if level <= APPLY else f"({text})%V"

    def integer(self, node: Any) -> str:
        """A number of stages as a term of type Z, to be read in its scope."""
        if type(node) in NUMBERS:
            return str(node)
        symbol, more = self._stages(node)
        return self.name(symbol) if more == 0 else f"{self.name(symbol)} {'+' if more > 0 else '-'} {abs(more)}"

    def index(self, node: Any) -> str:
        text = self.integer(node)
        return text if text.isidentifier() else f"{text}%Z" if text.isdigit() else f"({text})%Z"

    def _stages(self, node: Any) -> tuple[Symbol, int]:
        stages = as_stage(node)
        if stages is None:
            raise NotExported(f"{node}: an index is a stage plus an integer, or a number")
        return stages

    # scalars

    def text(self, node: Any, level: int = PLUS) -> str:
        """A scalar, in brackets where it binds less tightly than `level`."""
        return self._within(self.scalar(node), level)

    def _within(self, printed: tuple[str, int], level: int) -> str:
        text, own = printed
        return text if own <= level else f"({text})"

    def scalar(self, node: Any) -> tuple[str, int]:
        """The text of a scalar and how tightly its outermost operation binds."""
        kind = type(node)
        if kind in NUMBERS:
            return _number(node)
        if kind in {Symbol, Add} and counts_stages(node):
            return f"IZR {self.index(node)}", APPLY
        if kind in {Symbol, Indexed} and is_vector(node):
            raise NotExported(f"{node} is a vector or matrix where a scalar is needed")
        if kind is Symbol:
            return self.name(node), ATOM
        if kind is Indexed:
            return self._member(node)
        printers = {Add: self._sum, Mul: self._product, Pow: self._power, Inner: self._inner, Det: self._det,
                    GeometricSum: self._geometric_sum}
        if kind not in printers:
            raise NotExported(f"{node} is {with_article(kind.__name__)}, which is not exported")
        return printers[kind](node)

    def _member(self, node: Any) -> tuple[str, int]:
        return f"{self.name(node.args[0].args[0])} {self.index(node.args[1])}", APPLY

    def _sum(self, node: Any) -> tuple[str, int]:
        text = ""
        for argument in node.args:
            opposite = _opposite(argument)
            sign, term = ("+", argument) if opposite is None else ("-", opposite)
            shown = self.text(term, TIMES if type(term) is Mul else POWER)
            text = f"{text} {sign} {shown}" if text else f"- {shown}" if sign == "-" else shown
        return text, PLUS

    def _product(self, node: Any) -> tuple[str, int]:
        opposite = _opposite(node)
        if opposite is not None:
            return f"- {self.text(opposite, POWER)}", MINUS
        above = [factor for factor in node.args if _inverted(factor) is None]
        below = [each for each in map(_inverted, node.args) if each is not None]
        shown = [self.text(factor, TIMES if k == 0 else POWER) for k, factor in enumerate(above)] or ["1"]
        return " / ".join([" * ".join(shown), *(self.text(factor, POWER) for factor in below)]), TIMES

    def _power(self, node: Any) -> tuple[str, int]:
        count, exponent = split_power(node)
        if count is not None:
            return f"powerRZ {self.text(node.base, ATOM)} {self.index(node.exp)}", APPLY
        inverse = _inverted(node)
        if inverse is not None:
            return f"1 / {self.text(inverse, POWER)}", TIMES
        if exponent.q == 2:
            root = f"sqrt {self.text(node.base, ATOM)}"
            return (root, APPLY) if exponent.p == 1 else (f"{root} ^ {exponent.p}", POWER)
        return f"{self.text(node.base, APPLY)} ^ {exponent.p}", POWER

    def _inner(self, node: Any) -> tuple[str, int]:
        u, v = (self.vector(argument)[0] for argument in node.args)
        return f"<| {u}, {v} |>", ATOM

    def _det(self, node: Any) -> tuple[str, int]:
        return f"det {self.vector_text(node.args[0], ATOM)}", APPLY

    def _geometric_sum(self, node: Any) -> tuple[str, int]:
        start, ratio, forcing, t, T = node.args
        terms = f"(fun {self.name(t)} : Z => {self.text(forcing)})"
        return f"geometric_sum {self.text(start, ATOM)} {self.text(ratio, ATOM)} {terms} {self.index(T)}", APPLY

    # vectors, to be read in their scope

    def vector_text(self, node: Any, level: int) -> str:
        """A vector, in brackets where it binds less tightly than `level`."""
        return self._within(self.vector(node), level)

    def vector(self, node: Any) -> tuple[str, int]:
        """The text of a vector or matrix, in the scope of vectors; a scalar stands for that multiple of one."""
        kind = type(node)
        if not is_vector(node):
            return f"{self.text(node, APPLY)} *: one", TIMES
        if kind in {Symbol, Indexed}:
            return (self.name(node), ATOM) if kind is Symbol else self._member(node)
        if kind is Add:
            return self._sum_of_vectors(node), PLUS
        if kind is Mul:
            return self._multiple(node)
        if kind is transpose:
            return f"transpose {self.vector_text(node.args[0], ATOM)}", APPLY
        if kind is Pow and type(node.exp) in NUMBERS and node.exp.q == 1:
            return self._power_of_matrix(node)
        raise NotExported(f"{node} is {with_article(kind.__name__)} of matrices, which is not exported")

    def _sum_of_vectors(self, node: Any) -> str:
        text = ""
        for argument in node.args:
            opposite = _opposite(argument)
            sign = "+" if opposite is None else "-"
            term, level = (argument, TIMES) if opposite is None else (opposite, TIMES if text else POWER)
            shown = self.vector_text(term, level)
            text = f"{text} {sign} {shown}" if text else shown if opposite is None else f"- {shown}"
        return text

    def _multiple(self, node: Any) -> tuple[str, int]:
        scalars = [factor for factor in node.args if not is_vector(factor)]
        vectors = [factor for factor in node.args if is_vector(factor)]
        product = " ** ".join(self.vector_text(factor, TIMES if k == 0 else POWER) for k, factor in enumerate(vectors))
        if not scalars:
            return product, TIMES
        shown = self.vector_text(vectors[0], POWER) if len(vectors) == 1 else f"({product})"
        if len(scalars) == 1 and scalars[0] == MINUS_ONE:
            return f"- {shown}", MINUS
        scalar = Mul(*scalars, evaluate=False) if len(scalars) > 1 else scalars[0]
        return f"{self.text(scalar, APPLY)} *: {shown}", TIMES

    def _power_of_matrix(self, node: Any) -> tuple[str, int]:
        base = self.vector_text(node.base, ATOM)
        once = (f"inverse {base}", APPLY) if node.exp.p < 0 else self.vector(node.base)
        if abs(node.exp.p) == 1:
            return once
        if node.exp.p == 0:
            return "one", ATOM
        return " ** ".join([self._within(once, POWER)] * abs(node.exp.p)), TIMES


def _number(node: Any) -> tuple[str, int]:
    if node.q == 1:
        return str(node.p), ATOM if node.p >= 0 else MINUS
    return f"{node.p} / {node.q}", TIMES


def _opposite(node: Any) -> Any:
    """x of a product written (-1) x, else None."""
    if type(node) is not Mul or node.args[0] != MINUS_ONE or len(node.args) < 2:
        return None
    rest = node.args[1:]
    return rest[0] if len(rest) == 1 else Mul(*rest, evaluate=False)


def _inverted(factor: Any) -> Any:
    """b of a factor 1/b that is a power with a negative number as its exponent, else None."""
    if type(factor) is not Pow or type(factor.exp) not in NUMBERS or factor.exp.p >= 0 or is_vector(factor.base):
        return None
    return factor.base if factor.exp == MINUS_ONE else Pow(factor.base, -factor.exp, evaluate=False)


def label(symbol: Any) -> Any:
    """A declared symbol, or the symbol that labels a declared sequence."""
    return symbol.args[0] if type(symbol) is IndexedBase else symbol
