"""Runs of the first-order methods of linres.methods on a quadratic, in any arithmetic: all their points.

Each goes by combinations of the gradients it has seen. What no such method can do is told by the theorems
first-order-lower-bound and chebyshev-lower-bound.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from linres.methods import chebyshev, conjugate_gradient, descent, nesterov


class Setting(NamedTuple):
    """A quadratic and what its methods know of it: gradient and Hessian as functions, q and L."""

    gradient: Callable[[Any], Any]
    hessian: Callable[[Any], Any]
    q: Any
    L: Any

    @property
    def middle(self) -> Any:
        """2/(L + mu), mu = q^2 L."""
        return 2 / ((1 + self.q * self.q) * self.L)


def _descend(x, on: Setting) -> Iterator[Any]:
    while True:
        yield x
        x = descent.step(x, on.gradient, step_size=on.middle)


def _accelerate(x, on: Setting) -> Iterator[Any]:
    before, pace = x, {"momentum": nesterov.momentum(on.q), "step_size": 1 / on.L}
    while True:
        yield x
        before, x = x, nesterov.step(x, before, on.gradient, **pace)[1]


def _chebyshev(x, on: Setting) -> Iterator[Any]:
    before, stage = x, 0
    while True:
        yield x
        weight = chebyshev.weight(stage, q=on.q)
        before, x = x, chebyshev.step(x, before, on.gradient, weight=weight, step_size=on.middle)
        stage += 1


def _conjugate_gradient(x, on: Setting) -> Iterator[Any]:
    state = conjugate_gradient.begin(x, on.gradient)
    while True:
        yield state.x
        try:
            state = conjugate_gradient.step(state, on.hessian)
        except ZeroDivisionError:  # arrived: there is nowhere to go
            state = state._replace(slope=0 * state.slope, direction=0 * state.direction)


METHODS: dict[str, Callable[[Any, Setting], Iterator[Any]]] = {
    "gradient": _descend, "nesterov": _accelerate, "chebyshev": _chebyshev, "conjugate-gradient": _conjugate_gradient,
}


def iterates(method: str, start: Any, on: Setting, steps: int) -> list[Any]:
    """x_0 = start, ..., x_steps of one of METHODS."""
    return list(islice(METHODS[method](start, on), steps + 1))
