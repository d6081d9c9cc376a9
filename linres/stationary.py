"""Stationary sequences of random numbers: exact ones as moving averages, and fractional Gaussian noise.

A random number of mean 0 is a vector here, its coordinates along independent random numbers of variance 1; the inner
product is the covariance.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from linres.arithmetic import Arithmetic
from linres.errors import refuse
from linres.instances import Rationals
from linres.methods import correlated, propagation
from linres.theorem import Batch

DEPTH, FILTER = 4, 2  # of sequences in bulk


class Sums(NamedTuple):
    """X_0, ..., X_T and v_0, ..., v_{T-1}, rows of coordinates; covariances r(0..T), variances
    c(0..T + 1) and r(1) + ... + r(t) for t = 0..T."""

    sums: list[Any]
    increments: list[Any]
    covariances: list[Any]
    variances: list[Any]
    partial: list[Any]


@dataclass(frozen=True)
class WrittenSums:
    """X_{t+1} = X_t + scale v_t from X_0 = start, with increments and what is claimed of them written down."""

    start: Rationals
    increments: tuple[Rationals, ...]
    covariances: Rationals
    variances: Rationals
    scale: Fraction

    @property
    def depth(self) -> int:
        """T."""
        return len(self.increments)

    def record(self, arithmetic: Arithmetic, *, step: Callable = propagation.step) -> Sums:
        """The sums in the arithmetic; `step` may be another method."""
        scale = arithmetic.number(self.scale)
        increments = [arithmetic.matrix([increment]) for increment in self.increments]
        sums = [arithmetic.matrix([self.start])]
        for increment in increments:
            sums.append(step(sums[-1], lambda _, added=increment: added, scale=scale))
        partial = accumulate(self.covariances[1:], initial=Fraction(0))
        numbers = (list(map(arithmetic.number, values)) for values in (self.covariances, self.variances, partial))
        return Sums(sums, increments, *numbers)


@dataclass(frozen=True)
class MovingAverage:
    """v_t = common e + sum_i weights[i] e_{t + i}, all e independent of variance 1; X_0 = start e.

    weights (1,) and common 0 are independent increments; weights () and common 1 are increments that are all the same.
    """

    weights: Rationals
    common: Fraction
    start: Fraction
    scale: Fraction
    depth: int

    def covariance(self, lag: int) -> Fraction:
        """E v_t v_{t + lag}, lag >= 0."""
        shifted = zip(self.weights[lag:], self.weights, strict=False)
        return self.common**2 + sum((x * y for x, y in shifted), start=Fraction(0))

    def written(self) -> WrittenSums:
        """With all increments, and the variances c(k) = k r(0) + 2 sum_{j < k} (k - j) r(j) of sums of k of them."""
        noises = self.depth + max(len(self.weights), 1)
        increments = tuple(
            (self.common, *(self.weights[i - t] if 0 <= i - t < len(self.weights) else Fraction(0)
                            for i in range(noises)))
            for t in range(self.depth)
        )
        covariances = tuple(map(self.covariance, range(self.depth + 1)))
        variances = tuple(
            k * covariances[0] + 2 * sum(((k - j) * covariances[j] for j in range(1, k)), start=Fraction(0))
            for k in range(self.depth + 2)
        )
        return WrittenSums((self.start, *[Fraction(0)] * noises), increments, covariances, variances, self.scale)

    def record(self, arithmetic: Arithmetic, *, step: Callable = propagation.step) -> Sums:
        """As `WrittenSums.record`."""
        return self.written().record(arithmetic, step=step)


def moving_averages():
    """Moving averages over up to 4 noises, of up to 6 increments."""
    from hypothesis import strategies as st

    from linres.strategies import rationals, scales, shares

    weights = st.lists(rationals(), max_size=4).map(tuple)
    scale = st.builds(lambda share, size: share * size, shares(8), scales(4))
    return st.builds(MovingAverage, weights, rationals(), rationals(), scale, st.integers(1, 6))


def bulk(
    generator: np.random.Generator, count: int, *, scale: Any, depth: Any, sums: Any, increments: Any,
    covariances: Any, variances: Any, partial: Any,
) -> Batch:
    """Moving averages over FILTER noises, DEPTH increments each, in float64; the arguments are symbols to measure."""
    weights = generator.integers(-32, 33, (count, FILTER)) / 8
    common, start, scales = (generator.integers(-16, 17, count) / 8 for _ in range(3))
    added = np.zeros((DEPTH, count, 1, DEPTH + FILTER + 1))
    for t in range(DEPTH):
        added[t, :, 0, 0], added[t, :, 0, t + 1 : t + 1 + FILTER] = common, weights
    reached = np.zeros((DEPTH + 1, count, 1, DEPTH + FILTER + 1))
    reached[0, :, 0, 0] = start
    reached[1:] = reached[0] + scales[:, None, None] * np.cumsum(added, axis=0)
    r = np.array([
        common**2 + np.sum(weights[:, lag:] * weights[:, : max(FILTER - lag, 0)], axis=1) for lag in range(DEPTH + 1)
    ])
    c = np.array([k * r[0] + 2 * sum((k - j) * r[j] for j in range(1, k)) for k in range(DEPTH + 2)])

    def instance(k: int) -> MovingAverage:
        shared, first, size = (Fraction(float(x[k])) for x in (common, start, scales))
        return MovingAverage(tuple(Fraction(float(x)) for x in weights[k]), shared, first, size, DEPTH)

    columns = {scale: scales, depth: DEPTH, sums: reached, increments: added, covariances: r, variances: c}
    columns[partial] = np.concatenate([np.zeros((1, count)), np.cumsum(r[1:], axis=0)])
    return Batch(columns, instance, count)


def fractional_noise(generator: np.random.Generator, hurst: float, length: int, count: int) -> np.ndarray:
    """(count, length) fractional Gaussian noise of variance 1: increments of fractional Brownian motion, Hurst index H.

    The law is exact, but for float64 (`linres.methods.correlated`). InputError for a Hurst index outside (0, 1) or no
    length.
    """
    if not 0 < hurst < 1:
        raise refuse("fractional_noise(hurst=...)", "in (0, 1)", f"{hurst}")
    if length < 1:
        raise refuse("fractional_noise(length=...)", "at least 1", f"{length}")
    eigenvalues = correlated.eigenvalues(correlated.fractional(hurst, length))
    normals = generator.standard_normal((-(-count // 2), len(eigenvalues), 2))
    return correlated.series(np.sqrt(eigenvalues / len(eigenvalues)), normals, length)[:count]
