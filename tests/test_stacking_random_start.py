"""stacking-random-start: proved; all outcomes run, exactly: in the mean, in the second moment, and by other rules."""

from dataclasses import replace
from fractions import Fraction
from itertools import product

import flint
import numpy as np
import pytest
from deciding import certainly_holds
from hypotheses import require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped

from linres.arithmetic import BALL, EXACT, FLOAT, inner
from linres.bounds import fraction
from linres.linear_networks import identity
from linres.methods import descent, random_start, stacking
from linres.random_start_runs import OUTCOMES, RandomStartRun
from linres.rungs import rigorous
from linres.theorems import stacking_random_start as s5

F = Fraction
THEOREM = s5.THEOREM
holds = certainly_holds(THEOREM)
GENERIC = s5.generic()
NOISY_LABELS = replace(GENERIC, targets=(*GENERIC.targets, ((F(0), F(1)), (F(1), F(1)))), laws=GENERIC.laws[:2])


def by_parameters(network, start, gradient, *, step_size):
    return random_start.stage(network, start, gradient, step_size=step_size, rule="parameter")


def blocks(column, d):
    """The blocks of a column, as tables of fmpq."""
    rows = column.data.tolist()
    return [rows[k : k + d] for k in range(0, len(rows), d)]


@given(s5.instances())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_holds_on_drawn_laws_and_targets(instance):
    assert len(instance.outcomes()) <= OUTCOMES
    assert holds(instance)


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


# Chance.


def test_outcomes_are_all_combinations_and_the_starts_have_mean_0():
    outcomes = NOISY_LABELS.outcomes()
    assert len(outcomes) == 2 * 3 * 2 == len(set(outcomes))
    for t in (1, 2):
        for i, j in product(range(2), range(2)):
            assert sum(outcome[t][i][j] for outcome in outcomes) == 0


def test_the_averaging_is_the_orthogonal_projection_on_equal_blocks():
    run = GENERIC.record(EXACT)
    assert run.averaging @ run.averaging == run.averaging == run.averaging.T
    assert run.averaging @ run.target == run.target != run.averaging @ run.networks[1]
    assert run.averaging @ run.networks[0] == run.networks[0]


def test_the_mean_is_the_average_of_runs_made_one_by_one():
    """By a loop of our own, over outcomes and stages."""
    sigma, target = map(EXACT.matrix, (GENERIC.sigma, GENERIC.targets[0]))
    total, outcomes = 0, GENERIC.outcomes()
    for _, *starts in outcomes:
        network = EXACT.matrix(GENERIC.start)
        for start in map(EXACT.matrix, starts):
            lookahead = network + start @ network
            network = lookahead - EXACT.number(GENERIC.step_size) * ((lookahead - target) @ sigma)
        total = total + network
    average, run = EXACT.number(F(1, len(outcomes))) * total, GENERIC.record(EXACT)
    assert all(block == average.data.tolist() for block in blocks(run.means[3], 2))
    point = EXACT.matrix(GENERIC.start)
    for _ in range(3):
        point = descent.step(point, lambda p: (p - target) @ sigma, step_size=EXACT.number(GENERIC.step_size))
    assert point == average


def test_with_noisy_labels_the_mean_descends_on_the_mean_target():
    assert holds(NOISY_LABELS)
    run = NOISY_LABELS.record(EXACT)
    assert run.averaging @ run.target != run.target and run.means[2] == run.points[2]


def test_a_stage_is_that_of_stacking_with_the_start_for_the_last_block():
    network, start, target = map(EXACT.matrix, (GENERIC.start, GENERIC.laws[0][0], GENERIC.targets[0]))
    for rule in stacking.RULES:
        pace = {"step_size": EXACT.number(F(1, 5)), "rule": rule}
        made = random_start.stage(network, start, lambda point: point - target, **pace)
        known = stacking.stage(network, start, lambda point: point - target, momentum=EXACT.number(F(1)), **pace)
        assert (made.lookahead, made.network) == (known.lookahead, known.network)
        assert made.noise == start @ network


def test_a_singular_network_may_start_at_random():
    singular = replace(GENERIC, start=((F(1), F(2)), (F(2), F(4))))
    assert holds(singular)


# The parameter rule.


@pytest.mark.parametrize("step_size", [F(1, 4), F(1, 2), F(9, 10)])
@pytest.mark.parametrize("law", [(F(1, 2),), (F(0), F(1, 3)), (F(1), F(1, 2)), (F(-1, 8), F(-1, 4), F(1, 16))])
def test_the_parameter_rule_leaves_its_target_by_the_second_and_third_moment(law, step_size):
    values = (*law, -sum(law))
    second, third = (sum(value**k for value in values) / len(values) for k in (2, 3))
    mean = s5.scalar(law, step_size=step_size).record(EXACT, stage=by_parameters).means[2].entries()[0]
    expected = 1 - 2 * step_size * (1 - step_size) ** 2 * second - step_size * (1 - step_size) ** 3 * third
    assert fraction(mean) == expected != 1


def test_the_functional_rule_stays_at_its_target_in_the_mean():
    assert s5.scalar().record(EXACT).means[2].entries() == [1] * 4


def test_the_parameter_rule_is_right_for_one_stage_from_the_identity():
    one = s5.scalar(stages=1)
    assert one.record(EXACT, stage=by_parameters).means[1] == one.record(EXACT).points[1]


# The second moment.


@given(s5.instances())
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_loss_of_a_stage_is_that_of_zero_start_and_what_the_noise_costs(instance):
    """With one target: the mean of the noise given the past is 0, so that there is no cross term."""
    run = replace(instance, targets=instance.targets[:1]).record(EXACT)
    step = run.sigma.identity() - run.step_size * run.sigma

    def twice_excess(offset):
        return inner(offset, offset @ run.sigma)

    for t, noise in run.noises.items():
        kept, cost = twice_excess((run.networks[t] - run.target) @ step), twice_excess(noise @ step)
        assert twice_excess(run.networks[t + 1] - run.target) == kept + cost
        assert cost > 0 or noise @ step == noise - noise


def test_the_mean_of_the_loss_is_more_than_the_loss_of_the_mean():
    run = GENERIC.record(EXACT)
    of_mean, each = run.means[3] - run.target, run.networks[3] - run.target
    assert inner(each, each @ run.sigma) > inner(of_mean, of_mean @ run.sigma)


# Measurement.


@pytest.mark.parametrize("place", list(places(THEOREM, GENERIC)), ids=lambda place: f"{place[1]}-at-{place[2]}")
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    """Only L may be anything that is large enough."""
    assert outcome(THEOREM, GENERIC) == "holds"
    assert (outcome(swapped(THEOREM, place), GENERIC) == "holds") == (place[1] == s5.L)


@pytest.mark.parametrize("control", [each for each in THEOREM.controls if each.drop], ids=lambda each: each.name)
def test_without_a_hypothesis_the_claim_is_false_but_with_it_the_instance_is_rejected(control):
    assert rigorous.check(THEOREM.variant(control), control.witness).failure
    kept = THEOREM.variant(replace(control, drop=()))
    assert rigorous.check(kept, control.witness).rejected == 1


def test_momentum_instead_of_chance_is_stacking():
    run, (target, *_) = GENERIC.record(EXACT, momentum=F(1, 2)), GENERIC.targets
    sigma, network = EXACT.matrix(GENERIC.sigma), EXACT.matrix(GENERIC.start)
    block = network - network
    for t in range(3):
        made = stacking.stage(
            network, block, lambda point: (point - EXACT.matrix(target)) @ sigma, momentum=EXACT.number(F(1, 2)),
            step_size=EXACT.number(GENERIC.step_size), rule="functional",
        )
        network, block = made.network, made.block
        assert all(each == network.data.tolist() for each in blocks(run.networks[t + 1], 2))


def test_runs_agree_in_every_arithmetic():
    exact, floats = GENERIC.record(EXACT), GENERIC.record(FLOAT)
    with flint.ctx.workprec(200):
        balls = GENERIC.record(BALL)
        for name in ("means", "points", "networks", "noises", "starts"):
            for t, matrix in getattr(exact, name).items():
                values = [float(fraction(entry)) for entry in matrix.entries()]
                np.testing.assert_allclose(getattr(floats, name)[t].ravel(), values, atol=1e-13)
                for ball, entry in zip(getattr(balls, name)[t].entries(), matrix.entries(), strict=True):
                    assert ball.overlaps(flint.arb(entry)) and float(ball.rad()) < 1e-50


def test_bulk_runs_are_the_exact_runs():
    batch = THEOREM.sample(np.random.default_rng(0), 20)
    for k in range(0, 20, 7):
        [row] = s5.measure(batch.instance(k), EXACT)
        for symbol in (s5.M, s5.X):
            for t in range(row[s5.T] + 1):
                exact = [[float(fraction(entry)) for entry in rows] for rows in blocks(row[symbol][t], 2)[0]]
                np.testing.assert_allclose(batch.columns[symbol][t, k], exact, rtol=1e-12, atol=1e-12)


def test_a_run_of_no_stages_shows_nothing():
    nothing = RandomStartRun(identity(1), (identity(1),), identity(1), (), F(1, 2))
    assert rigorous.check(THEOREM, nothing).rejected == 1
