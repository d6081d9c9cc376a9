"""Statements as text and as LaTeX: what a reader sees in the terminal and on a page."""

import sympy
from sympy import Eq, symbols

from linres.language import Inner
from linres.printing import latex, text

x, y = symbols("x y", real=True)
v, w = symbols("v w", commutative=False)


def test_a_multiple_of_zero_is_written_as_zero():
    with sympy.evaluate(False):
        assert text(Eq(v, 0 * w)) == "v = 0"
        assert text(Eq(x, y + 0 * x)) == "x = y + 0"


def test_a_multiple_of_anything_else_keeps_its_factors():
    with sympy.evaluate(False):
        assert text(Eq(x, 10 * y)) == "x = 10*y"
        assert text(Inner(2 * v, v)) == "<2*v, v>"


def test_a_transpose_and_an_absolute_value_are_set_without_words_and_bars():
    u_star = sympy.Symbol("u_star", commutative=False)
    with sympy.evaluate(False):
        assert latex(sympy.transpose(v) * w) == r"v^{\top} w"
        assert latex(sympy.transpose(v + w)) == r"\left(v + w\right)^{\top}"
        assert latex(sympy.transpose(u_star)) == r"{u^{\ast}}^{\top}"
        assert latex(sympy.Abs(x - y)) == r"\left\lvert x - y \right\rvert"
