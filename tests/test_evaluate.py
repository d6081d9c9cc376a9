"""An expression to a number: exactly, in balls, by roots, in float64; what is refused, and what stays undecided."""

from types import SimpleNamespace

import flint
import numpy as np
import pytest
import sympy
import sympy.stats
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sympy import Eq, Ge, Gt, IndexedBase, Integer, Le, Lt, Mul, Ne, Pow, Rational, sqrt, symbols, transpose

from linres.arithmetic import BALL, EXACT, rational
from linres.errors import InputError
from linres.evaluate import (
    Curve,
    Enclosure,
    Float,
    Missing,
    Roots,
    Stack,
    Undefined,
    bound,
    decide,
    decide_by_roots,
    walk,
)
from linres.language import Det, GeometricSum, Inner, NotExact, norm
from linres.surd import NotASurd

x, y, z, q = symbols("x y z q", real=True)
u, v, W, V = symbols("u v W V", commutative=False)
t, T, n = symbols("t T n", integer=True)
X, D = IndexedBase(x), IndexedBase(y)
fmpq, arb = flint.fmpq, flint.arb


def exact(node, row=None, *, definitions=None, stages=None):
    return Enclosure(row or {}, definitions or {}, stages).value(node)


def plain(kind, left, right):
    return kind(left, right, evaluate=False)


def truth(relation, row=None, **options):
    return decide(relation, Enclosure(row or {}, options.get("definitions", {}), options.get("stages")))


def by_roots(relation, row=None, **options):
    return decide_by_roots(relation, Enclosure(row or {}, options.get("definitions", {}), options.get("stages")))


def column(*entries):
    return EXACT.matrix([[entry] for entry in entries])


SQUARE = EXACT.matrix([[1, 2], [3, 5]])


class TestExactly:
    @pytest.mark.parametrize("number", [fmpq(3), arb(3)], ids=["rational", "ball"])
    def test_a_third_of_three_is_one(self, number):
        assert exact(x / 3, {x: number}) == 1 or exact(x / 3, {x: number}).contains(1)
        assert not truth(Lt(x / 3, 1), {x: number})  # lambdify said certainly true
        assert truth(Lt(x / 3, 1), {x: number - fmpq(1, 10**9)}) is True

    def test_a_third_of_three_is_one_exactly(self):
        assert exact(x / 3, {x: 3}) == fmpq(1)
        assert type(exact(x / 3, {x: 3})) is fmpq
        assert truth(Lt(x / 3, 1), {x: 3}) is False

    def test_pi_is_a_ball_around_pi(self):
        with flint.ctx.workprec(200):
            value = exact(sympy.pi * x, {x: 2})
            assert value.overlaps(2 * arb.pi())
            assert value.rad() > 0
            assert not value.overlaps(arb(2 * 3.141592653589793))  # what it would be as a float

    def test_e_and_its_functions_are_balls(self):
        assert exact(sympy.E).overlaps(arb(1).exp())
        assert exact(sympy.exp(x), {x: 2}).overlaps(arb(2).exp())
        assert exact(sympy.log(x), {x: 2}).overlaps(arb(2).log())
        assert truth(Gt(sympy.exp(1) - x, 0), {x: fmpq(271828, 100000)}) is True

    def test_the_square_of_a_ball_that_holds_zero_is_a_number(self):
        value = exact(x**2, {x: arb(0, 1)})
        assert value.is_finite()
        assert value.contains(1)
        assert value.contains(0)
        assert not value.contains(2)
        assert exact(x**3, {x: arb(0, 1)}).is_finite()

    @given(st.fractions(-5, 5), st.integers(0, 40))
    @example(rational(0), 0)
    def test_powers_are_products(self, base, exponent):
        base = rational(base)
        assert exact(Pow(x, exponent, evaluate=False), {x: base}) == base**exponent
        if base:
            assert exact(Pow(x, -exponent, evaluate=False), {x: base}) == 1 / base**exponent

    def test_a_rational_root_is_rational_and_another_a_ball(self):
        assert exact(sqrt(x), {x: fmpq(4, 9)}) == fmpq(2, 3)
        value = exact(sqrt(x), {x: 2})
        assert type(value) is arb
        assert (value * value).contains(2)
        assert exact(x ** Rational(-3, 2), {x: 4}) == fmpq(1, 8)

    def test_absolute_values(self):
        assert exact(sympy.Abs(x), {x: fmpq(-2, 3)}) == fmpq(2, 3)
        assert exact(sympy.Abs(x), {x: arb(-2)}) == 2

    def test_a_defined_symbol_has_the_value_of_its_definition_whatever_was_measured(self):
        definitions = {z: x**2, D[t]: X[t + 1] - X[t]}
        assert exact(z + 1, {x: 3}, definitions=definitions) == 10
        assert exact(z + 1, {x: 3, z: 4}, definitions=definitions) == 10
        assert exact(D[t], {X: {0: 1, 1: 5}}, definitions=definitions, stages={t: 0}) == 4

    def test_stages(self):
        row = {X: {-1: 7, 0: 1, 1: 5}, x: 2}
        assert exact(X[t - 1], row, stages={t: 0}) == 7
        assert exact(X[t + 1] * t, row, stages={t: 0}) == 0
        assert exact(x**T, row, stages={T: 10}) == 1024
        assert exact(x ** (T / 2), row | {x: 4}, stages={T: 3}) == 8
        with sympy.evaluate(False):
            exponent = (T - 1) * (1 / Integer(2))
        assert exact(Pow(x, exponent), row | {x: 4}, stages={T: 4}) == 8

    def test_probabilities_are_looked_up(self):
        node = sympy.stats.Probability(Le(x, y))
        assert exact(node, {node: fmpq(1, 3)}) == fmpq(1, 3)


class Counted(dict):
    """A row, or a sequence, that counts what is read from it."""

    def __init__(self, *values):
        super().__init__(*values)
        self.read: list = []

    def __getitem__(self, key):
        self.read.append(key)
        return super().__getitem__(key)


class TestWorkIsShared:
    """A long run asks the same at every stage: what is worked out once must be what it would be each time."""

    def test_nodes_that_are_equal_are_read_once(self):
        sequence = Counted({0: 1, 1: 5})
        walk = Enclosure({X: sequence}, {}, {t: 0})
        with sympy.evaluate(False):
            nodes = [IndexedBase(symbols("x", real=True))[symbols("t", integer=True) + 1] ** 2 for _ in range(3)]
        assert [walk.value(node) for node in nodes] == [25, 25, 25] and sequence.read == [1]

    def test_what_is_about_no_stage_is_read_once_for_all_stages(self):
        row = Counted({x: 3, X: {k: k for k in range(5)}})
        walk = Enclosure(row, {z: x**2})
        assert [walk.at(t, k).value(z * X[t]) for k in range(5)] == [9 * k for k in range(5)]
        assert row.read.count(x) == 1

    def test_what_is_about_a_stage_is_not_carried_to_another(self):
        definitions = {D[t]: X[t + 1] - X[t], z: X[0] + X[1]}
        walk = Enclosure({X: {k: k * k for k in range(5)}}, definitions)
        for k in (0, 1, 3, 1, 0):
            here = walk.at(t, k)
            assert (here.value(D[t]), here.value(t * X[t]), here.value(z)) == (2 * k + 1, k**3, 1)

    def test_a_scalar_that_is_defined_at_a_stage_is_kept_and_a_matrix_is_not(self):
        sequence, vectors = Counted({k: k for k in range(4)}), IndexedBase(u)
        of_matrices = Counted({k: column(k) for k in range(4)})
        definitions = {D[t]: X[t] ** 2, IndexedBase(v)[t]: 2 * vectors[t]}
        walk = Enclosure({X: sequence, vectors: of_matrices}, definitions, {T: 3})
        for _ in range(2):
            assert [walk.at(t, k).value(D[t]) for k in range(4)] == [0, 1, 4, 9]
            assert [walk.at(t, k).value(IndexedBase(v)[t]).entries() for k in range(4)] == [[0], [2], [4], [6]]
        assert walk.value(GeometricSum(0, 1, D[t], t, T)) == 5
        assert sequence.read == [0, 1, 2, 3] and of_matrices.read == 2 * [0, 1, 2, 3]

    def test_a_horizon_is_not_taken_for_another(self):
        row = {X: {k: 10 * k for k in range(4)}}
        shared = Enclosure(row, {}).shared
        assert [Enclosure(row, {}, {T: k}, shared).value(X[T] + T) for k in range(4)] == [0, 11, 22, 33]

    @pytest.mark.parametrize(
        ("index", "stage", "expected"),
        [(t, 3, 3), (t + 2, 1, 3), (t - 1, 4, 3), (3 - t, 1, 2), (2 * t, 2, 4), (t**2, 2, 4), (t + n, 1, 3),
         (t + Rational(1, 2) + Rational(1, 2), 2, 3), (Integer(4), 0, 4)],
        ids=str,
    )
    def test_every_index_made_of_stages_is_read_where_it_is(self, index, stage, expected):
        assert exact(X[index], {X: {k: k for k in range(6)}}, stages={t: stage, n: 2}) == expected

    def test_a_matrix_is_scaled_by_the_product_of_all_scalars_around_it(self):
        other = EXACT.matrix([[0, 1], [1, 1]])
        node = Mul(Rational(1, 3), W, x, V, Rational(-1), evaluate=False)
        assert exact(node, {W: SQUARE, V: other, x: 6}) == fmpq(-2) * (SQUARE @ other)
        assert exact(Mul(x, Rational(2), evaluate=False), {x: 6}) == 12


class TestMatrices:
    def test_products_keep_their_order(self):
        other = EXACT.matrix([[0, 1], [1, 1]])
        assert exact(W * V, {W: SQUARE, V: other}) == SQUARE @ other
        assert exact(W * V, {W: SQUARE, V: other}) != other @ SQUARE
        assert exact(2 * W * x + V, {W: SQUARE, V: other, x: 3}) == 6 * SQUARE + other

    def test_inverses_transposes_determinants_and_inner_products(self):
        row = {W: SQUARE, u: column(1, 2), v: column(3, fmpq(1, 2))}
        assert exact(Mul(W, Pow(W, -1), evaluate=False), row) == SQUARE.identity()
        assert exact(W**-2 * W**2 * W, row) == SQUARE
        assert exact(transpose(W) * u, row) == SQUARE.T @ column(1, 2)
        assert exact(Det(W), row) == -1
        assert exact(Inner(u, v), row) == 4
        assert exact(Inner(W, W), row) == 1 + 4 + 9 + 25
        assert exact(norm(u) ** 2, row | {u: column(3, 4)}) == 25

    def test_a_scalar_next_to_a_matrix_is_that_multiple_of_the_identity(self):
        assert exact(W + 2, {W: SQUARE}) == EXACT.matrix([[3, 2], [3, 7]])
        assert exact(2 - W, {W: SQUARE}) == EXACT.matrix([[1, -2], [-3, -3]])

    @pytest.mark.parametrize("arithmetic", [EXACT, BALL], ids=["rational", "ball"])
    def test_a_singular_matrix_has_no_inverse(self, arithmetic):
        with pytest.raises(Undefined, match="singular"):
            exact(W**-1, {W: arithmetic.matrix([[1, 2], [2, 4]])})

    def test_equality_is_decided_entry_by_entry(self):
        other = EXACT.matrix([[1, 2], [3, 6]])
        assert truth(Eq(W, V), {W: SQUARE, V: SQUARE}) is True
        assert truth(Eq(W, V), {W: SQUARE, V: other}) is False
        assert truth(Ne(W, V), {W: SQUARE, V: SQUARE}) is False
        assert truth(Ne(W, V), {W: SQUARE, V: other}) is True
        ball = BALL.matrix([[1, 2], [3, 5]])
        assert truth(Eq(W, V), {W: SQUARE, V: ball}) is None
        assert truth(Ne(W, V), {W: SQUARE, V: ball}) is None
        assert truth(Eq(W, V), {W: other, V: ball}) is False

    @pytest.mark.parametrize(
        ("relation", "row"),
        [
            (plain(Le, W, V), {W: SQUARE, V: SQUARE}),
            (Eq(W, V), {W: SQUARE, V: column(1, 2)}),
            (plain(Eq, W, x), {W: SQUARE, x: 1}),
        ],
        ids=["inequality", "shapes", "scalar"],
    )
    def test_matrices_are_compared_with_matrices_of_their_shape_by_equality_only(self, relation, row):
        assert truth(Eq(W, W, evaluate=False), row) is True
        with pytest.raises(NotExact, match="matrices"):
            truth(relation, row)


class TestRefusals:
    @pytest.mark.parametrize(
        "value", [0.5, np.float64(0.5), np.int64(1), True, "1", None, 1 + 0j, np.eye(2)], ids=repr
    )
    def test_a_measured_value_is_exact_or_a_ball(self, value):
        assert exact(x, {x: 1}) == 1
        assert exact(X[0], {X: {0: 1}}) == 1
        with pytest.raises(NotExact, match="a measured value should be"):
            exact(x, {x: value})
        with pytest.raises(NotExact, match="a measured value should be"):
            exact(X[0], {X: {0: value}})

    @pytest.mark.parametrize(
        "node", [sympy.Float(0.5), x + 0.5, x**0.5, sympy.sin(x), sympy.oo, sympy.Symbol("k") ** x], ids=str
    )
    def test_floats_and_unknown_nodes_have_no_value(self, node):
        assert exact(x + Rational(1, 2), {x: 1}) == fmpq(3, 2)
        with pytest.raises(NotExact):
            exact(node, {x: 1})

    def test_a_cube_root_has_no_exact_value(self):
        assert exact(x ** Rational(1, 2), {x: 4}) == 2
        with pytest.raises(NotExact, match="integer powers and square roots"):
            exact(x ** Rational(1, 3), {x: 8})

    @pytest.mark.parametrize(
        ("node", "row", "missing"),
        [(y, {x: 1}, "y"), (X[1], {X: {0: 1}}, "stage 1"), (X[0], {x: 1}, "x")],
        ids=["symbol", "stage", "sequence"],
    )
    def test_what_was_not_measured_is_missing(self, node, row, missing):
        with pytest.raises(Missing, match=missing):
            exact(node, row)

    @pytest.mark.parametrize(
        ("node", "row"),
        [
            (1 / x, {x: 0}), (1 / x, {x: arb(0)}), (sqrt(x), {x: -1}), (sqrt(x), {x: arb(-1)}), (x**-2, {x: 0}),
            (X[t / 2], {X: {0: 1}, x: 0}), (GeometricSum(x, 1, 0, t, T - 2), {x: 1}),
        ],
        ids=str,
    )
    def test_what_has_no_value_is_undefined(self, node, row):
        with pytest.raises(Undefined):
            exact(node, row, stages={t: 1, T: 1})

    @pytest.mark.parametrize("node", [1 / x, sqrt(x), 1 / x**2, sympy.log(x)], ids=str)
    def test_a_ball_that_holds_a_pole_decides_nothing(self, node):
        row = {x: arb(0, 1e-30)}
        for relation in (Lt(node, y), Ge(node, y), plain(Eq, node, y), plain(Ne, node, y)):
            assert truth(relation, row | {y: 1}) is None

    def test_an_index_between_two_stages_is_not_rounded(self):
        row = {X: {0: 1, 1: 2}}
        assert exact(X[t / 2], row, stages={t: 2}) == 2
        with pytest.raises(Undefined, match="1/2"):
            exact(X[t / 2], row, stages={t: 1})


class TestDecide:
    HOLDS = (Le, Lt, Ge, Gt, Eq, Ne)

    @pytest.mark.parametrize(
        ("left", "right", "truths"),
        [
            (fmpq(1), fmpq(2), (True, True, False, False, False, True)),
            (fmpq(2), fmpq(2), (True, False, True, False, True, False)),
            (fmpq(3), fmpq(2), (False, False, True, True, False, True)),
            (arb(1, 0.1), fmpq(2), (True, True, False, False, False, True)),
            (arb(2, 0.1), fmpq(2), (None, None, None, None, None, None)),
            (arb(2), fmpq(2), (True, False, True, False, None, None)),
            (arb(3, 0.1), arb(2, 0.1), (False, False, True, True, False, True)),
        ],
        ids=["below", "equal", "above", "ball below", "ball around", "exact ball", "balls apart"],
    )
    def test_says_only_what_is_certain(self, left, right, truths):
        row = {x: left, y: right}
        assert tuple(truth(plain(kind, x, y), row) for kind in self.HOLDS) == truths

    def test_equality_of_roots_is_decided_exactly(self):
        row = {x: 2, y: 3}
        product = plain(Eq, sqrt(x) * sqrt(y), sqrt(x * y))
        assert truth(product, row) is None  # overlapping balls
        assert by_roots(product, row) is True
        assert by_roots(plain(Ne, *product.args), row) is False
        assert by_roots(plain(Le, *product.args), row) is True
        assert by_roots(plain(Lt, *product.args), row) is False
        assert by_roots(plain(Gt, *product.args), row) is False

    def test_an_inequality_that_is_no_equality_is_left_to_balls(self):
        row, near = {x: 2}, Rational(141421356, 10**8)
        assert by_roots(plain(Eq, sqrt(x), near), row) is False
        assert by_roots(plain(Ne, sqrt(x), near), row) is True
        assert by_roots(plain(Le, near, sqrt(x)), row) is None
        assert truth(plain(Le, near, sqrt(x)), row) is True

    @pytest.mark.parametrize(
        ("node", "row"),
        [(Pow(sqrt(x), Rational(1, 2), evaluate=False), {x: 2}), (1 / (1 + sqrt(x)), {x: 2}),
         (sympy.pi * x, {x: 2}), (x, {x: arb(2)}), (norm(u), {u: BALL.matrix([[1], [2]])}), (W, {W: SQUARE})],
        ids=["root of a root", "quotient by a sum", "pi", "ball", "norm of balls", "matrix"],
    )
    def test_beyond_roots_of_rationals_nothing_is_said(self, node, row):
        assert by_roots(plain(Eq, node, node), row) is None
        with pytest.raises(NotASurd):
            Roots(Enclosure(row, {})).value(node)

    def test_roots_know_norms_sums_and_reciprocals(self):
        row = {u: column(1, 1), x: 2, X: {0: 2, 1: 8}}
        assert by_roots(plain(Eq, norm(u), sqrt(x)), row) is True
        assert by_roots(plain(Eq, 1 / sqrt(x), sqrt(x) / 2), row) is True
        total = GeometricSum(sqrt(x), sqrt(x), sqrt(X[t]), t, T)  # sqrt 2 -> 2 + sqrt 2 -> 2 sqrt 2 + 2 + 2 sqrt 2
        assert by_roots(plain(Eq, total, 2 + 4 * sqrt(x)), row, stages={T: 2}) is True
        assert by_roots(plain(Eq, total, 2 + 3 * sqrt(x)), row, stages={T: 2}) is False

    def test_a_reciprocal_of_zero_is_undefined_for_roots_too(self):
        with pytest.raises(Undefined):
            by_roots(plain(Eq, 1 / (sqrt(x) * sqrt(y) - sqrt(x * y)), x), {x: 2, y: 3})

    @given(st.fractions(0, 30, max_denominator=6), st.fractions(0, 30, max_denominator=6))
    @example(rational(2), rational(8))
    def test_roots_and_balls_never_contradict_each_other(self, a, b):
        row = {x: rational(a), y: rational(b)}
        for kind in self.HOLDS:
            equal = plain(kind, sqrt(x) * sqrt(y), sqrt(x * y))
            assert {truth(equal, row), by_roots(equal, row)} - {None} == {kind in (Le, Ge, Eq)}
            apart = plain(kind, sqrt(x) * sqrt(y), sqrt(x * y) + Rational(1, 10**9))
            assert {truth(apart, row), by_roots(apart, row)} - {None} == {kind in (Le, Lt, Ne)}


numbers = st.fractions(-3, 3, max_denominator=8).map(rational)


class TestGeometricSum:
    @given(numbers, numbers, st.lists(numbers, max_size=7))
    def test_is_the_sum_it_stands_for(self, start, ratio, forcing):
        node = GeometricSum(x, q, D[t] + t, t, T)
        row = {x: start, q: ratio, D: dict(enumerate(forcing))}
        for horizon in range(len(forcing) + 1):
            powers = [ratio ** (horizon - 1 - k) for k in range(horizon)]
            terms = [p * (d + k) for k, (p, d) in enumerate(zip(powers, forcing, strict=False))]
            direct = ratio**horizon * start + sum(terms, fmpq(0))
            assert exact(node, row, stages={T: horizon}) == direct

    def test_over_no_stages_is_its_start(self):
        assert exact(GeometricSum(x, q, D[t], t, T), {x: 5, q: 2, D: {}}, stages={T: 0}) == 5

    def test_shares_partial_sums_between_horizons_only_where_they_are_the_same(self):
        row = {x: 5, q: 2}
        shared = Enclosure(row, {}).shared
        for node, values in (
            (GeometricSum(x, q, 1, t, T), [5, 11, 23]),
            (GeometricSum(T, q, 1, t, T), [0, 3, 11]),
            (GeometricSum(x, T, 1, t, T), [5, 6, 23]),
            (GeometricSum(x, q, T, t, T), [5, 11, 26]),
        ):
            assert [Enclosure(row, {}, {T: k}, shared).value(node) for k in range(3)] == values

    def test_within_a_stage_sees_that_stage(self):
        node = GeometricSum(X[n], 1, t, t, T)
        walk = Enclosure({X: {0: 10, 1: 20}}, {}, {T: 3})
        assert [walk.at(n, k).value(node) for k in range(2)] == [13, 23]


def a_bound(right, *symbols, definitions=None):
    return SimpleNamespace(
        name="claimed", symbols=symbols, conclusion=plain(Le, Integer(0), right), definitions=definitions or {})


class TestInFloat64:
    @given(st.lists(st.tuples(st.integers(-9, 9), st.integers(1, 9)), min_size=1, max_size=5))
    def test_agrees_with_the_exact_value(self, pairs):
        a, b = (np.array(side) for side in zip(*pairs, strict=True))
        node = (x + y) ** 2 / y - sqrt(y) * sympy.Abs(x) + sympy.exp(-y) + Rational(1, 3)
        values = Float({x: a, y: b}, {}).value(node)
        for value, p, r in zip(values, a, b, strict=True):
            assert float(arb(exact(node, {x: int(p), y: int(r)}))) == pytest.approx(value, rel=1e-13)

    def test_knows_constants_logarithms_and_powers(self):
        assert Float({x: 2.0}, {}).value(sympy.log(x) + sympy.pi) == pytest.approx(np.log(2) + np.pi)
        assert Float({x: 2.0}, {}).value(x**-2) == 0.25

    def test_many_matrices_at_once(self):
        random = np.random.default_rng(0)
        a, b = random.standard_normal((2, 5, 2, 2))
        values = Float({W: a, V: b, x: np.arange(5.0)}, {}).value(x * W * V**-1 + W - 1)
        assert type(values) is Stack
        for k, value in enumerate(values.data):
            np.testing.assert_allclose(value, k * a[k] @ np.linalg.inv(b[k]) + a[k] - np.eye(2), rtol=1e-9)

    def test_inner_products_of_many_matrices_at_once(self):
        a, b = np.random.default_rng(0).standard_normal((2, 5, 3, 1))
        values = Float({W: a, V: b}, {}).value(2 * Inner(W, V - W))
        np.testing.assert_allclose(values, [2 * np.sum(p * (r - p)) for p, r in zip(a, b, strict=True)], rtol=1e-14)

    def test_sequences_come_stage_first(self):
        walk = Float({X: np.array([[1.0, 2.0], [3.0, 4.0]])}, {}, {t: 0})
        np.testing.assert_array_equal(walk.value(X[t + 1] - X[t]), [2, 2])


class TestBound:
    RIGHT = GeometricSum(sqrt(X[0]), 1 - q, D[t] + q, t, T)

    @settings(deadline=None)  # the first call compiles
    @given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.fractions(0, 1, max_denominator=16))
    def test_is_the_right_side_at_every_horizon(self, forcing, share):
        horizons = np.arange(len(forcing) + 1)
        curve = bound(a_bound(self.RIGHT, q, X, D, T), {
            "q": float(share), "x": 9.0, "y": np.array(forcing, dtype=float), "T": horizons})
        row = {q: rational(share), X: {0: 9}, D: dict(enumerate(forcing))}
        for horizon in horizons:
            value = float(arb(exact(self.RIGHT, row, stages={T: int(horizon)})))
            assert curve[horizon] == pytest.approx(value, rel=1e-12)

    def test_a_single_horizon_and_a_constant_forcing(self):
        assert bound(a_bound(self.RIGHT, q, X, D, T), {"q": 0.5, "x": 4.0, "y": 1.0, "T": 2}) == pytest.approx(2.75)
        assert bound(a_bound(self.RIGHT, q, X, D, T), {"q": 0.5, "x": [4.0], "y": [1.0], "T": 2}) == pytest.approx(2.75)

    def test_an_index_moves_along_the_sequence(self):
        right = GeometricSum(0 * x, 1, D[t + 1] - D[t] + t, t, T)
        values = bound(a_bound(right, x, D, T), {"x": 1.0, "y": np.array([0.0, 1.0, 4.0, 9.0]), "T": np.arange(4)})
        np.testing.assert_allclose(values, [0, 1, 5, 12])
        right = X[T] * q**T
        values = bound(a_bound(right, q, X, T), {"q": 2.0, "x": np.array([1.0, 10.0, 100.0]), "T": np.arange(3)})
        np.testing.assert_allclose(values, [1, 20, 400])

    def test_broadcasts_over_parameters(self):
        right = sqrt(1 - q) * z
        values = bound(a_bound(right, q, x, definitions={z: x**2}), {"q": np.array([0.0, 0.75]), "x": 3.0})
        np.testing.assert_allclose(values, [9, 4.5])

    @pytest.mark.parametrize(
        ("right", "values", "message"),
        [
            (q * x, {"q": 1.0, "k": 2.0}, "k"),
            (q * x, {"q": 1.0}, "every symbol"),
            (GeometricSum(x, q, D[t], t, T), {"q": 1.0, "x": 1.0, "y": np.ones(2), "T": 3}, "stages 0 to 2"),
            (GeometricSum(x, q, D[t - 1], t, T), {"q": 1.0, "x": 1.0, "y": np.ones(3), "T": 3}, "stages -1 to 1"),
        ],
        ids=["unknown", "missing", "too short", "before the start"],
    )
    def test_refuses_what_the_theorem_does_not_name_and_what_it_needs(self, right, values, message):
        with pytest.raises(InputError, match=message):
            bound(a_bound(right, q, x, D, T), values)

    def test_a_stage_is_read_from_where_the_curve_is(self):
        assert Curve({D: np.array([5.0, 6.0])}, {}, {t: np.array([1, 0])}).value(D[t]).tolist() == [6, 5]


class TestWhatIsKnownOfNodes:
    def test_is_shared_by_rows_that_are_read_with_the_same_definitions(self):
        definitions = {z: x**2}
        first, second = Enclosure({x: 3}, definitions), Enclosure({x: 4}, definitions)
        assert first.shared.nodes is second.shared.nodes and first.shared is not second.shared
        assert (first.value(z + x), second.value(z + x), first.value(z)) == (12, 20, 9)

    def test_is_not_mixed_up_between_definitions_of_one_name(self):
        assert [Enclosure({x: 3}, {z: meaning}).value(z + 1) for meaning in (x**2, x + 1, 7 * x)] == [10, 5, 22]

    def test_does_not_grow_without_end(self, monkeypatch):
        monkeypatch.setattr(walk, "_MOST_NODES", 50)
        monkeypatch.setattr(walk, "_TABLES", {})
        definitions = {z: x**2}
        for k in range(200):
            assert Enclosure({x: 3}, definitions).value(z + Rational(k, 7)) == 9 + fmpq(k, 7)
        assert all(len(nodes.known) < 100 for nodes in walk._TABLES.values())
        for name in symbols("a:20", real=True):
            assert Enclosure({x: 3}, {name: x}).value(name) == 3
        assert len(walk._TABLES) <= walk._MOST_TABLES
