"""One walk over the tree of an expression by node type; subclasses say what a number is."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import sympy
from sympy import Add, Indexed, Mul, Pow, Symbol, preorder_traversal
from sympy.functions.elementary.complexes import transpose

from linres.arithmetic import inner
from linres.evaluate.products import add, fold, multiply, product
from linres.language import (
    NUMBERS,
    Det,
    GeometricSum,
    Inner,
    NotExact,
    chance_nodes,
    is_integer,
    is_vector,
    tidy,
)


class Undefined(Exception):
    """The expression has no value here: a division by zero or the root of a negative number."""


class Missing(Exception):
    """The row has no value for a symbol of the statement."""


class Nodes:
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
_TABLES: dict[tuple[int, ...], Nodes] = {}  # by the ids of the names defined, which a table keeps


def _nodes(row: Mapping, definitions: Mapping) -> Nodes:
    """The table of all rows that are read with definitions of these names: those of a theorem and its variants."""
    place = tuple(map(id, definitions))
    nodes = _TABLES.pop(place, None)
    if nodes is None or len(nodes.known) > _MOST_NODES:
        nodes = Nodes((*definitions, *row))
    _TABLES[place] = nodes  # the last used comes last
    if len(_TABLES) > _MOST_TABLES:
        del _TABLES[next(iter(_TABLES))]
    return nodes


class Shared:
    """What the walks over one row have in common: which nodes are one, and what need not be worked out again at another
    stage: partial sums, all that is about no stage, scalars that definitions give at a stage (matrices are let go)."""

    def __init__(self, nodes: Nodes):
        self.nodes = nodes
        self.sums: dict[Any, list] = {}
        self.scalars: dict[Any, Any] = {}
        self.fixed: dict[int, Any] = {}


class Walk:
    """The value of an expression on one row, at given stages. Subclasses say what a number is."""

    def __init__(
        self, row: Mapping, definitions: Mapping, stages: Mapping | None = None, shared: Shared | None = None
    ):
        self.row, self.definitions, self.stages = row, definitions, dict(stages or {})
        self.shared = Shared(_nodes(row, definitions)) if shared is None else shared
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
            return fold(add, map(self.value, node.args))
        if kind is Mul:
            return product(list(map(self.value, node.args)))
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


def _counts(node: Any) -> bool:
    """Whether a node may occur where stages are counted: none that SymPy could cancel although it has no value, 0/y."""
    if type(node) is not Pow:
        return type(node) in {Add, Mul} | NUMBERS
    base, exponent = node.args
    whole = type(exponent) in NUMBERS and exponent.q == 1
    return whole and (exponent.p >= 0 or (type(base) in NUMBERS and base.p != 0))
