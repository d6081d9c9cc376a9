"""nesterov-convex-step: proved, attained with every term present, and every hypothesis is needed."""

from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy
from deciding import certainly_holds
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped
from sympy import Eq

from linres.arithmetic import EXACT, rational
from linres.convex_runs import ConvexRun
from linres.evaluate import Enclosure
from linres.rungs import rigorous, symbolic
from linres.theorems import nesterov_convex_step as one

F = Fraction
STEP = one.THEOREM


holds = certainly_holds(STEP)


def equality():
    return replace(STEP, conclusion=Eq(*STEP.conclusion.args, evaluate=False))


@pytest.mark.parametrize("hypothesis", STEP.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    without = tuple(each for each in STEP.hypotheses if each is not hypothesis)
    assert not symbolic.check(replace(STEP, hypotheses=without)).complete


@pytest.mark.parametrize("name", [
    "smoothness", "convexity-at-x", "convexity-at-the-minimiser", "minimum-at-x", "minimum-at-y",
])
def test_readings_break_the_hypothesis_that_is_dropped_and_no_other(name):
    control = next(control for control in STEP.controls if control.name == f"without-{name}")
    read = replace(STEP, measure=control.measure)
    assert rigorous.check(read, control.witness).rejected == 1
    assert rigorous.check(replace(read, hypotheses=control.drop), control.witness).rejected == 1
    assert rigorous.check(STEP.variant(control), control.witness).failure


def test_with_a_weight_of_one_half_the_potential_grows_from_0_to_an_eighth_of_L():
    """The counterexample that shows what tau' >= 1 is for: f = (L/2) min(x, 0)^2, x = 1, x_prev = -1."""
    run = one.before_one()
    [row] = one.measure(run, EXACT)
    assert (run.x, run.x_prev, run.tau) == ((1,), (-1,), (F(1, 2), F(1, 2)))
    assert row[one.Phi] == 0 and row[one.Phi_next] == rational(run.L) / 8
    assert rigorous.check(STEP, run).rejected == 1
    assert rigorous.check(STEP.control("weight-5-percent-below-1"), run).failure


@pytest.mark.parametrize("weight", [F(1, 100), F(9, 10), F(999, 1000)])
def test_no_weight_below_1_will_do(weight):
    assert rigorous.check(STEP.control("weight-5-percent-below-1"), one.before_one(weight)).failure


# Sharpness.


def test_is_attained_exactly_with_every_term_there():
    assert holds(one.attained()) and holds(one.attained(), equality())
    [row] = one.measure(one.attained(), EXACT)
    exact = Enclosure(row, STEP.definitions)
    terms = (one.Phi, one.Phi_next, one.excess, one.loss, one.d, one.e_norm, one.kept)
    assert all(exact.value(term) > 0 for term in terms)


@pytest.mark.parametrize("distance", [10, 1000, 10**6])
def test_far_out_the_ratio_of_both_sides_goes_to_1(distance):
    run = one.far_out(F(distance))
    [row] = one.measure(run, EXACT)
    right = Enclosure(row, STEP.definitions).value(STEP.conclusion.rhs)
    ratio = flint.fmpq(2 * distance - 4, 2 * distance + 3)
    assert abs(row[one.Phi_next] / right - ratio) < 1e-12
    assert row[one.tau_next] > 1 and row[one.f_x] > row[one.f_star]


def test_far_out_nothing_is_dissipated():
    [row] = one.measure(one.far_out(), EXACT)
    assert Enclosure(row, STEP.definitions).value(one.loss) == 0


# Instances.


@given(one.instances())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_holds_on_drawn_functions_of_every_scale(instance):
    assert holds(instance)


@pytest.mark.parametrize("tau", [(F(0), F(1)), (F(-3), F(7, 2)), (F(1), F(100)), (F(100), F(1))])
def test_any_two_weights_will_do_if_the_second_is_at_least_1(tau):
    """Of tau nothing is asked, nor how fast it grows: what does not fit is in the bound."""
    run = ConvexRun(
        L=F(3), tau=tau, up=(F(1), F(0)), down=(F(1, 3), F(1)), x=(F(1), F(2)), x_prev=(F(-1), F(5)),
        lookahead_error=(F(1), F(-1)), step_error=(F(1, 7), F(1)), mirror=(F(1), F(2)), reach=(F(1, 2), F(0)),
    )
    assert holds(run)


def test_a_curvature_above_L_is_rejected():
    run = replace(one.attained(), up=(F(11, 10),))
    assert rigorous.check(STEP, run).rejected == 1


# Measurement.

TIGHT = one.attained()


@pytest.mark.parametrize("place", list(places(STEP, TIGHT)), ids=lambda place: f"{place[1]}")
def test_a_measured_value_10_percent_too_large_is_noticed_unless_it_is_zero(place):
    position, symbol, _ = place
    value = one.measure(TIGHT, EXACT)[position][symbol]
    zero = value == 0 if isinstance(value, flint.fmpq) else not any(value.entries())
    found = outcome(swapped(STEP, place), TIGHT)
    assert outcome(STEP, TIGHT) == "holds"
    assert (found == "holds") == zero


def test_everything_the_statement_needs_is_measured_and_nothing_of_the_bound():
    [row] = one.measure(TIGHT, EXACT)
    assert set(row) == set(one.SYMBOLS) - {one.z, one.z_next, one.d, one.e_norm, one.p}


def test_bulk_steps_are_the_exact_steps():
    batch = STEP.sample(np.random.default_rng(0), 80)
    stages = len(one.measure(batch.instance(0), EXACT))
    for k in range(0, 80, 7):
        rows = one.measure(batch.instance(stages * k), EXACT)
        for t, row in enumerate(rows):
            size = 1 + sum(float(flint.arb(row[symbol])) for symbol in (one.Phi, one.Phi_next))
            for symbol in (one.Phi, one.Phi_next, one.f_x, one.f_next, one.tau, one.tau_next, one.L):
                measured = batch.columns[symbol][stages * k + t]
                assert abs(measured - float(flint.arb(row[symbol]))) <= 1e-9 * size


# The bound.


def test_the_bound_is_that_of_the_statement():
    found = STEP.bound(
        tau=2.0, tau_next=np.array([1.0, 2.0]), f_x=3.0, f_star=1.0, L=2.0, d=0.5, e_norm=0.25, Phi=20.0
    )
    expected = []
    for later in (1.0, 2.0):
        root = np.sqrt(20 - (4 - later * (later - 1)) * 2) + later * 0.5
        expected.append((root + later * 0.25) ** 2 + (later * 0.25) ** 2)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_a_conclusion_that_claims_more_is_refused():
    left, right = STEP.conclusion.args
    with sympy.evaluate(False):
        more = left <= sympy.Rational(99, 100) * right
    wrong = replace(STEP, conclusion=more, proof=(*STEP.proof[:-1], replace(STEP.proof[-1], claim=more)))
    assert not symbolic.check(wrong).complete
