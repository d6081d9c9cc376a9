"""Expressions as they are written: SymPy builds the nodes and leaves them alone."""

from hypothesis import strategies as st
from sympy import Add, Mul, Pow


def power(base, exponent):
    """base^exponent as a tree: SymPy would make W of (W^(1/2))^2."""
    return Pow(base, exponent, evaluate=False)


def times(*factors):
    return Mul(*factors, evaluate=False)


def degree(node):
    """The degree as a polynomial in the atoms: powers of powers of powers would take the machine down."""
    degrees = [degree(argument) for argument in node.args]
    if node.is_Pow and node.exp.is_Integer:
        return degrees[0] * max(int(node.exp), 1)
    return sum(degrees) if node.is_Mul else max(degrees, default=1)


def trees_of(*leaves):
    """Sums, products and powers of the leaves, small enough to expand."""
    return st.recursive(
        st.sampled_from(leaves),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda pair: Add(*pair, evaluate=False)),
            st.tuples(inner, inner).map(lambda pair: times(*pair)),
            st.tuples(inner, st.integers(0, 3)).map(lambda pair: power(*pair)),
        ),
        max_leaves=6,
    ).filter(lambda node: degree(node) <= 8)
