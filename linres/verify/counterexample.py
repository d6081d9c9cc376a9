"""A counterexample as people need it: the instance, both sides, and a snippet that runs."""

import keyword
import re
from fractions import Fraction
from typing import Any

import flint
import sympy
from sympy import Indexed, IndexedBase, Symbol
from sympy.printing.str import StrPrinter

from linres.arithmetic import Matrix
from linres.evaluate import Enclosure, Missing
from linres.language import is_vector
from linres.theorem import Theorem
from linres.verify.rigorous import Failure


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
    """Statements as Python that SymPy's own numbers and matrices evaluate exactly."""

    def _print_Symbol(self, expr):
        return _name(expr)

    def _print_Indexed(self, expr):
        base, index = expr.args
        return f"{_name(base.args[0])}[{self._print(index)}]"

    def _print_GeometricSum(self, expr):
        start, ratio, forcing, t, T = map(self._print, expr.args)
        return f"reduce(lambda total, {t}: ({ratio})*total + {forcing}, range({T}), {start})"

    def _print_Det(self, expr):
        return f"{self._print(expr.args[0])}.det()"

    def _print_Inner(self, expr):
        a, b = map(self._print, expr.args)
        return f"(({a}).T*({b})).trace()"

    def _print_Rational(self, expr):
        return f"Rational({expr.p}, {expr.q})"


def _name(symbol: Symbol) -> str:
    name = re.sub(r"\W", "_", symbol.name)
    return f"{name}_" if keyword.iskeyword(name) or name in {"E", "I", "N", "S", "pi"} else name


def snippet(theorem: Theorem, failure: Failure) -> str:
    """Python that prints both sides of the claim at the counterexample; needs SymPy alone.

    Rational values are written out exactly; a value known only as a ball appears as its midpoint, and says so.
    """
    exact = Enclosure(failure.row, theorem.definitions, _stages(theorem, failure))
    write = _Python({"order": "none"}).doprint
    lines = [f"# {theorem.name} fails here: {theorem.title}", "from functools import reduce", "from sympy import *", ""]
    for symbol in _needed(theorem, exact, failure):
        lines += _assignment(symbol, exact, failure, write, theorem)
    left, right = map(write, theorem.conclusion.args)
    relation = {"Equality": "==", "Unequality": "!="}.get(type(theorem.conclusion).__name__, theorem.conclusion.rel_op)
    lines += ["", f"left = {left}", f"right = {right}"]
    if isinstance(failure.left, Matrix):
        lines += [f"print(left, right, left {relation} right)"]
    else:
        lines += [f"print(N(left, 30), {relation!r}, N(right, 30), 'is', N(left - right, 30) {relation} 0)"]
    return "\n".join(lines)


def _stages(theorem, failure):
    return {theorem.over[1]: failure.horizon} if theorem.over else {}


def _needed(theorem, exact, failure) -> list[Any]:
    """The symbols the conclusion is written in, definitions that were not measured coming after what they need."""
    order: list[Any] = []

    def visit(node):
        if type(node) is Indexed and node.args[0] in failure.row:
            node = node.args[0]
        if node in order:
            return
        meaning = None if node in failure.row else theorem.definitions.get(node)
        if meaning is not None or (type(node) not in {Symbol, IndexedBase} and node.args):
            for argument in (meaning,) if meaning is not None else node.args:
                visit(argument)
        if type(node) in {Symbol, Indexed, IndexedBase} and node not in theorem.over:
            order.append(node)

    visit(theorem.conclusion)
    return ([theorem.over[1]] if theorem.over else []) + order


def _assignment(symbol, exact, failure, write, theorem) -> list[str]:
    if type(symbol) is IndexedBase:
        values = {t: _literal(exact.measured(value)) for t, value in failure.row[symbol].items()}
        return [f"{_name(symbol.args[0])} = {{{', '.join(f'{t}: {value}' for t, value in values.items())}}}"]
    if type(symbol) is Indexed:  # a sequence that is defined, not measured: its values at every stage
        values = _defined_sequence(symbol, exact, failure, theorem)
        return [f"{_name(symbol.args[0].args[0])} = {{{', '.join(f'{t}: {value}' for t, value in values.items())}}}"]
    if symbol not in failure.row and symbol in theorem.definitions and not is_vector(symbol):
        return [f"{_name(symbol)} = {write(theorem.definitions[symbol])}"]
    return [f"{_name(symbol)} = {_literal(exact.value(symbol))}"]


def _defined_sequence(symbol, exact, failure, theorem) -> dict[int, str]:
    values = {}
    for stage in range(failure.horizon or 0):
        try:
            walk = exact.at(theorem.over[0], stage)
            values[stage] = _root_literal(symbol, walk, theorem)
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
    if type(value) is flint.fmpq:
        return f"Rational({value.numerator}, {value.denominator})"
    if type(value) is flint.arb:
        return f"Float('{value.str(40, radius=False)}', 40)"  # a ball: its midpoint
    return f"Rational({Fraction(value).numerator}, {Fraction(value).denominator})"


