"""Rational bounds: on the right side of what they bound, near it, and exact where that is rational."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linres import bounds
from linres.arithmetic import EXACT, to_exact
from linres.errors import InputError

F = Fraction
positive = st.fractions(F(1, 10**9), 10**9, max_denominator=10**9)


@given(positive, st.integers(8, 80), st.integers(-300, 300))
def test_roots_are_bounded_from_both_sides_closely(value, bits, scale):
    value *= F(4) ** scale
    below, above = bounds.root_below(value, bits), bounds.root_above(value, bits)
    assert below**2 <= value <= above**2
    assert below * (1 + F(1, 2**bits)) >= above


@given(st.integers(0, 10**9), st.integers(-100, 100))
def test_a_dyadic_root_is_exact(root, scale):
    value = (root * F(2) ** scale) ** 2
    assert bounds.root_below(value)**2 == bounds.root_above(value)**2 == value


@given(positive, st.integers(2, 80))
def test_rounding_is_close_and_dyadic(value, bits):
    below, above = bounds.round_below(value, bits), bounds.round_above(value, bits)
    assert value * (1 - F(1, 2**bits)) <= below <= value <= above <= value * (1 + F(1, 2**bits))
    for rounded in (below, above):
        digits = rounded.numerator
        assert rounded.denominator.bit_count() == 1 and (digits // (digits & -digits)).bit_length() <= bits + 2


def test_zero_is_its_own_bound():
    of_zero = (bounds.root_below, bounds.root_above, bounds.round_below, bounds.round_above)
    assert all(bound(F(0)) == 0 for bound in of_zero)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ([[2, 1], [1, 2]], True), ([[1, 1], [1, 1]], True), ([[0, 0], [0, 0]], True), ([[1, 2], [2, 1]], False),
        ([[-1, 0], [0, -1]], False), ([[0, 1], [1, 0]], False), ([[1, 0, 0], [0, 0, 0], [0, 0, F(-1, 10**30)]], False),
    ],
)
def test_semidefinite_matrices_are_told_exactly(table, expected):
    assert bounds.is_semidefinite(EXACT.matrix(table)) is expected


def test_a_matrix_stretches_as_much_as_its_smallest_singular_value_and_no_more():
    rotated = EXACT.matrix([[F(3, 5), F(4, 5)], [F(4, 5), F(-3, 5)]]) @ EXACT.matrix([[2, 0], [0, 7]])
    assert bounds.stretches(rotated, F(2)) and not bounds.stretches(rotated, 2 + F(1, 10**30))


@pytest.mark.parametrize("d", [1, 2, 5, 16])
def test_the_smallest_singular_value_of_floats_is_bounded_closely_from_below(d):
    array = np.random.default_rng(d).standard_normal((d, d))
    least = bounds.smallest_singular_value(array)
    assert bounds.stretches(to_exact(array), least)
    assert not bounds.stretches(to_exact(array), least * (1 + F(1, 2**20)))


def test_the_smallest_singular_value_of_a_singular_matrix_is_0():
    assert bounds.smallest_singular_value(np.ones((3, 3))) == 0


@pytest.mark.parametrize(("d", "kappa"), [(1, 1), (3, 10), (8, 1e4), (16, 1e8)])
def test_the_curvature_encloses_every_eigenvalue_exactly_and_closely(d, kappa):
    basis = np.linalg.qr(np.random.default_rng(d).standard_normal((d, d)))[0]
    sigma = (basis * np.geomspace(1, kappa, d)) @ basis.T
    sigma = (sigma + sigma.T) / 2
    q, L = bounds.curvature(sigma)
    exact, identity = to_exact(sigma), EXACT.matrix(np.eye(d).astype(int).tolist())
    low, high = (EXACT.number(value) * identity for value in (q * q * L, L))
    assert bounds.is_semidefinite(exact - low) and bounds.is_semidefinite(high - exact)
    assert 0 < q < 1 and float(1 / q**2) == pytest.approx(kappa, rel=1e-5)


@pytest.mark.parametrize("sigma", [np.array([[1.0, 0.5], [0.4, 1.0]]), np.ones((2, 2)), -np.eye(2), np.zeros((1, 1))])
def test_the_curvature_of_what_is_not_positive_definite_is_refused(sigma):
    with pytest.raises(InputError, match="should be symmetric and positive definite"):
        bounds.curvature(sigma)


@pytest.mark.parametrize("bits", [60, 80, 200])
def test_the_smallest_of_two_singular_values_is_found_however_near_they_are(bits):
    near = Fraction(1) + Fraction(1, 2**bits)
    matrix = EXACT.matrix([[Fraction(1), Fraction(0)], [Fraction(0), near]])
    assert bounds.stretch(matrix) == 1
    assert bounds.stretches(matrix, Fraction(1)) and not bounds.stretches(matrix, near)
