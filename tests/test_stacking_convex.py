"""stacking-convex: proved; its hypotheses; the networks stay near the target; where it fails."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import flint
import numpy as np
import pytest
import sympy
from deciding import certainly_holds
from hypotheses import require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped

from linres import strategies
from linres.arithmetic import BALL, EXACT, divide, inner, rational
from linres.convex_stacking import ConvexStackingRun, edge
from linres.methods import stacking
from linres.rungs import draw, rigorous, symbolic
from linres.theorems import stacking_convex as s6

F = Fraction
THEOREM = s6.THEOREM
often = settings(deadline=None, max_examples=30, suppress_health_check=list(HealthCheck))

# Nothing commutes: a target that is not symmetric, curvatures that differ by entry and side, a rotated basis.
RUN = ConvexStackingRun(
    L=F(3), tau=(F(1), F(4, 3), F(5, 3), F(2)), up=((F(1), F(0)), (F(1, 2), F(1))),
    down=((F(1), F(1, 3)), (F(0), F(1))), target=((F(2), F(1)), (F(-1), F(3))),
    start=((F(17, 8), F(1)), (F(-1), F(25, 8))), left=(F(1), F(2)), right=(F(3), F(1)), minimum=F(3, 4),
)


holds = certainly_holds(THEOREM)


# H12 and H13 say what stacking is; the proof needs no more of it than H14.
NEEDED = [each for each in THEOREM.hypotheses if each not in (s6.invertible, s6.stacking)]


@pytest.mark.parametrize("hypothesis", NEEDED, ids=str)
def test_the_proof_needs_every_hypothesis_but_the_formula_of_the_error(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


def test_the_proof_needs_no_more_of_the_lookahead_error_than_its_size():
    assert symbolic.check(replace(THEOREM, hypotheses=tuple(NEEDED))).complete


@pytest.mark.parametrize(("old", "new"), [(8, F(39, 5)), (8, F(4))])
def test_the_proof_does_not_reach_beyond_its_basin(old, new):
    with sympy.evaluate(False):
        wider = sympy.Le(sympy.Rational(new.numerator, new.denominator) * s6.R, s6.sigma)
    hypotheses = tuple(wider if each is s6.basin else each for each in THEOREM.hypotheses)
    assert not symbolic.check(replace(THEOREM, hypotheses=hypotheses)).complete


# Instances.


def test_a_run_in_which_nothing_commutes_holds():
    assert holds(RUN)


@given(s6.instances())
@often
def test_holds_on_drawn_runs(instance):
    assert holds(instance)


@given(s6.instances())
@often
def test_what_the_proof_says_of_the_way_is_so(instance):
    """Networks within (8/5) R of the target, ways at most (16/5) R/tau_t, the second potential not increasing."""
    run = instance.record(EXACT)
    first = inner(run.points[0] - run.target, run.points[0] - run.target)
    potentials = []
    for t in range(run.stages + 1):
        offset, way, tau = run.points[t] - run.target, run.points[t] - run.points[t - 1], run.tau[t]
        assert inner(offset, offset) <= rational(F(64, 25)) * first
        assert tau * tau * inner(way, way) <= rational(F(256, 25)) * first
        excess = run.values[t] - run.minimum
        aim = run.points[t - 1] + tau * way - run.target
        potentials.append(
            tau * tau * excess + run.L / 2 * inner(aim, aim) + tau * tau / 2 * (excess + run.L / 2 * inner(way, way))
        )
    assert all(later <= now for now, later in pairwise(potentials))


def test_draws_reach_the_edge_of_the_basin_and_the_target_itself():
    drawn = [run.record(EXACT) for run in draw.instances(strategies.convex_stacking_runs(max_stages=1), 100, seed=0)]
    ratios = [
        float(flint.arb(64 * inner(run.points[0] - run.target, run.points[0] - run.target) / run.sigma**2))
        for run in drawn
    ]
    assert max(ratios) <= 1 and sum(ratio > 0.999 for ratio in ratios) > 10 and 0 in ratios


def test_a_start_beyond_the_edge_is_rejected():
    outside = s6.neuron(start=F(9, 8) + F(1, 1000))
    assert rigorous.check(THEOREM, outside).rejected == 1 and holds(s6.neuron(start=F(9, 8), stages=3))


@pytest.mark.parametrize("towards", [((F(1), F(2)), (F(-1), F(1, 3))), ((F(3), F(4)), (F(0), F(0)))])
def test_the_edge_is_at_an_eighth_of_the_least_singular_value(towards):
    multiple = edge(F(7), towards)
    square = 64 * multiple**2 * sum(entry**2 for row in towards for entry in row)
    assert square <= 49 < square * (1 + F(1, 2**20))


def test_the_formula_of_the_lookahead_error_is_that_of_the_run():
    """Y_t made of the blocks, as stacking does, is W_t + beta (W_t - W_{t-1}) + D_t."""
    run = RUN.record(EXACT)
    for t in range(run.stages):
        beta = (run.tau[t] - 1) / run.tau[t + 1]
        way = run.points[t] - run.points[t - 1]
        assert run.lookaheads[t] == run.points[t] + beta * way + run.lookahead_errors[t]
        block = divide(way, run.points[t - 1])
        assert run.lookaheads[t] == run.points[t] + beta * block @ run.points[t]


def test_the_weights_t_plus_3_over_3_give_the_form_to_remember():
    [row] = s6.measure(replace(RUN, tau=tuple(F(t + 3, 3) for t in range(5))), EXACT)
    offset = row[s6.W][0] - row[s6.W_star]
    for T in range(5):
        bound = rational(F(15, 2)) * row[s6.L] * inner(offset, offset) / (T + 3) ** 2
        assert 0 <= row[s6.ell][T] - row[s6.ell_star] <= bound


def test_zero_start_is_gradient_descent():
    run = RUN.record(EXACT, momentum=0)
    function = RUN.function()
    for t in range(run.stages):
        assert run.points[t + 1] == run.points[t] - 1 / run.L * function.gradient(run.points[t])


def test_a_run_ends_where_a_network_is_singular():
    """W_0 = 2, W* = 0: one step leads to 0, and there is no block on top of that."""
    run = replace(s6.neuron(start=F(2), target=F(0), stages=3)).record(EXACT)
    assert run.stages == 1 and run.points[1].entries() == [0]


def test_another_stage_can_be_run():
    def transposed(network, block, gradient, **options):
        return stacking.stage(network, block.T, gradient, **options)

    assert RUN.record(EXACT, stage=transposed).points[3] != RUN.record(EXACT).points[3]


def test_a_run_is_recorded_exactly_only():
    with pytest.raises(ValueError, match="should be EXACT, got BALL"):
        RUN.record(BALL)


@pytest.mark.parametrize("place", list(places(THEOREM, RUN)), ids=lambda place: f"{place[1]}-at-{place[2]}")
def test_a_measured_value_10_percent_too_large_is_noticed_unless_it_is_zero(place):
    _, symbol, stage = place
    value = s6.measure(RUN, EXACT)[0][symbol]
    value = value if stage is None else value[stage]
    zero = value == 0 if isinstance(value, int | flint.fmpq) else not any(value.entries())
    found = outcome(swapped(THEOREM, place), RUN)
    assert outcome(THEOREM, RUN) == "holds"
    assert (found == "holds") == (zero or symbol == s6.s)  # more of s_t only asks for more, and it is there


def test_bulk_runs_are_the_exact_runs():
    batch = THEOREM.sample(np.random.default_rng(0), 90)
    for k in range(0, 90, 7):
        [row] = s6.measure(batch.instance(k), EXACT)
        exact = [float(flint.arb(row[s6.ell][t])) for t in range(row[s6.T] + 1)]
        np.testing.assert_allclose(batch.columns[s6.ell][:, k], exact, rtol=1e-9, atol=1e-12 * max(exact))
        assert batch.columns[s6.tau][:, k].tolist() == [float(flint.arb(each)) for each in row[s6.tau].values()]


# The bound.


def test_the_bound_is_5_sixths_of_L_times_the_square_of_the_distance():
    assert THEOREM.bound(L=3.0, R=2.0) == pytest.approx(10.0)


def test_a_conclusion_that_claims_more_is_refused():
    left, right = THEOREM.conclusion.args
    with sympy.evaluate(False):
        more = left <= sympy.Rational(99, 100) * right
    wrong = replace(THEOREM, conclusion=more, proof=(*THEOREM.proof[:-1], replace(THEOREM.proof[-1], claim=more)))
    assert not symbolic.check(wrong).complete


def test_exact_states_that_get_too_long_are_refused_and_not_waited_for():
    with pytest.raises(ValueError, match="100 stages are too many"):
        s6.neuron(start=Fraction(9, 8), share=Fraction(1, 256), stages=100).record(EXACT)
