"""The exact record of gradient descent with errors, on rational instances and on recorded float64 runs.

The errors are what the exact method leaves: drawn, rounded or wrongly computed, they are counted alike.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from linres.arithmetic import EXACT, Arithmetic, round_dyadic
from linres.instances import NesterovRun, RecordedRun
from linres.methods import descent


class Descended(NamedTuple):
    """T stages of x_{t+1} = y_t + e_t, y_t = x_t - grad f(x_t)/L; sequences as {t: value}, points and values to T."""

    q: Any
    L: Any
    minimiser: Any
    minimum: Any
    stages: int
    points: dict[int, Any]
    targets: dict[int, Any]  # y_t
    errors: dict[int, Any]  # e_t
    gradients: dict[int, Any]  # at x_t
    target_gradients: dict[int, Any]  # at y_t
    values: dict[int, Any]
    target_values: dict[int, Any]


def descended(
    instance: NesterovRun | RecordedRun, arithmetic: Arithmetic, *, step: Callable = descent.step
) -> Descended:
    """The record of gradient descent on the function of the instance; `step` may be another method.

    A `NesterovRun` gives function, start, step errors and number of stages; of a `RecordedRun` the states from x_0 on
    are taken for what gradient descent did. ValueError if a recorded run is not read in EXACT arithmetic.
    """
    q, L = arithmetic.number(instance.q), arithmetic.number(instance.L)
    if isinstance(instance, RecordedRun):
        kept = instance.record(arithmetic)
        function, points = instance.function, [kept.stages[0].x, *(stage.x_next for stage in kept.stages)]
    else:
        function = instance.function(arithmetic)
        points = list(_points(instance, function, arithmetic, L, step))
    x = dict(enumerate(points))
    stages = range(len(points) - 1)
    slopes = {t: function.gradient(x[t]) for t in stages}
    y = {t: descent.step(x[t], lambda _, t=t: slopes[t], step_size=1 / L) for t in stages}
    return Descended(
        q, L, function.minimiser, function.minimum, len(stages), x, y, {t: x[t + 1] - y[t] for t in stages}, slopes,
        {t: function.gradient(y[t]) for t in stages}, {t: function.value(point) for t, point in x.items()},
        {t: function.value(y[t]) for t in stages},
    )


def _points(instance: NesterovRun, function, arithmetic, L, step) -> Iterator[Any]:
    """x_0, ..., x_T, all but the last rounded to the bits of the instance."""
    x, slip = (arithmetic.matrix([[entry] for entry in entries]) for entries in (
        instance.x, instance.step_error or (Fraction(0),) * len(instance.x)
    ))
    yield x
    for t in range(instance.stages):
        scale = arithmetic.number(instance.decay**t)
        x = step(x, function.gradient, step_size=1 / L, error=scale * slip)
        if t + 1 < instance.stages and arithmetic is EXACT:  # short runs stay exactly as given
            x = round_dyadic(x, instance.bits)
        yield x
