"""Places in a statement that can be changed: where they are, how they are named, and the tree with one of them changed.

A place is a path of argument positions from the root. Numbers within an index, a determinant or a squared length are
left alone: x[t + 2] is another sequence, not another constant.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from sympy import Add, Indexed, Integer, Mul, Pow, Symbol

from linres.language import NUMBERS, RELATIONS, UNEVALUATED, Det, GeometricSum, Inner, is_integer, is_vector

Path = tuple[int, ...]
Role = Literal["number", "exponent", "term"]


class Place(NamedTuple):
    """A number, an exponent, or a term whose coefficient is a 1 that is not written."""

    path: Path
    node: Any
    role: Role


def at(root: Any, path: Path) -> Any:
    """The node at a path."""
    for position in path:
        root = root.args[position]
    return root


def put(root: Any, path: Path, new: Any) -> Any:
    """The tree with the node at the path replaced; nothing else is touched, and nothing simplified."""
    if not path:
        return new
    arguments = list(root.args)
    arguments[path[0]] = put(arguments[path[0]], path[1:], new)
    return rebuilt(root, arguments)


def rebuilt(node: Any, arguments: list[Any]) -> Any:
    """A node of the same kind with other arguments."""
    kind = type(node)
    return kind(*arguments, evaluate=False) if kind in UNEVALUATED else kind(*arguments)


def named(path: Path, relation: Any = None) -> str:
    """The path as part of a name: the side of a relation, then positions."""
    if relation is not None and type(relation) in RELATIONS and path:
        return ".".join([("lhs", "rhs")[path[0]], *map(str, path[1:])])
    return ".".join(map(str, path)) or "root"


def places(relation: Any) -> Iterator[Place]:
    """Every place of a relation or of an expression, the left side first."""
    if type(relation) not in RELATIONS:
        yield from _below(relation, ())
        return
    for side, node in enumerate(relation.args):
        if side == 1 and _has_coefficient_1(node):  # scaling the left side down is scaling the right side up
            yield Place((side,), node, "term")
        yield from _below(node, (side,))


def _below(node: Any, path: Path) -> Iterator[Place]:
    kind = type(node)
    if kind in NUMBERS:
        if node.p:
            yield Place(path, node, "number")
    elif kind is Pow:
        yield from _below(node.base, (*path, 0))
        if not is_vector(node.base):
            yield Place((*path, 1), node.exp, "exponent")
    elif kind is Add:
        for position, term in enumerate(node.args):
            if _has_coefficient_1(term):
                yield Place((*path, position), term, "term")
            yield from _below(term, (*path, position))
    else:
        for position in _arguments(kind, node):
            yield from _below(node.args[position], (*path, position))


def _arguments(kind: type, node: Any) -> range:
    """Which arguments of a node may hold places."""
    if kind in {Symbol, Indexed, Det, Inner}:
        return range(0)
    return range(3) if kind is GeometricSum else range(len(node.args))


def _has_coefficient_1(node: Any) -> bool:
    """Whether a term has no number of its own: then its coefficient is 1."""
    if type(node) is Mul:
        return not any(type(factor) in NUMBERS for factor in node.args)
    return type(node) not in NUMBERS and not is_integer(node)


def scaled(place: Place, factor: Any) -> Any:
    """What stands at a number or a term when it is multiplied by a rational."""
    if place.role == "number":
        return Integer(1) * (place.node * factor)
    return Mul(factor, place.node, evaluate=False)
