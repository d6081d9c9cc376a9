"""gradient-noise-floor: proved, and attained at every stage at the floor."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from deciding import certainly_holds
from hypotheses import require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped
from sympy import Eq

from linres.arithmetic import EXACT, rational
from linres.instances import NesterovRun
from linres.theorems import gradient_noise_floor as floor
from linres.theorems import gradient_with_errors as roots

F = Fraction
THEOREM = floor.THEOREM
# Gradient dominance has no slack along a mu-eigenvector, nor has smoothness along an L-eigenvector.
TIGHT = NesterovRun(
    q=F(1, 2), L=F(4), up=(F(0), F(1)), down=(F(0), F(1)), x=(F(13, 3), F(-1)), x_prev=(F(0), F(0)),
    step_error=(F(1), F(2)), minimiser=(F(1, 3), F(-1)), minimum=F(-3, 4),
)


holds = certainly_holds(THEOREM)


def equality():
    return replace(THEOREM, conclusion=Eq(*THEOREM.conclusion.args, evaluate=False))


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


@pytest.mark.parametrize("q", [F(1, 64), F(1, 2), F(7, 8)])
def test_is_attained_at_every_stage_at_the_floor(q):
    """The excess is kappa (L/2)|e|^2 and stays there."""
    held = roots.held_in_place(q, stages=5)
    assert holds(held, equality())
    [row] = floor.measure(held, EXACT)
    error, kappa = rational(q) ** 2, 1 / rational(q) ** 2
    assert all(row[floor.f_x][t] == kappa * rational(F(3, 2)) * error**2 for t in range(6))


@pytest.mark.parametrize("size", [F(0), F(1, 100), F(100)])
def test_is_attained_for_one_stage_at_any_excess(size):
    off = floor.off_the_floor()
    assert holds(replace(off, step_error=(off.step_error[0], size)), equality())


def test_with_q_equal_to_1_all_but_the_error_is_forgotten():
    run = NesterovRun(
        q=F(1), L=F(3), up=(F(0),), down=(F(0),), x=(F(7),), x_prev=(F(7),), step_error=(F(2),), decay=F(1), stages=3
    )
    assert holds(run)
    [row] = floor.measure(run, EXACT)
    assert row[floor.f_x][3] == 6


@given(floor.instances())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_holds_on_drawn_functions_of_every_scale(instance):
    assert holds(instance)


def test_no_convexity_is_needed():
    """Where the curvature is mu on one side and 0 on the other only the side visited counts, whatever f* is there."""
    run = roots.held_in_place()
    assert holds(replace(run, down=(F(-1),)))


@pytest.mark.parametrize("place", list(places(THEOREM, TIGHT)), ids=lambda place: f"{place[1]}-at-{place[2]}")
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    assert outcome(THEOREM, TIGHT) == "holds"
    assert outcome(swapped(THEOREM, place), TIGHT) in {"Disagree", "failure", "rejected", "NotExact"}


def test_the_bound_settles_at_the_floor_and_starts_at_the_rate():
    settled = THEOREM.bound(q=0.1, L=3.0, f_x=7.0, f_star=1.0, e_norm=1e-3, T=10_000)
    assert settled == pytest.approx(100 * 1.5e-6, rel=1e-10)
    stages = np.arange(60)
    np.testing.assert_allclose(
        THEOREM.bound(q=0.1, L=3.0, f_x=7.0, f_star=1.0, e_norm=0.0, T=stages), 6 * 0.99**stages, rtol=1e-12
    )


def test_which_of_the_two_bounds_is_smaller_depends_on_the_stage():
    """In roots the rate is twice as good, in squares the floor is kappa times lower."""
    values = {"q": 0.25, "L": 2.0, "f_x": 1.0, "f_star": 0.0, "e_norm": 1e-3, "T": np.array([20, 400])}
    squares, by_roots = THEOREM.bound(**values), roots.THEOREM.bound(**values) ** 2
    assert by_roots[0] < squares[0] and by_roots[1] == pytest.approx(16 * squares[1], rel=1e-6)
