"""What independent runs say of a law: means, medians and chances, each with an interval at a stated confidence.

Positive numbers come, and go, as natural logarithms: norms of deep networks leave float64. Four kinds of interval,
from the one that needs least:

order statistics   of the median. It lies between the k-th smallest and the k-th largest of n independent draws unless
                   fewer than k of them are on one side: at most 2 P(Bin(n, 1/2) < k). Holds for every law and every n.
sequential         of a chance: `linres.chance.interval`. Holds at every number of draws at once.
at least           of the mean of a nonnegative quantity: the area above the empirical distribution function raised by
                   sqrt(log(1/risk)/(2n)), which lies below the true one nowhere but for that risk (Massart 1990).
                   Holds for every law and every n.
central limit      of a mean: Student's. In the limit of many runs alone. No interval can hold for the mean of every
                   unbounded quantity at a finite n (Bahadur and Savage 1956): rare runs that nobody saw may dominate.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from linres.errors import refuse

ORDER, SEQUENTIAL, LIMIT = "order statistics", "sequential", "central limit"


@dataclass(frozen=True)
class Estimate:
    """A number measured, and an interval for the true one by a method; infinite where the runs say nothing.

    at_least: below the true mean but for one risk more, None where that is not asked. largest: the share of the sum
    that is one run's, None for what is no sum of positive numbers. All of them logarithms if `logs`, but the share.
    """

    measured: float
    low: float
    high: float
    method: str
    logs: bool = False
    at_least: float | None = None
    largest: float | None = None


def median(values: np.ndarray, confidence: float, *, logs: bool = False) -> Estimate:
    """Of the law that values (n,) are drawn from; `logs` says no more than what they are."""
    ordered, rank = np.sort(values), median_rank(len(values), confidence)
    low, high = (-math.inf, math.inf) if rank == 0 else (float(ordered[rank - 1]), float(ordered[-rank]))
    return Estimate(float(np.median(ordered)), low, high, ORDER, logs)


def median_rank(runs: int, confidence: float) -> int:
    """The largest k with 2 P(Bin(runs, 1/2) < k) <= 1 - confidence; 0 if there is none.

    InputError unless 0.5 <= confidence < 1, as everywhere here.
    """
    from scipy.special import bdtr

    risk, low, high = _risk(confidence), 0, runs // 2 + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if 2 * bdtr(middle - 1, runs, 0.5) <= risk else (low, middle)
    return low


def mean(values: np.ndarray, confidence: float) -> Estimate:
    """Of values (n,) of either sign."""
    centre, half = float(np.mean(values)), _half_width(values, confidence)
    return Estimate(centre, centre - half, centre + half, LIMIT)


def variance(values: np.ndarray, confidence: float) -> Estimate:
    """Of the law of values (n,): the mean square of the deviations, each from the mean, which costs one run."""
    runs = len(values)
    if runs < 3:  # two deviations are of one size, which would pass for certainty
        return Estimate(float(np.var(values, ddof=runs - 1)), 0.0, math.inf, LIMIT)
    squares = (values - np.mean(values)) ** 2 * (runs / max(runs - 1, 1))
    found = mean(squares, confidence)
    return Estimate(found.measured, max(found.low, 0.0), found.high, LIMIT)


def mean_of_exponentials(logs: np.ndarray, confidence: float) -> Estimate:
    """Of the positive quantities, or zeros, whose logarithms (n,) are given."""
    largest = float(np.max(logs))
    if largest == -math.inf:
        return Estimate(-math.inf, -math.inf, math.inf, LIMIT, True, -math.inf, 1.0)
    shares = np.exp(np.sort(logs) - largest)
    centre, half = float(np.mean(shares)), _half_width(shares, confidence)
    low, high, sure = (largest + _log(x) for x in (centre - half, centre + half, _trimmed(shares, _risk(confidence))))
    return Estimate(largest + math.log(centre), low, high, LIMIT, True, sure, float(shares[-1] / np.sum(shares)))


def chance(events: np.ndarray, confidence: float) -> Estimate:
    """Of an event, from whether it occurred (n,)."""
    from linres.chance import interval

    occurred = int(np.sum(events))
    low, high = interval(occurred, len(events), Fraction(_risk(confidence)))
    return Estimate(occurred / len(events), float(low), float(high), SEQUENTIAL)


def _trimmed(ordered: np.ndarray, risk: float) -> float:
    """The mean of ordered (n,) >= 0 with the largest of them, a share of sqrt(log(1/risk)/(2n)), put to 0."""
    runs = len(ordered)
    kept = np.clip(runs * (1 - math.sqrt(math.log(1 / risk) / (2 * runs))) - np.arange(runs), 0, 1)
    return float(ordered @ kept / runs)


def _half_width(values: np.ndarray, confidence: float) -> float:
    from scipy.special import stdtrit

    risk, runs = _risk(confidence), len(values)
    if runs < 2:
        return math.inf
    return float(stdtrit(runs - 1, 1 - risk / 2) * np.std(values, ddof=1) / math.sqrt(runs))


def _risk(confidence: float) -> float:
    if not 0.5 <= confidence < 1:
        raise refuse("estimate(confidence=...)", "at least 0.5 and less than 1", f"{confidence:g}")
    return 1 - confidence


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


def moments(log_norm: np.ndarray, log_distance: np.ndarray, confidence: float) -> dict[str, Estimate]:
    """Of log |h_L|^2/|h_0|^2 and log |h_L - h_0|/|h_0|, (n,) each: by the names of `linres.depth_scaling.QUANTITIES`.

    A state of 0 counts as 0 in moments and medians; the mean of its logarithm is -inf, and the variance undefined, nan.
    """
    finite = bool(np.all(np.isfinite(log_norm)))
    lost = Estimate(-math.inf, -math.inf, math.inf, LIMIT)
    return {
        "mean_square": mean_of_exponentials(log_norm, confidence),
        "mean_square_distance": mean_of_exponentials(2 * log_distance, confidence),
        "mean_fourth_power": mean_of_exponentials(2 * log_norm, confidence),
        "median_norm": median(log_norm / 2, confidence, logs=True),
        "median_distance": median(log_distance, confidence, logs=True),
        "log_mean": mean(log_norm, confidence) if finite else lost,
        "log_variance": variance(log_norm, confidence) if finite else replace(lost, measured=math.nan, low=0.0),
        "grows": chance(log_norm > 0, confidence),
    }


def median_range(values: np.ndarray, runs: int, confidence: float) -> tuple[float, float]:
    """Where medians of so many fresh runs fall with that chance, for the law of values (n,) taken as it is seen.

    The median of r runs lies between its two middle ones; that the k-th smallest is below a quantile p has the chance
    P(Bin(r, p) >= k), a beta law, for every continuous law of the values.
    """
    from scipy.special import betaincinv

    low, high = (runs + 1) // 2, runs // 2 + 1
    risk = _risk(confidence)
    levels = betaincinv(low, runs - low + 1, risk / 2), betaincinv(high, runs - high + 1, 1 - risk / 2)
    found = np.quantile(values, levels)
    return float(found[0]), float(found[1])
