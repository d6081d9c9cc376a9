"""In float64, of many instances or stages at once: for sampling and plots, never for a verdict."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from linres.errors import refuse
from linres.evaluate.products import Stack
from linres.evaluate.walk import Missing, Walk
from linres.language import NUMBERS


class Float(Walk):
    """float64, vectorised over instances: arrays (n,), matrices (n, d, d), sequences indexed by stage first."""

    def number(self, node):
        return node.p / node.q

    def measured(self, value):
        array = np.asarray(value, dtype=float)
        return Stack(array) if array.ndim == 3 else array[()]

    def root(self, value):
        return np.sqrt(value)

    def reciprocal(self, value):
        return value.inverse() if isinstance(value, Stack) else 1 / value

    def at_stage(self, label, index):
        return self.measured(self.row[label][self.stage(index)])

    def special(self, node):
        return float(node) if node.is_number else getattr(np, type(node).__name__.lower())(self.value(node.args[0]))


class Curve(Float):
    """float64, vectorised over stages: for the right side of a conclusion at many horizons at once."""

    def lookup(self, node):
        return self.stages[node] if node in self.stages else super().lookup(node)

    def at_stage(self, label, index):
        values, stages = np.asarray(self.row[label], dtype=float), np.asarray(self.value(index)).astype(int)
        if values.size == 1:  # the same at every stage
            return values.ravel()[0]
        if stages.size and not 0 <= stages.min() <= stages.max() < len(values):
            raise Missing(f"{label} at the stages {stages.min()} to {stages.max()}")
        return values[stages]

    def power(self, base, exponent):
        if type(exponent) in NUMBERS:
            return super().power(base, exponent)
        return self.value(base) ** self.value(exponent)

    def geometric_sum(self, node):
        from linres.kernels import recurrence

        start, ratio, forcing, t, T = node.args
        horizon = np.asarray(self.row[T])
        stages = np.arange(horizon.max(initial=0))
        terms = np.broadcast_to(self.at(t, stages).value(forcing), stages.shape).astype(float)
        return recurrence.run(float(self.value(start)), float(self.value(ratio)), terms)[horizon]


def bound(theorem: Any, values: Mapping[str, Any]) -> Any:
    """The right side of the theorem's conclusion in float64.

    values: by symbol name, scalars or arrays that broadcast; a sequence by its label, as an array over stages or one
    number for all; the horizon T as an integer or an integer array. InputError for a name that the theorem does not
    have or that is missing, or a sequence that is too short.
    """
    symbols = {str(s): s for s in theorem.symbols}
    unknown = [name for name in values if name not in symbols]
    if unknown:
        raise refuse(f"{theorem.name}.bound({unknown[0]}=...)", f"one of {', '.join(symbols)}", repr(unknown[0]))
    walk = Curve({symbols[name]: value for name, value in values.items()}, theorem.definitions)
    try:
        return walk.value(theorem.conclusion.rhs)
    except Missing as missing:
        raise refuse(f"{theorem.name}.bound(...)", "given every symbol of the right side", missing) from None
