"""The adversary finds what draws miss, decides it exactly, and never refutes what is true."""

import itertools
import json
import os
import time
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any, NamedTuple

import hypothesis.strategies as st
import pytest
import sympy
from sympy import Abs, Eq, Ge, Gt, IndexedBase, Le, Lt, Ne, Rational, Symbol, sqrt, symbols

import linres
from linres.rungs import adversarial, beyond, charts, draw, nearest, rigorous, sampled, slack
from linres.rungs.leaves import leaves, rebuilt, ties
from linres.theorem import Theorem

x = symbols("x0:8", real=True)
a, b = x[:2]
CENTRE = tuple(Fraction(k + 3, 7) * (-1) ** k for k in range(8))
COARSE = st.integers(-64, 64).map(lambda k: Fraction(k, 16))
BUDGET = adversarial.BUDGETS["quick"]


def numbers(conclusion, *hypotheses, count=2, entry=COARSE, **parts):
    """A theorem about plain numbers x0, x1, ..."""
    return Theorem(
        name="toy", title="toy", provenance="user", symbols=dict.fromkeys(x[:count], ""), hypotheses=hypotheses,
        conclusion=conclusion, **{
            "instances": lambda: st.tuples(*[entry] * count),
            "measure": lambda values, arithmetic: [dict(zip(x, map(arithmetic.number, values), strict=False))],
            "valid": linres.anything,
        } | parts,
    )


def search(theorem, *, seed=0, budget=BUDGET, draws=40):
    starts = [*theorem.extremal, *draw.instances(theorem.instances(), draws, seed=seed)]
    return adversarial.run(theorem, starts, budget=budget, seed=seed)


def distance_squared(count):
    return sum((v - Rational(c.numerator, c.denominator)) ** 2 for v, c in zip(x[:count], CENTRE, strict=False))


with sympy.evaluate(False):
    MEANS = Le(2 * a * b, a**2 + b**2)
    ROOTS = Le(sqrt(a), sqrt(a) + b)


def dip(count, depth):
    """0 < |x - c|^4 - depth, false in a ball of radius depth^(1/4)."""
    return Gt(distance_squared(count) ** 2, depth, evaluate=False)


@pytest.mark.parametrize("count", [4, 6, 8])
def test_a_thin_counterexample_that_draws_miss_is_found_and_decided(count):
    """|x - c|^4 > 10^-8 fails in a ball of radius 1/100 of a cube of side 8."""
    false = numbers(dip(count, Rational(1, 10**8)), count=count)
    drawn = draw.instances(false.instances(), 400, seed=0)
    assert rigorous.search(false, drawn)[1] is None
    verdict = linres.verify(false)
    assert verdict.verdict == "refuted"
    assert verdict.evidence["adversarial"]["suspects"] > 0
    assert verdict.evidence["rigorous"]["decided"] > 0
    found = verdict.counterexample["instance_json"]
    assert found["found"] == {"by": "adversarial"}
    again = linres.archive.decode(false, found["instance"])
    assert rigorous.check(false, again).failure is not None
    assert again == CENTRE[:count]  # rounded to simple rationals as far as it still fails


def test_the_same_with_0_on_a_side():
    false = numbers(Ge(distance_squared(4) ** 2 - Rational(1, 10**6), 0, evaluate=False), count=4)
    result = search(false)
    assert result.evidence["objective"] == "gap"
    assert result.failure is not None


def test_a_counterexample_on_the_edge_of_the_hypotheses_is_found():
    """x <= 1 and y <= 1 allow x + y = 2 at a corner only."""
    with sympy.evaluate(False):
        edge = Le(a, 1), Le(b, 1), Ge(a, 0), Ge(b, 0)
        false = numbers(Lt(a + b, 2), *edge, entry=st.fractions(0, Fraction(15, 16), max_denominator=16))
    result = search(false)
    assert result.failure is not None
    assert result.failure.instance == (1, 1)


def test_strict_claims_fail_where_the_sides_are_equal():
    with sympy.evaluate(False):
        strict = numbers(Lt(2 * a * b, a**2 + b**2), Gt(a, 0), Ge(b - a, Rational(-1, 100)))
    assert search(strict).failure is not None


def test_inequations_fail_where_the_sides_meet():
    with sympy.evaluate(False):
        result = search(numbers(Ne(7 * a, 3 + b), Ge(b, 1)))
    assert result.failure is not None
    assert result.evidence["objective"] == "distance"


@pytest.mark.parametrize("seed", range(5))
def test_true_statements_are_never_refuted(seed):
    with sympy.evaluate(False):
        true = (
            numbers(MEANS), numbers(ROOTS, Ge(a, 0), Ge(b, 0)), numbers(Le(Abs(a + b), Abs(a) + Abs(b))),
            numbers(Ge((a - b) ** 2, 0)), numbers(Le(a, b), Lt(a**2, b**2), Ge(b, 0)), numbers(Eq(a + b, b + a)),
            numbers(Le(1 / a + 1 / b, 2 / a), Gt(a, 0), Ge(b, a)), numbers(Le(-(a**2) - 1, -(2 * a))),
        )
    for theorem in true:
        result = search(theorem, seed=seed, budget=replace(BUDGET, evaluations=200), draws=10)
        assert result.failure is None, theorem.conclusion
        assert result.evidence["suspects"] == 0, theorem.conclusion


def test_the_same_seed_finds_the_same():
    for theorem in (numbers(MEANS), linres.load("absorption")):
        first, second, other = search(theorem, seed=1), search(theorem, seed=1), search(theorem, seed=2)
        assert first.evidence == second.evidence
        assert first.best == second.best
        assert other.evidence["ran"]


def test_a_counterexample_that_nobody_drew_does_not_refute_unless_it_is_known_to_count():
    """Draws keep b <= 4; b = 5 may be no instance at all, unless the theorem says so, or says which are."""
    false = Le(b, 4, evaluate=False)
    unknown, narrow, wide = (
        linres.verify(numbers(false, valid=valid)) for valid in (None, lambda v: v[1] <= 4, lambda v: v[1] < 10))
    assert unknown.verdict == "inconclusive" and unknown.counterexample is None
    assert "which the hypotheses allow and nobody drew" in unknown.reason
    assert narrow.verdict == "supported"
    assert wide.verdict == "refuted"


def test_what_nobody_drew_is_no_evidence_of_tightness_either():
    apart = st.tuples(st.integers(1, 9), st.integers(1, 9)).map(lambda ks: (Fraction(ks[0]), Fraction(ks[0] + ks[1])))
    result = search(numbers(MEANS, instances=lambda: apart, valid=None))
    assert not result.attained and result.best[0] < result.best[1]


def test_a_predicate_that_raises_is_a_fault_of_the_theorem():
    def broken(_):
        raise KeyError("weight")

    verdict = linres.verify(numbers(Le(b, 5, evaluate=False), valid=broken))
    assert verdict.verdict == "inconclusive" and "valid raised KeyError" in verdict.reason


def test_equality_is_found_without_an_extremal_instance():
    """Draws have a < b; the sides meet at a = b."""
    apart = st.tuples(st.integers(1, 9), st.integers(1, 9)).map(lambda ks: (Fraction(ks[0]), Fraction(ks[0] + ks[1])))
    theorem = numbers(MEANS, instances=lambda: apart)
    result = search(theorem)
    assert result.attained
    assert result.best[0] == result.best[1] != 0
    assert result.evidence["best"] == 1
    assert linres.verify(theorem).evidence["tightness"] == {
        "ran": True, "tightness": "attained", "instance": repr(result.best), "by": "adversarial"}


def test_the_best_ratio_is_a_lower_bound_of_the_supremum():
    """a <= 1 + a comes as near to equality as one likes, and never there; 2 a <= a^2 + 2 up to a factor sqrt(2)."""
    with sympy.evaluate(False):
        open_end = search(numbers(Le(a, 1 + a), Ge(a, 0), Ge(b, 0)))
        interior = search(numbers(Le(2 * a, a**2 + 2), Ge(a, 0)))
    assert open_end.attained is False
    assert 0.999 < open_end.evidence["best"] < 1
    assert Fraction(open_end.evidence["best"]) <= open_end.ratio < 1
    exactly = 1 / sqrt(2)  # at a = sqrt(2)
    assert interior.evidence["best"] < float(exactly)
    assert float(exactly) - interior.evidence["best"] < 1e-9
    assert interior.ratio**2 < Fraction(1, 2)


def test_a_larger_side_that_is_always_0_has_no_ratio():
    with sympy.evaluate(False):
        result = search(numbers(Le(a, b), Le(a, -1), Eq(b, 0), instances=lambda: st.just((Fraction(-1), Fraction(0)))))
    assert result.evidence["best"] is None
    assert result.evidence["reason"] == "the larger side is 0 everywhere"


def test_balls_that_are_too_wide_pass_for_no_equality():
    """sqrt(10^400) - sqrt(10^400 - 1) is lost in balls of 128 bits: nothing is known of it."""
    large = Fraction(10) ** 400
    with sympy.evaluate(False):
        theorem = numbers(Le(sqrt(a) - sqrt(a - 1), 1), Ge(a, 1), count=1, entry=st.just(large))
    result = search(theorem, draws=1)
    assert result.failure is None
    assert result.evidence["best"] is None or result.evidence["best"] <= 1
    assert slack.Slack(theorem, linres.EXACT)((large,)).excess != 0


def test_a_side_that_is_negative_makes_it_a_gap():
    with sympy.evaluate(False):
        result = search(numbers(Le(-(a**2) - 2, -(2 * a))))
    assert result.evidence["objective"] == "gap"
    assert result.ratio is None
    assert result.evidence["best"] < 0


# Integers beyond what is drawn

n, t, T = symbols("n t T", integer=True)
q, eigenvalue = symbols("q s", real=True)
E = IndexedBase(Symbol("E", real=True))


class HeavyBall(NamedTuple):
    """x_{t+1} = x_t - alpha s x_t + beta (x_t - x_{t-1}) from rest, with the parameters for eigenvalues in [q^2, 1]."""

    q: Fraction
    s: Fraction
    start: Fraction
    stages: int


def heavy_ball(run, arithmetic, spend=lambda stages: None):
    spend(run.stages)
    root, slope, now = map(arithmetic.number, (run.q, run.s, run.start))
    before, squares = now, [now * now]
    for _ in range(run.stages):
        now, before = now - 4 / (1 + root) ** 2 * slope * now + ((1 - root) / (1 + root)) ** 2 * (now - before), now
        squares.append(now * now)
    return [{q: root, eigenvalue: slope, T: run.stages, E: dict(enumerate(squares))}]


def heavy_balls():
    """Runs of up to 4 stages."""
    shares = st.integers(0, 8).map(lambda k: Fraction(k, 8))
    return st.builds(
        lambda root, share, start, stages: HeavyBall(root, root**2 + share * (1 - root**2), start, stages),
        st.integers(1, 3).map(lambda k: Fraction(k, 16)), shares, COARSE, st.integers(1, 4))


def decaying(factor, **parts):
    """x_T^2 <= factor ((1 - q)/(1 + q))^(2 T) x_0^2. The factor that is needed is (1 + 2 T/(1 + q))^2, at s = 1."""
    with sympy.evaluate(False):
        claim = Le(E[T], factor * ((1 - q) / (1 + q)) ** (2 * T) * E[0])
        given = Gt(q, 0), Lt(q, 1), Ge(eigenvalue, q**2), Le(eigenvalue, 1), Ge(T, 0)
    return Theorem("heavy-ball", claim, hypotheses=given, over=(t, T), **{
        "instances": heavy_balls, "measure": heavy_ball, "valid": linres.anything} | parts)


def of_integers(conclusion, *hypotheses):
    """A theorem about an integer n, drawn up to 3, and a rational that says nothing."""
    return Theorem(
        "of-integers", conclusion, symbols={n: "", a: ""}, hypotheses=hypotheses, valid=linres.anything,
        measure=lambda instance, arithmetic: [{n: instance[0], a: arithmetic.number(instance[1])}],
        instances=lambda: st.tuples(st.integers(0, 3), COARSE))


def tried(theorem):
    """What is spent on integers, from 40 draws in turn."""
    return beyond.search(theorem, draw.instances(theorem.instances(), 40, seed=0), budget=BUDGET.integers, seed=0)[1]


def test_a_rate_that_fails_from_stage_5_on_is_refuted_though_4_are_drawn_at_most():
    """81 is enough for four stages, as 1 + 4 * 2/(1 + q) < 9, and for no more of the q that are drawn."""
    false = decaying(81)
    assert rigorous.search(false, draw.instances(heavy_balls(), 400, seed=0))[1] is None
    verdict = linres.verify(false)
    assert verdict.verdict == "refuted"
    found = eval(verdict.counterexample["instance"])
    assert found.stages == 5
    assert rigorous.check(false, found).failure is not None
    assert rigorous.check(false, found._replace(stages=4)).failure is None
    assert tried(false).ended == "failure"
    again = linres.archive.decode(false, verdict.counterexample["instance_json"]["instance"])
    assert again == found


def test_a_rate_that_fails_much_later_is_refuted_at_its_first_stage_too():
    """31 = 1 + 15 * 2: never before stage 16, and there from q = 1/15 on."""
    verdict = linres.verify(decaying(31**2))
    assert verdict.verdict == "refuted"
    found = eval(verdict.counterexample["instance"])
    assert found.stages >= 16
    assert rigorous.check(decaying(31**2), found._replace(stages=found.stages - 1)).failure is None


def test_what_no_instance_is_known_to_be_leaves_it_inconclusive():
    """The same without a word on which instances count, and with a word that none longer than those drawn does."""
    unknown = linres.verify(decaying(81, valid=None))
    assert unknown.verdict == "inconclusive" and unknown.counterexample is None
    assert "stages=5" in unknown.reason and "which the hypotheses allow and nobody drew" in unknown.reason
    narrow = decaying(81, valid=lambda run: run.stages <= 4)
    assert linres.verify(narrow).verdict == "supported"
    assert tried(narrow).largest > 4


def test_a_rate_that_holds_at_every_stage_is_not_refuted():
    true = decaying((1 + 2 * T) ** 2)
    verdict = linres.verify(true)
    assert verdict.verdict == "supported"
    assert verdict.evidence["adversarial"]["integers"] == {"ran": True, "dials": 1}
    assert tried(true).largest > 12
    assert verdict.evidence["adversarial"]["suspects"] == 0


@pytest.mark.parametrize(("claim", "smallest"), [
    (Ne(n, 7, evaluate=False), 7), (Le(n**4, 16 * 2**n, evaluate=False), 5), (Lt(n, 1000, evaluate=False), 1000),
    (Ge(n, 0, evaluate=False), -1), (Ne(n, -2, evaluate=False), -2),
])
def test_an_integer_beyond_those_drawn_refutes_and_the_smallest_is_told(claim, smallest):
    verdict = linres.verify(of_integers(claim))
    assert verdict.verdict == "refuted"
    assert eval(verdict.counterexample["instance"])[0] == smallest


def test_an_integer_that_the_hypotheses_exclude_refutes_nothing():
    with sympy.evaluate(False):
        theorem = of_integers(Ne(n, 7), Le(n, 6))
    assert linres.verify(theorem).verdict == "supported"
    assert tried(theorem).largest > 7


def test_integers_are_tried_where_there_is_no_fraction():
    false = Theorem(
        "small", Lt(n, 9, evaluate=False), symbols={n: ""}, valid=linres.anything, instances=lambda: st.integers(1, 4),
        measure=lambda instance, _: [{n: instance}])
    assert linres.verify(false).counterexample["instance"] == "9"


def test_two_integers_are_turned_together():
    """n <= 3 or x <= 3, of whole numbers up to 3."""
    m = Symbol("m", integer=True)
    false = Theorem(
        "both", Le(Abs(n - 3) + n - 3, 0, evaluate=False), symbols={n: "", m: ""}, valid=linres.anything,
        hypotheses=(Ge(m, n, evaluate=False),), instances=lambda: st.tuples(st.just(3), st.just(3)),
        measure=lambda instance, _: [dict(zip((n, m), instance, strict=True))])
    assert linres.verify(false).counterexample["instance"] == "(4, 4)"


def test_negative_integers_are_turned_together_too():
    m = Symbol("m", integer=True)
    theorem = Theorem(
        "negative", Le(2 * n * m, n**2 + m**2, evaluate=False), symbols={n: "", m: ""}, valid=linres.anything,
        instances=lambda: st.tuples(st.integers(-9, -6), st.integers(-9, -6)),
        measure=lambda instance, _: [dict(zip((n, m), instance, strict=True))])
    assert linres.verify(theorem).verdict == "supported"
    assert tried(theorem).dials == 4


def test_integers_may_be_far_below_0():
    """Below what NumPy draws."""
    true = numbers(MEANS, entry=st.integers(-(10**30), -(10**29)))
    assert search(true, draws=10).evidence["integers"] == {"ran": True, "dials": 4}


def test_a_measure_that_only_waits_is_not_waited_for_again_and_again(monkeypatch):
    """In the forked process, for a lock that a thread of ours held say."""
    here = os.getpid()

    def measure(values, arithmetic):
        if os.getpid() != here:
            time.sleep(100)
        return [dict(zip(x, map(arithmetic.number, values), strict=False))]

    start = time.perf_counter()
    bases, budget = [(1, 2), (3, 4)], beyond.BUDGETS["quick"]
    found, spent = beyond.search(numbers(MEANS, measure=measure), bases, budget=budget, seed=0)
    assert found is None and (spent.readings, spent.ended) == (beyond.WAITS, "time")
    assert time.perf_counter() - start < 10


def test_where_no_process_can_be_forked_it_is_said_that_no_integer_was_tried(monkeypatch):
    def fork():
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    said = search(numbers(MEANS, entry=st.integers(0, 5)), draws=10).evidence["integers"]
    assert said == {"ran": False, "reason": "no process can be forked to try them in"}


def test_a_class_that_refuses_what_was_not_drawn_ends_nothing():
    @dataclass(frozen=True)
    class Few:
        count: int

        def __post_init__(self):
            if self.count > 3:
                raise SystemExit("too many")

    theorem = Theorem(
        "few", Le(n, 3, evaluate=False), symbols={n: ""}, valid=linres.anything, hypotheses=(Ge(n, 0, evaluate=False),),
        instances=lambda: st.builds(Few, st.integers(0, 3)), measure=lambda few, _: [{n: few.count}])
    assert linres.verify(theorem).verdict == "supported"


def test_a_longer_tuple_refutes():
    """There are at most 4 numbers."""
    false = numbers(
        Le(b, 4, evaluate=False), instances=lambda: st.lists(COARSE, min_size=1, max_size=4).map(tuple),
        measure=lambda values, arithmetic: [{a: arithmetic.number(values[0]), b: arithmetic.number(len(values))}])
    verdict = linres.verify(false)
    assert verdict.verdict == "refuted"
    assert len(eval(verdict.counterexample["instance"])) == 5


def steps(valid, made=lambda steps, points: (steps, points)):
    """Of T steps and T + 1 points: the sum of the smaller ends is at most T times the largest point."""
    def measure(run, arithmetic):
        ends = sum(map(min, run[1], run[1][1:]))
        count = run[0] if isinstance(run[0], int) else len(run[0])
        return [{a: arithmetic.number(ends), b: arithmetic.number(count * max(run[1]))}]

    def drawn():
        number = st.integers(1, 9).map(Fraction)
        return st.integers(1, 4).flatmap(lambda count: st.builds(
            made, st.tuples(*[number] * count), st.tuples(*[number] * (count + 1))))

    return linres.verify(numbers(
        Le(a, b, evaluate=False), instances=drawn, measure=measure, valid=valid))


def positive(run):
    return all(point > 0 for point in run[1])


def test_a_predicate_that_forgets_how_lengths_depend_on_each_other_refutes_nothing():
    assert steps(linres.anything).verdict == "refuted"
    forgetful = steps(positive)
    assert forgetful.verdict == "inconclusive" and "lengths depend on each other" in forgetful.reason
    assert steps(lambda run: len(run[1]) == len(run[0]) + 1 and positive(run)).verdict == "supported"


def test_nor_does_one_that_forgets_what_an_integer_counts():
    def counted(steps, points):
        return len(steps), points

    assert steps(linres.anything, counted).verdict == "refuted"
    assert steps(lambda run: run[0] >= 0 and positive(run), counted).verdict == "inconclusive"
    assert steps(lambda run: len(run[1]) == run[0] + 1 and positive(run), counted).verdict == "supported"


def test_what_a_larger_integer_costs_is_bounded():
    """Time that doubles with every stage, memory that does, and an endless loop at 0."""
    def double(stages):
        for _ in range(2**stages):
            pass

    def tabulate(stages):
        list(itertools.product((0, 1), repeat=2 * stages))

    def divide(stages):
        while stages % 2 == 0:
            stages //= 2

    free = tried(decaying(1000**2))
    for spend, least in ((double, 12), (tabulate, 5), (divide, 7)):
        odd = heavy_balls().map(lambda run: run._replace(stages=run.stages // 2 * 2 + 1))
        theorem = decaying(1000**2, measure=partial(heavy_ball, spend=spend), instances=lambda odd=odd: odd)
        start = time.process_time()
        spent = tried(theorem)
        assert time.process_time() - start < 2, spend
        assert spent.ended in {"time", "work"} and least <= spent.largest <= free.largest, spend


def test_powers_of_what_is_turned_end_too():
    """n^n and (3/2)^(2^n) grow beyond all memory."""
    with sympy.evaluate(False):
        claims = Ge(n**Abs(n), n - 10**6), Ge(Rational(3, 2) ** (2**Abs(n)), 1)
    for claim in claims:
        start = time.process_time()
        verdict = linres.verify(of_integers(claim))
        assert time.process_time() - start < 5
        assert verdict.verdict in {"supported", "inconclusive", "refuted"}


def test_integers_of_a_statement_about_chances_are_not_moved():
    from sympy.stats import Expectation

    X = Symbol("X", real=True)
    mean = Expectation(X, n)
    theorem = Theorem(
        "weights", Le(mean, 3, evaluate=False), symbols={X: "", n: ""}, instances=lambda: st.integers(0, 3),
        measure=lambda weight, arithmetic: [{mean: arithmetic.number(weight)}], valid=linres.anything)
    verdict = linres.verify(theorem)
    assert verdict.verdict == "supported", verdict.reason


# What instances are made of


@dataclass(frozen=True)
class Nested:
    """Whole numbers, flags, text and nothing are structure."""

    share: Fraction
    table: tuple[tuple[Fraction, ...], ...]
    stages: int = 3
    flag: bool = True
    name: str = "run"
    rest: Any = None


INSTANCE = Nested(Fraction(1, 3), ((Fraction(2), Fraction(-1, 3)), (Fraction(0), Fraction(2))))


def test_only_fractions_are_moved():
    assert leaves(INSTANCE) == [Fraction(1, 3), 2, Fraction(-1, 3), 0, 2]
    moved = rebuilt(INSTANCE, [1.5, 2.5, -0.25, 0, 4])
    assert moved == replace(INSTANCE, share=Fraction(3, 2), table=((Fraction(5, 2), Fraction(-1, 4)), (0, 4)))
    assert all(type(number) is Fraction for number in leaves(moved))
    assert rebuilt(INSTANCE, leaves(INSTANCE)) == INSTANCE
    of_all = {"k": [Fraction(1), 2, (Fraction(3),)]}
    assert rebuilt(of_all, [Fraction(4), Fraction(5)]) == {"k": [4, 2, (5,)]}


def test_numbers_that_are_equal_but_for_the_sign_move_together():
    assert ties(leaves(INSTANCE)) == [[(0, 1), (2, -1)], [(1, 1), (4, 1)]]
    chart = charts.tied(INSTANCE)
    assert chart.dimension == 2
    moved = chart.at([0.5, 0.0])
    assert moved.share == -moved.table[0][1] != INSTANCE.share
    assert moved.table[0][0] == moved.table[1][1] == 2
    assert moved.table[1][0] == 0
    assert charts.scaled(INSTANCE).dimension == 4


@pytest.mark.parametrize("name", list(charts.CHARTS))
def test_the_origin_of_a_chart_is_the_start_exactly(name):
    chart = charts.CHARTS[name](INSTANCE)
    assert chart.at([0.0] * chart.dimension) == INSTANCE
    assert chart.at([0.25] * chart.dimension) != INSTANCE


def test_a_chart_ends_where_floats_do():
    large = (Fraction(10) ** 300,)
    assert charts.free(large).at([1e300]) is None
    assert charts.scaled(large).at([100.0]) is None


def test_rounding_goes_from_simple_to_exact():
    start = (Fraction(0.33333334), Fraction(2.0000001), Fraction(0), Fraction(1, 10**9))
    found = list(nearest.rounded(start))
    assert found[-1] == start
    assert found[0] == (0, 2, 0, 0)
    assert (Fraction(1, 3), 2, 0, 0) in found


# Measures of all kinds


def test_a_measure_that_is_exact_only_is_searched_exactly():
    def measure(values, arithmetic):
        if arithmetic is not linres.EXACT:
            raise ValueError("exact only")
        return [{a: arithmetic.number(values[0]), b: arithmetic.number(values[1])}]

    result = search(numbers(MEANS, measure=measure))
    assert result.evidence["arithmetic"] == "EXACT"
    assert result.attained
    assert search(numbers(dip(2, Rational(1, 10**6)), measure=measure)).failure is not None


class Odd(Exception):
    """An error of a user's own."""


@pytest.mark.parametrize("raised", [Odd, ZeroDivisionError, KeyError, OverflowError])
def test_a_measure_that_raises_elsewhere_ends_nothing(raised):
    def measure(values, arithmetic):
        if values[0] != int(values[0]):
            raise raised("no such number")
        return [{a: arithmetic.number(values[0]), b: arithmetic.number(values[1])}]

    whole = st.integers(1, 9).map(Fraction)
    verdict = linres.verify(numbers(MEANS, measure=measure, entry=whole))
    assert verdict.verdict == "supported"
    assert verdict.evidence["adversarial"]["ran"]


def test_a_measure_that_is_wrong_for_numbers_never_drawn_ends_nothing():
    """c is defined as a^2 and measured as a: the same for what is drawn, 0 and 1."""
    with sympy.evaluate(False):
        claim = Ge(x[2] + b**2, 0)
    theorem = numbers(claim, Ge(a, 0), Gt(b, 0), count=3, definitions={x[2]: a**2}, entry=st.sampled_from(
        [Fraction(0), Fraction(1)]), measure=lambda values, arithmetic: [
            {a: arithmetic.number(values[0]), b: arithmetic.number(1 + values[1]), x[2]: arithmetic.number(values[0])}])
    verdict = linres.verify(theorem)
    assert verdict.verdict == "supported", verdict.reason


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e308, 5e-324])
def test_numbers_beyond_floats_end_nothing(value):
    def measure(values, arithmetic):
        number = arithmetic.number
        if arithmetic is linres.FLOAT:
            return [{a: value * float(values[0]), b: value}]
        return [{a: number(values[0]), b: number(values[1])}]

    result = search(numbers(MEANS, measure=measure))
    assert result.failure is None
    json.dumps(result.evidence, allow_nan=False)


def test_huge_and_tiny_instances_end_nothing():
    wild = st.sampled_from([Fraction(10) ** 400, Fraction(1, 10**400), Fraction(0), Fraction(-1), Fraction(1, 3)])
    result = search(numbers(MEANS, entry=wild))
    assert result.failure is None
    assert result.evidence["ran"]


def test_what_cannot_be_searched_says_why():
    assert search(numbers(MEANS, instances=lambda: st.just("two"))).evidence == {
        "ran": False, "reason": "no instance has a number to change"}
    silent = numbers(MEANS, measure=lambda values, arithmetic: [{a: arithmetic.number(0)}])
    found = search(silent).evidence
    assert not found["ran"]
    assert "Missing: measure gives no value for x1" in found["reason"]


def test_weights_of_chances_are_not_moved():
    """E[X]^2 <= E[X^2] where the weights add up to 1, which no hypothesis says."""
    from sympy.stats import Expectation

    X, w = Symbol("X", real=True), symbols("w", real=True)
    mean, square = Expectation(X, w), Expectation(X**2, w)

    def measure(instance, arithmetic):
        values, weights = instance
        weighted = [(arithmetic.number(p), arithmetic.number(v)) for v, p in zip(values, weights, strict=True)]
        return [{mean: sum(p * v for p, v in weighted), square: sum(p * v * v for p, v in weighted)}]

    with sympy.evaluate(False):
        claim = Le(mean**2, square)
    half = (Fraction(1, 2),) * 2
    theorem = Theorem(
        name="jensen", title="", provenance="user", symbols={X: "", w: ""}, hypotheses=(), conclusion=claim,
        instances=lambda: st.tuples(st.tuples(COARSE, COARSE), st.just(half)), measure=measure,
    )
    verdict = linres.verify(theorem)
    assert verdict.verdict == "supported"
    assert verdict.evidence["adversarial"]["ran"]
    assert rigorous.check(theorem, ((Fraction(1), Fraction(1)), (Fraction(1), Fraction(1)))).failure is not None


# Readings


def test_the_excess_is_the_ratio_less_1_while_the_claim_holds():
    read = slack.Slack(numbers(MEANS))
    assert read((Fraction(1), Fraction(2))).excess == pytest.approx(4 / 5 - 1)
    assert read((Fraction(1), Fraction(1))).excess == 0
    assert read((Fraction(0), Fraction(0))).excess == float("-inf")  # 0 <= 0 says nothing
    assert not read((Fraction(0), Fraction(0))).feasible


def test_what_float64_takes_for_a_violation_is_read_again_exactly():
    """(a + b)^2 >= a^2 + 2 a b + b^2 is an equation; float64 sees it fail about half of the time."""
    with sympy.evaluate(False):
        theorem = numbers(Ge((a + b) ** 2, a**2 + 2 * a * b + b**2))
    read = slack.Slack(theorem)
    pairs = [(Fraction(0.1 * j), Fraction(0.7 * k)) for j in range(1, 6) for k in range(1, 6)]
    assert any(read.read(pair).excess > 0 for pair in pairs)
    assert all(read(pair).excess == 0 for pair in pairs)


def test_a_hypothesis_that_fails_is_no_feasible_reading():
    with sympy.evaluate(False):
        read = slack.Slack(numbers(MEANS, Le(a, 1), Ne(b, 3), Eq(a, 1)))
    assert read((Fraction(1), Fraction(2))).feasible
    assert not read((Fraction(2), Fraction(2))).feasible
    assert not read((Fraction(1), Fraction(3))).feasible
    assert not read((Fraction(1, 2), Fraction(2))).feasible
    assert read((Fraction(2), Fraction(2))).score < read((Fraction(11, 10), Fraction(2))).score


def test_horizon_0_says_nothing_and_every_other_counts():
    t, T = symbols("t T", integer=True)
    s = IndexedBase(Symbol("s", real=True))
    with sympy.evaluate(False):
        theorem = Theorem(
            name="decay", title="", provenance="user", symbols={s: "", t: "", T: ""}, over=(t, T),
            hypotheses=(Ge(T, 0), Ge(s[t], 0)), conclusion=Le(s[T], s[0]), instances=st.nothing,
            measure=lambda values, arithmetic: [
                {s: dict(enumerate(map(arithmetic.number, values))), T: len(values) - 1}],
        )
    read = slack.Slack(theorem)
    assert read((Fraction(4), Fraction(2), Fraction(3))).excess == pytest.approx(3 / 4 - 1)
    assert read((Fraction(4),)).excess == float("-inf")


def test_the_worst_of_a_batch_is_a_start():
    absorption = linres.load("absorption")
    calls = []

    def sample(generator, count):
        calls.append(count)
        return absorption.sample(generator, count)

    search(replace(absorption, sample=sample))
    assert calls == [BUDGET.sampled]
    assert sampled.run(absorption, sampled.drawn(absorption, count=100, seed=0))[1] is None
