"""gradient-with-errors: proved; attained with either term alone, and never with both; float64 runs are instances."""

from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy
from deciding import certainly_holds
from hypotheses import require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped
from sympy import Eq, Rational

from linres.arithmetic import EXACT
from linres.descents import descended
from linres.instances import NesterovRun, RecordedRun
from linres.kernels import descent as kernel
from linres.rungs import rigorous, symbolic
from linres.theorems import gradient_step
from linres.theorems import gradient_with_errors as many

F = Fraction
THEOREM = many.THEOREM

# From a mu-eigenvector, so that the interpolation inequalities have no slack, with an error along an L-eigenvector, so
# that smoothness has none; and near enough to the minimum that its value matters.
TIGHT = NesterovRun(
    q=F(1, 2), L=F(4), up=(F(0), F(1)), down=(F(0), F(1)), x=(F(1, 3) + F(2, 5), F(-1)), x_prev=(F(0), F(0)),
    step_error=(F(0), F(-1)), minimiser=(F(1, 3), F(-1)), minimum=F(3, 4),
)


holds = certainly_holds(THEOREM)


def with_relation(kind):
    return replace(THEOREM, conclusion=kind(*THEOREM.conclusion.args, evaluate=False))


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


# Sharpness.


@pytest.mark.parametrize("q", [F(1, 4096), F(1, 2), F(63, 64)])
def test_without_errors_is_attained_at_every_stage(q):
    assert holds(replace(many.along_an_eigenvector(q, stages=4), bits=512), with_relation(Eq))


def test_a_step_error_at_the_minimum_is_attained():
    assert holds(many.step_error_at_the_minimum(), with_relation(Eq))


@pytest.mark.parametrize("q", [F(1, 8), F(1, 2), F(7, 8)])
@pytest.mark.parametrize("share", [F(0), F(1, 2), F(1)])
def test_an_excess_and_an_error_together_are_not_attained(q, share):
    """The proof's two equalities ask for two curvatures at one point; here both vectors are parallel."""
    one, up = F(1), (share, F(1))
    run = NesterovRun(
        q=q, L=F(3), up=up, down=up, x=(one, 0 * one), x_prev=(one, 0 * one), step_error=(one, one),
    )
    [row] = many.measure(run, EXACT)
    assert row[many.T] == 1 and holds(run)
    equal = rigorous.check(with_relation(Eq), run)
    assert equal.failure is not None and equal.failure.horizon == 1 and equal.failure.left < equal.failure.right


def test_errors_that_undo_the_step_stay_far_below_the_bound():
    """At the floor, by squares: kappa (L/2)|e|^2. The bound of this theorem tends to kappa^2 (L/2)|e|^2."""
    [row] = many.measure(many.held_in_place(F(1, 4), stages=3), EXACT)
    assert row[many.f_x][3] == row[many.f_x][0] == flint.fmpq(3, 2) * 16 * flint.fmpq(1, 256)
    settled = THEOREM.bound(q=0.25, L=3.0, f_x=3 / 32, f_star=0.0, e_norm=1 / 16, T=10_000)
    assert settled**2 == pytest.approx(16 * 3 / 32, rel=1e-12)


# Instances.


@given(many.instances())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_holds_on_drawn_functions_of_every_scale(instance):
    assert 0 < instance.q < 1
    assert holds(instance)


@pytest.mark.parametrize("share", [F(-1, 40), F(41, 40)])
def test_a_curvature_that_is_not_between_mu_and_L_is_rejected(share):
    assert rigorous.check(THEOREM, many.along_an_eigenvector(F(1, 2), share)).rejected == 1


@pytest.mark.parametrize("place", list(places(THEOREM, TIGHT)), ids=lambda place: f"{place[1]}-at-{place[2]}")
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    assert outcome(THEOREM, TIGHT) == "holds"
    assert outcome(swapped(THEOREM, place), TIGHT) in {"Disagree", "failure", "rejected", "NotExact"}


def test_the_step_is_the_one_of_gradient_step():
    """Without errors the points are those that gradient-step measures, one stage after the other."""
    run = replace(TIGHT, step_error=(), x=(F(1), F(2)), minimiser=(), stages=3)
    [row] = many.measure(run, EXACT)
    for t, step in enumerate(gradient_step.measure(run, EXACT)):
        assert row[many.x][t] == step[gradient_step.x] and row[many.y][t] == step[gradient_step.x_next]
        assert row[many.f_x][t] == step[gradient_step.f_x]


def test_the_errors_are_those_given_but_for_the_rounding_of_long_runs():
    run = replace(TIGHT, step_error=(F(1, 3), F(-1)), stages=8, decay=F(1))
    errors = descended(run, EXACT).errors
    given = EXACT.matrix([[F(1, 3)], [F(-1)]])
    assert errors[7] == given  # the last state is not rounded
    for error in errors.values():
        assert all(abs(entry) < flint.fmpq(1, 2**60) for entry in (error - given).entries())


def test_bulk_runs_are_the_exact_runs():
    batch = THEOREM.sample(np.random.default_rng(0), 60)
    for k in range(0, 60, 7):
        [row] = many.measure(batch.instance(k), EXACT)
        exact = [float(flint.arb(row[many.f_x][t])) for t in range(row[many.T] + 1)]
        np.testing.assert_allclose(batch.columns[many.f_x][:, k], exact, rtol=1e-9, atol=1e-12 * max(exact))


# Float64 runs, certified.


def float64_run(stages, d=3):
    """Gradient descent in float64 on least squares with eigenvalues from 1/16 to 1."""
    rng, wide = np.random.default_rng(1), F(1, 1000)
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0]
    sigma = (basis * np.linspace(1 / 16, 1, d)) @ basis.T
    sigma = (sigma + sigma.T) / 2
    target, start = rng.standard_normal((2, d, d))
    inverse_root, smoothness = F(1, 4) * (1 - wide), 1 + wide
    _, states = kernel.trace(sigma, target, start, float(1 / smoothness), stages)
    return RecordedRun(sigma, target, np.concatenate([states[:1], states]), states[:-1], inverse_root, smoothness)


def test_a_float64_run_is_certified_with_its_rounding_counted_as_error():
    run = float64_run(1500)
    assert holds(run)
    failure = rigorous.check(THEOREM.control("errors-not-counted"), run).failure
    assert failure is not None and 100 < failure.horizon < 1500  # it has stopped, and the error-free bound has not


# The bound.


def test_the_bound_without_errors_is_the_rate_of_gradient_step():
    stages = np.arange(50)
    found = THEOREM.bound(q=0.3, L=2.0, f_x=5.0, f_star=1.0, e_norm=0.0, T=stages)
    np.testing.assert_allclose(found, 2 * (1 - 0.09) ** stages, rtol=1e-12)


@pytest.mark.parametrize("factor", [Rational(99, 100), 1 - many.q**2 / 100])
def test_a_conclusion_that_claims_more_is_refused(factor):
    left, right = THEOREM.conclusion.args
    with sympy.evaluate(False):
        more = left <= factor * right
    wrong = replace(THEOREM, conclusion=more, proof=(*THEOREM.proof[:-1], replace(THEOREM.proof[-1], claim=more)))
    assert not symbolic.check(wrong).complete
