"""The second checker: it agrees with the first where that is right, and says no where a constant or an order is off."""

import pytest
import sympy
from hypothesis import example, given
from hypothesis import strategies as st
from steps import EVERY_STEP, check_alone, seen
from sympy import Add, Ge, Gt, IndexedBase, Integer, Mul, Ne, Rational, sqrt, symbols, transpose
from trees import power, times, trees_of

from linres.certificate import Reader
from linres.language import Det, Inner, Scope
from linres.rungs.second import agrees

a, b, x, y, z = symbols("a b x y z", real=True)
u, v, w, W, V = symbols("u v w W V", commutative=False)
t, n = symbols("t n", integer=True)
X, U = IndexedBase(x), IndexedBase(u)




def square(vector):
    return Inner(vector, vector)


half = Rational(1, 2)

# name: (left, right, a right side that is slightly wrong, definitions)
IDENTITIES = {
    "numbers": (Integer(2), power(sqrt(2), 2), Integer(3), {}),
    "polynomials": ((x + y) ** 2, x**2 + 2 * x * y + y**2, x**2 + 2 * x * y + y**3, {}),
    "quotients": (1 / (x - y) - 1 / (x + y), 2 * y / (x**2 - y**2), 2 * y / (x**2 - y), {}),
    "quotients with one denominator": (x / y + 1 / y, (x + 1) / y, (x + 2) / y, {}),
    "negative powers": (x**-3 * x, x**-2, x**-1, {}),
    "a power of zero": (power(x, 0), Integer(1), Integer(0), {}),
    "a root": (power(sqrt(x), 2), x, x**2, {}),
    "a root is not its base": (sqrt(x), sqrt(x), x, {}),
    "a root in a denominator": (times(x, power(sqrt(x), -1)), sqrt(x), x, {}),
    "odd powers of roots": (power(sqrt(x + y), 5), (x + y) ** 2 * sqrt(x + y), (x + y) ** 2 * sqrt(x), {}),
    "a root of a root": (
        power(power(x + power(y, half), half), 4), x**2 + 2 * x * sqrt(y) + y, x**2 + x * sqrt(y) + y, {}),
    "a root of a quotient": (power(power(x / y, half), 2), x / y, y / x, {}),
    "two roots": ((sqrt(x) - sqrt(y)) * (sqrt(x) + sqrt(y)), x - y, x + y, {}),
    "a length": (square(u + 2 * v), square(u) + 4 * Inner(u, v) + 4 * square(v), square(u) + 4 * square(v), {}),
    "inner products turned around": (Inner(u, v), Inner(v, u), square(u), {}),
    "three vectors": (Inner(u + v, w), Inner(u, w) + Inner(v, w), Inner(u, w) + Inner(v, u), {}),
    "a vector times a quotient": (x**2 * square(u / x), square(u), x * square(u), {}),
    "a norm": (power(sqrt(square(u)), 2), square(u), sqrt(square(u)), {}),
    "a definition": (z + 1, (x + 1) ** 2 - 2 * x, (x + 1) ** 2 - x, {z: x**2}),
    "a definition of a definition": (z, x**2 + 2, x**2 + 1, {z: y + 1, y: x**2 + 1}),
    "a name for a name": (z**2, x**4, x**2, {z: y, y: x**2}),
    "the root of a definition": (power(sqrt(z), 2), x**2, x, {z: x**2}),
    "a defined vector": (square(w), square(u) - 2 * Inner(u, v) + square(v), square(u) + square(v), {w: u - v}),
    "a sequence": (X[t] + X[t], 2 * X[t], X[t] + X[t + 1], {}),
    "a defined sequence": (X[t + 1] - X[t], y, 2 * y, {X[t + 1]: X[t] + y}),
    "a sequence of vectors": (square(U[t]), Inner(U[t], U[t + 1] - v), square(v), {U[t + 1]: U[t] + v}),
    "a power over stages": (times(power(x, t), x), x ** (t + 1), x ** (t + 2), {}),
    "an earlier stage of a power": (times(x ** (t - 2), x**3), x ** (t + 1), power(x, t), {}),
    "a power of one number of stages is not that of another": (power(x, t), power(x, t), power(x, n), {}),
    "a power of one base is not that of another": (power(x, t), power(x, t), power(y, t), {}),
    "a power is not its base": (power(x, t), power(x, t), x, {}),
    "a power of zero over stages": (power(Integer(0), t + 1), Integer(0), power(Integer(0), t), {}),
    "a power of a definition": (z ** (t + 1), times(z**t, x**2), times(z**t, x), {z: x**2}),
    "a power of a root": (power(sqrt(x), t + 2), times(power(sqrt(x), t), x), power(sqrt(x), t + 1), {}),
    "the root of a power": (power(power(power(x, t), half), 2), power(x, t), x, {}),
    "a power of what changes": (power(X[t], t + 1), times(power(X[t], t), X[t]), power(X[t + 1], t + 1), {}),
    "a power not added up": (power(x, Add(1, t, 1, evaluate=False)), times(power(x, t), x, x), power(x, t), {}),
    "a power in front of a vector": (
        square(times(power(x, t), u)), times(power(power(x, t), 2), square(u)), times(power(x, t), square(u)), {}),
    "a power in front of a matrix": (
        times(x ** (t + 1), W, V), times(x, W, power(x, t), V), times(x ** (t + 1), V, W), {}),
    "matrices": ((W + V) ** 2, W**2 + W * V + V * W + V**2, W**2 + 2 * W * V + V**2, {}),
    "matrices do not commute": (W * V, W * V, V * W, {}),
    "the standard identity of 2 x 2 matrices": (  # of degree 4: it needs 3 x 3 matrices to fail
        times((W * V - V * W), w), W * V * w - V * W * w, W * V * w - V * w * W, {}),
    "a matrix and a multiple of the identity": (W * (V + x), W * V + x * W, W * V + x, {}),
    "a scalar after a matrix": (times(W, x), x * W, x * V, {}),
    "an inverse": (times(W, V, power(W, -1), W), W * V, V * W, {}),
    "an inverse squared": (times(power(W, -2), W, W, V), V, W, {}),
    "the zeroth power of a matrix": (times(power(W, 0), V), V, W, {}),
    "a defined matrix": (U[t + 1], W * U[t] + U[t], U[t] * W + U[t], {U[t + 1]: (1 + W) * U[t]}),
    "transposes": (transpose(W * V), transpose(V) * transpose(W), transpose(W) * transpose(V), {}),
    "a matrix is not symmetric": (W, transpose(transpose(W)), transpose(W), {}),
    "an inner product of matrices as a factor": (Inner(W, V) * W, times(W, Inner(V, W)), square(W) * V, {}),
    "an inner product of matrices is over all entries": (
        Inner(W, V) * w, times(w, Inner(V, W)), Inner(W, W + V - W + 0 * w) * V, {}),
}


@pytest.mark.parametrize(("left", "right", "wrong", "definitions"), IDENTITIES.values(), ids=IDENTITIES)
def test_agrees_on(left, right, wrong, definitions):
    assert agrees((left, right), definitions)
    assert not agrees((left, wrong), definitions)
    assert not agrees((wrong, left), definitions)


def test_small_matrices_are_not_enough_where_transposes_occur():
    skew, also = W - transpose(W), V - transpose(V)
    assert not agrees((skew * also, also * skew), {})  # though it holds for all 2 x 2 matrices


def test_the_standard_polynomial_of_2_by_2_matrices_is_no_identity():
    """s_4 vanishes on all 2 x 2 matrices (Amitsur and Levitzki), so the checker has to use larger ones."""
    letters = symbols("A:4", commutative=False)
    standard = Add(*[sympy.LeviCivita(*order) * Mul(*[letters[k] for k in order])
                     for order in sympy.utilities.iterables.permutations(range(4))])
    assert not agrees((standard, 0 * W), {})


def test_a_denominator_that_is_identically_zero_is_an_error():
    zero = Add(x, -x, evaluate=False)
    with pytest.raises(ZeroDivisionError, match="identically zero"):
        agrees((power(zero, -1), x), {})


MORE = Rational(1, 10**6)


@pytest.mark.parametrize(("name", "position"), EVERY_STEP)
def test_agrees_with_the_first_checker_on_a_step_of_ours(name, position):
    """On the identities as they are, and with one side doubled or a little more added, where both say no.

    Of zero, the double is no other.
    """
    step, scope, facts = seen(name)[0][position]
    reader = Reader(scope, facts)
    for left, right in check_alone(name, step, scope, facts):
        assert agrees((left, right), scope.definitions)
        zero = reader.equal(right, Integer(0))
        for other, equal in ((Add(left, left, evaluate=False), zero), (Add(left, MORE, evaluate=False), False)):
            assert agrees((other, right), scope.definitions) is equal
            assert reader.equal(other, right) is equal




LEAVES = (x, y, sqrt(a), 1 / a, Inner(u, v), square(u), Integer(-2), half)
POWERS = (power(x, n), x ** (n + 1), a ** (n - 1), power(sqrt(a), n))
scalars, over_stages = trees_of(*LEAVES), trees_of(*LEAVES, *POWERS)
matrices = st.recursive(
    st.sampled_from([W, V, power(W, -1), transpose(W), times(x, V)]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: Add(*pair, evaluate=False)),
        st.tuples(inner, inner).map(lambda pair: times(*pair)),
    ),
    max_leaves=3,
)
READER = Reader(Scope(frozenset({a, x, y, u, v, W, V, n})), (Gt(a, 0), Ne(Det(W), 0), Ge(n, 0)))


@given(over_stages, over_stages)
@example(power(sqrt(a), 2), power(1 / a, 1))
@example(times(x, Add(x, y)), Add(times(x, x), times(x, y), evaluate=False))
@example(times(a, a ** (n - 1)), times(power(sqrt(a), 2), power(a, n), 1 / a))
def test_the_checkers_agree_on_scalars(left, right):
    assert agrees((left, right), {}) == READER.equal(left, right)
    assert agrees((times(2, left), Add(left, left, evaluate=False)), {})


@given(scalars)
def test_the_checkers_agree_with_sympy(left):
    assert agrees((left, sympy.expand(left.doit())), {})
    assert READER.equal(left, sympy.expand(left.doit()))


@given(matrices, matrices)
@example(times(power(W, -1), W), times(W, power(W, -1)))
@example(times(W, V), times(V, W))
def test_the_checkers_agree_on_matrices(left, right):
    assert agrees((left, right), {}) == READER.equal(left, right)
    twice = Add(left, left, evaluate=False)
    assert agrees((twice, times(2, left)), {})
    assert READER.equal(twice, times(2, left))
