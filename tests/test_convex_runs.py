"""Runs on convex functions: the function is what it says, the weights grow as fast as they may, the record is exact."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import flint
import numpy as np
import pytest
from balls import contains
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linres import strategies
from linres.arithmetic import BALL, EXACT, FLOAT, inner, rational
from linres.convex_runs import ConvexRun, fastest
from linres.methods import nesterov

F = Fraction
often = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))

# A parabola with a straight end, a flat side with a minimiser on it, in a reflected basis.
RUN = ConvexRun(
    L=F(3), tau=(F(1), F(3, 2), F(2)), up=(F(1), F(0)), down=(F(1, 2), F(1)), x=(F(2), F(-1)), x_prev=(F(1), F(1)),
    lookahead_error=(F(1, 3), F(1)), step_error=(F(1, 5), F(0)), reach=(F(1), F(0)), aside=(F(0), F(2)),
    mirror=(F(1), F(2)), centre=(F(1, 2), F(-1)), minimum=F(-3, 4),
)


def line(s, **options):
    """f(centre + s) and f' there, of one dimension, exactly."""
    run = ConvexRun(L=F(3), tau=(F(1), F(1)), up=(F(1),), down=(F(1, 3),), x=(F(0),), x_prev=(F(0),), **options)
    function, point = run.function(EXACT), EXACT.matrix([[s]])
    return function.value(point), function.gradient(point).entries()[0]


@pytest.mark.parametrize(("s", "value", "slope"), [
    (F(2), F(6), F(6)), (F(0), F(0), F(0)), (F(-2), F(2), F(-2)),
])
def test_without_ends_it_is_a_parabola_on_each_side(s, value, slope):
    assert line(s) == (rational(value), rational(slope))


@pytest.mark.parametrize(("s", "value", "slope"), [
    (F(1, 2), F(3, 8), F(3, 2)), (F(1), F(3, 2), F(3)), (F(5), F(27, 2), F(3)), (F(-5), F(9, 2), F(-1)),
])
def test_beyond_its_reach_it_is_the_tangent(s, value, slope):
    assert line(s, reach=(F(1),)) == (rational(value), rational(slope))


@given(strategies.convex_runs(max_stages=1), strategies.convex_runs(max_stages=1))
@often
def test_is_convex_and_smooth_between_any_two_points(run, other):
    """f(b) >= f(a) + <f'(a), b - a> + |f'(b) - f'(a)|^2/(2L): what smooth convex functions satisfy, and no others."""
    function, d = run.function(EXACT), len(run.x)
    there = (*other.x, *other.x_prev, *run.x_prev, *run.x)[:d]
    a, b = (EXACT.matrix([[entry] for entry in entries]) for entries in (run.x, there))
    turn = function.gradient(b) - function.gradient(a)
    rise = function.value(b) - function.value(a) - inner(function.gradient(a), b - a)
    assert rise >= inner(turn, turn) / (2 * rational(run.L))


@given(strategies.convex_runs(max_stages=2))
@often
def test_the_minimiser_is_one(run):
    function = run.function(EXACT)
    assert function.value(function.minimiser) == function.minimum == rational(run.minimum)
    assert all(entry == 0 for entry in function.gradient(function.minimiser).entries())


def test_draws_have_flat_sides_straight_ends_and_minimisers_aside():
    from linres.rungs import draw

    drawn = draw.instances(strategies.convex_runs(max_stages=3), 300, seed=0)
    assert any(0 in run.up for run in drawn) and any(any(run.reach) for run in drawn)
    assert any(any(run.aside) for run in drawn) and any(run.tau[0] < 1 for run in drawn)
    assert any(run.x != run.x_prev for run in drawn) and any(run.x == run.x_prev for run in drawn)


@given(st.integers(1, 9).flatmap(strategies.momenta))
@often
def test_drawn_weights_are_at_least_1_and_grow_no_faster_than_allowed(tau):
    assert all(later >= 1 and later**2 - later <= now**2 for now, later in pairwise(tau))


@given(st.fractions(0, 1000))
@often
def test_the_fastest_weight_is_the_largest_up_to_its_last_bits(tau):
    found, wide = fastest(tau), 1 + F(1, 2**20)
    assert found >= 1 and found**2 - found <= tau**2
    assert (wide * found) ** 2 - wide * found > tau**2


def test_the_record_is_the_run_with_its_errors():
    record = RUN.record(EXACT)
    function = RUN.function(EXACT)
    assert [len(record.stages), *record.tau] == [2, *map(rational, RUN.tau)]
    first, last = record.stages
    assert last.x == first.x_next and last.x_prev == first.x
    assert last.step_error == rational(F(1, 2)) * EXACT.matrix([[F(1, 5)], [F(0)]])  # the last state is not rounded
    for t, stage in enumerate(record.stages):
        y, x_next = nesterov.step(
            stage.x, stage.x_prev, function.gradient,
            momentum=nesterov.convex_momentum(record.tau[t], record.tau[t + 1]), step_size=1 / record.L,
            lookahead_error=stage.lookahead_error, step_error=stage.step_error,
        )
        assert (y, x_next) == (stage.y, stage.x_next)


def test_the_potential_is_the_one_of_the_weights():
    for t, stage in enumerate(RUN.record(EXACT).stages):
        tau = rational(RUN.tau[t])
        offset = stage.x_prev + tau * (stage.x - stage.x_prev) - RUN.function(EXACT).minimiser
        expected = tau * tau * (stage.f_x + rational(F(3, 4))) + 3 * inner(offset, offset) / 2
        assert stage.potential == expected


def test_balls_enclose_the_exact_run_and_float64_is_near_it():
    run = replace(RUN, tau=RUN.tau[:2])  # of one stage, which nothing rounds
    with flint.ctx.workprec(128):
        [ball] = run.record(BALL).stages
    [exact], [near] = run.record(EXACT).stages, run.record(FLOAT).stages
    for name in ("f_x", "f_y", "f_next", "potential", "potential_next"):
        value = getattr(exact, name)
        assert contains(getattr(ball, name), value)
        assert getattr(near, name) == pytest.approx(float(flint.arb(value)), rel=1e-12)


def test_long_runs_round_their_states_and_count_it():
    run = replace(RUN, tau=tuple(F(k + 3, 3) for k in range(12)), bits=16, step_error=(), lookahead_error=())
    stages = run.record(EXACT).stages
    slips = [max(abs(entry) for entry in stage.step_error.entries()) for stage in stages]
    assert 0 < max(slips) < flint.fmpq(1, 2**10) and slips[-1] == 0


def test_another_method_leaves_its_departures_as_errors():
    def still(x, x_prev, gradient, **options):
        return x, x

    stage = RUN.record(EXACT, step=still).stages[0]
    assert stage.y == stage.x_next == stage.x
    assert stage.step_error == 1 / rational(RUN.L) * stage.gradient
    assert np.any([entry != 0 for entry in stage.lookahead_error.entries()]) or RUN.tau[0] == 1
