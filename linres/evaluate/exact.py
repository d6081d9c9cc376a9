"""Exactly, in balls, and as sums of square roots. Nothing becomes a float; `decide` answers only what is certain."""

from typing import Any

import flint
import sympy
from sympy import Equality, Indexed, Symbol, Unequality
from sympy.core import numbers

from linres.arithmetic import Matrix
from linres.chance import Chance
from linres.errors import kind_of
from linres.evaluate.walk import Nodes, Shared, Undefined, Walk
from linres.language import AT_MOST, STRICT, Det, NotExact
from linres.scaled import Scaled
from linres.surd import NotASurd, Surd

MOST_BITS = 2**22  # of an exact power: a longer one is enclosed by a ball, or is no sum of square roots


class Enclosure(Walk):
    """fmpq where the value is rational, else an arb ball at the working precision of flint."""

    def number(self, node):
        return flint.fmpq(node.p, node.q)

    def lookup(self, node):
        """A symbol that is defined has the value of its definition: what was measured can only contradict it."""
        if type(node) is Symbol and node in self.definitions and node not in self.stages:
            return self.value(self.definitions[node])
        value = super().lookup(node)
        _require_kind(node, value, self.shared.nodes)
        return value

    def defined(self, node):
        """As a sum over stages asks again for the scalars of every stage, these are kept."""
        place = (id(node), *(item for item in self.stages.items() if item[0] in self.shared.nodes.mentioned(node)))
        if place not in self.shared.scalars:
            value = super().defined(node)
            if isinstance(value, Matrix):
                return value
            self.shared.scalars[place] = value
        return self.shared.scalars[place]

    def of_vectors(self, node):
        values = list(map(self.value, node.args))
        if not all(isinstance(value, Matrix) for value in values):
            raise NotExact(f"{node} should be of vectors or matrices, got {values}")
        shapes = {value.shape for value in values}
        if len(shapes) > 1 or (type(node) is Det and values[0].shape[0] != values[0].shape[1]):
            raise NotExact(f"{node} does not exist for shapes {shapes}")
        return super().of_vectors(node)

    def measured(self, value):
        if type(value) is int:
            return flint.fmpq(value)
        if type(value) is Chance:  # one that was begun, see `rigorous`; else it raises
            return value.ball()
        if type(value) is flint.fmpq or (type(value) is Matrix and value.is_rational):
            return value
        parts = value.entries() if type(value) is Matrix else [value]
        if any(type(part) is flint.arb and not part.is_finite() for part in parts):
            raise NotExact(f"a measured value should be finite, got {value!r}")
        if type(value) in {flint.arb, Matrix}:
            return value
        found = f"{type(value).__name__} {value!r}"
        raise NotExact(f"a measured value should be an int, a rational, a ball or a Matrix, got {found}")

    def repeated(self, value, times):
        """A power too long to write down is a ball."""
        if times * _bits(value) <= MOST_BITS and type(value) is flint.fmpq:
            return value**times  # in lowest terms as it is
        if times * _bits(value) > MOST_BITS:
            value = Matrix(flint.arb_mat(_plain(value))) if isinstance(value, Matrix) else flint.arb(value)
        return super().repeated(value, times)

    def root(self, value):
        if type(value) is flint.fmpq:
            if value < 0:
                raise Undefined(f"the square root of {value}")
            p, q = value.numerator, value.denominator
            if p.is_square() and q.is_square():
                return flint.fmpq(p.isqrt(), q.isqrt())
        elif value < 0:
            raise Undefined(f"the square root of {value}")
        return flint.arb(value).sqrt()

    def reciprocal(self, value):
        if isinstance(value, Matrix):
            try:
                return value.inverse()
            except ZeroDivisionError:
                raise Undefined("the inverse of a singular matrix") from None
        if value == 0:
            raise Undefined("1/0")
        return 1 / value

    def special(self, node):
        kind = type(node)
        if kind is numbers.Pi:
            return flint.arb.pi()
        if kind is numbers.Exp1:
            return flint.arb(1).exp()
        if kind in {sympy.Abs, sympy.exp, sympy.log} and isinstance(self.value(node.args[0]), Matrix):
            raise NotExact(f"{node}: {kind.__name__} is of a number, not of a matrix")
        if kind is sympy.exp:
            return flint.arb(self.value(node.args[0])).exp()
        if kind is sympy.Abs:
            return abs(self.value(node.args[0]))
        if kind is sympy.log:
            return flint.arb(self.value(node.args[0])).log()
        return super().special(node)


def _bits(value: Any) -> int:
    """How much longer each factor makes a power of the value: 0 for 0, 1 and -1, and for balls."""
    if isinstance(value, Matrix):
        return max(map(_bits, value.entries()), default=0) + 1 if value.is_rational else 0
    if type(value) is not flint.fmpq:
        return 0
    return max(abs(value.numerator), value.denominator).bit_length() - 1


def _plain(matrix: Matrix) -> Any:
    """The rational matrix as an fmpq_mat."""
    return matrix.data.rational() if type(matrix.data) is Scaled else matrix.data


def _require_kind(node, value, nodes: Nodes) -> None:
    """NotExact if a matrix was measured for a scalar, a scalar for a matrix, or a fraction for an integer."""
    label = node.args[0].args[0] if type(node) is Indexed else node
    wants_matrix, wants_integer = nodes.kind(label)
    if wants_matrix != isinstance(value, Matrix):
        raise NotExact(f"{node} should be measured as a {'Matrix' if wants_matrix else 'number'}, got {value!r}")
    if type(node).__name__ == "Probability" and (value < 0 or value > 1):
        raise NotExact(f"{node} should be measured as a number from 0 to 1, got {value!r}")
    if wants_integer and not (type(value) is flint.fmpq and value.denominator == 1):
        raise NotExact(f"{node} should be measured as an integer, got {value!r}")


class Roots(Walk):
    """Sums of square roots of rationals (`Surd`), for deciding equality; NotASurd where that does not reach."""

    def __init__(self, exact: Enclosure, shared: Shared | None = None):
        super().__init__(exact.row, exact.definitions, exact.stages, shared)
        self.exact = exact

    def at(self, t, stage):
        return Roots(self.exact.at(t, stage), self.shared)

    def number(self, node):
        return Surd.rational(flint.fmpq(node.p, node.q))

    def lookup(self, node):
        if type(node) is Symbol and node in self.definitions:
            return self.value(self.definitions[node])
        if type(node) is Indexed and node.args[0] not in self.row and node in self.definitions:
            return self.value(self.definitions[node])
        return self.known(self.exact.value(node))

    def of_vectors(self, node):
        return self.known(self.exact.value(node))

    def known(self, value):
        """A value that the exact walk found, if it is rational."""
        if type(value) is not flint.fmpq:
            raise NotASurd(kind_of(value))
        return Surd.rational(value)

    def repeated(self, value, times):
        if times * max((_bits(c) + n.bit_length() for n, c in value.terms.items()), default=0) > MOST_BITS:
            raise NotASurd("a power too long to write down")
        return super().repeated(value, times)

    def root(self, value):
        return value.sqrt()

    def reciprocal(self, value):
        try:
            return value.reciprocal()
        except ZeroDivisionError:
            raise Undefined("1/0") from None

    def special(self, node):
        raise NotASurd(f"{node} is no sum of square roots")


def decide(relation: Any, exact: Enclosure) -> bool | None:
    """True or False if that is certain at the working precision, else None. Undefined if a side has no value."""
    left, right = map(exact.value, relation.args)
    if isinstance(left, Matrix) or isinstance(right, Matrix):
        return _decide_matrices(type(relation), left, right)
    if type(relation) in {Equality, Unequality}:
        equal = _scalars_equal(left, right)
        return equal if type(relation) is Equality or equal is None else not equal
    low, high = (left, right) if type(relation) in AT_MOST else (right, left)
    strict = type(relation) in STRICT
    if (low < high) if strict else (low <= high):
        return True
    if (low >= high) if strict else (low > high):
        return False
    return None


def decide_by_roots(relation: Any, exact: Enclosure) -> bool | None:
    """Whether an undecided relation between scalars is an exact equality: then its truth, else None."""
    roots = Roots(exact)
    try:
        left, right = map(roots.value, relation.args)
        equal = (left + Surd.rational(-1) * right).is_zero()
    except NotASurd:
        return None
    if type(relation) is Equality:
        return equal
    if not equal:
        return True if type(relation) is Unequality else None
    return type(relation) not in STRICT | {Unequality}


def _scalars_equal(left, right) -> bool | None:
    if type(left) is type(right) is flint.fmpq:
        return left == right
    return None if flint.arb(left).overlaps(flint.arb(right)) else False


def _decide_matrices(kind, left, right) -> bool | None:
    if kind not in {Equality, Unequality} or not (isinstance(left, Matrix) and isinstance(right, Matrix)):
        raise NotExact("matrices can only be compared with = or !=, and with matrices")
    if left.shape != right.shape:
        raise NotExact(f"the matrices compared have shapes {left.shape} and {right.shape}")
    entries = [_scalars_equal(a, b) for a, b in zip(left.entries(), right.entries(), strict=True)]
    equal = False if False in entries else None if None in entries else True
    return equal if kind is Equality or equal is None else not equal
