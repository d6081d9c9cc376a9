"""stacking-variation: proved; attained by one block; decay and floor hold of stacking in its basin."""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from deciding import certainly_holds
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped
from sympy import Eq

from linres.arithmetic import EXACT, inner
from linres.bounds import fraction
from linres.methods import stacking
from linres.rungs import rigorous, symbolic
from linres.theorems import stacking_acceleration
from linres.theorems import stacking_variation as one

F = Fraction
THEOREM = one.THEOREM
holds = certainly_holds(THEOREM)
# From the edge of the basin, nothing commutes, three stages.
RUN = stacking_acceleration.at_the_edge()


@given(one.instances())
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_holds_of_runs_from_the_basin_which_satisfy_every_hypothesis(instance):
    assert holds(instance)


# H2 and H11 give roots and powers a value; what a block is matters by its size alone.
NEEDED = [each for each in THEOREM.hypotheses if each is not one.grown]


@pytest.mark.parametrize("hypothesis", NEEDED, ids=str)
def test_the_proof_needs_every_hypothesis_but_what_a_block_is(hypothesis):
    without = tuple(each for each in THEOREM.hypotheses if each is not hypothesis)
    assert not symbolic.check(replace(THEOREM, hypotheses=without)).complete


def test_the_proof_needs_no_more_of_a_block_than_its_size():
    assert symbolic.check(replace(THEOREM, hypotheses=tuple(NEEDED))).complete


@pytest.mark.parametrize("share", [F(7, 8), F(9, 10), F(999, 1000)])
def test_one_block_attains_it(share):
    equation = replace(THEOREM, conclusion=Eq(*THEOREM.conclusion.args, evaluate=False))
    assert holds(one.one_block(share), equation)


def test_for_larger_q_the_loss_would_have_to_be_below_its_minimum():
    [row] = one.measure(one.one_block(F(7, 8) - F(1, 500)), EXACT)
    assert row[one.ell][0] < row[one.ell_star]
    assert rigorous.check(THEOREM, one.one_block(F(7, 8) - F(1, 500))).rejected == 1


@pytest.mark.parametrize("name", [control.name for control in THEOREM.controls if control.drop])
def test_without_a_hypothesis_it_is_false_but_with_it_the_instance_is_rejected(name):
    [control] = [each for each in THEOREM.controls if each.name == name]
    assert rigorous.check(THEOREM.variant(control), control.witness).failure
    assert rigorous.check(THEOREM.variant(replace(control, drop=())), control.witness).rejected == 1


# In the basin.


def test_the_decay_is_the_conclusion_of_stacking_acceleration_one_stage_on():
    from linres.language import same, substitute

    claimed = stacking_acceleration.THEOREM.conclusion
    assert same(one.decays, substitute(claimed, {one.T: one.t + 1}))


def test_at_the_edge_of_the_basin_singular_values_are_at_least_9_14ths_of_sigma():
    [row] = one.measure(RUN, EXACT)
    for t, least in row[one.s].items():
        entries = [float(fraction(entry)) for entry in row[one.W][t].entries()]
        smallest = np.linalg.svd(np.reshape(entries, row[one.W][t].shape), compute_uv=False)[-1]
        assert float(fraction(row[one.m])) <= float(fraction(least)) <= smallest * (1 + 1e-9)


def test_a_run_beyond_the_basin_is_rejected_or_holds():
    far = stacking_acceleration.beyond_the_basin()
    checked = rigorous.check(THEOREM, far)
    assert checked.rejected == 1


def test_blocks_turn_one_network_into_the_next():
    [row] = one.measure(RUN, EXACT)
    for t in range(row[one.T]):
        assert row[one.W][t + 1] == row[one.W][t] + row[one.w][t + 1] @ row[one.W][t]
    lengths = [float(fraction(inner(row[one.w][t], row[one.w][t]))) ** 0.5 for t in range(1, row[one.T] + 1)]
    assert float(fraction(row[one.S][row[one.T]])) == pytest.approx(sum(lengths), rel=1e-9)


def test_with_momentum_of_the_opposite_sign_the_rate_is_lost():
    def backwards(network, block, gradient, *, momentum, step_size, rule):
        return stacking.stage(network, block, gradient, momentum=-momentum, step_size=step_size, rule=rule)

    run = stacking_acceleration.along_an_eigenvector(F(1, 8), shift=F(1, 64), stages=4)
    assert holds(run)
    assert rigorous.check(replace(THEOREM, measure=partial(one.measure, stage=backwards)), run).rejected == 1


ZERO = {(one.ell_star, None), (one.W, 1), (one.S, 0)}  # remain 0
PLACES = [place for place in places(THEOREM, one.one_block()) if place[1:] not in ZERO]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[1]}-at-{place[2]}")
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    assert outcome(THEOREM, one.one_block()) == "holds"
    assert outcome(swapped(THEOREM, place), one.one_block()) in {"Disagree", "failure", "rejected", "NotExact"}


def test_bulk_runs_are_the_exact_runs():
    batch = THEOREM.sample(np.random.default_rng(0), 9)
    for k in range(0, batch.drawn, 2):
        [row] = one.measure(batch.instance(k), EXACT)
        for label in (one.S, one.Phi):
            for t, exact in row[label].items():
                assert batch.columns[label][t][k] == pytest.approx(float(fraction(exact)), rel=1e-6, abs=1e-12)
        assert batch.columns[one.m][k] == pytest.approx(float(fraction(row[one.m])), rel=1e-12)
