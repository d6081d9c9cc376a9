"""Random residual networks with finitely many outcomes, all equally likely: expectations are then exact averages.

A random vector is a matrix with a column for each outcome, and the inner product of two such matrices is their
expected inner product, times the number of outcomes: what is claimed of expectations is claimed of inner products, in
the Hilbert space of random vectors.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import chain, product
from typing import Any, NamedTuple

import numpy as np

from linres.arithmetic import EXACT, Arithmetic
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
# Equally likely values with the moments of a standard normal variable up to the fifth: 0, 1, 0, 3, 0.
GAUSSIAN = (*[0] * 6, 1, 1, -1, -1, 2, -2)
# By name: laws of a layer V with entries of mean 0 and variance 1/d, uncorrelated.
LAWS: dict[str, tuple[Table, ...]] = {
    "sign": _signed([((_ONE,),)]),
    "three values": (((2 * _ONE,),), ((-2 * _ONE,),), *[((_NONE,),)] * 6),
    "skewed": (((2 * _ONE,),), *[((-_HALF,),)] * 4),
    "gaussian": tuple(((Fraction(v),),) for v in GAUSSIAN),
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
    """Every outcome by itself."""
    return Propagated(*_run(network.outcomes, network.start, network.scale, arithmetic, step))


def _run(outcomes, start, scale, arithmetic: Arithmetic, step: Callable) -> tuple[list[Any], list[Any]]:
    """States and what layers make of them, by layer, a column for each outcome."""
    states, moved = _by_layer(outcomes, start, scale, arithmetic, step)
    return [_beside(row, arithmetic) for row in states], [_beside(row, arithmetic) for row in moved]


def _by_layer(outcomes, start, scale, arithmetic: Arithmetic, step: Callable) -> tuple[list[Any], list[Any]]:
    """As `_run`, but lists of states, one for each outcome; those that begin alike share that."""
    scale, start = arithmetic.number(scale), arithmetic.matrix([[x] for x in start])
    tables = {id(table): table for layers in outcomes for table in layers}  # numbers are quicker to look up by
    matrices = {name: arithmetic.matrix(table) for name, table in tables.items()}
    named = [tuple(map(id, layers)) for layers in outcomes]

    @cache
    def reached(layers: tuple[int, ...]) -> tuple[Any, Any]:
        """The state after these layers, and what the last of them made of the one before."""
        if not layers:
            return start, None
        before, _ = reached(layers[:-1])
        last = matrices[layers[-1]]
        return step(before, lambda state: last @ state, scale=scale), last @ before

    made = [[reached(layers[:k]) for layers in named] for k in range(len(named[0]) + 1)]
    return [[state for state, _ in row] for row in made], [[moved for _, moved in row] for row in made[1:]]


def _beside(columns: list[Any], arithmetic: Arithmetic) -> Any:
    return _table([_entries(column) for column in columns], arithmetic)


def _entries(column: Any) -> list[Any]:
    return column.ravel().tolist() if isinstance(column, np.ndarray) else column.entries()


def _table(columns: Sequence[Sequence[Any]], arithmetic: Arithmetic) -> Any:
    return arithmetic.matrix(list(zip(*columns, strict=True)))


class StoppedRun(NamedTuple):
    """States s_t and moves m_t of a stopped network, r_t and marks u_t for t = 0, ..., T: a column for each outcome."""

    states: list[Any]
    moved: list[Any]
    gone: list[Any]
    marks: list[Any]


@dataclass(frozen=True)
class Stopped:
    """A network that stays where it is, outcome by outcome, once |h_t - h_0|^2 >= level: s_t, m_t = 0 from then on.

    r_t is s_t - h_0 and u_t a fixed unit vector in the outcomes that have stopped by t, in the others both are 0.
    """

    network: Layers | DependentLayers
    level: Fraction

    def record(self, arithmetic: Arithmetic) -> StoppedRun:
        """The run in the arithmetic."""
        zero, level, one = map(arithmetic.number, (Fraction(0), self.level, Fraction(1)))
        of = self.network
        made = _by_layer(of.outcomes, of.start, of.scale, arithmetic, propagation.step)
        states, moved = ([[_entries(column) for column in row] for row in rows] for rows in made)
        paths = []
        for path, moves in zip(zip(*states, strict=True), zip(*moved, strict=True), strict=True):
            nothing = [zero] * len(path[0])
            away = [[x - y for x, y in zip(now, path[0], strict=True)] for now in path]
            left = [sum((x * x for x in now), zero) >= level for now in away]
            end = left.index(True) if True in left else len(path)
            mark = [one, *nothing[1:]]
            paths.append((
                [path[min(t, end)] for t in range(len(path))],
                [move if t < end else nothing for t, move in enumerate(moves)],
                [away[end] if t >= end else nothing for t in range(len(path))],
                [mark if t >= end else nothing for t in range(len(path))],
            ))
        parts = zip(*paths, strict=True)  # each with a path for each outcome
        return StoppedRun(*([_table(now, arithmetic) for now in zip(*part, strict=True)] for part in parts))


@dataclass(frozen=True)
class Backwards:
    """Gradients that go back through a network: from p_0, p_{t+1} = p_t + scale V_{T-t}^T p_t for its layers V_1..V_T.

    outputs: the equally likely p_0, independent of the layers (d rationals each). So p_T is the gradient in h_0 of the
    inner product of h_T and p_0.
    """

    network: Layers | DependentLayers
    outputs: tuple[tuple[Fraction, ...], ...]

    @property
    def depth(self) -> int:
        """T."""
        return self.network.depth

    def record(self, arithmetic: Arithmetic) -> Propagated:
        """The gradients p_0, ..., p_T and V^T p before the last, a column for each output and outcome of the layers."""
        ran = zip(*(self._from(output, arithmetic) for output in self.outputs), strict=True)
        gradients, moved = ([list(chain(*row)) for row in zip(*parts, strict=True)] for parts in ran)
        return Propagated(*([_beside(row, arithmetic) for row in rows] for rows in (gradients, moved)))

    def _from(self, output, arithmetic: Arithmetic) -> tuple[list[Any], list[Any]]:
        return _by_layer(back(self.network.outcomes), output, self.network.scale, arithmetic, propagation.step)


def back(outcomes: Sequence[tuple[Table, ...]]) -> tuple[tuple[Table, ...], ...]:
    """The layers as gradients meet them: transposed, the last first."""
    transposed = cache(lambda layer: tuple(zip(*layer, strict=True)))
    return tuple(tuple(map(transposed, reversed(layers))) for layers in outcomes)


def gradient_of_half_the_square(network: Layers | DependentLayers, arithmetic: Arithmetic) -> Propagated:
    """As `Backwards.record`, with the last state for p_0: it depends on the layers that it then goes back through."""
    outcomes = network.outcomes
    states, _ = _by_layer(outcomes, network.start, network.scale, EXACT, propagation.step)
    columns = []
    for layers, last in zip(back(outcomes), states[-1], strict=True):
        columns.append(_by_layer((layers,), last.entries(), network.scale, arithmetic, propagation.step))
    parts = ([[column for [column] in row] for row in zip(*rows, strict=True)] for rows in zip(*columns, strict=True))
    return Propagated(*([_beside(row, arithmetic) for row in rows] for rows in parts))


@dataclass(frozen=True)
class Refined:
    """A coarse network whose every layer is the sum of `refinement` layers, and the fine one that has them in turn.

    h + scale (V_1 + ... + V_M) h against (I + scale V_M) ... (I + scale V_1) h, V_i independent, from a law of LAWS.
    """

    law: str
    start: tuple[Fraction, ...]
    scale: Fraction
    refinement: int
    depth: int

    @property
    def outcomes(self) -> tuple[tuple[Table, ...], ...]:
        """All equally likely sequences of fine layers."""
        return tuple(product(LAWS[self.law], repeat=self.depth * self.refinement))

    def _summed(self) -> tuple[tuple[Table, ...], ...]:
        steps = range(0, self.depth * self.refinement, self.refinement)
        return tuple(tuple(_total(layers[k : k + self.refinement]) for k in steps) for layers in self.outcomes)

    def record(self, arithmetic: Arithmetic) -> "Pair":
        """Both networks, a column for each outcome."""
        coarse, moved = _run(self._summed(), self.start, self.scale, arithmetic, propagation.step)
        every, _ = _run(self.outcomes, self.start, self.scale, arithmetic, propagation.step)
        fine, matrix = every[:: self.refinement], cache(arithmetic.matrix)
        moved_fine = []
        for k, state in enumerate(fine[:-1]):
            pairs = zip(_columns(state), self._summed(), strict=True)
            moved_fine.append(_beside([matrix(layers[k]) @ arithmetic.matrix(c) for c, layers in pairs], arithmetic))
        scale = arithmetic.number(self.scale)
        steps = zip(fine, fine[1:], moved_fine, strict=False)
        return Pair(coarse, fine, moved, moved_fine, [later - now - scale * step for now, later, step in steps])


class Pair(NamedTuple):
    """States h_0, ..., h_T of the coarse network and H_0, ..., H_T of the fine one, (V_1 + ... + V_M) h and
    (V_1 + ... + V_M) H of each but the last, and what the fine network adds besides."""

    coarse: list[Any]
    fine: list[Any]
    moved: list[Any]
    moved_fine: list[Any]
    rests: list[Any]


@dataclass(frozen=True)
class WrittenPair:
    """Both networks in random numbers that are written down, whatever made them: an entry for each outcome.

    start: h_0; layers: for each coarse layer what it makes of h, what it makes of H, and the rest.
    """

    start: tuple[Fraction, ...]
    scale: Fraction
    refinement: int
    layers: tuple[tuple[tuple[Fraction, ...], tuple[Fraction, ...], tuple[Fraction, ...]], ...]

    @property
    def depth(self) -> int:
        """T."""
        return len(self.layers)

    def record(self, arithmetic: Arithmetic) -> Pair:
        """Both networks, a column for each outcome."""
        scale = arithmetic.number(self.scale)
        rows = zip(*self.layers, strict=True)
        moved, moved_fine, rests = ([arithmetic.matrix([row]) for row in each] for each in rows)
        coarse, fine = [arithmetic.matrix([self.start])], [arithmetic.matrix([self.start])]
        for n, n_fine, rest in zip(moved, moved_fine, rests, strict=True):
            coarse.append(coarse[-1] + scale * n)
            fine.append(fine[-1] + scale * n_fine + rest)
        return Pair(coarse, fine, moved, moved_fine, rests)


def _columns(matrix: Any) -> list[Any]:
    rows = matrix.tolist() if isinstance(matrix, np.ndarray) else matrix.data.tolist()
    return [[[x] for x in column] for column in zip(*rows, strict=True)]


def _total(layers: Sequence[Table]) -> Table:
    return tuple(tuple(sum(x, start=_NONE) for x in zip(*rows, strict=True)) for rows in zip(*layers, strict=True))


@dataclass(frozen=True)
class Norms:
    """|h_0|^2, ..., |h_T|^2 of a network of that width: independent layers, (<h, V h>, |V h|^2)/|h|^2 of one law.

    law: equally likely values of the pair.
    """

    width: int
    law: tuple[tuple[Fraction, Fraction], ...]
    square: Fraction
    scale: Fraction
    depth: int

    def record(self, arithmetic: Arithmetic) -> tuple[list[Any], list[Any], list[Any]]:
        """|h_t|^2 for t = 0..T, and <h_t, V h_t>, |V h_t|^2 for t < T: rows with an entry for each outcome."""
        outcomes = list(product(self.law, repeat=self.depth))
        squares, along, moved = [[self.square] * len(outcomes)], [], []
        for t in range(self.depth):
            drawn = [layers[t] for layers in outcomes]
            along.append([s * x for s, (x, _) in zip(squares[-1], drawn, strict=True)])
            moved.append([s * y for s, (_, y) in zip(squares[-1], drawn, strict=True)])
            parts = zip(squares[-1], along[-1], moved[-1], strict=True)
            squares.append([s + 2 * self.scale * x + self.scale**2 * y for s, x, y in parts])
        return tuple([arithmetic.matrix([row]) for row in rows] for rows in (squares, along, moved))  # type: ignore[return-value]


@dataclass(frozen=True)
class GaussianNorms:
    """The same of a network with Gaussian layers of width root^2, as far as fourth moments of h see.

    For V with independent entries N(0, 1/d) and any h, (<h, V h>, |V h|^2) has the law of
    (|h|^2 g/sqrt(d), |h|^2 (g^2 + c)/d) with g standard normal and c of the chi-square law with d - 1 degrees of
    freedom, independent. Here g is one of GAUSSIAN, with the first five moments of g, and c is d + 1 or, twice out of
    d + 1 times, 0, with the first two moments of c: all that fourth moments of h see.
    """

    root: int
    square: Fraction
    scale: Fraction
    depth: int

    @property
    def width(self) -> int:
        """d."""
        return self.root**2

    @property
    def law(self) -> tuple[tuple[Fraction, Fraction], ...]:
        """Equally likely values of (<h, V h>, |V h|^2)/|h|^2."""
        d = self.width
        chi_square = [0, 0, *[d + 1] * (d - 1)] if d > 1 else [0]
        return tuple((Fraction(g, self.root), Fraction(g * g + c, d)) for g in GAUSSIAN for c in chi_square)

    def record(self, arithmetic: Arithmetic) -> tuple[list[Any], list[Any], list[Any]]:
        """|h_t|^2 for t = 0..T, and <h_t, V h_t>, |V h_t|^2 for t < T: rows with an entry for each outcome."""
        return Norms(self.width, self.law, self.square, self.scale, self.depth).record(arithmetic)


def _law(draw, most: int) -> tuple[str, int, int]:
    """A law, its width, and how many of its layers have at most so many outcomes."""
    from hypothesis import strategies as st

    law = draw(st.sampled_from(sorted(LAWS)))
    return law, len(LAWS[law][0]), next(n for n in range(12) if len(LAWS[law]) ** (n + 1) > most)


def networks(most: int = 1100):
    """Independent layers of every law, as many as have at most so many outcomes, of any scale and start."""
    from hypothesis import strategies as st

    from linres.strategies import rationals, scales, shares

    @st.composite
    def drawn(draw):
        law, width, deepest = _law(draw, most)
        start = draw(st.lists(rationals(), min_size=width, max_size=width))
        return Layers(law, tuple(start), draw(shares(8)) * draw(scales(3)), draw(st.integers(1, min(deepest, 6))))

    return drawn()


def stopped_networks(most: int = 32):
    """Networks as drawn by `networks`, stopped at a distance that some outcomes reach, if not all."""
    from hypothesis import strategies as st

    from linres.strategies import scales

    @st.composite
    def drawn(draw):
        network = draw(networks(most))
        size = sum(x * x for x in network.start) or Fraction(1)
        return Stopped(network, (network.scale**2 or 1) * size * draw(scales(3)))

    return drawn()


def backward_networks(most: int = 64):
    """Networks as drawn by `networks`, and one to three gradients that come in."""
    from hypothesis import strategies as st

    from linres.strategies import rationals

    @st.composite
    def drawn(draw):
        network = draw(networks(most))
        width = len(network.start)
        gradients = st.lists(rationals(), min_size=width, max_size=width).map(tuple)
        return Backwards(network, tuple(draw(st.lists(gradients, min_size=1, max_size=3))))

    return drawn()


def refinements(most: int = 520):
    """Coarse and fine networks of every law, with at most so many outcomes."""
    from hypothesis import strategies as st

    from linres.strategies import rationals, scales, shares

    @st.composite
    def drawn(draw):
        law, width, layers = _law(draw, most)
        refinement = draw(st.integers(1, min(layers, 4)))
        start = draw(st.lists(rationals(), min_size=width, max_size=width))
        depth = draw(st.integers(1, layers // refinement))
        return Refined(law, tuple(start), draw(shares(8)) * draw(scales(3)), refinement, depth)

    return drawn()


def gaussian_norms():
    """Norms of networks of width 1, 4 and 9, with at most 144 outcomes."""
    from hypothesis import strategies as st

    from linres.strategies import scales, shares

    shapes = st.sampled_from([(1, 1), (1, 2), (2, 1), (3, 1)])
    return st.builds(
        lambda shape, square, share, scale: GaussianNorms(shape[0], square, share * scale, shape[1]),
        shapes, scales(6), shares(8), scales(3),
    )
