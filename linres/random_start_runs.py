"""Exact runs of stagewise training whose blocks start at random, all outcomes at once.

Chance is finite: every stage draws its start from a few equally likely tables of mean 0, independently of the others,
and so all outcomes are run one by one. A random matrix is then a column of blocks, one for each outcome; its mean is
what the projection P makes of it, which puts the average of the blocks into each place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from linres.arithmetic import Arithmetic, Matrix, divide
from linres.instances import NesterovRun
from linres.linear_networks import Table, identity
from linres.methods import descent, random_start

Laws = tuple[tuple[Table, ...], ...]
STAGES = 2  # of runs in bulk
OUTCOMES = 16  # at most, of drawn runs


class RandomTraining(NamedTuple):
    """All outcomes of a run: columns of m blocks (d x d), the starts as m x m blocks; sequences as {t: value}.

    L is at least the largest eigenvalue of sigma; points are those of gradient descent on the mean target.
    """

    step_size: Any
    L: Any
    averaging: Any
    sigma: Any
    target: Any
    starts: dict[int, Any]
    noises: dict[int, Any]
    lookaheads: dict[int, Any]
    networks: dict[int, Any]
    means: dict[int, Any]
    points: dict[int, Any]


@dataclass(frozen=True)
class RandomStartRun:
    """Stagewise training on least squares with moment matrix sigma, one stage for each of the laws.

    laws[t]: the equally likely starts of block t + 1 but the last, which is minus their sum, so that the mean is 0.
    targets: the equally likely best maps: one for the loss as it is, more for labels with noise. Tables have d rows of
    d.
    """

    sigma: Table
    targets: tuple[Table, ...]
    start: Table
    laws: Laws
    step_size: Fraction

    def outcomes(self, bias: Fraction = Fraction(0)) -> list[tuple[Table, ...]]:
        """Every outcome: the target and the start of each block. bias: what is added to all entries of all starts."""
        return list(product(self.targets, *_outcomes(self.laws, bias)))

    def record(
        self, arithmetic: Arithmetic, *, stage: Callable = random_start.stage, bias: Fraction = Fraction(0),
        repeated: bool = False, momentum: Fraction = Fraction(0),
    ) -> RandomTraining:
        """The run. Wrong ones: repeated, every block starts as the first one did; momentum, not at random, but at so
        many times the last change of the map (zero start first), for invertible maps."""
        sigma, step_size = arithmetic.matrix(self.sigma), arithmetic.number(self.step_size)
        share, runs, outcomes = arithmetic.number(momentum), [], self.outcomes(bias)
        for outcome in outcomes:
            goal, *blocks = map(arithmetic.matrix, outcome)
            start_of = _random(blocks[:1] * len(blocks) if repeated else blocks) if not momentum else _stacked_on(share)
            runs.append(_run(
                arithmetic.matrix(self.start), lambda point, goal=goal: (point - goal) @ sigma, len(blocks), start_of,
                partial(stage, step_size=step_size),
            ))
        averaging = arithmetic.matrix(_averaging(len(outcomes), len(self.sigma)))
        target = _stacked([arithmetic.matrix(each) for each, *_ in outcomes])
        starts_, noises, lookaheads, networks = (_by_stage([run[k] for run in runs]) for k in range(4))
        networks = {t: _stacked(blocks) for t, blocks in networks.items()}
        return RandomTraining(
            step_size, arithmetic.number(sum(row[i] for i, row in enumerate(self.sigma))), averaging, sigma, target,
            {t: _diagonal(blocks) for t, blocks in starts_.items()}, {t: _stacked(b) for t, b in noises.items()},
            {t: _stacked(b) for t, b in lookaheads.items()}, networks,
            {t: averaging @ network for t, network in networks.items()},
            _descended(networks[0], averaging @ target, sigma, step_size, len(self.laws)),
        )


def _random(blocks: list[Any]) -> Callable:
    """The start of a block, given the networks so far: the one drawn."""
    return lambda networks: blocks[len(networks) - 1]


def _stacked_on(momentum: Any) -> Callable:
    """The start of a block, given the networks so far: momentum times the last block, 0 if there is none."""
    def start(networks):
        before, now = networks[max(len(networks) - 2, 0)], networks[-1]
        return momentum * divide(now - before, before)

    return start


def _run(network, gradient: Callable, stages: int, start_of: Callable, stage: Callable):
    """One outcome: starts, noises and points W_t + noise at every stage, and networks W_0, ..., W_T."""
    starts, noises, lookaheads, networks = [], [], [], [network]
    for _ in range(stages):
        starts.append(start_of(networks))
        made = stage(networks[-1], starts[-1], gradient)
        noises.append(made.noise)
        lookaheads.append(made.lookahead)
        networks.append(made.network)
    return starts, noises, lookaheads, networks


def _descended(start, target, sigma, step_size, stages: int) -> dict[int, Any]:
    points = [start]
    for _ in range(stages):
        points.append(descent.step(points[-1], lambda point: (point - target) @ sigma, step_size=step_size))
    return dict(enumerate(points))


def _outcomes(laws: Laws, bias: Fraction) -> list[list[Table]]:
    """The equally likely starts at every stage."""
    return [[_moved(each, bias) for each in (*law, _rest(law))] for law in laws]


def _rest(law: tuple[Table, ...]) -> Table:
    """Minus the sum of the tables."""
    return tuple(tuple(-sum(entries) for entries in zip(*rows, strict=True)) for rows in zip(*law, strict=True))


def _moved(table: Table, bias: Fraction) -> Table:
    return tuple(tuple(entry + bias for entry in row) for row in table)


def _averaging(outcomes: int, d: int) -> list[list[Fraction]]:
    """The projection (1/m) 1 1^T (x) I on columns of equal blocks."""
    side = range(outcomes * d)
    return [[Fraction(int(i % d == j % d), outcomes) for j in side] for i in side]


def _by_stage(runs: list[list[Any]]) -> dict[int, list[Any]]:
    return dict(enumerate(map(list, zip(*runs, strict=True))))


def _stacked(blocks: list[Any]) -> Any:
    """The blocks (d x d) as one column."""
    if isinstance(blocks[0], np.ndarray):
        return np.concatenate(blocks)
    rows, columns = blocks[0].shape
    entries = [entry for block in blocks for entry in block.entries()]
    return Matrix(type(blocks[0].data)(len(blocks) * rows, columns, entries))


def _diagonal(blocks: list[Any]) -> Any:
    """The blocks (d x d) along the diagonal of a matrix that is 0 elsewhere."""
    nothing = blocks[0] - blocks[0]
    columns = [_stacked([block if i == j else nothing for i in range(len(blocks))]) for j, block in enumerate(blocks)]
    return np.concatenate(columns, axis=1) if isinstance(nothing, np.ndarray) else _stacked([c.T for c in columns]).T


class NoisyDescent(NamedTuple):
    """All outcomes of a run on a function, which is summed over them as inner products are: m times the mean of each.

    Points are columns of m blocks; sequences as {t: value}, values of the function at networks and at lookaheads.
    """

    q: Any
    L: Any
    minimiser: Any
    minimum: Any
    noises: dict[int, Any]
    lookaheads: dict[int, Any]
    networks: dict[int, Any]
    gradients: dict[int, Any]
    lookahead_gradients: dict[int, Any]
    values: dict[int, Any]
    lookahead_values: dict[int, Any]


@dataclass(frozen=True)
class NoisyRun:
    """Blocks with random starts on the function of a `NesterovRun`, from its x: networks of one input, columns (d, 1).

    One stage for each of the laws, as in `RandomStartRun`, with steps of 1/L.
    """

    on: NesterovRun
    laws: Laws

    def record(
        self, arithmetic: Arithmetic, *, stage: Callable = random_start.stage, bias: Fraction = Fraction(0)
    ) -> NoisyDescent:
        """The run; bias: what is added to all entries of all starts."""
        function, L = self.on.function(arithmetic), arithmetic.number(self.on.L)
        network, paced = arithmetic.matrix([[entry] for entry in self.on.x]), partial(stage, step_size=1 / L)
        outcomes = list(product(*_outcomes(self.laws, bias)))
        runs = [
            _run(network, function.gradient, len(self.laws), _random(list(map(arithmetic.matrix, each))), paced)
            for each in outcomes
        ]
        noises, lookaheads, networks = (_by_stage([run[k] for run in runs]) for k in (1, 2, 3))

        def stacked(sequence):
            return {t: _stacked(blocks) for t, blocks in sequence.items()}

        def gradients(sequence):
            return {t: _stacked(list(map(function.gradient, blocks))) for t, blocks in sequence.items()}

        def values(sequence):
            return {t: sum(map(function.value, blocks)) for t, blocks in sequence.items()}

        return NoisyDescent(
            arithmetic.number(self.on.q), L, _stacked([function.minimiser] * len(outcomes)),
            arithmetic.number(Fraction(len(outcomes))) * function.minimum, stacked(noises), stacked(lookaheads),
            stacked(networks), gradients(networks), gradients(lookaheads), values(networks), values(lookaheads),
        )


def random_start_runs(max_stages: int = 4, max_dimension: int = 2):
    """Hypothesis strategy: `RandomStartRun`s of up to OUTCOMES outcomes, laws of two or three points at every stage."""
    from hypothesis import strategies as st

    from linres.strategies import moment_matrices, tables

    @st.composite
    def drawn(draw):
        d, targets = draw(st.integers(1, max_dimension)), draw(st.integers(1, 2))
        return RandomStartRun(
            sigma=draw(moment_matrices(d)), targets=draw(st.tuples(*[tables(d)] * targets)),
            start=draw(st.one_of(st.just(identity(d)), tables(d))), laws=draw(_laws(d, max_stages, targets)),
            step_size=Fraction(draw(st.integers(1, 16)), 64),
        )

    return drawn()


def noisy_runs(max_stages: int = 3, max_dimension: int = 2):
    """Hypothesis strategy: `NoisyRun`s of up to OUTCOMES outcomes, any condition number, curvature and scale."""
    from hypothesis import strategies as st

    from linres.strategies import descents

    @st.composite
    def drawn(draw):
        on = draw(descents(1, max_dimension))
        return NoisyRun(on, draw(_laws(len(on.x), max_stages, 1)))

    return drawn()


def _laws(d: int, max_stages: int, outcomes: int):
    """Hypothesis strategy: laws of two or three points, as many as there is room for beside so many outcomes."""
    from hypothesis import strategies as st

    from linres.strategies import tables

    @st.composite
    def drawn(draw):
        laws, room = [], OUTCOMES // outcomes
        for _ in range(draw(st.integers(1, max_stages))):
            if room > 1:
                size = draw(st.integers(2, min(room, 3)))
                laws.append(draw(st.tuples(*[tables(d)] * (size - 1))))
                room //= size
        return tuple(laws)

    return drawn()


class RandomStartBulk(NamedTuple):
    """means and points (STAGES + 1, count, 2, 2) in float64, and how to rebuild the k-th run."""

    means: np.ndarray
    points: np.ndarray
    instance: Callable[[int], RandomStartRun]


def random_start_runs_in_bulk(generator: np.random.Generator, count: int) -> RandomStartBulk:
    """count runs in the plane, on uncorrelated inputs of different sizes, with starts of two outcomes."""
    spread, target, start, *laws = generator.integers(-8, 9, (3 + STAGES, count, 2, 2)) / 8
    sigma = np.eye(2) * (1 + np.abs(spread)) / 2
    step_size = generator.integers(1, 17, (count, 1, 1)) / 32

    def gradient(point):
        return (point - target) @ sigma

    networks = [[start]] + [[] for _ in laws]
    for t, law in enumerate(laws):
        for network, block in product(networks[t], (law, -law)):
            networks[t + 1].append(random_start.stage(network, block, gradient, step_size=step_size).network)
    points = _descended(start, target, sigma, step_size, STAGES)

    def instance(k: int) -> RandomStartRun:
        return RandomStartRun(
            _fractions(sigma[k]), (_fractions(target[k]),), _fractions(start[k]),
            tuple((_fractions(law[k]),) for law in laws), Fraction(float(step_size[k, 0, 0])),
        )

    means = np.array([np.mean(each, axis=0) for each in networks])
    return RandomStartBulk(means, np.array(list(points.values())), instance)


class NoisyBulk(NamedTuple):
    """values (STAGES + 1, count) and noises (STAGES, count), the sums over outcomes of the function and the length of
    the noise; q and L (count,), and how to rebuild the k-th run."""

    values: np.ndarray
    noises: np.ndarray
    q: np.ndarray
    L: np.ndarray
    instance: Callable[[int], NoisyRun]


def noisy_runs_in_bulk(generator: np.random.Generator, count: int) -> NoisyBulk:
    """count runs on quadratics in the plane with minimum 0 at 0, along the axes, with starts of two outcomes."""
    q, L = generator.integers(1, 16, count) / 16, np.exp2(generator.integers(-8, 9, count))
    shares, first = generator.integers(0, 5, (count, 2)) / 4, generator.integers(-16, 17, (count, 2, 1)) / 8
    laws = generator.integers(-8, 9, (STAGES, count, 2, 2)) / 8
    mu = (q**2 * L)[:, None]
    curvature = (mu + shares * (L[:, None] - mu))[..., None]
    networks, noises = [[first]], []
    for law in laws:
        made = [
            random_start.stage(network, block, lambda point: curvature * point, step_size=(1 / L)[:, None, None])
            for network, block in product(networks[-1], (law, -law))
        ]
        noises.append(np.sqrt(sum(np.sum(each.noise**2, axis=(1, 2)) for each in made)))
        networks.append([each.network for each in made])
    # Half of the outcomes of the next stage for each of this one: sums are over those of the last stage.
    copies = [2**(STAGES - t) for t in range(STAGES + 1)]
    values = [k * sum(np.sum(curvature * w**2, axis=(1, 2)) / 2 for w in each)
              for k, each in zip(copies, networks, strict=True)]
    lengths = [np.sqrt(k) * length for k, length in zip(copies[1:], noises, strict=True)]

    def instance(k: int) -> NoisyRun:
        start, up = (tuple(Fraction(float(v)) for v in each[k].ravel()) for each in (first, shares))
        on = NesterovRun(Fraction(float(q[k])), Fraction(float(L[k])), up, up, start, start)
        return NoisyRun(on, tuple((_fractions(law[k]),) for law in laws))

    return NoisyBulk(np.array(values), np.array(lengths), q, L, instance)


def _fractions(matrix: np.ndarray) -> Table:
    return tuple(tuple(Fraction(float(entry)) for entry in row) for row in matrix)
