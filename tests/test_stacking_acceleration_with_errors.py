"""stacking-acceleration-with-errors: proved; its hypotheses and constants; float64 runs of any length are instances."""

from dataclasses import replace
from fractions import Fraction

import flint
import numpy as np
import pytest
from float64_runs import float64_run, problem
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped
from sympy import Eq, Lt

from linres import bounds
from linres.arithmetic import EXACT, inner
from linres.data import load
from linres.evaluate import Enclosure
from linres.near_target import GRAIN, largest_K, largest_slip, placed, recorded, with_lookahead_error, with_step_error
from linres.rungs import rigorous
from linres.theorems import stacking_acceleration_with_errors as s3

F = Fraction
THEOREM = s3.THEOREM
DROPPED = [control for control in THEOREM.controls if control.drop and control.measure is None]
# One neuron, not from rest, on the near side of its target, where s_t is W_t: nothing has 10 percent to spare.
TIGHT = with_step_error(
    placed(
        replace(s3.neuron(F(1, 4), share=F(1, 3), stages=3), minimum=F(3, 4)), ((F(-3, 4),),), ((F(-1),),), F(1)
    ),
    ((F(-1),),), F(1),
)


def holds(instance, theorem=THEOREM):
    """Whether the theorem certainly holds on the instance, every hypothesis decided."""
    checked = rigorous.check(theorem, instance)
    return (checked.holds, checked.rejected, checked.undecided, checked.failure) == (1, 0, 0, None)


@pytest.mark.parametrize("control", DROPPED, ids=lambda c: c.name)
def test_what_refutes_it_without_a_hypothesis_satisfies_all_the_others(control):
    rest = tuple(h for h in THEOREM.hypotheses if h not in control.drop)
    assert rigorous.check(THEOREM, control.witness).rejected == 1
    assert rigorous.check(replace(THEOREM, hypotheses=rest), control.witness).failure


@given(s3.instances())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_holds_on_every_drawn_run(instance):
    assert holds(instance)


def test_runs_in_bulk_hold_and_are_measured_as_the_exact_run():
    batch = THEOREM.sample(np.random.default_rng(1), 300)
    for k in range(0, 300, 17):
        run = batch.instance(k)
        assert holds(run)
        record = run.record(EXACT)
        potentials = [float(flint.arb(record.potentials[t])) for t in range(run.stages + 1)]
        np.testing.assert_allclose(batch.columns[s3.Phi][:, k], potentials, rtol=1e-6, atol=1e-12 * max(potentials))
        slips = [float(flint.arb(inner(record.step_errors[t], record.step_errors[t]))) for t in range(run.stages)]
        np.testing.assert_allclose(batch.columns[s3.E_norm][:, k] ** 2, slips, rtol=1e-6, atol=1e-50)
        for symbol, value in ((s3.q, record.q), (s3.L, record.L), (s3.K, record.K), (s3.sigma, record.sigma)):
            assert batch.columns[symbol][k] == float(flint.arb(value))


@pytest.mark.parametrize("place", list(places(THEOREM, TIGHT)), ids=lambda place: f"{place[1]}-at-{place[2]}")
def test_a_measured_value_10_percent_too_large_is_noticed(place):
    assert outcome(THEOREM, TIGHT) == "holds"
    assert outcome(swapped(THEOREM, place), TIGHT) in {"Disagree", "NotExact", "failure", "rejected"}


# Its basin, its sharpness and its limits.


@pytest.mark.parametrize("q", [F(1, 1000), F(1, 4), F(9, 10)])
def test_the_sizes_are_the_largest_that_the_hypotheses_allow(q):
    """K and the step errors; 2^-30 more of either is too much."""
    more = 1 + F(1, 2**30)
    run = s3.neuron(q, start=1)
    run = replace(run, step_error=((largest_slip(run.q, run.L, run.K),),))
    assert holds(run)
    assert rigorous.check(THEOREM, replace(run, K=run.K * more, step_error=())).rejected == 1
    assert rigorous.check(THEOREM, replace(run, step_error=((run.step_error[0][0] * more,),))).rejected == 1


@pytest.mark.parametrize("k", [10, 20])
def test_the_basin_goes_to_mu_sigma_squared_over_18(k):
    q, L, sigma = F(1, 2**k), F(3), F(5)
    ratio = largest_K(q, L, sigma) ** 2 / (q * q * L * sigma**2)
    assert abs(ratio - F(1, 18)) < 2 * q


def test_a_lookahead_error_may_be_as_large_as_its_bound_and_no_larger():
    run = placed(s3.neuron(F(2, 5)), ((F(-3, 4),),), ((F(-1),),), F(1))
    largest = with_lookahead_error(run, ((F(1),),), F(1))
    assert holds(largest)
    [[drift]] = largest.lookahead_error
    assert rigorous.check(THEOREM, replace(largest, lookahead_error=((drift * F(1001, 1000),),))).rejected == 1


def test_a_step_error_at_the_target_is_attained_exactly():
    equality = replace(THEOREM, conclusion=Eq(*THEOREM.conclusion.args, evaluate=False))
    assert holds(s3.step_error_at_the_target(), equality)


def test_after_no_stage_it_is_an_equality():
    strict = replace(THEOREM, conclusion=Lt(*THEOREM.conclusion.args, evaluate=False))
    assert rigorous.check(strict, TIGHT).failure.horizon == 0


@pytest.mark.parametrize("k", [4, 6, 8])
def test_the_rate_from_rest_is_sharp_to_second_order_in_q(k):
    q = F(1, 2**k)
    record = replace(s3.slope(), q=q, K=largest_K(q, F(3), 1 - GRAIN)).record(EXACT)
    ratio = bounds.fraction(record.potentials[1] / record.potentials[0])
    assert abs(ratio - (1 - q - q * q / 2)) < q**3


def test_without_step_errors_it_is_the_rate_of_nesterovs_method():
    stages = np.arange(50)
    found = THEOREM.bound(q=0.25, L=3.0, Phi=2.0, E_norm=0.0, T=stages)
    np.testing.assert_allclose(found, 0.75 ** (stages / 2) * np.sqrt(2), rtol=1e-13)


def test_stacking_breaks_the_claim_at_1_145_times_the_K_of_the_basin():
    """So the constant of the basin is within 15 percent of the best, at q = 2/5."""
    control = next(c for c in THEOREM.controls if c.name == "without-the-basin")
    run = control.witness
    assert run.K / largest_K(run.q, run.L, run.least * (1 - GRAIN)) < F(116, 100)
    record = run.record(EXACT)
    offset = record.points[-1] - record.target
    for size in (record.potentials[0], record.q**2 * record.L / 2 * inner(offset, offset)):
        assert bounds.fraction(size) <= (F(1146, 1000) * largest_K(run.q, run.L, run.least)) ** 2


@pytest.mark.parametrize("q", [F(2, 5), F(3, 5), F(4, 5)])
def test_that_what_came_before_is_near_is_not_shown_to_be_needed(q):
    """Neurons that satisfy all but this, W_0 about where Phi_0 is least given W_{-1}: the claim holds."""
    rest = replace(THEOREM, hypotheses=tuple(h for h in THEOREM.hypotheses if h is not s3.start_before))
    far = 0
    for distance in np.linspace(0.1, 0.9, 33):
        for factor in (0.8, 0.9, 1, 1.1, 1.2):
            start = 1 - F(factor * distance) * (1 - q) / (1 + q * q)
            run = s3.neuron(q, before=1 - F(distance), start=start)
            checked = rigorous.check(rest, run)
            if rigorous.check(THEOREM, run).rejected and not checked.rejected:
                assert (checked.holds, checked.failure) == (1, None)
                far += 1
    assert far >= 20


# Float64 runs.


def ends(run):
    """Upper bounds of Phi_T after the last stage and of what the theorem bounds it by."""
    [row] = s3.measure(run, EXACT)
    walk = Enclosure(row, THEOREM.definitions, {s3.T: len(run.drifts)})
    left, right = (flint.arb(walk.value(side)) for side in THEOREM.conclusion.args)
    return float((left * left).upper()), float((right * right).upper())


def test_a_float64_run_of_1000_stages_at_d_16_and_kappa_10_000_is_certified():
    run = recorded(*problem(16, 1e4), 1000)
    assert holds(run)
    potential, bound = ends(run)
    assert potential <= bound < 1e-4 * float(run.K) ** 2


def test_a_float64_run_of_10_000_stages_at_d_16_and_kappa_10_000_is_certified():
    """The showpiece: with the memory of a short run, and down to the noise that rounding leaves."""
    run = recorded(*problem(16, 1e4), 10_000)
    assert holds(run)
    record = run.record(EXACT)
    assert record.potentials[10_000] < flint.fmpq(1, 10**26) < record.potentials[0] * flint.fmpq(1, 10**17)


@pytest.mark.parametrize("d", [1, 4])
def test_a_float64_run_in_other_dimensions_is_certified(d):
    run = float64_run(1500, d=d, kappa=1e4 if d > 1 else 1.0)
    assert holds(run)
    potential, bound = ends(run)
    assert potential <= bound < 1e-5 * float(run.K) ** 2


def test_a_run_on_the_digits_is_certified():
    digits = load("digits")
    direction = np.random.default_rng(0).standard_normal(digits.target.shape)
    run = recorded(digits.sigma, digits.target, digits.target + 1e-3 * direction, 300)
    assert holds(run)
    potential, bound = ends(run)
    assert potential <= bound < 1e-28


def test_the_same_float64_run_without_its_rounding_is_refuted():
    """It stops where rounding does, and the error-free rate would go on."""
    failure = rigorous.check(THEOREM.control("step-errors-not-counted"), float64_run(700)).failure
    assert failure is not None and 300 < failure.horizon < 700


def test_a_float64_run_with_q_L_or_K_that_do_not_fit_is_rejected():
    run = float64_run(30)
    for wrong in ({"q": 2 * run.q}, {"L": run.L / 2}, {"K": 2 * run.K}, {"K": run.K / 4}):
        checked = rigorous.check(THEOREM, replace(run, **wrong))
        assert checked.rejected == 1 and checked.failure is None


def test_a_state_changed_in_its_last_digits_is_another_run_and_still_certified_but_not_any_state():
    run = float64_run(50)
    for change, certified in ((1e-9, True), (0.5, False)):
        states = run.states.copy()
        states[20] += change
        checked = rigorous.check(THEOREM, replace(run, states=states))
        assert (checked.holds, checked.rejected) == (certified, not certified)


def test_lookahead_errors_larger_than_stacking_makes_are_rejected():
    run = float64_run(30)
    checked = rigorous.check(THEOREM, replace(run, drifts=40 * run.drifts))
    assert checked.rejected == 1 and checked.failure is None


@pytest.mark.slow
def test_a_float64_run_of_100_000_stages_is_certified():
    assert holds(recorded(*problem(4, 1e4), 100_000))
