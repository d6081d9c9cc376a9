"""Rational bounds of what is irrational: float64 guesses, an exact argument decides."""

from fractions import Fraction
from math import ceil, floor, isqrt

import flint
import numpy as np

from linres.arithmetic import EXACT, Matrix, rational, to_exact
from linres.errors import refuse

SLACK = Fraction(1, 2**30)  # relative; far more than float64 errs by on an eigenvalue that is 1e-6 of the largest


def root_below(value: Fraction, bits: int = 40) -> Fraction:
    """A dyadic number at most sqrt(value), and less by a share 2^-bits of it at most. value >= 0."""
    root, shift = _scaled_root(value, bits)
    return root * Fraction(2) ** -shift


def root_above(value: Fraction, bits: int = 40) -> Fraction:
    """A dyadic number at least sqrt(value), and more by a share 2^-bits of it at most. value >= 0."""
    root, shift = _scaled_root(value, bits)
    attained = root * root == value * Fraction(4) ** shift
    return (root + (not attained)) * Fraction(2) ** -shift


def _scaled_root(value: Fraction, bits: int) -> tuple[int, int]:
    """floor(2^shift sqrt(value)) and the shift for which it has more than `bits` bits."""
    shift = bits + 1 - (value.numerator.bit_length() - value.denominator.bit_length()) // 2
    return isqrt(int(value * Fraction(4) ** shift)), shift


def round_below(value: Fraction, bits: int = 40) -> Fraction:
    """A dyadic number at most the value >= 0, and less by a share 2^-bits of it at most."""
    unit = _unit(value, bits)
    return floor(value / unit) * unit


def round_above(value: Fraction, bits: int = 40) -> Fraction:
    """A dyadic number at least the value >= 0, and more by a share 2^-bits of it at most."""
    unit = _unit(value, bits)
    return ceil(value / unit) * unit


def _unit(value: Fraction, bits: int) -> Fraction:
    """A power of 2 that is at most 2^-bits of the value."""
    return Fraction(2) ** (value.numerator.bit_length() - value.denominator.bit_length() - bits - 1)


def is_semidefinite(matrix: Matrix) -> bool:
    """Whether the symmetric rational matrix is positive semidefinite.

    A polynomial with real roots only has no negative one if and only if its coefficients alternate in sign or are 0.
    """
    coefficients = matrix.data.charpoly().coeffs()
    return all(c * (-1) ** (matrix.shape[0] - k) >= 0 for k, c in enumerate(coefficients))


def stretches(matrix: Matrix, least: Fraction) -> bool:
    """Whether every singular value of the square rational matrix is at least `least` >= 0."""
    square = rational(least * least)
    return is_semidefinite(matrix @ matrix.T - square * matrix.identity())


def stretch(matrix: Matrix) -> Fraction:
    """The smallest singular value of the square rational matrix, or a number that falls short of it by a share 2^-40.

    It is the value itself where that is rational.
    """
    squares = (matrix @ matrix.T).data.charpoly()
    with flint.ctx.workprec(64):
        least = min((root.real for root, _ in squares.complex_roots()), key=lambda root: root.lower().fmpq())
        exact = [root for root, _ in squares.roots() if least.overlaps(flint.arb(root))]
    square = min(exact, default=least.lower().fmpq())
    if not is_semidefinite(matrix @ matrix.T - square * matrix.identity()):  # an irrational root is smaller still
        square = least.lower().fmpq()
    root = EXACT.sqrt(square)
    return fraction(root) if type(root) is flint.fmpq else root_below(fraction(square))


def fraction(value: flint.fmpq) -> Fraction:
    """The rational as a Fraction, the inverse of `arithmetic.rational`."""
    return Fraction(int(value.numerator), int(value.denominator))


def smallest_singular_value(array: np.ndarray) -> Fraction:
    """A rational at most the smallest singular value of the float64 matrix (d, d); 0 if it is singular, or nearly."""
    guess = Fraction(float(np.linalg.svd(array, compute_uv=False)[-1])) * (1 - SLACK)
    return guess if stretches(to_exact(array), guess) else Fraction(0)


def curvature(sigma: np.ndarray) -> tuple[Fraction, Fraction]:
    """Rationals q, L, 0 < q < 1, such that every eigenvalue of the symmetric float64 matrix (d, d) is from q^2 L to L.

    InputError if sigma is not symmetric, or not positive definite by far more than rounding.
    """
    eigenvalues, exact = np.linalg.eigvalsh(sigma), to_exact(sigma)
    largest = round_above(Fraction(float(eigenvalues[-1])) * (1 + SLACK))
    least = Fraction(float(eigenvalues[0])) * (1 - SLACK)
    if not np.array_equal(sigma, sigma.T) or least <= 0:
        raise refuse("curvature(sigma)", "symmetric and positive definite", f"eigenvalues from {eigenvalues[0]:.3g}")
    q = root_below(least / largest, bits=20)
    above = rational(largest) * exact.identity() - exact
    below = exact - rational(q * q * largest) * exact.identity()
    if not (is_semidefinite(above) and is_semidefinite(below)):
        raise refuse("curvature(sigma)", "better conditioned", f"eigenvalues from {eigenvalues[0]:.3g}")
    return q, largest
