"""Integers over one denominator are the rational matrices they stand for, in every operation."""

from fractions import Fraction

import flint
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from linres.arithmetic import EXACT, Matrix, divide, inner, to_exact, to_scaled
from linres.scaled import Scaled
from linres.strategies import tables

F = Fraction
floats = st.floats(allow_nan=False, allow_infinity=False)


def scaled(matrix, factor=1):
    """The same rational matrix over `factor` times its least denominator."""
    least = Scaled.of(matrix.data)
    return Matrix(Scaled(least.integers * factor, least.denominator * factor, least.rows))


OPERATIONS = {
    "sum": lambda a, b: a + b,
    "difference": lambda a, b: a - b,
    "negative": lambda a, b: -a,
    "product": lambda a, b: a @ b,
    "transpose": lambda a, b: a.T @ b,
    "multiple": lambda a, b: flint.fmpq(-3, 7) * a,
    "whole multiple": lambda a, b: 3 * a,
    "quotient": lambda a, b: divide(a, b + 100 * b.identity()),
    "inner": lambda a, b: EXACT.matrix([[inner(a, b)]]),
    "determinant": lambda a, b: EXACT.matrix([[a.data.det()]]),
    "square": lambda a, b: EXACT.matrix([[inner(a - b, a - b)]]),
}


@pytest.mark.parametrize("name", OPERATIONS)
@given(tables(3), tables(3), st.integers(1, 60))
def test_every_operation_is_that_of_rational_matrices(name, a, b, factor):
    a, b = EXACT.matrix(a), EXACT.matrix(b)
    expected = OPERATIONS[name](a, b)
    for left, right in ((scaled(a, factor), scaled(b)), (scaled(a), b), (a, scaled(b, factor))):
        found = OPERATIONS[name](left, right)
        assert found == expected and expected == found
        assert found.entries() == expected.entries() and found.data.tolist() == expected.data.tolist()


@given(tables(2), tables(2))
def test_they_are_equal_when_their_entries_are(a, b):
    equal = a == b
    a, b = EXACT.matrix(a), EXACT.matrix(b)
    assert (scaled(a, 6) == scaled(b, 35)) == (a == scaled(b)) == (scaled(a) == b) == equal


def test_shapes_must_fit():
    row, square = to_scaled(np.ones((1, 4))), to_scaled(np.ones((2, 2)))
    assert row != square
    for operation in (lambda: row + square, lambda: row - square, lambda: inner(row, square)):
        with pytest.raises(ValueError, match="one shape"):
            operation()
    assert (row.shape, square.shape, row.T.shape) == ((1, 4), (2, 2), (4, 1))


@given(arrays(np.float64, (2, 3), elements=floats), st.one_of(st.none(), st.integers(-1100, 1100)))
def test_nothing_is_lost_from_float64(array, top):
    assert to_scaled(array, top) == to_exact(array)


@given(arrays(np.float64, (2, 2), elements=st.floats(-7.9, 7.9).map(lambda x: round(x * 2**40) / 2**40)))
def test_floats_with_one_top_have_one_denominator(array):
    """If they need no more than 80 binary places: sums need then not be brought to a common one."""
    assert Scaled.of_floats(array, top=3).denominator == 2**77


@pytest.mark.parametrize("entry", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite_is_refused(entry):
    with pytest.raises(ValueError, match="should be finite"):
        to_scaled(np.array([[1.0, entry]]))


def test_a_float_multiple_is_refused():
    with pytest.raises(TypeError):
        0.5 * to_scaled(np.ones((2, 2)))


def test_they_have_no_hash():
    with pytest.raises(TypeError):
        hash(Scaled.of_floats(np.ones((1, 1))))


@pytest.mark.parametrize("kind", [np.longdouble, np.complex128, np.float32, np.int64])
def test_only_float64_is_taken_at_its_word(kind):
    with pytest.raises(ValueError, match="should be float64"):
        Scaled.of_floats(np.eye(2).astype(kind))
