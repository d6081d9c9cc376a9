"""Exact runs of an additive ensemble beside Nesterov's method, on losses of the values at finitely many samples.

A function is known by its values at the samples, a column; the loss is the mean of one loss per sample, and samples may
occur more than once. The gradients of squares, of Huber's loss and of the fair loss are rational, so that runs on them
are exact; the logistic loss has exponentials and runs in balls and in float64.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle, islice
from typing import Any, NamedTuple

import flint
import numpy as np

from linres.arithmetic import Arithmetic, Matrix
from linres.instances import Rationals
from linres.methods import additive, nesterov

STAGES = 3  # of runs in bulk
SAMPLES = 4  # of their losses
EXACT_LOSSES = ("squares", "huber", "fair")


def slope_of(loss: str) -> Callable[[Any, Any, Any], Any]:
    """(value, label, scale) -> the derivative of a sample's loss in the value; numbers of any arithmetic, or arrays.

    With r = value - label: "squares" r^2/2; "huber" r^2/2 for |r| <= scale and scale |r| - scale^2/2 beyond; "fair"
    scale^2 (|r|/scale - log(1 + |r|/scale)); "logistic" log(1 + exp(-label value)), which fmpq cannot have (TypeError).
    """
    return _SLOPES[loss]


def _squares(value, label, scale):
    return value - label


def _huber(value, label, scale):
    residual = value - label
    if type(residual) is flint.arb:
        return residual.max(-scale).min(scale)
    return max(-scale, min(scale, residual)) if type(residual) is flint.fmpq else np.clip(residual, -scale, scale)


def _fair(value, label, scale):
    residual = value - label
    return residual * scale / (scale + abs(residual))


def _logistic(value, label, scale):
    exponent = label * value
    if type(exponent) is flint.fmpq:
        raise TypeError("the logistic loss has no rational gradient: run it in balls or in float64")
    return -label / (1 + (exponent.exp() if type(exponent) is flint.arb else np.exp(exponent)))


_SLOPES = {"squares": _squares, "huber": _huber, "fair": _fair, "logistic": _logistic}
CURVATURE = {"squares": Fraction(1), "huber": Fraction(1), "fair": Fraction(1), "logistic": Fraction(1, 4)}  # at most


class AdditiveTraining(NamedTuple):
    """An ensemble and Nesterov's method with the same errors, sequences as {t: value}; L bounds the curvature."""

    L: Any
    momenta: dict[int, Any]
    step_sizes: dict[int, Any]
    errors: dict[int, Any]
    ensembles: dict[int, Any]
    learners: dict[int, Any]
    lookaheads: dict[int, Any]
    gradients: dict[int, Any]
    points: dict[int, Any]
    point_lookaheads: dict[int, Any]
    point_gradients: dict[int, Any]


@dataclass(frozen=True)
class AdditiveRun:
    """An ensemble trained from rest at start, the values F_0 at n samples, for len(momenta) stages.

    loss: see `slope_of`, with its scale > 0; labels: one per sample; copies: how often each sample occurs, () for once.
    momenta, step_sizes: of each stage. partitions: at stage t the base learner is, on each group of samples that have
    one number in partitions[t % len(partitions)], a multiple of feature (() for 1, which makes it constant there), and
    the step is that of the projected gradient; () for the free step. To each step comes decay^t * error.
    """

    loss: str
    labels: Rationals
    start: Rationals
    momenta: Rationals
    step_sizes: Rationals
    scale: Fraction = Fraction(1)
    copies: tuple[int, ...] = ()
    partitions: tuple[tuple[int, ...], ...] = ()
    feature: Rationals = ()
    error: Rationals = ()
    decay: Fraction = Fraction(1, 2)

    def shares(self) -> Rationals:
        """What share of all samples each one makes."""
        copies = self.copies or (1,) * len(self.labels)
        return tuple(Fraction(k, sum(copies)) for k in copies)

    def curvature(self) -> Fraction:
        """What the gradient of the loss is Lipschitz with: the largest curvature of a sample, times its share."""
        return CURVATURE[self.loss] * max(self.shares())

    def scaled(self) -> bool:
        """Whether the loss has a scale > 0."""
        return self.scale > 0

    def gradient(self, arithmetic: Arithmetic, labels: Rationals = ()) -> Callable:
        """The gradient of the loss, or of that with other labels, at a column of values."""
        slope, number = slope_of(self.loss), arithmetic.number
        scale, shares = number(self.scale), list(map(number, self.shares()))
        goals = list(map(number, labels or self.labels))

        def gradient(column):
            entries = column.ravel() if isinstance(column, np.ndarray) else column.entries()
            slopes = [share * slope(v, goal, scale) for v, goal, share in zip(entries, goals, shares, strict=True)]
            return _column_like(column, slopes)

        return gradient

    def projections(self, arithmetic: Arithmetic) -> list[Any]:
        """What projects on the base learners, one matrix for each partition."""
        feature = self.feature or (Fraction(1),) * len(self.labels)
        return [arithmetic.matrix(_projection(groups, feature)) for groups in self.partitions]

    def record(
        self, arithmetic: Arithmetic, *, stage: Callable = additive.stage, first: Rationals = (),
        resampled: Rationals = (),
    ) -> AdditiveTraining:
        """Both runs. stage: another method for the ensemble; first: f_0, () to be at rest; resampled: the labels that
        Nesterov's method sees instead."""
        momenta, step_sizes = (list(map(arithmetic.number, each)) for each in (self.momenta, self.step_sizes))
        learners, stages, errors = self._grown(arithmetic, stage, first, momenta, step_sizes)
        ensembles = dict(enumerate([_column(self.start, arithmetic), *(each.ensemble for each in stages)]))
        gradient, other = self.gradient(arithmetic), self.gradient(arithmetic, resampled)
        points, lookaheads = _accelerated(ensembles[0], other, momenta, step_sizes, errors)
        return AdditiveTraining(
            arithmetic.number(self.curvature()), _sequence(momenta), _sequence(step_sizes),
            _sequence(errors), ensembles, _sequence(learners), {t: each.lookahead for t, each in enumerate(stages)},
            {t: gradient(each.lookahead) for t, each in enumerate(stages)},
            {t - 1: each for t, each in enumerate(points)}, _sequence(lookaheads), _sequence(map(other, lookaheads)),
        )

    def _grown(self, arithmetic, stage, first, momenta, step_sizes):
        """Learners from f_0 on, what each stage leaves, and the errors that its projections and slips make."""
        gradient, ensemble = self.gradient(arithmetic), _column(self.start, arithmetic)
        nothing = (Fraction(0),) * len(self.labels)
        slip, learners = _column(self.error or nothing, arithmetic), [_column(first or nothing, arithmetic)]
        projections = islice(cycle(self.projections(arithmetic) or [None]), len(momenta))
        stages, errors = [], []
        for t, (momentum, step_size, projection) in enumerate(zip(momenta, step_sizes, projections, strict=True)):
            error = arithmetic.number(self.decay**t) * slip
            made = stage(
                ensemble, learners[-1], _projected(gradient, projection), momentum=momentum, step_size=step_size,
                error=error,
            )
            slope = gradient(made.lookahead)
            errors.append(error + step_size * (slope - _projected(gradient, projection)(made.lookahead)))
            stages.append(made)
            learners.append(made.learner)
            ensemble = made.ensemble
        return learners, stages, errors


def _projected(gradient: Callable, projection: Any) -> Callable:
    return gradient if projection is None else lambda point: projection @ gradient(point)


def _accelerated(start, gradient, momenta, step_sizes, errors) -> tuple[list, list]:
    """Nesterov's method from rest with these errors: the points x_{-1}, x_0, ..., and the lookahead points."""
    points, lookaheads = [start, start], []
    for momentum, step_size, error in zip(momenta, step_sizes, errors, strict=True):
        y, grown = nesterov.step(
            points[-1], points[-2], gradient, momentum=momentum, step_size=step_size, step_error=error
        )
        lookaheads.append(y)
        points.append(grown)
    return points, lookaheads


def _sequence(values) -> dict[int, Any]:
    return dict(enumerate(values))


def _column(entries: Rationals, arithmetic: Arithmetic) -> Any:
    return arithmetic.matrix([[entry] for entry in entries])


def _column_like(column: Any, entries: list) -> Any:
    """The entries as a column of the same arithmetic."""
    if isinstance(column, np.ndarray):
        return np.array(entries).reshape(column.shape)
    return Matrix(type(column.data)(len(entries), 1, entries))


def _projection(groups: tuple[int, ...], feature: Rationals) -> list[list[Fraction]]:
    """The matrix that projects on the functions that are, on each group, a multiple of the feature."""
    sizes = {g: sum(a * a for a, h in zip(feature, groups, strict=True) if h == g) for g in groups}
    pairs = [list(zip(groups, feature, strict=True))] * 2
    return [
        [a * b / sizes[g] if g == h and sizes[g] else Fraction(0) for h, b in pairs[1]] for g, a in pairs[0]
    ]


def additive_runs(max_stages: int = 5, max_samples: int = 4):
    """Hypothesis strategy: `AdditiveRun`s on every loss with rational gradients, with any momenta, free or boosting."""
    from hypothesis import strategies as st

    from linres.strategies import scales, vectors

    @st.composite
    def drawn(draw):
        n, stages = draw(st.integers(1, max_samples)), draw(st.integers(1, max_stages))
        one = st.integers(0, 15).map(lambda k: Fraction(k, 16))
        several = st.one_of(one.map(lambda beta: (beta,) * stages), st.tuples(*[one] * stages))
        pace = st.integers(1, 32).map(lambda k: Fraction(k, 16))
        column, group = vectors(n), st.tuples(*[st.integers(0, 2)] * n)
        return AdditiveRun(
            loss=draw(st.sampled_from(EXACT_LOSSES)), labels=draw(column), start=draw(column), momenta=draw(several),
            step_sizes=draw(st.one_of(pace.map(lambda eta: (eta,) * stages), st.tuples(*[pace] * stages))),
            scale=draw(scales(8)), copies=draw(st.one_of(st.just(()), st.tuples(*[st.integers(1, 9)] * n))),
            partitions=tuple(draw(st.lists(group, max_size=2))), feature=draw(st.one_of(st.just(()), column)),
            error=draw(st.one_of(st.just(()), column)),
        )

    return drawn()


class AdditiveBulk(NamedTuple):
    """ensembles and points (STAGES + 1, count, n, 1) of both methods in float64, and how to rebuild the k-th run."""

    ensembles: np.ndarray
    points: np.ndarray
    instance: Callable[[int], AdditiveRun]


def additive_runs_in_bulk(generator: np.random.Generator, count: int) -> AdditiveBulk:
    """count free runs without errors, on every loss with rational gradients; all numbers but the shares are dyadic.

    Samples that occur no times make fewer of them.
    """
    kinds = generator.integers(0, len(EXACT_LOSSES), count)
    labels, start = generator.integers(-32, 33, (2, count, SAMPLES, 1)) / 8
    copies = generator.integers(0, 4, (count, SAMPLES, 1))
    copies[:, 0] += 1
    momenta = generator.integers(0, 16, (STAGES, count)) / 16
    step_sizes = generator.integers(1, 17, (STAGES, count)) / 8
    shares = copies / copies.sum(axis=1, keepdims=True)

    def gradient(values):
        return shares * np.choose(kinds[:, None, None], [slope_of(loss)(values, labels, 1.0) for loss in EXACT_LOSSES])

    ensemble, learner, ensembles = start, 0 * start, [start]
    paces = momenta[:, :, None, None], step_sizes[:, :, None, None]
    for momentum, step_size in zip(*paces, strict=True):
        _, ensemble, learner = additive.stage(ensemble, learner, gradient, momentum=momentum, step_size=step_size)
        ensembles.append(ensemble)
    points, _ = _accelerated(start, gradient, paces[0], paces[1], [0.0] * STAGES)

    def instance(k: int) -> AdditiveRun:
        return AdditiveRun(
            loss=EXACT_LOSSES[kinds[k]], labels=_fractions(labels[k]), start=_fractions(start[k]),
            momenta=_fractions(momenta[:, k]), step_sizes=_fractions(step_sizes[:, k]),
            copies=tuple(map(int, copies[k].ravel())),
        )

    return AdditiveBulk(np.array(ensembles), np.array(points[1:]), instance)


def _fractions(values: np.ndarray) -> Rationals:
    return tuple(Fraction(float(value)) for value in values.ravel())
