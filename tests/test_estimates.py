"""Estimates: that intervals hold as often as they say, by simulation and by exact counting, and what is refused."""

import math
from fractions import Fraction
from math import comb

import numpy as np
import pytest

from linres import estimates
from linres.errors import InputError


def below(rank, runs):
    """P(Bin(runs, 1/2) < rank), exactly."""
    return Fraction(sum(comb(runs, k) for k in range(rank)), 2**runs)


@pytest.mark.parametrize("runs", [1, 2, 5, 7, 8, 9, 50, 51, 401])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.99, 0.999])
def test_the_rank_of_the_median_is_the_largest_that_keeps_the_confidence(runs, confidence):
    rank, risk = estimates.median_rank(runs, confidence), Fraction(1 - confidence) * (1 + Fraction(1, 10**9))
    assert 2 * below(rank, runs) <= risk
    assert rank == (runs + 1) // 2 or 2 * below(rank + 1, runs) > risk * (1 - Fraction(1, 10**8))


def test_so_few_runs_say_nothing_of_the_median():
    found = estimates.median(np.array([1.0, 2.0, 3.0]), 0.99)
    assert (found.measured, found.low, found.high) == (2.0, -math.inf, math.inf)


@pytest.mark.parametrize("draw", ["standard_cauchy", "standard_normal", "standard_exponential"])
def test_the_median_is_missed_as_rarely_as_stated_whatever_the_law(draw):
    values = getattr(np.random.default_rng(1), draw)((4000, 30))
    true = {"standard_exponential": math.log(2)}.get(draw, 0.0)
    found = [estimates.median(row, 0.9) for row in values]
    missed = sum(not x.low <= true <= x.high for x in found)
    assert 0.08 * 4000 < missed < 0.12 * 4000  # the true chance is 2 P(Bin(30, 1/2) < 11) = .099


def test_the_next_rank_would_miss_it_too_often():
    values = np.sort(np.random.default_rng(2).standard_normal((4000, 30)), axis=1)
    rank = estimates.median_rank(30, 0.9) + 1
    missed = np.mean((values[:, rank - 1] > 0) | (values[:, -rank] < 0))
    assert missed > 0.15


@pytest.mark.parametrize("runs", [50, 51])
def test_fresh_medians_fall_where_stated(runs):
    generator = np.random.default_rng(3)
    low, high = estimates.median_range(generator.standard_normal(200_000), runs, 0.9)
    medians = np.median(generator.standard_normal((20_000, runs)), axis=1)
    outside = np.mean((medians < low) | (medians > high))
    assert 0.06 < outside <= 0.105


@pytest.mark.parametrize("deviation", [0.5, 2.0])
def test_what_is_surely_below_the_mean_is_for_laws_that_spoil_the_central_limit(deviation):
    logs = deviation * np.random.default_rng(4).standard_normal((2000, 40))
    true = deviation**2 / 2
    found = [estimates.mean_of_exponentials(row, 0.9) for row in logs]
    wrong = sum(x.at_least > true for x in found)
    assert wrong <= 0.1 * 2000
    assert all(x.at_least < x.measured for x in found)
    missed = sum(not x.low <= true <= x.high for x in found)
    assert (missed > 0.2 * 2000) == (deviation == 2.0)  # Student's interval, said to be a limit alone, fails


def test_means_of_numbers_beyond_float64_are_shifted_means():
    logs = np.array([0.0, 1.0, 2.5, 0.3])
    near, far = (estimates.mean_of_exponentials(logs + shift, 0.9) for shift in (0.0, 1e5))
    assert near.measured == pytest.approx(math.log(np.mean(np.exp(logs))), rel=1e-14)
    for name in ("measured", "low", "high", "at_least"):
        assert getattr(far, name) - 1e5 == pytest.approx(getattr(near, name), abs=1e-9)
    assert far.largest == pytest.approx(math.exp(2.5) / np.sum(np.exp(logs)), rel=1e-9)


def test_the_trimmed_mean_is_the_area_above_the_raised_distribution_function():
    values, risk = np.sort(np.random.default_rng(5).exponential(size=37)), 0.1
    raise_by = math.sqrt(math.log(1 / risk) / (2 * 37))
    steps = np.diff(values, prepend=0.0)
    area = sum(step * max(0.0, 1 - k / 37 - raise_by) for k, step in enumerate(steps))
    assert estimates._trimmed(values, risk) == pytest.approx(area, rel=1e-12)


def test_means_of_zeros_are_zero_and_their_interval_says_nothing():
    found = estimates.mean_of_exponentials(np.full(5, -math.inf), 0.9)
    assert (found.measured, found.low, found.high) == (-math.inf, -math.inf, math.inf)


def test_the_variance_of_normals_is_held():
    values = np.random.default_rng(6).normal(3.0, 2.0, (500, 400))
    missed = sum(not x.low <= 4.0 <= x.high for x in (estimates.variance(row, 0.95) for row in values))
    assert 5 < missed < 50
    assert estimates.variance(values[0], 0.95).measured == pytest.approx(np.var(values[0], ddof=1), rel=1e-12)


def test_one_run_leaves_the_mean_open():
    assert math.isinf(estimates.mean(np.array([1.0]), 0.9).high)


@pytest.mark.parametrize(("values", "measured"), [([1.0], 0.0), ([1.0, 2.0], 0.5)])
def test_one_or_two_runs_leave_the_variance_open(values, measured):
    found = estimates.variance(np.array(values), 0.9)
    assert (found.measured, found.low, found.high) == (measured, 0.0, math.inf)


def test_chances_come_with_the_sequential_interval():
    found = estimates.chance(np.arange(100) < 30, 0.99)
    assert found.low < 0.3 == found.measured < found.high
    assert found.method == "sequential"


@pytest.mark.parametrize("confidence", [0.0, 0.4, 1.0, 2.0, math.nan])
def test_what_is_no_confidence_is_refused(confidence):
    with pytest.raises(InputError, match=r"estimate\(confidence=...\) should be at least 0.5 and less than 1"):
        estimates.median(np.arange(5.0), confidence)
