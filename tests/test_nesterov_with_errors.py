"""nesterov-with-errors: proved; its limits; and float64 runs certified by counting their rounding as error."""

import math
import time
from dataclasses import replace
from fractions import Fraction
from functools import cache

import flint
import numpy as np
import pytest
import sympy
from deciding import certainly_holds
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped
from sympy import Eq, Lt, Rational, Symbol, sqrt

from linres.arithmetic import BALL, EXACT, rational, to_exact
from linres.errors import InputError
from linres.evaluate import Enclosure, decide_by_roots
from linres.instances import NesterovRun, RecordedRun
from linres.kernels import nesterov as kernel
from linres.language import GeometricSum
from linres.methods import nesterov
from linres.rungs import rigorous
from linres.theorems import nesterov_step as one
from linres.theorems import nesterov_with_errors as many

F = Fraction
THEOREM = many.THEOREM
q, L, T = many.q, many.L, many.T

TIGHT = NesterovRun(
    q=F(1, 2), L=F(4), up=(F(0), F(0)), down=(F(0), F(0)), x=(F(1), F(2)), x_prev=(F(1, 2), F(-1)),
    lookahead_error=(F(1), F(1, 3)), step_error=(F(1, 5), F(-1)), minimiser=(F(1), F(1)), minimum=F(3, 4), stages=3,
)


holds = certainly_holds(THEOREM)


@given(many.instances())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_holds_on_drawn_functions_of_every_scale(instance):
    assert holds(instance)


@pytest.mark.parametrize("place", list(places(THEOREM, TIGHT)), ids=lambda place: f"{place[1]}-at-{place[2]}")
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    assert outcome(THEOREM, TIGHT) == "holds"
    assert outcome(swapped(THEOREM, place), TIGHT) in {"Disagree", "NotExact", "failure", "rejected"}


@pytest.mark.parametrize("run", [TIGHT, replace(TIGHT, q=F(1)), many.from_rest(), one.attained()])
def test_is_an_equality_after_no_stage_at_all(run):
    """T = 0 says sqrt(Phi_0) <= sqrt(Phi_0): claimed along with every other horizon, and tight."""
    assert holds(run, THEOREM)
    strict = replace(THEOREM, conclusion=Lt(*THEOREM.conclusion.args, evaluate=False))
    assert rigorous.check(strict, run).failure.horizon == 0


def test_a_run_cut_to_no_stages_is_no_instance():
    cut = replace(THEOREM, measure=lambda *given: [row | {T: 0} for row in many.measure(*given)])
    assert rigorous.check(cut, TIGHT).rejected == 1


@pytest.mark.parametrize("d", [1, 3])
def test_holds_with_q_equal_to_1(d):
    several = tuple(F(k + 1, 5) for k in range(d))
    assert holds(NesterovRun(
        q=F(1), L=F(5), up=several, down=several, x=several, x_prev=several[::-1], lookahead_error=several,
        step_error=several, stages=6,
    ))


# Sharpness and limits.


def test_a_step_error_at_the_minimum_is_attained_exactly():
    equality = replace(THEOREM, conclusion=Eq(*THEOREM.conclusion.args, evaluate=False))
    assert holds(many.step_error_at_the_minimum(), equality)


@pytest.mark.parametrize("k", [4, 6, 8])
def test_the_rate_from_rest_is_sharp_to_second_order_in_q(k):
    """One stage contracts the potential by 1 - q - q^2/2 up to q^3: the bound 1 - q is right to first order."""
    run = replace(many.from_rest(), q=F(1, 2**k))
    [row] = many.measure(run, EXACT)
    ratio = row[many.Phi][1] / row[many.Phi][0]
    expected = 1 - flint.fmpq(1, 2**k) - flint.fmpq(1, 2 ** (2 * k + 1))
    assert abs(ratio - expected) < flint.fmpq(1, 2 ** (3 * k))


def right_side(horizon, *, d, e_norm):
    """A walk over the right side at one horizon: 1 - q = (3/4)^2, L = 4, Phi_0 = (3/2)^2 and constant errors."""
    row = {
        q: flint.fmpq(7, 16), L: flint.fmpq(4), many.Phi: {0: flint.fmpq(9, 4)},
        many.d: dict.fromkeys(range(horizon), d), many.e_norm: dict.fromkeys(range(horizon), e_norm),
    }
    return Enclosure(row, {}, {T: horizon})


@pytest.mark.parametrize("horizon", [0, 1, 2, 40])
def test_without_errors_it_is_the_classical_rate(horizon):
    walk = right_side(horizon, d=flint.fmpq(0), e_norm=flint.fmpq(0))
    with sympy.evaluate(False):
        classical = Eq(THEOREM.conclusion.rhs, Rational(3, 4) ** horizon * Rational(3, 2))
    assert decide_by_roots(classical, walk) is True


@pytest.mark.parametrize("horizon", [0, 1, 2, 40])
def test_constant_errors_sum_to_a_noise_floor_in_closed_form(horizon):
    """rho^T sqrt(Phi_0) + (1 - rho^T) c/(1 - rho), rho = sqrt(1-q), c the forcing of a stage: decided as roots."""
    walk = right_side(horizon, d=flint.fmpq(2, 3), e_norm=flint.fmpq(1, 5))
    with sympy.evaluate(False):
        rho, c = sqrt(1 - q), sqrt(1 - q) * sqrt((1 + q) * L / 2) * Rational(2, 3) + sqrt(L) * Rational(1, 5)
        closed = rho**horizon * Rational(3, 2) + (1 - rho**horizon) * c * (1 + rho) / q
        below, above = closed + Rational(1, 10**99), closed - Rational(1, 10**99)
    relation = Eq(THEOREM.conclusion.rhs, closed, evaluate=False)
    assert decide_by_roots(relation, walk) is True
    for wrong in (below, above):
        assert decide_by_roots(Eq(THEOREM.conclusion.rhs, wrong, evaluate=False), walk) is False


def floor(q, L, d, e_norm):
    rho = math.sqrt(1 - q)
    return (rho * math.sqrt((1 + q) * L / 2) * d + math.sqrt(L) * e_norm) / (1 - rho)


def test_the_bound_settles_at_the_noise_floor():
    settled = THEOREM.bound(q=0.01, L=3.0, Phi=7.0, d=1e-3, e_norm=1e-5, T=10_000)
    assert settled == pytest.approx(floor(0.01, 3.0, 1e-3, 1e-5), rel=1e-12)


def test_the_bound_goes_to_the_classical_rate_with_the_errors():
    stages = np.arange(200)
    classical = 0.9 ** (stages / 2) * math.sqrt(7.0)
    gaps = []
    for size in (1e-3, 1e-6, 0.0):
        found = THEOREM.bound(q=0.1, L=3.0, Phi=7.0, d=size, e_norm=size, T=stages)
        gaps.append(np.max(np.abs(found - classical)))
    assert gaps[0] > gaps[1] > gaps[2] and gaps[1] < 2e-4 and gaps[2] < 1e-13


def test_the_bound_at_every_stage_up_to_a_million_takes_a_tenth_of_a_second():
    values = {"q": 0.01, "L": 1.0, "Phi": 1.0, "d": 1e-3, "e_norm": 1e-3}
    horizons, seconds = np.arange(1_000_001), []
    for _ in range(5):
        start = time.process_time()
        found = THEOREM.bound(**values, T=horizons)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.1
    assert found.shape == (1_000_001,) and found[-1] == pytest.approx(floor(0.01, 1.0, 1e-3, 1e-3), rel=1e-12)


def test_the_bound_agrees_with_exact_evaluation():
    rng = np.random.default_rng(0)
    drift, slip = rng.random(50), rng.random(50)
    horizons = np.array([0, 1, 7, 50])
    found = THEOREM.bound(q=0.25, L=3.0, Phi=2.0, d=drift, e_norm=slip, T=horizons)
    sequences = {many.Phi: {0: flint.fmpq(2)}} | {
        label: {t: flint.fmpq(*float(v).as_integer_ratio()) for t, v in enumerate(values)}
        for label, values in ((many.d, drift), (many.e_norm, slip))
    }
    for horizon, value in zip(horizons, found, strict=True):
        row = {q: flint.fmpq(1, 4), L: flint.fmpq(3), **sequences}
        exact = Enclosure(row, {}, {T: int(horizon)}).value(THEOREM.conclusion.rhs)
        assert value == pytest.approx(float(flint.arb(exact).mid()), rel=1e-13)


def test_the_bound_at_one_horizon_is_one_number():
    assert np.shape(THEOREM.bound(q=0.1, L=1.0, Phi=1.0, d=0.0, e_norm=0.0, T=3)) == ()


def test_the_bound_refuses_errors_for_too_few_stages():
    with pytest.raises(InputError):
        THEOREM.bound(q=0.1, L=1.0, Phi=1.0, d=np.ones(3), e_norm=0.0, T=5)


def test_a_sequence_longer_than_the_horizon_is_cut():
    long, short = (THEOREM.bound(q=0.1, L=1.0, Phi=1.0, d=np.ones(n), e_norm=0.0, T=5) for n in (9, 5))
    assert long == short


# Float64 runs, certified.


@cache
def float64_run(stages, d=4):
    """A float64 run on least squares with eigenvalues from 1/64 to 1, and q, L that certainly enclose them."""
    rng, wide = np.random.default_rng(0), F(1, 1000)
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0]
    sigma = (basis * np.linspace(1 / 64, 1, d)) @ basis.T
    sigma = (sigma + sigma.T) / 2
    target, start = rng.standard_normal((2, d, d))
    inverse_root, smoothness = F(1, 8) * (1 - wide), 1 + wide
    beta, eta = float((1 - inverse_root) / (1 + inverse_root)), float(1 / smoothness)
    trace = kernel.trace(sigma, target, start, beta, eta, stages)
    return RecordedRun(sigma, target, trace.states, trace.lookaheads, inverse_root, smoothness)


def test_a_float64_run_of_10_000_stages_is_certified_with_its_rounding_counted_as_error():
    run = float64_run(10_000)
    [row] = many.measure(run, EXACT)
    assert row[T] == 10_000 and row[many.Phi][10_000] < flint.fmpq(1, 10**29)
    slips = row[many.SEQUENCES[one.e]]
    assert sum(any(entry != 0 for entry in slip.entries()) for slip in slips.values()) > 9000  # it did round
    checked = rigorous.check(THEOREM, run)
    assert (checked.holds, checked.rejected, checked.undecided, checked.failure) == (1, 0, 0, None)


def test_every_stage_of_a_float64_run_is_certified():
    checked = rigorous.check(one.THEOREM, float64_run(2_000))
    assert (checked.holds, checked.rejected, checked.undecided, checked.failure) == (2_000, 0, 0, None)


def test_the_same_float64_run_without_its_rounding_is_refuted():
    """It has stopped at about 1e-31, which the error-free rate would have left far behind."""
    claimed = THEOREM.control("errors-not-counted")
    failure = rigorous.check(claimed, float64_run(2_000)).failure
    assert failure is not None and 200 < failure.horizon < 2_000


def test_a_float64_run_with_q_or_L_that_do_not_enclose_the_spectrum_is_rejected():
    """mu or L off by far more than its rounding: a hypothesis fails, and that is decided, not assumed."""
    run = float64_run(30)
    for wrong in (replace(run, q=F(1, 4)), replace(run, L=F(1, 2))):
        checked = rigorous.check(one.THEOREM, wrong)
        assert checked.rejected > 0 and checked.failure is None


def test_the_rounding_that_is_counted_is_as_small_as_rounding():
    [row] = many.measure(float64_run(200), EXACT)
    scale = max(abs(entry) for entry in row[many.SEQUENCES[one.x]][0].entries())
    for label in (one.D, one.e):
        largest = max(abs(entry) for slip in row[many.SEQUENCES[label]].values() for entry in slip.entries())
        assert 0 < largest < scale * flint.fmpq(1, 2**44)


def test_a_float64_state_changed_in_its_last_digits_is_another_run_and_still_certified():
    """Whatever the states are, the errors make up for them: nothing depends on who computed them."""
    run = float64_run(50)
    states = run.states.copy()
    states[20] += 1e-9
    assert holds(replace(run, states=states))


def test_a_float64_run_is_recorded_exactly_only():
    with pytest.raises(ValueError, match="should be EXACT, got BALL"):
        float64_run(3).record(BALL)


def test_the_exact_method_with_the_recorded_errors_goes_through_the_float64_states():
    run = float64_run(20)
    for t, stage in enumerate(run.record(EXACT).stages):
        y, x_next = nesterov.step(
            stage.x, stage.x_prev, run.function.gradient, momentum=rational(nesterov.momentum(run.q)),
            step_size=rational(1 / run.L), lookahead_error=stage.lookahead_error, step_error=stage.step_error,
        )
        assert (y, x_next) == (to_exact(run.lookaheads[t]), to_exact(run.states[t + 2]))


@pytest.mark.slow
def test_a_float64_run_of_100_000_stages_is_certified():
    assert holds(float64_run(100_000))


def test_the_sum_in_the_statement_is_the_recurrence_it_stands_for():
    """b <- rho b + c(t) from sqrt(Phi_0), against the sum written out."""
    start, rho, c = (Symbol(name, real=True) for name in ("b", "rho", "c"))
    t = many.t
    walk = Enclosure({start: flint.fmpq(5), rho: flint.fmpq(1, 3), c: flint.fmpq(2)}, {}, {T: 6})
    with sympy.evaluate(False):
        forcing = c + t
    expected = flint.fmpq(1, 3) ** 6 * 5 + sum(flint.fmpq(1, 3) ** (5 - k) * (2 + k) for k in range(6))
    assert walk.value(GeometricSum(start, rho, forcing, t, T)) == expected
