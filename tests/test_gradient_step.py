"""gradient-step: proved, attained for every q, and each interpolation inequality is needed."""

import time
from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy
from balls import contains
from deciding import certainly_holds
from hypotheses import require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped
from sympy import Eq, Lt, Rational

from linres.arithmetic import BALL, EXACT
from linres.instances import NesterovRun
from linres.rungs import rigorous, symbolic
from linres.theorem import Certificate, Step, Term
from linres.theorems import gradient_step as one

F = Fraction
THEOREM = one.THEOREM

# Curvature mu in every direction, so that the interpolation inequalities have no slack; nothing else is 0.
TIGHT = NesterovRun(
    q=F(1, 2), L=F(4), up=(F(0), F(0)), down=(F(0), F(0)), x=(F(1), F(2)), x_prev=(F(1), F(2)),
    minimiser=(F(1, 3), F(-1)), minimum=F(-3, 4), stages=2,
)


holds = certainly_holds(THEOREM)


def with_relation(kind):
    return replace(THEOREM, conclusion=kind(*THEOREM.conclusion.args, evaluate=False))


# Sharpness.


@pytest.mark.parametrize("q", [F(1, 4096), F(1, 7), F(1, 2), F(4095, 4096)])
def test_is_attained_exactly_along_the_mu_eigenvector_for_every_q(q):
    extremal = one.along_an_eigenvector(q)
    assert holds(extremal) and holds(extremal, with_relation(Eq))
    [row] = one.measure(extremal, EXACT)
    assert row[one.f_next] > row[one.f_star]


def test_is_attained_in_any_direction_where_every_curvature_is_mu():
    assert holds(TIGHT, with_relation(Eq))


@pytest.mark.parametrize("share", [F(1, 1000), F(1, 2), F(1)])
def test_is_strict_along_every_other_eigenvector(share):
    assert holds(one.along_an_eigenvector(F(1, 3), share), with_relation(Lt))


def test_with_curvature_L_one_step_reaches_the_minimum():
    [row] = one.measure(one.along_an_eigenvector(F(1, 3), F(1)), EXACT)
    assert row[one.f_next] == row[one.f_star] and row[one.x_next] == row[one.x_star]


# Instances.


@given(one.instances())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_holds_on_drawn_functions_of_every_scale(instance):
    """Nothing is rejected: every drawn function satisfies the interpolation inequalities at the points visited."""
    assert 0 < instance.q < 1 and instance.x == instance.x_prev
    assert holds(instance)


@pytest.mark.parametrize("d", [1, 2, 4])
@pytest.mark.parametrize("q", [F(1, 4096), F(1, 2), F(4095, 4096)])
@pytest.mark.parametrize("L", [F(1, 2**16), F(3 * 2**16)])
def test_holds_in_every_dimension_at_every_scale(d, q, L):
    several = tuple(F(k + 1, 5) for k in range(d))
    assert holds(NesterovRun(
        q=q, L=L, up=several, down=several[::-1], x=several, x_prev=several, mirror=several[::-1],
        minimiser=tuple(-2 * entry for entry in several), minimum=F(-7), stages=4,
    ))


def test_q_equal_to_1_is_not_claimed():
    checked = rigorous.check(THEOREM, replace(TIGHT, q=F(1)))
    assert checked.rejected == 2 and not checked.failure


@pytest.mark.parametrize("share", [F(-1, 1000), F(1001, 1000)])
def test_a_curvature_that_is_not_between_mu_and_L_satisfies_no_interpolation_inequality(share):
    outside = one.along_an_eigenvector(F(1, 2), share)
    for hypothesis in (one.from_next, one.star_from_x, one.star_from_next):
        alone = replace(THEOREM, hypotheses=(one.positive_q, one.below_1, one.positive_L, hypothesis))
        assert rigorous.check(alone, outside).rejected == 1


@pytest.mark.parametrize("name", ["from-next", "star-from-x", "star-from-next"])
def test_readings_break_the_inequality_that_is_dropped_and_no_other(name):
    """They come to be false by nothing but the inequality dropped: each one is needed."""
    control = next(control for control in THEOREM.controls if control.name == f"without-{name}")
    [dropped] = control.drop
    read = replace(THEOREM, measure=control.measure)
    assert rigorous.check(read, control.witness).rejected == 1
    assert rigorous.check(replace(read, hypotheses=(dropped,)), control.witness).rejected == 1
    assert rigorous.check(THEOREM.variant(control), control.witness).failure


def test_balls_enclose_the_exact_steps():
    with flint.ctx.workprec(128):
        balls = one.measure(TIGHT, BALL)
    for exact, ball in zip(one.measure(TIGHT, EXACT), balls, strict=True):
        for symbol in (one.f_x, one.f_next, one.f_star):
            assert contains(ball[symbol], exact[symbol])


# Measurement.


@pytest.mark.parametrize("place", list(places(THEOREM, TIGHT)), ids=lambda place: f"{place[1]}-of-row-{place[0]}")
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    assert outcome(THEOREM, TIGHT) == "holds"
    assert outcome(swapped(THEOREM, place), TIGHT) in {"Disagree", "failure", "rejected"}


def test_everything_the_statement_needs_is_measured_and_nothing_of_the_bound():
    [row, _] = one.measure(TIGHT, EXACT)
    assert set(row) == set(one.SYMBOLS) - {one.mu}


def test_bulk_steps_are_the_exact_steps():
    batch = THEOREM.sample(np.random.default_rng(0), 100)
    stages = len(one.measure(batch.instance(0), EXACT))
    for k in range(0, 100, 9):
        rows = one.measure(batch.instance(stages * k), EXACT)
        size = float(flint.arb(rows[0][one.f_x]))
        for stage, row in enumerate(rows):
            for symbol in (one.f_x, one.f_next):
                exact = float(flint.arb(row[symbol]))
                assert abs(batch.columns[symbol][stages * k + stage] - exact) <= 1e-12 * size


# The proof.


def test_the_proof_is_checked_in_less_than_half_a_second():
    start = time.process_time()
    assert symbolic.check(THEOREM).complete and time.process_time() - start < 0.5


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


def forged(*, conclusion=THEOREM.conclusion, forge=lambda terms: terms):
    """The theorem with another conclusion or other terms in the certificate of the conclusion."""
    terms = tuple(forge(list(THEOREM.proof[-1].by.terms)))
    return replace(
        THEOREM, conclusion=conclusion, proof=(*THEOREM.proof[:-1], Step("conclusion", conclusion, Certificate(*terms)))
    )


def test_the_proof_is_accepted_as_it_is_put_together_here():
    assert symbolic.check(forged()).complete


@pytest.mark.parametrize("factor", [Rational(99, 100), 1 - one.q**2 / 100, 1 - one.q, 1 - one.q**2])
def test_a_conclusion_that_claims_more_is_refused(factor):
    left, right = THEOREM.conclusion.args
    with sympy.evaluate(False):
        more = left <= factor * right
    assert not symbolic.check(forged(conclusion=more)).complete


@pytest.mark.parametrize("position", range(5))
def test_a_certificate_without_one_of_its_terms_is_refused(position):
    assert not symbolic.check(forged(forge=lambda terms: terms[:position] + terms[position + 1 :])).complete


@pytest.mark.parametrize("position", range(3))
def test_a_certificate_with_a_weight_1_percent_off_is_refused(position):
    def off(terms):
        term = terms[position]
        with sympy.evaluate(False):
            return [*terms[:position], Term(Rational(101, 100) * term.weight, *term.facts), *terms[position + 1 :]]

    assert not symbolic.check(forged(forge=off)).complete


# The bound.


def test_the_bound_is_a_number_for_the_excess_or_an_array_of_them():
    assert THEOREM.bound(q=0.5, f_x=3.0, f_star=1.0) == pytest.approx(0.75**2 * 2)
    q = np.array([0.1, 0.5, 0.9])
    np.testing.assert_allclose(THEOREM.bound(q=q, f_x=3.0, f_star=1.0), (1 - q**2) ** 2 * 2, rtol=1e-14)
