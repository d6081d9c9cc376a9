"""Rational matrices as integers over one denominator: for long runs, where reducing every entry would take the time.

A float64 matrix is integers over a power of 2, and what a stage of a method makes of such matrices has a denominator
that is known beforehand; sums and products of whole matrices are then sums and products of integers. Nothing is
reduced, so the integers grow with every operation: not for recursions.
"""

from math import gcd
from typing import Any

import flint
import numpy as np

CHUNK = 40  # binary places: integers of so many are quick to hand over, which longer ones are not


class Scaled:
    """integers / denominator, with the operators of an fmpq_mat; the two mix.

    integers: (1, rows * columns) fmpz_mat, row by row; denominator: int > 0.
    """

    __slots__ = ("denominator", "integers", "rows", "square")

    def __init__(self, integers: Any, denominator: int, rows: int):
        self.integers, self.denominator, self.rows = integers, denominator, rows
        self.square: Any = None  # the integers in their rows and columns, once asked for

    @staticmethod
    def of_floats(array: np.ndarray, top: int | None = None) -> "Scaled":
        """The float64 array (m, n), exactly, over 2^(80 - top) or, if it must be, more. ValueError if it is not finite.

        2^top is more than the modulus of every entry; by default the least such. Matrices with one top have nearly
        always one denominator, and are then added up without being brought to it first.
        """
        if np.asarray(array).dtype != np.float64:  # anything else would be rounded in silence
            raise ValueError(f"Scaled.of_floats(array) should be float64, got {np.asarray(array).dtype}")
        rest = np.array(array)
        if not np.all(np.isfinite(rest)):
            raise ValueError("Scaled.of_floats(array) should be finite")
        least = int(np.frexp(np.abs(rest).max(initial=0))[1])
        top = least if top is None else max(top, least)
        integers, places = flint.fmpz_mat(1, rest.size), -top
        while places < 2 * CHUNK - top or rest.any():  # the next CHUNK binary places of all entries
            places += CHUNK
            leading = np.trunc(np.ldexp(rest, places))
            rest -= np.ldexp(leading, -places)
            integers = integers * (1 << CHUNK)
            if leading.any():
                integers = integers + flint.fmpz_mat(1, rest.size, leading.astype(np.int64).ravel().tolist())
        if places < 0:
            integers, places = integers * (1 << -places), 0
        return Scaled(integers, 1 << places, len(rest))

    @staticmethod
    def of(matrix: Any) -> "Scaled":
        """A Scaled as it is, an fmpq_mat over its least denominator."""
        if type(matrix) is Scaled:
            return matrix
        numerators, denominator = matrix.numer_denom()
        flat = flint.fmpz_mat(1, matrix.nrows() * matrix.ncols(), numerators.entries())
        return Scaled(flat, int(denominator), matrix.nrows())

    def rational(self) -> Any:
        """The same matrix with every entry reduced: an fmpq_mat."""
        return flint.fmpq_mat(self._square()) * flint.fmpq(1, self.denominator)

    def _square(self) -> Any:
        """The integers in their rows and columns."""
        if self.square is None:
            self.square = flint.fmpz_mat(self.rows, self.ncols(), self.integers.entries())
        return self.square

    def nrows(self) -> int:
        return self.rows

    def ncols(self) -> int:
        return self.integers.ncols() // self.rows if self.rows else 0

    def entries(self) -> list[Any]:
        return self.rational().entries()

    def tolist(self) -> list[list[Any]]:
        return self.rational().tolist()

    def _common(self, other: Any) -> tuple[Any, Any, int]:
        """Both numerators over the least common denominator of the two denominators."""
        other = Scaled.of(other)
        if self.rows != other.rows or self.integers.ncols() != other.integers.ncols():
            raise ValueError("the matrices should have one shape")
        mine, theirs = self.integers, other.integers
        if self.denominator == other.denominator:
            return mine, theirs, self.denominator
        common = gcd(self.denominator, other.denominator)
        if common != other.denominator:
            mine = mine * (other.denominator // common)
        if common != self.denominator:
            theirs = theirs * (self.denominator // common)
        return mine, theirs, self.denominator // common * other.denominator

    def __add__(self, other):
        mine, theirs, denominator = self._common(other)
        return Scaled(mine + theirs, denominator, self.rows)

    __radd__ = __add__

    def __sub__(self, other):
        mine, theirs, denominator = self._common(other)
        return Scaled(mine - theirs, denominator, self.rows)

    def __rsub__(self, other):
        return -(self - other)

    def __neg__(self):
        return Scaled(-self.integers, self.denominator, self.rows)

    def __mul__(self, other):
        """The multiple by an int or a rational, or the matrix product."""
        if isinstance(other, int | flint.fmpz | flint.fmpq):
            factor = flint.fmpq(other)
            return Scaled(self.integers * factor.numerator, self.denominator * int(factor.denominator), self.rows)
        if not isinstance(other, Scaled | flint.fmpq_mat):
            return self.rational() * other
        other = Scaled.of(other)
        product = self._square() * other._square()
        flat = flint.fmpz_mat(1, product.nrows() * product.ncols(), product.entries())
        return Scaled(flat, self.denominator * other.denominator, self.rows)

    def __rmul__(self, other):
        if isinstance(other, flint.fmpq_mat):
            return Scaled.of(other) * self
        return self * other if isinstance(other, int | flint.fmpz | flint.fmpq) else other * self.rational()

    def __eq__(self, other):
        """Exactly equal entries and shape."""
        if not isinstance(other, Scaled | flint.fmpq_mat):
            return NotImplemented
        if (self.rows, self.ncols()) != (other.nrows(), other.ncols()):
            return False
        mine, theirs, _ = self._common(other)
        return mine == theirs

    __hash__ = None  # type: ignore[assignment]

    def inner(self, other: Any) -> Any:
        """The Frobenius inner product with a matrix of the same shape, an fmpq."""
        other = Scaled.of(other)
        if self.rows != other.rows or self.integers.ncols() != other.integers.ncols():
            raise ValueError("the matrices should have one shape")
        total = self.integers * other.integers.transpose()
        return flint.fmpq(total[0, 0], self.denominator * other.denominator)

    def transpose(self):
        square = self._square().transpose()
        flat = flint.fmpz_mat(1, square.nrows() * square.ncols(), square.entries())
        return Scaled(flat, self.denominator, square.nrows())

    def det(self):
        return self.rational().det()

    def inv(self):
        """ZeroDivisionError if the matrix is singular."""
        return Scaled.of(self.rational().inv())
