"""nesterov-quadratic-step: proved, attained with everything present, and what its two lengths are."""

from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
from deciding import certainly_holds
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped
from sympy import Eq

from linres.arithmetic import BALL, EXACT, inner, rational
from linres.evaluate import Enclosure
from linres.instances import NesterovRun, RecordedRun
from linres.rungs import rigorous, symbolic
from linres.theorems import nesterov_quadratic_step as one

F = Fraction
THEOREM = one.THEOREM
often = settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
holds = certainly_holds(THEOREM)
EQUALITY = replace(THEOREM, conclusion=Eq(*THEOREM.conclusion.args, evaluate=False))

GENERIC = NesterovRun(
    q=F(1, 3), L=F(9), up=(F(0), F(2, 5), F(1)), down=(F(0), F(2, 5), F(1)), x=(F(3), F(0), F(-1)),
    x_prev=(F(1), F(1), F(-2)), lookahead_error=(F(1, 5), F(1), F(-1)), step_error=(F(-1), F(0), F(1, 2)),
    mirror=(F(1), F(2), F(-1)), minimiser=(F(2), F(-1), F(1, 3)), stages=2,
)


@given(one.instances())
@often
def test_holds_on_drawn_quadratics_of_every_scale(instance):
    assert holds(instance)


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_every_hypothesis_is_used(hypothesis):
    fewer = tuple(each for each in THEOREM.hypotheses if each is not hypothesis)
    assert not symbolic.check(replace(THEOREM, hypotheses=fewer)).complete


@pytest.mark.parametrize("position", range(len(THEOREM.proof)), ids=[step.name for step in THEOREM.proof])
def test_every_step_is_needed(position):
    fewer = tuple(step for k, step in enumerate(THEOREM.proof) if k != position)
    assert not symbolic.check(replace(THEOREM, proof=fewer)).complete


PLACES = [place for place in places(THEOREM, replace(GENERIC, stages=1)) if place[0] == 1]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: str(place[1]))
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    run = replace(GENERIC, stages=1)
    expected = {"holds"} if place[1] == one.w else {"Disagree", "NotExact", "failure", "rejected"}  # any weight will do
    assert outcome(THEOREM, run) == "holds" and outcome(swapped(THEOREM, place), run) in expected


# Sharpness.


@pytest.mark.parametrize("q", [F(1, 100), F(1, 4), F(24, 25)])
def test_is_an_equality_for_every_weight_with_all_errors_along_the_mu_eigenvector(q):
    assert holds(replace(one.attained(), q=q, stages=3, decay=F(1)), EQUALITY)


def test_a_step_error_at_the_minimiser_is_attained_whatever_its_direction():
    error = (F(1), F(-2), F(1, 3))
    run = replace(GENERIC, x=(F(2), F(-1), F(1, 3)), x_prev=GENERIC.minimiser, lookahead_error=(), step_error=error)
    assert holds(replace(run, x=run.minimiser, stages=1), EQUALITY)


def test_a_lookahead_error_is_not_attained_along_other_eigenvectors():
    run = one.along_eigenvector(F(1, 2), x=0, x_prev=0, lookahead_error=(F(1),))
    assert holds(run) and rigorous.check(EQUALITY, run).failure


# What the lengths are.


def lengths(run, position=0):
    """Twice the excess, mu |x - x*|^2, U and U_next at a stage."""
    row = one.measure(run, EXACT)[len(one.WEIGHTS) * position]
    walk = Enclosure(row, THEOREM.definitions)
    offset = row[one.x] - row[one.x_star]
    return inner(row[one.g], offset), walk.value(one.mu) * inner(offset, offset), *map(walk.value, (one.U, one.U_next))


@given(one.instances())
@often
def test_the_excess_is_within_both_lengths_and_at_rest_it_is_the_first(instance):
    twice_the_excess, distance, length, _ = lengths(instance)
    assert twice_the_excess <= distance + (1 - rational(instance.q) ** 2) * length
    still = replace(instance, x_prev=instance.x)
    assert lengths(still)[2] == lengths(still)[0]


@pytest.mark.parametrize("share", [F(0), F(1, 3), F(9, 10), F(1)])
def test_along_an_eigenvector_without_errors_the_first_length_contracts_by_a_fixed_share(share):
    """U_next = (1-q)^2 k U exactly, k the eigenvalue of K: nothing for the L-eigenvector, (1-q)^2 for that of mu."""
    *_, length, later = lengths(one.along_eigenvector(share, x=F(2, 3), x_prev=F(-1, 5)))
    assert later == rational(F(9, 16) * (1 - share)) * length


def test_a_function_that_bends_is_no_instance():
    bent = replace(GENERIC, down=(F(1), F(2, 5), F(0)), x_prev=(F(-5), F(3), F(4)))
    with pytest.raises(rigorous.Disagree):
        rigorous.check(THEOREM, bent)


def test_float64_runs_are_instances():
    states = np.array([[[1.0, 2.0]], [[0.5, -1.0]], [[0.25, 0.3]]])
    lookaheads = np.array([[[0.1, 0.2]]])
    run = RecordedRun(np.array([[2.0, 0.5], [0.5, 1.0]]), np.zeros((1, 2)), states, lookaheads, q=F(1, 2), L=F(5, 2))
    assert holds(run)


def test_balls_and_floats_measure_too():
    [row, *_] = one.measure(GENERIC, BALL)
    assert all(entry.contains(exact) for entry, exact in zip(
        row[one.g].entries(), one.measure(GENERIC, EXACT)[0][one.g].entries(), strict=True))


def test_bulk_rows_are_the_exact_rows():
    batch = THEOREM.sample(np.random.default_rng(0), 40)
    columns = batch.columns
    for k in range(0, len(columns[one.U]), 11):
        rows = one.measure(batch.instance(k), EXACT)[:: len(one.WEIGHTS)]
        walk = Enclosure(rows[k % 3], THEOREM.definitions)
        for symbol in (one.U, one.U_next, one.r, one.r_next, one.d, one.e_norm):
            exact = float(flint.arb(walk.value(symbol)))
            assert columns[symbol][k] == pytest.approx(exact, rel=1e-9, abs=1e-9 * columns[one.r][k] ** 2)
