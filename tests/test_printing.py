"""Statements as text and as LaTeX: what a reader sees in the terminal and on a page."""

import re

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from sympy import Add, Eq, Mul, Pow, Rational, sqrt, symbols

from linres.language import Det, GeometricSum, Inner, norm
from linres.printing import latex, text
from linres.theorems import NAMES, load

x, y = symbols("x y", real=True)
t, T = symbols("t T", integer=True)
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


def test_a_determinant_has_brackets_unless_nothing_is_beside_it():
    with sympy.evaluate(False):
        assert latex(sympy.Ne(Det(v), 0)) == r"\det v \neq 0"
        assert latex(Det(v + w)) == r"\det \left(v + w\right)"
        assert latex(Det(v) * x) == r"\det \left(v\right) x"
        assert latex(1 / Det(v)) == r"\frac{1}{\det v}"
        assert latex(Det(v * w) ** 2) == r"\det \left(v w\right)^{2}"
        assert latex(Det(v) ** 2) == r"\det \left(v\right)^{2}"


def test_a_transpose_may_be_raised_to_a_power():
    with sympy.evaluate(False):
        assert latex(sympy.transpose(v) ** 2) == r"\left(v^{\top}\right)^{2}"


LEAVES = st.sampled_from([x, y, *map(Rational, (-2, "-1/2", "2/3", 1, 3))])


def grown(parts):
    pairs = st.tuples(parts, parts)
    return st.one_of(
        pairs.map(lambda pair: Add(*pair, evaluate=False)), pairs.map(lambda pair: Mul(*pair, evaluate=False)),
        st.tuples(parts, st.sampled_from([-2, -1, Rational(1, 2), 2, 3])).map(lambda pair: Pow(*pair, evaluate=False)),
    )


@given(st.recursive(LEAVES, grown, max_leaves=8))
def test_text_read_as_python_has_the_value_of_the_expression(expression):
    values = {"x": sympy.Rational(7, 5), "y": sympy.Rational(11, 3)}
    exact = expression.doit().subs({x: values["x"], y: values["y"]})
    if not exact.is_finite:
        return
    read = sympy.sympify(text(expression), locals=values)
    assert abs(sympy.N(read - exact, 30, maxn=200)) < 1e-20


def test_no_brackets_stand_within_a_product_in_a_product_or_a_sum_in_a_sum():
    with sympy.evaluate(False):
        assert text((x * y) * (x / y) * x) == "x*y*x/y*x"
        assert text(x + (y - 2 * (x + y))) == "x + y - 2*(x + y)"
        assert text(x / (2 * (x + y)) * y) == "x/(2*(x + y))*y"
        assert text(sqrt(((1 + x) * y) / 2)) == "sqrt((1 + x)*y/2)"
        assert text((x * v) * Pow(w, -1) * v) == "x*v*w**(-1)*v"


def test_a_root_or_a_length_to_a_power_has_no_brackets_and_a_power_to_a_power_has():
    with sympy.evaluate(False):
        assert (text(sqrt(1 - x) ** T), latex(sqrt(1 - x) ** T)) == ("sqrt(1 - x)**T", r"\sqrt{1 - x}^{T}")
        assert (text(norm(v) ** 3), latex(norm(v) ** 3)) == ("|v|**3", r"\left\lVert v \right\rVert^{3}")
        assert (text((x**2) ** T), latex((x**2) ** T)) == ("(x**2)**T", r"\left(x^{2}\right)^{T}")


def test_a_sum_over_stages_has_brackets_where_they_are_needed_alone():
    d = sympy.IndexedBase(sympy.Symbol("d", real=True))
    with sympy.evaluate(False):
        plain, sums = GeometricSum(x, sqrt(1 - y), d[t], t, T), GeometricSum(x + y, 1 - y, d[t] + x, t, T)
        assert text(plain) == "sqrt(1 - y)**T*x + sum_(t<T) sqrt(1 - y)**(T-1-t)*d[t]"
        assert latex(plain) == r"\sqrt{1 - y}^{T} x + \sum_{t=0}^{T-1} \sqrt{1 - y}^{T-1-t} d_{t}"
        assert text(sums) == "(1 - y)**T*(x + y) + sum_(t<T) (1 - y)**(T-1-t)*(d[t] + x)"
        assert latex(sums).count(r"\left(") == 4
        assert text(GeometricSum(x, y, d[t], t, T + 1)).startswith("y**(T + 1)*x + ")


def test_the_bound_of_nesterov_with_errors_has_no_needless_brackets():
    assert text(load("nesterov-with-errors").conclusion) == (
        "sqrt(Phi[T]) <= sqrt(1 - q)**T*sqrt(Phi[0]) + sum_(t<T) sqrt(1 - q)**(T-1-t)*(sqrt(1 - q)*sqrt((1 + q)*L/2)"
        "*d[t] + sqrt(L)*e_norm[t])")


@pytest.mark.parametrize("name", NAMES)
def test_no_statement_is_printed_with_brackets_twice_around_the_same(name):
    theorem = load(name)
    for relation in (theorem.conclusion, *theorem.hypotheses, *(step.claim for step in theorem.steps())):
        assert not re.search(r"\(\(([^()]|\([^()]*\))*\)\)", text(relation).replace("sum_(", "(")), text(relation)
