"""block-gradient and gradient-dominance: proved, attained at every depth; the inequality in print falls twice."""

import time
from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
import sympy
from deciding import holds
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped
from sympy import Eq, Ge

import linres
from linres import linear_networks, network
from linres.arithmetic import EXACT, inner
from linres.linear_networks import LinearNetwork, extremal
from linres.rungs import rigorous, symbolic, verify, wanting
from linres.theorem import Certificate
from linres.theorems import block_gradient, gradient_dominance
from linres.theorems import hardt_ma_2017_inequality_2_3 as printed

F = Fraction
THEOREMS = {"block": block_gradient.THEOREM, "dominance": gradient_dominance.THEOREM}
BOTH = pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)


def with_relation(theorem, kind):
    return replace(theorem, conclusion=kind(*theorem.conclusion.args, evaluate=False))


@BOTH
@given(linear_networks.networks(min_depth=2))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_holds_on_drawn_networks_all_of_which_satisfy_the_hypotheses(theorem, instance):
    assert holds(theorem, instance)


# Sharpness.


@BOTH
@pytest.mark.parametrize("depth", [2, 3, 5])
@pytest.mark.parametrize("reach", [F(1, 100), F(1, 2), F(99, 100)])
def test_is_attained_at_every_depth_and_reach(theorem, depth, reach):
    sharp = block_gradient.attained(depth=depth, reach=reach, least=F(3, 7))
    assert holds(theorem, sharp) and holds(with_relation(theorem, Eq), sharp)


@BOTH
@pytest.mark.parametrize("entry", [F(1, 1000), F(3)])
def test_an_offset_that_leaves_the_least_eigenvalue_is_no_longer_extremal(theorem, entry):
    sharp = extremal(depth=3, reach=F(1, 2), eigenvalues=(F(1), F(2)), displacement=((F(1), F(0)), (F(1), entry)))
    assert holds(theorem, sharp) and rigorous.check(with_relation(theorem, Eq), sharp).failure


def test_no_point_of_small_blocks_is_critical_but_the_minimum():
    here = block_gradient.attained(reach=F(99, 100))
    [row] = gradient_dominance.measure(here, EXACT)
    assert row[gradient_dominance.S][3] > 0
    nowhere = linear_networks.identity(2, F(0))
    run = linear_networks.at_offset(
        here.blocks, reach=here.reach, eigenvalues=(F(1), F(2)), displacement=nowhere).measured(EXACT)
    assert run.excess == 0 and all(inner(each, each) == 0 for each in network.block_gradients(run.blocks, run.slope))


def test_with_a_block_that_cancels_the_identity_there_is_a_bad_critical_point():
    """tau = 1: two blocks -I, no gradient anywhere, and an excess of 1/2."""
    stuck = extremal(depth=3, reach=F(1), eigenvalues=(F(1),), displacement=((F(1),),))
    [row] = gradient_dominance.measure(stuck, EXACT)
    assert row[gradient_dominance.S][3] == 0 and row[gradient_dominance.F] == flint.fmpq(1, 2)
    assert all(holds(theorem, stuck) for theorem in THEOREMS.values()), "and nothing is claimed: the bound is 0"


# Measurement.

MIXED = linear_networks.at_offset(
    (linear_networks.identity(2, F(-1, 2)),) * 3, reach=F(1, 2), eigenvalues=(F(3), F(3)),
    displacement=((F(1), F(2)), (F(-1), F(3))), mirror=(F(1), F(2)),
)


@BOTH
def test_a_measured_value_10_percent_too_large_is_noticed(theorem):
    assert outcome(theorem, MIXED) == "holds"
    missed = {
        (str(place[1]), place[2]) for place in places(theorem, MIXED)
        if outcome(swapped(theorem, place), MIXED) not in {"Disagree", "failure", "rejected", "NotExact"}
    }
    weaker, nothing = ("tau", None), ("S", 0)  # a larger reach of the same blocks, and 1.1 times a sum of nothing
    assert missed <= {weaker, nothing}


def test_depth_1_shows_nothing_of_passing_blocks():
    alone = block_gradient.attained(depth=1)
    assert rigorous.check(block_gradient.THEOREM, alone).rejected == 1 and holds(gradient_dominance.THEOREM, alone)


def test_the_last_stage_of_the_chain_is_the_gradient_of_the_block():
    instance = LinearNetwork(
        (((F(1, 2), F(0)), (F(1, 4), F(-1, 4))), ((F(0), F(1, 2)), (F(-1, 3), F(0)))), F(1),
        ((F(2), F(1)), (F(1), F(2))), ((F(1), F(1)), (F(0), F(1))), F(1),
    )
    run = instance.measured(EXACT)
    rows = block_gradient.measure(instance, EXACT)
    for row, gradient in zip(rows, network.block_gradients(run.blocks, run.slope), strict=True):
        assert row[block_gradient.X][1] == gradient
        assert row[block_gradient.s][1] == inner(gradient, gradient)


@BOTH
def test_the_batch_is_measured_as_the_instance_it_hands_over(theorem):
    batch = theorem.sample(np.random.default_rng(0), 60)
    rows = len(theorem.measure(batch.instance(0), EXACT))
    module = block_gradient if theorem is THEOREMS["block"] else gradient_dominance
    sequence = module.s if module is block_gradient else module.S
    for k in range(0, 60 * rows, 11):
        row = theorem.measure(batch.instance(k), EXACT)[k % rows]
        for symbol in (module.tau, module.mu, module.F):
            assert batch.columns[symbol][k] == pytest.approx(float(flint.arb(row[symbol])), rel=1e-13)
        exact = [float(flint.arb(value)) for value in row[sequence].values()]
        np.testing.assert_allclose(batch.columns[sequence][:, k], exact, rtol=1e-12)


# The proof.


@BOTH
def test_the_proof_is_checked_in_less_than_half_a_second_of_its_own(theorem):
    start = time.process_time()
    assert symbolic.check(theorem).complete and time.process_time() - start < 0.5


@pytest.mark.parametrize("hypothesis", block_gradient.THEOREM.hypotheses, ids=str)
def test_the_proof_of_block_gradient_needs_every_hypothesis(hypothesis):
    without = tuple(each for each in block_gradient.THEOREM.hypotheses if each is not hypothesis)
    assert not symbolic.check(replace(block_gradient.THEOREM, hypotheses=without)).complete


@pytest.mark.parametrize("name", ["loss", "nearer", "step", "start", "advance"])
def test_a_certificate_without_its_last_term_is_refused(name):
    def cut(steps):
        return tuple(
            replace(step, by=Certificate(*step.by.terms[:-1])) if step.name == name
            else replace(step, by=replace(step.by, first=tuple(map(cut, step.by.first)), advance=cut(step.by.advance)))
            if hasattr(step.by, "advance") else step
            for step in steps
        )

    theorem = block_gradient.THEOREM
    assert not symbolic.check(replace(theorem, proof=cut(theorem.proof))).complete


# The inequality in print.


def test_the_printed_inequality_is_refuted_for_its_exponent_and_for_its_square():
    exponent, square = printed.REFUTATIONS
    found = [rigorous.check(each.claim, each.instance).failure for each in (exponent, square)]
    assert [(failure.left, failure.right) for failure in found] == [(2, 4), (16, 32)]
    assert all(map(linres.refuted, (exponent, square)))
    assert linres.load_refutations("hardt-ma-2017-inequality-2-3") == printed.REFUTATIONS


def test_the_printed_inequality_fails_for_positive_targets_which_no_condition_excludes():
    assert all(each.instance.target[0][0] > 1 for each in printed.REFUTATIONS)


def test_the_printed_inequality_meets_its_expectation_by_being_refuted():
    verdict = verify(printed.THEOREM)
    assert verdict.verdict == "refuted" and verdict.met and wanting(verdict) == 0


def test_the_corrected_inequality_is_proved_and_attained_where_the_printed_one_fails():
    verdict = verify(printed.CORRECTED)
    assert verdict.verdict == "proved" and wanting(verdict) == 0
    assert verdict.evidence["tightness"]["tightness"] == "attained"
    for each in printed.REFUTATIONS:
        assert holds(with_relation(printed.CORRECTED, Eq), each.instance)


@pytest.mark.parametrize("part", ["exponent", "square"])
def test_each_slip_alone_is_enough(part):
    """With the other slip mended the inequality still falls, at its own counterexample and not at the other."""
    with sympy.evaluate(False):
        left = printed.exponent_left if part == "exponent" else printed.square_left
    half_right = replace(printed.CORRECTED, conclusion=left, proof=(), controls=())
    falls, stands = printed.REFUTATIONS if part == "exponent" else printed.REFUTATIONS[::-1]
    assert rigorous.check(half_right, falls.instance).failure and holds(half_right, stands.instance)


@pytest.mark.parametrize(("sigma", "fails"), [(F(1, 2), False), (F(51, 100), True), (F(49, 100), False)])
def test_at_extremal_networks_the_printed_bound_fails_if_sigma_exceeds_the_power(sigma, fails):
    """(1 - tau)^{l-1} = 1/2; at sigma = 1/2 both bounds are equal."""
    network_ = extremal(depth=2, reach=F(1, 2), eigenvalues=(sigma,), displacement=((F(1),),), weight=F(2))
    assert (rigorous.check(printed.THEOREM, network_).failure is not None) == fails
    assert holds(with_relation(printed.THEOREM, Eq), network_) == (sigma == F(1, 2))


def test_the_printed_claim_reads_norms_and_singular_values_off_the_matrices():
    """Not off what the instance claims of itself: a reach that the blocks exceed is rejected."""
    [row] = printed.measure(replace(printed.WRONG_SQUARE, mu=F(99)), EXACT)
    assert row[printed.sigma] == 2 and row[printed.A_norm] == 0
    assert rigorous.check(printed.THEOREM, replace(printed.WRONG_EXPONENT, reach=F(1, 4))).rejected == 1


def test_the_printed_gradient_is_that_of_the_loss_without_the_half():
    [row] = printed.measure(replace(printed.WRONG_EXPONENT, weight=F(1)), EXACT)
    assert (row[printed.slope], row[printed.gap]) == (2, 1)
    assert type(printed.THEOREM.conclusion) is Ge
