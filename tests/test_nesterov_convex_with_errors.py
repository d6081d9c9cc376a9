"""nesterov-convex-with-errors: proved, attained in the potential, and in the excess alone in the limit."""

from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
from deciding import certainly_holds
from hypotheses import require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped
from sympy import Eq

from linres.arithmetic import EXACT, inner, rational
from linres.convex_runs import ConvexRun
from linres.printing import latex, text
from linres.rungs import rigorous
from linres.theorems import nesterov_convex_step as one
from linres.theorems import nesterov_convex_with_errors as many

F = Fraction
THEOREM = many.THEOREM


holds = certainly_holds(THEOREM)


def equality():
    return replace(THEOREM, conclusion=Eq(*THEOREM.conclusion.args, evaluate=False))


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


# Sharpness.


def test_lookahead_errors_among_minimisers_are_attained_at_every_stage():
    assert len(many.among_minimisers().tau) == 5 and holds(many.among_minimisers(), equality())


def test_a_step_error_at_the_minimum_is_attained():
    assert holds(many.step_error_at_the_minimum(), equality())


def share_of_excess(stages):
    """tau_T^2 (f(x_T) - f*) over Phi_0 on the run from rest."""
    [row] = many.measure(many.from_rest(stages), EXACT)
    return float(flint.arb(row[many.tau][stages] ** 2 * row[many.f_x][stages] / row[many.Phi][0]))


def test_from_rest_nearly_all_of_the_potential_ends_as_excess():
    assert 0.956 < share_of_excess(30) < 0.957 and 0.97 < share_of_excess(100) < 1


def test_a_lookahead_error_is_another_start():
    """At rest at the minimum, off by D at the first stage only: as from rest at x* + D, and as sharp."""
    start = many.from_rest(30)
    off = replace(start, x=(F(0),), x_prev=(F(0),), lookahead_error=(F(1),), decay=F(0))
    [expected], [row] = many.measure(start, EXACT), many.measure(off, EXACT)
    assert row[many.Phi][0] == 0 and row[one.L] / 2 == expected[many.Phi][0] and row[many.tau][1] == 1
    assert all(row[many.f_x][t] == expected[many.f_x][t] for t in range(1, 31)) and holds(off)


def test_at_rest_with_weight_0_the_start_is_the_distance_alone():
    run = many.from_rest(3)
    [row] = many.measure(run, EXACT)
    offset = row[many.SEQUENCES[one.x]][0] - row[one.x_star]
    assert run.x == run.x_prev and row[many.Phi][0] == rational(run.L) * inner(offset, offset) / 2


@pytest.mark.parametrize("reach", [F(1, 1000), F(1, 25), F(1)])
@pytest.mark.parametrize("up", [F(1, 100), F(1)])
def test_from_rest_the_excess_is_at_most_2_L_distance_squared_over_T_plus_1_squared(reach, up):
    weights = (F(0), *(F(t + 1, 2) for t in range(1, 21)))
    run = ConvexRun(
        L=F(3), tau=weights, up=(up, up / 2), down=(up, F(1)), x=(F(1), F(-2)), x_prev=(F(1), F(-2)),
        reach=(reach, F(0)),
    )
    assert holds(run)
    [row] = many.measure(run, EXACT)
    for T in range(1, 21):
        assert row[many.f_x][T] <= flint.fmpq(2 * 3 * 5, (T + 1) ** 2)


# Instances.


@given(many.instances())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_holds_on_drawn_functions_of_every_scale(instance):
    assert holds(instance)


@given(many.instances())
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_excess_alone_is_bounded_too(instance):
    assert holds(instance, THEOREM.control("excess-alone"))


def test_weights_that_grow_too_fast_are_rejected():
    assert rigorous.check(THEOREM, many.far_out(growth=F(101, 100))).rejected == 1
    assert holds(many.far_out())


TIGHT = replace(many.among_minimisers(), tau=(F(2), F(2)), step_error=(F(1, 3),), x_prev=(F(1, 2),))


def test_a_run_with_every_error_holds():
    assert holds(TIGHT)


@pytest.mark.parametrize(
    "place", list(places(THEOREM, TIGHT)), ids=lambda place: f"{place[1]}-at-{place[2]}"
)
def test_a_measured_value_10_percent_too_large_is_noticed_unless_it_is_zero(place):
    position, symbol, stage = place
    value = many.measure(TIGHT, EXACT)[position][symbol]
    value = value if stage is None else value[stage]
    zero = value == 0 if isinstance(value, int | flint.fmpq) else not any(value.entries())
    assert (outcome(swapped(THEOREM, place), TIGHT) == "holds") == zero


def test_bulk_runs_are_the_exact_runs():
    batch = THEOREM.sample(np.random.default_rng(0), 60)
    for k in range(0, 60, 7):
        [row] = many.measure(batch.instance(k), EXACT)
        for symbol in (many.Phi, many.f_x, many.tau):
            exact = [float(flint.arb(row[symbol][t])) for t in range(row[many.T] + 1)]
            np.testing.assert_allclose(batch.columns[symbol][:, k], exact, rtol=1e-9, atol=1e-12 * max(exact))


# The bound, and how it is set.


def test_the_bound_is_the_sum_of_what_the_errors_cost():
    weights = np.arange(2, 9) / 2
    drift, slip = np.arange(6) / 10, np.arange(6) / 100
    found = THEOREM.bound(L=2.0, Phi=9.0, tau=weights, d=drift, e_norm=slip, T=np.array([0, 1, 6]))
    costs = weights[1:] * (drift + np.sqrt(2) * slip)
    np.testing.assert_allclose(found, [3, 3 + costs[0], 3 + costs.sum()], rtol=1e-14)


def test_constant_errors_cost_as_T_squared_in_the_excess():
    horizons = np.array([1000, 2000])
    weights = np.arange(2003) / 2 + 1
    roots = THEOREM.bound(L=2.0, Phi=0.0, tau=weights, d=1e-3, e_norm=0.0, T=horizons)
    excess = (roots / weights[horizons]) ** 2
    assert excess[1] / excess[0] == pytest.approx(4, rel=0.01)


def test_a_sum_that_forgets_nothing_is_set_without_powers_of_1():
    assert latex(many.total).startswith(r"\sqrt{\Phi_{0}} + \sum_{t=0}^{T-1} \left(")
    assert text(many.total).startswith("sqrt(Phi[0]) + sum_(t<T) (")
