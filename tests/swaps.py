"""Swapping a measured value for 1.1 times itself, and what becomes of it: it must never hold in silence."""

from collections.abc import Mapping
from dataclasses import replace

import flint

from linres.arithmetic import EXACT
from linres.language import NotExact
from linres.rungs import rigorous

FACTOR = flint.fmpq(11, 10)


def places(theorem, instance):
    """(row, symbol, stage) of everything measured; stage is None for what is no sequence."""
    for position, row in enumerate(theorem.measure(instance, EXACT)):
        for symbol, value in row.items():
            for stage in value if isinstance(value, Mapping) else (None,):
                yield position, symbol, stage


def swapped(theorem, place):
    """The theorem with the value at that place measured 10 percent too large."""
    position, symbol, stage = place

    def measure(instance, arithmetic):
        rows = [{**row} for row in theorem.measure(instance, arithmetic)]
        value = rows[position][symbol]
        rows[position][symbol] = FACTOR * value if stage is None else {**value, stage: FACTOR * value[stage]}
        return rows

    return replace(theorem, measure=measure)


def outcome(theorem, instance):
    """"holds" if every row does, else how the fault shows."""
    try:
        checked = rigorous.check(theorem, instance)
    except (rigorous.Disagree, NotExact) as noticed:
        return type(noticed).__name__
    if checked.failure:
        return "failure"
    return "rejected" if checked.rejected else "undecided" if checked.undecided else "holds"
