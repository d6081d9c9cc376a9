"""block-regression: proved; a supervised block is no transport map, and below a free head it has nothing to learn."""

from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
from deciding import certainly_holds
from hypotheses import require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped
from sympy import Eq, transpose

import linres
from linres.arithmetic import EXACT, inner
from linres.linear_networks import Regression, identity
from linres.rungs import rigorous, verify, wanting
from linres.theorems import block_regression as one
from linres.theorems import free_head_block as free
from linres.theorems import supervised_block_transport as transport

F = Fraction
THEOREM = one.THEOREM


holds = certainly_holds(THEOREM)


def objective(instance, block):
    """E|T h - y|^2/2 + E|T h - h|^2/(2 tau) without noise, for h = W x."""
    sigma, target, start = (EXACT.matrix(table) for table in (instance.sigma, instance.target, instance.start))
    offset, movement = block @ start - target, block @ start - start
    return inner(offset @ sigma, offset) / 2 + inner(movement @ sigma, movement) / (2 * EXACT.number(instance.step))


@given(one.instances())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_drawn_run_contradicts_it(instance):
    checked = rigorous.check(THEOREM, instance)
    assert checked.failure is None and not checked.undecided and not checked.rejected


def test_bulk_blocks_hold_exactly():
    batch = THEOREM.sample(np.random.default_rng(1), 40)
    for k in range(0, 40, 5):
        assert holds(batch.instance(k))
        [row] = one.measure(batch.instance(k), EXACT)
        exact = np.array([[float(flint.arb(entry)) for entry in line] for line in row[one.W_next].data.tolist()])
        np.testing.assert_allclose(batch.columns[one.W_next][k], exact, atol=1e-9 * (1 + np.abs(exact).max()))


def test_after_k_blocks_the_offset_is_the_power():
    run = replace(one.generic(), depth=5)
    rows = one.measure(run, EXACT)
    left = EXACT.number((1 / (1 + run.step)) ** 5)
    assert rows[-1][one.W_next] - rows[0][one.W_star] == left * (rows[0][one.W] - rows[0][one.W_star])


@pytest.mark.parametrize("direction", [((1, 0), (0, 0)), ((0, 1), (0, 0)), ((1, 2), (-3, 1))])
def test_no_other_block_is_better(direction):
    instance = one.generic()
    block = one.measure(instance, EXACT)[0][one.T]
    best = objective(instance, block)
    change = EXACT.matrix([[F(entry, 10) for entry in row] for row in direction])
    assert objective(instance, block + change) > best < objective(instance, block - change)
    assert objective(instance, block + change) == objective(instance, block - change), "the slope is 0"


def test_a_run_that_becomes_singular_keeps_the_blocks_before():
    """tau = 1 from the identity: the eigenvalue -1 of the target goes to 0, and stays stuck."""
    stuck = Regression(identity(2), ((F(-1), F(0)), (F(0), F(2))), identity(2), F(1), depth=4)
    assert len(one.measure(stuck, EXACT)) == 1 and holds(stuck)


@pytest.mark.parametrize("place", list(places(THEOREM, one.generic())), ids=lambda place: f"{place[1]}-{place[0]}")
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    assert outcome(THEOREM, one.generic()) == "holds"
    if place[1] != one.S:  # the statement does not depend on the moments: that is what it says
        assert outcome(swapped(THEOREM, place), one.generic()) in {"Disagree", "failure", "rejected"}


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


# A transport map.


def test_the_quarter_turn_refutes_that_the_block_is_symmetric():
    [published] = transport.REFUTATIONS
    assert linres.refuted(published) and linres.load_refutations("supervised-block-transport") == (published,)
    failure = rigorous.check(published.claim, published.instance).failure
    half = F(1, 2)
    assert failure.left == EXACT.matrix(((half, -half), (half, half))) and failure.right == failure.left.T


def test_the_reading_is_refuted_and_its_correction_proved():
    verdict = verify(transport.THEOREM)
    assert verdict.verdict == "refuted" and verdict.met and wanting(verdict) == 0
    assert verify(transport.CORRECTED).verdict == "proved"


def test_a_block_towards_a_symmetric_regression_is_symmetric():
    symmetric = Regression(identity(2), ((F(2), F(1)), (F(1), F(-1))), identity(2), F(3, 2))
    assert holds(symmetric, transport.THEOREM)
    assert type(transport.CONCLUSION) is Eq and transport.CONCLUSION.rhs == transpose(one.T)


# A free head.


def test_the_free_head_undoes_the_block():
    carried, flat = free.REFUTATIONS
    assert linres.refuted(carried) and linres.refuted(flat)
    failure = rigorous.check(carried.claim, carried.instance).failure
    assert (failure.left, failure.right) == (1, 1)


def test_the_reading_of_the_free_head_is_refuted_and_its_corrections_hold():
    verdict = verify(free.THEOREM)
    assert verdict.verdict == "refuted" and verdict.met and wanting(verdict) == 0
    assert [verify(each).verdict for each in (free.CORRECTED, free.FLAT)] == ["proved", "supported"]


def test_with_a_fixed_head_the_block_does_lower_the_loss():
    """So the reading is refuted for its head, not because the block does nothing."""
    instance = one.quarter_turn()
    [row] = one.measure(instance, EXACT)
    before, after = (row[name] - row[one.W_star] for name in (one.W, one.W_next))
    assert inner(after, after) * 4 == inner(before, before) > 0


def test_the_least_loss_over_heads_is_no_constant():
    """It depends on what the features leave out: here the noise alone, whose power is the dimension."""
    wide = Regression(identity(3), identity(3, F(2)), identity(3), F(1))
    [row] = free.measure(wide, EXACT)
    assert row[free.before] == row[free.after] == EXACT.number(F(3, 2))
