"""nesterov-step: proved, sharp, and decided without a tolerance where float64 is wrong."""

import time
from dataclasses import replace
from fractions import Fraction

import flint
import pytest
import sympy
from deciding import certainly_holds
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped
from sympy import Eq, Le, Rational, sqrt

from linres.arithmetic import EXACT, FLOAT
from linres.evaluate import Enclosure, Float
from linres.instances import NesterovRun
from linres.language import Inner
from linres.rungs import rigorous
from linres.theorem import Control
from linres.theorems import nesterov_step as one

F = Fraction
STEP = one.THEOREM

# Curvature mu in every direction, so that strong convexity has no slack and every measured value matters.
TIGHT = NesterovRun(
    q=F(1, 2), L=F(4), up=(F(0), F(0)), down=(F(0), F(0)), x=(F(1), F(2)), x_prev=(F(1, 2), F(-1)),
    lookahead_error=(F(1), F(1, 3)), step_error=(F(1, 5), F(-1)), minimiser=(F(1), F(1)), minimum=F(3, 4), stages=2,
)


def row_of(instance, arithmetic=EXACT):
    return STEP.measure(instance, arithmetic)[0]


holds = certainly_holds(STEP)


# Sharpness.


def test_is_attained_exactly():
    """Both sides are the same number, decided exactly: sums of square roots of rationals."""
    equality = replace(STEP, conclusion=Eq(*STEP.conclusion.args, evaluate=False))
    assert holds(one.attained()) and holds(one.attained(), equality)


def test_every_term_is_there_at_the_extremal_instance():
    """Nothing is attained trivially: potential, dissipation and step error are all positive, only D is 0."""
    exact = Enclosure(row_of(one.attained()), STEP.definitions)
    assert all(exact.value(symbol) > 0 for symbol in (one.Phi, one.Phi_next, one.r, one.e_norm))
    assert exact.value(one.d) == 0 and exact.value(one.B) > 0


@pytest.mark.parametrize("q", [F(1, 8), F(1, 100), F(3, 4)])
def test_the_lookahead_error_has_the_exact_ratio_sqrt_of_1_minus_q_to_the_4(q):
    with sympy.evaluate(False):
        ratio = Eq(sqrt(one.Phi_next), sqrt(1 - one.q**4) * sqrt(STEP.conclusion.rhs))
    limit = replace(one.lookahead_limit(), q=q)
    assert holds(limit) and holds(limit, replace(STEP, conclusion=ratio))
    wrong = replace(STEP, conclusion=Eq(ratio.lhs, sqrt(1 - one.q**2) * sqrt(STEP.conclusion.rhs), evaluate=False))
    assert rigorous.check(wrong, limit).failure


def test_the_ratio_of_the_lookahead_error_goes_to_1():
    ratios = []
    for k in (1, 3, 5):
        row = row_of(replace(one.lookahead_limit(), q=F(1, 2**k)))
        ratios.append(float(flint.arb(row[one.Phi_next]) / Enclosure(row, STEP.definitions).value(STEP.conclusion.rhs)))
    assert ratios == sorted(ratios) and 1 - ratios[-1] < 1e-6


# Corners.


@pytest.mark.parametrize("d", [1, 2, 4])
@pytest.mark.parametrize("q", [F(1), F(1, 2), F(1, 4096)])
@pytest.mark.parametrize("L", [F(1, 2**16), F(1), F(3 * 2**16)])
def test_holds_in_every_dimension_at_every_scale_up_to_q_equal_to_1(d, q, L):
    several = tuple(F(k + 1, 5) for k in range(d))
    run = NesterovRun(
        q=q, L=L, up=several, down=several[::-1], x=several, x_prev=several[::-1], lookahead_error=several,
        step_error=several, mirror=several, minimiser=several, stages=3,
    )
    assert holds(run)


def test_with_q_equal_to_1_one_step_reaches_the_minimum_but_for_the_step_error():
    """mu = L: what is left is the step error alone, L |e|^2, attained; the lookahead error is forgotten."""
    row = row_of(replace(TIGHT, q=F(1), stages=1))
    assert row[one.Phi_next] == row[one.L] * Enclosure(row, STEP.definitions).value(Inner(one.e, one.e))


@given(one.instances())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_holds_on_drawn_functions_of_every_scale(instance):
    assert holds(instance)


def long_run(stages, d):
    """Nothing commutes and nothing is zero: a reflected basis, two curvatures a side, errors at every stage."""
    entries = [tuple(F((7 * k * k + 3 * j + 1) % 65 - 32, 64) for k in range(d)) for j in range(6)]
    return NesterovRun(
        q=F(1, 16), L=F(3), up=tuple(F(k + 1, d) for k in range(d)), down=tuple(F(d - 1 - k, d) for k in range(d)),
        x=entries[0], x_prev=entries[1], lookahead_error=entries[2], step_error=entries[3], decay=F(1),
        mirror=entries[4], minimiser=entries[5], minimum=F(-3, 4), stages=stages,
    )


def test_200_stages_in_dimension_8_are_decided_in_seconds():
    start = time.process_time()
    checked = rigorous.check(STEP, long_run(200, 8))
    assert checked.holds == 200 and not checked.rejected and time.process_time() - start < 3


# Measurement.


@pytest.mark.parametrize("place", list(places(STEP, TIGHT)), ids=lambda place: f"{place[1]}-of-row-{place[0]}")
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    assert outcome(STEP, TIGHT) == "holds"
    assert outcome(swapped(STEP, place), TIGHT) in {"Disagree", "failure", "rejected"}


def test_everything_the_statement_needs_is_measured_and_nothing_of_the_bound():
    measured = set(row_of(TIGHT))
    assert measured == set(one.SYMBOLS) - {one.mu, one.z, one.z_next, one.d, one.r, one.e_norm, one.p, one.a}


# No tolerance, and that it matters.


def near_convergence(exponent):
    """A minimum of -3/4, approached along the mu-eigenvector to within 2^-exponent."""
    start = (1 + F(1, 2**exponent),)
    return NesterovRun(
        q=F(1, 4), L=F(3), up=(F(0),), down=(F(0),), x=start, x_prev=start, minimiser=(F(1),), minimum=F(-3, 4),
    )


def float64_says(conclusion, instance):
    """What a float64 run of the same method and a float64 evaluation of both sides say."""
    walk = Float(row_of(instance, FLOAT), STEP.definitions)
    left, right = map(walk.value, conclusion.args)
    return bool(left <= right)


def test_float64_calls_the_theorem_false_near_convergence_and_linres_does_not():
    """f(x) - f* is about 1e-31 and f* is -3/4: in float64 the difference is gone, and with it the contraction."""
    instance = near_convergence(50)
    assert row_of(instance)[one.Phi] < flint.fmpq(1, 10**30)
    assert not float64_says(STEP.conclusion, instance)
    assert holds(instance)


def test_float64_calls_a_false_claim_true_near_convergence_and_linres_refutes_it():
    """Three tenths faster than it is: the exact ratio of the potentials is .7207."""
    instance = near_convergence(48)
    with sympy.evaluate(False):
        false = Le(one.Phi_next, Rational(7, 10) * one.Phi)
    assert row_of(instance)[one.Phi] < flint.fmpq(3, 10**30)
    assert float64_says(false, instance)
    assert rigorous.check(replace(STEP, conclusion=false), instance).failure


def test_a_slack_far_below_float64_is_decided_both_ways():
    """At the extremal instance 1e-200 more on either side decides."""
    left, right = STEP.conclusion.args
    with sympy.evaluate(False):
        tiny = Rational(1, 10**200)
        more, less = Le(left, right + tiny), Le(left + tiny, right)
    assert holds(one.attained(), replace(STEP, conclusion=more))
    assert rigorous.check(replace(STEP, conclusion=less), one.attained()).failure


def test_dropping_the_errors_from_the_statement_is_noticed():
    """A control that nobody wrote: with D counted as 0 the statement fails where D is all there is."""
    without = STEP.variant(Control("no-lookahead-error", "stronger", change={one.d: 0 * one.d}))
    assert rigorous.check(without, one.lookahead_limit()).failure
