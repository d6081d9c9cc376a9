"""Random residual networks with finitely many outcomes, all equally likely: expectations are then exact averages.

A random vector is a matrix with a column for each outcome, and the inner product of two such matrices is their
expected inner product, times the number of outcomes: what is claimed of expectations is claimed of inner products, in
the Hilbert space of random vectors.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from linres.arithmetic import Arithmetic
from linres.methods import propagation

Table = tuple[tuple[Fraction, ...], ...]
_ONE, _NONE, _HALF = Fraction(1), Fraction(0), Fraction(1, 2)


def _sum(law: Sequence[Table], other: Sequence[Table]) -> tuple[Table, ...]:
    """Block matrices a (x) b, a of one law and b of the other."""
    return tuple(
        tuple(tuple(x * y for x in row for y in below) for row in a for below in b) for a, b in product(law, other)
    )


def _signed(law: Sequence[Table]) -> tuple[Table, ...]:
    return tuple(tuple(tuple(sign * x for x in row) for row in a) for sign in (1, -1) for a in law)


# A basis of the d x d matrices with <B_i, B_j> = d for i = j, else 0: drawn evenly, the entries of its members are
# uncorrelated and of variance 1/d.
_PLANE: tuple[Table, ...] = (
    ((_ONE, _NONE), (_NONE, _ONE)), ((_NONE, -_ONE), (_ONE, _NONE)),
    ((_ONE, _NONE), (_NONE, -_ONE)), ((_NONE, _ONE), (_ONE, _NONE)),
)
# By name: laws of a layer V with entries of mean 0 and variance 1/d, uncorrelated.
LAWS: dict[str, tuple[Table, ...]] = {
    "sign": _signed([((_ONE,),)]),
    "three values": (((2 * _ONE,),), ((-2 * _ONE,),), *[((_NONE,),)] * 6),
    "skewed": (((2 * _ONE,),), *[((-_HALF,),)] * 4),
    "plane": _signed(_PLANE),
    "space": _signed(_sum(_PLANE, _PLANE)),
}


class Propagated(NamedTuple):
    """States h_0, ..., h_T and V_1 h_0, ..., V_T h_{T-1}, each as a matrix with a column for each outcome."""

    states: list[Any]
    moved: list[Any]


@dataclass(frozen=True)
class Layers:
    """Independent layers from a law of LAWS: h_{k+1} = h_k + scale V_{k+1} h_k from start (d rationals)."""

    law: str
    start: tuple[Fraction, ...]
    scale: Fraction
    depth: int

    @property
    def outcomes(self) -> tuple[tuple[Table, ...], ...]:
        """All equally likely sequences V_1, ..., V_T."""
        return tuple(product(LAWS[self.law], repeat=self.depth))

    def record(self, arithmetic: Arithmetic, *, step: Callable = propagation.step) -> Propagated:
        """The states in the arithmetic; `step` may be another method."""
        return propagated(self, arithmetic, step)


@dataclass(frozen=True)
class DependentLayers:
    """As `Layers`, with any equally likely sequences of layers, all of one length."""

    outcomes: tuple[tuple[Table, ...], ...]
    start: tuple[Fraction, ...]
    scale: Fraction

    @property
    def depth(self) -> int:
        """T."""
        return len(self.outcomes[0])

    def record(self, arithmetic: Arithmetic, *, step: Callable = propagation.step) -> Propagated:
        """The states in the arithmetic; `step` may be another method."""
        return propagated(self, arithmetic, step)


def propagated(network: Layers | DependentLayers, arithmetic: Arithmetic, step: Callable) -> Propagated:
    """Every outcome by itself; sequences that begin alike share their beginning."""
    scale, start = arithmetic.number(network.scale), arithmetic.matrix([[x] for x in network.start])
    matrix = cache(arithmetic.matrix)

    @cache
    def reached(layers: tuple[Table, ...]) -> tuple[Any, Any]:
        """The state after these layers, and what the last of them made of the one before."""
        if not layers:
            return start, None
        before, _ = reached(layers[:-1])
        last = matrix(layers[-1])
        return step(before, lambda state: last @ state, scale=scale), last @ before

    made = [[reached(layers[:k]) for layers in network.outcomes] for k in range(network.depth + 1)]
    states = [_beside([state for state, _ in row], arithmetic) for row in made]
    return Propagated(states, [_beside([moved for _, moved in row], arithmetic) for row in made[1:]])


def _beside(columns: list[Any], arithmetic: Arithmetic) -> Any:
    entries = [column.ravel().tolist() if isinstance(column, np.ndarray) else column.entries() for column in columns]
    return arithmetic.matrix(list(zip(*entries, strict=True)))


def networks(most: int = 1100):
    """Independent layers of every law, as many as have at most so many outcomes, of any scale and start."""
    from hypothesis import strategies as st

    from linres.strategies import rationals, scales, shares

    @st.composite
    def drawn(draw):
        law = draw(st.sampled_from(sorted(LAWS)))
        width, size = len(LAWS[law][0]), len(LAWS[law])
        deepest = next(depth for depth in range(12) if size ** (depth + 1) > most)
        start = draw(st.lists(rationals(), min_size=width, max_size=width))
        return Layers(law, tuple(start), draw(shares(8)) * draw(scales(3)), draw(st.integers(1, min(deepest, 6))))

    return drawn()
