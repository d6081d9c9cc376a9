"""random-start-variation: proved; attained by blocks that wander; what the noise leaves on least squares."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from deciding import certainly_holds
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped
from sympy import Eq

from linres.arithmetic import EXACT, FLOAT, inner
from linres.bounds import fraction
from linres.rough_blocks import RoughRun
from linres.rungs import rigorous, symbolic
from linres.theorems import random_start_variation as one

F = Fraction
THEOREM = one.THEOREM
holds = certainly_holds(THEOREM)
A, B = ((F(1, 8), F(1, 16)), (F(0), F(-1, 8))), ((F(0), F(1, 8)), (F(1, 16), F(1, 8)))
# In the plane, where nothing commutes; draws of three points, then of two; functional rule.
GENERIC = RoughRun(
    ((F(2), F(1, 2)), (F(1, 2), F(1))), ((F(2), F(1)), (F(-1), F(3))), ((F(1), F(1)), (F(0), F(2))), ((A, B), (A,)),
    F(1, 3), rule="functional",
)


@given(one.instances())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_holds_on_drawn_runs(instance):
    assert holds(instance)


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    without = tuple(each for each in THEOREM.hypotheses if each is not hypothesis)
    assert not symbolic.check(replace(THEOREM, hypotheses=without)).complete


@pytest.mark.parametrize("run", [GENERIC, replace(GENERIC, rule="parameter"), replace(GENERIC, momentum=F(1, 2))])
def test_holds_by_either_rule_and_from_any_start(run):
    assert holds(run)


@pytest.mark.parametrize("stages", [1, 2, 4])
def test_blocks_that_wander_attain_it(stages):
    equation = replace(THEOREM, conclusion=Eq(*THEOREM.conclusion.args, evaluate=False))
    assert holds(one.neuron(momentum=F(1), stages=stages), equation)


def test_independent_blocks_vary_twice_as_much_but_for_the_first():
    [row] = one.measure(one.neuron(stages=3), EXACT)
    assert row[one.V][3] == 5 * row[one.nu]


def test_means_are_conditional_on_the_draws_before():
    made = GENERIC.record(EXACT)
    assert [made.means[t].shape for t in range(2)] == [(12, 2), (12, 2)]
    first, second = (np.array(made.means[t].entries()).reshape(6, 4) for t in range(2))
    assert all((row == first[0]).all() for row in first)  # nothing is known at first
    assert (second[0] == second[1]).all() and not (second[0] == second[2]).all()


@pytest.mark.parametrize("t", [0, 1])
def test_on_least_squares_the_rest_is_the_noise_after_the_step(t):
    """x_t = n W (I - eta Sigma) W^{-1}, so |x_t|^2 is at least by Schur's inequality what isotropic noise leaves."""
    made = GENERIC.record(FLOAT)
    sigma, step = np.array(GENERIC.sigma, dtype=float), float(GENERIC.step_size)
    draws = [np.array(table, dtype=float) for table in (A, B)]
    draws = [[*draws, -sum(draws)], [draws[0], -draws[0]]]
    for k in range(6):
        path = [draws[0][k // 2], draws[1][k % 2]]
        blocks = [made.blocks[s][2 * k : 2 * k + 2] for s in (1, 2)]
        network = np.array(GENERIC.start, dtype=float)
        for block in blocks[:t]:
            network = network + block @ network
        left = network @ (np.eye(2) - step * sigma) @ np.linalg.inv(network)
        np.testing.assert_allclose(made.rests[t][2 * k : 2 * k + 2], path[t] @ left, atol=1e-13)
        kept = np.sum((1 - step * np.linalg.eigvalsh(sigma)) ** 2)
        assert np.sum(left**2) >= kept * (1 - 1e-12)


@pytest.mark.parametrize("name", [control.name for control in THEOREM.controls if control.drop])
def test_without_a_hypothesis_it_is_false_but_with_it_the_instance_is_rejected(name):
    [control] = [each for each in THEOREM.controls if each.name == name]
    assert rigorous.check(THEOREM.variant(control), control.witness).failure
    assert rigorous.check(THEOREM.variant(replace(control, drop=())), control.witness).rejected == 1


ZERO = {(one.w, 0), (one.V, 0), (one.m, 0)}  # remain 0


@pytest.mark.parametrize("place", [
    place for place in places(THEOREM, one.wandering()) if place[1:] not in ZERO
], ids=lambda place: f"{place[1]}-at-{place[2]}")
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    assert outcome(THEOREM, one.wandering()) == "holds"
    assert outcome(swapped(THEOREM, place), one.wandering()) in {"Disagree", "failure", "rejected", "NotExact"}


def test_bulk_runs_are_the_exact_runs():
    batch = THEOREM.sample(np.random.default_rng(0), 20)
    for k in range(0, 20, 3):
        [row] = one.measure(batch.instance(k), EXACT)
        assert batch.columns[one.nu][k] == pytest.approx(float(fraction(row[one.nu])), rel=1e-12)
        for t in range(row[one.T] + 1):
            assert batch.columns[one.V][t, k] == pytest.approx(float(fraction(row[one.V][t])), rel=1e-12)


def test_inner_products_are_summed_over_the_outcomes():
    [row] = one.measure(one.neuron(stages=1), EXACT)
    assert inner(row[one.x][0], row[one.x][0]) == row[one.nu] and fraction(row[one.nu]) == 2 * F(1, 16)
