"""Statements as text and as LaTeX: terms in the order they were written, |v| for a norm, t + 1 for an index."""

from sympy import Expr, Indexed, Pow, sstr
from sympy.printing.latex import LatexPrinter
from sympy.printing.str import StrPrinter

from linres.language import Inner, same


def _norm_of(node: Expr):
    """v if the node is sqrt(<v, v>), else None."""
    if type(node) is Pow and node.exp.is_Rational and node.exp.p == 1 and node.exp.q == 2:
        inside = node.base
        return inside.args[0] if type(inside) is Inner and same(*inside.args) else None
    return None


class _Text(StrPrinter):
    def _print(self, expr, **options):
        # SymPy asks an Indexed to print itself, which would put the index in the order of the statement, "1 + t".
        return self._print_Indexed(expr) if type(expr) is Indexed else super()._print(expr, **options)

    def _print_Pow(self, expr, **options):
        vector = _norm_of(expr)
        return super()._print_Pow(expr, **options) if vector is None else f"|{self._print(vector)}|"

    def _print_Indexed(self, expr):
        return f"{expr.args[0].args[0]}[{sstr(expr.args[1])}]"


    def _print_Equality(self, expr):
        return f"{self._print(expr.lhs)} = {self._print(expr.rhs)}"

    def _print_Unequality(self, expr):
        return f"{self._print(expr.lhs)} != {self._print(expr.rhs)}"

    def _print_Det(self, expr):
        return f"det({self._print(expr.args[0])})"


class _Latex(LatexPrinter):
    def _print_Pow(self, expr):
        vector = _norm_of(expr)
        return super()._print_Pow(expr) if vector is None else rf"\left\| {self._print(vector)} \right\|"

    def _print_Indexed(self, expr):
        label, index = self._print(expr.args[0].args[0]), LatexPrinter().doprint(expr.args[1])
        return rf"{{{label}}}_{{{index}}}"


def text(expression) -> str:
    """The expression on one line, for people."""
    return _Text({"order": "none"}).doprint(expression)


def latex(expression) -> str:
    """The expression in LaTeX, without delimiters."""
    return _Latex({"order": "none"}).doprint(expression)
