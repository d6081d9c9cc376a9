"""random-start-noise-floor: proved; attained without noise, and in the noise up to q^2; all outcomes are run."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from deciding import certainly_holds
from hypotheses import require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped
from sympy import Eq

from linres.arithmetic import EXACT, inner
from linres.bounds import fraction
from linres.instances import NesterovRun
from linres.random_start_runs import NoisyRun
from linres.rungs import rigorous
from linres.theorems import random_start_noise_floor as floor

F = Fraction
THEOREM = floor.THEOREM
holds = certainly_holds(THEOREM)
A, B = ((F(1), F(1, 2)), (F(0), F(-1, 4))), ((F(0), F(1, 8)), (F(1, 3), F(1, 2)))

# In the plane, kinked along both axes of a turned basis, with noise of three points and then of two.
GENERIC = NoisyRun(
    NesterovRun(q=F(1, 2), L=F(4), up=(F(0), F(1)), down=(F(1, 2), F(1, 4)), x=(F(1), F(2)), x_prev=(F(1), F(2)),
                mirror=(F(1), F(2)), minimiser=(F(1, 3), F(-1)), minimum=F(3, 4)),
    ((A, B), (A,)),
)
# From a mu-eigenvector, so that the interpolation inequalities have no slack, with noise along an L-eigenvector, so
# that smoothness has none.
TIGHT = NoisyRun(
    NesterovRun(q=F(1, 2), L=F(4), up=(F(0), F(1)), down=(F(0), F(1)), x=(F(11, 15), F(-1)), x_prev=(F(11, 15), F(-1)),
                minimiser=(F(1, 3), F(-1)), minimum=F(3, 4)),
    ((((F(0), F(0)), (F(1), F(0))),),) * 2,
)


@given(floor.instances())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_holds_on_drawn_functions_and_laws(instance):
    assert holds(instance)


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


def test_sums_are_over_all_outcomes_and_the_noise_is_orthogonal_to_the_slope_only_in_the_sum():
    [row] = floor.measure(GENERIC, EXACT)
    assert row[floor.T] == 2 and row[floor.N][1].shape == (12, 1) and fraction(row[floor.ell_star]) == 6 * F(3, 4)
    for t in range(2):
        slope, noise = row[floor.G][t].entries(), row[floor.N][t].entries()
        assert inner(row[floor.G][t], row[floor.N][t]) == 0 != inner(row[floor.N][t], row[floor.N][t])
        assert any(slope[k] * noise[k] + slope[k + 1] * noise[k + 1] != 0 for k in range(0, 12, 2))
    assert holds(GENERIC)


def test_the_values_are_those_of_the_blocks():
    [row] = floor.measure(GENERIC, EXACT)
    value, points = GENERIC.on.function(EXACT).value, row[floor.W][2].entries()
    blocks = [EXACT.matrix([[points[k]], [points[k + 1]]]) for k in range(0, 12, 2)]
    assert row[floor.ell][2] == sum(map(value, blocks))


# Sharpness.


@pytest.mark.parametrize("q", [F(1, 64), F(1, 2), F(63, 64)])
def test_without_noise_it_is_attained_at_every_stage(q):
    equation = replace(THEOREM, conclusion=Eq(*THEOREM.conclusion.args, evaluate=False))
    assert holds(floor.scalar(F(0), inverse_root=q, stages=3), equation)


@pytest.mark.parametrize("q", [F(1, 4), F(1, 2), F(63, 64)])
def test_at_the_target_the_noise_costs_q_squared_times_the_bound(q):
    [row] = floor.measure(floor.scalar(F(1, 2), inverse_root=q, target=F(1)), EXACT)
    left = fraction(row[floor.ell][1] - row[floor.ell_star])
    noise = fraction(inner(row[floor.N][0], row[floor.N][0]))
    assert left == q**2 * (1 - q**2) ** 2 * F(3, 2) * noise > 0


def test_the_bound_of_constant_noise_has_a_floor():
    stages = np.arange(400)
    found = THEOREM.bound(q=0.25, L=2.0, ell=5.0, ell_star=1.0, N_norm=0.1, T=stages)
    remains = (1 - 0.25**2) ** 2
    assert found[0] == 4 and np.all(np.diff(found) <= 0)
    assert found[-1] == pytest.approx(remains / (1 - remains) * 0.01, rel=1e-9) and found[-1] < 16 / 2 * 0.01


# Measurement.


@pytest.mark.parametrize("place", list(places(THEOREM, TIGHT)), ids=lambda place: f"{place[1]}-at-{place[2]}")
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    """But for what may be more: the loss at the start, its slope, orthogonal to the noise, and the minimum claimed,
    which the noise leaves room for."""
    assert outcome(THEOREM, TIGHT) == "holds"
    free = {(floor.ell, 0), (floor.G, 0), (floor.ell_star, None)}
    assert (outcome(swapped(THEOREM, place), TIGHT) == "holds") == (place[1:] in free)


@pytest.mark.parametrize("control", ["biased-starts", "without-smoothness"])
def test_without_a_hypothesis_the_claim_is_false_but_with_it_the_instance_is_rejected(control):
    [wanted] = [each for each in THEOREM.controls if each.name == control]
    assert rigorous.check(THEOREM.variant(wanted), wanted.witness).failure
    assert rigorous.check(THEOREM.variant(replace(wanted, drop=())), wanted.witness).rejected == 1


def test_bulk_runs_are_the_exact_runs():
    batch = THEOREM.sample(np.random.default_rng(0), 20)
    for k in range(0, 20, 7):
        [row] = floor.measure(batch.instance(k), EXACT)
        for t in range(row[floor.T] + 1):
            exact = float(fraction(row[floor.ell][t]))
            assert batch.columns[floor.ell][t, k] == pytest.approx(exact, rel=1e-12)
        for t in range(row[floor.T]):
            squares = float(fraction(inner(row[floor.N][t], row[floor.N][t])))
            assert batch.columns[floor.N_norm][t, k] ** 2 == pytest.approx(squares, rel=1e-12)
