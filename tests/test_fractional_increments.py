"""fractional-increments: proved, and decided on moving averages; fractional Gaussian noise and what spoils it."""

from dataclasses import replace
from fractions import Fraction
from functools import cache

import flint
import numpy as np
import pytest
import sympy
from deciding import certainly_holds
from hypotheses import require_that_only_it_breaks, require_that_the_proof_needs
from hypothesis import HealthCheck, given, settings
from swaps import outcome, places, swapped

from linres.arithmetic import EXACT, FLOAT
from linres.errors import InputError
from linres.methods import propagation
from linres.methods.correlated import circulant, covariance
from linres.rungs import rigorous
from linres.stationary import MovingAverage, fractional_noise
from linres.theorems import fractional_increments as one

F = Fraction
THEOREM = one.THEOREM
holds = certainly_holds(THEOREM)
AVERAGE = MovingAverage((F(1), F(-2), F(1, 2)), F(1, 3), F(2), F(1, 2), 3)


@given(THEOREM.instances())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_drawn_sequence_contradicts_it(average):
    assert holds(average)


@pytest.mark.parametrize("T", range(1, 8))
def test_the_covariances_of_fractional_noise_add_up_to_the_power_for_every_hurst_index(T):
    """sum_{j, k < T} r(j - k) = T^{2H}, term by term in the powers k^{2H}, H a symbol."""
    powers = sympy.symbols(f"c0:{T + 1}")  # k^{2H}
    at_ends = {powers[0]: 0, powers[1]: 1}

    def r(lag):
        return (powers[abs(lag + 1)] + powers[abs(lag - 1)] - 2 * powers[abs(lag)]) / sympy.Integer(2)

    total = sum(r(j - k) for j in range(T) for k in range(T))
    assert sympy.expand((total - powers[T]).subs(at_ends)) == 0


@pytest.mark.parametrize("weights", [(F(1),), (F(1), F(-1)), (F(2), F(1), F(3))])
def test_covariances_are_those_of_the_increments(weights):
    written = replace(AVERAGE, weights=weights).written()
    for i, v in enumerate(written.increments):
        for j, w in enumerate(written.increments):
            assert sum(x * y for x, y in zip(v, w, strict=True)) == written.covariances[abs(i - j)]


@pytest.mark.parametrize(("average", "power"), [
    (MovingAverage((F(1),), F(0), F(0), F(1), 5), 1), (MovingAverage((), F(1), F(0), F(1), 5), 2),
])
def test_independent_and_equal_increments_are_the_ends_of_the_fractional_ones(average, power):
    """H = 1/2 and H = 1: variances T and T^2."""
    assert average.written().variances == tuple(F(k**power) for k in range(7)) and holds(average)
    [row] = one.measure(average, EXACT)
    assert sum(x * x for x in row[one.X][5].entries()) == 5**power


def test_differences_of_a_stationary_sequence_do_not_add_up():
    average = MovingAverage((F(-1), F(1)), F(0), F(0), F(1), 6)
    assert set(average.written().variances[1:]) == {2} and holds(average)


@pytest.mark.parametrize("name", one.WITHOUT)
def test_what_breaks_one_hypothesis_is_not_claimed_and_breaks_no_other(name):
    hypothesis, written = one.WITHOUT[name]
    require_that_only_it_breaks(THEOREM, hypothesis, written)


@pytest.mark.parametrize("hypothesis", THEOREM.hypotheses, ids=str)
def test_the_proof_needs_every_hypothesis(hypothesis):
    require_that_the_proof_needs(THEOREM, hypothesis)


@pytest.mark.parametrize("place", [
    place for place in places(THEOREM, AVERAGE) if place[1:] not in {(one.c, 0), (one.q, 0)}  # 0
], ids=lambda place: f"{place[1:]}")
def test_a_measured_value_10_percent_off_is_noticed(place):
    assert outcome(THEOREM, AVERAGE) == "holds"
    assert outcome(swapped(THEOREM, place), AVERAGE) in {"Disagree", "failure", "rejected", "NotExact"}


def test_a_step_of_another_scale_is_noticed():
    def longer(state, layer, *, scale):
        return propagation.step(state, layer, scale=2 * scale)

    def measure(average, arithmetic):
        [row] = one.measure(average, arithmetic)
        return [row | {one.X: dict(enumerate(average.record(arithmetic, step=longer).sums))}]

    with pytest.raises(rigorous.Disagree):
        rigorous.check(replace(THEOREM, measure=measure), AVERAGE)


def test_bulk_sums_are_those_measured_one_by_one():
    batch = THEOREM.sample(np.random.default_rng(1), 5)
    for k in range(5):
        [row] = one.measure(batch.instance(k), FLOAT)
        assert batch.columns[one.alpha][k] == row[one.alpha]
        for label in (one.r, one.c, one.q):
            assert [batch.columns[label][t][k] for t in row[label]] == pytest.approx(list(row[label].values()))
        for t, state in row[one.X].items():
            width = min(state.shape[1], batch.columns[one.X].shape[-1])
            assert np.allclose(batch.columns[one.X][t][k][:, :width], state[:, :width])


# Fractional Gaussian noise.


@pytest.mark.parametrize("hurst", [0.05, 0.3, 0.5, 0.75, 0.97])
def test_the_circulant_matrix_has_the_covariances_in_its_first_row_and_no_negative_eigenvalue(hurst):
    length = 300
    wanted = covariance(np.arange(length + 1), hurst)
    eigenvalues = circulant(wanted)
    assert eigenvalues.min() > -1e-12
    assert np.allclose(np.fft.ifft(eigenvalues).real[: length + 1], wanted, atol=1e-12)


@pytest.mark.parametrize("hurst", [0.2, 0.8])
def test_the_noise_has_these_covariances(hurst):
    noise = fractional_noise(np.random.default_rng(0), hurst, 6, 200_000)
    products = noise[:, :, None] * noise[:, None, :]
    lags = np.arange(6)
    wanted = covariance(lags[:, None] - lags[None, :], hurst)
    assert np.all(np.abs(products.mean(axis=0) - wanted) < 6 * products.std(axis=0) / len(noise) ** 0.5)


@cache
def last_eigenvalue(middle):
    """The eigenvalue N of the circulant matrix for H = .97 and N = 1000, a ball: sum of (-1)^k times the row."""
    with flint.ctx.workprec(128):
        power = [flint.arb(0), *((flint.arb(k).log() * flint.arb(97) / 50).exp() for k in range(1, 1002))]
        r = [flint.arb(1), *((power[k + 1] + power[k - 1] - 2 * power[k]) / 2 for k in range(1, 1001))]
        inner = sum(((-1) ** k * r[k] for k in range(1, 1000)), start=flint.arb(0))
        return r[0] + 2 * inner + (r[1000] if middle else 0)


def test_without_the_covariance_in_the_middle_an_eigenvalue_is_negative():
    """Then there is no such noise; decided in balls."""
    assert last_eigenvalue(True) > 0 and last_eigenvalue(False) < 0


def test_a_generator_with_two_slips_draws_noise_of_variance_1_85():
    """0 in place of r(N), eigenvalue 0 in place of eigenvalue N, negative ones taken for 0: H = .97, N = 1000."""
    right = covariance(np.arange(1001), 0.97)
    slipped = circulant([*right[:-1], 0.0])
    variances = [circulant(right).mean(), np.maximum(slipped, 0).mean()]
    slipped[1000] = slipped[0]
    variances.append(np.maximum(slipped, 0).mean())
    assert variances == pytest.approx([1, 1.2123, 1.8529], abs=1e-4)


@pytest.mark.parametrize(("hurst", "length", "named"), [(0, 4, "hurst"), (1, 4, "hurst"), (0.5, 0, "length")])
def test_what_is_no_fractional_noise_is_refused(hurst, length, named):
    with pytest.raises(InputError, match=named):
        fractional_noise(np.random.default_rng(0), hurst, length, 1)


# Scalar networks h_{k+1} = (1 + alpha v_k) h_k.


def logs(hurst, exponent, depth, count=200):
    noise = fractional_noise(np.random.default_rng(0), hurst, depth, count)
    return np.sum(np.log(np.abs(1 + depth**-exponent * noise)), axis=1)


def test_rough_weights_at_one_half_give_a_number_that_is_no_longer_random():
    """H < 1/2: the sum tends to 0 and sum v^2/(2 L) to 1/2: h_L is near e^{-1/2} h_0."""
    deep = logs(0.1, 0.5, 2**14)
    assert abs(deep.mean() + 0.5) < 0.02 and deep.std() < 0.05
    assert logs(0.1, 0.5, 2**8).std() > 2 * deep.std()


def test_the_critical_exponent_is_the_larger_of_the_hurst_index_and_one_half():
    """Below it logarithms grow with the depth, above it they vanish, at it they stay."""
    for hurst, critical in ((0.2, 0.5), (0.8, 0.8)):
        sizes = {
            shift: [np.mean(logs(hurst, critical + shift, depth) ** 2) ** 0.5 for depth in (2**8, 2**13)]
            for shift in (-0.2, 0.0, 0.2)
        }
        assert sizes[-0.2][1] > 1.5 * sizes[-0.2][0] and sizes[0.2][1] < sizes[0.2][0] / 1.5
        assert 0.7 < sizes[0.0][1] / sizes[0.0][0] < 1.4
