"""Coordinates for the numbers of an instance, free of scale: vectors of floats around a start, which is 0.

Three charts. In `tied`, numbers that are equal at the start but for the sign move together, by a factor exp(u), and
zeros stay zero: symmetric tables stay symmetric, starts at rest stay at rest. In `scaled` each nonzero number has a
factor of its own. In `free` each number v becomes v + s u, s = |v|, or a typical size for v = 0: signs may change. A
number whose coordinate is 0 stays exactly what it was.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import exp, isfinite
from typing import Any

import numpy as np

from linres.rungs.leaves import leaves, rebuilt, ties


@dataclass(frozen=True)
class Chart:
    """`dimension` coordinates, each from -reach to reach; at(u) is the instance there, None if a number overflows."""

    dimension: int
    reach: float
    at: Callable[[Any], Any]


def _instance(start: Any, numbers: Sequence[Fraction | float]) -> Any:
    if not all(isfinite(number) for number in numbers if type(number) is float):
        return None
    return rebuilt(start, numbers)


def tied(start: Any) -> Chart:
    """A coordinate for each size among the nonzero numbers."""
    numbers = leaves(start)
    return _by_factors(start, numbers, ties(numbers))


def scaled(start: Any) -> Chart:
    """A coordinate for each nonzero number."""
    numbers = leaves(start)
    return _by_factors(start, numbers, [[(k, 1)] for k, number in enumerate(numbers) if number])


def _by_factors(start: Any, numbers: list[Fraction], groups: list[list[tuple[int, int]]]) -> Chart:
    sizes = [float(numbers[group[0][0]] * group[0][1]) for group in groups]

    def at(u):
        moved: list[Fraction | float] = list(numbers)
        for group, size, coordinate in zip(groups, sizes, u, strict=True):
            for position, sign in group if coordinate else ():
                moved[position] = sign * size * exp(coordinate)
        return _instance(start, moved)

    return Chart(len(groups), 20.0, at)


def free(start: Any) -> Chart:
    """A coordinate for each number."""
    numbers = leaves(start)
    sizes = np.array([abs(float(number)) for number in numbers])
    typical = float(np.exp(np.mean(np.log(sizes[sizes > 0])))) if np.any(sizes > 0) else 1.0
    steps = np.where(sizes > 0, sizes, typical).tolist()

    def at(u):
        moves = [step * float(x) for step, x in zip(steps, u, strict=True)]
        if not all(map(isfinite, moves)):
            return None
        return _instance(start, [v + Fraction(move) if move else v for v, move in zip(numbers, moves, strict=True)])

    return Chart(len(numbers), 16.0, at)


CHARTS = {"tied": tied, "scaled": scaled, "free": free}
