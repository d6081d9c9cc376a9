"""A counterexample as people need it: the instance, both sides, and a snippet that runs."""

import keyword
import re
from typing import Any

import flint
import sympy
from sympy import Indexed, IndexedBase, Symbol
from sympy.printing.str import StrPrinter

from linres.arithmetic import Matrix
from linres.evaluate import Enclosure, Missing
from linres.language import chance_nodes, is_vector
from linres.rungs.rigorous import Failure
from linres.theorem import Theorem

BITS = 4096  # precision at which values that a definition gives are written
DIGITS = 10_000  # what SymPy may spend on a difference of both sides; more than the largest precision of a check
USED = {  # names that a snippet relies on
    "E", "I", "S", "N", "pi", "sqrt", "exp", "log", "Abs", "transpose", "eye", "Matrix", "Rational", "reduce", "range",
    "print", "left", "right", "gap", "total", "prod",
}


def describe(theorem: Theorem, failure: Failure) -> dict[str, Any]:
    """{"instance", "row", "horizon", "left", "right", "snippet"}: text and integers only, ready for JSON."""
    return {
        "instance": repr(failure.instance),
        "row": failure.position,
        "horizon": failure.horizon,
        "left": _short(failure.left),
        "right": _short(failure.right),
        "snippet": snippet(theorem, failure),
    }


def _short(value: Any) -> str:
    if isinstance(value, Matrix):
        return str(value.data.tolist())
    text = str(value)
    return text if len(text) <= 60 else flint.arb(value).str(20, radius=False)


class _Python(StrPrinter):
    """Statements as Python that SymPy's own numbers and matrices evaluate exactly. size: rows of a matrix."""

    printmethod = "_as_python"  # not the _sympystr by which our nodes print for people

    def __init__(self, size: int):
        super().__init__({"order": "none"})
        self.size = size
        self.names: dict[Any, str] = {}

    def name(self, leaf: Any) -> str:
        """An identifier for a symbol, a label or a chance node, different from all others."""
        if leaf not in self.names:
            name = re.sub(r"\W+", "_", str(leaf))
            name = name if name.isidentifier() else f"_{name}"
            taken = {*self.names.values(), *USED, *keyword.kwlist}
            while name in taken:
                name += "_"
            self.names[leaf] = name
        return self.names[leaf]

    def _print(self, expr, **kwargs):
        return self.name(expr) if type(expr) in chance_nodes() else super()._print(expr, **kwargs)

    def _print_Symbol(self, expr):
        return self.name(expr)

    def _print_Indexed(self, expr):
        base, index = expr.args
        return f"{self.name(base.args[0])}[{self._print(index)}]"

    def _print_Add(self, expr, order=None):
        """A scalar next to a matrix is that multiple of the identity."""
        if len({*map(is_vector, expr.args)}) == 1:
            return super()._print_Add(expr, order)
        terms = (f"({self._print(a)})" + ("" if is_vector(a) else f"*eye({self.size})") for a in expr.args)
        return " + ".join(terms)

    def _print_GeometricSum(self, expr):
        start, ratio, forcing, t, T = map(self._print, expr.args)
        return f"reduce(lambda total, {t}: ({ratio})*total + {forcing}, range({T}), {start})"

    def _print_Det(self, expr):
        return f"({self._print(expr.args[0])}).det()"

    def _print_Inner(self, expr):
        a, b = map(self._print, expr.args)
        return f"(({a}).T*({b})).trace()"

    def _print_Rational(self, expr):
        return f"Rational({expr.p}, {expr.q})"


def snippet(theorem: Theorem, failure: Failure) -> str:
    """Python that prints both sides of the claim at the counterexample, and that it is false; needs SymPy alone.

    Rational values are written out exactly. Of a value known only as a ball the midpoint is written, which is as good:
    the claim fails for every number in the ball.
    """
    with flint.ctx.workprec(BITS):
        return "\n".join(_lines(theorem, failure))


def _lines(theorem: Theorem, failure: Failure) -> list[str]:
    stages = {theorem.over[1]: failure.horizon} if theorem.over else {}
    exact = Enclosure(failure.row, theorem.read_with(failure.row), stages)
    of_matrices = isinstance(failure.left, Matrix)
    python = _Python(failure.left.shape[0] if of_matrices else 1)
    lines = [f"# {theorem.name} fails here: {theorem.title}", "from functools import reduce", "from sympy import *", ""]
    for symbol in _needed(theorem, failure):
        lines.append(f"{python.name(_label(symbol))} = {_assigned(symbol, exact, failure, python, theorem)}")
    left, right = map(python.doprint, theorem.conclusion.args)
    relation = {"Equality": "==", "Unequality": "!="}.get(type(theorem.conclusion).__name__, theorem.conclusion.rel_op)
    lines += ["", f"left = {left}", f"right = {right}"]
    if of_matrices:
        return [*lines, f"print(left, {relation!r}, right, 'is', left {relation} right)"]
    gap = "0 if (left - right).equals(0) else " if _overlap(failure) else ""  # equal sides: SymPy is slow to see it
    return [
        *lines,
        f"gap = {gap}N(left - right, 30, maxn={DIGITS})",
        f"print(N(left, 30), {relation!r}, N(right, 30), 'is', bool(gap {relation} 0))",
    ]


def _overlap(failure: Failure) -> bool:
    return bool(flint.arb(failure.left).overlaps(flint.arb(failure.right)))


def _label(symbol: Any) -> Any:
    """The symbol that a sequence is written with; of anything else itself."""
    base = symbol.args[0] if type(symbol) is Indexed else symbol
    return base.args[0] if type(base) is IndexedBase else base


def _needed(theorem: Theorem, failure: Failure) -> list[Any]:
    """What the conclusion is written in, definitions that were not measured coming after what they need."""
    order: list[Any] = []
    leaves = {Symbol, Indexed, IndexedBase} | chance_nodes()

    def visit(node):
        if type(node) is Indexed and node.args[0] in failure.row:
            node = node.args[0]
        if node in order:
            return
        meaning = None if node in failure.row else theorem.definitions.get(node)
        for argument in () if node in failure.row else node.args if meaning is None else (meaning,):
            visit(argument)
        if type(node) in leaves and node not in theorem.over and (meaning is not None or node in failure.row):
            order.append(node)

    visit(theorem.conclusion)
    return ([theorem.over[1]] if theorem.over else []) + order


def _assigned(symbol, exact: Enclosure, failure: Failure, python: _Python, theorem: Theorem) -> str:
    """The value of a symbol as Python: of a sequence at every stage, of a scalar that is defined its definition."""
    if type(symbol) is IndexedBase:
        return _table({t: _literal(exact.measured(value)) for t, value in failure.row[symbol].items()})
    if type(symbol) is Indexed:
        return _table(_defined_sequence(symbol, exact, failure, theorem))
    if symbol not in failure.row and symbol in theorem.definitions and not is_vector(symbol):
        return python.doprint(theorem.definitions[symbol])
    return _literal(exact.value(symbol))


def _table(values: dict[int, str]) -> str:
    return f"{{{', '.join(f'{t}: {value}' for t, value in values.items())}}}"


def _defined_sequence(symbol, exact, failure, theorem) -> dict[int, str]:
    values = {}
    for stage in range(failure.horizon or 0):
        walk = exact.at(theorem.over[0], stage)
        try:
            values[int(walk.whole(symbol.args[1]))] = _root_literal(symbol, walk, theorem)
        except Missing:
            continue
    return values


def _root_literal(symbol, walk, theorem) -> str:
    """A norm, sqrt(<v, v>), exactly: the root of a rational."""
    meaning = theorem.definitions[symbol]
    if type(meaning) is sympy.Pow and meaning.exp == sympy.Rational(1, 2):
        return f"sqrt({_literal(walk.value(meaning.base))})"
    return _literal(walk.value(meaning))


def _literal(value: Any) -> str:
    if isinstance(value, Matrix):
        return f"Matrix([{', '.join('[' + ', '.join(map(_literal, row)) + ']' for row in value.data.tolist())}])"
    if type(value) is flint.arb:
        return f"{_literal(value.mid().fmpq())}"
    value = flint.fmpq(value)
    return f"Rational({value.numerator}, {value.denominator})"
