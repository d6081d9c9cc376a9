"""Statements as text and as LaTeX: terms in the order they were written, |v| for a norm, t + 1 for an index.

In LaTeX a name says how it is set: x_star, x_next and x_prev get a star, a plus and a minus, D_norm the bars of a norm;
f_x and ell_Y are f(x) and ell(Y), and of a sequence the index stands with the argument. A product is one fraction with
its numbers multiplied; a sum has no brackets within a sum, and begins with a minus only if it must. Backslashes stand
before letters only, since Markdown takes the others for its own.

As text a product is read from the left, a/b*c for (a/b) c, so that neither a product nor a sum has brackets within one
of its own kind.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import prod
from typing import Any, NamedTuple

from sympy import Add, Expr, Indexed, Integer, Mul, Pow, Symbol, sstr
from sympy.printing.latex import LatexPrinter
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from linres.language import NUMBERS, Det, GeometricSum, Inner, is_integer, is_vector, same

MARKS = {"star": r"%s^{\ast}%s", "next": "%s_{+}%s", "prev": "%s_{-}%s", "norm": r"\lVert %s%s \rVert"}
FUNCTIONS = {"f": "f", "ell": r"\ell"}
POINTS = {point: point for point in ("x", "y", "z", "W", "Y", "Z")} | {"next": "x_{+}"}


def _undiscounted(node: Any) -> bool:
    """Whether the node is a sum over stages with ratio 1, whose powers are not worth writing."""
    return type(node) is GeometricSum and same(node.args[1], Integer(1))


def _is_root(node: Any) -> bool:
    """Whether the node is a square root, the length of a vector included."""
    return type(node) is Pow and node.exp.is_Rational and node.exp.p == 1 and node.exp.q == 2


def _norm_of(node: Expr):
    """v if the node is sqrt(<v, v>), else None."""
    if not _is_root(node):
        return None
    inside = node.base
    return inside.args[0] if type(inside) is Inner and same(*inside.args) else None


class _Factor(NamedTuple):
    """A factor of a product, in the numerator or the denominator; a number is its Fraction."""

    node: Any
    below: bool


def _factors(node: Expr, below: bool = False) -> Iterator[_Factor]:
    """The factors of a product in the order they were written, those of products within it included."""
    if type(node) is Mul:
        for argument in node.args:
            yield from _factors(argument, below)
    elif type(node) in NUMBERS and not (below and node.p == 0):
        yield _Factor(Fraction(node.p, node.q) if not below else Fraction(node.q, node.p), below or node.q != 1)
    elif type(node) is Pow and type(node.exp) in NUMBERS and node.exp.p < 0 and not is_vector(node.base):
        inverted = node.base if node.exp.p == -node.exp.q else Pow(node.base, -node.exp, evaluate=False)
        yield from _factors(inverted, not below)
    else:
        yield _Factor(node, below)


def _terms(node: Expr) -> Iterator[Expr]:
    """The terms of a sum, those of sums within it included."""
    for argument in node.args:
        yield from _terms(argument) if type(argument) is Add else (argument,)


class _Products:
    """How both printers write a product: its sign, and one fraction before the other factors."""

    def _signed(self, expr) -> tuple[bool, str]:
        """Whether a term is preceded by a minus, and the rest of it."""
        factors = [*_factors(expr)]
        number = prod((each.node for each in factors if type(each.node) is Fraction), start=Fraction(1))
        return number < 0, self._product(abs(number), factors)

    def _product(self, number: Fraction, factors: list[_Factor]) -> str:
        """One fraction, which holds what was written before the last denominator, and the other factors after it."""
        below = [each.node for each in factors if each.below and type(each.node) is not Fraction]
        above = [(k, each.node) for k, each in enumerate(factors) if not each.below and type(each.node) is not Fraction]
        if number == 0:
            return "0"
        if number.denominator == 1 and not below:
            return self._juxtaposed(number.numerator, [node for _, node in above])
        last = max(k for k, each in enumerate(factors) if each.below)
        inside = [node for k, node in above if k < last]
        after = [node for k, node in above if k > last]
        if not inside and number.numerator == 1:
            inside, after = after[:1], after[1:]
        return self._fraction(number, inside, below, after)

    def _print_Mul(self, expr):
        minus, written = self._signed(expr)
        return f"-{written}" if minus else written

    def _juxtaposed(self, number: int, nodes: list) -> str:
        """number times the nodes; the number alone if there is none."""
        raise NotImplementedError

    def _fraction(self, number: Fraction, inside: list, below: list, after: list) -> str:
        """number times inside, over below, times after."""
        raise NotImplementedError


class _Text(_Products, StrPrinter):
    def _print(self, expr, **options):
        if type(expr) is GeometricSum:  # which would print itself, with brackets around everything
            return self._sum_over_stages(expr)
        # SymPy asks an Indexed to print itself, which would put the index in the order of the statement, "1 + t".
        return self._print_Indexed(expr) if type(expr) is Indexed else super()._print(expr, **options)

    def _sum_over_stages(self, expr):
        start, ratio, forcing, t, T = expr.args
        power, first = self.parenthesize(ratio, PRECEDENCE["Pow"]), self._factor(start)
        whole = f"{power}**{self.parenthesize(T, PRECEDENCE['Pow'])}*{first}"
        inside, start, t, T = self._factor(forcing), *map(self._print, (start, t, T))
        if _undiscounted(expr):
            return f"{start} + sum_({t}<{T}) {inside}"
        return f"{whole} + sum_({t}<{T}) {power}**({T}-1-{t})*{inside}"

    def parenthesize(self, item, level, strict=False):
        """As SymPy does, but without brackets around a root, which is written as a function, or between bars."""
        return self._print(item) if _is_root(item) else super().parenthesize(item, level, strict=strict)

    def _print_Pow(self, expr, **options):
        vector = _norm_of(expr)
        return super()._print_Pow(expr, **options) if vector is None else f"|{self._print(vector)}|"

    def _print_Indexed(self, expr):
        return f"{expr.args[0].args[0]}[{sstr(expr.args[1])}]"

    def _print_Add(self, expr, order=None):
        terms = [self._signed(term) for term in _terms(expr)]
        written = "".join(f" {'-' if minus else '+'} {term}" for minus, term in terms)
        return written.removeprefix(" + ") if not terms[0][0] else "-" + written.removeprefix(" - ")

    def _fraction(self, number, inside, below, after):
        above, over = self._juxtaposed(number.numerator, inside), self._juxtaposed(number.denominator, below)
        if len(below) + (number.denominator != 1) > 1:
            over = f"({over})"
        return "*".join([f"{above}/{over}", *map(self._factor, after)])

    def _juxtaposed(self, number, nodes):
        written = [*map(self._factor, nodes)]
        return "*".join([str(number), *written] if number != 1 or not written else written)

    def _factor(self, node) -> str:
        return self.parenthesize(node, PRECEDENCE["Mul"])

    def _print_Equality(self, expr):
        return f"{self._print(expr.lhs)} = {self._print(expr.rhs)}"

    def _print_Unequality(self, expr):
        return f"{self._print(expr.lhs)} != {self._print(expr.rhs)}"

    def _print_Det(self, expr):
        return f"det({self._print(expr.args[0])})"


class _Latex(_Products, LatexPrinter):
    def _print(self, expr, **options):
        if type(expr) is GeometricSum:  # which would print itself, with brackets around everything
            return self._sum_over_stages(expr)
        if type(expr) is Det:  # so would this, without any
            return self._print_Det(expr)
        # An inner product prints itself, with backslashes before punctuation.
        return self._print_Inner(expr) if type(expr) is Inner else super()._print(expr, **options)

    def _sum_over_stages(self, expr):
        start, ratio, forcing, t, T = expr.args
        power, first = self.parenthesize(ratio, PRECEDENCE["Pow"]), self.parenthesize(start, PRECEDENCE["Mul"])
        inside, start = self.parenthesize(forcing, PRECEDENCE["Mul"]), self._print(start)
        t, T = self._print(t), self._print(T)
        sum_ = rf"\sum_{{{t}=0}}^{{{T}-1}}"
        if _undiscounted(expr):
            return f"{start} + {sum_} {inside}"
        return f"{power}^{{{T}}} {first} + {sum_} {power}^{{{T}-1-{t}}} {inside}"

    def parenthesize(self, item, level, is_neg=False, strict=False):
        """As SymPy does, but without brackets around a root that is raised to a power: its bar says how far it goes."""
        if level == PRECEDENCE["Pow"] and _is_root(item):
            return self._print(item)
        if type(item) is Det:
            return self._bracketed(item)
        return super().parenthesize(item, level, is_neg=is_neg, strict=strict)

    def _print_Symbol(self, expr, style="plain"):
        return self._settings["symbol_names"].get(expr) or self._name(expr.name)

    def _print_Indexed(self, expr):
        return self._name(expr.args[0].args[0].name, f"_{{{_count(expr.args[1])}}}")

    def _name(self, name: str, index: str = "") -> str:
        base, _, mark = name.rpartition("_")
        if not base:
            return self._deal_with_super_sub(name) + index
        if base in FUNCTIONS and mark in POINTS:
            return f"{FUNCTIONS[base]}({POINTS[mark]}{index})"
        if mark in MARKS:
            return MARKS[mark] % (self._name(base), index)
        subscript = self._deal_with_super_sub(mark)
        upright = subscript if len(mark) == 1 or subscript.startswith("\\") else rf"\mathrm{{{subscript}}}"
        return f"{self._name(base)}_{{{', '.join([upright, *filter(None, [index[2:-1]])])}}}"

    def _print_Inner(self, expr):
        a, b = map(self._print, expr.args)
        norm = same(*expr.args)
        return rf"\left\lVert {a} \right\rVert^{{2}}" if norm else rf"\left\langle {a}, {b} \right\rangle"

    def _print_transpose(self, expr, exp=None):
        matrix = self.parenthesize(expr.args[0], PRECEDENCE["Pow"])
        tex = rf"{{{matrix}}}^{{\top}}" if "^" in matrix else rf"{matrix}^{{\top}}"
        return tex if exp is None else rf"\left({tex}\right)^{{{exp}}}"

    def _print_Det(self, expr):
        """Without brackets only where nothing stands beside it that might belong to the matrix."""
        matrix = expr.args[0]
        return rf"\det {self._print(matrix)}" if type(matrix) in {Symbol, Indexed} else self._bracketed(expr)

    def _bracketed(self, det) -> str:
        return rf"\det \left({self._print(det.args[0])}\right)"

    def _print_Probability(self, expr):
        return rf"\mathbb{{P}}\left({self._print(expr.args[0])}\right)"

    def _print_Abs(self, expr, exp=None):
        tex = rf"\left\lvert {self._print(expr.args[0])} \right\rvert"
        return tex if exp is None else f"{tex}^{{{exp}}}"

    def _print_Pow(self, expr):
        vector = _norm_of(expr)
        if vector is not None:
            return rf"\left\lVert {self._print(vector)} \right\rVert"
        if any(map(is_integer, expr.exp.free_symbols)):
            return f"{self.parenthesize(expr.base, PRECEDENCE['Pow'])}^{{{_count(expr.exp)}}}"
        return super()._print_Pow(expr).replace(r"\left(0\right)", "0")

    def _print_Add(self, expr, order=None):
        terms = [*map(self._signed, _terms(expr))]
        first = next((k for k, (minus, _) in enumerate(terms) if not minus), 0)
        terms = [terms[first], *terms[:first], *terms[first + 1 :]]
        tex = "".join(f" {'-' if minus else '+'} {term}" for minus, term in terms)
        return tex.removeprefix(" + ") if not terms[0][0] else "-" + tex.removeprefix(" - ")

    def _fraction(self, number, inside, below, after):
        fraction = rf"\frac{{{self._alone(number.numerator, inside)}}}{{{self._alone(number.denominator, below)}}}"
        return f"{fraction} {self._juxtaposed(1, after)}" if after else fraction

    def _alone(self, number: int, nodes: list) -> str:
        """A product where nothing stands beside it, so that a single factor needs no brackets."""
        return self._print(nodes[0]) if number == 1 and len(nodes) == 1 else self._juxtaposed(number, nodes)

    def _juxtaposed(self, number: int, nodes: list) -> str:
        written = [self.parenthesize(node, PRECEDENCE["Mul"]) for node in nodes]
        written = [str(number), *written] if number != 1 or not written else written
        return " ".join(rf"\cdot {each}" if k and each[0].isdigit() else each for k, each in enumerate(written))


def _count(expr) -> str:
    """An index, or an exponent that counts stages, as t + 1."""
    return LatexPrinter().doprint(expr)


def text(expression) -> str:
    """The expression on one line, for people."""
    return _Text({"order": "none"}).doprint(expression)


def latex(expression, names: Mapping[Symbol, str] | None = None) -> str:
    """The expression in LaTeX, without delimiters. names: how to set symbols that their name does not tell."""
    return _Latex({"order": "none", "symbol_names": dict(names or {})}).doprint(expression)


def reason(step) -> str:
    """Why a step holds, in a few words: "certificate of 2 terms", "rule root", "lemma nesterov-step", "prose"."""
    kind = type(step.by).__name__
    if kind == "Certificate":
        count = len(step.by.terms)
        return f"certificate of {count} term{'s' if count > 1 else ''}" if count else "identity"
    if kind == "Rule":
        return f"rule {step.by.name}"
    if kind == "Lemma":
        return f"lemma {step.by.theorem.name}" + (f", step {step.by.step}" if step.by.step else "")
    if kind == "Induction":
        count = len(step.by.first)
        return "induction over the stages" + (f", the first {count} by themselves" if count > 1 else "")
    return "prose"
