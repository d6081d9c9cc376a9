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
    """A matrix of rationals or of balls with NumPy's operators: +, -, scalar *, @, .T.

    Parameters
    ----------
    data : flint.fmpq_mat, flint.arb_mat or Scaled
        The entries, (m, n): rationals, balls, or in long runs rationals as integers over one power of 2
        (`linres.scaled`).

    Notes
    -----
    `EXACT.matrix(rows)` and `BALL.matrix(rows)` make one from a table. Two are equal if both are rational and all their
    entries are: equal balls need not hold equal numbers.

    Examples
    --------
    >>> import linres
    >>> a = linres.EXACT.matrix([[2, 1], [0, 1]])
    >>> a @ a.inverse() == a.identity(), a.shape
    (True, (2, 2))
    """

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
        """The transposed `Matrix`, (n, m)."""
        return Matrix(self.data.transpose())

    @property
    def shape(self):
        """(m, n): the numbers of rows and of columns."""
        return self.data.nrows(), self.data.ncols()

    @property
    def is_rational(self):
        """Whether the entries are rationals, each known exactly, and not balls."""
        return type(self.data) in {flint.fmpq_mat, Scaled}

    def inverse(self):
        """The inverse of a square matrix.

        Returns
        -------
        Matrix
            The inverse, (n, n).

        Raises
        ------
        ZeroDivisionError
            When the matrix is singular or, in balls, not certainly invertible.
        """
        return Matrix(self.data.inv())

    def identity(self):
        """The identity matrix of the same size and kind of entries.

        Returns
        -------
        Matrix
            I, (m, m).
        """
        d = self.data.nrows()
        kind = flint.fmpq_mat if type(self.data) is Scaled else type(self.data)
        return Matrix(kind([[int(i == j) for j in range(d)] for i in range(d)]))

    def entries(self):
        """All entries, row by row.

        Returns
        -------
        list of flint.fmpq or flint.arb
            The m n entries.
        """
        return self.data.entries()

    def __repr__(self):
        return f"Matrix({self.data.tolist()})"


class Symbolic:
    """A noncommuting SymPy expression with the operators of a matrix (or of a vector: then without @).

    A generic step run on these gives the formula of what it does.

    Parameters
    ----------
    expr : sympy.Expr
        The expression, of symbols with commutative=False.

    Examples
    --------
    >>> import linres
    >>> import sympy
    >>> from linres.methods import descent
    >>> x, g = sympy.symbols("x g", commutative=False)
    >>> eta = sympy.Symbol("eta", real=True)
    >>> descent.step(linres.Symbolic(x), lambda _: linres.Symbolic(g), step_size=eta).expr
    -eta*g + x
    """

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
        """The transposed expression, a `Symbolic`."""
        import sympy

        return Symbolic(sympy.transpose(self.expr))

    def inverse(self):
        """The inverse.

        Returns
        -------
        Symbolic
            The expression to the power -1.
        """
        return Symbolic(self.expr**-1)


def divide(a, b):
    """a b^{-1} for a matrix b of any arithmetic.

    Parameters
    ----------
    a : (m, n) ndarray, Matrix or Symbolic
        What is divided.
    b : (n, n) ndarray, Matrix or Symbolic
        An invertible matrix of the same kind.

    Returns
    -------
    (m, n) ndarray, Matrix or Symbolic
        a b^{-1}.

    Raises
    ------
    numpy.linalg.LinAlgError
        When an array b is singular.
    ZeroDivisionError
        When a `Matrix` b is singular.

    Examples
    --------
    >>> import linres
    >>> import numpy as np
    >>> linres.divide(np.array([[2.0, 4.0]]), np.diag([2.0, 4.0]))
    array([[1., 1.]])
    """
    if isinstance(b, np.ndarray):
        return np.linalg.solve(b.T, a.T).T
    return a @ b.inverse()


def inner(a, b):
    """The Frobenius inner product of two equal-shaped matrices.

    Parameters
    ----------
    a : (m, n) ndarray or Matrix
        A matrix.
    b : (m, n) ndarray or Matrix
        Another of the same kind and shape.

    Returns
    -------
    float, flint.fmpq or flint.arb
        The sum of the products of their entries: exact, a ball, or in float64.

    Examples
    --------
    >>> import linres
    >>> linres.inner(linres.EXACT.matrix([[1, 2]]), linres.EXACT.matrix([[3, 4]]))
    11
    """
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
    """How numbers are made in one arithmetic: EXACT (rationals), BALL (python-flint's balls) or FLOAT (float64).

    Parameters
    ----------
    name : str
        Its name.
    number : callable
        A rational (int, Fraction, flint.fmpq) to a scalar.
    matrix : callable
        A table of rationals, a sequence of rows, to a matrix.
    sqrt : callable
        A scalar to its root; exact where that is rational, else a ball.

    Notes
    -----
    The exact ones and balls refuse floats by a TypeError: what a float was rounded from would decide a verdict. A run
    in float64 is taken at its word by `linres.arithmetic.to_exact`.

    Examples
    --------
    >>> from fractions import Fraction
    >>> import linres
    >>> linres.EXACT.sqrt(linres.EXACT.number(Fraction(1, 4)))
    1/2
    >>> linres.FLOAT.matrix([[Fraction(1, 4)]])
    array([[0.25]])
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


#: The `linres.arithmetic.Arithmetic` of float64: scalars are floats, matrices NumPy arrays, correctly rounded.
FLOAT = Arithmetic(
    "float",
    float,
    lambda rows: np.array([[_rounded(entry) for entry in row] for row in rows]),
    np.sqrt,
)
#: The `linres.arithmetic.Arithmetic` of rationals: scalars are flint.fmpq, a root that is not rational a ball;
#: matrices are `Matrix`.
EXACT = Arithmetic("exact", given, lambda rows: Matrix(_rational_rows(rows)), _sqrt_exact)
#: The `linres.arithmetic.Arithmetic` of balls, at the precision of flint.ctx: scalars are flint.arb, matrices are
#: `Matrix`.
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
