"""Rational instances of deep linear residual networks on least squares, with spectra that are known exactly.

A block is P diag(values) Q with reflections P and Q: its singular values are the absolute values, all rational. So
statements about spectral norms are checked without rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import flint
import numpy as np

from linres import network
from linres.arithmetic import EXACT, Arithmetic, inner
from linres.bounds import fraction
from linres.instances import Rationals, reflection

Table = tuple[Rationals, ...]
DEPTH = 3  # of networks in bulk
SQUARES = (1, 2, 3)  # their dimensions


class Measured(NamedTuple):
    """A network in one arithmetic: blocks, the offset E = W - W*, the loss's gradient there and its excess."""

    blocks: list[Any]
    offset: Any
    slope: Any
    excess: Any


@dataclass(frozen=True)
class LinearNetwork:
    """Blocks w_1, ..., w_n as tables (d rows of d), the first applied first, and the loss weight/2 E|W x - y|^2.

    weight is 1 for half the expected square and 2 for all of it. sigma is the moment matrix E[x x^T], target the best
    map W*; the excess of the loss is weight/2 tr((W - W*) sigma (W - W*)^T). reach is a number that no block's spectral
    norm exceeds, mu one that no eigenvalue of weight times sigma falls below: both are claims, which are checked.
    """

    blocks: tuple[Table, ...]
    reach: Fraction
    sigma: Table
    target: Table
    mu: Fraction
    weight: Fraction = Fraction(1)

    def measured(self, arithmetic: Arithmetic) -> Measured:
        """The network in the arithmetic."""
        blocks = list(map(arithmetic.matrix, self.blocks))
        offset = self.end_to_end(arithmetic) - arithmetic.matrix(self.target)
        slope = arithmetic.number(self.weight) * (offset @ arithmetic.matrix(self.sigma))
        return Measured(blocks, offset, slope, inner(slope, offset) / 2)

    def end_to_end(self, arithmetic: Arithmetic) -> Any:
        """The map W of all blocks."""
        start = arithmetic.matrix(identity(len(self.sigma)))
        return network.end_to_end(list(map(arithmetic.matrix, self.blocks)), start)


def sums_of_squares(matrices: Sequence[Any]) -> dict[int, Any]:
    """{k: sum of the squared norms of the first k matrices}, for k = 0, 1, ..., all."""
    sums = {0: 0 * inner(matrices[0], matrices[0])}
    for k, matrix in enumerate(matrices):
        sums[k + 1] = sums[k] + inner(matrix, matrix)
    return sums


def spectral_norm(matrix: Any) -> Any:
    """The largest singular value of a square rational matrix: itself where it is rational, else enclosed by a ball."""
    squares = (matrix @ matrix.T).data.charpoly()
    largest = max((root.real for root, _ in squares.complex_roots()), key=lambda root: root.upper().fmpq())
    exact = [root for root, _ in squares.roots() if largest.overlaps(flint.arb(root))]
    return EXACT.sqrt(max(exact)) if exact else largest.sqrt()


def identity(d: int, scale: Fraction = Fraction(1)) -> Table:
    """The table of scale times the identity."""
    return diagonal((scale,) * d)


def diagonal(values: Sequence[Fraction]) -> Table:
    """The diagonal table with these entries."""
    return tuple(tuple(value if i == j else Fraction(0) for j in range(len(values))) for i, value in enumerate(values))


def table(matrix: Any) -> Table:
    """The rational matrix as a table of Fractions."""
    return tuple(tuple(map(fraction, row)) for row in matrix.data.tolist())


def spectral(values: Rationals, left: Rationals = (), right: Rationals = ()) -> Table:
    """P diag(values) Q for the reflections P and Q with the normals left and right, () for none."""
    d = len(values)
    middle = EXACT.matrix(diagonal(values))
    return table(reflection(left, d, EXACT) @ middle @ reflection(right, d, EXACT))


def at_offset(
    blocks: tuple[Table, ...], *, reach: Fraction, eigenvalues: Rationals, displacement: Table,
    mirror: Rationals = (), weight: Fraction = Fraction(1),
) -> LinearNetwork:
    """The network whose target is W - E: column j of the displacement is E along the eigenvector of eigenvalues[j]."""
    d = len(eigenvalues)
    basis = reflection(mirror, d, EXACT)
    sigma = basis @ EXACT.matrix(diagonal(eigenvalues)) @ basis
    reached = network.end_to_end(list(map(EXACT.matrix, blocks)), EXACT.matrix(identity(d)))
    target = reached - EXACT.matrix(displacement) @ basis
    return LinearNetwork(blocks, reach, table(sigma), table(target), weight * min(eigenvalues), weight)


def extremal(
    *, depth: int, reach: Fraction, eigenvalues: Rationals, displacement: Table, weight: Fraction = Fraction(1)
) -> LinearNetwork:
    """Every block -reach I. Attained if the displacement is along eigenvectors of the least eigenvalue."""
    blocks = (identity(len(eigenvalues), -reach),) * depth
    return at_offset(blocks, reach=reach, eigenvalues=eigenvalues, displacement=displacement, weight=weight)


def networks(min_depth: int = 1, max_depth: int = 4, max_dimension: int = 3, weights: Sequence[int] = (1, 2)):
    """Hypothesis strategy: networks of any width up to 3, reach in [0, 1), spectrum, scale and offset."""
    from hypothesis import strategies as st

    from linres.strategies import scales, shares, tables, vectors

    @st.composite
    def drawn(draw):
        d, depth = draw(st.integers(1, max_dimension)), draw(st.integers(min_depth, max_depth))
        reach = draw(shares().filter(lambda share: share < 1))
        normals = st.one_of(st.just(()), vectors(d))
        several = st.lists(st.one_of(st.just(Fraction(1)), shares(8)), min_size=d, max_size=d)
        signed = several.map(lambda values: tuple(reach * (2 * value - 1) for value in values))
        lowest = st.just((-reach,) * d)
        mirrors = [draw(normals) for _ in range(depth)]
        blocks = tuple(
            spectral(draw(st.one_of(lowest, signed)), left, draw(st.one_of(st.just(left), normals))) for left in mirrors
        )
        scale = draw(scales(8))
        eigenvalues = tuple(scale * k / 4 for k in draw(st.lists(st.integers(1, 16), min_size=d, max_size=d)))
        return at_offset(
            blocks, reach=reach, eigenvalues=eigenvalues, displacement=draw(tables(d)), mirror=draw(normals),
            weight=Fraction(draw(st.sampled_from(weights))),
        )

    return drawn()


class Bulk(NamedTuple):
    """Many networks of DEPTH blocks in float64, and how to rebuild the k-th. reach, mu and excess are (n,); squares
    (DEPTH blocks, DEPTH stages, n) has the squared norms of every stage of every gradient, the slope's first;
    determinants (DEPTH, n) those of I + w."""

    reach: np.ndarray
    mu: np.ndarray
    excess: np.ndarray
    squares: np.ndarray
    determinants: np.ndarray
    instance: Any

    def sums(self) -> np.ndarray:
        """(DEPTH + 1, n) the sums of the squared gradients of the first blocks, of none to all."""
        return np.concatenate([np.zeros((1, len(self.mu))), np.cumsum(self.squares[:, -1], axis=0)])


def bulk(generator: np.random.Generator, count: int, widths: Sequence[int] = SQUARES) -> Bulk:
    """count networks or a few more: blocks reach times signed permutations of shares, all of them dyadic."""
    each = -(-count // len(widths))
    parts = [_part(generator, each, d) for d in widths]

    def instance(k: int) -> LinearNetwork:
        return parts[k // each].instance(k % each)

    reach, mu, excess, squares, determinants = (
        np.concatenate(same, axis=-1) for same in zip(*(part[:-1] for part in parts), strict=True)
    )
    return Bulk(reach, mu, excess, squares, determinants, instance)


def _part(generator: np.random.Generator, count: int, d: int) -> Bulk:
    """count networks of one width."""
    reach = generator.integers(0, 16, count) / 16
    shares = generator.integers(-8, 9, (DEPTH, count, d)) / 8
    shares = np.where(generator.integers(0, 2, (DEPTH, count, 1)) > 0, shares, -1.0)
    order = np.argsort(generator.random((DEPTH, count, d)), axis=-1)
    places = np.where(generator.integers(0, 2, (DEPTH, count, 1)) > 0, order, np.arange(d))
    blocks = np.eye(d)[places] * (reach[:, None] * shares)[..., None]
    scale = np.exp2(generator.integers(-6, 7, count))
    eigenvalues = scale[:, None] * generator.integers(1, 17, (count, d)) / 4
    offset = generator.integers(-16, 17, (count, d, d)) / 4
    slope = offset * eigenvalues[:, None, :]
    start = _Batched(np.broadcast_to(np.eye(d), offset.shape))
    reached = network.end_to_end([_Batched(block) for block in blocks], start)
    squares = np.array([_squares(blocks, position, slope) for position in range(DEPTH)])

    def instance(k: int) -> LinearNetwork:
        target = reached.data[k] - offset[k]
        return LinearNetwork(
            tuple(_fractions(block) for block in blocks[:, k]), Fraction(float(reach[k])),
            diagonal([Fraction(float(value)) for value in eigenvalues[k]]), _fractions(target),
            Fraction(float(eigenvalues[k].min())),
        )

    excess, determinants = np.sum(slope * offset, axis=(1, 2)) / 2, np.linalg.det(np.eye(d) + blocks)
    return Bulk(reach, eigenvalues.min(axis=1), excess, squares, determinants, instance)


class Gradients(NamedTuple):
    """The middle blocks of many networks of three in the plane, (n, 2, 2) float64, and how to rebuild the k-th: maps
    above and below, the slope, the gradient as computed, and central differences of the loss in every entry."""

    above: np.ndarray
    below: np.ndarray
    slope: np.ndarray
    gradient: np.ndarray
    derivatives: np.ndarray
    instance: Any


def gradients_in_bulk(generator: np.random.Generator, count: int) -> Gradients:
    """count networks of dyadic blocks, of which sums and products are exact."""
    one = np.eye(2)
    blocks = generator.integers(-4, 5, (3, count, 2, 2)) / 4
    offset = generator.integers(-8, 9, (count, 2, 2)) / 4
    eigenvalues = np.exp2(generator.integers(-4, 5, (count, 1, 2)))
    low, middle, high = one + blocks
    target = high @ middle @ low - offset
    slope = offset * eigenvalues
    made = network.block_gradients([_Batched(block) for block in blocks], _Batched(slope))

    def loss(moved):
        distance = high @ moved @ low - target
        return np.sum(distance * eigenvalues * distance, axis=(1, 2)) / 2

    units = np.eye(4).reshape(4, 2, 2)
    derivatives = np.stack([(loss(middle + unit) - loss(middle - unit)) / 2 for unit in units], -1)

    def instance(k: int) -> LinearNetwork:
        values = [Fraction(float(value)) for value in eigenvalues[k, 0]]
        return LinearNetwork(
            tuple(_fractions(block) for block in blocks[:, k]), Fraction(3), diagonal(values), _fractions(target[k]),
            min(values),
        )

    return Gradients(high, low, slope, made[1].data, derivatives.reshape(-1, 2, 2), instance)


class _Batched:
    """Float64 matrices (n, d, d) with the operators of one."""

    __slots__ = ("data",)

    def __init__(self, data):
        self.data = data

    def __add__(self, other):
        return _Batched(self.data + other.data)

    def __matmul__(self, other):
        return _Batched(self.data @ other.data)

    @property
    def T(self):
        return _Batched(self.data.swapaxes(-1, -2))


def _squares(blocks: np.ndarray, position: int, slope: np.ndarray) -> np.ndarray:
    """(DEPTH, n) the squared norms at every stage of the gradient of one block, the slope first."""
    made = list(network.links([_Batched(block) for block in blocks], position, _Batched(slope)))
    stages = [made[0].before, *(link.after for link in made)]
    return np.array([np.sum(stage.data**2, axis=(1, 2)) for stage in stages])


def _fractions(matrix: np.ndarray) -> Table:
    return tuple(tuple(Fraction(float(entry)) for entry in row) for row in matrix)


@dataclass(frozen=True)
class Turns:
    """The matrices P (turn) and H (stretch), tables of rationals, of a network of `depth` blocks that makes P^n H^n."""

    turn: Table
    stretch: Table
    depth: int = 1


def turns(max_depth: int = 4, max_dimension: int = 3):
    """Hypothesis strategy: `Turns` with an invertible P, orthogonal in half of them, and any H."""
    from hypothesis import strategies as st

    from linres.strategies import tables, vectors

    @st.composite
    def drawn(draw):
        d = draw(st.integers(1, max_dimension))
        one, values = (Fraction(1),) * d, draw(st.lists(st.integers(1, 8), min_size=d, max_size=d))
        singular = draw(st.sampled_from([one, tuple(Fraction(k, 4) for k in values)]))
        return Turns(
            spectral(singular, draw(vectors(d)), draw(vectors(d))), draw(tables(d)), draw(st.integers(1, max_depth))
        )

    return drawn()


class TurnsInBulk(NamedTuple):
    """P, H and the map of two blocks of many `Turns` in the plane, (n, 2, 2) float64, and how to rebuild the k-th."""

    turn: np.ndarray
    stretch: np.ndarray
    second: np.ndarray
    instance: Any


def turns_in_bulk(generator: np.random.Generator, count: int) -> TurnsInBulk:
    """count pairs of dyadic matrices, P = [[a, b], [-b, a]] with a^2 + b^2 > 0."""
    a, b = generator.integers(1, 9, count) / 8, generator.integers(-8, 9, count) / 8
    turn = np.stack([np.stack([a, b], -1), np.stack([-b, a], -1)], -2)
    stretch = generator.integers(-16, 17, (count, 2, 2)) / 8
    block = turn @ (turn @ stretch - np.eye(2)) @ np.linalg.inv(turn)
    second = network.end_to_end([_Batched(block)], _Batched(turn @ stretch)).data

    def instance(k: int) -> Turns:
        return Turns(_fractions(turn[k]), _fractions(stretch[k]), 2)

    return TurnsInBulk(turn, stretch, second, instance)


@dataclass(frozen=True)
class Regression:
    """Block-wise least squares: moments E[x x^T] (sigma), best map, map to start from, step tau, number of blocks."""

    sigma: Table
    target: Table
    start: Table
    step: Fraction
    depth: int = 1


def regressions(max_depth: int = 4, max_dimension: int = 3):
    """Hypothesis strategy: `Regression`s from the identity or from any map (a singular one ends at once)."""
    from hypothesis import strategies as st

    from linres.strategies import moment_matrices, tables

    @st.composite
    def drawn(draw):
        d = draw(st.integers(1, max_dimension))
        start = draw(st.one_of(st.just(identity(d)), tables(d)))
        step = Fraction(draw(st.integers(1, 32)), 8)
        return Regression(draw(moment_matrices(d)), draw(tables(d)), start, step, draw(st.integers(1, max_depth)))

    return drawn()


class RegressionsInBulk(NamedTuple):
    """step (n,), start, target and the map of one block more (n, 2, 2) float64, and how to rebuild the k-th."""

    step: np.ndarray
    start: np.ndarray
    target: np.ndarray
    grown: np.ndarray
    instance: Any


def regressions_in_bulk(generator: np.random.Generator, count: int) -> RegressionsInBulk:
    """count first blocks on uncorrelated inputs, from upper triangular maps."""
    step = generator.integers(1, 33, count) / 8
    start, target = generator.integers(-16, 17, (2, count, 2, 2)) / 8
    start = np.triu(np.where(np.eye(2) > 0, np.abs(start) + 1 / 8, start))
    inputs = start @ start.swapaxes(-1, -2)
    outputs = step[:, None, None] * target @ start.swapaxes(-1, -2) + inputs
    made = outputs @ np.linalg.inv((1 + step)[:, None, None] * inputs)
    grown = network.end_to_end([_Batched(made - np.eye(2))], _Batched(start)).data

    def instance(k: int) -> Regression:
        return Regression(identity(2), _fractions(target[k]), _fractions(start[k]), Fraction(float(step[k])))

    return RegressionsInBulk(step, start, target, grown, instance)
