"""chebyshev-iteration: proved, attained at both ends of the spectrum; its weights are those of the method."""

from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy
from deciding import certainly_holds
from hypotheses import require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from swaps import outcome, places, swapped

from linres.arithmetic import EXACT
from linres.instances import QuadraticRun
from linres.methods import chebyshev, nesterov
from linres.rungs import rigorous, symbolic, tightness
from linres.theorems import chebyshev_iteration as up

F = Fraction
THEOREM = up.THEOREM
holds = certainly_holds(THEOREM)
often = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
RUN = QuadraticRun(
    F(1, 3), F(5), (F(5, 9), F(2), F(5)), (F(1), F(-2), F(3)), mirror=(F(1), F(2), F(-1)), minimiser=(F(1), F(0), F(2)),
    stages=4,
)


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


def test_a_conclusion_that_claims_more_is_refused():
    left, right = THEOREM.conclusion.args
    with sympy.evaluate(False):
        more = sympy.Le(left, sympy.Rational(999, 1000) * right)
    wrong = replace(THEOREM, conclusion=more, proof=(*THEOREM.proof[:-1], replace(THEOREM.proof[-1], claim=more)))
    assert not symbolic.check(wrong).complete


@pytest.mark.parametrize("stage", range(1, 6))
def test_the_weights_and_the_step_of_the_statement_are_those_of_the_method(stage):
    q = sympy.Rational(2, 7)
    beta = nesterov.momentum(q)
    weight, step = (
        expression.subs({up.t: stage, up.beta: beta, up.L: 3}).doit() for expression in (up.omega, up.middle)
    )
    assert sympy.simplify(weight - chebyshev.weight(stage, q=q)) == 0
    assert sympy.simplify(step - 2 / (3 + q**2 * 3)) == 0
    assert up.omega.subs({up.t: 0, up.beta: beta}).doit() == 2


@given(up.instances())
@often
def test_holds_on_drawn_runs(instance):
    assert holds(instance)


@pytest.mark.parametrize("share", [F(0), F(1)])
@given(q=st.fractions(F(1, 40), F(1), max_denominator=40), stages=st.integers(1, 8))
@often
def test_is_attained_at_both_ends_of_the_spectrum(share, q, stages):
    assert tightness.equal(THEOREM, up.along(share, inverse_root=q, stages=stages)) == (q < 1)


def test_between_the_ends_it_is_not_attained():
    inside = up.along(F(1, 3))
    assert holds(inside) and not tightness.equal(THEOREM, inside)


@pytest.mark.parametrize("outside", [F(-1, 1000), F(1001, 1000)])
def test_outside_the_spectrum_nothing_is_claimed_and_the_bound_is_left(outside):
    assert rigorous.check(THEOREM, up.along(outside)).rejected == 1
    free = replace(THEOREM, hypotheses=tuple(
        each for each in THEOREM.hypotheses if each not in (up.at_least_mu, up.at_most_L)
    ))
    assert rigorous.check(free, up.along(outside)).failure


def test_whole_vectors_and_the_excess_are_bounded_too():
    rows = up.measure(RUN, EXACT)
    share = chebyshev.lower_bound(1 / 3, np.arange(5))
    for weight in (lambda row: 1, lambda row: row[up.s]):
        sums = [sum(weight(row) * row[up.c][t] * row[up.c][t] for row in rows) for t in range(5)]
        values = [float(flint.arb(each).mid()) for each in sums]
        assert np.all(values <= share * values[0] * (1 + 1e-12))


@pytest.mark.parametrize("place", list(places(THEOREM, RUN)), ids=lambda p: f"{p[0]}-{p[1]}-at-{p[2]}")
def test_a_measured_value_10_percent_too_large_is_noticed_unless_it_is_zero(place):
    row, symbol, stage = place
    value = up.measure(RUN, EXACT)[row][symbol]
    value = value if stage is None else value[stage]
    assert outcome(THEOREM, RUN) == "holds"
    assert (outcome(swapped(THEOREM, place), RUN) == "holds") == (value == 0)


def test_bulk_runs_are_the_exact_runs():
    batch = THEOREM.sample(np.random.default_rng(0), 40)
    for k in range(0, 40, 3):
        [row] = up.measure(batch.instance(k), EXACT)
        exact = [float(flint.arb(row[up.c][t])) for t in range(up.STAGES + 1)]
        size = max(map(abs, exact))
        np.testing.assert_allclose(batch.columns[up.c][:, k], exact, rtol=1e-7, atol=1e-12 * size)
