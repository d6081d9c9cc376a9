"""nesterov-quadratic-with-errors: proved; its sums; attained; float64 runs certified at the sharp rate."""

from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy
from deciding import certainly_holds
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped

from linres.arithmetic import BALL, EXACT, inner, rational
from linres.instances import NesterovRun, RecordedRun
from linres.methods import nesterov
from linres.rungs import symbolic
from linres.theorems import nesterov_quadratic_with_errors as many

F = Fraction
THEOREM = many.THEOREM
often = settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
holds = certainly_holds(THEOREM)

GENERIC = NesterovRun(
    q=F(1, 3), L=F(9), up=(F(0), F(2, 5), F(1)), down=(F(0), F(2, 5), F(1)), x=(F(3), F(0), F(-1)),
    x_prev=(F(1), F(1), F(-2)), lookahead_error=(F(1, 5), F(1), F(-1)), step_error=(F(-1), F(0), F(1, 2)),
    mirror=(F(1), F(2), F(-1)), minimiser=(F(2), F(-1), F(1, 3)), minimum=F(3, 4), stages=3,
)


@given(many.instances())
@often
def test_holds_on_drawn_runs(instance):
    assert holds(instance)


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_every_hypothesis_is_used(hypothesis):
    fewer = tuple(each for each in THEOREM.hypotheses if each is not hypothesis)
    assert not symbolic.check(replace(THEOREM, hypotheses=fewer)).complete


@pytest.mark.parametrize("place", list(places(THEOREM, GENERIC)), ids=lambda place: f"{place[1]}-at-{place[2]}")
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    assert outcome(THEOREM, GENERIC) == "holds"
    assert outcome(swapped(THEOREM, place), GENERIC) in {"Disagree", "NotExact", "failure", "rejected"}


# The bound.


@given(many.instances())
@often
def test_the_two_recurrences_are_the_two_sums(instance):
    [row] = many.measure(instance, EXACT)
    rate, horizon, q = 1 - row[many.q], row[many.T], row[many.q]
    discounted = [rate ** (horizon - 1 - t) * row[many.b][t] for t in range(horizon)]
    v, h = row[many.v], row[many.h]
    assert v[horizon] == rate**horizon * v[0] + sum(discounted)
    later = sum(q * (horizon - t) * each for t, each in enumerate(discounted))
    assert h[horizon] == rate**horizon * (h[0] + q * horizon * v[0]) + later


@given(many.instances())
@often
def test_the_distance_is_within_its_bound_at_every_stage(instance):
    [row] = many.measure(instance, EXACT)
    for t in range(row[many.T] + 1):
        offset = row[many.x][t] - row[many.x_star]
        assert row[many.q] ** 2 * row[many.L] * inner(offset, offset) <= row[many.h][t] ** 2


def test_constant_errors_leave_both_lengths_at_the_same_floor():
    run = replace(many.drifting(200), decay=F(1))
    [row] = many.measure(run, EXACT)
    floor = row[many.b][0] / row[many.q]
    assert all(abs(float(flint.arb(row[which][200] / floor)) - 1) < 1e-12 for which in (many.v, many.h))
    twice_the_excess = 2 * (row[many.f][200] - row[many.f_star])
    assert abs(float(flint.arb(twice_the_excess / floor**2)) - 1) < 1e-12


def test_from_rest_without_errors_it_is_the_sharp_rate():
    run = replace(GENERIC, x_prev=GENERIC.x, lookahead_error=(), step_error=(), stages=12, bits=4096)
    [row] = many.measure(run, EXACT)
    first = row[many.f][0] - row[many.f_star]
    for t in range(13):
        bound = ((1 + row[many.q] * t) ** 2 + 1 - row[many.q] ** 2) * (1 - row[many.q]) ** (2 * t) * first
        assert row[many.f][t] - row[many.f_star] <= bound


@pytest.mark.parametrize("run", [many.slowest(30), many.drifting(30)])
def test_h_is_attained_at_every_stage_along_the_mu_eigenvector(run):
    [row] = many.measure(run, EXACT)
    assert all(2 * (row[many.f][t] - row[many.f_star]) == row[many.h][t] ** 2 for t in range(1, 31))


def test_what_is_measured_is_exact():
    with pytest.raises(ValueError, match="should have the arithmetic EXACT, got BALL"):
        many.measure(GENERIC, BALL)


# Rounding is an error like any other.


def float64_run(stages, *, d=3, q=0.1):
    """Nesterov's method from rest in float64 on a random quadratic with eigenvalues from q^2 to 1."""
    generator = np.random.default_rng(0)
    basis, _ = np.linalg.qr(generator.standard_normal((d, d)))
    sigma = basis * np.linspace(q * q, 1, d) @ basis.T
    sigma = (sigma + sigma.T) / 2
    states = [np.ones((2, d))] * 2
    lookaheads = []
    for _ in range(stages):
        y, x_next = nesterov.step(
            states[-1], states[-2], lambda point: point @ sigma, momentum=nesterov.momentum(q), step_size=1.0)
        states.append(x_next)
        lookaheads.append(y)
    narrow = 1 - 2.0**-40  # by more than the eigenvalues are rounded
    q, L = F(q * narrow), F(1 / narrow)
    return RecordedRun(sigma, np.zeros((2, d)), np.array(states), np.array(lookaheads), q=q, L=L)


def test_a_float64_run_is_certified_at_the_sharp_rate():
    """100 stages at kappa = 100: the excess is certified within 3 times what exact arithmetic is allowed."""
    run = float64_run(100)
    assert holds(run)
    [row] = many.measure(run, EXACT)
    q, first = float(run.q), float(flint.arb(row[many.f][0]))
    proved = float(flint.arb((row[many.h][100] ** 2 + (1 - row[many.q] ** 2) * row[many.v][100] ** 2) / 2))
    sharp = ((1 + q * 100) ** 2 + 1 - q * q) * (1 - q) ** 200 * first
    assert float(flint.arb(row[many.f][100])) <= proved <= 3 * sharp


def test_bulk_runs_are_the_exact_runs():
    batch = THEOREM.sample(np.random.default_rng(0), 60)
    for k in range(0, 60, 7):
        [row] = many.measure(batch.instance(k), EXACT)
        for symbol in (many.f, many.v, many.h, many.b):
            exact = [float(flint.arb(value)) for _, value in sorted(row[symbol].items())]
            largest = max(map(abs, exact), default=0.0)
            np.testing.assert_allclose(batch.columns[symbol][:, k], exact, rtol=1e-9, atol=1e-9 * largest)


def test_a_conclusion_that_claims_more_is_refused():
    left, right = THEOREM.conclusion.args
    with sympy.evaluate(False):
        more = left <= sympy.Rational(99, 100) * right
    wrong = replace(THEOREM, conclusion=more, proof=(*THEOREM.proof[:-1], replace(THEOREM.proof[-1], claim=more)))
    assert not symbolic.check(wrong).complete


def test_rational_budgets_are_not_below_what_they_bound():
    [row] = many.measure(GENERIC, EXACT)
    slip = row[many.e][0]
    assert row[many.b][0] ** 2 >= rational(9) * inner(slip, slip)
