"""Runs near their targets: exact runs of stacking, float64 runs at their word, and bounds that are bounds."""

from dataclasses import replace
from fractions import Fraction
from functools import cache

import flint
import numpy as np
import pytest
from float64_runs import float64_run, problem
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linres import bounds, strategies
from linres.arithmetic import BALL, EXACT, divide, inner, rational, to_exact
from linres.errors import InputError
from linres.kernels import stacking as kernel
from linres.methods import nesterov, stacking
from linres.near_target import (
    GRAIN,
    History,
    PerturbedStackingRun,
    largest_K,
    largest_slip,
    lookahead_errors,
    recorded,
)
from linres.rungs import draw

F = Fraction
often = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
RUN = PerturbedStackingRun(
    q=F(1, 4), L=F(3), up=((F(1), F(0)), (F(1, 2), F(1))), down=((F(1), F(1, 4)), (F(0), F(1))),
    target=((F(2), F(1)), (F(-1), F(3))), start=((F(21, 10), F(1)), (F(-1), F(3))),
    before=((F(2), F(11, 10)), (F(-1), F(29, 10))), least=F(2), K=F(1, 5), left=(F(1), F(2)), right=(F(3), F(-1)),
    minimum=F(-3, 4), stages=4,
)
STRETCH = bounds.stretch(EXACT.matrix(RUN.target))


def as_float(value):
    return float(flint.arb(value).mid())


def floats(matrix, shape):
    return np.reshape([as_float(entry) for entry in matrix.entries()], shape)


# Sizes.


@given(st.fractions(F(1, 4096), F(4095, 4096)), st.fractions(F(1, 1000), 1000), st.fractions(F(1, 1000), 1000))
@often
def test_the_largest_sizes_are_those_of_the_formulas_rounded_down(q, L, sigma):
    K = largest_K(q, L, sigma)
    exact = (1 - q) * float(q) * (float(L) / 2) ** 0.5 * float(sigma) / (2 * (1 + float(q)) ** 0.5 + 1 - float(q))
    assert float(K) == pytest.approx(exact, rel=1e-11)
    slip = -np.expm1(np.log1p(-float(q)) / 2) * float(K) / float(L) ** 0.5
    assert float(largest_slip(q, L, K)) == pytest.approx(slip, rel=1e-10)


def test_a_history_is_a_mapping_that_works_its_values_out():
    asked = []
    history = History(range(-1, 2), lambda t: asked.append(t) or t * t)
    assert dict(history) == {-1: 1, 0: 0, 1: 1} and len(history) == 3 and -1 in history and 2 not in history
    with pytest.raises(KeyError):
        history[2]
    assert asked[:3] == [-1, 0, 1]


# Exact runs.


def test_the_stages_are_those_of_stacking_with_the_step_errors_it_reports():
    """Each from the state before it, by the generic stage; the last is not rounded, so its error is as given."""
    run = RUN.record(EXACT)
    gradient = RUN.function().gradient
    beta, eta = nesterov.momentum(rational(RUN.q)), 1 / rational(RUN.L)
    for t in range(RUN.stages):
        before, network, grown = (run.points[t + k] for k in (-1, 0, 1))
        block = divide(network - before, before)
        made = stacking.stage(network, block, gradient, momentum=beta, step_size=eta, rule="functional")
        assert made.lookahead == run.lookaheads[t] and run.gradients[t] == gradient(made.lookahead)
        assert made.network + run.step_errors[t] == grown
        assert run.lookahead_errors[t] == beta * block @ (network - before)
    assert not any(run.step_errors[RUN.stages - 1].entries())


def test_each_state_but_the_last_is_rounded_and_the_rounding_is_the_step_error():
    rough, fine = (replace(RUN, bits=bits).record(EXACT) for bits in (20, 96))
    for t in range(RUN.stages - 1):
        for run, bits in ((rough, 20), (fine, 96)):
            largest = max(abs(entry) for entry in run.step_errors[t].entries())
            assert 0 < largest < 4 * flint.fmpq(1, 2) ** (bits - 1)


def test_given_errors_are_the_errors():
    slip, drift = ((F(1, 100), F(0)), (F(0), F(-1, 50))), ((F(0), F(1, 30)), (F(1, 7), F(0)))
    run = replace(RUN, step_error=slip, lookahead_error=drift, decay=F(1, 3), stages=1).record(EXACT)
    assert (run.step_errors[0], run.lookahead_errors[0]) == (EXACT.matrix(slip), EXACT.matrix(drift))
    later = replace(RUN, step_error=slip, decay=F(1, 3), bits=400).record(EXACT).step_errors[2]
    assert np.allclose(floats(later, (2, 2)), np.array(slip, dtype=float) / 9, rtol=1e-12)


def test_the_loss_is_what_its_docstring_says():
    """Curvatures by sides in the reflected coordinates; the gradient by differences."""
    function = RUN.function()
    left, right = (np.eye(2) - 2 * np.outer(v, v) / np.dot(v, v) for v in ((1, 2), (3, -1)))
    mu, L = float(RUN.q**2 * RUN.L), float(RUN.L)
    up, down, target = (np.array(table, dtype=float) for table in (RUN.up, RUN.down, RUN.target))

    def value(W):
        coordinates = left @ (W - target) @ right
        shares = np.where(coordinates >= 0, up, down)
        return float(RUN.minimum) + np.sum((mu + shares * (L - mu)) * coordinates**2) / 2

    for seed in range(4):
        W = np.random.default_rng(seed).integers(-8, 9, (2, 2)) / 4
        assert as_float(function.value(to_exact(W))) == pytest.approx(value(W), rel=1e-13)
        steps = np.eye(4).reshape(4, 2, 2) * 1e-6
        slope = np.reshape([(value(W + step) - value(W - step)) / 2e-6 for step in steps], (2, 2))
        assert np.allclose(floats(function.gradient(to_exact(W)), (2, 2)), slope, atol=1e-6)


def test_equal_rows_of_curvatures_are_least_squares():
    row = (F(1, 4), F(1))
    run = replace(RUN, up=(row, row), down=(row, row))
    target = EXACT.matrix(run.target)
    mu = run.q**2 * run.L
    curvatures = EXACT.matrix([[mu + row[0] * (run.L - mu), 0], [0, run.L]])
    reflected = EXACT.matrix([[F(-4, 5), F(3, 5)], [F(3, 5), F(4, 5)]])
    sigma, point = reflected @ curvatures @ reflected, EXACT.matrix([[1, 2], [3, 4]])
    assert run.function().gradient(point) == (point - target) @ sigma


@given(strategies.perturbed_stacking_runs(max_stages=3))
@often
def test_singular_values_are_bounded_by_what_is_measured_for_them(run):
    """s_t <= smin(W_t) and sigma <= smin(W*), both exactly, and neither by more than Weyl's inequality costs."""
    record = run.record(EXACT)
    assert bounds.stretches(record.target, bounds.fraction(record.sigma))
    for t, value in record.singular_values.items():
        assert value >= 0 and bounds.stretches(record.points[t], bounds.fraction(value))
        offset = record.points[t] - record.target
        square, grain = inner(offset, offset), rational(GRAIN * run.least)
        lost = rational(run.least) - value  # from |W_t - W*| to |W_t - W*| + grain
        assert square <= lost * lost and (lost <= grain or (lost - grain) ** 2 <= square)


def test_a_bound_above_the_smallest_singular_value_is_refused():
    assert replace(RUN, least=STRETCH).record(EXACT).stages == 4
    with pytest.raises(InputError, match=r"PerturbedStackingRun\(least=...\) should be at most the smallest singular"):
        replace(RUN, least=STRETCH * (1 + F(1, 2**30))).record(EXACT)


def test_runs_are_recorded_exactly_only():
    for run in (RUN, float64_run(3)):
        with pytest.raises(ValueError, match="should be EXACT, got BALL"):
            run.record(BALL)


# Drawn runs.


@given(strategies.perturbed_stacking_runs(max_stages=4))
@often
def test_runs_are_valid_as_drawn(run):
    d = len(run.target)
    assert 0 < run.q < 1 and run.L > 0 and run.least > 0 and run.K > 0 and 1 <= run.stages <= 4 and 1 <= d <= 3
    for table in (run.up, run.down, run.start, run.before, run.step_error or run.up, run.lookahead_error or run.up):
        assert len(table) == d and all(len(row) == d for row in table)
    assert all(0 <= share <= 1 for table in (run.up, run.down) for row in table for share in row)


def at_edge(run):
    record = run.record(EXACT)
    offset = record.points[-1] - record.target
    reach = max(record.potentials[0], record.q**2 * record.L / 2 * inner(offset, offset))
    return reach > record.K**2 * flint.fmpq(999, 1000)


@pytest.mark.parametrize(
    "corner",
    [
        at_edge,
        lambda run: run.start == run.target,
        lambda run: run.start == run.before != run.target,
        lambda run: run.start != run.before,
        lambda run: run.up == run.down and all(row == run.up[0] for row in run.up) and len(run.up) == 3,
        lambda run: run.up == run.down and any(row != run.up[0] for row in run.up),
        lambda run: run.up != run.down,
        lambda run: any(map(any, run.step_error)) and run.decay == -1 and run.stages == 4,
        lambda run: any(map(any, run.lookahead_error)),
        lambda run: any(run.left) and any(run.right),
        lambda run: run.q < F(1, 1000),
        lambda run: run.q > F(9, 10),
        lambda run: run.L > 2**15,
        lambda run: run.L * 2**12 < 1,
        lambda run: run.least > 2**6,
        lambda run: run.least * 2**6 < 1,
        lambda run: len(run.up) == 1,
        lambda run: run.minimum < 0,
    ],
)
def test_runs_reach_every_corner(corner):
    assert any(map(corner, drawn()))


@cache
def drawn():
    return draw.instances(strategies.perturbed_stacking_runs(max_stages=4), 300, seed=0)


# Float64 runs.


def test_the_states_of_a_recorded_run_are_those_of_the_kernel():
    run = float64_run(50)
    trace = kernel.trace(
        run.sigma, run.target, run.states[1], float(nesterov.momentum(run.q)), float(1 / run.L), 50, True
    )
    assert np.array_equal(run.states[1:], trace.networks) and np.array_equal(run.states[0], run.states[1])
    record = run.record(EXACT)
    for t in (-1, 0, 7, 50):
        assert record.points[t] == to_exact(run.states[t + 1])


def test_the_lookahead_errors_are_those_of_stacking_up_to_rounding():
    run = float64_run(60)
    record = run.record(EXACT)
    beta = nesterov.momentum(rational(run.q))
    for t in (1, 2, 10, 40):
        change = record.points[t] - record.points[t - 1]
        exact = beta * divide(change, to_exact(run.states[t])) @ change
        missed = floats(record.lookahead_errors[t] - exact, (4, 4))
        assert np.abs(missed).max() <= 1e-11 * np.abs(floats(exact, (4, 4))).max() + 2.0**-58
    assert np.abs(run.drifts[1:5]).max() > 1e-9


def test_the_lookahead_point_is_exact_and_the_float64_one_is_next_to_it():
    run = float64_run(60)
    record = run.record(EXACT)
    beta = nesterov.momentum(rational(run.q))
    trace = kernel.trace(run.sigma, run.target, run.states[1], float(beta), float(1 / run.L), 60, True)
    for t in (0, 1, 30, 59):
        network, before = record.points[t], record.points[t - 1]
        assert record.lookaheads[t] == network + beta * (network - before) + record.lookahead_errors[t]
        assert np.allclose(floats(record.lookaheads[t], (4, 4)), trace.lookaheads[t], rtol=0, atol=1e-14)


def test_the_step_errors_are_as_small_as_rounding_and_make_the_run_exact():
    run = float64_run(200)
    record = run.record(EXACT)
    eta = 1 / rational(run.L)
    for t in range(0, 200, 13):
        slip = record.step_errors[t]
        assert record.points[t + 1] == record.lookaheads[t] - eta * record.gradients[t] + slip
        assert 0 < np.abs(floats(slip, (4, 4))).max() < 1e-14
        assert record.gradients[t] == (record.lookaheads[t] - record.target) @ to_exact(run.sigma)


def test_gradients_and_values_made_of_those_before_are_exactly_those_of_the_loss():
    """With lookahead errors and, near the target, without."""
    run = float64_run(400)
    record, function = run.record(EXACT), run.function()
    assert run.drifts[3].any() and not run.drifts[399].any()
    for t in (0, 3, 30, 399, 200):
        assert record.values[t] == function.value(record.points[t])
        assert record.gradients[t] == function.gradient(record.lookaheads[t])
        assert record.lookahead_values[t] == function.value(record.lookaheads[t])


def test_values_and_potentials_of_a_recorded_run_are_those_of_least_squares():
    run = float64_run(20)
    record = run.record(EXACT)
    for t in (0, 1, 20):
        offset = run.states[t + 1] - run.target
        assert as_float(record.values[t]) == pytest.approx(np.sum(offset @ run.sigma * offset) / 2, rel=1e-9)
        ahead = offset + float(1 / run.q - 1) * (run.states[t + 1] - run.states[t])
        expected = as_float(record.values[t]) + float(run.q**2 * run.L) / 2 * np.sum(ahead**2)
        assert as_float(record.potentials[t]) == pytest.approx(expected, rel=1e-9)


def test_stand_ins_for_lookahead_errors_are_multiples_of_their_grain_and_too_small():
    networks = float64_run(40).states
    beta = float(nesterov.momentum(float64_run(40).q))
    found = lookahead_errors(networks, beta)
    grain = 2.0 ** (np.floor(np.log2(np.abs(networks).max())) - 60)
    assert found.shape == (40, 4, 4) and np.array_equal(found / grain, np.round(found / grain))
    changes = np.diff(networks, axis=0)[:-1]
    exact = beta * changes @ np.linalg.inv(networks[:-2]) @ changes
    assert np.all(np.abs(found) <= np.abs(exact) + 1e-25)


def test_a_run_that_cannot_be_recorded_is_refused():
    sigma, target, start = problem(3, 10)
    with pytest.raises(InputError, match=r"recorded\(target=...\) should be invertible"):
        recorded(sigma, np.ones((3, 3)), start, 5)
    with pytest.raises(InputError, match=r"recorded\(start=...\) should be nearer to the target"):
        recorded(sigma, target, np.zeros((3, 3)), 5)
    with pytest.raises(InputError, match="should be symmetric and positive definite"):
        recorded(-sigma, target, start, 5)


def test_a_long_run_is_measured_without_working_its_stages_out():
    run = recorded(*problem(2, 10), 3000)
    asked = run.record(EXACT)
    assert len(asked.points) == 3002 and list(asked.singular_values)[:2] == [-1, 0]
    assert asked.potentials[3000] < flint.fmpq(1, 10**25)
