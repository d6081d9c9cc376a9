"""Rung 2 says refuted or holds only with certainty: no rounding, no missing value and no horizon misread decides."""

from collections import UserDict
from dataclasses import replace

import flint
import pytest
import sympy
from sympy import Eq, Ge, IndexedBase, Integer, Le, Lt, Ne, Rational, sqrt, symbols

from linres.arithmetic import EXACT
from linres.language import GeometricSum, Inner, NotExact, norm
from linres.rungs.rigorous import Disagree, Raised, check, search
from linres.theorem import Theorem

x, y, q, z = symbols("x y q z", real=True)
u, v, W = symbols("u v W", commutative=False)
t, T, n = symbols("t T n", integer=True)
X, Y, U = IndexedBase(x), IndexedBase(y), IndexedBase(u)
fmpq = flint.fmpq


def le(left, right):
    return Le(left, right, evaluate=False)


def theorem(conclusion, *hypotheses, symbols=(x, y, q, z, u, v, W), **options):
    """A theorem whose instances are its rows, or functions that make them at the working precision."""

    def measure(instance, arithmetic):
        return [instance() if callable(instance) else instance]

    return Theorem(
        name="claimed", title="claimed", provenance="linres", symbols=dict.fromkeys(symbols, ""),
        hypotheses=hypotheses, conclusion=conclusion, instances=list, measure=measure, **options,
    )


def over_stages(conclusion, *hypotheses, **options):
    return theorem(conclusion, *hypotheses, symbols=(X, Y, U, q, t, T), over=(t, T), **options)


def outcome(claimed, row, **options):
    checked = check(claimed, row, **options)
    if checked.failure:
        return "refuted"
    return next(name for name in ("undecided", "rejected", "holds") if getattr(checked, name))


class TestOneRow:
    @pytest.mark.parametrize(
        ("conclusion", "hypotheses", "row", "expected"),
        [
            (le(x, y), (), {x: 1, y: 2}, "holds"),
            (le(x, y), (), {x: 2, y: 2}, "holds"),
            (Lt(x, y), (), {x: 2, y: 2}, "refuted"),
            (le(x, y), (), {x: 3, y: 2}, "refuted"),
            (le(x, y), (Ge(x, 4),), {x: 3, y: 2}, "rejected"),
            (le(x, y), (Ge(x, 3),), {x: 3, y: 2}, "refuted"),
            (Eq(x, y), (), {x: fmpq(1, 3), y: fmpq(1, 3)}, "holds"),
            (Eq(x, y), (), {x: fmpq(1, 3), y: fmpq(10**40 + 1, 3 * 10**40)}, "refuted"),
            (Ne(x, y), (), {x: 1, y: 1}, "refuted"),
            (Eq(sqrt(x) * sqrt(y), sqrt(x * y), evaluate=False), (), {x: 2, y: 3}, "holds"),
            (le(sqrt(x) * sqrt(y), sqrt(x * y)), (), {x: 2, y: 3}, "holds"),
            (Lt(sqrt(x) * sqrt(y), sqrt(x * y), evaluate=False), (), {x: 2, y: 3}, "refuted"),
            (le(sqrt(x), y), (), {x: 2, y: fmpq(14142, 10000)}, "refuted"),
            (le(sqrt(x), y), (Ge(sqrt(x) * sqrt(q), sqrt(x * q), evaluate=False),), {x: 2, q: 3, y: 1}, "refuted"),
            (Eq(sympy.exp(x), sympy.exp(y) * sympy.exp(q)), (), {x: 3, y: 1, q: 2}, "undecided"),
            (le(x, y), (Eq(sympy.exp(x), sympy.exp(y) * sympy.exp(q)),), {x: 3, y: 1, q: 2}, "undecided"),
            (le(sqrt(x), y), (), {x: -1, y: 2}, "undecided"),
            (le(1 / x, y), (), {x: 0, y: 2}, "undecided"),
            (le(1 / x, y), (Ne(x, 0),), {x: 0, y: 2}, "rejected"),
            (le(x, y), (Ge(1 / q, 0),), {x: 3, y: 2, q: 0}, "undecided"),
            (le(x, y), (), {x: flint.arb(0, 1), y: 0}, "undecided"),
            (le(x**2, y), (), {x: flint.arb(0, 1), y: -2}, "refuted"),
        ],
        ids=str,
    )
    def test_is_decided_with_certainty_or_not_at_all(self, conclusion, hypotheses, row, expected):
        assert outcome(theorem(conclusion, *hypotheses), row, max_bits=256) == expected

    def test_precision_doubles_until_a_near_miss_is_decided(self):
        near = fmpq(int(flint.fmpz(2 * 10**400).isqrt()), 10**200)  # below sqrt 2 by less than 10^-200
        for value, expected in ((near, "refuted"), (near + fmpq(1, 10**200), "holds")):
            checked = check(theorem(le(sqrt(x), y)), {x: 2, y: value})
            assert bool(checked.failure) == (expected == "refuted")
            assert checked.bits == 1024
        assert outcome(theorem(le(sqrt(x), y)), {x: 2, y: near}, max_bits=512) == "undecided"

    def test_a_failure_names_where_and_by_how_much(self):
        failure = check(theorem(le(x, y)), {x: 3, y: 2}).failure
        assert (failure.left, failure.right, failure.position, failure.horizon) == (3, 2, 0, None)

    def test_a_float_in_a_row_is_an_error(self):
        assert outcome(theorem(le(x, y)), {x: 1, y: 2}) == "holds"
        with pytest.raises(NotExact, match="float"):
            check(theorem(le(x, y)), {x: 1.0, y: 2})

    def test_the_reason_of_an_undecided_row_is_kept(self):
        checked = check(theorem(le(sqrt(x), y)), {x: -1, y: 2}, max_bits=64)
        assert "square root of -1" in checked.reasons[0]


class TestDefinitions:
    @pytest.mark.parametrize(
        ("definitions", "good", "bad"),
        [
            ({z: x**2}, {x: 3, z: 9}, {z: 10}),
            ({z: norm(u)}, {u: EXACT.matrix([[3], [4]]), z: 5}, {z: 6}),
            ({z: sqrt(x)}, {x: 2, z: lambda: flint.arb(2).sqrt()}, {z: flint.arb(3).sqrt()}),
            ({v: 2 * u}, {u: EXACT.matrix([[1], [2]]), v: EXACT.matrix([[2], [4]])}, {v: EXACT.matrix([[2], [5]])}),
            ({v: 2 * u}, {u: EXACT.matrix([[1], [2]]), v: EXACT.matrix([[2], [4]])}, {v: EXACT.matrix([[2, 4]])}),
        ],
        ids=["rational", "rational root", "ball", "vector", "shape"],
    )
    def test_a_measured_value_is_what_its_definition_says(self, definitions, good, bad):
        claimed, row = theorem(le(x, x + 1), definitions=definitions), {x: 1, **good}

        def measured():
            return {name: value() if callable(value) else value for name, value in row.items()}

        assert outcome(claimed, measured) == "holds"
        with pytest.raises(Disagree, match="by definition"):
            check(claimed, row | bad)
        assert outcome(replace(claimed, own_method=False), row | bad) == "holds"

    def test_what_is_only_defined_is_not_compared(self):
        assert outcome(theorem(le(z, y), definitions={z: x**2}), {x: 3, y: 9}) == "holds"
        assert outcome(theorem(le(z, y), definitions={z: x**2}), {x: 3, y: 8}) == "refuted"

    def test_a_rational_next_to_a_root_is_not_taken_for_it(self):
        near = fmpq(int(flint.fmpz(2 * 10**400).isqrt()), 10**200)  # inside every ball of 64 bits around sqrt 2
        with pytest.raises(Disagree):
            check(theorem(le(z, y), definitions={z: sqrt(x)}), {x: 2, y: 1, z: near})

    def test_a_definition_without_a_value_decides_nothing(self):
        claimed = theorem(le(x, y), definitions={z: sqrt(x)})
        assert outcome(claimed, {x: 4, y: 1, z: 2}) == "refuted"
        checked = check(claimed, {x: -4, y: -5, z: 2}, max_bits=64)
        assert (checked.undecided, checked.failure) == (1, None)
        assert "a definition has no value" in checked.reasons[0]

    def test_a_constant_is_compared_with_its_definition_even_over_no_stages(self):
        claimed = over_stages(le(X[0], q), definitions={q: X[0] + 1})
        assert outcome(claimed, {X: {0: 1}, q: 2, T: 0}) == "holds"
        with pytest.raises(Disagree):
            check(claimed, {X: {0: 1}, q: 0, T: 0})

    def test_a_sequence_is_compared_with_its_definition_at_every_stage(self):
        claimed = over_stages(le(0, X[T] ** 2), definitions={X[t + 1]: X[t] + Y[t]})
        row = {X: {0: 1, 1: 2, 2: 4}, Y: {0: 1, 1: 2}, T: 2}
        assert outcome(claimed, row) == "holds"
        with pytest.raises(Disagree, match=r"x\[t \+ 1\] is 5"):
            check(claimed, row | {X: {0: 1, 1: 2, 2: 5}})

    @pytest.mark.parametrize(
        ("definitions", "right", "place"),
        [
            ({X[t + 1]: X[t] + Y[t]}, [1, 2, 4, 7, 11, 16, 22], 6),
            ({X[t]: Y[t]}, [1, 2, 3, 4, 5, 6, 7], 5),
            ({X[2 * t]: Y[t]}, [1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6], 8),
            ({X[6 - t]: Y[t]}, [7, 6, 5, 4, 3, 2, 1], 1),
        ],
        ids=["next", "same", "double", "backwards"],
    )
    def test_a_sequence_that_parts_from_its_definition_late_in_a_run_is_noticed(self, definitions, right, place):
        claimed = over_stages(le(0, X[0] ** 2), definitions=definitions)
        row = {X: dict(enumerate(right)), Y: {k: k + 1 for k in range(6)}, T: 6}
        assert outcome(claimed, row) == "holds"
        with pytest.raises(Disagree):
            check(claimed, row | {X: row[X] | {place: right[place] + 1}})

    def test_a_definition_about_the_horizon_is_refused_since_it_would_be_checked_at_one_horizon_only(self):
        with pytest.raises(NotExact, match="about the horizon"):
            over_stages(le(X[T], Y[T] * Y[T]), definitions={X[T]: Y[T] ** 2})

    def test_a_symbol_is_read_through_its_definition_however_close_its_measured_value_is(self):
        near_pi = fmpq(314159265358979323846264338327950288419716939937510, 10**50)
        claimed = theorem(Eq(z, Rational(int(near_pi.p), int(near_pi.q)), evaluate=False), definitions={z: sympy.pi})
        with pytest.raises(Disagree):
            check(claimed, {z: near_pi})

    def test_a_measured_sequence_next_to_an_irrational_definition_is_told_apart_or_decides_nothing(self):
        claimed = over_stages(le(0, X[0]), definitions={X[t]: sqrt(1 + sqrt(2))})
        with flint.ctx.workprec(300):
            near = (1 + flint.arb(2).sqrt()).sqrt().mid().fmpq()
        assert outcome(claimed, {X: {0: near, 1: near}, T: 1}, max_bits=128) == "undecided"
        with pytest.raises(Disagree):
            check(claimed, {X: {0: near, 1: near}, T: 1})

    def test_what_is_not_a_number_is_no_value(self):
        claimed = theorem(le(5, z), definitions={z: sympy.log(x)})
        assert outcome(claimed, {z: 7, x: -1}) == "undecided"

    @pytest.mark.parametrize(("name", "value"), [(x, "matrix"), (W, 1), (n, fmpq(1, 2))])
    def test_what_is_measured_is_of_the_kind_of_its_symbol(self, name, value):
        value = EXACT.matrix([[1, 0], [0, 1]]) if value == "matrix" else value
        claimed = theorem(Eq(name * name, name * name * 1, evaluate=False), symbols=(x, W, n))
        with pytest.raises(NotExact, match="should be measured as"):
            check(claimed, {name: value})


class TestStages:
    def test_the_conclusion_is_claimed_for_every_horizon(self):
        claimed = over_stages(le(X[T], 1), Ge(T, 0))
        assert outcome(claimed, {X: {0: 1, 1: 0, 2: 1}, T: 2}) == "holds"
        failure = check(claimed, {X: {0: 1, 1: 2, 2: 1}, T: 2}).failure
        assert (failure.horizon, failure.left) == (1, 2)

    def test_a_run_of_no_stages_shows_nothing_of_what_is_assumed_at_stage_0(self):
        claimed = over_stages(le(X[T], GeometricSum(X[0], q, Y[t], t, T)), le(X[t + 1], q * X[t] + Y[t]))
        assert outcome(claimed, {X: {0: 1}, Y: {}, q: 2, T: 0}) == "rejected"
        assert outcome(over_stages(le(X[T], 1)), {X: {0: 1}, T: 0}) == "holds"

    def test_horizon_0_is_claimed_along_with_the_others(self):
        claimed = over_stages(Lt(X[T], X[0]), le(X[t + 1], X[t]))
        failure = check(claimed, {X: {0: 1, 1: 0}, T: 1}).failure
        assert failure.horizon == 0

    @pytest.mark.parametrize("name", [t, X[t], X[0]])
    def test_a_row_that_binds_a_stage_is_refused(self, name):
        with pytest.raises(NotExact, match="rows map symbols"):
            check(over_stages(le(X[T], 1)), {X: {0: 1, 1: 1}, T: 1, name: 0})

    def test_the_index_of_a_sum_is_its_own(self):
        closed = le(GeometricSum(0, 1, X[t], t, 2), 0)
        claimed = over_stages(le(X[0] + X[1], 0), closed)
        assert outcome(claimed, {X: {0: 1, 1: 1}, T: 0}) == "rejected"

    def test_hypotheses_hold_at_every_stage_or_the_row_is_rejected(self):
        claimed = over_stages(le(X[T], GeometricSum(X[0], q, Y[t], t, T)), le(X[t + 1], q * X[t] + Y[t]))
        row = {X: {0: 1, 1: 3, 2: 7}, Y: {0: 1, 1: 1}, q: 2, T: 2}
        assert outcome(claimed, row) == "holds"
        assert outcome(claimed, row | {X: {0: 1, 1: 3, 2: 8}}) == "rejected"
        assert outcome(replace(claimed, hypotheses=()), row | {X: {0: 1, 1: 3, 2: 8}}) == "refuted"

    def test_a_hypothesis_about_the_horizon_is_judged_where_the_conclusion_is(self):
        """X_T <= 1 assumed at T says nothing of X_0: judged at the last horizon alone, it once refuted itself."""
        itself = over_stages(le(X[T], 1), Le(X[T], 1))
        assert outcome(itself, {X: {0: 5, 1: 1}, T: 1}) == "holds"
        assert outcome(itself, {X: {0: 5, 1: 5}, T: 1}) == "rejected"
        later = over_stages(le(X[T], 1), Ge(T, 1))
        assert outcome(later, {X: {0: 5, 1: 1}, T: 1}) == "holds"
        assert outcome(later, {X: {0: 5, 1: 2}, T: 1}) == "refuted"
        assert outcome(over_stages(le(X[T], 1), Ge(T, 0)), {X: {0: 5, 1: 1}, T: 1}) == "refuted"

    def test_a_hypothesis_about_the_horizon_that_is_not_decided_decides_nothing(self):
        product = sympy.Mul(sympy.exp(T), sympy.exp(X[0]), evaluate=False)  # equal, but no ball can say so
        claimed = over_stages(le(X[T], 1), Eq(sympy.exp(T + X[0]), product, evaluate=False))
        assert outcome(claimed, {X: {0: 1, 1: 5}, T: 1}, max_bits=64) == "undecided"
        assert outcome(replace(claimed, hypotheses=()), {X: {0: 1, 1: 5}, T: 1}) == "refuted"

    def test_a_sum_that_depends_on_the_horizon_is_not_remembered_from_another(self):
        claimed = over_stages(Ge(GeometricSum(T, 1, 0, t, T), T, evaluate=False))  # T >= T
        assert outcome(claimed, {X: {}, T: 3}) == "holds"
        claimed = over_stages(le(GeometricSum(0, 1, T, t, T), T**2))
        assert outcome(claimed, {X: {}, T: 3}) == "holds"
        claimed = over_stages(le(GeometricSum(0, 1, T, t, T), T**2 - T))
        assert outcome(claimed, {X: {}, T: 3}) == "refuted"

    def test_an_index_between_two_stages_decides_nothing(self):
        claimed = over_stages(le(0, X[T]), le(0, X[t / 2]))
        assert outcome(claimed, {X: {0: -1, 1: -1, 2: -1}, T: 2}, max_bits=64) == "rejected"
        assert outcome(claimed, {X: {0: 1, 1: -1, 2: -1}, T: 2}, max_bits=64) == "undecided"

    @pytest.mark.parametrize("horizon", [2.0, 2.5, fmpq(2), Integer(2), True, -1, None], ids=repr)
    def test_the_horizon_is_measured_as_an_integer(self, horizon):
        claimed, row = over_stages(le(X[0], X[0] + Rational(1, 2))), {X: {0: 1}, T: 2}
        assert outcome(claimed, row) == "holds"
        with pytest.raises(NotExact, match="should be measured as an int"):
            check(claimed, row | {T: horizon})


def test_search_counts_rows_and_stops_at_the_first_failure():
    claimed = theorem(le(sqrt(x), y), Ge(y, 0))
    rows = [{x: 1, y: 2}, {x: 4, y: 2}, {x: 1, y: -1}, {x: -1, y: 1}, {x: 9, y: 2}, {x: 16, y: 2}]
    progress = []
    counts, failure = search(claimed, rows, max_bits=128, progress=lambda: progress.append(1))
    assert failure.row == rows[4]
    assert len(progress) == 5
    assert (counts["instances"], counts["rows"]) == (5, 5)
    assert (counts["decided"], counts["rejected"], counts["undecided"], counts["bits"]) == (3, 1, 1, 128)
    assert "no value" in counts["reason"]
    counts, failure = search(claimed, rows[:3])
    assert failure is None
    assert (counts["decided"], counts["rejected"]) == (2, 1)


def test_inner_products_of_balls_stay_balls():
    claimed = theorem(Lt(Inner(u, u), y))
    vector = EXACT.matrix([[1], [fmpq(1, 3)]])
    assert outcome(claimed, {u: vector, y: fmpq(10, 9)}) == "refuted"
    assert outcome(claimed, {u: vector, y: fmpq(10, 9) + fmpq(1, 10**50)}) == "holds"


def test_what_a_sequence_raises_as_it_is_read_is_a_fault_of_the_theorem():
    """A mapping may work its values out when asked: that is code of the theorem as much as `measure` is."""

    class Lazy(UserDict):
        def __getitem__(self, stage):
            return 1 / Rational(0).p

    sequence = IndexedBase(sympy.Symbol("s", real=True))
    claimed = theorem(Ge(sequence[T], 0), Ge(sequence[t], 0), symbols=(sequence, t, T), over=(t, T))
    with pytest.raises(Raised, match=r"measure raised ZeroDivisionError.* \(.*test_rigorous\.py:"):
        check(replace(claimed, measure=lambda _, __: [{sequence: Lazy({0: 1, 1: 1}), T: 1}]), None)
