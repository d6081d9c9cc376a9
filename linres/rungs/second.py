"""The second checker: decides again, with other code and other polynomials, every identity the trusted core relied on.

Nothing is shared with `linres.certificate`. Scalars are quotients of python-flint polynomials without common factors
taken out; a vector is a list of coordinates (n letters in n dimensions, in general position up to rotation: the k-th
letter has k + 1 coordinates); a matrix is an n x n array of generic entries with 2n greater than the degree of the
identity, since by Amitsur and Levitzki n x n matrices satisfy no polynomial identity of degree below 2n.
"""

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

import flint
from sympy import Add, Expr, Indexed, Mul, Pow, Symbol
from sympy.functions.elementary.complexes import transpose

from linres.language import NUMBERS, Inner, is_vector, tidy

Polynomial = Any


class Fraction:
    """numerator/denominator, two polynomials; equal denominators are kept."""

    __slots__ = ("denominator", "numerator")

    def __init__(self, numerator: Polynomial, denominator: Polynomial):
        self.numerator, self.denominator = numerator, denominator

    def __add__(self, other: "Fraction") -> "Fraction":
        if self.denominator == other.denominator:
            return Fraction(self.numerator + other.numerator, self.denominator)
        common = self.denominator.gcd(other.denominator)
        left, right = other.denominator / common, self.denominator / common
        return Fraction(self.numerator * left + other.numerator * right, self.denominator * left)

    def __mul__(self, other: "Fraction") -> "Fraction":
        return Fraction(self.numerator * other.numerator, self.denominator * other.denominator)

    def inverse(self) -> "Fraction":
        if self.numerator == 0:
            raise ZeroDivisionError("a denominator is identically zero")
        return Fraction(self.denominator, self.numerator)


Array = list[list[Fraction]]


def agrees(identity: tuple[Expr, Expr], definitions: Mapping[Expr, Expr]) -> bool:
    """Whether the two sides are identically equal, looking through the definitions."""
    left, right = identity
    return _Check(left, right, definitions).holds(left, right)


class _Check:
    def __init__(self, left: Expr, right: Expr, definitions: Mapping[Expr, Expr]):
        self.definitions = definitions
        atoms: dict[str, dict[Expr, None]] = {"scalar": {}, "vector": {}, "root": {}}
        for side in (left, right):
            self._gather(side, atoms)
        self.of_matrices = is_vector(left) or is_vector(right)
        letters = list(atoms["vector"])
        size = max(self._degree(left), self._degree(right)) // 2 + 1 if self.of_matrices else len(letters)
        shapes = {a: self._shape(k, size) for k, a in enumerate(letters)}
        count = sum(rows * columns for rows, columns in shapes.values())
        names = [f"g{k}" for k in range(len(atoms["scalar"]) + len(atoms["root"]) + count)]
        context = flint.fmpq_mpoly_ctx.get(names or ["g0"], "degrevlex")
        fresh = iter(context.gens())
        self.constant = lambda value: Fraction(context.constant(value), context.constant(1))
        one = context.constant(1)
        self.size = size
        self.values: dict[Expr, Any] = {a: Fraction(next(fresh), one) for a in atoms["scalar"]}
        self.roots = {a: next(fresh) for a in atoms["root"]}
        for a, (rows, columns) in shapes.items():
            generic = [[Fraction(next(fresh), one) for _ in range(columns)] for _ in range(rows)]
            self.values[a] = self._padded(generic)
        self.context = context

    def _shape(self, k: int, size: int) -> tuple[int, int]:
        return (size, size) if self.of_matrices else (k + 1, 1)

    def _padded(self, column: Array) -> Array:
        missing = self.size - len(column)
        return column + [[self.constant(0)] for _ in range(missing)]

    def _meaning(self, node: Expr) -> Expr:
        return self.definitions.get(node, node)

    def _gather(self, node: Expr, atoms: dict[str, dict]) -> None:
        node = self._meaning(node)
        if type(node) in {Symbol, Indexed}:
            if node in self.definitions:
                self._gather(node, atoms)
            else:
                atoms["vector" if is_vector(node) else "scalar"][node] = None
            return
        if type(node) is not Pow:
            for argument in node.args:
                self._gather(argument, atoms)
            return
        self._gather(node.base, atoms)
        stages, exponent = _over_stages(node)
        if stages is not None:
            atoms["scalar"][stages] = None
        elif exponent.q == 2:
            atoms["root"][node.base] = None

    def _degree(self, node: Expr) -> int:
        """The number of letters in the longest word of a noncommutative polynomial; an inverse counts as a letter.

        Under a transpose or in an inner product letters count twice, for small matrices satisfy more with these:
        1 x 1, W = W' and <W, V> W = |W|^2 V; 2 x 2, all W - W' commute.
        """
        node = self._meaning(node)
        if type(node) in {Symbol, Indexed}:
            return self._degree(node) if node in self.definitions else int(is_vector(node))
        degrees = [self._degree(argument) for argument in node.args]
        if type(node) is Pow:
            return degrees[0] * abs(_over_stages(node)[1].p)
        if type(node) in {transpose, Inner}:
            return 2 * sum(degrees)
        return sum(degrees) if type(node) is Mul else max(degrees, default=0)

    def holds(self, left: Expr, right: Expr) -> bool:
        a, b = self.value(left), self.value(right)
        minus = self.constant(-1)
        if not self.of_matrices:
            return self._is_zero(a + minus * b)
        a, b = self._as_matrix(a), self._as_matrix(b)
        return all(self._is_zero(p + minus * q) for u, v in zip(a, b, strict=True) for p, q in zip(u, v, strict=True))

    def _as_matrix(self, value) -> Array:
        if isinstance(value, list):
            return value
        return [[value if i == j else self.constant(0) for j in range(self.size)] for i in range(self.size)]

    def value(self, node: Expr) -> Any:
        if node not in self.values:
            self.values[node] = self._value(node)
        return self.values[node]

    def _value(self, node):
        if node in self.definitions:
            return self.value(self.definitions[node])
        kind = type(node)
        if kind in NUMBERS:
            return self.constant(flint.fmpq(node.p, node.q))
        values: Iterable = map(self.value, node.args)
        if kind in {Add, Mul}:
            return reduce(self._plus if kind is Add else self._times, values)
        if kind is Inner:
            return _total(p * q for u, v in zip(*values, strict=True) for p, q in zip(u, v, strict=True))
        if kind is Pow:
            return self._power(node)
        return [list(row) for row in zip(*next(iter(values)), strict=True)]  # a transpose

    def _plus(self, a, b):
        if isinstance(a, Fraction) and isinstance(b, Fraction):
            return a + b
        a, b = self._as_matrix(a), self._as_matrix(b)
        return [[p + q for p, q in zip(u, v, strict=True)] for u, v in zip(a, b, strict=True)]

    def _times(self, a, b):
        if isinstance(a, Fraction) and isinstance(b, Fraction):
            return a * b
        if isinstance(a, Fraction):
            return [[a * q for q in row] for row in b]
        if isinstance(b, Fraction):
            return self._times(b, a)
        columns = list(zip(*b, strict=True))
        return [[_total(p * q for p, q in zip(row, column, strict=True)) for column in columns] for row in a]

    def _power(self, node):
        base, (stages, exponent) = node.base, _over_stages(node)
        value = Fraction(self.roots[base], self.context.constant(1)) if exponent.q == 2 else self.value(base)
        if exponent.p < 0:
            value = value.inverse() if isinstance(value, Fraction) else self._inverse(value)
        first = self.constant(1) if stages is None else self.values[stages]
        return reduce(self._times, [value] * abs(exponent.p), first)

    def _inverse(self, matrix: Array) -> Array:
        """The adjugate over the determinant."""
        over = self._determinant(matrix).inverse()
        n = range(len(matrix))
        return [[self.constant((-1) ** (i + j)) * self._determinant(_minor(matrix, j, i)) * over for j in n] for i in n]

    def _determinant(self, matrix: Array) -> Fraction:
        if not matrix:
            return self.constant(1)
        minors = [self._determinant(_minor(matrix, 0, j)) for j in range(len(matrix))]
        return _total(self.constant((-1) ** j) * p * q for j, (p, q) in enumerate(zip(matrix[0], minors, strict=True)))

    def _is_zero(self, value: Fraction) -> bool:
        """Whether the numerator vanishes modulo root^2 = base, for the roots from the outermost in."""
        numerator = value.numerator
        for base, root in reversed(self.roots.items()):
            position = self.context.gens().index(root)
            meaning = self.value(base)
            even = odd = Fraction(self.context.constant(0), self.context.constant(1))
            for exponents, coefficient in numerator.to_dict().items():
                power = exponents[position]
                rest = [0 if k == position else e for k, e in enumerate(exponents)]
                term = Fraction(self.context.from_dict({tuple(rest): coefficient}), self.context.constant(1))
                term = reduce(self._times, [meaning] * (power // 2), term)
                even, odd = (even, odd + term) if power % 2 else (even + term, odd)
            numerator = (even + odd * Fraction(root, self.context.constant(1))).numerator
        return numerator == 0


def _over_stages(node: Pow) -> tuple[Pow | None, Any]:
    """base^(n + k), n a symbol, as the indeterminate base^n and k; of any other power None and its exponent."""
    exponent = tidy(node.exp)
    constant = exponent.as_coeff_Add()[0]
    if constant == exponent:
        return None, exponent
    return Pow(node.base, tidy(exponent - constant), evaluate=False), constant


def _total(values: Iterable[Fraction]) -> Fraction:
    return reduce(lambda p, q: p + q, values)


def _minor(matrix: Array, i: int, j: int) -> Array:
    return [row[:j] + row[j + 1 :] for k, row in enumerate(matrix) if k != i]
