"""The arithmetics: each operator, exactness where it is promised, refusal where it is not."""

from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy
from balls import contains
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import symbols

import linres
from linres.arithmetic import BALL, EXACT, FLOAT, Matrix, Symbolic, divide, inner, rational, round_dyadic, to_exact
from linres.strategies import tables

F = Fraction
A = ((F(1), F(2)), (F(3), F(5)))
B = ((F(0), F(1, 3)), (F(-1), F(2)))
rationals = st.fractions(max_denominator=10**6)


def as_floats(table):
    return np.array([[float(entry) for entry in row] for row in table])


def close(matrix, array):
    return np.allclose([float(flint.arb(e).mid()) for e in matrix.entries()], np.ravel(array), rtol=1e-14)


OPERATORS = {
    "sum": lambda a, b: a + b,
    "difference": lambda a, b: a - b,
    "negative": lambda a, b: -a,
    "product": lambda a, b: a @ b,
    "transpose": lambda a, b: a.T @ b,
    "sum from 0": lambda a, b: sum([a, b]),
    "quotient": divide,
}


@pytest.mark.parametrize("arithmetic", [EXACT, BALL])
@pytest.mark.parametrize("name", OPERATORS)
def test_every_operator_means_what_it_means_in_numpy(arithmetic, name):
    found = OPERATORS[name](arithmetic.matrix(A), arithmetic.matrix(B))
    assert close(found, OPERATORS[name](as_floats(A), as_floats(B)))


@pytest.mark.parametrize("scalar", [3, flint.fmpq(1, 3)])
@pytest.mark.parametrize("arithmetic", [EXACT, BALL])
def test_a_scalar_multiplies_from_the_left(arithmetic, scalar):
    assert close(scalar * arithmetic.matrix(A), float(F(str(scalar))) * as_floats(A))


def test_a_numpy_scalar_does_not_make_a_matrix_an_array():
    """NumPy leaves the product to the matrix, which refuses a float rather than round."""
    with pytest.raises(TypeError):
        np.float64(0.5) * EXACT.matrix(A)
    with pytest.raises(TypeError):
        0.5 * EXACT.matrix(A)


def test_exact_matrices_are_equal_entry_by_entry():
    assert EXACT.matrix(A) == EXACT.matrix(A) and EXACT.matrix(A) != EXACT.matrix(B)
    assert EXACT.matrix(A) != EXACT.matrix([[*row, F(0)] for row in A])


def test_ball_matrices_are_never_called_equal():
    assert BALL.matrix(A) != BALL.matrix(A) and BALL.matrix(A) != EXACT.matrix(A) and EXACT.matrix(A) != BALL.matrix(A)


def test_matrices_have_no_hash():
    with pytest.raises(TypeError):
        hash(EXACT.matrix(A))


def test_shapes_and_identities():
    tall = EXACT.matrix([[1], [2], [3]])
    assert tall.shape == (3, 1) and tall.T.shape == (1, 3)
    assert tall.identity() == EXACT.matrix([[i == j for j in range(3)] for i in range(3)])
    assert repr(EXACT.matrix([[1]])) == "Matrix([[1]])"


def test_shapes_that_do_not_fit_are_refused():
    for operation in (lambda a, b: a + b, lambda a, b: a @ b.T @ b, inner):
        with pytest.raises(ValueError):
            operation(EXACT.matrix(A), EXACT.matrix([[1, 2, 3]]))


@pytest.mark.parametrize("arithmetic", [EXACT, BALL, FLOAT])
def test_a_singular_matrix_has_no_quotient(arithmetic):
    singular = arithmetic.matrix([[1, 2], [2, 4]])
    with pytest.raises((ZeroDivisionError, np.linalg.LinAlgError)):
        divide(arithmetic.matrix(A), singular)


@given(tables(3), tables(3))
@settings(deadline=None)
def test_the_quotient_undoes_the_product(a, b):
    left, right = EXACT.matrix(a), EXACT.matrix(b)
    if right.data.det() != 0:
        assert divide(left @ right, right) == left


@given(tables(2), tables(2))
@settings(deadline=None)
def test_the_inner_product_is_a_trace_in_every_arithmetic(a, b):
    exact = inner(EXACT.matrix(a), EXACT.matrix(b))
    product = (EXACT.matrix(a).T @ EXACT.matrix(b)).data
    assert exact == product[0, 0] + product[1, 1]
    assert contains(inner(BALL.matrix(a), BALL.matrix(b)), exact)
    assert inner(FLOAT.matrix(a), FLOAT.matrix(b)) == float(F(int(exact.p), int(exact.q)))  # small and dyadic


# Symbols.

X, Y = symbols("X Y", commutative=False)


def test_symbols_do_not_commute():
    x, y = Symbolic(X), Symbolic(Y)
    assert (x @ y - y @ x).expr != 0 and (x @ y).expr == X * Y


def test_symbols_have_the_operators_of_a_matrix():
    x, y = Symbolic(X), Symbolic(Y)
    assert (sum([x, y]) - x).expr.expand() == Y and (-x).expr == -X and (2 * x).expr == 2 * X
    assert divide(x, y).expr == X * Y**-1 and x.T.expr == sympy.transpose(X)


# Numbers.


@pytest.mark.parametrize(
    "value", [3, np.int64(3), F(3), flint.fmpq(3), 3.0, np.float64(3.0), np.float32(3.0)], ids=repr
)
def test_every_exact_number_has_its_rational_value(value):
    assert rational(value) == flint.fmpq(3)


def test_a_float_is_the_dyadic_number_it_is():
    assert rational(0.1) == flint.fmpq(3602879701896397, 2**55) != flint.fmpq(1, 10)


@pytest.mark.parametrize("value", ["1/3", None, 1j, flint.arb(1), sympy.Rational(1, 3)])
def test_nothing_else_has_a_rational_value(value):
    with pytest.raises(TypeError, match="no exact rational value"):
        rational(value)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), np.float64("-inf")])
def test_no_rational_value_in_what_is_not_finite(value):
    with pytest.raises((ValueError, OverflowError)):
        rational(value)


@given(rationals.map(abs))
def test_the_exact_root_of_a_square_is_rational(value):
    square = rational(value) * rational(value)
    assert type(EXACT.sqrt(square)) is flint.fmpq and EXACT.sqrt(square) == rational(value)


@given(rationals.map(abs))
def test_every_root_encloses_a_number_with_that_square(value):
    root = EXACT.sqrt(rational(value))
    assert contains(flint.arb(root * root), rational(value))
    assert BALL.sqrt(BALL.number(value)).overlaps(flint.arb(root))


def test_the_root_of_a_negative_number_is_no_number():
    assert not EXACT.sqrt(flint.fmpq(-4)).is_finite()


def test_a_ball_of_a_third_holds_a_third_and_float64_does_not():
    assert contains(BALL.number(F(1, 3)), flint.fmpq(1, 3)) and rational(FLOAT.number(F(1, 3))) != flint.fmpq(1, 3)


def test_arithmetics_are_named():
    assert list(map(repr, (EXACT, BALL, FLOAT))) == ["EXACT", "BALL", "FLOAT"]


# Floats taken at their word, and rounding on purpose.


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4))
def test_nothing_is_lost_from_float64(values):
    exact = to_exact(np.array(values))
    assert exact.shape == (1, len(values))
    assert [float(F(int(e.p), int(e.q))) for e in exact.entries()] == values


@given(st.lists(rationals, min_size=1, max_size=4), st.integers(1, 80))
def test_rounding_errs_by_less_than_the_bits_it_keeps_and_is_dyadic(values, bits):
    matrix = EXACT.matrix([values])
    rounded = round_dyadic(matrix, bits)
    largest = max(abs(entry) for entry in matrix.entries())
    for before, after in zip(matrix.entries(), rounded.entries(), strict=True):
        assert abs(before - after) <= largest / flint.fmpq(2) ** (bits - 1)
        assert int(after.q).bit_count() == 1


@given(st.lists(st.integers(-(2**20), 2**20), min_size=1, max_size=4))
def test_rounding_keeps_what_fits(values):
    matrix = EXACT.matrix([values])
    assert round_dyadic(matrix, 22) == matrix


def test_rounding_does_round():
    assert round_dyadic(EXACT.matrix([[F(1, 3)]]), 8) != EXACT.matrix([[F(1, 3)]])


def test_a_matrix_is_made_of_flint_matrices():
    assert type(EXACT.matrix(A).data) is flint.fmpq_mat and type(BALL.matrix(A).data) is flint.arb_mat
    assert isinstance(EXACT.matrix(A), Matrix) and type(FLOAT.matrix(A)) is np.ndarray


@pytest.mark.parametrize("arithmetic", [EXACT, BALL], ids=repr)
@pytest.mark.parametrize("value", [0.1, np.float64(0.1), 1.0])
def test_no_float_is_taken_for_an_exact_number(arithmetic, value):
    with pytest.raises(TypeError, match="is a float, not an exact number"):
        arithmetic.number(value)
    with pytest.raises(TypeError, match="is a float, not an exact number"):
        arithmetic.matrix([[value]])


def test_a_theorem_measured_from_floats_is_neither_refuted_nor_supported():
    a, b = sympy.symbols("a b", real=True)
    third = linres.Theorem(
        "third", sympy.Eq(3 * b, a, evaluate=False), instances=lambda: st.tuples(st.integers(1, 9)),
        measure=lambda i, arithmetic: [{a: arithmetic.number(i[0]), b: arithmetic.number(i[0] / 3)}])
    verdict = linres.verify(third)
    assert verdict.verdict == "inconclusive" and "is a float, not an exact number" in verdict.reason
