"""An expression to a number: exactly, in balls, as a sum of square roots, or in float64 for plots.

One walk over the tree by node type, four kinds of numbers. Nothing is ever turned into a float on the way to a verdict:
rationals become fmpq, pi and E balls, and a float in a row is refused. `decide` answers True or False only when that
is certain.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from operator import mul
from typing import Any

import flint
import numpy as np
import sympy
from sympy import Add, Equality, Indexed, Mul, Pow, Symbol, Unequality, preorder_traversal
from sympy.core import numbers
from sympy.functions.elementary.complexes import transpose

from linres.arithmetic import Matrix, inner
from linres.chance import Chance
from linres.errors import kind_of, refuse
from linres.language import (
    AT_MOST,
    NUMBERS,
    STRICT,
    Det,
    GeometricSum,
    Inner,
    NotExact,
    chance_nodes,
    is_integer,
    is_vector,
    tidy,
)
from linres.scaled import Scaled
from linres.surd import NotASurd, Surd

MOST_BITS = 2**22  # of an exact power: a longer one is enclosed by a ball, or is no sum of square roots


class Undefined(Exception):
    """The expression has no value here: a division by zero or the root of a negative number."""


class Missing(Exception):
    """The row has no value for a symbol of the statement."""


class _Nodes:
    """One node to stand for all that are equal to it, and what is known of nodes.

    All is kept by id, the node with it, so that its id stays its own: SymPy takes long to see that two nodes are equal,
    and a long run asks at every stage.
    """

    def __init__(self, first: Iterable[Any]):
        self._one = {node: node for node in first}
        self.known: dict[int, tuple[Any, bool, int, Any]] = {}
        self._indices: dict[int, tuple[Any, int]] = {}
        self._mentioned: dict[int, frozenset[Any]] = {}
        self._kinds: dict[int, tuple[bool, bool]] = {}

    def learn(self, node: Any) -> tuple[Any, bool, int, Any]:
        """The node that stands for this one, whether it is about no stage, its id; and this one."""
        same = self._one.setdefault(node, node)
        found = self.known[id(node)] = (same, _about_no_stage(same), id(same), node)
        return found

    def one(self, node: Any) -> Any:
        """The node that stands for this one."""
        return (self.known.get(id(node)) or self.learn(node))[0]

    def index(self, index: Any) -> tuple[Any, int]:
        """As `shifted`."""
        if id(index) not in self._indices:
            self.one(index)
            self._indices[id(index)] = shifted(index)
        return self._indices[id(index)]

    def mentioned(self, node: Any) -> frozenset[Any]:
        """The symbols that a node mentions."""
        if id(node) not in self._mentioned:
            self.one(node)
            self._mentioned[id(node)] = frozenset(node.free_symbols)
        return self._mentioned[id(node)]

    def kind(self, node: Any) -> tuple[bool, bool]:
        """Whether a symbol or chance node stands for a matrix, and whether for an integer."""
        if id(node) not in self._kinds:
            self.one(node)
            self._kinds[id(node)] = is_vector(node), is_integer(node)
        return self._kinds[id(node)]


_MOST_NODES, _MOST_TABLES = 50_000, 8
_TABLES: dict[tuple[int, ...], _Nodes] = {}  # by the ids of the names defined, which a table keeps


def _nodes(row: Mapping, definitions: Mapping) -> _Nodes:
    """The table of all rows that are read with definitions of these names: those of a theorem and its variants."""
    place = tuple(map(id, definitions))
    nodes = _TABLES.pop(place, None)
    if nodes is None or len(nodes.known) > _MOST_NODES:
        nodes = _Nodes((*definitions, *row))
    _TABLES[place] = nodes  # the last used comes last
    if len(_TABLES) > _MOST_TABLES:
        del _TABLES[next(iter(_TABLES))]
    return nodes


class _Shared:
    """What the walks over one row have in common: which nodes are one, and what need not be worked out again at another
    stage: partial sums, all that is about no stage, scalars that definitions give at a stage (matrices are let go)."""

    def __init__(self, nodes: _Nodes):
        self.nodes = nodes
        self.sums: dict[Any, list] = {}
        self.scalars: dict[Any, Any] = {}
        self.fixed: dict[int, Any] = {}


class _Walk:
    """The value of an expression on one row, at given stages. Subclasses say what a number is."""

    def __init__(
        self, row: Mapping, definitions: Mapping, stages: Mapping | None = None, shared: _Shared | None = None
    ):
        self.row, self.definitions, self.stages = row, definitions, dict(stages or {})
        self.shared = _Shared(_nodes(row, definitions)) if shared is None else shared
        self._moving: dict[int, Any] = {}  # values by the id of the node that stands for those equal to it

    def value(self, node: Any) -> Any:
        nodes = self.shared.nodes
        one, fixed, place, _ = nodes.known.get(id(node)) or nodes.learn(node)
        values = self.shared.fixed if fixed else self._moving
        if place not in values:
            values[place] = self._value(one)
        return values[place]

    def _value(self, node):
        kind = type(node)
        if kind is Symbol or kind is Indexed:
            return self.lookup(node)
        if kind is Add:
            return _fold(add, map(self.value, node.args))
        if kind is Mul:
            return _product(list(map(self.value, node.args)))
        if kind is Pow:
            return self.power(*node.args)
        return self.number(node) if kind in NUMBERS else self._rarer_value(node)

    def _rarer_value(self, node):
        kind = type(node)
        if kind in {Inner, Det, transpose}:
            return self.of_vectors(node)
        if kind is GeometricSum:
            return self.geometric_sum(node)
        return self.lookup(node) if kind in chance_nodes() else self.special(node)

    def lookup(self, node):
        """The measured value of a symbol, or else what its definition gives."""
        if type(node) is Symbol and node in self.stages:
            return self.number(sympy.Integer(self.stages[node]))
        if node in self.row:
            return self.measured(self.row[node])
        if type(node) is Indexed:
            label, index = node.args
            label = self.shared.nodes.one(label)
            if label in self.row:
                return self.at_stage(label, index)
        if node in self.definitions:
            return self.defined(node)
        raise Missing(f"measure gives no value for {node}")

    def defined(self, node):
        """What its definition gives for a symbol, or for a sequence at a stage."""
        return self.value(self.definitions[node])

    def at_stage(self, label, index):
        stage, sequence = self.stage(index), self.row[label]
        if not isinstance(sequence, Mapping):
            raise NotExact(f"the sequence {label} should be measured as {{stage: value}}, got {sequence!r}")
        if stage not in sequence:
            raise Missing(f"measure gives no value for {label} at stage {stage}")
        return self.measured(sequence[stage])

    def power(self, base, exponent):
        if type(exponent) not in NUMBERS:
            exponent = self.whole(exponent)
        if exponent.q == 2:
            value = self.root(self.value(base))
        elif exponent.q == 1:
            value = self.value(base)
        else:
            raise NotExact(f"{base}**{exponent}: only integer powers and square roots have an exact meaning here")
        raised = self.repeated(value, abs(exponent.p))
        return self.reciprocal(raised) if exponent.p < 0 else raised

    def whole(self, exponent):
        """A symbolic exponent such as T, t/2 or n - 1, as the rational it is at these stages; n a measured int."""
        if exponent in self.stages:
            return sympy.Integer(self.stages[exponent])
        if type(exponent) in NUMBERS:
            return exponent
        measured = {n: self.row.get(n) for n in exponent.free_symbols if is_integer(n)}
        counts = {n: k for n, k in measured.items() if type(k) is int} | self.stages
        if not all(node in counts or _counts(node) for node in preorder_traversal(exponent)):
            raise NotExact(f"{exponent} is not made of stages")
        return tidy(exponent.xreplace({n: sympy.Integer(k) for n, k in counts.items()}))

    def stage(self, index) -> int:
        """An index or horizon as the integer it is at these stages."""
        moving, offset = self.shared.nodes.index(index)
        if moving in self.stages and type(self.stages[moving]) is int:
            return self.stages[moving] + offset
        value = self.whole(index)
        if value.q != 1:
            raise Undefined(f"the stage {value}")
        return int(value)

    def repeated(self, value, times):
        """value^times by products: a power of a ball that holds 0 is not a number."""
        result = None
        while times:
            if times % 2:
                result = value if result is None else multiply(result, value)
            times //= 2
            value = multiply(value, value) if times else value
        return self.number(sympy.Integer(1)) if result is None else result

    def at(self, t: Symbol, stage: Any) -> Any:
        """The same row with the stage index t set."""
        return type(self)(self.row, self.definitions, {**self.stages, t: stage}, self.shared)

    def geometric_sum(self, node):
        start, ratio, forcing, t, T = node.args
        horizon, nodes = self.stage(T), self.shared.nodes
        mentioned = nodes.mentioned(start) | nodes.mentioned(ratio) | nodes.mentioned(forcing)
        if horizon < 0:
            raise Undefined(f"a sum over {horizon} stages")
        at = tuple(item for item in self.stages.items() if item[0] in mentioned)
        totals = self.shared.sums.setdefault((node, at), [self.value(start)])
        while len(totals) <= horizon:
            stage = len(totals) - 1
            totals.append(multiply(self.value(ratio), totals[-1]) + self.at(t, stage).value(forcing))
        return totals[horizon]

    number: Callable[[Any], Any]
    measured: Callable[[Any], Any]
    root: Callable[[Any], Any]
    reciprocal: Callable[[Any], Any]

    def of_vectors(self, node):
        values = list(map(self.value, node.args))
        if type(node) is Inner:
            return inner(*values)
        return values[0].T if type(node) is transpose else values[0].data.det()

    def special(self, node):
        raise NotExact(f"{node}: {type(node).__name__} has no exact meaning here")


def shifted(index: Any) -> tuple[Any, int]:
    """(t, k) if the index is t + k, t a symbol and k an integer; else (None, 0)."""
    if type(index) is Symbol:
        return index, 0
    if type(index) is Add and len(index.args) == 2:
        offset, moving = index.args if type(index.args[0]) in NUMBERS else index.args[::-1]
        if type(moving) is Symbol and type(offset) in NUMBERS and offset.q == 1:
            return moving, int(offset)
    return None, 0


@lru_cache(maxsize=8192)
def _about_no_stage(node: Any) -> bool:
    return not any(map(is_integer, node.free_symbols))


class Stack:
    """Many float64 matrices (n, d, d) with the operators of one; scalars may be arrays (n,)."""

    __slots__ = ("data",)
    __array_ufunc__ = None  # an array times a Stack is then left to us

    def __init__(self, data):
        self.data = data

    def __add__(self, other):
        return Stack(self.data + other.data)

    def __sub__(self, other):
        return Stack(self.data - other.data)

    def __rmul__(self, scalar):
        return Stack(np.asarray(scalar)[..., None, None] * self.data)

    def __matmul__(self, other):
        return Stack(self.data @ other.data)

    def entries(self):
        """All entries, row by row, each an array (n,)."""
        return list(self.data.reshape(len(self.data), -1).T)

    @property
    def T(self):
        return Stack(np.swapaxes(self.data, -1, -2))

    def inverse(self):
        return Stack(np.linalg.inv(self.data))

    def identity(self):
        return Stack(np.broadcast_to(np.eye(self.data.shape[-1]), self.data.shape))


_MATRICES = (Matrix, Stack)  # a tuple: a union would be made anew each time


def _counts(node: Any) -> bool:
    """Whether a node may occur where stages are counted: none that SymPy could cancel although it has no value, 0/y."""
    if type(node) is not Pow:
        return type(node) in {Add, Mul} | NUMBERS
    base, exponent = node.args
    whole = type(exponent) in NUMBERS and exponent.q == 1
    return whole and (exponent.p >= 0 or (type(base) in NUMBERS and base.p != 0))


def multiply(a: Any, b: Any) -> Any:
    """a b for scalars and matrices in any order; a matrix next to a matrix is multiplied as one."""
    if isinstance(a, _MATRICES):
        return a @ b if isinstance(b, _MATRICES) else b * a
    return a * b


def add(a: Any, b: Any) -> Any:
    """a + b, where a scalar next to a matrix is that multiple of the identity."""
    first = isinstance(a, _MATRICES)
    if first is isinstance(b, _MATRICES):
        return a + b
    matrix, scalar = (a, b) if first else (b, a)
    return matrix + scalar * matrix.identity()


class Enclosure(_Walk):
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


def _require_kind(node, value, nodes: _Nodes) -> None:
    """NotExact if a matrix was measured for a scalar, a scalar for a matrix, or a fraction for an integer."""
    label = node.args[0].args[0] if type(node) is Indexed else node
    wants_matrix, wants_integer = nodes.kind(label)
    if wants_matrix != isinstance(value, Matrix):
        raise NotExact(f"{node} should be measured as a {'Matrix' if wants_matrix else 'number'}, got {value!r}")
    if type(node).__name__ == "Probability" and (value < 0 or value > 1):
        raise NotExact(f"{node} should be measured as a number from 0 to 1, got {value!r}")
    if wants_integer and not (type(value) is flint.fmpq and value.denominator == 1):
        raise NotExact(f"{node} should be measured as an integer, got {value!r}")


class Roots(_Walk):
    """Sums of square roots of rationals (`Surd`), for deciding equality; NotASurd where that does not reach."""

    def __init__(self, exact: Enclosure, shared: _Shared | None = None):
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


def _product(values: list) -> Any:
    """The product in the order of the values, scalars first: a matrix is then scaled once."""
    matrices = [value for value in values if isinstance(value, _MATRICES)]
    if not matrices:
        return _fold(mul, iter(values))
    scalars = [value for value in values if not isinstance(value, _MATRICES)]
    scaled = [_fold(mul, iter(scalars))] if scalars else []
    return _fold(multiply, iter([*scaled, *matrices]))


def _fold(operation, values: Iterator) -> Any:
    total = next(values)
    for value in values:
        total = operation(total, value)
    return total


class Float(_Walk):
    """float64, vectorised over instances: arrays (n,), matrices (n, d, d), sequences indexed by stage first."""

    def number(self, node):
        return node.p / node.q

    def measured(self, value):
        array = np.asarray(value, dtype=float)
        return Stack(array) if array.ndim == 3 else array[()]

    def root(self, value):
        return np.sqrt(value)

    def reciprocal(self, value):
        return value.inverse() if isinstance(value, Stack) else 1 / value

    def at_stage(self, label, index):
        return self.measured(self.row[label][self.stage(index)])

    def special(self, node):
        return float(node) if node.is_number else getattr(np, type(node).__name__.lower())(self.value(node.args[0]))


class Curve(Float):
    """float64, vectorised over stages: for the right side of a conclusion at many horizons at once."""

    def lookup(self, node):
        return self.stages[node] if node in self.stages else super().lookup(node)

    def at_stage(self, label, index):
        values, stages = np.asarray(self.row[label], dtype=float), np.asarray(self.value(index)).astype(int)
        if values.size == 1:  # the same at every stage
            return values.ravel()[0]
        if stages.size and not 0 <= stages.min() <= stages.max() < len(values):
            raise Missing(f"{label} at the stages {stages.min()} to {stages.max()}")
        return values[stages]

    def power(self, base, exponent):
        if type(exponent) in NUMBERS:
            return super().power(base, exponent)
        return self.value(base) ** self.value(exponent)

    def geometric_sum(self, node):
        from linres.kernels import recurrence

        start, ratio, forcing, t, T = node.args
        horizon = np.asarray(self.row[T])
        stages = np.arange(horizon.max(initial=0))
        terms = np.broadcast_to(self.at(t, stages).value(forcing), stages.shape).astype(float)
        return recurrence.run(float(self.value(start)), float(self.value(ratio)), terms)[horizon]


def bound(theorem: Any, values: Mapping[str, Any]) -> Any:
    """The right side of the theorem's conclusion in float64.

    values: by symbol name, scalars or arrays that broadcast; a sequence by its label, as an array over stages or one
    number for all; the horizon T as an integer or an integer array. InputError for a name that the theorem does not
    have or that is missing, or a sequence that is too short.
    """
    symbols = {str(s): s for s in theorem.symbols}
    unknown = [name for name in values if name not in symbols]
    if unknown:
        raise refuse(f"{theorem.name}.bound({unknown[0]}=...)", f"one of {', '.join(symbols)}", repr(unknown[0]))
    walk = Curve({symbols[name]: value for name, value in values.items()}, theorem.definitions)
    try:
        return walk.value(theorem.conclusion.rhs)
    except Missing as missing:
        raise refuse(f"{theorem.name}.bound(...)", "given every symbol of the right side", missing) from None


