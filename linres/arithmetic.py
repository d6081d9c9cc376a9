"""The arithmetics an algorithm runs in: how a number, a matrix, a quotient and an inner product are spelt in each.

float64 uses NumPy arrays; `EXACT` and `BALL` use `Matrix`, a thin skin over python-flint that gives rational and ball
matrices the operators of NumPy; `Symbolic` does the same for noncommuting SymPy symbols. A generic step needs only
+, -, scalar *, @, .T and `divide`, so the same lines run in all of them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint
import numpy as np

from linres.errors import kind_of
from linres.scaled import Scaled


class Matrix:
    """A matrix of rationals (fmpq_mat, in long runs Scaled) or of balls (arb_mat) with NumPy's operators."""

    __slots__ = ("data",)
    __array_ufunc__ = None  # NumPy scalars then leave `scalar * Matrix` to us

    def __init__(self, data):
        self.data = data

    def __add__(self, other):
        return self if type(other) is int and other == 0 else Matrix(self.data + other.data)

    __radd__ = __add__

    def __sub__(self, other):
        return Matrix(self.data - other.data)

    def __neg__(self):
        return Matrix(-self.data)

    def __rmul__(self, scalar):
        return Matrix(self.data * scalar)

    def __matmul__(self, other):
        return Matrix(self.data * other.data)

    def __eq__(self, other):
        """Exactly equal entries; for balls use `overlaps`, since equal balls need not hold equal numbers."""
        return type(other) is Matrix and self.is_rational and other.is_rational and self.data == other.data

    __hash__ = None  # type: ignore[assignment]

    @property
    def T(self):
        return Matrix(self.data.transpose())

    @property
    def shape(self):
        return self.data.nrows(), self.data.ncols()

    @property
    def is_rational(self):
        """Whether the entries are rationals, each known exactly, and not balls."""
        return type(self.data) in {flint.fmpq_mat, Scaled}

    def inverse(self):
        """The inverse; ZeroDivisionError if the matrix is singular or, in balls, not certainly invertible."""
        return Matrix(self.data.inv())

    def identity(self):
        """The identity matrix of the same size and kind of entries."""
        d = self.data.nrows()
        kind = flint.fmpq_mat if type(self.data) is Scaled else type(self.data)
        return Matrix(kind([[int(i == j) for j in range(d)] for i in range(d)]))

    def entries(self):
        """All entries, row by row."""
        return self.data.entries()

    def __repr__(self):
        return f"Matrix({self.data.tolist()})"


class Symbolic:
    """A noncommuting SymPy expression with the operators of a matrix (or of a vector: then without @)."""

    __slots__ = ("expr",)

    def __init__(self, expr):
        self.expr = expr

    def __add__(self, other):
        return self if type(other) is int and other == 0 else Symbolic(self.expr + other.expr)

    __radd__ = __add__

    def __sub__(self, other):
        return Symbolic(self.expr - other.expr)

    def __neg__(self):
        return Symbolic(-self.expr)

    def __rmul__(self, scalar):
        return Symbolic(scalar * self.expr)

    def __matmul__(self, other):
        return Symbolic(self.expr * other.expr)

    @property
    def T(self):
        import sympy

        return Symbolic(sympy.transpose(self.expr))

    def inverse(self):
        return Symbolic(self.expr**-1)


def divide(a, b):
    """a b^{-1} for a matrix b of any arithmetic; numpy.linalg.LinAlgError or ZeroDivisionError if b is singular."""
    if isinstance(b, np.ndarray):
        return np.linalg.solve(b.T, a.T).T
    return a @ b.inverse()


def inner(a, b):
    """The Frobenius inner product of two equal-shaped arrays or `Matrix`es."""
    if isinstance(a, np.ndarray):
        return float(np.sum(a * b))
    if type(a.data) is Scaled and b.is_rational:
        return a.data.inner(b.data)
    total = 0
    for left, right in zip(a.entries(), b.entries(), strict=True):
        total = total + left * right
    return total


def rational(value) -> flint.fmpq:
    """The exact rational value of an int, a Fraction, an fmpq or a finite float; TypeError for anything else."""
    if type(value) is flint.fmpq:
        return value
    if isinstance(value, int | np.integer):
        return flint.fmpq(int(value))
    if isinstance(value, Fraction):
        return flint.fmpq(value.numerator, value.denominator)
    if isinstance(value, float | np.floating):
        return flint.fmpq(*float(value).as_integer_ratio())
    raise TypeError(f"no exact rational value in {kind_of(value)}")


def given(value) -> flint.fmpq:
    """As `rational`, but no float: what a float was rounded from would decide a verdict. TypeError for one."""
    if isinstance(value, float | np.floating):
        raise TypeError(f"{value!r} is a float, not an exact number: write Fraction('{float(value)!r}') or a quotient")
    return rational(value)


def _sqrt_exact(value):
    """sqrt of a rational: the rational root where there is one, else an enclosure at the working precision."""
    p, q = value.numerator, value.denominator
    if p >= 0 and p.is_square() and q.is_square():
        return flint.fmpq(p.isqrt(), q.isqrt())
    return flint.arb(value).sqrt()


@dataclass(frozen=True)
class Arithmetic:
    """number: a rational to a scalar; matrix: a table of rationals (rows) to a matrix; sqrt: of a scalar.

    The exact ones and balls refuse floats: TypeError. A run in float64 is taken at its word by `to_exact`.
    """

    name: str
    number: Callable[[Any], Any]
    matrix: Callable[[Sequence[Sequence[Any]]], Any]
    sqrt: Callable[[Any], Any]

    def __repr__(self):
        return self.name.upper()


def _rational_rows(rows, entry=given):
    return flint.fmpq_mat([[entry(value) for value in row] for row in rows])


def _rounded(value) -> float:
    """The nearest float64: a finite float is that itself."""
    if type(value) is float and math.isfinite(value):
        return value
    exact = rational(value)
    return float(Fraction(int(exact.p), int(exact.q)))


def _nearest(value) -> float:
    """The float nearest to an exact number; of a float itself."""
    if type(value) is not Fraction:
        value = rational(value)
        value = Fraction(int(value.p), int(value.q))
    return value.numerator / value.denominator


FLOAT = Arithmetic(
    "float",
    float,
    lambda rows: np.array([[_rounded(entry) for entry in row] for row in rows]),
    np.sqrt,
)
EXACT = Arithmetic("exact", given, lambda rows: Matrix(_rational_rows(rows)), _sqrt_exact)
BALL = Arithmetic(
    "ball", lambda value: flint.arb(given(value)), lambda rows: Matrix(flint.arb_mat(_rational_rows(rows))),
    lambda value: value.sqrt(),
)


def to_exact(array) -> Matrix:
    """The float64 array (m, n) as a rational matrix: every float is a dyadic rational, so nothing is lost."""
    return Matrix(_rational_rows(list(np.atleast_2d(array)), rational))


def to_scaled(array, top: int | None = None) -> Matrix:
    """As `to_exact`, in integers over one power of 2: for long runs (see `linres.scaled`)."""
    return Matrix(Scaled.of_floats(np.atleast_2d(array), top))


def round_dyadic(matrix: Matrix, bits: int) -> Matrix:
    """The rational matrix with entries rounded to multiples of 2^-k, k such that the largest keeps `bits` bits."""
    largest = max((abs(entry) for entry in matrix.entries()), default=flint.fmpq(0))
    if largest == 0:
        return matrix
    shift = bits - (largest.numerator.bit_length() - largest.denominator.bit_length())
    scale = flint.fmpq(2) ** shift
    rows, columns = matrix.shape
    rounded = [flint.fmpq((entry * scale + flint.fmpq(1, 2)).floor()) / scale for entry in matrix.entries()]
    return Matrix(flint.fmpq_mat(rows, columns, rounded))
