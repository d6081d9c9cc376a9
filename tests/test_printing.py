"""Statements as text: what a reader sees in the terminal."""

import sympy
from sympy import Eq, symbols

from linres.language import Inner
from linres.printing import text

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
