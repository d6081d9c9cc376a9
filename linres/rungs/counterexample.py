"""A counterexample as people need it: the instance, both sides, a snippet that runs and a paragraph for a paper.

Both restate the hypotheses: that they hold is half of what a counterexample says.
"""

import keyword
import re
import textwrap
from math import isqrt
from typing import Any

import flint
import sympy
from sympy import Indexed, IndexedBase, Symbol
from sympy.printing.str import StrPrinter

from linres.arithmetic import Matrix
from linres.evaluate import Enclosure, Missing
from linres.language import chance_nodes, is_vector
from linres.printing import latex, text
from linres.rungs.rigorous import Failure
from linres.theorem import Theorem

BITS = 4096  # precision at which values that a definition gives are written
DIGITS = 10_000  # what SymPy may spend on a difference of both sides; more than the largest precision of a check
LONGEST = 60  # characters of a rational that is written out in a paragraph
DRAWN = "Probabilities are the middles of intervals, from draws; each holds but for a risk of 2^-40."
DRAWN_TEX = "Probabilities are enclosed by draws, but for a risk of $2^{-40}$ each; it fails on the whole enclosure."
USED = {  # names that a snippet relies on
    "E", "I", "S", "N", "pi", "sqrt", "exp", "log", "Abs", "transpose", "eye", "Matrix", "Rational", "reduce", "range",
    "print", "left", "right", "gap", "total", "prod", "all", "bool",
}


def describe(theorem: Theorem, failure: Failure) -> dict[str, Any]:
    """{"instance", "row", "horizon", "left", "right", "snippet", "latex"}: text and integers only, ready for JSON."""
    return {
        "instance": repr(failure.instance),
        "row": failure.position,
        "horizon": failure.horizon,
        "left": _short(failure.left),
        "right": _short(failure.right),
        "snippet": snippet(theorem, failure),
        "latex": paragraph(theorem, failure),
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
    """Python that prints that the hypotheses are true at the counterexample, both sides of the claim, and that it is
    false; needs SymPy alone.

    Rational values are written out exactly. Of a value known only as a ball the midpoint is written, which is as good:
    the hypotheses hold and the claim fails for every number in the ball.
    """
    with flint.ctx.workprec(BITS):
        return "\n".join(_lines(theorem, failure))


def _lines(theorem: Theorem, failure: Failure) -> list[str]:
    exact = _read(theorem, failure)
    of_matrices = isinstance(failure.left, Matrix)
    python = _Python(_size(failure))
    title = f"# {theorem.name} fails here: {theorem.title}".removesuffix(": ")
    title += "\n# " + DRAWN if failure.drawn else ""
    lines = [title, "from functools import reduce", "from sympy import *", ""]
    for label, symbols in _by_label(_needed(theorem, failure)).items():
        lines.append(f"{python.name(label)} = {_assigned(symbols, exact, failure, python, theorem)}")
    lines += _hypotheses(theorem, exact, failure, python)
    left, right = map(python.doprint, theorem.conclusion.args)
    relation = _operator(theorem.conclusion)
    lines += ["", f"left = {left}", f"right = {right}"]
    if of_matrices:
        return [*lines, f"print(left, {relation!r}, right, 'is', left {relation} right)"]
    gap = "0 if (left - right).equals(0) else " if _overlap(failure) else ""  # equal sides: SymPy is slow to see it
    return [
        *lines,
        f"gap = {gap}N(left - right, 30, maxn={DIGITS})",
        f"print(N(left, 30), {relation!r}, N(right, 30), 'is', bool(gap {relation} 0))",
    ]


def _read(theorem: Theorem, failure: Failure) -> Enclosure:
    """The row of the failure, at its horizon."""
    stages = {theorem.over[1]: failure.horizon} if theorem.over else {}
    return Enclosure(failure.row, theorem.read_with(failure.row), stages)


def _size(failure: Failure) -> int:
    """The rows of the matrices that the counterexample is about; 1 if it is about none."""
    values = [failure.left, *failure.row.values()]
    values += [value for each in values if isinstance(each, dict) for value in each.values()]
    return next((value.shape[0] for value in values if isinstance(value, Matrix)), 1)


def _operator(relation: Any) -> str:
    return {"Equality": "==", "Unequality": "!="}.get(type(relation).__name__, relation.rel_op)


def _hypotheses(theorem: Theorem, exact: Enclosure, failure: Failure, python: "_Python") -> list[str]:
    """A line for each hypothesis that prints it and that it is true, for a sequence at every stage."""
    lines = []
    for hypothesis in theorem.hypotheses:
        of_stage = set(theorem.over[:1]) & hypothesis.free_symbols
        walks = [exact.at(theorem.over[0], t) for t in range(_stages(failure))] if of_stage else [exact]
        truth = _true(hypothesis, walks, python)
        if of_stage:
            truth = f"all({truth} for {python.name(theorem.over[0])} in range({_stages(failure)}))"
        lines.append(f"print({text(hypothesis)!r}, 'is', bool({truth}))")
    return ["", *lines] if lines else []


def _true(relation: Any, walks: list[Enclosure], python: "_Python") -> str:
    """The relation as Python that decides it; of rationals and of matrices as they are."""
    left, right = map(python.doprint, relation.args)
    values = [tuple(map(walk.value, relation.args)) for walk in walks]
    if all(type(value) is not flint.arb for pair in values for value in pair):
        return f"{left} {_operator(relation)} {right}"
    gap = f"({left}) - ({right})"
    decided = f"N({gap}, 30, maxn={DIGITS}) {_operator(relation)} 0"
    equal = any(flint.arb(a).overlaps(flint.arb(b)) for a, b in values)
    return f"(({gap}).equals(0) or {decided})" if equal else decided


def _stages(failure: Failure) -> int:
    """At how many stages hypotheses are assumed: at stage 0 in any case."""
    return max(failure.horizon or 0, 1)


def _overlap(failure: Failure) -> bool:
    return bool(flint.arb(failure.left).overlaps(flint.arb(failure.right)))


def _label(symbol: Any) -> Any:
    """The symbol that a sequence is written with; of anything else itself."""
    base = symbol.args[0] if type(symbol) is Indexed else symbol
    return base.args[0] if type(base) is IndexedBase else base


def _needed(theorem: Theorem, failure: Failure) -> list[Any]:
    """What the statement is written in, definitions that were not measured coming after what they need."""
    order: list[Any] = []
    seen: set[Any] = set()
    leaves = {Symbol, Indexed, IndexedBase} | chance_nodes()

    def visit(node):
        if type(node) is Indexed and node.args[0] in failure.row:
            node = node.args[0]
        if node in seen:
            return
        seen.add(node)
        meaning = None if node in failure.row else theorem.definitions.get(node)
        for argument in () if node in failure.row else node.args if meaning is None else (meaning,):
            visit(argument)
        if type(node) in leaves and node not in theorem.over and (meaning is not None or node in failure.row):
            order.append(node)

    for relation in (theorem.conclusion, *theorem.hypotheses):
        visit(relation)
    return ([theorem.over[1]] if theorem.over else []) + order


def _by_label(symbols: list[Any]) -> dict[Any, list[Any]]:
    """The symbols under the name they are assigned to: a sequence may be defined at t and at t + 1."""
    labelled: dict[Any, list[Any]] = {}
    for symbol in symbols:
        labelled.setdefault(_label(symbol), []).append(symbol)
    return labelled


def _assigned(symbols, exact: Enclosure, failure: Failure, python: _Python, theorem: Theorem) -> str:
    """The value of a symbol as Python: of a sequence at every stage, of a scalar that is defined its definition."""
    symbol = symbols[0]
    if type(symbol) is IndexedBase:
        return _table({t: _literal(exact.measured(value)) for t, value in failure.row[symbol].items()})
    if type(symbol) is Indexed:
        defined = [_defined_sequence(each, exact, failure, theorem) for each in reversed(symbols)]
        return _table({t: value for table in defined for t, value in table.items()})
    if symbol not in failure.row and symbol in theorem.definitions and not is_vector(symbol):
        return python.doprint(theorem.definitions[symbol])
    return _literal(exact.value(symbol))


def _table(values: dict[int, str]) -> str:
    return f"{{{', '.join(f'{t}: {value}' for t, value in values.items())}}}"


def _defined_sequence(symbol, exact, failure, theorem) -> dict[int, str]:
    values = {}
    for stage in range(_stages(failure)):
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
        return _root(walk.value(meaning.base))
    return _literal(walk.value(meaning))


def _root(value: Any) -> str:
    """sqrt(value) as Python: of a square its root, since SymPy asks of what stands under one whether it is prime."""
    if type(value) is flint.fmpq and value >= 0:
        roots = [isqrt(int(number)) for number in (value.numerator, value.denominator)]
        if roots[0] ** 2 == value.numerator and roots[1] ** 2 == value.denominator:
            return _literal(flint.fmpq(*roots))
    return f"sqrt({_literal(value)})"


def _literal(value: Any) -> str:
    if isinstance(value, Matrix):
        return f"Matrix([{', '.join('[' + ', '.join(map(_literal, row)) + ']' for row in value.data.tolist())}])"
    if type(value) is flint.arb:
        return f"{_literal(value.mid().fmpq())}"
    value = flint.fmpq(value)
    return f"Rational({_integer(value.numerator)}, {_integer(value.denominator)})"


def _integer(value: Any) -> str:
    """The integer as Python reads it: from some 4300 digits on it refuses decimal ones, but no hexadecimal ones."""
    return str(value) if abs(value) < 10**4000 else hex(int(value))


def paragraph(theorem: Theorem, failure: Failure) -> str:
    """The counterexample in LaTeX, to be put into a paper: the claim, an instance, its hypotheses, both sides.

    Rationals are exact. A number that is no rational, or too long for a line, is rounded and says so by an approx sign;
    it is the snippet that has it exactly. The comment at the end has the instance.
    """
    with flint.ctx.workprec(BITS):
        return _paragraph(theorem, _read(theorem, failure), failure)


def _paragraph(theorem: Theorem, exact: Enclosure, failure: Failure) -> str:
    needed = _needed(theorem, failure)
    given = [tex for symbol in needed for tex in _values(symbol, exact, failure, needed)]
    lines = [f"The claim ${latex(theorem.conclusion)}$ is false. Take", _enumerated(given) + "."]
    assumed = [latex(hypothesis) + _when(hypothesis, theorem) for hypothesis in theorem.hypotheses]
    if assumed:
        lines += [f"{'Every' if len(assumed) > 1 else 'The'} hypothesis holds:", _enumerated(assumed) + "."]
    left, right = map(latex, theorem.conclusion.args)
    sides = f"${left} {_tex(failure.left)}$ and ${right} {_tex(failure.right)}$"
    instance = textwrap.wrap(
        f"measured on {failure.instance!r}", 110, initial_indent="% ", subsequent_indent="%     ",
        break_long_words=False, break_on_hyphens=False,
    )
    drawn = [DRAWN_TEX] if failure.drawn else []
    return "\n".join([*lines, f"{'But' if assumed else 'Then'} {sides}.", *drawn, *instance])


def _when(hypothesis: Any, theorem: Theorem) -> str:
    if not set(theorem.over[:1]) & hypothesis.free_symbols:
        return ""
    t, T = map(latex, theorem.over)
    return rf" \quad (0 \leq {t} < {T})"


def _enumerated(formulas: list[str]) -> str:
    return ",\n".join(f"${formula}$" for formula in formulas)


def _values(symbol: Any, exact: Enclosure, failure: Failure, needed: list[Any]) -> list[str]:
    """symbol = value in LaTeX: of a sequence at every stage, of what is defined its definition first."""
    meaning = exact.definitions.get(symbol)
    if type(symbol) is IndexedBase:
        return [f"{latex(symbol[t])} {_tex(exact.measured(value))}" for t, value in failure.row[symbol].items()]
    if type(symbol) is Indexed:
        return [f"{latex(symbol)} = {latex(meaning)}"]
    explained = meaning is not None and meaning.free_symbols <= {*needed}
    definition = f" = {latex(meaning)}" if explained else ""
    return [f"{latex(symbol)}{definition} {_tex(exact.value(symbol))}"]


def _tex(value: Any) -> str:
    """"= value" in LaTeX, or "approx value" with 12 digits."""
    if not isinstance(value, Matrix):
        return _sign(exact := _is_short(value)) + _number_tex(value, exact)
    rows = value.data.tolist()
    exact = all(_is_short(entry) for row in rows for entry in row)
    entries = r" \\ ".join(" & ".join(_number_tex(entry, exact) for entry in row) for row in rows)
    return rf"{_sign(exact)}\begin{{pmatrix}} {entries} \end{{pmatrix}}"


def _sign(exact: bool) -> str:
    return "= " if exact else r"\approx "


def _is_short(value: Any) -> bool:
    """Whether the number is a rational that can be written out."""
    return type(value) is not flint.arb and len(str(flint.fmpq(value))) <= LONGEST


def _number_tex(value: Any, exact: bool) -> str:
    if exact:
        value = flint.fmpq(value)
        p, q = abs(int(value.numerator)), int(value.denominator)
        return ("-" if value < 0 else "") + (f"{p}" if q == 1 else rf"\frac{{{p}}}{{{q}}}")
    digits, _, exponent = flint.arb(value).str(12, radius=False).partition("e")
    return digits + (rf" \cdot 10^{{{int(exponent)}}}" if exponent else "")
